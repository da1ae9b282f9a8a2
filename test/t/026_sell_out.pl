# Proves that a product that is split is sold to the last unit, and no further, by many customers
# at once of whom one in ten changes his mind after his order was placed: nobody waits in a circle,
# nobody is refused what is there, and in the end exactly 0 is left. And that the same with tills
# that no units get out of would be seen to leave some.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $units = 3000;
my $node = start_server('sell_out', settings => "deadlock_timeout = 50ms\njit = off\n");
my $script = "$PostgreSQL::Test::Utils::tmp_check/buy.pgbench";

# Half of the customers also want a product that is not split.
append_to_file($script, q{
\set customer random(1, 400)
\set units random(1, 3)
\set mind random(1, 10)
BEGIN;
SELECT sale.buy(:customer, :units);
\if :mind = 1
ROLLBACK;
\else
COMMIT;
\endif
});

foreach my $level ('read committed', 'repeatable read')
{
	my $database = 'shop_' . substr($level, 0, 4);

	make_shop($database);
	$node->safe_psql($database, 'SELECT ecommerce.split_stock(1, 8)');
	sell($database, $level);
	is(outcome($database),
		'left: 0, missing: 0, oversold: 0, refused too early: 0, other errors: ',
		"$level: all is sold, and nothing else");
	is($node->safe_psql($database, 'SELECT * FROM ecommerce.order_integrity()'), '', "$level: and the shop is sound");
	cmp_ok($node->safe_psql($database, q{SELECT count(*) FROM sale.refusals WHERE code LIKE 'PT409%'}),
		'>', 0, "$level: the last customers were refused");
}

# The mistake: an order takes units of its own till, or else of the reserve, and of nothing else.
make_shop('shop_broken');
$node->safe_psql('shop_broken', q{
	SELECT ecommerce.split_stock(1, 8);
	UPDATE ecommerce.stock_levels SET quantity = 500 WHERE product_id = 1;
	CREATE OR REPLACE FUNCTION sale.place(customer bigint) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		item ecommerce.cart_items;
		taken integer;
	BEGIN
		FOR item IN DELETE FROM ecommerce.cart_items WHERE user_id = customer RETURNING * LOOP
			UPDATE ecommerce.stock_levels SET quantity = quantity - item.quantity
			WHERE product_id = item.product_id AND quantity >= item.quantity
				  AND till = CASE item.product_id WHEN 1 THEN 1 + customer % 8 ELSE 0 END;
			GET DIAGNOSTICS taken = ROW_COUNT;
			IF taken = 0 THEN
				RAISE SQLSTATE 'PT409' USING DETAIL = format('{"available": %s, "requested": %s}',
					(SELECT sum(quantity) FROM ecommerce.stock_levels WHERE product_id = 1), item.quantity);
			END IF;
		END LOOP;
	END $$;});
sell('shop_broken', 'read committed', 3);
like(outcome('shop_broken'), qr/refused too early: [1-9]/, 'units that are stranded in tills would be found');

$node->stop;
done_testing();


# A shop, and a function that buys. What it is refused is noted; the transaction goes on, so that
# somebody who changes his mind takes that back, too.
sub make_shop
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	open_shop($node, $database);
	$node->safe_psql($database, qq{
		INSERT INTO ecommerce.users (name, shipping_address)
		SELECT 'Customer ' || n, 'Here' FROM generate_series((SELECT max(id) + 1 FROM ecommerce.users), 400) AS n;
		INSERT INTO ecommerce.carts (user_id) SELECT id FROM ecommerce.users ON CONFLICT DO NOTHING;
		DELETE FROM ecommerce.stock_levels;
		INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, $units), (2, 1000000);
		CREATE SCHEMA sale;
		CREATE TABLE sale.refusals (code text, available bigint, requested bigint);
		CREATE FUNCTION sale.place(customer bigint) RETURNS void LANGUAGE sql
		AS 'SELECT FROM ecommerce.place_order(customer)';
		CREATE FUNCTION sale.buy(customer bigint, units integer) RETURNS void LANGUAGE plpgsql AS \$\$
		DECLARE
			detail text;
		BEGIN
			BEGIN
				INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)
				VALUES (customer, 1, units) ON CONFLICT (user_id, product_id) DO UPDATE SET quantity = units;
				IF customer % 2 = 0 THEN
					INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)
					VALUES (customer, 2, 1) ON CONFLICT DO NOTHING;
				END IF;
				PERFORM sale.place(customer);
			EXCEPTION WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
				INSERT INTO sale.refusals
				VALUES (SQLSTATE || coalesce(' ' || substring(detail FROM '"code": "(\\w+)"'), ''),
						substring(detail FROM '"available": (\\d+)')::bigint,
						substring(detail FROM '"requested": (\\d+)')::bigint);
			END;
		END \$\$;});
	return;
}

# Until nothing is left, or nobody gets anything any more.
sub sell
{
	my ($database, $level, $seconds) = @_;
	my $end = time + ($seconds // 60);
	my $left = -1;

	do
	{
		local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . $level =~ s/ /\\ /r;
		$node->command_ok(
			[
				'pgbench', '--no-vacuum', '--client=16', '--jobs=2', '--transactions=100',
				"--file=$script", $database
			],
			"$level: customers buy");
		$left = $node->safe_psql($database,
			'SELECT sum(quantity) FROM ecommerce.stock_levels WHERE product_id = 1');
	  } until $left == 0 || time > $end;
	return;
}

sub outcome
{
	my ($database) = @_;

	return $node->safe_psql($database, qq{
		SELECT format('left: %s, missing: %s, oversold: %s, refused too early: %s, other errors: %s', left_over,
					  greatest($units - sold - left_over, 0), greatest(sold + left_over - $units, 0),
					  (SELECT count(*) FROM sale.refusals WHERE code LIKE 'PT409%' AND available >= requested),
					  (SELECT string_agg(DISTINCT code, ' ') FROM sale.refusals
					   WHERE code NOT IN ('PT409 insufficient_stock', '40001 stock_is_locked')
							 AND code NOT LIKE 'PT409' AND (code <> '40001' OR '$database' NOT LIKE '%repe')))
		FROM (SELECT sum(quantity) AS left_over FROM ecommerce.stock_levels WHERE product_id = 1) AS stock,
			 (SELECT coalesce(sum(quantity), 0) AS sold FROM ecommerce.order_details WHERE product_id = 1) AS line});
}
