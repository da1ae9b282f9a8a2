-- A payment service's events, in the shape in which they are sent, come through
-- PostgREST to the function of docs/payments.md: twice, late, out of order, before the
-- order is there, and for an order that has expired. What is paid is right each time.

\getenv directory PG_ABS_SRCDIR
\cd :directory/postgrest
\set ECHO none
\i open.sql

RESET SESSION AUTHORIZATION;
CREATE SCHEMA shop;
\set page `cat ../../docs/payments.md`
SELECT substring(:'page' FROM '(CREATE FUNCTION shop\.card_event.*?\n\$\$;)') AS card_event \gset
:card_event
SELECT ecommerce.set_cart_item(1, 11, 40) IS NOT NULL AS filled \gset
ALTER TABLE ecommerce.orders ALTER payment_due_at SET DEFAULT '2001-01-01';
SELECT ecommerce.place_order(1) -> 'id' AS id \gset
SELECT ecommerce.set_cart_item(2, 12, 2) IS NOT NULL AS filled, ecommerce.place_order(2) -> 'id' AS other_id \gset
GRANT USAGE ON SCHEMA shop TO regress_pgrst_staff, regress_pgrst_shopper;
REVOKE EXECUTE ON FUNCTION shop.card_event FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shop.card_event TO regress_pgrst_staff;
CREATE VIEW shop.ledger AS
SELECT order_id, payment_number AS number, kind, reference, amount, payload ->> 'id' AS event FROM ecommerce.order_payments ORDER BY 1, 2;

SET SESSION AUTHORIZATION regress_pgrst_pool;
\set answer 'regress_postgrest.timeless(:''reply_body'')'
\set event '{"id": "evt_1", "object": "event", "api_version": "2024-06-20", "created": 1764410000, "livemode": false, "pending_webhooks": 1, "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_3", "object": "payment_intent", "amount": 1000, "amount_capturable": 0, "amount_received": 1000, "currency": "usd", "capture_method": "automatic", "latest_charge": "ch_3", "metadata": {"user_id": "1", "order_id": "1"}, "status": "succeeded"}}}'
\echo
\echo ---- Before the order is visible: the service is told so, and sends it again
SELECT 'staff@shop: POST /rpc/card_event ' || replace(:'event', '"order_id": "1"', '"order_id": "77"') AS request \gset
\i send.sql
\echo
\echo ---- The capture, before the attempt that failed, and twice
SELECT 'staff@shop: POST /rpc/card_event ' || :'event' AS request \gset
\i send.sql
\i send.sql
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_0", "object": "event", "created": 1764409990, "type": "payment_intent.payment_failed", "data": {"object": {"id": "pi_3", "object": "payment_intent", "amount": 1000, "amount_received": 0, "currency": "usd", "last_payment_error": {"code": "card_declined"}, "metadata": {"user_id": "1", "order_id": "1"}, "status": "requires_payment_method"}}}' AS request \gset
\i send.sql
\echo
\echo ---- A refund that was made at the desk, and failed after it had succeeded; a dispute
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_2", "object": "event", "created": 1764410100, "type": "refund.updated", "data": {"object": {"id": "re_3", "object": "refund", "amount": 250, "charge": "ch_3", "currency": "usd", "metadata": {}, "payment_intent": "pi_3", "reason": null, "status": "succeeded"}}}' AS request \gset
\i send.sql
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_3", "object": "event", "created": 1764496500, "type": "refund.failed", "data": {"object": {"id": "re_3", "object": "refund", "amount": 250, "charge": "ch_3", "currency": "usd", "failure_reason": "lost_or_stolen_card", "metadata": {}, "payment_intent": "pi_3", "status": "failed"}}}' AS request \gset
\i send.sql
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_4", "object": "event", "created": 1764496600, "type": "charge.dispute.funds_withdrawn", "data": {"object": {"id": "dp_3", "object": "dispute", "amount": 1000, "charge": "ch_3", "currency": "usd", "metadata": {}, "payment_intent": "pi_3", "reason": "fraudulent", "status": "needs_response"}}}' AS request \gset
\i send.sql
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_8", "object": "event", "created": 1764596600, "type": "charge.dispute.funds_reinstated", "data": {"object": {"id": "dp_3", "object": "dispute", "amount": 1000, "charge": "ch_3", "currency": "usd", "metadata": {}, "payment_intent": "pi_3", "reason": "fraudulent", "status": "won"}}}' AS request \gset
\i send.sql
\echo
\echo ---- A payment in another currency is not recorded
SELECT 'staff@shop: POST /rpc/card_event ' || replace(replace(:'event', 'usd', 'eur'), 'pi_3', 'pi_5') AS request \gset
\i send.sql
\echo
\echo ---- Events that mean nothing here; a shopper who sends one
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_5", "object": "event", "type": "customer.created", "data": {"object": {"id": "cus_1", "object": "customer"}}}' AS request \gset
\i send.sql
SELECT 'ada@shop: POST /rpc/card_event ' || :'event' AS request \gset
\i send.sql
RESET SESSION AUTHORIZATION;
TABLE shop.ledger;

\echo
\echo ---- An order that has expired: its money is recorded and goes back
SELECT ecommerce.expire_unpaid_orders() AS expired;
SET SESSION AUTHORIZATION regress_pgrst_pool;
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_6", "object": "event", "created": 1764410500, "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_4", "object": "payment_intent", "amount": 300, "amount_received": 300, "currency": "usd", "metadata": {"user_id": "2", "order_id": "2"}, "status": "succeeded"}}}' AS request \gset
\i send.sql
\i send.sql
RESET SESSION AUTHORIZATION;
SELECT order_id, payload FROM ecommerce.order_events WHERE event = 'refund_requested';
SET SESSION AUTHORIZATION regress_pgrst_pool;
SELECT 'staff@shop: POST /rpc/card_event ' || '{"id": "evt_7", "object": "event", "created": 1764410600, "type": "refund.updated", "data": {"object": {"id": "re_4", "object": "refund", "amount": 300, "charge": "ch_4", "currency": "usd", "metadata": {"reference": "late pi_4", "user_id": "2", "order_id": "2"}, "payment_intent": "pi_4", "status": "succeeded"}}}' AS request \gset
\i send.sql
RESET SESSION AUTHORIZATION;
SELECT * FROM shop.ledger WHERE order_id = 2;
SELECT invariant, order_id FROM ecommerce.order_integrity() WHERE invariant NOT LIKE 'sequence%';
DROP SCHEMA shop CASCADE;
\i close.sql
