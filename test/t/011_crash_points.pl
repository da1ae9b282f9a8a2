# Proves that placing and cancelling an order is done as a whole or not at all, wherever
# its backend is killed: before and after each row that it writes, and before and after
# the commit; and that the client gets one order by repeating the request.
#
# The order has so many lines that there are more than 200 such points. SOAK_SECONDS makes
# the test long: it goes on, with carts of other sizes chosen at random (SEED in the
# environment repeats the choice), until the time is over.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(time usleep);

my $soak_seconds = $ENV{SOAK_SECONDS};
my $seed = $ENV{SEED} // int(rand(2**31));
my $module = compile("$FindBin::RealBin/../torture/crash.c",
	'crash.so', '-shared', '-fPIC');

# There is little to set up after a crash. What a killed process has written, the system
# still has: fsync is for the system's own crashes, and is left to the long form.
my $fsync = $soak_seconds ? 'on' : 'off';
my $node = start_server(
	'crash_points', settings => qq{
fsync = $fsync
recovery_init_sync_method = syncfs
restart_after_crash = on
autovacuum = off
shared_buffers = 2MB
max_connections = 5
superuser_reserved_connections = 0
max_worker_processes = 0
log_statement = none
log_min_messages = log
});

# What is asked for, again after a crash, and the answers. The parameter is a key that is
# new each time.
my %place = (
	request =>
	  q{SELECT ecommerce.place_order(1, idempotency_key => ?)->>'replayed'},
	answer => 'false',
	answer_again => 'true');
my %cancel = (
	prepare => 'SELECT ecommerce.place_order(1, idempotency_key => ?)',
	request => q{
		SELECT ecommerce.cancel_order(1, id, 'customer')->>'order_status'
		FROM ecommerce.orders WHERE customer_id = 1 AND idempotency_key = ?},
	answer => 'CANCELLED',
	answer_again => 'CANCELLED');
my %place_in_two_transactions =
  (%place, request => 'CALL place_in_two_transactions(1, ?, NULL)');
my $began = time;
my $key = 0;
my $integrity_violations = 0;
my ($points, @failures);

srand $seed;
make_shop();

($points, @failures) = crash_everywhere(33, %place);
cmp_ok($points, '>=', 200, "an order of 33 lines has $points points");
is_deeply(\@failures, [], 'placed as a whole or not at all, and once');

($points, @failures) = crash_everywhere(3, %cancel);
cmp_ok($points, '>=', 10,
	"cancelling an order of 3 lines has $points points");
is_deeply(\@failures, [], 'cancelled as a whole or not at all, and once');

while ($soak_seconds && time < $began + 0.9 * $soak_seconds)
{
	my $lines = 1 + int(rand(60));
	my ($what, $work) =
	  @{ ([ 'placing', \%place ], [ 'cancelling', \%cancel ])[ rand(2) ] };

	($points, @failures) = crash_everywhere($lines, %$work);
	is_deeply(\@failures, [],
		"$what an order of $lines lines, $points points (seed $seed)");
}
is($integrity_violations, 0, 'order_integrity agrees');

($points, @failures) = crash_everywhere(2, %place_in_two_transactions);
like("@failures", qr/^\d+: changed/, 'a placement in two transactions is found out');
note @failures;

note sprintf '%.0f seconds', time - $began;

done_testing();


# A shop with 60 products, in which the rows that are written are counted.
sub make_shop
{
	open_shop($node);
	$node->safe_psql(
		'postgres', qq{
		INSERT INTO ecommerce.products (name, price)
		SELECT 'Thing ' || n, n + 0.99 FROM generate_series(5, 60) AS n;
		INSERT INTO ecommerce.stock_levels (product_id, quantity)
		SELECT n, 1000 FROM generate_series(5, 60) AS n;
		UPDATE ecommerce.stock_levels SET quantity = 1000000;

		CREATE FUNCTION crash_point() RETURNS trigger LANGUAGE c AS '$module';
		CREATE FUNCTION row_events() RETURNS integer LANGUAGE c AS '$module';
		SELECT format('CREATE TRIGGER a_crash_point BEFORE INSERT OR UPDATE OR DELETE ON %s'
					  ' FOR EACH ROW EXECUTE FUNCTION crash_point();'
					  ' CREATE TRIGGER z_crash_point AFTER INSERT OR UPDATE OR DELETE ON %s'
					  ' FOR EACH ROW EXECUTE FUNCTION crash_point();', oid::regclass, oid::regclass)
		FROM pg_class WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
		\\gexec

		CREATE FUNCTION forget_orders() RETURNS void LANGUAGE sql
		SET session_replication_role = replica AS \$\$
			TRUNCATE ecommerce.orders, ecommerce.order_details, ecommerce.order_adjustments, ecommerce.order_payments, ecommerce.order_balances, ecommerce.order_returns, ecommerce.order_return_lines, ecommerce.order_events;
			UPDATE ecommerce.stock_levels SET quantity = 1000000;
		\$\$;

		CREATE FUNCTION fill(lines integer) RETURNS void LANGUAGE sql AS \$\$
			SELECT ecommerce.add_to_cart(1, product, product % 3 + 1)
			FROM generate_series(1, lines) AS product
		\$\$;

		-- All rows of all tables, in short.
		CREATE FUNCTION contents() RETURNS text LANGUAGE plpgsql AS \$\$
		DECLARE
			name text;
			content text;
			contents text := '';
		BEGIN
			FOR name IN SELECT oid::regclass FROM pg_class
						WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
			LOOP
				EXECUTE format('SELECT string_agg(t::text, '','' ORDER BY t::text) FROM %s AS t',
							   name) INTO content;
				contents := md5(concat(contents, name, content));
			END LOOP;
			RETURN contents;
		END \$\$;

		-- Whether there is one order of this key, with all its lines and none left in the
		-- cart, and stock is what it was but for orders.
		CREATE FUNCTION is_whole(key text, lines integer) RETURNS boolean LANGUAGE sql AS \$\$
			SELECT (SELECT bool_and(line_number = product_id)
						   AND bool_and(quantity = product_id % 3 + 1)
						   AND count(*) = lines
						   AND sum(line_amount) = min(order_amount)
						   AND count(DISTINCT id) = 1
					FROM ecommerce.orders
					JOIN ecommerce.order_details USING (customer_id)
					WHERE order_id = id AND idempotency_key = key)
			   AND NOT EXISTS (SELECT FROM ecommerce.cart_items)
			   AND 1000000 = ALL (SELECT stock.quantity + coalesce(sold, 0)
								  FROM ecommerce.stock_levels AS stock
								  LEFT JOIN (SELECT product_id, sum(quantity) AS sold
											 FROM ecommerce.order_details AS line
											 JOIN ecommerce.orders ON id = order_id
											 WHERE order_status <> 'CANCELLED'
											 GROUP BY product_id) AS line USING (product_id))
		\$\$;

		-- What should be one transaction.
		CREATE PROCEDURE place_in_two_transactions(customer bigint, key text, INOUT replayed text)
		LANGUAGE plpgsql AS \$\$
		DECLARE
			order_id bigint;
		BEGIN
			replayed := EXISTS (SELECT FROM ecommerce.orders
								WHERE (customer_id, idempotency_key) = (customer, key));
			IF replayed THEN
				RETURN;
			END IF;
			UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity - item.quantity
			FROM ecommerce.cart_items AS item
			WHERE item.product_id = stock.product_id AND user_id = customer;
			COMMIT;
			INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address,
				idempotency_key)
			SELECT customer, sum(price * quantity), 'USD', 'Here', key
			FROM ecommerce.cart_items JOIN ecommerce.products ON id = product_id
			WHERE user_id = customer
			RETURNING id INTO order_id;
			INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id,
				product_name, unit_price, quantity, line_amount)
			SELECT customer, order_id, row_number() OVER (ORDER BY id), id, name, price, quantity,
				   price * quantity
			FROM ecommerce.cart_items JOIN ecommerce.products ON id = product_id
			WHERE user_id = customer;
			INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event,
				new_status, actor)
			VALUES (customer, order_id, 1, 'order_placed', 'PROCESSING', current_user);
			DELETE FROM ecommerce.cart_items WHERE user_id = customer;
		END \$\$;
	});
	return;
}

# Sends the request for a cart of so many lines over and over, to be killed at another
# point each time. Returns how many points there are, and what went wrong, if anything,
# at the first where it did.
sub crash_everywhere
{
	my ($lines, %work) = @_;
	my $client = connect_when_up($node);
	my $row_events;

	prepare($client, $lines, %work);
	ask($client, $work{request}, $key);
	$row_events = ask($client, 'SELECT row_events()');

	foreach my $point (1 .. $row_events, 'before commit', 'after commit')
	{
		my @expected =
		  $point eq 'after commit'
		  ? ('changed', $work{answer_again}, $work{answer_again}, 1)
		  : ('unchanged', $work{answer}, $work{answer_again}, 1);
		my ($before, $log_length, @found);

		prepare($client, $lines, %work);
		$before = ask($client, 'SELECT contents()');
		ask($client, q{SELECT set_config('crash.at', ?, false)}, $point);
		$log_length = -s $node->logfile;
		eval { ask($client, $work{request}, $key) };
		return ($point, "$point: no crash") if $client->ping;

		wait_for_recovery($log_length);
		$client = connect_when_up($node);
		@found = (
			$before eq ask($client, 'SELECT contents()')
			? 'unchanged'
			: 'changed',
			ask($client, $work{request}, $key),
			ask($client, $work{request}, $key),
			ask($client, 'SELECT is_whole(?, ?)', $key, $lines));
		return ($point, "$point: @found") if "@found" ne "@expected";
	}
	count_violations($client);
	return ($row_events + 2);
}

# Fills the cart, and counts row events from there. Forgets the orders when there are
# many, having had another look at them.
sub prepare
{
	my ($client, $lines, %work) = @_;

	if (++$key % 20 == 0)
	{
		count_violations($client);
		ask($client, 'SELECT forget_orders()');
	}
	ask($client, 'SELECT fill(?)', $lines);
	ask($client, $work{prepare}, $key) if $work{prepare};
	ask($client, 'SELECT row_events()');
	return;
}

sub count_violations
{
	my ($client) = @_;

	$integrity_violations +=
	  ask($client, 'SELECT count(*) FROM ecommerce.order_integrity()');
	return;
}

sub ask
{
	my ($client, @query) = @_;
	return ($client->selectrow_array(shift @query, undef, @query))[0];
}

# Waits until the server has recovered, since the log had this length. (To try to connect
# again and again would take longer.)
sub wait_for_recovery
{
	my ($log_length) = @_;

	foreach (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return
		  if slurp_file($node->logfile, $log_length) =~
		  /ready to accept connections/;
		usleep(10_000);
	}
	die 'the server did not recover';
}
