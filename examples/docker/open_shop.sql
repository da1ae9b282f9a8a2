-- What the server runs when it starts for the first time: the shop, and the roles of its clients.
\set ON_ERROR_STOP on
\getenv authenticator_password AUTHENTICATOR_PASSWORD
\getenv mailer_password MAILER_PASSWORD

CREATE EXTENSION ecommerce;
CREATE ROLE shop;
SELECT ecommerce.migrate(owner => 'shop');

CREATE ROLE anonymous;
CREATE ROLE shopper;
CREATE ROLE staff;
CREATE ROLE authenticator LOGIN NOINHERIT PASSWORD :'authenticator_password';
GRANT anonymous, shopper, staff TO authenticator;
ALTER ROLE anonymous SET statement_timeout = '5s';
ALTER ROLE anonymous SET lock_timeout = '2s';
ALTER ROLE shopper SET statement_timeout = '10s';
ALTER ROLE shopper SET lock_timeout = '2s';
ALTER ROLE staff SET statement_timeout = '1min';
ALTER ROLE staff SET lock_timeout = '2s';
SELECT ecommerce.grant_api(anonymous => 'anonymous', shopper => 'shopper', staff => 'staff');

CREATE ROLE mailer LOGIN PASSWORD :'mailer_password';
GRANT USAGE ON SCHEMA ecommerce TO mailer;
GRANT EXECUTE ON FUNCTION ecommerce.take_order_events, ecommerce.acknowledge_order_events,
    ecommerce.fail_order_events, ecommerce.currency_digits TO mailer;
GRANT REFERENCES ON ecommerce.order_events TO mailer;
