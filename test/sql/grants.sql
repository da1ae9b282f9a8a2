-- grant_api() warns of a role of visitors or shoppers that may act for any user, since
-- it has REFERENCES on orders, whoever let it; and of roles without time-outs. What it
-- grants is in test/pgtap.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
CREATE ROLE regress_shopper;
CREATE ROLE regress_staff;
ALTER ROLE regress_shopper SET statement_timeout = '10s';
ALTER ROLE regress_shopper SET lock_timeout = '2s';
ALTER ROLE regress_staff SET statement_timeout = '1min';
ALTER ROLE regress_staff SET lock_timeout = 500;

SELECT ecommerce.grant_api(anonymous => 'regress_shopper', shopper => 'regress_shopper', staff => 'regress_staff');
GRANT regress_staff TO regress_shopper;
SELECT ecommerce.grant_api(shopper => 'regress_shopper');
SELECT ecommerce.grant_api(anonymous => 'regress_shopper');

-- Not of staff, who are to do that, nor once it has been mended.
SELECT ecommerce.grant_api(staff => 'regress_staff');
REVOKE regress_staff FROM regress_shopper;
SELECT ecommerce.grant_api(shopper => 'regress_shopper');

-- Time-outs: of the role itself, since PostgREST knows no others of it, or of the database.
CREATE ROLE "Regress Odd";
SELECT ecommerce.grant_api(anonymous => 'Regress Odd');
ALTER ROLE "Regress Odd" SET statement_timeout = 0;
ALTER ROLE "Regress Odd" SET lock_timeout = '00';
SELECT current_database() AS database \gset
ALTER ROLE "Regress Odd" IN DATABASE :"database" SET statement_timeout = '10s';
SELECT ecommerce.grant_api(shopper => 'Regress Odd');
ALTER ROLE "Regress Odd" SET statement_timeout = '010s';
SELECT ecommerce.grant_api(anonymous => 'Regress Odd');
ALTER DATABASE :"database" SET lock_timeout = '1s';
SELECT ecommerce.grant_api(anonymous => 'Regress Odd');
ALTER ROLE "Regress Odd" RESET lock_timeout;
SELECT ecommerce.grant_api(anonymous => 'Regress Odd');
ALTER DATABASE :"database" RESET lock_timeout;
SELECT ecommerce.grant_api(anonymous => 'Regress Odd');

-- Not when the role is given up.
SELECT ecommerce.revoke_api(anonymous => 'Regress Odd', shopper => 'Regress Odd');

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_shopper, regress_staff, "Regress Odd";
