# Proves that the data is the shop's: pg_dump and pg_restore carry all of it, with
# what the shop added to the tables, and DROP EXTENSION leaves it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = start_server('dump');
my $directory = PostgreSQL::Test::Utils::tempdir;

# A shop that an ordinary role owns, with a history, and with a column, an index, a
# policy, a trigger and a privilege that the shop added.
$node->safe_psql(
	'postgres', q{
	CREATE ROLE owner;
	CREATE ROLE shopper;
	CREATE DATABASE shop;
});
open_shop($node, 'shop', 'owner');
$node->safe_psql(
	'shop', q{
	GRANT USAGE ON SCHEMA ecommerce TO shopper;
	GRANT EXECUTE ON FUNCTION ecommerce.place_order TO shopper;
	ALTER TABLE ecommerce.orders ADD COLUMN gift_note text;
	CREATE INDEX orders_date_idx ON ecommerce.orders (order_date);
	CREATE POLICY own_orders ON ecommerce.orders FOR SELECT TO shopper
	USING (customer_id = 1);
	CREATE FUNCTION add_note() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN
		NEW.gift_note := ''Thank you'';
		IF NEW.id = 2 THEN NEW.payment_due_at := ''2100-01-01''; END IF;
		RETURN NEW;
	END';
	CREATE TRIGGER add_note BEFORE INSERT ON ecommerce.orders
	FOR EACH ROW EXECUTE FUNCTION add_note();

	DO $$
	BEGIN
		FOR n IN 1 .. 20 LOOP
			PERFORM ecommerce.add_to_cart(1, 1, n);
			PERFORM ecommerce.add_to_cart(1, 4, 1);
			PERFORM ecommerce.place_order(1, shipping_address => 'Überall');
		END LOOP;
		PERFORM ecommerce.add_to_cart(2, 3, 7);
		PERFORM ecommerce.place_order(2, idempotency_key => 'before');
		PERFORM ecommerce.record_payment(1, 1, 'card', 'pi_1', 'captured', 3.98, '{"id": "evt_1"}');
		PERFORM ecommerce.request_refund(1, 1, 're_1', 1);
		PERFORM ecommerce.record_payment(1, 2, 'card', 'pi_2', 'failed', 3.98);
		PERFORM ecommerce.add_to_cart(3, 2, 1);
	END $$;
	UPDATE ecommerce.orders SET gift_note = CASE WHEN id % 2 = 0 THEN 'For you' END;
});

my $rows = contents($node, 'shop');
my $dump = dump_of('shop');
my $listing = $node->safe_psql('shop', 'SELECT ecommerce.order_listing_json(1)');
my $version = $node->safe_psql('shop', 'SELECT ecommerce.migrate()');

like($rows, qr/^order_details\|.*^order_events\|.*^stock_levels\|/ms,
	'there are rows to compare');
like(
	$dump,
	qr/gift_note text.*CREATE INDEX orders_date_idx.*CREATE POLICY own_orders.*GRANT [^\n]*place_order[^\n]* TO shopper/s,
	'and the dump has what the shop added');

$node->safe_psql('postgres', "CREATE DATABASE $_")
  foreach ('plain', 'parallel', 'parts');
$node->command_ok(
	[
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1',
		'-d', $node->connstr('plain'), '-f', "$directory/shop.sql"
	],
	'a plain dump is restored');
$node->command_ok(
	[ 'pg_dump', '-Fc', '-f', "$directory/shop.dump", 'shop' ],
	'pg_dump -Fc');
$node->command_ok(
	[ 'pg_restore', '-j', 4, '-e', '-d', 'parallel', "$directory/shop.dump" ],
	'a custom dump is restored by four jobs');
$node->command_ok(
	[
		'pg_restore', '--schema-only', '-e', '-d', 'parts',
		"$directory/shop.dump"
	],
	'the schema of it alone is restored');

# Rows on their own meet the triggers of the shop, which must not act again.
restore_rows('parts', '--data-only');
isnt(contents($node, 'parts'), $rows, 'its triggers change the rows that come later');
forget('parts', 'users CASCADE', 'categories CASCADE', 'schema_migrations');
restore_rows('parts', '--data-only', '--disable-triggers');

# The orders placed after the restore are the same, down to their ids.
my $next_order = q{
	SELECT ecommerce.add_to_cart(3, 1, 3)->'cart_amount';
	SELECT ecommerce.place_order(3, idempotency_key => 'after') - 'order_date';
	SELECT id, gift_note FROM ecommerce.orders WHERE customer_id = 3;
};
my $order;

foreach my $database ('plain', 'parallel', 'parts')
{
	is(contents($node, $database), $rows, "$database: every row is there");
	is(dump_of($database), $dump,
		"$database: and so are the column, the index, owners and privileges");
	is($node->safe_psql($database, 'SELECT ecommerce.order_listing_json(1)'),
		$listing, "$database: the listing is the same");
	is($node->safe_psql($database, 'SELECT ecommerce.migrate()'),
		$version, "$database: migrate() finds its tables");
	is( $node->safe_psql(
			$database,
			q{SELECT ecommerce.place_order(2, idempotency_key => 'before')->'replayed'}
		),
		'true',
		"$database: a key from before the dump is known");
	$order //= $node->safe_psql('shop', $next_order);
	is($node->safe_psql($database, $next_order),
		$order, "$database: sequences continue");
}
like($order, qr/^8.96\n.*"id": 22,.*\n22\|Thank you$/s, 'the order after the restore');

# Single tables, back into a shop that has lost their rows.
$rows = contents($node, 'parts');
$node->command_ok(
	[
		'pg_dump', '--data-only', '--disable-triggers',
		'--table=ecommerce.order*', '-f', "$directory/orders.sql", 'parts'
	],
	'a dump of the orders alone');
forget('parts', 'orders CASCADE');
is($node->safe_psql('parts', 'SELECT ecommerce.order_listing_json(1)'),
	'[]', 'the orders are lost');
$node->command_ok(
	[
		'psql', '-Xq', '-v', 'ON_ERROR_STOP=1',
		'-d', $node->connstr('parts'), '-f', "$directory/orders.sql"
	],
	'and restored');
is(contents($node, 'parts'), $rows, 'with every row');
is($node->safe_psql('parts', 'SELECT * FROM ecommerce.order_integrity()'),
	'', 'no invariant is violated');


# Dropping the extension.
$rows = contents($node, 'shop');
$node->safe_psql('shop', 'DROP EXTENSION ecommerce');
is(contents($node, 'shop'), $rows, 'DROP EXTENSION leaves every row');
is(sqlstate($node, 'SELECT ecommerce.migrate()', database => 'shop'),
	'42883', 'and takes the functions');
$node->safe_psql('shop', 'CREATE EXTENSION ecommerce');
is($node->safe_psql('shop', 'SELECT ecommerce.migrate()'),
	$version, 'CREATE EXTENSION again works on the same tables');
is(contents($node, 'shop'), $rows, 'and changes nothing in them');
is($node->safe_psql('shop', 'SELECT ecommerce.order_listing_json(1)'),
	$listing, 'the listing is the same');
is( $node->safe_psql(
		'shop', q{
		SELECT ecommerce.add_to_cart(1, 1, 1)->'cart_amount';
		SELECT ecommerce.place_order(1)->'id'}),
	"1.99\n23",
	'and orders continue');

done_testing();

# Adds the rows of the shop to a database that has its tables.
sub restore_rows
{
	my ($database, @options) = @_;
	my $file = "$directory/rows.sql";

	$node->command_ok([ 'pg_dump', @options, '-f', $file, 'shop' ],
		"pg_dump @options");
	$node->command_ok(
		[
			'psql', '-Xq', '-v', 'ON_ERROR_STOP=1',
			'-d', $node->connstr($database), '-f', $file
		],
		'is restored');
	return;
}

# Empties tables that refuse it.
sub forget
{
	my ($database, @tables) = @_;

	$node->safe_psql($database,
		join ';', 'SET session_replication_role = replica',
		map { "TRUNCATE ecommerce.$_" } @tables);
	return;
}

# A plain dump, without the key that later versions of psql guard it with. It is left
# in the directory, too.
sub dump_of
{
	my ($database) = @_;
	my $path = "$directory/$database.sql";
	my $text;

	$node->run_log([ 'pg_dump', '-f', $path, $database ])
	  or die "pg_dump of $database failed";
	$text = slurp_file($path);
	$text =~ s/^\\(?:un)?restrict .*\n//gm;
	return $text;
}
