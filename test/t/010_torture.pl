# Proves that no unit, order or amount is lost, doubled or miscounted when clients fill,
# change, order and cancel the same carts at once while backends and the whole server are
# killed, and that the audit which says so would notice.
#
# What the clients do, and what is killed when, is chosen at random. SEED in the
# environment repeats the choice, though not the order of events. SOAK_SECONDS makes it
# long: until a million orders and a thousand kills, or until the time is over.

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
my $workers = 8;
my $folder = "$FindBin::RealBin/../torture";
my $program = compile("$folder/client.c", 'client', '-pthread', '-lpq');
my $settings = q{
restart_after_crash = on
deadlock_timeout = 100ms
jit = off
log_statement = none
log_min_messages = log
};
my $began = time;

# What must have happened at least so often for the test to say anything; some of it at
# each level.
my @levels = ('read committed', 'repeatable read', 'serializable');
my %least = (
	(map {
			(   "$_: cancelled" => 3,
				"$_: killed: server" => 1,
				"$_: lost" => 5,
				"$_: order" => 20)
		} @levels),
	'answers PT404' => 10,
	'answers PT409' => 10,
	'answers conflict' => 10,
	'answers order, replayed' => 20,
	'answers shipped' => 5,
	'killed: backend' => 5,
	'killed: backend, by pg_terminate_backend' => 1,
	'lines of the longest order' => 40,
	'units removed' => 10);
my (%kills, %figures, %read_of_log);

srand $seed;


# The extension. The server is as in production, not fast and unsafe as tests have it;
# recovery asks the file system once, not for each file, to write what it has.
my $node = start_server('torture',
	settings => $settings . "fsync = on\nrecovery_init_sync_method = syncfs");
my $rounds = 0;
my $enough = 0;

make_shop($node, 'postgres');
until ($enough)
{
	my $start = time;
	my $level = $levels[ $rounds++ % @levels ];
	my $violations = torment(
		$node, 'postgres',
		place =>
		  q{SELECT placed->'id', placed->'order_amount', placed->'replayed'
			FROM (SELECT CASE WHEN random() < 0.5 THEN coalesce(
							(SELECT order_amount FROM ecommerce.orders
							 WHERE customer_id = $1::bigint AND idempotency_key = $2::text),
							(ecommerce.cart_json($1) ->> 'cart_amount')::numeric) END,
						 CASE WHEN $2 IS NULL AND random() < 0.5
							  THEN ecommerce.cart_json($1) ->> 'fingerprint' END
				  OFFSET 0) AS seen (amount, fingerprint),
				 ecommerce.place_order($1, $2, seen.amount, seen.fingerprint) AS placed},
		cancel => q{SELECT ecommerce.cancel_order($1, $2, 'customer')},
		level => $level,
		conflicts => 1,
		seconds => $soak_seconds ? $soak_seconds / 15 : 3,
		pause => $soak_seconds ? 3 : 0.4);

	is(first_lines($violations),
		'', "$level: all is as it should be (seed $seed)");
	is(crashes($node), '', "$level: and nothing crashed but what was killed");
	$node->safe_psql('postgres', 'VACUUM ANALYZE');
	%figures = (figures($node, 'postgres'), %kills);
	$enough = $violations ne '' || is_enough(time - $start);
}
note sprintf 'seed %d: %d rounds in %d seconds', $seed, $rounds,
  time - $began;
note "$_: $figures{$_}" foreach sort keys %figures;
cmp_ok($figures{$_} // 0, '>=', $least{$_}, $_) foreach sort keys %least;
$node->stop;


# Its protocol in PL/pgSQL, to begin with as it should be.
my $other_node = start_server('mistakes', settings => $settings);
my %theirs = (
	place => 'CALL place($1, $2, NULL, NULL, NULL)',
	cancel => 'SELECT cancel($1, $2)');
my %step = (
	lock_cart => q{
		PERFORM FROM ecommerce.carts WHERE user_id = customer FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			RAISE SQLSTATE 'PT404';
		END IF;
	},
	find_key => q{
		SELECT id, orders.order_amount INTO order_id, order_amount FROM ecommerce.orders
		WHERE customer_id = customer AND idempotency_key = key;
	},
	take_items => q{
		WITH taken AS (DELETE FROM ecommerce.cart_items WHERE user_id = customer
					   RETURNING product_id, quantity)
		SELECT array_agg(product_id), array_agg(quantity) INTO ids, quantities
		FROM taken;
	},
	lock_stock => q{
		PERFORM FROM ecommerce.stock_levels WHERE bucket = 0 AND product_id = ANY (ids)
		ORDER BY product_id FOR NO KEY UPDATE;
	},
	take_stock => q{
		IF EXISTS (SELECT FROM unnest(ids, quantities) AS line (product_id, quantity)
				   JOIN ecommerce.stock_levels AS stock USING (product_id)
				   WHERE bucket = 0 AND stock.quantity < line.quantity)
		THEN
			RAISE SQLSTATE 'PT409';
		END IF;
		UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity - line.quantity
		FROM unnest(ids, quantities) AS line (product_id, quantity)
		WHERE bucket = 0 AND stock.product_id = line.product_id;
	},
	read_prices => q{
		SELECT array_agg(price ORDER BY place), sum(round(price * quantity, 2)) INTO prices, order_amount
		FROM unnest(ids, quantities) WITH ORDINALITY AS line (id, quantity, place)
		JOIN ecommerce.products USING (id);
	},
	replay => 'replayed := true;',
	after_order => '',
	insert_lines => q{
		INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id,
			product_name, unit_price, quantity, line_amount)
		SELECT customer, place.order_id, row_number() OVER (), product_id, 'Thing', price,
			   quantity, round(price * quantity, 2)
		FROM unnest(ids, quantities, prices) AS line (product_id, quantity, price);
	},
	after_lines => '',
	lock_order => q{
		SELECT order_status INTO status FROM ecommerce.orders
		WHERE (customer_id, id) = (customer, cancelled) FOR NO KEY UPDATE;
	},
	return_stock => q{
		PERFORM FROM ecommerce.stock_levels
		WHERE bucket = 0 AND product_id IN (SELECT product_id FROM ecommerce.order_details
											WHERE (customer_id, order_id) = (customer, cancelled))
		ORDER BY product_id FOR NO KEY UPDATE;
		UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity + line.quantity
		FROM ecommerce.order_details AS line
		WHERE bucket = 0 AND stock.product_id = line.product_id
			  AND (customer_id, order_id) = (customer, cancelled);
	});


make_shop($other_node, 'shop');
make_database('protocol', %step);
is( first_lines(
		torment($other_node, 'protocol', %theirs, seconds => 2, pause => 0.5)
	),
	'',
	"its protocol in PL/pgSQL: all is as it should be (seed $seed)");

# And then with a step changed, as one writes it before one knows better.
my $read_then_empty = q{
	SELECT array_agg(product_id), array_agg(quantity) INTO ids, quantities
	FROM ecommerce.cart_items WHERE user_id = customer;
	PERFORM pg_sleep(0.001);
	DELETE FROM ecommerce.cart_items WHERE user_id = customer;
};
my %mistake = (
	'cart read, then emptied' => {
		found => qr/units lost between cart and orders/,
		take_items => $read_then_empty
	},
	'cart read, then emptied, without a lock' => {
		found => qr/units doubled between cart and orders/,
		take_items => $read_then_empty,
		lock_cart => ''
	},
	'no lock on the cart' => {
		found => qr/errors 23505/,
		lock_cart => ''
	},
	'key looked up before the lock' => {
		found => qr/errors 23505/,
		lock_cart => $step{find_key},
		find_key => $step{lock_cart}
	},
	'key looked up before the lock, and not unique' => {
		found => qr/key \S+ has \d+ orders/,
		setup => 'ALTER TABLE ecommerce.orders DROP CONSTRAINT orders_one_for_each_idempotency_key',
		lock_cart => $step{find_key},
		find_key => $step{lock_cart}
	},
	'earlier order called a new one' => {
		found => qr/clients were told that they placed it/,
		replay => 'replayed := false;'
	},
	'second order when there is no key' => {
		found => qr/nobody was told of/,
		after_lines => q{
			IF key IS NULL THEN
				INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address)
				VALUES (customer, order_amount, 'USD', 'Here');
			END IF;
		}
	},
	'answered before it is on disk' => {
		found => qr/a client was told otherwise/,
		setup => 'ALTER DATABASE DATABASE SET synchronous_commit = off',
		seconds => 2,
		pause => 0.3
	},
	'price of another moment' => {
		found => qr/line \d+ has a wrong amount/,
		insert_lines => q{
			prices[1] := prices[1] + 0.00005;
		} . $step{insert_lines}
	},
	'order cancelled and stock forgotten' => {
		found => qr/units lost between stock and orders/,
		return_stock => ''
	},
	'stock locked in the order of the cart' => {
		found => qr/errors 40P01/,
		take_items => q{
			WITH taken AS (DELETE FROM ecommerce.cart_items WHERE user_id = customer
						   RETURNING product_id, quantity, created_at)
			SELECT array_agg(product_id ORDER BY created_at),
				   array_agg(quantity ORDER BY created_at)
			INTO ids, quantities
			FROM taken;
		},
		lock_stock => q{
			FOR i IN 1 .. cardinality(ids) LOOP
				PERFORM FROM ecommerce.stock_levels WHERE bucket = 0 AND product_id = ids[i]
				FOR NO KEY UPDATE;
				PERFORM pg_sleep(0.001);
			END LOOP;
		}
	},
	'stock read without a lock' => {
		found => qr/units doubled between stock and orders/,
		lock_stock => '',
		take_stock => q{
			SELECT array_agg(stock.quantity - line.quantity ORDER BY place)
			INTO remaining
			FROM unnest(ids, quantities) WITH ORDINALITY AS line (product_id, quantity, place)
			JOIN ecommerce.stock_levels AS stock USING (product_id) WHERE bucket = 0;
			IF 0 > ANY (remaining) THEN
				RAISE SQLSTATE 'PT409';
			END IF;
			PERFORM pg_sleep(0.001);
			UPDATE ecommerce.stock_levels AS stock SET quantity = line.remaining
			FROM unnest(ids, remaining) AS line (product_id, remaining)
			WHERE bucket = 0 AND stock.product_id = line.product_id;
		}
	},
	'amounts of floating-point numbers' => {
		found => qr/amount or lines are wrong/,
		read_prices => q{
			SELECT array_agg(price ORDER BY place),
				   round(sum(price::double precision * quantity)::numeric, 2)
			INTO prices, order_amount
			FROM unnest(ids, quantities) WITH ORDINALITY AS line (id, quantity, place)
			JOIN ecommerce.products USING (id);
		}
	},
	'last line forgotten' => {
		found => qr/amount or lines are wrong/,
		insert_lines => q{
			IF cardinality(ids) > 1 THEN
				ids := trim_array(ids, 1);
				quantities := trim_array(quantities, 1);
				prices := trim_array(prices, 1);
			END IF;
		} . $step{insert_lines}
	},
	'three commits for an order' => {
		found => qr/amount or lines are wrong|its events are $/m,
		seconds => 2,
		pause => 0.5,
		after_order => 'COMMIT; PERFORM pg_sleep(0.1);',
		after_lines => 'COMMIT; PERFORM pg_sleep(0.1);'
	},
	'order cancelled without a lock' => {
		found => qr/units doubled between stock and orders/,
		lock_order => q{
			SELECT order_status INTO status FROM ecommerce.orders
			WHERE (customer_id, id) = (customer, cancelled);
			PERFORM pg_sleep(0.001);
		}
	});
my $number = 0;

foreach my $name (sort keys %mistake)
{
	my $mistake = $mistake{$name};
	my $database = 'mistake_' . ++$number;
	my $seconds = $mistake->{seconds} // 0.7;
	my $spent = 0;
	my $violations = '';

	make_database($database, %step, %$mistake);
	do
	{
		$violations = torment(
			$other_node, $database, %theirs,
			seconds => $seconds,
			pause => $mistake->{pause});
		$spent += $seconds;
	  } until $violations =~ $mistake->{found} || $spent >= 15;
	like($violations, $mistake->{found},
		"$name: the audit finds it within 15 seconds of trade (seed $seed)");
	note "after $spent seconds";
}

# A crash that is not of the test's own making.
my $session = connect_when_up($other_node);

crashes($other_node);
kill 'SEGV', $session->{pg_pid};
eval { $session->do('SELECT pg_sleep(30)') };
connect_when_up($other_node)->disconnect;
like(crashes($other_node), qr/signal 11/, 'a crash of another kind is noticed');

done_testing();


# A shop with its books.
sub make_shop
{
	my ($shop_node, $database) = @_;

	$shop_node->safe_psql('postgres', "CREATE DATABASE $database")
	  if $database ne 'postgres';
	open_shop($shop_node, $database);
	$shop_node->safe_psql(
		$database, q{
		INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Customer 4', 'Here');
		INSERT INTO ecommerce.products (name, price)
		SELECT 'Thing ' || n, n + 0.0901 FROM generate_series(5, 40) AS n;
		INSERT INTO ecommerce.stock_levels (product_id, quantity)
		SELECT n, 0 FROM generate_series(5, 40) AS n;
		UPDATE ecommerce.stock_levels SET quantity = 20;
		INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity)
		SELECT 1, product_id, quantity FROM ecommerce.stock_levels;
		INSERT INTO ecommerce.carts (user_id, stock_bucket)
		SELECT id, (id = 4)::integer FROM ecommerce.users;
		-- As many digits as a floating-point number has, and more when there are several.
		UPDATE ecommerce.products SET price = 98765432109.8765 WHERE id = 2;
	});
	$shop_node->safe_psql($database, slurp_file("$folder/audit.sql"));
	return;
}

# What the server has written of processes that ended by themselves, since the last look.
sub crashes
{
	my ($shop_node) = @_;
	my $log = slurp_file($shop_node->logfile, $read_of_log{ $shop_node->name } // 0);

	$read_of_log{ $shop_node->name } += length $log;
	return join "\n", $log =~ /^.*(?:terminated by signal (?!9:)|PANIC:|TRAP:).*$/mg;
}

# A copy of the shop with the procedure and the function of these steps.
sub make_database
{
	my ($database, %steps) = @_;

	$other_node->safe_psql('postgres',
		"CREATE DATABASE $database TEMPLATE shop");
	$other_node->safe_psql($database, protocol(%steps));
	$other_node->safe_psql($database, $steps{setup} =~ s/DATABASE DATABASE/DATABASE $database/r)
	  if $steps{setup};
	return;
}

# Lets the clients loose for so many seconds, and meanwhile kills, each time after a
# pause of so many seconds on average, if any. Then returns the violations.
sub torment
{
	my ($victim, $database, %params) = @_;
	my $answers = "$PostgreSQL::Test::Utils::tmp_check/answers";
	my $end = time + $params{seconds};
	my $level = $params{level} // 'read committed';
	# The function's own 40001, for stock that another order has locked, is at every level.
	my $conflicts = $params{conflicts} || $level ne 'read committed' ? 'true' : 'false';
	my $options = '-c default_transaction_isolation=' . $level =~ s/ /\\ /r;
	my $turn = 0;
	my ($clients, $stderr);

	{
		local %ENV = (
			%ENV,
			PGHOST => $victim->host,
			PGPORT => $victim->port,
			PGDATABASE => $database,
			PGAPPNAME => 'torture',
			PGOPTIONS => $options);
		$clients = IPC::Run::start(
			[
				$program, int(rand(2**31)),
				$params{seconds}, $workers,
				int(rand(2**31)), $params{place},
				$params{cancel}
			],
			'<',
			\undef,
			'>', $answers, '2>',
			\$stderr);
	}
	while ($params{pause} && time < $end)
	{
		kill_something($victim, $level, $turn++, rand(2 * $params{pause}));
	}
	$clients->finish or die "the clients gave up: $stderr";
	connect_when_up($victim)->disconnect;

	return $victim->safe_psql(
		$database, qq{
		SET work_mem = '256MB';
		ALTER TABLE audit.answers ALTER level SET DEFAULT '$level';
		COPY audit.answers (kind, user_id, order_id, idempotency_key, order_amount, replayed)
		FROM '$answers' (DELIMITER '|', NULL '');
		UPDATE audit.answers SET kind = 'conflict'
		WHERE kind = '40001' AND $conflicts;
		SELECT violation FROM audit.violations});
}

# Kills, after a pause, a backend, most likely one of the clients', or the server: in turn,
# so that each round, however short, has the server's.
sub kill_something
{
	my ($victim, $level, $turn, $pause) = @_;
	my $session = connect_when_up($victim);
	my $what = 'server';

	usleep(1_000_000 * $pause);
	if ($turn % 8 == 1)
	{
		$victim->kill9;
		start_again($victim);
	}
	else
	{
		$what = kill_backend($session) or return;
	}
	$kills{$_}++
	  foreach ('killed: all', "killed: $what", "$level: killed: $what");
	return;
}

# Returns how, if the server has noticed it.
sub kill_backend
{
	my ($session) = @_;
	my ($pid) = $session->selectrow_array(
		q{
		SELECT pid FROM pg_stat_activity
		WHERE application_name = 'torture' OR backend_type <> 'client backend'
		ORDER BY application_name = 'torture' AND random() < 0.9 DESC, random() LIMIT 1}
	);
	if (($kills{'killed: all'} // 0) % 4 == 2)
	{
		return ($session->selectrow_array(
			q{SELECT 'backend, by pg_terminate_backend' WHERE pg_terminate_backend(?, 30000)},
			undef, $pid))[0];
	}

	# It ends everybody's session.
	return 'backend'
	  if kill('KILL', $pid) && !eval { $session->do('SELECT pg_sleep(30)') };
	return;
}

# Whether each level has had a round, and everything has happened that must; and, in the
# long form, whether there has been enough, or another round would take too long.
sub is_enough
{
	my ($seconds_of_round) = @_;
	my $covered = !grep { ($figures{$_} // 0) < $least{$_} } keys %least;

	if ($soak_seconds)
	{
		return 1
		  if time - $began + $seconds_of_round > $soak_seconds - 60
		  || $figures{orders} >= 1_000_000 && ($kills{'killed: all'} // 0) >= 1_000;
		return 0;
	}
	return $rounds >= @levels && $covered || $rounds >= 20 * @levels;
}

sub first_lines
{
	my ($text) = @_;
	return join "\n", grep { defined } (split /\n/, $text)[ 0 .. 19 ];
}

# What there is in the books: counts by name.
sub figures
{
	my ($shop_node, $database) = @_;

	return map { split /\|/ } split /\n/, $shop_node->safe_psql(
		$database, q{
		SELECT 'orders', count(*) FROM ecommerce.orders
		UNION ALL
		SELECT 'lines', count(*) FROM ecommerce.order_details
		UNION ALL
		SELECT 'lines of the longest order', max(line_number) FROM ecommerce.order_details
		UNION ALL
		SELECT CASE WHEN quantity > 0 THEN 'units added' ELSE 'units removed' END,
			   abs(sum(quantity))
		FROM audit.ledger WHERE quantity <> 0 GROUP BY 1
		UNION ALL
		SELECT level || ': ' || kind, count(*) FROM audit.answers
		WHERE kind IN ('order', 'cancelled', 'lost') AND NOT coalesce(replayed, false) GROUP BY 1
		UNION ALL
		SELECT 'orders ' || lower(order_status), count(*) FROM ecommerce.orders GROUP BY 1
		UNION ALL
		SELECT 'answers ' || kind || CASE WHEN replayed THEN ', replayed' ELSE '' END, count(*)
		FROM audit.answers GROUP BY 1});
}

# The procedure place() and the function cancel() of these steps. Between them they take
# their time, so that there are always clients that meet in the middle.
sub protocol
{
	my (%steps) = @_;

	return qq{
		CREATE PROCEDURE place(customer bigint, key text, INOUT order_id bigint,
							   INOUT order_amount numeric, INOUT replayed boolean)
		LANGUAGE plpgsql AS \$\$
		DECLARE
			ids bigint[];
			quantities integer[];
			remaining bigint[];
			prices numeric[];
		BEGIN
			$steps{lock_cart}
			PERFORM pg_sleep(0.001);
			$steps{find_key}
			IF order_id IS NOT NULL THEN
				$steps{replay}
				RETURN;
			END IF;
			replayed := false;
			PERFORM pg_sleep(0.001);
			$steps{take_items}
			IF ids IS NULL THEN
				RAISE SQLSTATE 'PT404';
			END IF;
			PERFORM pg_sleep(0.001);
			$steps{lock_stock}
			$steps{take_stock}
			$steps{read_prices}
			INSERT INTO ecommerce.orders (customer_id, order_amount, currency,
				shipping_address, idempotency_key)
			VALUES (customer, order_amount, 'USD', 'Here', key)
			RETURNING id INTO order_id;
			$steps{after_order}
			$steps{insert_lines}
			$steps{after_lines}
			INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,
				event, new_status, actor)
			VALUES (customer, order_id, 1, 'order_placed', 'PROCESSING', current_user);
		END \$\$;

		CREATE FUNCTION cancel(customer bigint, cancelled bigint) RETURNS void
		LANGUAGE plpgsql AS \$\$
		DECLARE
			status text;
		BEGIN
			$steps{lock_order}
			IF status = 'CANCELLED' THEN
				RETURN;
			ELSIF status <> 'PROCESSING' THEN
				RAISE SQLSTATE 'PT409';
			END IF;
			$steps{return_stock}
			INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,
				event, old_status, new_status, payload, actor)
			SELECT customer, cancelled, 1 + max(event_number), 'order_cancelled', status,
				   'CANCELLED', '{"reason": "customer"}', current_user
			FROM ecommerce.order_events WHERE (customer_id, order_id) = (customer, cancelled);
			UPDATE ecommerce.orders SET order_status = 'CANCELLED'
			WHERE (customer_id, id) = (customer, cancelled);
		END \$\$};
}
