# Proves that a client that loses its connection before it has the answer gets one
# order by sending the same key again, whether or not the first request took effect.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = start_server('lost');
my $place = q{SELECT ecommerce.place_order(1, idempotency_key => 'key')};

open_shop($node);

# Starts a placement and loses the client in the middle of it.
sub lose_client
{
	my (%params) = @_;
	my $client = Shop::Client->new($node, %params);

	$client->tell($place);
	wait_for_lock($node, $client);
	$client->kill;
	return $client->pid;
}

sub wait_until_gone
{
	my ($pid) = @_;

	$node->poll_query_until('postgres',
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)")
	  or die "process $pid has not ended";
	return;
}

# Fills the cart anew, and forgets the orders of the scenario before.
sub new_cart
{
	$node->safe_psql(
		'postgres', q{
		SET session_replication_role = replica;
		TRUNCATE ecommerce.orders CASCADE;
		RESET session_replication_role;
		UPDATE ecommerce.stock_levels SET quantity = 1000;
		SELECT ecommerce.set_cart_item(1, 1, 2);
		SELECT ecommerce.set_cart_item(1, 2, 3);
	});
	return;
}

# How many orders there are, the sum of their amounts, what is in the cart, and the
# stock.
sub tally
{
	return $node->safe_psql(
		'postgres', q{
		SELECT (SELECT count(*) FROM ecommerce.orders),
			   (SELECT sum(order_amount) FROM ecommerce.orders),
			   (SELECT sum(quantity) FROM ecommerce.cart_items),
			   (SELECT array_agg(quantity ORDER BY product_id)
				FROM ecommerce.stock_levels)});
}

my $nothing_ordered = '0||5|{1000,1000,1000,1000}';
my $ordered_once = '1|12.95||{998,997,1000,1000}';
my ($holder, $pid, $retry);

# The server goes on, and commits.
new_cart();
$holder = pause_placements($node);
$pid = lose_client();
$holder->quit;
wait_until_gone($pid);
is(tally(), $ordered_once, 'the lost request has placed the order');
is($node->safe_psql('postgres', "$place->'replayed'"),
	'true', 'the same key returns it');
is(tally(), $ordered_once, 'and there is one order');

# The server notices, and rolls back.
new_cart();
$holder = pause_placements($node);
$pid = lose_client(options => '-c client_connection_check_interval=20ms');
wait_until_gone($pid);
is(tally(), $nothing_ordered, 'the lost request has had no effect');
$holder->quit;
is($node->safe_psql('postgres', "$place->'replayed'"),
	'false', 'the same key places the order');
is(tally(), $ordered_once, 'and there is one order');

# The client is back before the server is through with the lost request, which then
# takes effect, or not.
foreach my $end ('commit', 'rollback')
{
	new_cart();
	$holder = pause_placements($node);
	$pid = lose_client();
	$retry = Shop::Client->new($node);
	$retry->tell("$place->'replayed'");
	wait_for_lock($node, $retry);
	is(tally(), $nothing_ordered,
		"$end: the retry waits for the lost request");
	if ($end eq 'rollback')
	{
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
		wait_until_gone($pid);
	}
	$holder->quit;
	is( $retry->answer,
		$end eq 'commit' ? 'true' : 'false',
		"$end: the same key returns the order");
	is(tally(), $ordered_once, "$end: and there is one order");
	$retry->quit;
}

done_testing();
