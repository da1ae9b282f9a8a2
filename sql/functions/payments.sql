-- What was paid and paid back

CREATE FUNCTION ecommerce.record_payment(
    user_id bigint,
    order_id bigint,
    provider text,
    reference text,
    kind text,
    amount numeric,
    payload jsonb DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.record_payment FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.record_payment IS
'Records what a provider, such as a payment service, says of the payment of an order, and returns '
'the order. kind is authorized, captured, voided, failed, refunded, refund_failed or '
'charged_back; amount is in the currency of the order. provider and reference name the payment, '
'with 1 to 255 characters each: an authorization, what was captured or voided of it and its '
'failures have one reference, a refund has the one that it was requested with. Repeated with the '
'same, it writes nothing, and the order has "replayed": true; what is told late or out of order '
'comes to the same. payload, an object of at most 65536 bytes, is kept with it. For roles with '
'the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22023 for another kind, an amount below 0 or that the currency has no '
'coins for, a provider or reference that is blank or longer, or another payload; PT404 for an '
'unknown order, as long as its transaction has not ended; PT422 for a reference used for another '
'amount or order; 42501 for other roles; 55000 before migrate(). After 40001, 40P01, 55P03 or a '
'lost connection, repeat.';

CREATE FUNCTION ecommerce.request_refund(
    user_id bigint,
    order_id bigint,
    reference text,
    amount numeric DEFAULT NULL,
    provider text DEFAULT NULL,
    reason text DEFAULT NULL
) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.request_refund FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.request_refund IS
'Reserves an amount that is to be paid back, writes the event refund_requested for whoever talks '
'to the provider, and returns the order. What becomes of it is recorded with record_payment, as '
'refunded or refund_failed, under the same provider and reference. Left out, amount is all that '
'can be refunded of what came through the provider, and provider the one that the order was paid '
'through. A refund that has failed is requested again under a new reference. Repeated with the '
'same reference, it writes nothing, and the order has "replayed": true. reason, of at most 1000 '
'characters, is kept with it. For roles with the privilege REFERENCES on ecommerce.orders.
Errors: 22004 for a null; 22023 for an amount that is not above 0 or that the currency has no '
'coins for, a reference or provider that is blank or longer than 255 characters, or a longer '
'reason; PT404 for an unknown order; PT409 for more than can be refunded through the provider, or '
'if there are several; PT422 for a reference used for another amount or order of the user, or of a '
'refund that has failed; 42501 for other roles; 55000 before migrate(). After 40001, 40P01, 55P03 '
'or a lost connection, repeat.';
