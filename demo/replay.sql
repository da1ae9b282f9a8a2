-- Replays a retailer's invoices, which demo/run gives on standard input: each becomes
-- a cart and then an order. Prints "progress DONE TOTAL" lines for the progress bar and
-- what else it does, and then the summary, unless what the database holds differs from
-- the file. The variable "columns" defines the file's columns, in the file's order.

\set ON_ERROR_STOP on
\set VERBOSITY default
\pset format unaligned
\pset tuples_only on

CREATE EXTENSION ecommerce;
CREATE ROLE shop;
SELECT ecommerce.migrate(owner => 'shop') \g /dev/null

CREATE TEMPORARY TABLE staging (:columns);
\copy staging FROM pstdin WITH (FORMAT csv, HEADER)

-- Copies of the file differ in blanks, empty fields, 1.25000 for 1.25 and 17850.0 for the
-- customer 17850. A row is left out for the first reason that holds.
CREATE TEMPORARY TABLE filed_row AS
    SELECT *,
           CASE
               WHEN invoice ILIKE 'C%' THEN 'cancelled: the invoice number begins with C'
               WHEN invoice IS NULL THEN 'without an invoice number'
               WHEN stock_code IS NULL THEN 'without a stock code'
               WHEN customer IS NULL THEN 'without a customer'
               WHEN quantity IS NULL THEN 'without a quantity'
               WHEN quantity = 0 THEN 'with a quantity of zero'
               WHEN quantity < 0 THEN 'with a negative quantity'
               WHEN price IS NULL OR price IN (0, 'NaN') THEN 'without a price, or with a price of zero'
               WHEN price < 0 THEN 'with a negative price'
           END AS reason
    FROM (SELECT row_number() OVER () AS row_number,
                 nullif(btrim(invoice), '') AS invoice,
                 nullif(btrim(stock_code), '') AS stock_code,
                 coalesce(nullif(btrim(description), ''), btrim(stock_code)) AS description,
                 quantity,
                 trim_scale(price) AS price,
                 nullif(regexp_replace(btrim(customer), '\.0$', ''), '') AS customer,
                 coalesce(nullif(btrim(country), ''), 'Unspecified') AS country
          FROM staging) AS trimmed;

CREATE TEMPORARY VIEW account (text) AS
    SELECT concat_ws(E'\n',
                     format('%s rows in the file: %s ordered, %s left out', count(*), count(*) - count(reason), count(reason)),
                     (SELECT string_agg(format('%s %s', lpad(number::text, 8), reason), E'\n' ORDER BY number DESC, reason)
                      FROM (SELECT reason, count(*) AS number FROM filed_row WHERE reason IS NOT NULL GROUP BY reason) AS left_out))
    FROM filed_row;

-- A product is a pair of stock code and price, so that every line keeps its price.
CREATE TEMPORARY VIEW sale AS
    SELECT * FROM filed_row WHERE reason IS NULL;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM sale) THEN
        RAISE EXCEPTION 'the file holds no sale' USING DETAIL = (TABLE account);
    END IF;
END
$$;

SELECT format('Read %s rows, making a shop of %s products and %s customers',
              (SELECT count(*) FROM staging), count(DISTINCT (stock_code, price)), count(DISTINCT customer))
    FROM sale;
INSERT INTO ecommerce.categories (name) VALUES ('Catalogue');
INSERT INTO ecommerce.users (name, email, shipping_address)
    SELECT customer, format('customer-%s@example.com', row_number() OVER (ORDER BY customer)), min(country)
    FROM sale GROUP BY customer;
INSERT INTO ecommerce.products (name, description, price, currency, category_id, tax_class)
    SELECT min(description), stock_code, price, 'GBP', 1, 'standard'
    FROM sale GROUP BY stock_code, price;
INSERT INTO ecommerce.tax_rates (tax_class, name, rate, is_included) VALUES ('standard', 'VAT', 20, true);
INSERT INTO ecommerce.shipping_rates (code, name, from_amount, price, currency, tax_class)
    VALUES ('post', 'Post', 0, 4.95, 'GBP', 'standard'), ('post', 'Post, free from 250', 250, 0, 'GBP', 'standard');
ALTER TABLE ecommerce.carts ALTER COLUMN shipping_code SET DEFAULT 'post', ALTER COLUMN shipping_code SET NOT NULL;

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

-- What the file says, from the file alone, and what the database holds. A line is rounded
-- to pence, and its rows are not.
CREATE TEMPORARY VIEW filed AS
    SELECT invoice, customer, stock_code, price, sum(quantity) AS quantity, round(sum(quantity) * price, 2) AS amount
    FROM sale GROUP BY invoice, customer, stock_code, price;
CREATE TEMPORARY VIEW ordered AS
    SELECT o.idempotency_key, u.name, line.product_description, line.unit_price, line.quantity, line.line_amount
    FROM ecommerce.orders AS o
    JOIN ecommerce.users AS u ON u.id = o.customer_id
    JOIN ecommerce.order_details AS line ON (line.customer_id, line.order_id) = (o.customer_id, o.id);

\echo Comparing the orders with the file
DO $$
BEGIN
    ASSERT (SELECT count(*) FROM cart_line) + (SELECT count(reason) FROM filed_row) = (SELECT count(*) FROM staging),
        'a row was neither ordered nor left out';
    ASSERT NOT EXISTS (TABLE filed EXCEPT ALL TABLE ordered)
       AND NOT EXISTS (TABLE ordered EXCEPT ALL TABLE filed),
        'the order lines differ from the lines of the file';
    ASSERT (SELECT count(*) FROM ecommerce.orders) = (SELECT count(DISTINCT (invoice, customer)) FROM sale),
        'the number of orders differs from the number of invoices';
    ASSERT (SELECT sum(items_amount) FROM ecommerce.orders) = (SELECT sum(amount) FROM filed),
        'the revenue differs from that of the file';
    ASSERT NOT EXISTS (SELECT FROM ecommerce.orders
                       WHERE order_amount <> items_amount + CASE WHEN items_amount < 250 THEN 4.95 ELSE 0 END),
        'an order costs something else than its goods and shipping';
    ASSERT NOT EXISTS (SELECT FROM ecommerce.orders AS o
                       WHERE (SELECT sum(amount) FROM ecommerce.order_adjustments AS a
                              WHERE (a.customer_id, a.order_id, a.kind) = (o.customer_id, o.id, 'tax'))
                             IS DISTINCT FROM round(order_amount * 20 / 120, 2)),
        'the tax of an order is not 20 % included in what it costs';
    ASSERT NOT EXISTS (SELECT FROM ecommerce.cart_items),
        'something was left in a cart';
    ASSERT NOT EXISTS (SELECT FROM ecommerce.stock_levels WHERE quantity <> 0),
        'something was left in stock';
END
$$;

SELECT format('%s orders, %s lines, revenue %s, %s units left in stock',
              (SELECT count(*) FROM ecommerce.orders),
              (SELECT count(*) FROM ecommerce.order_details),
              (SELECT sum(items_amount) FROM ecommerce.orders),
              (SELECT sum(quantity) FROM ecommerce.stock_levels));
SELECT format('With %s of shipping: %s, of which VAT of 20 %% is %s',
              sum(amount) FILTER (WHERE kind = 'shipping'), (SELECT sum(order_amount) FROM ecommerce.orders),
              sum(amount) FILTER (WHERE kind = 'tax'))
FROM ecommerce.order_adjustments;
TABLE account;
SELECT format('%s orders per second, carts included', round(count(*) / :seconds, 1)) FROM ecommerce.orders;
