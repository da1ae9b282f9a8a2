# Proves that pg_upgrade carries a shop from an older major version of PostgreSQL to
# this one. Needs the programs of both, with the extension installed for both:
# OLD_PG_CONFIG in the environment is the older one's pg_config, as test/versions/run
# sets it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

plan skip_all => 'OLD_PG_CONFIG names no older server'
  unless $ENV{OLD_PG_CONFIG};

my ($old_path) = $ENV{OLD_PG_CONFIG} =~ m{^(.*)/bin/pg_config$}
  or die "OLD_PG_CONFIG is not the path of a pg_config";
my $old = PostgreSQL::Test::Cluster->new('old', install_path => $old_path);
my $new = PostgreSQL::Test::Cluster->new('new');
my $listing = q{
	SELECT ecommerce.order_listing_json(id) FROM ecommerce.users ORDER BY id;
	SELECT ecommerce.cart_json(id) FROM ecommerce.users ORDER BY id};
my ($rows, $orders);

# Initialised alike, which from 18 on has to be said.
foreach my $server ($old, $new)
{
	$server->init(
		extra => [
			'--encoding=UTF8', '--no-locale',
			$server->pg_version >= 18 ? '--no-data-checksums' : ()
		]);
}
$old->start;
$old->safe_psql('postgres', 'CREATE ROLE owner; CREATE DATABASE shop');
open_shop($old, 'shop', 'owner');
$old->safe_psql(
	'shop', q{
	ALTER TABLE ecommerce.orders ADD COLUMN gift_note text;
	CREATE INDEX orders_date_idx ON ecommerce.orders (order_date);
	SELECT ecommerce.add_to_cart(1, 1, 2);
	SELECT ecommerce.place_order(1, 'before', shipping_address => 'Überall');
	SELECT ecommerce.add_to_cart(1, 4, 1);
	SELECT ecommerce.place_order(1);
	SELECT ecommerce.add_to_cart(2, 3, 5);
	SELECT ecommerce.place_order(2);
	SELECT ecommerce.set_order_status(1, 1, 'SHIPPED');
	SELECT ecommerce.cancel_order(2, 3, 'customer');
	SELECT ecommerce.take_order_events(1);
	SELECT ecommerce.add_to_cart(3, 2, 1);
	UPDATE ecommerce.orders SET gift_note = 'For you' WHERE id = 2;
});
$rows = contents($old, 'shop');
$orders = $old->safe_psql('shop', $listing);
like($rows, qr/CANCELLED.*SHIPPED/s, 'there are rows to compare');
$old->stop;

chdir PostgreSQL::Test::Utils::tempdir;
command_ok(
	[
		'pg_upgrade', '--no-sync',
		'-d', $old->data_dir, '-D', $new->data_dir,
		'-b', "$old_path/bin", '-B', $new->config_data('--bindir'),
		'-s', $new->host, '-p', $old->port, '-P', $new->port
	],
	'pg_upgrade from ' . $old->pg_version . ' to ' . $new->pg_version);
$new->start;

is(contents($new, 'shop'), $rows, 'every row is there');
is($new->safe_psql('shop', $listing), $orders, 'listings and carts are the same');
is( $new->safe_psql(
		'shop',
		'SELECT (SELECT max(version) FROM ecommerce.schema_migrations) = ecommerce.migrate()'
	),
	't',
	'migrate() finds its tables');
is( $new->safe_psql(
		'shop',
		q{SELECT ecommerce.place_order(1, idempotency_key => 'before')->'replayed'}
	),
	'true',
	'a key from before is known');
is( $new->safe_psql(
		'shop', q{
		SELECT ecommerce.place_order(3)->'id';
		SELECT ecommerce.cancel_order(3, 4, 'customer')->'order_status';
		SELECT jsonb_array_length(ecommerce.take_order_events(10));
		SELECT * FROM ecommerce.order_integrity()}),
	qq{4\n"CANCELLED"\n3},
	'orders, and events, continue');
is( sqlstate(
		$new, 'DELETE FROM ecommerce.orders', database => 'shop'),
	'23001',
	'and history is kept');

done_testing();
