# Proves that an order is placed as a whole or not at all, whatever is killed in the
# middle of it, and that an order is not lost once its placement has been answered.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

# As in production, not fast and unsafe as tests have it.
my $node =
  start_server('crash', settings => "fsync = on\nrestart_after_crash = on");

open_shop($node);


# Crashes in the middle of a placement.
my %crash = (
	'SIGKILL of the backend' => sub {
		my ($pid) = @_;

		kill('KILL', $pid) or die "could not kill process $pid";
	},
	'immediate shutdown' => sub {
		$node->stop('immediate');
		$node->start;
	});

foreach my $how (sort keys %crash)
{
	my $place = "SELECT ecommerce.place_order(1, idempotency_key => '$how')";
	my ($before, $holder, $client);

	$node->safe_psql(
		'postgres', q{
		SELECT ecommerce.add_to_cart(1, 1, 2);
		SELECT ecommerce.add_to_cart(1, 2, 3);
	});
	$before = contents($node);
	like($before, qr/^cart_items\|\(1,1,2,.*^cart_items\|\(1,2,3,/ms,
		"$how: there is a cart");

	$holder = pause_placements($node);
	$client = Shop::Client->new($node);
	$client->tell($place);
	wait_for_lock($node, $client);
	$crash{$how}->($client->pid);
	unlike($client->answer, qr/order_amount/, "$how: the client has no answer");

	connect_when_up($node)->disconnect;
	is(contents($node), $before,
		"$how: cart and stock are as they were, and there is no order");
	is($node->safe_psql('postgres', "$place->'replayed'"),
		'false', "$how: the same key again places the order");
	is($node->safe_psql('postgres', "$place->'replayed'"),
		'true', "$how: and then returns it");
	is( $node->safe_psql(
			'postgres', qq{
			SELECT count(*), sum(order_amount) FROM ecommerce.orders
			WHERE idempotency_key = '$how';
			SELECT count(*) FROM ecommerce.cart_items}),
		"1|12.95\n0",
		"$how: one order, and the cart is empty");
}
is( $node->safe_psql(
		'postgres', q{
		SELECT array_agg(quantity ORDER BY product_id) FROM ecommerce.stock_levels}),
	'{996,994,1000,1000}',
	'stock was taken once for each order');


# A crash of the whole server, while a client places one order after the other. Each
# answer that has reached the client is an order that has to be there afterwards.
my $client = Shop::Client->new($node);
my @answered;
my $next;

$client->tell(
	q{
	SELECT 'SELECT ecommerce.add_to_cart(3, 3, 1)->''id''',
		   format('SELECT ''placed'', %1$L, ecommerce.place_order(3, idempotency_key => %1$L)->''id''', n)
	FROM generate_series(1, 900) AS n
	\gexec
});
$client->wait_for(qr/^placed\|50\|/m);
$node->kill9;
@answered = $client->answer =~ /^placed\|\d+\|(\d+)$/mg;
cmp_ok(scalar @answered, '>=', 50,
	'SIGKILL of the postmaster: orders were answered before');
cmp_ok(scalar @answered, '<', 900, 'and others were still to come');

start_again($node);
is( $node->safe_psql(
		'postgres',
		'SELECT count(*) FROM ecommerce.orders WHERE customer_id = 3 AND id IN ('
		  . join(', ', @answered) . ')'),
	scalar @answered,
	'each order that was answered is there');

# The one that was under way may be there or not; its key gives one order either way.
$next = 1 + @answered;
$node->safe_psql(
	'postgres', qq{
	SELECT ecommerce.add_to_cart(3, 3, 1);
	SELECT ecommerce.place_order(3, idempotency_key => '$next');
});
is( $node->safe_psql(
		'postgres', q{
		SELECT count(*), count(line_amount), count(event_number), sum(quantity)
			   + (SELECT quantity FROM ecommerce.stock_levels WHERE product_id = 3)
		FROM ecommerce.orders
		LEFT JOIN ecommerce.order_details ON order_details.order_id = orders.id
		LEFT JOIN ecommerce.order_events ON order_events.order_id = orders.id
		WHERE orders.customer_id = 3}),
	"$next|$next|$next|1000",
	'whole orders, one for each key that was sent');

done_testing();
