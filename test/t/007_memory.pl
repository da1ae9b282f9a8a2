# Proves that a session may go on for ever: after thousands of calls, successful or
# not, it holds no more memory and no more plans than before, and each call leaves the
# role and the search_path as they were.
#
# The long form places 100,000 orders, or as many as SOAK_SECONDS have room for.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = start_server('memory', settings => "autovacuum = off\nlog_statement = none");
my $calls = 2000;

# Less than the smallest piece of memory for each call.
my $slack = 8 * $calls;

open_shop($node);
$node->safe_psql(
	'postgres', q{
	INSERT INTO ecommerce.users (name, shipping_address)
	SELECT 'Customer ' || n, 'Here' FROM generate_series(4, 103) AS n;
	UPDATE ecommerce.stock_levels SET quantity = 1000000;

	-- Customer 1 has a cart that can be ordered, 2 one that exceeds the stock, 3 one
	-- with a product that is not sold any more.
	INSERT INTO ecommerce.products (name, price) VALUES ('Thing 5', 5), ('Thing 6', 6);
	SELECT ecommerce.add_to_cart(1, 1, 1);
	SELECT ecommerce.add_to_cart(2, 5, 1);
	SELECT ecommerce.add_to_cart(3, 6, 1);
	UPDATE ecommerce.products SET is_active = false WHERE name = 'Thing 6';

	CREATE TABLE failing_calls AS SELECT * FROM (VALUES
		('place_order(NULL)'),                        -- 22004
		('add_to_cart(1, 1, 2147483647)'),            -- 22003
		('place_order(0)'),                           -- PT404
		('add_to_cart(1, 0)'),
		('cart_json(0)'),
		('order_listing_json(1, before_id => 0)'),
		('place_order(1, expected_amount => 1)'),     -- PT409
		('place_order(2)'),
		('place_order(3)'),
		('set_cart_item(1, 6, 1)')) AS _ (call);

	CREATE FUNCTION identity() RETURNS text LANGUAGE sql
	RETURN concat_ws(' ', session_user, current_user, current_setting('search_path'));

	-- Calls in a subtransaction.
	CREATE FUNCTION outcome_of(call text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE 'SELECT ecommerce.' || call;
		RETURN 'success';
	EXCEPTION
		WHEN OTHERS THEN RETURN SQLSTATE;
	END $$;
});


# The long form takes longer than an answer may otherwise.
$PostgreSQL::Test::Utils::timeout_default += $ENV{SOAK_SECONDS} // 0;

# Memory and plans.
my %statements = (
	'successful calls' => q{
		SELECT format('SELECT ecommerce.add_to_cart(%s, %s) IS NULL', customer, 1 + n % 4),
			   format('SELECT ecommerce.place_order(%s, idempotency_key => %L) IS NULL', customer, clock_timestamp()),
			   format('SELECT ecommerce.order_listing_json(%s) IS NULL', customer),
			   format('SELECT ecommerce.order_listing_json(%s, 5, status => ''PROCESSING'') IS NULL', customer),
			   format('SELECT ecommerce.%s IS NULL FROM ecommerce.orders WHERE customer_id = %s',
					  format(CASE WHEN n % 2 = 0 THEN 'cancel_order(%s, max(id), ''staff'')'
							 ELSE 'set_order_status(%s, max(id), ''SHIPPED'')' END, customer),
					  customer),
			   'SELECT ecommerce.acknowledge_order_events(ARRAY(SELECT (event->''id'')::bigint'
			   ' FROM jsonb_array_elements(ecommerce.take_order_events(3)) AS event)) IS NULL'
		FROM generate_series(1, :calls) AS n, LATERAL (SELECT 4 + n % 100) AS _ (customer)
		\gexec
	},
	'failing calls' => q{
		SELECT 'SELECT ecommerce.' || call FROM failing_calls, generate_series(1, :calls / 10)
		\gexec
	},
	'failing calls in subtransactions' => q{
		SELECT outcome_of(call) FROM failing_calls, generate_series(1, :calls / 10)
	});

foreach my $kind (sort keys %statements)
{
	my $session = Shop::Client->new($node);
	my (@before, @after, $answer);

	# The first calls fill caches.
	$session->ask("\\set calls 200\n$statements{$kind}");
	@before = held_by($session);
	$answer = $session->ask("\\set calls $calls\n$statements{$kind}");
	@after = held_by($session);
	$session->quit;

	if ($kind eq 'successful calls')
	{
		is($answer, join("\n", ('f') x (6 * $calls)), "$kind: all of them are");
	}
	else
	{
		my %count;

		$count{$_}++ foreach $answer =~ /^(?:ERROR:  )?(\w{5})$/mg;
		is_deeply(
			\%count,
			{
				'22003' => $calls * 0.1,
				'22004' => $calls * 0.1,
				'PT404' => $calls * 0.4,
				'PT409' => $calls * 0.4
			},
			"$kind: all of them are");
	}
	cmp_ok($after[0] - $before[0],
		'<', $slack, "$kind: the session holds no more memory");
	is($after[1], $before[1], "$kind: and no more plans");
}
is( $node->safe_psql('postgres', 'SELECT count(*) FROM ecommerce.orders'),
	$calls + 200, 'each order was placed');

# A session that does nothing but sell. What the functions have not given back would be
# the same for each order, so half of them would leave half of it.
my $session = Shop::Client->new($node);
my $most = $ENV{SOAK_SECONDS} ? 100_000 : 3_000;
my $end = time + ($ENV{SOAK_SECONDS} // 3600);
my @held;

for (my $orders = 0; $orders < $most && time < $end; $orders += 1000)
{
	my $answer = $session->ask(
		q{
		SELECT format('SELECT ecommerce.add_to_cart(%s, %s) IS NULL', customer, 1 + n % 4),
			   format('SELECT ecommerce.place_order(%s) IS NULL', customer)
		FROM generate_series(1, 1000) AS n, LATERAL (SELECT 4 + n % 100) AS _ (customer)
		\gexec
	});
	die "orders were not placed: $answer" if $answer ne join "\n", ('f') x 2000;
	push @held, [ held_by($session), memory_of($session, 'RssAnon') ];
}
$session->quit;
note(sprintf 'after %d orders: %d bytes in contexts, %d plans, %d kB of anonymous memory',
	1000 * (1 + $_), @{ $held[$_] })
  foreach (0, int($#held / 2), $#held);
cmp_ok(scalar @held, '>', 1, 'orders: there are sessions to compare');
cmp_ok($held[-1]->[0] - $held[0]->[0],
	'<', 1000 * @held, 'orders: ' . 1000 * @held . ' later, the session holds no more memory');
is($held[-1]->[1], $held[0]->[1], 'orders: and no more plans');
cmp_ok($held[-1]->[2] - $held[0]->[2],
	'<', 4096, 'orders: nor has it more memory of the machine\'s');

# Something small kept for each of as many calls would be noticed.
$session = Shop::Client->new($node);
my ($before) = held_by($session);

$session->ask(q{SELECT format('LISTEN n%s', n) FROM generate_series(1, 3000) AS n \gexec});
cmp_ok((held_by($session))[0] - $before,
	'>', 3000, 'a session that holds more memory is noticed');
$session->quit;

sub held_by
{
	my ($session) = @_;

	return split /\|/, $session->ask(
		q{
		SELECT sum(used_bytes), count(*) FILTER (WHERE name LIKE 'CachedPlan%')
		FROM pg_backend_memory_contexts});
}

# What a session's process has of this, in kilobytes; 0 where the system does not say.
sub memory_of
{
	my ($session, $kind) = @_;
	my $file = '/proc/' . $session->pid . '/status';

	return -e $file && slurp_file($file) =~ /^$kind:\s+(\d+)/m ? $1 : 0;
}

# Many events are taken at once, and no more of each is kept than the document has.
$session = Shop::Client->new($node);
$session->ask('SELECT ecommerce.take_order_events(1)');
my $peak = memory_of($session, 'VmPeak');

is($session->ask('SELECT jsonb_array_length(ecommerce.take_order_events(2000))'),
	2000, 'events: 2000 at once');
$peak = memory_of($session, 'VmPeak') - $peak;
cmp_ok($peak, '<', 2000 * 8, "events: they took $peak kB");
$session->quit;


# Role and search_path.
$node->safe_psql(
	'postgres', q{
	CREATE ROLE shopper LOGIN;
	CREATE ROLE clerk;
	GRANT clerk TO shopper;
	GRANT USAGE ON SCHEMA ecommerce TO shopper, clerk;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO shopper, clerk;

	CREATE FUNCTION identity_after(call text, OUT outcome text, OUT identity text)
	LANGUAGE plpgsql AS $$
	BEGIN
		outcome := public.outcome_of(call);
		identity := public.identity();
	END $$;
	CREATE FUNCTION identity_after_as_clerk(call text, OUT outcome text, OUT identity text)
	LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		outcome := public.outcome_of(call);
		identity := public.identity();
	END $$;
	ALTER FUNCTION identity_after_as_clerk OWNER TO clerk;
});

$session = Shop::Client->new($node, role => 'shopper');

$session->ask(q{SET request.jwt.claims = '{"user_id": 1}'; SET search_path = elsewhere});
foreach my $case (
	[ 'success' => 'cart_json(1)' ],
	[ 'success' => 'place_order(1)' ],
	[ 'success' => 'add_to_cart(1, 1)' ],
	[ 'success' => 'order_listing_json(1)' ],
	[ 'PT404' => 'add_to_cart(1, 0)' ],
	[ 'PT409' => 'place_order(1, expected_amount => 1)' ],
	[ '42501' => 'place_order(2)' ])
{
	my ($outcome, $call) = @$case;

	is( $session->ask("SELECT outcome, identity FROM public.identity_after('$call')"),
		"$outcome|shopper shopper elsewhere",
		"$outcome of $call leaves role and search_path");
}
is( $session->ask(
		q{SELECT outcome, identity FROM public.identity_after_as_clerk('cart_json(1)')}
	),
	'success|shopper clerk elsewhere',
	'so does a call in a SECURITY DEFINER function');
is( $session->ask(
		q{SELECT outcome, identity FROM public.identity_after_as_clerk('cart_json(2)')}
	),
	'42501|shopper clerk elsewhere',
	'and one that fails in there');

# The transaction has no more rights after the calls than before, and no fewer.
is( $session->ask(
		q{
		BEGIN;
		SET LOCAL search_path = nowhere;
		SELECT public.outcome_of('cart_json(1)'), public.outcome_of('cart_json(2)');
		SELECT public.identity();
		SELECT ecommerce.cart_json(1) IS NULL, ecommerce.add_to_cart(1, 1) IS NULL,
			   ecommerce.place_order(1) IS NULL, ecommerce.order_listing_json(1) IS NULL;
		SELECT public.identity();
		SET LOCAL ROLE clerk;
		SELECT public.identity();
		SELECT count(*) FROM ecommerce.orders;
		ROLLBACK;
	}),
	join(
		"\n",
		'success|42501',
		'shopper shopper nowhere',
		'f|f|f|f',
		'shopper shopper nowhere',
		'shopper clerk nowhere',
		'ERROR:  42501'),
	'the transaction goes on with the rights of the caller');
$session->quit;

done_testing();
