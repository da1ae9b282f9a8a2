# Proves that a shop can move to another server by logical replication: every row gets
# there, at first and as it is written, and the other server takes over once its
# sequences are set.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $publisher = start_server('publisher', allows_streaming => 'logical');
my $subscriber = start_server('subscriber', allows_streaming => 'logical');
my $connstr = $publisher->connstr . ' dbname=postgres';
my $integrity = 'SELECT * FROM ecommerce.order_integrity()';

# All of them, but for what migrate() has done on each server.
sub rows
{
	my ($node) = @_;

	return join "\n",
	  grep { !/^schema_migrations\|/ } split /\n/, contents($node);
}

# What happens in a shop, with these keys.
sub trade
{
	my ($first, $second) = @_;

	$publisher->safe_psql(
		'postgres', qq{
		SELECT ecommerce.add_to_cart(1, 1, 2);
		SELECT ecommerce.add_to_cart(1, 4, 1);
		SELECT ecommerce.place_order(1, idempotency_key => '$first');
		SELECT ecommerce.set_cart_coupons(2, '{TEN}');
		SELECT ecommerce.set_cart_shipping(2, 'post');
		SELECT ecommerce.add_to_cart(2, 3, 5);
		SELECT ecommerce.place_order(2, idempotency_key => '$second');
		SELECT ecommerce.set_order_status(1, max(id), 'SHIPPED') FROM ecommerce.orders WHERE customer_id = 1;
		SELECT ecommerce.cancel_order(2, max(id), 'staff') FROM ecommerce.orders WHERE customer_id = 2;
		SELECT ecommerce.record_payment(1, max(id), 'card', '$first', 'captured', 1, '{"a": 1}') FROM ecommerce.orders WHERE customer_id = 1;
		SELECT ecommerce.request_refund(1, max(id), '$second', 0.5) FROM ecommerce.orders WHERE customer_id = 1;
		SELECT ecommerce.take_order_events(2);
		SELECT ecommerce.acknowledge_order_events(array_agg(id))
		FROM (SELECT id FROM ecommerce.order_events ORDER BY id DESC LIMIT 2) AS latest;
		SELECT ecommerce.add_to_cart(3, 2, 1);
		SELECT ecommerce.set_cart_item(3, 2, 0);
		SELECT ecommerce.add_to_cart(3, 3, 7);
		INSERT INTO ecommerce.users (name) VALUES ('Of $first');
		DELETE FROM ecommerce.users WHERE name = 'Of $first';
	});
	return;
}

# Both have the same code and the same empty tables; rows come only from the publisher.
open_shop($publisher);
$publisher->safe_psql(
	'postgres', q{
	INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', 'Ten off', 'percent', 10);
	SELECT ecommerce.set_promotion_limit(1, 100);
	INSERT INTO ecommerce.shipping_rates (code, name, price) VALUES ('post', 'Post', 5);
	INSERT INTO ecommerce.tax_rates (tax_class, name, rate) VALUES ('standard', 'VAT', 21);
	UPDATE ecommerce.products SET tax_class = 'standard' WHERE id = 3;
});
trade('a', 'b');
$subscriber->safe_psql('postgres',
	'CREATE EXTENSION ecommerce; SELECT ecommerce.migrate(owner => current_user)');
$publisher->safe_psql(
	'postgres', q{
	CREATE PUBLICATION shop FOR TABLE ecommerce.users, ecommerce.categories,
		ecommerce.products, ecommerce.carts, ecommerce.cart_items, ecommerce.stock_levels, ecommerce.stock_transfers,
		ecommerce.orders, ecommerce.order_details, ecommerce.order_adjustments, ecommerce.order_payments, ecommerce.order_balances,
		ecommerce.order_returns, ecommerce.order_return_lines, ecommerce.order_events, ecommerce.archived_orders,
		ecommerce.promotions, ecommerce.promotion_levels, ecommerce.tax_rates, ecommerce.shipping_rates});
is( $publisher->safe_psql(
		'postgres', q{
		SELECT relname FROM pg_class
		WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
		EXCEPT SELECT tablename FROM pg_publication_tables WHERE pubname = 'shop'}),
	'schema_migrations',
	'the publication has every table but what migrate() has done');
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION shop CONNECTION '$connstr' PUBLICATION shop");
$subscriber->wait_for_subscription_sync($publisher, 'shop');
is(rows($subscriber), rows($publisher), 'every row is copied at first');

trade('c', 'd');
$publisher->safe_psql('postgres', 'SELECT ecommerce.erase_user(2, true)');
$publisher->wait_for_catchup('shop');
is(rows($subscriber), rows($publisher), 'and follows as it is written');
like(rows($subscriber), qr/CANCELLED.*SHIPPED.*^stock_levels\|/ms,
	'with what happened after the order');
foreach my $user (1, 2)
{
	my $query = "SELECT ecommerce.order_listing_json($user)";

	is( $subscriber->safe_psql('postgres', $query),
		$publisher->safe_psql('postgres', $query),
		"user $user: the listing is the same");
}
is( $subscriber->safe_psql(
		'postgres',
		'SELECT DISTINCT invariant FROM ecommerce.order_integrity()'),
	'sequence_is_not_behind_the_ids',
	'nothing is missing but the sequences');

like(
	$subscriber->safe_psql(
		'postgres', qq{
		BEGIN;
		SET LOCAL session_replication_role = replica;
		DELETE FROM ecommerce.order_details WHERE order_id = 1 AND line_number = 2;
		$integrity;
		ROLLBACK}),
	qr/^order_amount_is_the_sum_of_its_lines\|1\|1\|/,
	'a line that did not arrive would be seen');


# The subscriber takes over. Without the step that replication does not take (see
# "Replication" in docs/operations.md), it counts from 1.
my $next_user =
  q{INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Next', 'Here')};
my $next_order = 'SELECT ecommerce.place_order(3)';

$publisher->safe_psql('postgres',
	'ALTER SYSTEM SET default_transaction_read_only = on');
$publisher->reload;
$publisher->wait_for_catchup('shop');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION shop');
is(sqlstate($subscriber, $next_user),
	'23505', 'without the step, the id of a user is given a second time');
is(sqlstate($subscriber, $next_order), '55000', 'the id of an order is not');

# The sequences of the old server as they are.
my $sequences = PostgreSQL::Test::Utils::tempdir . '/sequences.sql';

$publisher->command_ok(
	[
		'pg_dump', '--data-only', '--table=ecommerce.*_seq',
		'-f', $sequences, 'postgres'
	],
	'pg_dump of the sequences');
$subscriber->command_ok(
	[
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1',
		'-d', $subscriber->connstr('postgres'), '-f', $sequences
	],
	'set on the new server');
foreach my $sequence ('users', 'categories', 'products', 'promotions', 'tax_rates', 'shipping_rates', 'orders',
	'order_events')
{
	my $query = "SELECT last_value, is_called FROM ecommerce.${sequence}_id_seq";

	is( $subscriber->safe_psql('postgres', $query),
		$publisher->safe_psql('postgres', $query),
		"${sequence}_id_seq is where it was");
}
is($subscriber->safe_psql('postgres', $integrity),
	'', 'no invariant is violated');

# Where the old server is lost, the step can only look at what arrived.
is( $subscriber->safe_psql(
		'postgres', q{
		BEGIN;
		ALTER SEQUENCE ecommerce.users_id_seq RESTART;
		ALTER SEQUENCE ecommerce.categories_id_seq RESTART;
		ALTER SEQUENCE ecommerce.products_id_seq RESTART;
		ALTER SEQUENCE ecommerce.promotions_id_seq RESTART;
		ALTER SEQUENCE ecommerce.orders_id_seq RESTART;
		ALTER SEQUENCE ecommerce.order_events_id_seq RESTART;
		SELECT count(*) FROM ecommerce.order_integrity();
		SELECT setval('ecommerce.users_id_seq', max(id)) FROM ecommerce.users;
		SELECT setval('ecommerce.categories_id_seq', max(id)) FROM ecommerce.categories;
		SELECT setval('ecommerce.products_id_seq', max(id)) FROM ecommerce.products;
		SELECT setval('ecommerce.promotions_id_seq', max(id)) FROM ecommerce.promotions;
		SELECT setval('ecommerce.orders_id_seq', max(id)) FROM ecommerce.orders;
		SELECT setval('ecommerce.order_events_id_seq', max(id)) FROM ecommerce.order_events;
		SELECT * FROM ecommerce.order_integrity();
		ROLLBACK}),
	"6\n3\n1\n4\n1\n4\n10",
	'setval() to the highest ids is enough for the rows that are there');

is( $subscriber->safe_psql('postgres',
		"$next_user RETURNING id; $next_order ->> 'id'; $integrity"),
	"6\n5",
	'users and orders continue: no id of a deleted user comes back');
is( $subscriber->safe_psql(
		'postgres',
		q{SELECT ecommerce.place_order(1, idempotency_key => 'c')->'replayed'}),
	'true',
	'a key of the old server is known');
is( $subscriber->safe_psql(
		'postgres', q{
		SELECT ecommerce.take_order_events(10) @? '$[*] ? (@.order_id == 5)'}),
	't',
	'events go out from here');
is(sqlstate($publisher, $next_order),
	'25006', 'and the old server writes nothing');

done_testing();
