# Proves that a call which is cancelled or times out, at whatever moment, does nothing
# and leaves nothing: no half of an order, no other role or search_path, no lock, open
# transaction, temporary file or memory in a session that goes on; and that the looks
# which say so would notice.
#
# Calls and moments are chosen at random. The seed is in the names of the tests; SEED
# in the environment repeats the choice, though not what the server is at just then.
# The long form goes on for SOAK_SECONDS.

use strict;
use warnings;
no warnings 'redundant';

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use List::Util qw(min);
use Time::HiRes qw(time usleep);

eval { require DBD::Pg }
  or plan skip_all => 'there is no DBD::Pg (package libdbd-pg-perl)';

my $calls = 10_000;
my $calls_in_batch = 50;
my $products = 15;

# What the server's caches may still grow by: their hash tables double. Three times as many
# calls grow it by a tenth more.
my $caches = 384 * 1024;
my $seed = $ENV{SEED} // int(rand(2**31));
my $node = start_server('interrupts',
	settings => "autovacuum = off\nlog_statement = none\nlog_min_messages = fatal");
my ($observer, $holder, $state, @warnings, %duration, %result);

srand $seed;
make_shop();
$observer = open_session('postgres', RaiseError => 1);
$holder = open_session('postgres', RaiseError => 1);
$holder->do(q{SET lock_timeout = '1min'});
local $SIG{__WARN__} = sub { push @warnings, $_[0] };

# What a clerk calls for the customer %1$d, whom the claims of the session name too. A
# name says the function, and behind a dash what is special about the call.
my $order =
  '(SELECT coalesce(max(id), 0) FROM ecommerce.orders WHERE customer_id = %1$d)';
my %calls_of_clerk = (
	'place_order' =>
	  'ecommerce.place_order(%1$d, idempotency_key => clock_timestamp()::text)',
	'place_order-key' => q{ecommerce.place_order(%1$d, idempotency_key => '%3$d')},
	'place_order-api' => 'ecommerce_api.place_order()',
	'add_to_cart' => 'ecommerce.add_to_cart(%1$d, %2$d, %3$d)',
	'add_to_cart-all' =>
	  'count(ecommerce.add_to_cart(%1$d, id)) FROM ecommerce.products',
	'add_to_cart-api' => 'ecommerce_api.add_to_cart(%2$d)',
	'set_cart_item' => 'ecommerce.set_cart_item(%1$d, %2$d, %3$d - 1)',
	'set_cart_items' => 'ecommerce.set_cart_items(%1$d, ARRAY[%2$d::bigint], ARRAY[%3$d - 1])',
	'clear_cart' => 'ecommerce.clear_cart(%1$d)',
	'set_cart_coupons' => q{ecommerce.set_cart_coupons(%1$d, '{TEN}')},
	'set_cart_shipping-api' => q{ecommerce_api.set_cart_shipping('post')},
	'cart_json' => 'ecommerce.cart_json(%1$d)',
	'order_json' => "ecommerce.order_json(%1\$d, $order)",
	'order_listing_json' => 'ecommerce.order_listing_json(%1$d)',
	'order_listing_json-api' => 'ecommerce_api.order_listing_json(%3$d)',
	'set_order_status-shipped' => "ecommerce.set_order_status(%1\$d, $order, 'SHIPPED')",
	'set_order_status-returned' => "ecommerce.set_order_status(%1\$d, $order, 'RETURNED')",
	'cancel_order' => "ecommerce.cancel_order(%1\$d, $order, 'staff')",
	'return_items' => "ecommerce.return_items(%1\$d, $order,"
	  . q{ '[{"line": 1, "quantity": 1}]', true)},
	'cancel_order-api' => "ecommerce_api.cancel_order($order)",
	'correct_order_status' => "ecommerce.correct_order_status(%1\$d, $order, 'PROCESSING', 'Mistake')",
	'set_order_address' => "ecommerce.set_order_address(%1\$d, $order, 'There %3\$d')",
	'find_order' => "ecommerce.find_order($order)",
	'order_queue' => 'ecommerce.order_queue(page_size => %3$d)',
	'record_payment' =>
	  "ecommerce.record_payment(%1\$d, $order, 'card', clock_timestamp()::text, 'captured', %3\$d)",
	'request_refund' =>
	  "ecommerce.request_refund(%1\$d, $order, clock_timestamp()::text, 0.5, 'card')",
	'expire_unpaid_orders' => 'ecommerce.expire_unpaid_orders(%3$d)',
	'merge_carts' => 'ecommerce.merge_carts(%1$d, 1)',
	'order_again' => "ecommerce.order_again(%1\$d, $order)",
	'clear_abandoned_carts' => q{ecommerce.clear_abandoned_carts('-infinity')},
	'profile_json' => 'ecommerce.profile_json(%1$d)',
	'set_profile' => q{ecommerce.set_profile(%1$d, name => 'Name %3$d')},
	'warm_up' => 'ecommerce.warm_up()',
	'outbox_metrics' => 'count(*) FROM ecommerce.outbox_metrics()',
	'take_order_events' => 'ecommerce.take_order_events(5, lease_seconds => 1)',
	'acknowledge_order_events' =>
	  'ecommerce.acknowledge_order_events(ARRAY(SELECT id FROM ecommerce.order_events'
	  . ' WHERE customer_id = %1$d LIMIT %3$d))',
	'fail_order_events' =>
	  'ecommerce.fail_order_events(ARRAY(SELECT id FROM ecommerce.order_events'
	  . q{ WHERE customer_id = %1$d LIMIT %3$d), 'why')},
	'release_order_events' =>
	  'ecommerce.release_order_events(ARRAY(SELECT id FROM ecommerce.order_events'
	  . ' WHERE customer_id = %1$d LIMIT %3$d))',
	'receive_stock' => 'ecommerce.receive_stock(ARRAY[%2$d::bigint], ARRAY[%3$d])',
	'transfer_stock' => 'ecommerce.transfer_stock(clock_timestamp()::text, %2$d, %3$d, %1$d %% 2, 1 - %1$d %% 2)',
	'split_stock' => 'ecommerce.split_stock(%2$d, %3$d)',
	'set_promotion_limit' => 'ecommerce.set_promotion_limit(1, 1000000 + %3$d)',
	'order_integrity' => 'count(*) FROM ecommerce.order_integrity()',
	'erase_user' => 'ecommerce.erase_user(%1$d, true)');
my %is_rare = map { $_ => 1 } ('order_integrity', 'erase_user');
my %calls_of_owner = (
	'grant_api' => q{ecommerce.grant_api('visitor', 'customer', 'helper')},
	'revoke_api' => q{ecommerce.revoke_api('visitor', 'customer', 'helper')},
	'import_orders' => q{ecommerce.import_orders('[]')},
	'archive_orders' => q{ecommerce.archive_orders('-infinity')},
	'ids_of_shard' => 'ecommerce.ids_of_shard(0, 2)',
	'migrate' => 'ecommerce.migrate()',
	'set_owner' => q{ecommerce.set_owner((ARRAY['shop', 'heir'])[1 + %1$d %% 2])});

# What another transaction holds while a call waits for it.
my @locks = (
	'SELECT FROM ecommerce.carts WHERE user_id = %d FOR UPDATE',
	'SELECT FROM ecommerce.cart_items WHERE user_id = %d FOR UPDATE',
	'SELECT FROM ecommerce.orders WHERE customer_id = %d FOR UPDATE',
	'SELECT FROM ecommerce.users WHERE id = %d FOR UPDATE',
	'SELECT FROM ecommerce.stock_levels WHERE product_id %% 9 = %d %% 9 FOR UPDATE',
	'LOCK TABLE ecommerce.orders',
	'LOCK TABLE ecommerce.products');

# The real functions.
%result = torment(
	calls_of_clerk => \%calls_of_clerk,
	calls_of_owner => \%calls_of_owner,
	$ENV{SOAK_SECONDS}
	? (seconds => $ENV{SOAK_SECONDS})
	: (calls => $calls));
is($result{violations}, '',
	"$result{calls} calls: nothing half done, nothing left (seed $seed)");
note("the session grew by $result{growth} bytes");
is( join(' ', grep { !/^(?:success|57014|55P03|22004|PT4\d\d)$/ } sort keys %{ $result{outcomes} }),
	'',
	'no other error');
cmp_ok($result{outcomes}->{$_}, '>=', $result{calls} / 100, "$_: $result{outcomes}->{$_}")
  foreach ('success', '57014', '55P03');
cmp_ok($result{interrupted}->{$_} // 0, '>=', 1,
	"$_: interrupted " . ($result{interrupted}->{$_} // 0) . ' times')
  foreach (sort(keys %calls_of_clerk, keys %calls_of_owner));

is( join(' ', grep {
			my $function = $_;
			!grep { /^$function\b/ } (keys %calls_of_clerk, keys %calls_of_owner)
		} @{ $observer->selectcol_arrayref(
				q{SELECT DISTINCT proname FROM pg_proc
				  WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)
				  AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
				  AND proname NOT IN ('current_user_id', 'currency_digits', 'distribute', 'undistribute')}) }),
	'', 'each function was called');

# Functions that are not as careful, and sessions that are not.
$observer->do(
	q{
	CREATE FUNCTION swallow_half() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		UPDATE ecommerce.stock_levels SET quantity = quantity + 1 WHERE product_id = 1;
		BEGIN
			PERFORM pg_sleep(0.002);
		EXCEPTION
			WHEN query_canceled THEN RETURN;
		END;
		UPDATE ecommerce.stock_levels SET quantity = quantity - 1 WHERE product_id = 1;
	END $$;
	CREATE FUNCTION swallow_all(customer bigint) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM ecommerce.place_order(customer), pg_sleep(0.002);
	EXCEPTION
		WHEN query_canceled THEN RETURN;
	END $$;
	CREATE FUNCTION leave_lock() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_advisory_lock(1), pg_sleep(0.002);
		PERFORM pg_advisory_unlock(1);
	END $$;
	CREATE FUNCTION leave_setting() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		SET search_path = ecommerce;
		BEGIN
			PERFORM pg_sleep(0.002);
		EXCEPTION
			WHEN query_canceled THEN RETURN;
		END;
		RESET search_path;
	END $$;
	CREATE FUNCTION leave_memory() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		FOR i IN 1..20 LOOP
			EXECUTE 'LISTEN left_behind_by_the_call_that_was_made_at_'
					|| to_char(clock_timestamp(), 'SSSSUS');
		END LOOP;
	END $$;
});
my %mistake = (
	'cancellation swallowed half way' =>
	  [ 'swallow_half()', qr/half done/, 300 ],
	'cancellation swallowed, and nothing done' =>
	  [ 'swallow_all(%1$d)', qr/half done/, 1000, 'place_order' ],
	'advisory lock left' => [ 'leave_lock()', qr/left: lock/, 300 ],
	'setting left' => [ 'leave_setting()', qr/left: identity/, 300 ],
	'transaction left open' =>
	  [ '1; BEGIN; SELECT count(*) FROM ecommerce.orders', qr/left: .*transaction/, 300 ],
	'memory left' => [ 'leave_memory()', qr/left: memory/, 2000 ]);

foreach my $name (sort keys %mistake)
{
	my ($call, $found, $most, $stands_for) = @{ $mistake{$name} };

	%result = torment(
		calls_of_clerk => $stands_for
		? { %calls_of_clerk{'add_to_cart'}, $stands_for => $call }
		: { broken => $call },
		until => $found,
		calls => $most);
	like($result{violations}, $found, "$name: it is noticed (seed $seed)");
}

undef $state;
$_->disconnect foreach ($observer, $holder);
done_testing();


sub make_shop
{
	$node->safe_psql('postgres', 'CREATE ROLE shop; CREATE ROLE heir');
	open_shop($node, 'postgres', 'shop');
	$node->safe_psql(
		'postgres', qq{
		INSERT INTO ecommerce.products (name, price)
		SELECT 'Thing ' || n, n FROM generate_series(5, $products) AS n;
		INSERT INTO ecommerce.stock_levels (product_id, quantity)
		SELECT id, 1000000 FROM ecommerce.products ON CONFLICT (product_id, bucket, till)
		DO UPDATE SET quantity = 1000000;

		CREATE ROLE clerk LOGIN;
		INSERT INTO ecommerce.promotions (code, name, kind, value)
		VALUES ('TEN', 'Ten off', 'percent', 10);
		INSERT INTO ecommerce.shipping_rates (code, name, price) VALUES ('post', 'Post', 5);
		CREATE ROLE visitor;
		CREATE ROLE customer;
		CREATE ROLE helper;
		ALTER ROLE visitor SET statement_timeout = '1min';
		ALTER ROLE visitor SET lock_timeout = '1min';
		ALTER ROLE customer SET statement_timeout = '1min';
		ALTER ROLE customer SET lock_timeout = '1min';
		ALTER ROLE helper SET statement_timeout = '1min';
		ALTER ROLE helper SET lock_timeout = '1min';
		SELECT ecommerce.grant_api(staff => 'clerk');
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce_api TO clerk;
		GRANT pg_read_all_stats TO clerk;
	});
	$node->safe_psql(
		'postgres', q{
		-- What could be left in a session.
		CREATE FUNCTION identity() RETURNS text LANGUAGE sql STABLE AS $$
		SELECT concat_ws(' ', session_user, current_user, current_setting('role'),
						 current_setting('search_path'), current_setting('request.jwt.claims'),
						 (SELECT count(*) FROM pg_cursors),
						 (SELECT count(*) FROM pg_prepared_statements))
		$$;

		-- What a session holds between transactions; and all that a call for the customer
		-- may change, in numbers and otherwise.
		CREATE FUNCTION state(process integer, customer bigint) RETURNS TABLE (
			holds text, in_cart bigint, ordered bigint, in_stock_or_sold bigint, rest text)
		LANGUAGE sql STABLE AS $$
		SELECT concat_ws(', ',
				   (SELECT string_agg(format('lock %s %s', locktype, mode), ', ')
					FROM pg_locks WHERE pid = process),
				   (SELECT format('transaction %s, xid %s, xmin %s', state, backend_xid,
								  backend_xmin)
					FROM pg_stat_get_activity(process)
					WHERE (state, backend_xid, backend_xmin) IS DISTINCT FROM ('idle', NULL, NULL))),
			   (SELECT coalesce(sum(quantity), 0) FROM ecommerce.cart_items
				WHERE user_id = customer),
			   (SELECT coalesce(sum(quantity), 0) FROM ecommerce.order_details
				WHERE customer_id = customer),
			   (SELECT sum(quantity) FROM ecommerce.stock_levels)
			   + (SELECT coalesce(sum(quantity), 0)
				  FROM ecommerce.order_details JOIN ecommerce.orders USING (customer_id)
				  WHERE customer_id = customer AND id = order_id
					AND order_status <> 'CANCELLED')
			   -- What came back is in stock again; it is not, if it was thrown away.
			   + (SELECT coalesce(sum(CASE WHEN order_status <> 'CANCELLED' AND is_restocked THEN -quantity
										   WHEN order_status = 'CANCELLED' AND NOT is_restocked THEN quantity END), 0)
				  FROM ecommerce.order_return_lines AS line
				  JOIN ecommerce.order_returns USING (customer_id, order_id, return_number)
				  JOIN ecommerce.orders USING (customer_id)
				  WHERE customer_id = customer AND orders.id = line.order_id),
			   md5(concat(
				   (SELECT string_agg(item::text, ' ' ORDER BY product_id)
					FROM ecommerce.cart_items AS item WHERE user_id = customer),
				   (SELECT string_agg(orders::text, ' ' ORDER BY id)
					FROM ecommerce.orders WHERE customer_id = customer),
				   (SELECT string_agg(event::text, ' ' ORDER BY id)
					FROM ecommerce.order_events AS event WHERE customer_id = customer),
				   (SELECT string_agg(line::text || back::text, ' ' ORDER BY order_id, return_number, line_number)
					FROM ecommerce.order_return_lines AS line
					JOIN ecommerce.order_returns AS back USING (customer_id, order_id, return_number)
					WHERE customer_id = customer),
				   (SELECT string_agg(balance::text, ' ' ORDER BY order_id)
					FROM ecommerce.order_balances AS balance WHERE customer_id = customer),
				   (SELECT users FROM ecommerce.users WHERE id = customer),
				   (SELECT string_agg(relacl::text, ' ' ORDER BY oid) FROM pg_class
					WHERE relnamespace = 'ecommerce'::regnamespace)))
		$$;

		-- Calls in a subtransaction, and goes on whatever becomes of the call.
		CREATE FUNCTION caught(call text, identity text) RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			EXECUTE call;
		EXCEPTION
			WHEN query_canceled OR others THEN
				RAISE NOTICE 'caught %', SQLSTATE;
				IF identity() <> identity THEN
					RAISE WARNING 'left: identity %', identity();
				END IF;
		END $$;
	});
	return;
}

# An error is no exception: the SQLSTATE is asked for.
sub open_session
{
	my ($role, %attributes) = @_;

	my $session = DBI->connect(
		'dbi:Pg:' . $node->connstr('postgres') =~ s/ /;/gr, $role, '',
		{
			RaiseError => 0,
			PrintError => 0,
			PrintWarn => 1,
			%attributes
		}) || die DBI->errstr;
	$session->do('PREPARE identity AS SELECT identity()');
	return $session;
}

# Makes calls and disturbs them, until there have been so many, or it has taken so many
# seconds, or there is a violation that matches until. Returns the violations, the number
# of calls, how often each outcome came, and how often each call was interrupted.
sub torment
{
	my %params = @_;
	my $until = $params{until} // qr/./;
	my $end = time + ($params{seconds} // 3600);
	my $most = $params{calls} // 1e9;
	my %session = map { $_ => open_session($_) } ('clerk', 'postgres');
	my %torment = (violations => '', calls => 0, outcomes => {}, interrupted => {});
	my $settled;

	while ($torment{violations} !~ $until && $torment{calls} < $most && time < $end)
	{
		my $choice = rand();

		if ($params{calls_of_owner} && $choice < 0.1)
		{
			make_calls(\%torment, $session{postgres}, $params{calls_of_owner});
		}
		elsif ($choice < 0.3)
		{
			# One that has yet to prepare its plans.
			my $new = open_session('clerk');

			make_calls(\%torment, $new, $params{calls_of_clerk});
			$new->disconnect;
		}
		else
		{
			make_calls(\%torment, $session{clerk}, $params{calls_of_clerk});
		}

		# The first calls fill caches.
		$settled //= memory_of($session{clerk}, $params{calls_of_clerk})
		  if $torment{calls} >= min($most, $calls) / 4;

		# The shop grows, and the look at all of it takes longer and longer.
		$torment{violations} .= order_integrity() if rand() < 2000 / $torment{calls};
	}

	$torment{violations} .= order_integrity();
	$torment{growth} = memory_of($session{clerk}, $params{calls_of_clerk}) - ($settled // 0);
	$torment{violations} .= "left: memory, $torment{growth} bytes\n"
	  if $torment{growth} > 8 * $torment{calls} + $caches && $torment{violations} eq '';
	$_->disconnect foreach values %session;
	$torment{violations} .= "left: temporary file $_\n"
	  foreach @{ $observer->selectcol_arrayref('SELECT name FROM pg_ls_tmpdir()') };
	return %torment;
}

# Makes some calls for a customer of their own, and looks around after each.
sub make_calls
{
	my ($torment, $session, $calls) = @_;
	my ($customer) = $observer->selectrow_array(
		q{
		INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Customer', 'Here')
		RETURNING id});
	my @names = sort keys %$calls;
	my ($identity, @before);

	$session->do(qq{SET request.jwt.claims = '{"user_id": $customer}'});
	($identity) = $session->selectrow_array('EXECUTE identity');
	(undef, @before) = state($session, $customer);
	foreach (1 .. $calls_in_batch)
	{
		my $name = $names[ int(rand(@names)) ];

		redo if $is_rare{$name} && rand() < 0.9;
		my $call = 'SELECT ' . sprintf $calls->{$name},
		  $customer, 1 + int(rand($products)), 1 + int(rand(3));
		my $outcome = disturb($session, $name, $call, $identity, $customer);
		my ($identity_now) = $session->selectrow_array('EXECUTE identity');
		my ($holds, @after) = state($session, $customer);
		my @found = map { "left: $_" } @warnings;

		push @found, "left: $holds" if $holds ne '';
		push @found, "left: identity $identity_now" if $identity_now ne $identity;
		push @found, "half done: (@before) became (@after)"
		  if $outcome ne 'success' ? "@before" ne "@after" : !adds_up($name, \@before, \@after);
		$torment->{violations} .= "$name, $outcome, $_\n" foreach @found;
		$torment->{calls}++;
		$torment->{outcomes}->{$outcome}++;
		$torment->{interrupted}->{$name}++ if $outcome =~ /^5[57]/;
		last if @found;
		@before = @after;
	}
	return;
}

# Makes a call, and interrupts it somehow. Returns its SQLSTATE, or "success".
sub disturb
{
	my ($session, $name, $call, $identity, $customer) = @_;
	my $how = rand();
	my $moment = rand(1.3 * ($duration{$name} // 0.005));
	my ($begun, $outcome);
	my ($sent, @afterwards) = @{ (
			[$call],
			[ "BEGIN; $call; COMMIT", 'ROLLBACK' ],
			[ "BEGIN; SAVEPOINT s; $call; COMMIT", 'ROLLBACK TO s', 'COMMIT' ],
			["SELECT caught(\$call\$$call\$call\$, '$identity')"])[ int(rand(4)) ] };

	@warnings = ();
	$session->do('DISCARD PLANS') if rand() < 0.02;
	if ($how < 0.15)
	{
		$session->do('SET statement_timeout = ' . (1 + int(rand(3))));
	}
	elsif ($how < 0.30)
	{
		# The timeout also ends the wait of a call that the signal came too early for.
		$session->do('SET lock_timeout = ' . (1 + int(rand(3))));
		$holder->begin_work;
		$holder->do(sprintf $locks[ int(rand(@locks)) ], $customer);
	}
	$begun = time;
	$session->do($sent, { pg_async => 1 });
	if ($how >= 0.20 && $how < 0.90)
	{
		usleep(1e6 * $moment);
		if ($how < 0.80)
		{
			kill('INT', $session->{pg_pid});
		}
		else
		{
			$observer->do("SELECT pg_cancel_backend($session->{pg_pid})");
		}
	}
	$session->pg_result;
	$outcome = $session->state || 'success';
	$duration{$name} = 0.9 * ($duration{$name} // time - $begun) + 0.1 * (time - $begun)
	  if $how >= 0.90;

	# The call may not have come as far as BEGIN or SAVEPOINT, and a timeout of a
	# millisecond ends what comes after it too.
	if (@afterwards && $outcome ne 'success')
	{
		$session->do($_) foreach @afterwards;
		do_at_last($session, 'ROLLBACK');
	}
	do_at_last($session, 'RESET statement_timeout; RESET lock_timeout') if $how < 0.30;
	$holder->rollback if $how >= 0.15 && $how < 0.30;

	# What caught() says, and a ROLLBACK too many.
	@warnings = grep { !/there is no transaction in progress/ }
	  grep { !(/^NOTICE:  caught (\w{5})$/m && ($outcome = $1)) } @warnings;
	return $outcome;
}

# In a transaction that a call has left open and failed, this never succeeds, and that
# it is open is what is found then.
sub do_at_last
{
	my ($session, $statement) = @_;

	foreach (1 .. 100)
	{
		return if $session->do($statement);
	}
	return;
}

# Whether a call that succeeded did all of what it does.
sub adds_up
{
	my ($name, $before, $after) = @_;

	# Units are in stock or sold; and they are put into the cart, or ordered out of it: all
	# of them, but for a key that was used before.
	return ($name eq 'receive_stock' || $before->[2] == $after->[2])
	  && ($name !~ /^place_order(?!-key)/ || $after->[0] == 0)
	  && ($name =~ /^(?:add_to_cart|set_cart_item|clear_cart|merge_carts|order_again|erase_user)/
		|| $before->[0] + $before->[1] == $after->[0] + $after->[1]);
}

sub state
{
	my ($session, $customer) = @_;

	$state //= $observer->prepare('SELECT * FROM state(?, ?)');
	return $observer->selectrow_array($state, undef, $session->{pg_pid}, $customer);
}

sub order_integrity
{
	return join '', map { "order_integrity: $_\n" } @{
		$observer->selectcol_arrayref(
			# What was paid for an order that is cancelled is somebody's to pay back.
			q{SELECT order_integrity FROM ecommerce.order_integrity()
			  WHERE invariant <> 'cancelled_order_holds_no_money'}) };
}

# What the session holds when it has all plans that it can have.
sub memory_of
{
	my ($session, $calls) = @_;

	$session->do('DISCARD PLANS');
	$session->do('SELECT ' . sprintf $_, 1, 1, 1) foreach values %$calls;
	return $session->selectrow_array(
		'SELECT sum(used_bytes) FROM pg_backend_memory_contexts');
}
