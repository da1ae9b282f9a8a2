-- Replays a retailer's invoices, which demo/run gives on standard input: each becomes
-- a cart and then an order. Prints "progress DONE TOTAL" lines for the progress bar
-- and then the summary, unless what the database holds differs from the file.

\set ON_ERROR_STOP on
\set VERBOSITY default
\pset format unaligned
\pset tuples_only on

CREATE EXTENSION ecommerce;
CREATE ROLE shop;
SELECT ecommerce.migrate(owner => 'shop') \g /dev/null

CREATE TEMPORARY TABLE staging (
    row_number bigserial,
    invoice text,
    stock_code text,
    description text,
    quantity int,
    invoice_date text,
    price numeric,
    customer text,
    country text,
    total_price text
);
\copy staging (invoice, stock_code, description, quantity, invoice_date, price, customer, country, total_price) FROM pstdin WITH (FORMAT csv, HEADER)

-- A cancellation has an invoice number that begins with C. A product is a pair of
-- stock code and price, so that every line keeps its price.
CREATE TEMPORARY VIEW sale AS
    SELECT *
    FROM staging
    WHERE customer IS NOT NULL AND quantity > 0 AND price > 0 AND invoice NOT LIKE 'C%';

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM sale) THEN
        RAISE EXCEPTION 'the file holds no sale'
            USING DETAIL = format('None of its %s rows has a customer, a positive quantity and a positive price and is not a cancellation.',
                                  (SELECT count(*) FROM staging));
    END IF;
END
$$;

INSERT INTO ecommerce.categories (name) VALUES ('Catalogue');
INSERT INTO ecommerce.users (name, email, shipping_address)
    SELECT customer, 'customer-' || customer || '@example.com', min(country)
    FROM sale GROUP BY customer;
INSERT INTO ecommerce.products (name, description, price, currency, category_id)
    SELECT coalesce(min(description), stock_code), stock_code, price, 'GBP', 1
    FROM sale GROUP BY stock_code, price;

CREATE TEMPORARY TABLE cart_line AS
    SELECT sale.row_number, sale.invoice, users.id AS user_id, products.id AS product_id, sale.quantity
    FROM sale
    JOIN ecommerce.users ON users.name = sale.customer
    JOIN ecommerce.products ON (products.description, products.price) = (sale.stock_code, sale.price);
CREATE INDEX ON cart_line (invoice, user_id);

CREATE TEMPORARY VIEW checkout AS
    SELECT invoice, user_id, row_number() OVER (ORDER BY min(row_number)) AS number, count(*) OVER () AS total
    FROM cart_line GROUP BY invoice, user_id;

INSERT INTO ecommerce.stock_levels (product_id, quantity)
    SELECT product_id, sum(quantity) FROM cart_line GROUP BY product_id;
ANALYZE;

-- The replay itself: a statement that fills the cart, and one that orders it.
SELECT format('Replaying %s orders', count(*)) FROM checkout;
SELECT clock_timestamp() AS started \gset
SELECT format('DO $do$ BEGIN
                   PERFORM ecommerce.add_to_cart(user_id, product_id, quantity)
                   FROM (SELECT * FROM cart_line WHERE (invoice, user_id) = (%L, %s) ORDER BY row_number) AS line;
               END $do$', invoice, user_id),
       format('SELECT ''progress %s %s''
               FROM ecommerce.place_order(user_id => %s, idempotency_key => %L)', number, total, user_id, invoice)
    FROM checkout ORDER BY number
\gexec
SELECT extract(epoch FROM clock_timestamp() - :'started') AS seconds \gset

-- What the file says, from the file alone, and what the database holds.
CREATE TEMPORARY VIEW filed AS
    SELECT invoice, customer, stock_code, price, sum(quantity) AS quantity, sum(quantity * price) AS amount
    FROM sale GROUP BY invoice, customer, stock_code, price;
CREATE TEMPORARY VIEW ordered AS
    SELECT o.idempotency_key, u.name, line.product_description, line.unit_price, line.quantity, line.line_amount
    FROM ecommerce.orders AS o
    JOIN ecommerce.users AS u ON u.id = o.customer_id
    JOIN ecommerce.order_details AS line ON (line.customer_id, line.order_id) = (o.customer_id, o.id);

DO $$
BEGIN
    ASSERT NOT EXISTS (TABLE filed EXCEPT ALL TABLE ordered)
       AND NOT EXISTS (TABLE ordered EXCEPT ALL TABLE filed),
        'the order lines differ from the lines of the file';
    ASSERT (SELECT count(*) FROM ecommerce.orders) = (SELECT count(DISTINCT (invoice, customer)) FROM sale),
        'the number of orders differs from the number of invoices';
    ASSERT (SELECT sum(order_amount) FROM ecommerce.orders) = (SELECT sum(quantity * price) FROM sale),
        'the revenue differs from that of the file';
    ASSERT NOT EXISTS (SELECT FROM ecommerce.cart_items),
        'something was left in a cart';
    ASSERT NOT EXISTS (SELECT FROM ecommerce.stock_levels WHERE quantity <> 0),
        'something was left in stock';
END
$$;

SELECT format(E'%s orders, %s lines, revenue %s, %s units left in stock\n%s orders per second, carts included',
              (SELECT count(*) FROM ecommerce.orders),
              (SELECT count(*) FROM ecommerce.order_details),
              (SELECT round(sum(order_amount), greatest(2, min_scale(sum(order_amount)))) FROM ecommerce.orders),
              (SELECT sum(quantity) FROM ecommerce.stock_levels),
              (SELECT round(count(*) / :seconds, 1) FROM ecommerce.orders));
