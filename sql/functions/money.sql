-- Money

CREATE FUNCTION ecommerce.currency_digits(currency text) RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME';
REVOKE EXECUTE ON FUNCTION ecommerce.currency_digits FROM PUBLIC;
COMMENT ON FUNCTION ecommerce.currency_digits IS
'Decimals of the smallest unit of the currency, its minor unit in ISO 4217: 0 for JPY, 3 for KWD, '
'2 for most. Amounts are multiples of that unit.
Errors: 22004 for a null; 22023 for what is not three capital letters.';
