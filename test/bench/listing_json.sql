-- The same document as json, which is text.
SELECT coalesce(json_agg(listed), '[]')
  FROM (SELECT id, customer_id, number, order_date, order_amount, currency, order_status, shipping_address,
               address, billing_address, metadata, NULL AS charges, NULL AS payment, NULL AS returns,
               (SELECT coalesce(json_agg(detail), '[]')
                  FROM (SELECT line_number AS id, order_id, sku, options, quantity, unit_price, line_amount,
                               (SELECT row_to_json(product)
                                  FROM (SELECT product_id AS id, product_name AS name,
                                               product_description AS description, unit_price AS price, quantity,
                                               CASE WHEN category_name IS NOT NULL THEN
                                                   json_build_object('id', category_id, 'name', category_name)
                                               END AS category) AS product) AS product_order_details
                          FROM ecommerce.order_details
                         WHERE customer_id = orders.customer_id AND order_id = orders.id
                         ORDER BY line_number) AS detail) AS order_details
          FROM ecommerce.orders
         WHERE customer_id = $1
         ORDER BY id DESC) AS listed
