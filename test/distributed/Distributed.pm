# What has to hold of a shop that is spread over several machines, whatever spreads it. The
# calls go to the front, where clients connect; the tables are looked at where the rows are.
#
# A shop is a hash:
#   front       [node, database] where clients connect
#   holders     [node, database]s which together have every row of orders and stock, each once
#   machines    nodes that can be killed, at each of which customers are
#   add_user    creates a user; its argument is another user who must be on the same machine,
#               or undef; returns the id
#   machine_of  the place in machines of a user's node
#   catalogue   runs statements that write the catalogue, returns what they print, and everybody
#               sees it then
#   receive     gives units of a product to each part of the stock, and returns how many in all
#   unrouted    functions that are not called at the front, with the reason
#   retryable   the SQLSTATEs after which a client repeats its call

package Distributed;

use strict;
use warnings;

use DBI;
use Exporter 'import';
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(at_front at_holders check_functions check_refusals check_double_submits
  check_consumers check_selling_out check_killed_machine check_integrity);

# The functions that were called.
my %called;

sub at_front
{
	my ($shop, $statements) = @_;
	my ($node, $database) = @{ $shop->{front} };

	return $node->safe_psql($database, $statements);
}

# The sum over all holders of the number that the query gives.
sub at_holders
{
	my ($shop, $query) = @_;
	my $sum = 0;

	$sum += $_->[0]->safe_psql($_->[1], $query) foreach @{ $shop->{holders} };
	return $sum;
}

sub connection
{
	my ($shop) = @_;
	my ($node, $database) = @{ $shop->{front} };

	return DBI->connect(sprintf('dbi:Pg:dbname=%s;host=%s;port=%s', $database, $node->host, $node->port),
		'', '', { RaiseError => 1, PrintError => 0, PrintWarn => 0 });
}

sub client
{
	my ($shop) = @_;
	my ($node, $database) = @{ $shop->{front} };

	return Shop::Client->new($node, database => $database);
}

# Calls a function at the front. $path is what to look at of its answer.
sub call
{
	my ($shop, $function, $arguments, $path, $expected, $name) = @_;

	$called{$function} = 1;
	is(eval { at_front($shop, "SELECT answer $path FROM ecommerce.$function($arguments) AS answer") } // $@,
		$expected, $name // "$function($arguments)");
	return;
}

# Two products, a way of shipping and a coupon.
sub fill_catalogue
{
	my ($shop) = @_;
	my @products = split /\n/, $shop->{catalogue}->(q{
		INSERT INTO ecommerce.shipping_rates (code, name, price) VALUES ('post', 'Post', 5);
		INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', 'Ten off', 'percent', 10);
		INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 2.50), ('Pen', 4) RETURNING id});

	$shop->{receive}->($_, 1000) foreach @products;
	return @products;
}

# Every public function answers as on one machine, for users of several.
sub check_functions
{
	my ($shop) = @_;
	my ($pencil, $pen) = fill_catalogue($shop);
	my $guest;

	foreach my $n (1 .. 2 * @{ $shop->{machines} })
	{
		my $user = $shop->{add_user}->();

		note("user $user");
		call_for_customer($shop, $user, $pencil, $pen);
		$guest = $shop->{add_user}->($user);
		call($shop, 'add_to_cart', "$guest, $pen, 2", "->> 'cart_amount'", '8.00');
		call($shop, 'merge_carts', "$guest, $user", "->> 'cart_amount'", '13.00');
		call($shop, 'clear_cart', $user, "->> 'cart_amount'", '0');
		call($shop, 'erase_user', "$guest, true", '', '');
	}
	call_for_all($shop, $pencil);
	check_coverage($shop);
	check_integrity($shop);
	return;
}

sub call_for_customer
{
	my ($shop, $user, $pencil, $pen) = @_;
	my ($order, $second, $listing);

	call($shop, 'set_profile', "$user, 'Ada', NULL, '1 Main Street'", "->> 'name'", 'Ada');
	call($shop, 'profile_json', $user, "->> 'shipping_address'", '1 Main Street');
	call($shop, 'add_to_cart', "$user, $pencil", "->> 'cart_amount'", '2.50', 'a default is the one of the function');
	call($shop, 'set_cart_item', "$user, $pen, 1", "->> 'cart_amount'", '6.50');
	call($shop, 'set_cart_items', "$user, '{$pencil}', '{4}'", "->> 'cart_amount'", '10.00');
	call($shop, 'set_cart_coupons', "$user, '{TEN}'", "->> 'cart_amount'", '9.00');
	call($shop, 'set_cart_shipping', "user_id => $user, shipping_code => 'post'", "->> 'cart_amount'", '14.00');
	call($shop, 'cart_json', $user, "-> 'problems'", '[]');
	call($shop, 'place_order', "$user, 'first', 14", "- 'id' ->> 'order_amount'", '14.00');
	call($shop, 'place_order', "user_id => $user, idempotency_key => 'first'", "-> 'replayed'", 'true');
	$order = at_front($shop, "SELECT ecommerce.order_listing_json($user) -> 0 -> 'id'");
	call($shop, 'order_json', "$user, $order", "->> 'order_status'", 'PROCESSING');
	call($shop, 'find_order', $order, "#>> '{customer,name}'", 'Ada');
	call($shop, 'set_order_address', "$user, $order, '2 Side Street'", "->> 'shipping_address'", '2 Side Street');
	call($shop, 'record_payment', "$user, $order, 'card', 'p$user', 'captured', 14", "-> 'replayed'", 'false');
	call($shop, 'record_payment', "$user, $order, 'card', 'p$user', 'captured', 14", "-> 'replayed'", 'true');
	call($shop, 'request_refund', "$user, $order, 'r$user', 1", "->> 'id' = '$order'", 't');
	call($shop, 'set_order_status', "$user, $order, 'SHIPPED'", "->> 'order_status'", 'SHIPPED');
	call($shop, 'correct_order_status', "$user, $order, 'PROCESSING', 'wrong parcel'", "->> 'order_status'", 'PROCESSING');
	call($shop, 'set_order_status', "$user, $order, 'SHIPPED', '{\"tracking_number\": \"x1\"}'", "->> 'order_status'", 'SHIPPED');
	call($shop, 'return_items', qq{$user, $order, '[{"line": 1, "quantity": 1}]', true}, "->> 'order_status'", 'SHIPPED');
	call($shop, 'order_again', "$user, $order", "->> 'cart_amount'", '15.00');
	call($shop, 'place_order', $user, "->> 'order_amount'", '15.00');
	$second = at_front($shop, "SELECT ecommerce.order_listing_json($user) -> 0 -> 'id'");
	call($shop, 'cancel_order', "$user, $second, 'customer'", "->> 'order_status'", 'CANCELLED');
	call($shop, 'order_listing_json', "$user", "@@ '\$.size() == 2'", 't');
	call($shop, 'order_listing_json', "$user, before_id => $second, page_size => 1", "-> 0 -> 'id'", $order);
	return;
}

# What is no one customer's.
sub call_for_all
{
	my ($shop, $product) = @_;
	my $orders = at_holders($shop, 'SELECT count(*) FROM ecommerce.orders');
	my $events = at_holders($shop, 'SELECT count(*) FROM ecommerce.order_events');
	my ($queue, $event, @taken, @ids);

	call($shop, 'warm_up', '', '', '');
	call($shop, 'currency_digits', "'JPY'", '', 0);
	call($shop, 'current_user_id', '', '', '');
	is(at_front($shop, q{SET request.jwt.claims = '{"user_id": 7}'; SELECT ecommerce.current_user_id()}),
		7, 'claims get there');

	$queue = decode_json(at_front($shop, 'SELECT ecommerce.order_queue(NULL, 1000)'));
	$called{order_queue} = 1;
	is(scalar @$queue, $orders, 'the queue has every order');
	@ids = map { $_->{order}{id} } @$queue;
	is_deeply(\@ids, [ sort { $a <=> $b } @ids ], 'in the order of ids');
	is(at_front($shop, "SELECT jsonb_path_query_array(answer, '\$[*].order.id') FROM ecommerce.order_queue(NULL, 2, $ids[0]) AS answer"),
		"[$ids[1], $ids[2]]", 'a page comes after an order');
	is(at_front($shop, "SELECT answer #> '{0,order,id}' FROM ecommerce.order_queue(NULL, 1, NULL, true) AS answer"),
		$ids[-1], 'or the newest first');

	$called{$_} = 1 foreach qw(take_order_events acknowledge_order_events fail_order_events release_order_events outbox_metrics);
	is(at_front($shop, 'SELECT sum(pending) FROM ecommerce.outbox_metrics()'), $events, 'all events wait to be taken');
	while (@{ $event = decode_json(at_front($shop, 'SELECT ecommerce.take_order_events(1)')) })
	{
		push @taken, $event->[0]{id};
		last if @taken > $events;
		if (@taken % 5 == 1)
		{
			is(at_front($shop, "SELECT ecommerce.fail_order_events('{$taken[-1]}', 'no such address')"), 1, 'an event fails');
		}
		else
		{
			at_front($shop, "SELECT ecommerce.acknowledge_order_events('{$taken[-1]}')");
		}
	}
	is(scalar @taken, $events, 'all of them are taken');
	is(scalar(keys %{ { map { $_ => 1 } @taken } }), $events, 'and none twice');
	is(at_front($shop, sprintf "SELECT ecommerce.acknowledge_order_events('{%s}')", join ',', @taken),
		int((@taken + 4) / 5), 'many are acknowledged at once, those that failed');
	is(at_front($shop, sprintf "SELECT ecommerce.release_order_events('{%s}')", join ',', @taken), 0, 'and none is left');

	call($shop, 'clear_abandoned_carts', 'now()', '>= 0', 't');
	call($shop, 'expire_unpaid_orders', '', '', 0);
	call($shop, 'archive_orders', "'2000-01-01'", '', 0);
	return;
}

# Every function is called above, or the shop says why not.
sub check_coverage
{
	my ($shop) = @_;
	my ($node, $database) = @{ $shop->{holders}[0] };
	my @functions = split /\n/, $node->safe_psql($database, q{
		SELECT proname FROM pg_proc JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid
		WHERE pronamespace = 'ecommerce'::regnamespace AND deptype = 'e' AND prorettype <> 'trigger'::regtype
		ORDER BY proname});
	my %unrouted = %{ $shop->{unrouted} };

	$called{order_integrity} = 1;
	is_deeply([ grep { !$called{$_} && !$unrouted{$_} } @functions ], [], 'every public function is called');
	is_deeply([ grep { $called{$_} && $unrouted{$_} } sort keys %unrouted ], [], 'or has a reason not to be');
	return;
}

# A refusal comes as it does from one machine: what a client reads is JSON.
sub check_refusals
{
	my ($shop) = @_;
	my $session = connection($shop);
	my $user = $shop->{add_user}->();

	foreach my $case (
		[ "place_order($user)", 'PT404', 'cart is empty', qq({"code": "empty_cart", "user_id": $user}), 'Put a product into the cart with add_to_cart.' ],
		[ "add_to_cart($user, 1234567)", 'PT404', 'product does not exist', undef, undef ],
		[ 'place_order(NULL)', '22004', undef, undef, undef ],
		[ "order_listing_json($user, 0)", '22023', undef, undef, undef ])
	{
		my ($call, $state, $message, $detail, $hint) = @$case;
		my %error;

		eval { $session->do("SELECT ecommerce.$call"); };
		$error{state} = $session->state;
		$error{text} = $session->errstr // '';
		is($error{state}, $state, "$call: SQLSTATE $state");
		$error{message} = $error{text} =~ /^ERROR:  (.*)$/m ? $1 : '';
		$error{detail} = $error{text} =~ /^DETAIL:  (.*)$/m ? $1 : '';
		$error{hint} = $error{text} =~ /^HINT:  (.*)$/m ? $1 : '';
		is($error{message}, $message, 'the message is its own') if defined $message;
		is($error{detail}, $detail, 'so is the detail') if defined $detail;
		is($error{hint}, $hint, 'and the hint') if defined $hint;
		ok(eval { decode_json($error{detail})->{code} }, 'its detail is JSON with a code');
		unlike($error{text}, qr/Remote (detail|hint)/, 'and nothing else');
	}
	$session->disconnect;
	return;
}

# The same request eight times at once is one order.
sub check_double_submits
{
	my ($shop) = @_;
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Twice', 1) RETURNING id");
	my $before = $shop->{receive}->($product, 100);
	my @clients = map { client($shop) } 1 .. 8;

	foreach my $n (1 .. 4)
	{
		is(submit_at_once($shop, $shop->{add_user}->(), $product, @clients),
			'8 answers, 1 order, placed 1 time', 'eight equal requests are one order');
	}
	$_->quit foreach @clients;
	is(at_holders($shop, "SELECT coalesce(sum(quantity), 0) FROM ecommerce.stock_levels WHERE product_id = $product"),
		$before - 8, 'and its units were taken once');
	check_integrity($shop);
	return;
}

# Puts two units into the cart, orders them by all clients at once, with one key, and returns
# what came of it.
sub submit_at_once
{
	my ($shop, $user, $product, @clients) = @_;
	my ($answers, $placed, %orders) = (0, 0);

	at_front($shop, "SELECT ecommerce.set_profile($user, 'Grace', NULL, '3 Back Street'); SELECT ecommerce.add_to_cart($user, $product, 2)");
	$_->tell("SELECT placed -> 'id', placed -> 'replayed' FROM ecommerce.place_order($user, 'once', 2) AS placed") foreach @clients;
	foreach my $answer (map { $_->answer } @clients)
	{
		my ($id, $replayed) = $answer =~ /^(\d+)\|(\w*)$/m or next;

		$answers++;
		$orders{$id} = 1;
		$placed++ if $replayed ne 'true';
	}
	return sprintf '%d answers, %d order%s, placed %d time%s', $answers, scalar keys %orders, keys %orders == 1 ? '' : 's',
	  $placed, $placed == 1 ? '' : 's';
}

# Of consumers at once, everywhere where events are taken, each event goes to one.
sub check_consumers
{
	my ($shop) = @_;
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Told', 1) RETURNING id");
	my @consumers = map { client({ front => $_ }) } map { ($_, $_) } @{ $shop->{consumers} // [ $shop->{front} ] };
	my (%given, @errors, $events);

	$shop->{receive}->($product, 100);
	foreach my $user (map { $shop->{add_user}->() } 1 .. 40)
	{
		at_front($shop, "SELECT ecommerce.set_profile($user, 'Barbara', NULL, '5 High Street'); SELECT ecommerce.add_to_cart($user, $product); SELECT ecommerce.place_order($user)");
	}
	$events = at_front($shop, 'SELECT sum(pending) FROM ecommerce.outbox_metrics()');
	foreach (1 .. 1 + $events / 3)
	{
		$_->tell(q{SELECT 'event ' || (event ->> 'id') FROM jsonb_array_elements(ecommerce.take_order_events(3)) AS event}) foreach @consumers;
		foreach my $answer (map { $_->answer } @consumers)
		{
			$given{$1}++ while $answer =~ /^event (\d+)$/mg;
			push @errors, $answer =~ /ERROR:.*/g;
		}
	}
	$_->quit foreach @consumers;
	is_deeply([ grep { !/ERROR:  40P?01/ } @errors ], [], 'consumers at once are not refused');
	is(scalar keys %given, $events, 'each event is given out');
	is_deeply([ grep { $given{$_} > 1 } keys %given ], [], 'and none twice');
	at_front($shop, sprintf "SELECT ecommerce.acknowledge_order_events('{%s}')", join ',', keys %given);
	check_integrity($shop);
	return;
}

# What is in stock is sold to the last unit, and not one more.
sub check_selling_out
{
	my ($shop) = @_;
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Last', 1) RETURNING id");
	my $units = $shop->{receive}->($product, 10);
	my @buyers = map { { user => $shop->{add_user}->(), client => client($shop), sold => 0 } } 1 .. 3 * @{ $shop->{machines} };
	my @refusals;

	at_front($shop, "SELECT ecommerce.set_profile($_->{user}, 'Edsger', NULL, '4 Long Road')") foreach @buyers;
	for (my @buying = @buyers; @buying;)
	{
		$_->{client}->tell("SELECT FROM ecommerce.set_cart_item($_->{user}, $product, 1); SELECT ecommerce.place_order($_->{user}) -> 'id'") foreach @buying;
		foreach my $buyer (@buying)
		{
			my $answer = $buyer->{client}->answer;

			if ($answer =~ /^\d+$/m) { $buyer->{sold}++; }
			elsif ($answer =~ /ERROR:  (\w{5})/)
			{
				next if $1 =~ $shop->{retryable};
				push @refusals, $1;
				$buyer->{done} = 1;
			}
			else { die $answer; }
		}
		@buying = grep { !$_->{done} } @buying;
	}
	$_->{client}->quit foreach @buyers;
	is_deeply([ grep { $_ ne 'PT409' } @refusals ], [], 'everybody buys until there is no more');
	is(eval { my $sum = 0; $sum += $_->{sold} foreach @buyers; $sum }, $units, "$units units were $units orders");
	is(at_holders($shop, "SELECT sum(quantity) FROM ecommerce.stock_levels WHERE product_id = $product"), 0, 'and none is left');
	check_integrity($shop);
	return;
}

# Machines are killed while orders are placed, and come back, each once, or until there are as
# many orders as ORDERS in the environment says: clients that repeat what was refused with a
# retryable code, with the same key, have each order once.
sub check_killed_machine
{
	my ($shop) = @_;
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Stormy', 1) RETURNING id");
	my $units = $shop->{receive}->($product, 100000);
	my $folder = PostgreSQL::Test::Utils::tempdir('killed');
	my @users = map { $shop->{add_user}->() } 1 .. 2 * @{ $shop->{machines} };
	my ($placed, $repeated, $kills, %children) = (0, 0, 0);

	append_to_file("$folder/$_", '') foreach @users;
	at_front($shop, "SELECT ecommerce.set_profile($_, 'Barbara', NULL, '5 High Street')") foreach @users;
	foreach my $user (@users)
	{
		my $child = fork // die "fork: $!";

		if ($child == 0)
		{
			# The server's end would be this process's too.
			eval { buy($shop, $user, $product, $folder); };
			append_to_file("$folder/$user", "died $@\n") if $@;
			POSIX::_exit($@ ? 1 : 0);
		}
		$children{$child} = $user;
	}
	do
	{
		foreach my $machine (@{ $shop->{machines} })
		{
			sleep 0.5;
			$machine->kill9;
			$kills++;
			sleep 0.5;
			start_again($machine);
		}
		sleep 0.5;
	} while (placed($folder, @users) < ($ENV{ORDERS} // 0) && !grep { slurp_file("$folder/$_") =~ /^died/m } @users);
	append_to_file("$folder/enough", '');
	while (%children)
	{
		my $child = wait;

		last if $child < 0;
		is($?, 0, "the client of user $children{$child} came to its end") or diag(slurp_file("$folder/$children{$child}"));
		delete $children{$child};
	}

	$placed = placed($folder, @users);
	foreach my $user (@users)
	{
		my @lines = split /\n/, slurp_file("$folder/$user");

		$repeated += grep { /^repeated / } @lines;
		is(at_front($shop, "SELECT string_agg(id, ' ' ORDER BY id::bigint) FROM jsonb_array_elements(ecommerce.order_listing_json($user)) AS placed, LATERAL (SELECT placed ->> 'id') AS ids (id)"),
			join(' ', sort { $a <=> $b } map { /^placed (\d+)/ ? $1 : () } @lines),
			"user $user has the orders that were answered, each once");
	}
	cmp_ok($repeated, '>', 0, "of $placed orders some were asked for again, while $kills times a machine was killed");
	is(at_holders($shop, "SELECT sum(quantity) FROM ecommerce.stock_levels WHERE product_id = $product"),
		$units - $placed, 'and each unit was taken once');
	check_integrity($shop);
	return;
}

# How many orders the clients of these users have been answered.
sub placed
{
	my ($folder, @users) = @_;

	return scalar grep { /^placed \d/ } map { split /\n/, slurp_file("$folder/$_") } @users;
}

# A client that does not give up, until it is told that it is enough. It writes down what it
# is told.
sub buy
{
	my ($shop, $user, $product, $folder) = @_;
	my $file = "$folder/$user";
	my $session = connection($shop);

	for (my $n = 1; !-e "$folder/enough"; $n++)
	{
		repeat($shop, \$session, $file, "SELECT ecommerce.set_cart_item($user, $product, 1)");
		append_to_file($file, sprintf "placed %s\n",
			repeat($shop, \$session, $file, "SELECT ecommerce.place_order($user, 'key $n') -> 'id'"));
	}
	return;
}

sub repeat
{
	my ($shop, $session, $file, $query) = @_;
	my $deadline = time() + $PostgreSQL::Test::Utils::timeout_default;

	while (1)
	{
		my ($answer) = eval { $$session->selectrow_array($query) };
		my $state = $$session->state;

		return $answer unless $@;
		die "$state: $@" if $state !~ $shop->{retryable} || time() > $deadline;
		append_to_file($file, "repeated $state\n");
		sleep 0.05;
		$$session = connection($shop) unless $$session->ping;
	}
}

sub check_integrity
{
	my ($shop) = @_;

	is(at_front($shop, 'SELECT * FROM ecommerce.order_integrity()'), '', 'no invariant is violated');
	return;
}

1;
