# Proves that a shop whose history is partitioned works as any other, before and after an
# upgrade, and that there is no way past what keeps history through a partition: that would
# be a hole, since triggers for statements do not come to partitions.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $node = start_server('partitions');
my $directory = PostgreSQL::Test::Utils::tempdir;

$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN');
foreach my $layout ('range', 'hash')
{
	open_partitioned_shop($layout);
	my $version = $node->safe_psql($layout, 'SELECT ecommerce.migrate()');

	is( $node->safe_psql($layout, q{SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
			WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'p'}),
		$layout eq 'hash' ? 'order_details order_events orders' : 'order_details order_events',
		"$layout: the tables are partitioned");
	is($node->safe_psql($layout, 'SELECT ecommerce.migrate()'), $version, "$layout: migrate() is repeated");
	trade($layout);
	check_guard($layout);
	archive($layout);
	restore($layout);
}
check_new_partition('range');
check_twins('range');
done_testing();

# A shop of 1.1, with orders, that is partitioned and then upgraded.
sub open_partitioned_shop
{
	my ($layout) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $layout");
	$node->safe_psql(
		$layout, q{
		CREATE EXTENSION ecommerce VERSION '1.1';
		GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO owner;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO owner;
		SET ROLE owner;
		SELECT ecommerce.migration_1();
		SELECT ecommerce.migration_2();
		INSERT INTO ecommerce.schema_migrations (version, name) VALUES (1, 'migration_1'), (2, 'migration_2')});
	$node->command_ok(
		[
			'psql', '-Xq', '-d', $node->connstr($layout), '-v', "layout=$layout", '-v', 'all=100',
			'-c', 'SET ROLE owner', '-f', "$root/test/data/partitions.sql"
		],
		"$layout: tables of 1.1 are partitioned");
	$node->safe_psql(
		$layout, q{
		SET ROLE owner;
		INSERT INTO ecommerce.users (name, email, shipping_address)
		SELECT 'Customer ' || n, n || '@example.com', n || ' Street' FROM generate_series(1, 3) AS n;
		INSERT INTO ecommerce.products (name, price) SELECT 'Thing ' || n, n + 0.99 FROM generate_series(1, 4) AS n;
		INSERT INTO ecommerce.stock_levels (product_id, quantity) SELECT id, 1000 FROM ecommerce.products;
		INSERT INTO ecommerce.orders (customer_id, order_date, order_amount, currency, shipping_address)
		SELECT n % 3 + 1, '2010-01-01', 3.99, 'USD', 'Here' FROM generate_series(1, 30) AS n;
		INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity, line_amount)
		SELECT customer_id, id, 1, 3, 'Thing 3', 3.99, 1, 3.99 FROM ecommerce.orders;
		INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor, created_at, delivered_at)
		SELECT customer_id, id, 1, 'order_placed', 'PROCESSING', 'old', order_date, order_date FROM ecommerce.orders;
		INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, old_status, new_status, actor, created_at, delivered_at)
		SELECT customer_id, id, 2, 'order_shipped', 'PROCESSING', 'SHIPPED', 'old', order_date, order_date FROM ecommerce.orders;
		UPDATE ecommerce.orders SET order_status = 'SHIPPED';
		RESET ROLE;
		REVOKE CREATE ON SCHEMA ecommerce, ecommerce_api FROM owner;
		ALTER EXTENSION ecommerce UPDATE});
	return;
}

# What a shop does, at every isolation level.
sub trade
{
	my ($layout) = @_;
	my $id = 30;

	foreach my $level ('read committed', 'repeatable read', 'serializable')
	{
		my $session = Shop::Client->new($node, database => $layout);
		my ($first, $second) = ($id + 1, $id + 2);

		is( $session->ask(
				qq{
				SET default_transaction_isolation = '$level';
				SELECT ecommerce.add_to_cart(1, 1, 2)->'cart_amount';
				SELECT ecommerce.add_to_cart(1, 4, 1)->'cart_amount';
				SELECT ecommerce.place_order(1, 'key of $level')->'id';
				SELECT ecommerce.place_order(1, 'key of $level')->'replayed';
				SELECT ecommerce.order_json(1, $first)->'order_amount';
				SELECT ecommerce.order_listing_json(1, 1)->0->'id';
				SELECT ecommerce.order_listing_json(1, 1, 12)->0->'id';
				SELECT ecommerce.cancel_order(1, $first, 'customer')->'order_status';
				SELECT ecommerce.add_to_cart(2, 3, 1)->'cart_amount';
				SELECT ecommerce.place_order(2)->'id';
				SELECT ecommerce.record_payment(2, $second, 'card', '$level', 'captured', 3.99)->'payment'->>'status';
				SELECT ecommerce.set_order_status(2, $second, 'SHIPPED')->'order_status';
				SELECT ecommerce.return_items(2, $second, '[{"line": 1, "quantity": 1}]', true)->'order_status';
				SELECT jsonb_array_length(ecommerce.take_order_events(100));
				SELECT ecommerce.acknowledge_order_events(array_agg(id))
				  FROM ecommerce.order_events WHERE delivered_at IS NULL;
				SELECT ecommerce.find_order($second)#>'{order,id}';
				SELECT count(*) FROM ecommerce.order_integrity();
			}),
			join("\n", 3.98, 8.97, $first, 'true', 8.97, $first, 9, '"CANCELLED"', 3.99, $second, 'PAID',
				'"SHIPPED"', '"RETURNED"', 2, 7, $second, 0),
			"$layout, $level: the functions answer");
		$session->quit;
		$id += 2;
	}
	return;
}

# No row of the history is deleted or changed, and no partition emptied, whichever table a
# statement names.
sub check_guard
{
	my ($layout) = @_;
	my @parts = parts_of($layout);

	cmp_ok(scalar @parts, '>=', 20, "$layout: there are partitions");
	is_deeply([ passed($layout, @parts) ], [], "$layout: nothing passes what keeps history");
	return;
}

# History tables and their partitions.
sub parts_of
{
	my ($database) = @_;

	return split /\n/, $node->safe_psql(
		$database, q{
		SELECT coalesce(part.relid, relation) FROM unnest('{orders,order_details,order_events}'::text[]) AS name,
			   LATERAL (SELECT ('ecommerce.' || name)::regclass) AS its (relation)
			   LEFT JOIN LATERAL pg_partition_tree(relation) AS part ON true});
}

# What of these can be deleted, changed or emptied, of those that have rows.
sub passed
{
	my ($database, @parts) = @_;
	my @passed;

	foreach my $part (@parts)
	{
		my $column = $part =~ /orders/ ? 'order_amount' : $part =~ /details/ ? 'quantity' : 'order_id';

		next if $node->safe_psql($database, "SELECT count(*) FROM $part") == 0;
		foreach my $statement ("DELETE FROM $part", "UPDATE $part SET $column = $column + 1", "TRUNCATE $part CASCADE")
		{
			push @passed, $statement
			  if sqlstate($node, $statement, database => $database, role => 'owner') ne '23001';
		}
	}
	return @passed;
}

# Orders that are done with leave partitions, too.
sub archive
{
	my ($layout) = @_;

	is( $node->safe_psql(
			$layout, q{
			SELECT count(ecommerce.set_order_status(customer_id, id, 'DELIVERED'))
			  FROM ecommerce.orders WHERE order_status = 'SHIPPED';
			SELECT ecommerce.acknowledge_order_events(array_agg(id)) FROM ecommerce.order_events WHERE delivered_at IS NULL;
			SELECT ecommerce.archive_orders(now() + interval '1 day', 5);
			SELECT string_agg(order_id::text, ' ' ORDER BY order_id) FROM ecommerce.archived_orders;
			SELECT ecommerce.archive_orders(now() + interval '1 day');
			SELECT string_agg(id::text, ' ' ORDER BY id) FROM ecommerce.orders;
			SELECT count(*) FROM ecommerce.order_integrity()}),
		join("\n", 30, 30, 5, '1 2 3 4 5', 28, '32 34 36', 0),
		"$layout: what is old is archived, the lowest ids first");
	return;
}

sub restore
{
	my ($layout) = @_;

	$node->command_ok([ 'pg_dump', '-d', $node->connstr($layout), '-f', "$directory/$layout.sql" ], "$layout: a dump");
	$node->safe_psql('postgres', "CREATE DATABASE restored_$layout");
	$node->command_ok(
		[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr("restored_$layout"), '-f', "$directory/$layout.sql" ],
		'is restored');
	is(contents($node, "restored_$layout"), contents($node, $layout), 'with every row');
	is_deeply([ passed("restored_$layout", parts_of("restored_$layout")) ], [], 'and what keeps history');
	is($node->safe_psql("restored_$layout", 'SELECT * FROM ecommerce.order_integrity()'), '', 'and whole');
	return;
}

# What the owner has to do for a partition is to call migrate(), and who tells if he forgot.
sub check_new_partition
{
	my ($layout) = @_;
	my $truncate = 'TRUNCATE ecommerce.order_details_p9';
	my $told = 'SELECT invariant, details FROM ecommerce.order_integrity()';

	$node->safe_psql(
		$layout, q{
		DROP TABLE ecommerce.order_details_p9;
		CREATE TABLE ecommerce.order_details_p9 PARTITION OF ecommerce.order_details FOR VALUES FROM (91) TO (101);
		ALTER TABLE ecommerce.order_details_p9 OWNER TO owner});
	is($node->safe_psql($layout, $told),
		'partition_of_history_is_not_truncated|{"partition": "ecommerce.order_details_p9"}',
		'a partition without its trigger is told');
	is(sqlstate($node, $truncate, database => $layout, role => 'owner'), '', 'since it can be emptied');
	$node->safe_psql($layout, 'SELECT ecommerce.migrate()');
	is($node->safe_psql($layout, $told), '', 'which migrate() makes');
	is(sqlstate($node, $truncate, database => $layout, role => 'owner'), '23001', 'and it cannot be emptied');
	return;
}

# Triggers for statements, as version 1.1 had them, keep nothing that is in a partition.
sub check_twins
{
	my ($layout) = @_;
	my ($part) = grep { /order_details_p3/ } parts_of($layout);

	$node->safe_psql(
		$layout, q{
		DROP TRIGGER keep_unchanged ON ecommerce.order_details;
		DROP TRIGGER keep_unless_archived ON ecommerce.order_details;
		DROP TRIGGER keep_lines ON ecommerce.order_details_p3;
		CREATE TRIGGER keep_statements BEFORE UPDATE OR DELETE OR TRUNCATE ON ecommerce.order_details
		FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.keep_history();
		ALTER TABLE ecommerce.order_details DROP CONSTRAINT order_details_amount_is_price_times_positive_quantity});
	is_deeply([ map { s/ .*//r } passed($layout, $part) ], [ 'DELETE', 'UPDATE', 'TRUNCATE' ],
		'what passes a partition is found');
	return;
}
