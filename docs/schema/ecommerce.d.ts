/*
 * What the functions of ecommerce answer with: made of the schemas in docs/schema by
 * json-schema-to-typescript. Answers['cart_json'] is what cart_json() returns, and
 * ErrorDetail what JSON.parse() makes of the DETAIL of an error.
 */

/**
 * What would keep the cart from being ordered.
 */
export type Problem =
    | {
          code: 'product_removed';
          product_id: number;
      }
    | {
          code: 'inactive_product';
          product_id: number;
      }
    | {
          code: 'mixed_currencies';
      }
    | {
          code: 'price_changed';
          product_id: number;
          price: number;
          currency: string;
          added_price: number;
          added_currency: string | null;
      }
    | {
          code: 'coupon_not_applicable';
          coupon: string;
          reason:
              | 'unknown'
              | 'inactive'
              | 'expired'
              | 'exhausted'
              | 'customer_limit'
              | 'min_amount'
              | 'no_product'
              | 'no_shipping'
              | 'not_combinable'
              | 'currency';
      }
    | {
          code: 'address_needed';
      }
    | {
          code: 'no_shipping_rate';
          country: string | null;
          shipping_code: string;
      }
    | {
          code: 'no_tax_rate';
          country: string | null;
          tax_class: string;
      }
    | {
          code: 'amount_out_of_range';
      }
    | {
          code: 'no_shipping_address';
      }
    | {
          code: 'quantity_not_sold';
          product_id: number;
          requested: number;
          minimum: number | null;
          maximum: number | null;
          multiple_of: number | null;
      }
    | {
          code: 'customer_limit_exceeded';
          product_id: number;
          requested: number;
          ordered: number;
          limit: number | null;
      }
    | {
          code: 'insufficient_stock';
          product_id: number;
          requested: number;
          available: number;
      };
export type OrderStatus = 'PROCESSING' | 'SHIPPED' | 'DELIVERED' | 'CANCELLED' | 'RETURNED';
/**
 * DETAIL of an error or a warning: details of PostgREST, error.detail of most clients, JSON in a string.
 */
export type ErrorDetail =
    | {
          code: 'empty_cart';
          user_id: number;
      }
    | {
          code: 'user_not_found';
          user_id: number;
      }
    | {
          code: 'product_not_found';
          product_id?: number;
          product_ids?: number[];
      }
    | {
          code: 'order_not_found';
          user_id: number;
          order_id: number;
      }
    | {
          code: 'promotion_not_found';
          promotion_id: number;
      }
    | {
          code: 'product_removed';
          product_ids: number[];
      }
    | {
          code: 'inactive_product';
          product_ids: number[];
      }
    | {
          code: 'price_changed';
          lines: {
              product_id: number;
              price: number;
              currency: string;
              added_price: number;
              added_currency: string | null;
          }[];
      }
    | {
          code: 'cart_changed';
          cart_amount?: number | null;
          currency?: string | null;
          fingerprint?: string;
          product_id?: number;
      }
    | {
          code: 'coupon_not_applicable';
          coupons: {
              coupon: string;
              reason:
                  | 'unknown'
                  | 'inactive'
                  | 'expired'
                  | 'exhausted'
                  | 'customer_limit'
                  | 'min_amount'
                  | 'no_product'
                  | 'no_shipping'
                  | 'not_combinable'
                  | 'currency';
          }[];
      }
    | {
          code: 'address_needed';
      }
    | {
          code: 'no_shipping_rate';
          shipping: {
              country: string | null;
              shipping_code: string;
          }[];
      }
    | {
          code: 'no_tax_rate';
          rates: {
              country: string | null;
              tax_class: string;
          }[];
      }
    | {
          code: 'cart_full';
          user_id: number;
          maximum: number;
      }
    | {
          code: 'limit_below_uses';
          promotion_id: number;
          usage_limit: number;
          uses: number;
      }
    | {
          code: 'quantity_not_sold';
          lines: {
              product_id: number;
              requested: number;
              minimum: number | null;
              maximum: number | null;
              multiple_of: number | null;
          }[];
      }
    | {
          code: 'customer_limit_exceeded';
          lines: {
              product_id: number;
              requested: number;
              ordered: number;
              limit: number | null;
          }[];
      }
    | {
          code: 'items_returned';
          user_id: number;
          order_id: number;
      }
    | {
          code: 'email_taken';
      }
    | {
          code: 'order_not_importable';
          position: number;
          number: string | null;
          field: string;
          place?: number;
          accepted: string;
      }
    | {
          code: 'ambiguous_order';
          orders: {
              user_id: number;
              order_id: number;
          }[];
      }
    | {
          code: 'address_is_final';
          order_id: number;
          order_status: string;
      }
    | {
          code: 'address_changes_charges';
          order_id: number;
      }
    | {
          code: 'insufficient_stock';
          lines: {
              product_id: number;
              requested: number;
              available: number;
          }[];
      }
    | {
          code: 'mixed_currencies';
          currencies: string[];
      }
    | {
          code: 'amount_changed';
          expected_amount: number;
          order_amount: number;
          currency: string;
      }
    | {
          code: 'illegal_status_change';
          order_id: number;
          from: string | null;
          to: string | null;
      }
    | {
          code: 'idempotency_key_reused';
          order_id: number;
          return_number?: number;
          argument: string;
      }
    | {
          code: 'transfer_reference_reused';
          argument: string;
      }
    | {
          code: 'payment_reference_reused';
          order_id?: number;
          argument: string;
      }
    | {
          code: 'refund_exceeds_payment';
          order_id: number;
          amount: number;
          refundable_amount: number;
      }
    | {
          code: 'provider_needed';
          order_id: number;
          providers: string[];
      }
    | {
          code: 'return_is_newer';
          order_id: number;
          return_number: number;
      }
    | {
          code: 'status_changed';
          order_id: number;
          expected_status: string;
          order_status: string | null;
      }
    | {
          code: 'not_returnable';
          order_id: number;
          order_status: string | null;
      }
    | {
          code: 'line_not_found';
          order_id: number;
          lines: number[];
      }
    | {
          code: 'insufficient_units';
          order_id: number;
          lines: {
              line: number;
              requested: number;
              left: number;
          }[];
      }
    | {
          code: 'nothing_left';
          order_id: number;
      }
    | {
          code: 'not_paid';
          order_id: number;
          payment_status: string;
          amount: number;
          paid_amount: number;
          authorized_amount: number;
      }
    | {
          code: 'no_identity';
      }
    | {
          code: 'malformed_identity';
      }
    | {
          code: 'other_user';
          user_id: number;
      }
    | {
          code: 'not_staff';
      }
    | {
          code: 'null_argument';
          argument: string;
      }
    | {
          code: 'no_shipping_address';
          user_id: number;
      }
    | {
          code: 'argument_out_of_range';
          argument: string;
          accepted: string;
      }
    | {
          code: 'quantity_out_of_range';
          product_id: number;
          requested: number;
          maximum: number;
      }
    | {
          code: 'amount_out_of_range';
          order_amount: number;
          items_amount?: number;
          below: number;
      }
    | {
          code: 'not_a_finite_number';
      }
    | {
          code: 'order_is_newer';
          order_id: number;
      }
    | {
          code: 'stock_is_locked';
          product_id: number;
      }
    | {
          code: 'promotion_exhausted';
          promotion_id: number;
      }
    | {
          code: 'document_too_large';
          maximum_bytes: number;
      }
    | {
          code: 'no_encoding';
          encoding: string;
      }
    | {
          code: 'limited_encoding';
          encoding: string;
      }
    | {
          code: 'extension_not_updated';
          missing: string;
      }
    | {
          code: 'not_migrated';
      }
    | {
          code: 'tables_too_new';
          tables: number;
          code_version: number;
      }
    | {
          code: 'order_id_taken';
      }
    | {
          code: 'event_id_taken';
      }
    | {
          code: 'event_id_used_twice';
          event_id: number;
      }
    | {
          code: 'email_has_two_users';
          user_ids: number[];
      }
    | {
          code: 'tables_of_another_owner';
      }
    | {
          code: 'no_citus';
      }
    | {
          code: 'shard_unavailable';
          shard: number;
      }
    | {
          code: 'different_shards';
          from_user_id: number;
          into_user_id: number;
      }
    | {
          code: 'no_shards';
      }
    | {
          code: 'no_router';
      }
    | {
          code: 'wrong_ids';
          shard: number;
          shards: number;
          ids_of_shard: number;
          ids_of_shards: number;
          next_id: number;
      }
    | {
          code: 'misplaced_ids';
          shard: number;
          shards: number;
          beyond: number;
          id: number;
      }
    | {
          code: 'shard_has_ids';
          shard: number;
          shards: number;
      }
    | {
          code: 'may_not_create';
          schema: string;
      }
    | {
          code: 'overloaded_function';
          function: string;
      }
    | {
          code: 'not_the_owner';
      }
    | {
          code: 'schema_of_another_owner';
          schema: string;
          owner: string;
      }
    | {
          code: 'history_is_kept';
          table: string;
          operation: string;
          order_id?: number;
      }
    | {
          code: 'status_without_event';
          order_id: number;
          from: string | null;
          to: string | null;
      }
    | {
          code: 'rows_not_written';
          expected: number;
          written: number;
      }
    | {
          code: 'owner_is_superuser';
      }
    | {
          code: 'not_staff_but_acts_for_any_user';
          role: string;
      }
    | {
          code: 'no_timeout';
          role: string;
          missing: string[];
      };

/**
 * What each function that answers with JSON returns.
 */
export interface Answers {
    add_to_cart: Cart;
    set_cart_item: Cart;
    set_cart_items: Cart;
    clear_cart: Cart;
    set_cart_coupons: Cart;
    set_cart_shipping: Cart;
    merge_carts: Cart;
    order_again: Cart;
    cart_json: Cart;
    place_order: Order;
    order_json: Order | null;
    order_listing_json: Order[];
    cancel_order: Order;
    set_order_status: Order;
    correct_order_status: Order;
    profile_json: Profile;
    set_profile: Profile;
    import_orders: ImportedOrders;
    record_payment: Order;
    request_refund: Order;
    return_items: Order;
    set_order_address: Order;
    find_order: FoundOrder | null;
    order_queue: QueuedOrder[];
    take_order_events: OrderEvent[];
    receive_stock: StockLevel[];
}
export interface Cart {
    /**
     * That of the user.
     */
    id: number;
    cart_items: CartItem[];
    /**
     * What an order would cost; null while that is not known.
     */
    cart_amount: number | null;
    /**
     * Null while cart_amount is.
     */
    currency: string | null;
    charges: Charges | null;
    coupons: string[];
    shipping_code: string | null;
    shipping_address: string | null;
    address: Address | null;
    billing_address: Address | null;
    /**
     * For place_order: the customer pays what was shown.
     */
    fingerprint: string;
    /**
     * The most important first.
     */
    problems: Problem[];
}
export interface CartItem {
    /**
     * That of the product.
     */
    id: number;
    quantity: number;
    /**
     * Null: the product has no price any more.
     */
    line_amount: number | null;
    created_date: string;
    /**
     * Only of carts with charges.
     */
    discount_amount?: number | null;
    /**
     * Percent; only of carts with charges.
     */
    tax_rate?: number | null;
    /**
     * Only of carts with charges.
     */
    tax_amount?: number | null;
    products: CartProduct;
}
/**
 * The product as it is now; of one that was removed, what the cart remembers.
 */
export interface CartProduct {
    id: number;
    name: string | null;
    description: string | null;
    price: number | null;
    currency: string | null;
    category_id: number | null;
    is_active: boolean;
    sku: string | null;
    options: {} | null;
    /**
     * Units in stock; null: they are not counted.
     */
    quantity: number | null;
}
export interface Charges {
    /**
     * Sum of the lines.
     */
    items_amount: number;
    discount_amount: number;
    shipping_amount: number;
    /**
     * Included and added.
     */
    tax_amount: number;
    adjustments: Adjustment[];
}
export interface Adjustment {
    kind: 'discount' | 'shipping' | 'shipping_discount' | 'tax' | 'fee';
    /**
     * Coupon, way of shipping or class of tax.
     */
    code: string | null;
    name: string;
    /**
     * Percent of a tax or a discount.
     */
    rate: number | null;
    /**
     * Signed; of a tax that is included, how much of the prices is tax.
     */
    amount: number;
    is_included: boolean;
}
export interface Address {
    name?: string;
    phone?: string;
    email?: string;
    company?: string;
    line1?: string;
    line2?: string;
    city?: string;
    state?: string;
    postal_code?: string;
    /**
     * ISO 3166-1 alpha-2.
     */
    country?: string;
}
export interface Order {
    id: number;
    /**
     * The shop's own number.
     */
    number: string | null;
    customer_id: number;
    order_date: string;
    /**
     * What the customer is charged.
     */
    order_amount: number;
    /**
     * ISO 4217.
     */
    currency: string;
    order_status: OrderStatus;
    shipping_address: string;
    address: Address | null;
    /**
     * Null: where the order goes.
     */
    billing_address: Address | null;
    metadata: {} | null;
    /**
     * Null: goods only.
     */
    charges: Charges | null;
    /**
     * Null: it has no payment, return or deadline.
     */
    payment: Payment | null;
    returns: OrderReturn[] | null;
    order_details: OrderLine[];
    /**
     * Only from functions that take a key or a reference: the same was done before.
     */
    replayed?: boolean;
}
export interface Payment {
    status:
        | 'UNPAID'
        | 'AUTHORIZED'
        | 'PARTIALLY_PAID'
        | 'PAID'
        | 'OVERPAID'
        | 'PARTIALLY_REFUNDED'
        | 'REFUNDED';
    due_at: string | null;
    authorized_amount: number;
    paid_amount: number;
    refunded_amount: number;
    refund_pending_amount: number;
}
export interface OrderReturn {
    return_number: number;
    items: ReturnedItem[];
    amount: number;
    is_restocked: boolean;
    reason: string | null;
    created_at: string;
}
export interface ReturnedItem {
    line: number;
    quantity: number;
    amount: number;
}
export interface OrderLine {
    /**
     * Number within the order.
     */
    id: number;
    order_id: number;
    quantity: number;
    /**
     * May be finer than the currency.
     */
    unit_price: number;
    /**
     * Before discounts.
     */
    line_amount: number;
    sku: string | null;
    options: {} | null;
    /**
     * Only of orders with charges.
     */
    discount_amount?: number | null;
    /**
     * Percent; only of orders with charges.
     */
    tax_rate?: number | null;
    /**
     * Only of orders with charges.
     */
    tax_amount?: number | null;
    product_order_details: SoldProduct;
}
/**
 * The product as it was sold.
 */
export interface SoldProduct {
    id: number;
    name: string;
    description: string | null;
    price: number;
    /**
     * Units ordered.
     */
    quantity: number;
    category: Category | null;
}
export interface Category {
    id: number;
    name: string;
}
export interface Profile {
    id: number;
    name: string;
    email: string | null;
    address: Address | null;
    shipping_address: string | null;
    created_at: string;
}
export interface ImportedOrders {
    imported: number;
    present: number;
    out_of_sequence: number | null;
}
export interface FoundOrder {
    order: Order;
    customer: EventCustomer | null;
    events: WhatHappened[];
}
export interface EventCustomer {
    name: string;
    email: string | null;
}
export interface WhatHappened {
    id: number;
    event:
        | 'order_placed'
        | 'order_shipped'
        | 'order_delivered'
        | 'order_cancelled'
        | 'order_returned'
        | 'order_paid'
        | 'refund_requested'
        | 'order_refunded'
        | 'order_items_returned'
        | 'order_address_changed';
    payload: {} | null;
    old_status: OrderStatus | null;
    new_status: OrderStatus | null;
    actor: string;
    person: string | null;
    created_at: string;
}
export interface QueuedOrder {
    order: Order;
    customer: EventCustomer | null;
}
export interface OrderEvent {
    /**
     * To recognise what has been done already.
     */
    id: number;
    event:
        | 'order_placed'
        | 'order_shipped'
        | 'order_delivered'
        | 'order_cancelled'
        | 'order_returned'
        | 'order_paid'
        | 'refund_requested'
        | 'order_refunded'
        | 'order_items_returned'
        | 'order_address_changed';
    attempt: number;
    customer: EventCustomer | null;
    customer_id: number;
    order_id: number;
    /**
     * As it is now.
     */
    order: Order | null;
    old_status: OrderStatus | null;
    new_status: OrderStatus | null;
    payload: {} | null;
    /**
     * Database role that did it.
     */
    actor: string;
    created_at: string;
}
export interface StockLevel {
    product_id: number;
    quantity: number;
}
