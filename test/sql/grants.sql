-- grant_api() warns of a role of visitors or shoppers that may act for any user, since
-- it has REFERENCES on orders, whoever let it. What else it grants is in test/pgtap.

SET client_min_messages = warning;
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);
CREATE ROLE regress_shopper;
CREATE ROLE regress_staff;

SELECT ecommerce.grant_api(anonymous => 'regress_shopper', shopper => 'regress_shopper', staff => 'regress_staff');
GRANT regress_staff TO regress_shopper;
SELECT ecommerce.grant_api(shopper => 'regress_shopper');
SELECT ecommerce.grant_api(anonymous => 'regress_shopper');

-- Not of staff, who are to do that, nor once it has been mended.
SELECT ecommerce.grant_api(staff => 'regress_staff');
REVOKE regress_staff FROM regress_shopper;
SELECT ecommerce.grant_api(shopper => 'regress_shopper');

DROP SCHEMA ecommerce, ecommerce_api CASCADE;
DROP ROLE regress_shopper, regress_staff;
