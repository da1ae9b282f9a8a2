# Proves that a hot standby answers every function that reads, refuses every one that writes,
# and places orders as soon as it is promoted.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $primary = start_server('primary', allows_streaming => 1);
my $standby = PostgreSQL::Test::Cluster->new('standby');
my %called = (current_user_id => 1, order_integrity => 1);
my $client;

$primary->backup('backup');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

open_shop($primary);
$primary->safe_psql(
	'postgres', q{
	CREATE ROLE shopper LOGIN;
	GRANT USAGE ON SCHEMA ecommerce TO shopper;
	GRANT EXECUTE ON FUNCTION ecommerce.order_listing_json TO shopper;
	INSERT INTO ecommerce.shipping_rates (code, name, price, tax_class) VALUES ('parcel', 'Parcel', 4.90, 'all');
	INSERT INTO ecommerce.tax_rates (tax_class, name, rate) VALUES ('all', 'Tax', 10);
	INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('TEN', 'Ten', 'percent', 10);
	DO $$
	BEGIN
		PERFORM ecommerce.add_to_cart(1, 1, 1);
		PERFORM ecommerce.add_to_cart(1, 4, 2);
		PERFORM ecommerce.place_order(1, idempotency_key => 'first');
		PERFORM ecommerce.add_to_cart(1, 2, 1);
		PERFORM ecommerce.place_order(1);
		PERFORM ecommerce.set_order_status(1, 2, 'SHIPPED');
		PERFORM ecommerce.add_to_cart(1, 3, 3);
		PERFORM ecommerce.set_cart_shipping(1, 'parcel');
		PERFORM ecommerce.set_cart_coupons(1, '{ten}');
	END $$;
});
$primary->wait_for_catchup($standby);

foreach my $query (
	'ecommerce.order_listing_json(1)',
	'ecommerce.order_listing_json(2)',
	"ecommerce.order_listing_json(1, page_size => 1, before_id => 2, status => 'SHIPPED')",
	'ecommerce.order_json(1, 2)',
	'ecommerce.find_order(2)',
	'ecommerce.order_queue(NULL)',
	'ecommerce.cart_json(1)',
	'ecommerce.profile_json(1)',
	'ecommerce.currency_digits($$JPY$$)',
	"string_agg(format('%s %s', event, pending), ',' ORDER BY event) FROM ecommerce.outbox_metrics()",
	"jsonb_array_length(ecommerce.cart_json(1) #> '{charges,adjustments}')")
{
	my $answer = $primary->safe_psql('postgres', "SELECT $query");

	$called{$1} = 1 if $query =~ /ecommerce\.(\w+)/;

	isnt($answer, '', "$query on the primary");
	is($standby->safe_psql('postgres', "SELECT $query"),
		$answer, 'the same on the standby');
}
is($standby->safe_psql('postgres', 'SELECT * FROM ecommerce.order_integrity()'),
	'', 'invariants can be checked there');
is( $standby->safe_psql(
		'postgres', q{
		SET request.jwt.claims = '{"user_id": 1}';
		SELECT jsonb_array_length(ecommerce.order_listing_json(1))},
		extra_params => [ '-U', 'shopper' ]),
	2,
	'a shopper reads there, too');

# They are refused whether there is something to do or not. One session lives through the promotion, with its saved plans.
$client = Shop::Client->new($standby);
foreach my $call (
	'place_order(1)',
	"place_order(1, idempotency_key => 'first')",
	'add_to_cart(1, 1)',
	'add_to_cart(3, 1)',
	'set_cart_item(1, 3, 1)',
	'set_cart_item(1, 3, 0)',
	"cancel_order(1, 1, 'customer')",
	"set_order_status(1, 1, 'SHIPPED')",
	"correct_order_status(1, 2, 'PROCESSING', 'why')",
	"set_order_address(1, 1, 'There')",
	"set_cart_items(1, '{1}', '{1}')",
	'clear_cart(1)',
	"set_cart_coupons(1, '{}')",
	"set_cart_shipping(1, 'parcel')",
	'order_again(1, 1)',
	'merge_carts(2, 1)',
	"clear_abandoned_carts('-infinity')",
	"set_profile(1, 'Ada')",
	"record_payment(1, 1, 'card', 'a', 'captured', 1)",
	"request_refund(1, 1, 'b', 1)",
	'expire_unpaid_orders()',
	q{return_items(1, 1, '[{"line": 1, "quantity": 1}]', true)},
	"receive_stock('{1}', '{1}')",
	"transfer_stock('a', 1, 1, 0, 1)",
	'split_stock(1, 4)',
	'set_promotion_limit(1, 10)',
	"import_orders('[]')",
	"archive_orders('-infinity')",
	"take_order_events(1, 'order_returned')",
	"acknowledge_order_events('{}')",
	"fail_order_events('{}', 'why')",
	"release_order_events('{}')",
	'erase_user(3)',
	'ids_of_shard(0, 2)',
	"grant_api('shopper')",
	"revoke_api('shopper')",
	'migrate()',
	'distribute()',
	'undistribute()',
	'set_owner(current_user)')
{
	$called{$1} = 1 if $call =~ /(\w+)/;
	is($client->ask("SELECT ecommerce.$call"),
		'ERROR:  25006', "$call is refused");
}
$called{warm_up} = 1;
is(sqlstate($standby, 'SELECT ecommerce.warm_up()'), '', 'but warm_up() writes nothing');
is(contents($standby), contents($primary), 'which changes nothing');
is_deeply(
	[ grep { !$called{$_} } split /\n/, $primary->safe_psql('postgres', q{
		SELECT proname FROM pg_proc JOIN pg_depend ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid
		WHERE pronamespace = 'ecommerce'::regnamespace AND deptype = 'e'}) ],
	[], 'every function is one or the other');

$primary->stop;
$standby->promote;
is( $client->ask(
		q{SELECT ecommerce.place_order(1, idempotency_key => 'first')->'replayed'}),
	'true',
	'after promotion, a key of the old primary is known');
is( $client->ask(
		q{SELECT order_amount, replayed, id > 2 FROM jsonb_to_record(
		  ecommerce.place_order(1, idempotency_key => 'second'))
		  AS placed (id bigint, order_amount numeric, replayed boolean)}),
	'16.16|f|t',
	'the cart of the old primary becomes an order');
is($client->ask(q{SELECT ecommerce.add_to_cart(1, 1)->'cart_amount'}),
	'7.38', 'and carts can be filled, which are sent as before');
is( $client->ask(
		q{SELECT ecommerce.cancel_order(1, 1, 'customer')->'order_status'}),
	'"CANCELLED"',
	'an order of the old primary can be cancelled');
is( $client->ask(
		q{SELECT ecommerce.take_order_events(10) @? '$[*] ? (@.order_id == 2)'}),
	't',
	'its events are delivered');
is($client->ask('SELECT * FROM ecommerce.order_integrity()'),
	'', 'no invariant is violated');
$client->quit;

done_testing();
