-- Only reads the rows of the listing: each to its last column, and nothing is made of it.
SELECT (SELECT count(items_amount) FROM ecommerce.orders WHERE customer_id = $1)
     + (SELECT count(tax_amount) FROM ecommerce.order_details WHERE customer_id = $1)
