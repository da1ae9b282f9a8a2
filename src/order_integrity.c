/*-------------------------------------------------------------------------
 *
 * order_integrity.c
 *		Every rule that the tables must keep, as a query for what breaks it.
 *
 * Constraints and the protocol of placing and cancelling keep the rules.  This
 * is for what comes around them: constraints that were dropped, triggers that
 * were disabled, a restore or a replica that is not whole.  All queries see one
 * snapshot and take no lock that anybody waits for, so they can run in a shop
 * that is open.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/dest.h"

#include "access.h"
#include "money.h"
#include "order_adjustments.h"
#include "order_lifecycle.h"
#include "tables.h"
#include "texts.h"

/* customer_id, order_id, product_id and details of what breaks the rule */
#define INVARIANT(name, violations) { \
		.query = "SELECT '" name "'::text, " violations, \
		.result = SPI_OK_SELECT \
	}

/* What a line cost, with discounts and taxes. */
#define LINE_COST \
	"line_amount - coalesce(discount_amount, 0) + coalesce(added_tax_amount, 0)"

/* What came back of each line. */
#define RETURNED_LINES \
	"(SELECT customer_id, order_id, line_number, sum(quantity) AS quantity," \
	"        min(quantity) AS fewest, sum(amount) AS amount" \
	"   FROM ecommerce.order_return_lines GROUP BY customer_id, order_id, line_number)"

/*
 * The highest id of those that the sequence gives, and what it gives next.  What
 * is the coordinator's own is in sub-selects: an engine that distributes the
 * tables does not join them with it.
 */
#define SEQUENCE_OF(name, what) \
	"(SELECT " what " FROM ecommerce." name "_id_seq, pg_sequence" \
	"  WHERE seqrelid = 'ecommerce." name "_id_seq'::regclass)"
#define IDS_OF(name) \
	"SELECT 'ecommerce." name "'," \
	"       (SELECT max(id) FROM ecommerce." name \
	"         WHERE id BETWEEN " SEQUENCE_OF(name, "seqmin") " AND " SEQUENCE_OF(name, "seqmax") \
	"           AND (id - " SEQUENCE_OF(name, "last_value") ")" \
	"               % " SEQUENCE_OF(name, "seqincrement") " = 0)," \
	"       " SEQUENCE_OF(name, "last_value::numeric +" \
						   " CASE WHEN is_called THEN seqincrement ELSE 0 END")

/* What is known under one reference, as in payments.c. */
#define SUM_OF(kind, name) ", coalesce(sum(amount) FILTER (WHERE kind = '" kind "'), 0) AS " name

static Statement invariants[] = {

	/* Orders and their lines */

	INVARIANT("order_amount_is_the_sum_of_its_lines",
			  "placed.customer_id::bigint, placed.id::bigint, NULL::bigint,"
			  " jsonb_build_object('order_amount', placed.order_amount,"
			  "                    'sum_of_lines', lines.amount,"
			  "                    'sum_of_adjustments', added.amount)"
			  " FROM ecommerce.orders AS placed"
			  " LEFT JOIN (SELECT customer_id, order_id, sum(line_amount) AS amount"
			  "              FROM ecommerce.order_details"
			  "             GROUP BY customer_id, order_id) AS lines"
			  "   ON lines.customer_id = placed.customer_id"
			  "  AND lines.order_id = placed.id"
			  " LEFT JOIN (SELECT customer_id, order_id, sum(amount) AS amount"
			  "              FROM ecommerce.order_adjustments WHERE NOT is_included"
			  "             GROUP BY customer_id, order_id) AS added"
			  "   ON added.customer_id = placed.customer_id"
			  "  AND added.order_id = placed.id"
			  " WHERE placed.order_amount IS DISTINCT FROM"
			  "       lines.amount + coalesce(added.amount, 0)"),
	INVARIANT("charges_are_those_of_lines_and_adjustments",
			  "placed.customer_id::bigint, placed.id::bigint, NULL::bigint,"
			  " jsonb_build_object('items_amount', placed.items_amount,"
			  "                    'sum_of_lines', lines.amount,"
			  "                    'discounts_of_lines', lines.discount,"
			  "                    'taxes_of_lines', lines.tax,"
			  "                    'added_taxes_of_lines', lines.added,"
			  "                    'discounts', charged.discount, 'taxes', charged.tax,"
			  "                    'added_taxes', charged.added,"
			  "                    'shipping', charged.shipping)"
			  " FROM ecommerce.orders AS placed"
			  " LEFT JOIN (SELECT customer_id, order_id, sum(line_amount) AS amount,"
			  "                   coalesce(sum(discount_amount), 0) AS discount,"
			  "                   coalesce(sum(tax_amount), 0) AS tax,"
			  "                   coalesce(sum(added_tax_amount), 0) AS added,"
			  "                   bool_and(coalesce(added_tax_amount, 0)"
			  "                            BETWEEN 0 AND coalesce(tax_amount, 0)) AS is_part"
			  "              FROM ecommerce.order_details"
			  "             GROUP BY customer_id, order_id) AS lines"
			  "   ON lines.customer_id = placed.customer_id"
			  "  AND lines.order_id = placed.id"
			  " LEFT JOIN (SELECT customer_id, order_id, coalesce(sum(-amount)"
			  "                   FILTER (WHERE kind = 'discount'), 0) AS discount,"
			  "                   coalesce(sum(amount) FILTER (WHERE kind = 'tax'), 0) AS tax,"
			  "                   coalesce(sum(amount) FILTER (WHERE kind = 'tax'"
			  "                       AND NOT is_included), 0) AS added,"
			  "                   coalesce(sum(amount) FILTER (WHERE kind IN"
			  "                       ('shipping', 'shipping_discount')), 0) AS shipping"
			  "              FROM ecommerce.order_adjustments"
			  "             GROUP BY customer_id, order_id) AS charged"
			  "   ON charged.customer_id = placed.customer_id"
			  "  AND charged.order_id = placed.id"
	/* What of the taxes is in no line is in shipping. */
			  " WHERE CASE WHEN placed.items_amount IS NULL"
			  "       THEN charged.order_id IS NOT NULL OR lines.discount <> 0 OR lines.tax <> 0"
			  "            OR lines.added <> 0"
			  "       ELSE (placed.items_amount = lines.amount"
			  "             AND charged.discount = lines.discount AND charged.shipping >= 0"
			  "             AND (charged.tax = lines.tax"
			  "                  OR charged.tax > lines.tax AND charged.shipping > 0)"
			  "             AND (charged.added = lines.added"
			  "                  OR charged.added > lines.added AND charged.shipping > 0)"
			  "             AND is_part)"
			  "            IS NOT TRUE END"),
	INVARIANT("charges_are_units_of_the_currency",
			  "placed.customer_id::bigint, placed.id::bigint, NULL::bigint,"
			  " jsonb_build_object('adjustment_number', adjustment_number,"
			  "                    'amount', amount, 'currency', placed.currency)"
			  " FROM ecommerce.order_adjustments AS adjustment"
			  " JOIN ecommerce.orders AS placed"
			  "   ON placed.customer_id = adjustment.customer_id"
			  "  AND placed.id = adjustment.order_id"
			  " WHERE amount <> round(amount, " DIGITS_OF("placed.currency::text") ")"),
	INVARIANT("adjustments_are_numbered_from_1",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('adjustment_numbers',"
			  "                    jsonb_agg(adjustment_number ORDER BY adjustment_number))"
			  " FROM ecommerce.order_adjustments GROUP BY customer_id, order_id"
			  " HAVING (min(adjustment_number) = 1 AND max(adjustment_number) = count(*)"
			  "         AND count(DISTINCT adjustment_number) = count(*)) IS NOT TRUE"),
	INVARIANT("adjustment_has_an_order",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('adjustment_number', adjustment_number)"
			  " FROM ecommerce.order_adjustments AS adjustment"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.orders"
			  "                    WHERE orders.customer_id = adjustment.customer_id"
			  "                      AND orders.id = adjustment.order_id)"),
	INVARIANT("limit_of_a_promotion_is_uses_and_what_remains",
			  "NULL::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object('promotion_id', promotion.id,"
			  "                    'usage_limit', usage_limit, 'remaining', remaining,"
			  "                    'uses', coalesce(uses, 0))"
			  " FROM ecommerce.promotions AS promotion"
			  " JOIN (SELECT promotion_id, sum(remaining) AS remaining"
			  "         FROM ecommerce.promotion_levels GROUP BY promotion_id) AS level"
			  "   ON level.promotion_id = promotion.id"
			  " LEFT JOIN (SELECT promotion_id, count(DISTINCT placed.id) AS uses"
			  "              FROM ecommerce.order_adjustments AS adjustment"
			  "              JOIN ecommerce.orders AS placed"
			  "                ON placed.customer_id = adjustment.customer_id"
			  "               AND placed.id = adjustment.order_id"
			  "             WHERE placed.order_status <> '" STATUS_CANCELLED "'"
			  "             GROUP BY promotion_id) AS used"
			  "   ON used.promotion_id = promotion.id"
			  " WHERE usage_limit IS NOT NULL"
			  "   AND usage_limit <> remaining + coalesce(uses, 0)"),
	INVARIANT("order_amount_is_in_range",
			  "customer_id::bigint, id::bigint, NULL::bigint,"
			  " jsonb_build_object('order_amount', order_amount::text,"
			  "                    'currency', currency)"
			  " FROM ecommerce.orders"
			  " WHERE (order_amount >= 0 AND order_amount < " CppAsString2(AMOUNT_LIMIT) ""
			  "        AND currency ~ '^[A-Z]{3}$') IS NOT TRUE"),
	INVARIANT("order_has_a_customer",
			  "customer_id::bigint, id::bigint, NULL::bigint,"
			  " jsonb_build_object()"
			  " FROM ecommerce.orders"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.users"
			  "                    WHERE users.id = orders.customer_id)"),
	INVARIANT("order_has_an_address",
			  "customer_id::bigint, id::bigint, NULL::bigint,"
			  " jsonb_build_object('shipping_address', shipping_address)"
			  " FROM ecommerce.orders"
			  " WHERE (shipping_address::text ~ '" NOT_BLANK_REGEX "') IS NOT TRUE"),
	INVARIANT("order_id_is_used_once",
			  "NULL::bigint, id::bigint, NULL::bigint,"
			  " jsonb_build_object('customer_ids', jsonb_agg(customer_id ORDER BY customer_id))"
			  " FROM ecommerce.orders GROUP BY id HAVING count(*) > 1"),
	INVARIANT("idempotency_key_has_one_order",
			  "customer_id::bigint, min(id)::bigint, NULL::bigint,"
			  " jsonb_build_object('order_ids', jsonb_agg(id ORDER BY id))"
			  " FROM ecommerce.orders WHERE idempotency_key IS NOT NULL"
			  " GROUP BY customer_id, idempotency_key HAVING count(*) > 1"),
	INVARIANT("line_amount_is_unit_price_times_quantity",
			  "customer_id::bigint, order_id::bigint, product_id::bigint,"
			  " jsonb_build_object('line_number', line_number,"
			  "                    'unit_price', unit_price::text,"
			  "                    'quantity', quantity,"
			  "                    'line_amount', line_amount::text)"
			  " FROM (SELECT line.*, " DIGITS_OF("placed.currency::text") " AS digits"
			  "         FROM ecommerce.order_details AS line"
			  "         LEFT JOIN ecommerce.orders AS placed"
			  "           ON placed.customer_id = line.customer_id"
			  "          AND placed.id = line.order_id) AS line"
	/* Orders of versions before 2.0 were not rounded. */
			  " WHERE (line_amount IN (round(unit_price * quantity, digits), unit_price * quantity)"
			  "        AND quantity > 0 AND unit_price >= 0 AND unit_price < " CppAsString2(PRICE_LIMIT) ") IS NOT TRUE"),
	INVARIANT("lines_are_numbered_from_1",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('line_numbers',"
			  "                    jsonb_agg(line_number ORDER BY line_number))"
			  " FROM ecommerce.order_details GROUP BY customer_id, order_id"
			  " HAVING (min(line_number) = 1 AND max(line_number) = count(*)"
			  "         AND count(DISTINCT line_number) = count(*)) IS NOT TRUE"),
	INVARIANT("line_has_an_order",
			  "customer_id::bigint, order_id::bigint, product_id::bigint,"
			  " jsonb_build_object('line_number', line_number)"
			  " FROM ecommerce.order_details AS line"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.orders"
			  "                    WHERE orders.customer_id = line.customer_id"
			  "                      AND orders.id = line.order_id)"),

	/* Payments */

	INVARIANT("balance_is_that_of_the_ledger",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('authorized_amount', balance.authorized_amount::text,"
			  "                    'paid_amount', balance.paid_amount::text,"
			  "                    'refunded_amount', balance.refunded_amount::text,"
			  "                    'refund_pending_amount', balance.refund_pending_amount::text,"
			  "                    'authorized', authorized::text, 'paid', paid::text,"
			  "                    'refunded', refunded::text, 'requested', requested::text)"
			  " FROM ecommerce.order_balances AS balance"
			  " FULL JOIN (SELECT customer_id, order_id,"
			  "                   sum(greatest(authorized - voided - captured, 0)) AS authorized,"
			  "                   sum(captured) AS paid,"
			  "                   sum(charged_back + greatest(refunded - greatest(failed"
			  "                       - greatest(requested - refunded, 0), 0), 0)) AS refunded,"
			  "                   sum(CASE WHEN is_settled THEN 0 ELSE requested END) AS requested"
			  "              FROM (SELECT customer_id, order_id, provider, reference"
			  SUM_OF("authorized", "authorized") SUM_OF("voided", "voided")
			  SUM_OF("captured", "captured") SUM_OF("refunded", "refunded")
			  SUM_OF("charged_back", "charged_back") SUM_OF("refund_requested", "requested")
			  SUM_OF("refund_failed", "failed")
			  "                          , bool_or(kind IN ('refunded', 'refund_failed')) AS is_settled"
			  "                      FROM ecommerce.order_payments"
			  "                     GROUP BY customer_id, order_id, provider, reference) AS facts"
			  "             GROUP BY customer_id, order_id) AS ledger USING (customer_id, order_id)"
			  " WHERE (coalesce(authorized, 0), coalesce(paid, 0), coalesce(refunded, 0),"
			  "        coalesce(requested, 0))"
			  "       IS DISTINCT FROM"
			  "       (authorized_amount, paid_amount, refunded_amount, refund_pending_amount)"),
	INVARIANT("refunds_do_not_exceed_payments",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('paid_amount', paid_amount::text,"
			  "                    'refunded_amount', refunded_amount::text,"
			  "                    'refund_pending_amount', refund_pending_amount::text)"
			  " FROM ecommerce.order_balances"
			  " WHERE refunded_amount + refund_pending_amount > paid_amount"),
	INVARIANT("cancelled_order_holds_no_money",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('paid_amount', paid_amount,"
			  "                    'refunded_amount', refunded_amount,"
			  "                    'refund_pending_amount', refund_pending_amount)"
			  " FROM ecommerce.order_balances AS balance"
			  " JOIN ecommerce.orders AS placed USING (customer_id)"
			  " WHERE placed.id = balance.order_id"
			  "   AND order_status = '" STATUS_CANCELLED "'"
			  "   AND paid_amount > refunded_amount + refund_pending_amount"),
	INVARIANT("deadline_is_that_of_an_unpaid_order",
			  "placed.customer_id::bigint, placed.id::bigint, NULL::bigint,"
			  " jsonb_build_object('payment_due_at', payment_due_at, 'due_at', due_at,"
			  "                    'order_status', order_status,"
			  "                    'paid_amount', paid_amount,"
			  "                    'authorized_amount', authorized_amount)"
			  " FROM ecommerce.orders AS placed"
			  " LEFT JOIN ecommerce.order_balances AS balance"
			  "   ON balance.customer_id = placed.customer_id"
			  "  AND balance.order_id = placed.id"
			  " WHERE (payment_due_at IS NOT NULL OR due_at IS NOT NULL)"
			  "   AND due_at IS DISTINCT FROM"
			  "       CASE WHEN order_status = '" STATUS_PLACED "' AND coalesce(paid_amount, 0) = 0"
			  "             AND coalesce(authorized_amount, 0)"
			  "                 < round(order_amount - coalesce(returned_amount, 0), " DIGITS_OF("placed.currency::text") ")"
			  "            THEN payment_due_at END"),
	INVARIANT("payment_is_recorded_once",
			  "customer_id::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object('provider', provider, 'reference', reference,"
			  "                    'kinds', jsonb_agg(kind ORDER BY order_id, kind),"
			  "                    'order_ids', jsonb_agg(order_id ORDER BY order_id, kind))"
			  " FROM ecommerce.order_payments"
			  " GROUP BY customer_id, provider, reference"
			  " HAVING count(*) > count(DISTINCT kind) OR min(order_id) < max(order_id)"),
	INVARIANT("payments_are_numbered_from_1",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('payment_numbers',"
			  "                    jsonb_agg(payment_number ORDER BY payment_number))"
			  " FROM ecommerce.order_payments GROUP BY customer_id, order_id"
			  " HAVING (min(payment_number) = 1 AND max(payment_number) = count(*)"
			  "         AND count(DISTINCT payment_number) = count(*)) IS NOT TRUE"),
	INVARIANT("payment_is_of_a_kind_and_in_units_of_the_currency",
			  "payment.customer_id::bigint, payment.order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('payment_number', payment_number, 'kind', kind,"
			  "                    'amount', amount::text, 'currency', placed.currency)"
			  " FROM ecommerce.order_payments AS payment"
			  " LEFT JOIN ecommerce.orders AS placed"
			  "   ON placed.customer_id = payment.customer_id"
			  "  AND placed.id = payment.order_id"
			  " WHERE (amount >= 0 AND amount < " CppAsString2(AMOUNT_LIMIT)
			  "        AND kind IN (" PAYMENT_KIND_LITERALS ")"
			  "        AND amount = round(amount, " DIGITS_OF("placed.currency::text") ")) IS NOT TRUE"),
	INVARIANT("payment_has_an_order",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('payment_number', payment_number)"
			  " FROM ecommerce.order_payments AS payment"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.orders"
			  "                    WHERE orders.customer_id = payment.customer_id"
			  "                      AND orders.id = payment.order_id)"),
	INVARIANT("balance_has_an_order",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('paid_amount', paid_amount)"
			  " FROM ecommerce.order_balances AS balance"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.orders"
			  "                    WHERE orders.customer_id = balance.customer_id"
			  "                      AND orders.id = balance.order_id)"),
	INVARIANT("archived_order_is_not_in_the_shop",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('archived_at', archived_at)"
			  " FROM ecommerce.archived_orders AS archived"
			  " WHERE EXISTS (SELECT FROM ecommerce.orders"
			  "                WHERE orders.customer_id = archived.customer_id"
			  "                  AND orders.id = archived.order_id)"),

	/* History */

	/* A trigger for TRUNCATE does not come to partitions with the others. */
	INVARIANT("partition_of_history_is_not_truncated",
			  "NULL::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object('partition', inhrelid::regclass)"
			  " FROM pg_inherits JOIN pg_trigger AS kept ON kept.tgrelid = inhparent"
			  " WHERE kept.tgfoid = to_regproc('ecommerce.keep_history')"
			  "   AND kept.tgtype & 32 <> 0"
			  "   AND NOT EXISTS (SELECT FROM pg_trigger AS its"
			  "                    WHERE its.tgrelid = inhrelid"
			  "                      AND its.tgfoid = kept.tgfoid"
			  "                      AND its.tgtype & 32 <> 0"
			  "                      AND its.tgenabled <> 'D')"),
	INVARIANT("events_are_numbered_from_1",
			  "placed.customer_id::bigint, placed.id::bigint, NULL::bigint,"
			  " jsonb_build_object('event_numbers', jsonb_agg(event.event_number"
			  "                                               ORDER BY event.event_number))"
			  " FROM ecommerce.orders AS placed"
			  " LEFT JOIN ecommerce.order_events AS event"
			  "   ON event.customer_id = placed.customer_id"
			  "  AND event.order_id = placed.id"
			  " GROUP BY placed.customer_id, placed.id"
			  " HAVING (min(event.event_number) = 1"
			  "         AND max(event.event_number) = count(*)"
			  "         AND count(DISTINCT event.event_number) = count(*)) IS NOT TRUE"),
	INVARIANT("event_follows_the_one_before",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('event_number', event_number, 'event', event,"
			  "                    'before', before, 'old_status', old_status,"
			  "                    'new_status', new_status)"
			  " FROM (SELECT customer_id, order_id, event_number, event,"
			  "              old_status, new_status, lag(new_status) OVER"
			  "              (PARTITION BY customer_id, order_id"
			  "               ORDER BY event_number) AS before"
			  "         FROM ecommerce.order_events) AS history"
			  " WHERE old_status IS DISTINCT FROM before"
			  "    OR CASE WHEN event IN (" NOTE_LITERALS ")"
			  "       THEN old_status IS DISTINCT FROM new_status OR old_status IS NULL"
			  "       WHEN event = '" EVENT_CORRECTED "'"
			  "       THEN concat_ws(' ', coalesce(old_status, '-'), coalesce(new_status, '-'))"
			  "            NOT IN (" CORRECTION_LITERALS ")"
			  "       ELSE concat_ws(' ', coalesce(old_status, '-'),"
			  "                      coalesce(new_status, '-'))"
			  "            NOT IN ('- " STATUS_PLACED "', " TRANSITION_LITERALS ")"
			  "            OR concat_ws(' ', new_status, event)"
			  "               NOT IN (" STATUS_AND_EVENT_LITERALS ") END"),
	INVARIANT("status_is_that_of_the_last_event",
			  "placed.customer_id::bigint, placed.id::bigint, NULL::bigint,"
			  " jsonb_build_object('order_status', placed.order_status,"
			  "                    'last_event', last.new_status)"
			  " FROM ecommerce.orders AS placed"
			  " LEFT JOIN (SELECT DISTINCT ON (customer_id, order_id)"
			  "                   customer_id, order_id, new_status"
			  "              FROM ecommerce.order_events"
			  "             ORDER BY customer_id, order_id, event_number DESC)"
			  "       AS last"
			  "   ON last.customer_id = placed.customer_id"
			  "  AND last.order_id = placed.id"
			  " WHERE placed.order_status IS DISTINCT FROM last.new_status"),
	INVARIANT("cancellation_has_a_reason",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('event_number', event_number,"
			  "                    'payload', payload)"
			  " FROM ecommerce.order_events"
			  " WHERE event = '" EVENT_CANCELLED "'"
			  "   AND (payload ->> 'reason' IN (" REASON_LITERALS ")) IS NOT TRUE"),
	INVARIANT("event_has_an_order",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('event_number', event_number, 'event', event)"
			  " FROM ecommerce.order_events AS event"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.orders"
			  "                    WHERE orders.customer_id = event.customer_id"
			  "                      AND orders.id = event.order_id)"),
	INVARIANT("event_id_is_used_once",
			  "NULL::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object('event_id', id,"
			  "                    'order_ids', jsonb_agg(order_id ORDER BY order_id))"
			  " FROM ecommerce.order_events GROUP BY id HAVING count(*) > 1"),
	INVARIANT("attempts_are_counted",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('event_number', event_number, 'attempts', attempts)"
			  " FROM ecommerce.order_events"
			  " WHERE (attempts >= 0 AND attempts < 2147483647) IS NOT TRUE"),
	INVARIANT("lease_ends_in_12_hours_at_most",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('event_number', event_number, 'taken_until', taken_until)"
			  " FROM ecommerce.order_events"
			  " WHERE delivered_at IS NULL AND failed_at IS NULL"
			  "   AND taken_until > clock_timestamp() + interval '12 hours'"),
	INVARIANT("failed_event_has_a_reason_and_is_not_delivered",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('event_number', event_number, 'failed_at', failed_at,"
			  "                    'failure', failure, 'delivered_at', delivered_at)"
			  " FROM ecommerce.order_events"
			  " WHERE (failed_at IS NULL) <> (failure IS NULL)"
			  "    OR (failed_at IS NOT NULL AND delivered_at IS NOT NULL)"),

	/* Returns */

	INVARIANT("returned_units_were_sold",
			  "back.customer_id::bigint, back.order_id::bigint, line.product_id::bigint,"
			  " jsonb_build_object('line_number', back.line_number, 'sold', line.quantity,"
			  "                    'returned', back.quantity)"
			  " FROM " RETURNED_LINES " AS back"
			  " LEFT JOIN ecommerce.order_details AS line"
			  "   ON line.customer_id = back.customer_id"
			  "  AND line.order_id = back.order_id"
			  "  AND line.line_number = back.line_number"
			  " WHERE (back.fewest > 0 AND back.quantity <= line.quantity) IS NOT TRUE"),
	/* Without the precision that a division would have. */
	INVARIANT("returns_of_a_line_are_worth_its_share",
			  "customer_id::bigint, order_id::bigint, product_id::bigint,"
			  " jsonb_build_object('line_number', line_number, 'cost', cost,"
			  "                    'sold', sold, 'returned', returned, 'amount', amount)"
			  " FROM (SELECT back.customer_id, back.order_id, back.line_number,"
			  "              line.product_id, line.quantity AS sold,"
			  "              back.quantity AS returned, back.amount,"
			  "              " LINE_COST " AS cost,"
			  "              power(10.0, " DIGITS_OF("placed.currency::text") ") AS units"
			  "         FROM " RETURNED_LINES " AS back"
			  "         JOIN ecommerce.order_details AS line"
			  "           ON line.customer_id = back.customer_id"
			  "          AND line.order_id = back.order_id"
			  "          AND line.line_number = back.line_number"
			  "         JOIN ecommerce.orders AS placed"
			  "           ON placed.customer_id = back.customer_id"
			  "          AND placed.id = back.order_id"
			  "        WHERE line.quantity > 0) AS back"
			  " WHERE amount IS DISTINCT FROM CASE WHEN returned = sold THEN cost"
			  "       ELSE least(cost, div(2 * cost * returned * units + sold, 2 * sold) / units) END"),
	INVARIANT("return_amount_is_the_sum_of_its_lines",
			  "back.customer_id::bigint, back.order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('return_number', back.return_number,"
			  "                    'amount', back.amount, 'sum_of_lines', lines.amount)"
			  " FROM ecommerce.order_returns AS back"
			  " LEFT JOIN (SELECT customer_id, order_id, return_number, sum(amount) AS amount"
			  "              FROM ecommerce.order_return_lines"
			  "             GROUP BY customer_id, order_id, return_number) AS lines"
			  "   ON lines.customer_id = back.customer_id"
			  "  AND lines.order_id = back.order_id"
			  "  AND lines.return_number = back.return_number"
			  " WHERE back.amount IS DISTINCT FROM lines.amount"),
	INVARIANT("balance_has_the_returns",
			  "coalesce(balance.customer_id, back.customer_id)::bigint,"
			  " coalesce(balance.order_id, back.order_id)::bigint, NULL::bigint,"
			  " jsonb_build_object('returned_amount', returned_amount,"
			  "                    'return_count', return_count,"
			  "                    'sum_of_returns', amount, 'return_numbers', numbers)"
			  " FROM ecommerce.order_balances AS balance"
			  " FULL JOIN (SELECT customer_id, order_id, sum(amount) AS amount,"
			  "                   jsonb_agg(return_number ORDER BY return_number) AS numbers,"
			  "                   count(*) AS returns, min(return_number) AS first,"
			  "                   max(return_number) AS last"
			  "              FROM ecommerce.order_returns"
			  "             GROUP BY customer_id, order_id) AS back"
			  "   ON back.customer_id = balance.customer_id"
			  "  AND back.order_id = balance.order_id"
			  " WHERE (returned_amount = coalesce(amount, 0)"
			  "        AND return_count = coalesce(returns, 0)"
			  "        AND coalesce(first, 1) = 1 AND coalesce(last, 0) = return_count)"
			  "       IS NOT TRUE"),
	INVARIANT("return_has_an_event",
			  "coalesce(back.customer_id, event.customer_id)::bigint,"
			  " coalesce(back.order_id, event.order_id)::bigint, NULL::bigint,"
			  " jsonb_build_object('return_number', back.return_number,"
			  "                    'amount', back.amount, 'is_restocked', back.is_restocked,"
			  "                    'payload', event.payload)"
			  " FROM ecommerce.order_returns AS back"
			  " FULL JOIN (SELECT customer_id, order_id, payload,"
			  "                   payload ->> 'return_number' AS return_number"
			  "              FROM ecommerce.order_events"
			  "             WHERE event = '" EVENT_ITEMS_RETURNED "') AS event"
			  "   ON event.customer_id = back.customer_id"
			  "  AND event.order_id = back.order_id"
			  "  AND event.return_number = back.return_number::text"
			  " WHERE ((payload -> 'amount') = to_jsonb(back.amount)"
			  "        AND (payload -> 'is_restocked') = to_jsonb(is_restocked)) IS NOT TRUE"),
	INVARIANT("return_has_an_order",
			  "customer_id::bigint, order_id::bigint, NULL::bigint,"
			  " jsonb_build_object('table', name, 'return_number', return_number)"
			  " FROM (SELECT 'ecommerce.order_returns', customer_id, order_id, return_number"
			  "         FROM ecommerce.order_returns AS back"
			  "        WHERE NOT EXISTS (SELECT FROM ecommerce.orders"
			  "                           WHERE orders.customer_id = back.customer_id"
			  "                             AND orders.id = back.order_id)"
			  "       UNION ALL"
			  "       SELECT 'ecommerce.order_return_lines', customer_id, order_id, return_number"
			  "         FROM ecommerce.order_return_lines AS line"
			  "        WHERE NOT EXISTS (SELECT FROM ecommerce.order_returns AS back"
			  "                           WHERE back.customer_id = line.customer_id"
			  "                             AND back.order_id = line.order_id"
			  "                             AND back.return_number = line.return_number))"
			  "      AS orphans (name, customer_id, order_id, return_number)"),
	INVARIANT("order_of_which_all_came_back_is_returned",
			  "placed.customer_id::bigint, placed.id::bigint, NULL::bigint,"
			  " jsonb_build_object('order_status', order_status, 'units', sold.quantity)"
			  " FROM ecommerce.orders AS placed"
			  " JOIN (SELECT customer_id, order_id, sum(quantity) AS quantity"
			  "         FROM ecommerce.order_details GROUP BY customer_id, order_id) AS sold"
			  "   ON sold.customer_id = placed.customer_id"
			  "  AND sold.order_id = placed.id"
			  " JOIN (SELECT customer_id, order_id, sum(quantity) AS quantity"
			  "         FROM ecommerce.order_return_lines GROUP BY customer_id, order_id) AS back"
			  "   ON back.customer_id = placed.customer_id"
			  "  AND back.order_id = placed.id"
			  " WHERE back.quantity >= sold.quantity"
			  "   AND order_status <> '" STATUS_RETURNED "'"),

	/* Users, stock, catalogue and carts */

	INVARIANT("key_is_used_once",
			  "user_id::bigint, NULL::bigint, product_id::bigint,"
			  " jsonb_build_object('table', name, 'rows', rows)"
			  " FROM (SELECT 'ecommerce.users', id, NULL::bigint, count(*)"
			  "         FROM ecommerce.users GROUP BY id"
			  "       UNION ALL SELECT 'ecommerce.categories', NULL, NULL, count(*)"
			  "         FROM ecommerce.categories GROUP BY id"
			  "       UNION ALL SELECT 'ecommerce.products', NULL, id, count(*)"
			  "         FROM ecommerce.products GROUP BY id"
			  "       UNION ALL SELECT 'ecommerce.stock_levels', NULL, product_id, count(*)"
			  "         FROM ecommerce.stock_levels GROUP BY bucket, product_id, till"
			  "       UNION ALL SELECT 'ecommerce.carts', user_id, NULL, count(*)"
			  "         FROM ecommerce.carts GROUP BY user_id"
			  "       UNION ALL SELECT 'ecommerce.cart_items', user_id, product_id, count(*)"
			  "         FROM ecommerce.cart_items GROUP BY user_id, product_id"
			  "       UNION ALL SELECT 'ecommerce.order_balances', customer_id, NULL, count(*)"
			  "         FROM ecommerce.order_balances GROUP BY customer_id, order_id)"
			  "      AS keys (name, user_id, product_id, rows)"
			  " WHERE rows > 1"),
	INVARIANT("email_has_one_user",
			  "min(id)::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object('user_ids', jsonb_agg(id ORDER BY id))"
			  " FROM (SELECT id, substring(email::text, '" NOT_BLANK_REGEX "(?:.*" NOT_BLANK_REGEX ")?')"
			  "         FROM ecommerce.users) AS cut (id, address)"
			  " WHERE address IS NOT NULL"
			  " GROUP BY lower(address COLLATE \"C\") HAVING count(*) > 1"),
	INVARIANT("email_has_an_at",
			  "id::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object()"
			  " FROM ecommerce.users WHERE email IS NOT NULL AND email NOT LIKE '%_@_%'"),

	INVARIANT("stock_is_never_negative",
			  "NULL::bigint, NULL::bigint, product_id::bigint,"
			  " jsonb_build_object('bucket', bucket, 'till', till, 'quantity', quantity)"
			  " FROM ecommerce.stock_levels WHERE (quantity >= 0) IS NOT TRUE"),
	INVARIANT("stock_has_a_product",
			  "NULL::bigint, NULL::bigint, product_id::bigint,"
			  " jsonb_build_object('bucket', bucket, 'till', till, 'quantity', quantity)"
			  " FROM ecommerce.stock_levels AS stock"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.products"
			  "                    WHERE products.id = stock.product_id)"),
	INVARIANT("price_is_in_range",
			  "NULL::bigint, NULL::bigint, id::bigint,"
			  " jsonb_build_object('price', price::text, 'currency', currency)"
			  " FROM ecommerce.products"
			  " WHERE (price >= 0 AND price < " CppAsString2(PRICE_LIMIT) " "
			  "        AND min_scale(price) <= " CppAsString2(PRICE_MAX_DECIMALS)
			  "        AND currency ~ '^[A-Z]{3}$') IS NOT TRUE"),
	INVARIANT("product_has_its_category",
			  "NULL::bigint, NULL::bigint, id::bigint,"
			  " jsonb_build_object('category_id', category_id)"
			  " FROM ecommerce.products"
			  " WHERE category_id IS NOT NULL"
			  "   AND NOT EXISTS (SELECT FROM ecommerce.categories"
			  "                    WHERE categories.id = products.category_id)"),
	INVARIANT("cart_has_a_user",
			  "user_id::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object()"
			  " FROM ecommerce.carts"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.users"
			  "                    WHERE users.id = carts.user_id)"),
	INVARIANT("cart_item_has_a_cart",
			  "user_id::bigint, NULL::bigint, product_id::bigint,"
			  " jsonb_build_object('quantity', quantity)"
			  " FROM ecommerce.cart_items AS item"
			  " WHERE NOT EXISTS (SELECT FROM ecommerce.carts"
			  "                    WHERE carts.user_id = item.user_id)"),
	INVARIANT("cart_quantity_is_positive",
			  "user_id::bigint, NULL::bigint, product_id::bigint,"
			  " jsonb_build_object('quantity', quantity)"
			  " FROM ecommerce.cart_items WHERE (quantity > 0) IS NOT TRUE"),

	/*
	 * Copies of the tables, which may have come without the sequences.  Ids
	 * that another node gave are none that the sequence would give.
	 */

	INVARIANT("sequence_is_not_behind_the_ids",
			  "NULL::bigint, NULL::bigint, NULL::bigint,"
			  " jsonb_build_object('table', name, 'highest_id', highest_id,"
			  "                    'next_id', next_id)"
			  " FROM (" IDS_OF("users")
			  "       UNION ALL " IDS_OF("categories")
			  "       UNION ALL " IDS_OF("products")
			  "       UNION ALL " IDS_OF("orders")
			  "       UNION ALL " IDS_OF("promotions")
			  "       UNION ALL " IDS_OF("order_events") ")"
			  "      AS ids (name, highest_id, next_id)"
			  " WHERE highest_id >= next_id")
};

PG_FUNCTION_INFO_V1(order_integrity);

static void check_invariants(ReturnSetInfo *result);

Datum
order_integrity(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	check_invariants((ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * What breaks a rule goes from the executor into the result, however much it
 * is.  Raises 42501 unless the caller is staff.
 */
static void
check_invariants(ReturnSetInfo *result)
{
	Access		access;
	DestReceiver *receiver = CreateTuplestoreDestReceiver();

	SetTuplestoreDestReceiverParams(receiver, result->setResult,
									result->econtext->ecxt_per_query_memory,
									false, NULL, NULL);
	begin_staff_access(&access);
	for (size_t i = 0; i < lengthof(invariants); i++)
	{
		CHECK_FOR_INTERRUPTS();
		execute_into(&invariants[i], NULL, CALLERS_SNAPSHOT, receiver);
	}
	end_access(&access);
	receiver->rDestroy(receiver);
}
