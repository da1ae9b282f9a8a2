-- profile_json() and set_profile(): what a customer sees and changes of what is kept of the
-- customer.

SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION ecommerce;
SELECT ecommerce.migrate(owner => current_user);

INSERT INTO ecommerce.users (id, name, email, shipping_address, created_at) VALUES
    (1, 'Ada', 'ada@example.com', '1 Main Street', '2026-01-01'), (2, 'Grace', 'grace@example.com', NULL, '2026-01-02'),
    (3, 'guest', NULL, NULL, '2026-01-03');

SELECT jsonb_pretty(ecommerce.profile_json(1));
SELECT ecommerce.profile_json(3);

-- What is left out stays.
SELECT ecommerce.set_profile(1) = ecommerce.profile_json(1) AS nothing_changed;
SELECT ecommerce.set_profile(1, name => 'Ada Lovelace');
SELECT ecommerce.set_profile(1, email => E' Ada@Example.org\u00a0');
SELECT ecommerce.set_profile(1, shipping_address => '2 Main Street');
SELECT ecommerce.set_profile(user_id => 1, name => 'Ada', email => 'ada@example.com', shipping_address => '3 Main Street',
                             address => '{"line1": "4 Main Street", "country": "GB"}') AS returned \gset
SELECT :'returned'::jsonb AS profile, :'returned' = ecommerce.profile_json(1) AS what_is_returned_is_the_profile;

-- Blank is none, but for the name.
SELECT ecommerce.set_profile(1, email => '', shipping_address => E'\u3000', address => '{}');
SELECT ecommerce.set_profile(1, name => '');

-- An e-mail address is one user's, without regard to the case of ASCII letters, and one's own stays so.
SELECT ecommerce.set_profile(1, email => ' GRACE@example.com');
SELECT ecommerce.set_profile(2, email => 'GRACE@example.com') -> 'email' AS email;
SELECT ecommerce.set_profile(3, name => 'Edsger', email => 'edsger@example.com') -> 'email' AS email;

-- Refused
SELECT ecommerce.set_profile(1, name => repeat('x', 501));
SELECT ecommerce.set_profile(1, email => 'ada');
SELECT ecommerce.set_profile(1, email => ' @ada');
SELECT ecommerce.set_profile(1, email => repeat('x', 309) || '@example.com');
SELECT ecommerce.set_profile(1, shipping_address => repeat('x', 10001));
SELECT ecommerce.set_profile(1, address => '{"zip": "1"}');
SELECT ecommerce.set_profile(99, name => 'x');
SELECT ecommerce.profile_json(99);
SELECT ecommerce.profile_json(NULL);
SELECT ecommerce.set_profile(NULL);
SELECT ecommerce.profile_json(1);

-- The longest
SELECT length(ecommerce.set_profile(1, name => repeat('x', 500), email => repeat('x', 308) || '@example.com',
                                    shipping_address => repeat('x', 10000)) ->> 'email') AS length;

-- The trigger that cuts blanks may be gone, with a restore of data.
ALTER TABLE ecommerce.users DISABLE TRIGGER cut_blanks;
SELECT ecommerce.set_profile(1, name => 'Ada', email => ' ada@example.com ', shipping_address => 'x');
SELECT ecommerce.set_profile(1, email => ' ') -> 'email' AS email;
ALTER TABLE ecommerce.users ENABLE TRIGGER cut_blanks;

-- A customer, by token
SET request.jwt.claims = '{"user_id": 2}';
SELECT ecommerce_api.profile_json();
SELECT ecommerce_api.set_profile(name => 'Grace Hopper') -> 'name' AS name;
SELECT ecommerce_api.set_profile(email => 'edsger@example.com');
SET request.jwt.claims = '{"user_id": 99}';
SELECT ecommerce_api.profile_json();
SET request.jwt.claims = '';
SELECT ecommerce_api.profile_json();
SELECT ecommerce_api.set_profile(name => 'x');

-- erase_user() takes it away.
SELECT ecommerce.erase_user(2);
SELECT ecommerce.profile_json(2);
DROP SCHEMA ecommerce_api, ecommerce CASCADE;
