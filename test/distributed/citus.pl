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
citus.node_conninfo = 'sslmode=disable'
citus.recover_2pc_interval = 1s
};
my ($coordinator, @workers) = map { start_server($_, settings => $settings) } qw(coordinator worker_1 worker_2);
my ($shop, $before, $rows);

# Carts whose bucket of stock is on another shard.
my $strays = q{
	SELECT count(*) FROM ecommerce.carts
	 WHERE get_shard_id_for_distribution_column('ecommerce.carts', user_id)
	    <> get_shard_id_for_distribution_column('ecommerce.carts', stock_bucket)};

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

# The lines of one text that are not as often in the other.
sub differences
{
	my %count;

	$count{$_}++ foreach split /\n/, $_[0];
	$count{$_}-- foreach split /\n/, $_[1];
	return map { sprintf '%+d %s', $count{$_}, $_ } grep { $count{$_} } sort keys %count;
}

# Every row, whatever its bucket of stock.
sub rows
{
	return join "\n", (grep { !/^(carts|stock_levels)\|/ } split /\n/, contents($coordinator)),
	  sql('SELECT product_id, sum(quantity) FROM ecommerce.stock_levels GROUP BY product_id ORDER BY product_id'),
	  sql("SELECT to_jsonb(carts) - 'stock_bucket' FROM ecommerce.carts ORDER BY user_id");
}

# The next blocks of docs/scale.md that are run on a coordinator; of so many shards.
my @examples = slurp_file("$FindBin::RealBin/../../docs/scale.md") =~ /^```(?:cluster|coordinator)\n(.*?)^```/msg;

sub run_example
{
	my $block = shift @examples;
	my %nodes = (coordinator => $coordinator, worker1 => $workers[0], worker2 => $workers[1]);

	$block =~ s/'(coordinator|worker\d)', 5432/sprintf "'%s', %d", $nodes{$1}->host, $nodes{$1}->port/eg;
	$block =~ s/shard_count = \K16/4/;
	sql($block);
	return;
}

$_->safe_psql('postgres', 'CREATE EXTENSION citus') foreach $coordinator, @workers;
run_example();


# The extension comes to every node at once, which a NOTIFY in its script would prevent.

run_example();
is($_->safe_psql('postgres', "SELECT count(*) FROM pg_extension WHERE extname = 'ecommerce'"), 1, 'the extension is there')
  foreach @workers;
isnt($coordinator->psql('postgres', q{BEGIN; NOTIFY pgrst; PREPARE TRANSACTION 'notified'}), 0, 'where one that notifies cannot be committed in two phases');


# Who may distribute.

sql(q{
	CREATE ROLE anonymous LOGIN;
	CREATE ROLE shopper LOGIN;
	CREATE ROLE staff LOGIN;
	SELECT ecommerce.grant_api('anonymous', 'shopper', 'staff');
	REVOKE CREATE ON SCHEMA ecommerce_api FROM shop});
is(sqlstate($coordinator, 'SELECT ecommerce.distribute()'), '42501', 'the owner has to have CREATE');
sql('GRANT CREATE ON SCHEMA ecommerce_api TO shop');
is(sqlstate($coordinator, "SELECT ecommerce.$_()", role => 'staff'), '42501', "staff may not $_") foreach qw(distribute undistribute);
is(sqlstate($coordinator, 'SET ROLE shop; SELECT ecommerce.distribute(delegate => true)'), '42501', 'the owner of the tables may not delegate');


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
$rows = rows();
sql('SELECT ecommerce.undistribute()');
is(schema(), $before, 'there is nothing to take back yet');

# A superuser distributes, and code that the owner has put into the way runs as the owner.
sql(q{
	SET ROLE shop;
	CREATE FUNCTION ecommerce.tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING MESSAGE = ''as '' || current_user; END';
	CREATE TRIGGER tell AFTER INSERT ON ecommerce.stock_levels FOR EACH STATEMENT EXECUTE FUNCTION ecommerce.tell()});
$coordinator->psql('postgres', 'SELECT ecommerce.distribute()', stderr => \my $told);
like($told, qr/ERROR:  as shop$/m, 'code of the owner\'s runs as the owner');
sql('DROP FUNCTION ecommerce.tell CASCADE');

sql('SET ROLE shop; SET citus.shard_count = 4; SELECT ecommerce.distribute(); SELECT ecommerce.undistribute()');
is(sql('SELECT count(*) FROM citus_tables'), 0, 'an owner can do it alone');
run_example();
is(scalar @examples, 0, 'the page has no more examples');
is(sqlstate($coordinator, 'SELECT ecommerce.undistribute()'), '42501', 'the way back needs CREATE, too');
sql('GRANT CREATE ON SCHEMA ecommerce, ecommerce_api TO shop');
is(sql(q{
	SELECT string_agg(relname, ' ') FROM pg_class
	 WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations'
	   AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = pg_class.oid)}),
	'', 'every table is distributed');
is(rows(), $rows, 'with every row');
is(sql('SELECT * FROM ecommerce.order_integrity()'), '', 'and no invariant is violated');
is(sql($strays), 0, 'a cart draws on the stock of its shard');
is(sql("SELECT string_agg(quantity::text, ' ' ORDER BY product_id DESC, quantity) FROM ecommerce.stock_levels"),
	'0 1 1 1 246 246 247 247', 'of which each shard has its part');
sql('SELECT ecommerce.distribute()');
is(sql("SELECT count(DISTINCT colocation_id) FROM citus_tables WHERE distribution_column <> '<none>'"),
	1, 'distributed again, it is as it was');
sql('SELECT ecommerce.undistribute()');
is(sql('SELECT count(*) FROM citus_tables'), 0, 'no table is distributed any more');
is_deeply([ differences(schema() =~ s/ MAXVALUE 281474976710655/ NO MAXVALUE/gr, $before) ], [], 'the tables are as they were');
is(rows(), $rows, 'with every row');
sql('SET citus.shard_count = 4; SELECT ecommerce.distribute(delegate => true)');
is(sql(q{
	SELECT count(*), count(*) FILTER (WHERE provolatile <> 'v')
	  FROM pg_dist_object JOIN pg_proc ON classid = 'pg_proc'::regclass AND objid = pg_proc.oid
	 WHERE distribution_argument_index IS NOT NULL}),
	'6|0', 'what is delegated writes');


# A new cart is given the bucket of its shard, which the trigger does.

sql(q{INSERT INTO ecommerce.carts (user_id) SELECT id FROM ecommerce.users WHERE id > 10});
is(sql($strays), 0, 'new carts draw on the stock of their shard, too');
is(sql("BEGIN; SET LOCAL citus.enable_unsafe_triggers = on; DROP TRIGGER choose_stock_bucket ON ecommerce.carts;
	DELETE FROM ecommerce.carts WHERE user_id > 10;
	INSERT INTO ecommerce.carts (user_id) SELECT id FROM ecommerce.users WHERE id > 10; $strays; ROLLBACK") > 0,
	1, 'without the trigger they do not');


# The history is kept on the nodes where it is, by triggers.

foreach my $case (
	[ 'orders', "UPDATE ecommerce.orders SET order_status = 'SHIPPED' WHERE customer_id = 1" ],
	[ 'orders', 'UPDATE ecommerce.orders SET order_amount = 1' ],
	[ 'order_events', 'DELETE FROM ecommerce.order_events' ],
	[ 'order_details', 'UPDATE ecommerce.order_details SET sku = NULL WHERE customer_id = 2' ])
{
	my ($table, $statement) = @$case;
	my $set = sub { sql("SELECT run_command_on_shards('ecommerce.$table', 'ALTER TABLE %s $_[0] TRIGGER USER')") };

	is(sqlstate($coordinator, $statement), '23001', $statement);
	$set->('DISABLE');
	is(sqlstate($coordinator, "BEGIN; $statement"), '', 'only triggers refuse that');
	$set->('ENABLE');
}
is(sqlstate($coordinator, 'TRUNCATE ecommerce.order_adjustments'), '23001', 'nor is a table emptied');


# Whoever reads tables or views sees what is his, or nothing: claims stay on the coordinator.

my $read = q{SET request.jwt.claims = '{"user_id": 1}'; SELECT count(*) FROM ecommerce_api.orders};

is($coordinator->safe_psql('postgres', $read, extra_params => [ '-U', 'staff' ]), 5, 'staff sees all orders');
is(sqlstate($coordinator, $read, role => 'shopper'), '42501', 'a view is closed to who may not see the tables on the other nodes');
sql('GRANT USAGE ON SCHEMA ecommerce TO shopper, anonymous');
is($coordinator->safe_psql('postgres', $read, extra_params => [ '-U', 'shopper' ]), 0, 'and then shows shoppers nothing');
sql('ALTER TABLE ecommerce.orders DISABLE ROW LEVEL SECURITY');
is($coordinator->safe_psql('postgres', $read, extra_params => [ '-U', 'shopper' ]), 5, 'without the policies it would show all');
sql('ALTER TABLE ecommerce.orders ENABLE ROW LEVEL SECURITY');
is($coordinator->safe_psql('postgres', 'SELECT string_agg(quantity::text, \' \' ORDER BY id) FROM ecommerce_api.products',
		extra_params => [ '-U', 'anonymous' ]),
	'986 3', 'visitors see the catalogue');


# The shop, as every engine has it. Functions are called where clients connect.

$shop = {
	front => [ $coordinator, 'postgres' ],
	holders => [ [ $coordinator, 'postgres' ] ],
	machines => \@workers,
	# What a node says that is being killed, or one that asks it, comes as 08006, 57P01 or XX000.
	retryable => qr/^(08|40|55P03|57P|XX000)/,
	unrouted => { map { $_ => 'is called in here' }
		  qw(migrate set_owner grant_api revoke_api distribute undistribute ids_of_shard import_orders receive_stock transfer_stock split_stock set_promotion_limit) },
	machine_of => sub { return 0 },
	add_user => sub { return sql("INSERT INTO ecommerce.users (name) VALUES ('New') RETURNING id") },
	catalogue => sub { return sql($_[0]) },
	receive => sub {
		my ($product, $units) = @_;
		my @buckets = split /\n/, sql('SELECT DISTINCT bucket FROM ecommerce.stock_levels ORDER BY bucket');
		my $all = $units * @buckets;

		sql("SELECT ecommerce.receive_stock('{$product}', '{$all}')");
		sql("SELECT ecommerce.transfer_stock('delivery of $product to $_', $product, $units, 0, $_)") foreach grep { $_ > 0 } @buckets;
		return $all;
	},
};

check_functions($shop);
check_refusals($shop);
check_double_submits($shop);
check_selling_out($shop);
check_killed_machine($shop);


# What is the staff's, and the owner's.

is(sql(q{
	INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('ONCE', 'Once', 'percent', 50);
	SELECT ecommerce.set_promotion_limit(max(id), 1) IS NOT NULL FROM ecommerce.promotions}), 't', 'a promotion can be limited');
sql(q{SELECT ecommerce.add_to_cart(n, 1), ecommerce.set_cart_coupons(n, '{ONCE}') FROM generate_series(11, 12) AS n});
is(sql("SELECT (ecommerce.place_order(11) -> 'charges' ->> 'discount_amount')"), '1.00', 'its first use is given');
is(sqlstate($coordinator, 'SELECT ecommerce.place_order(12)'), 'PT409', 'and no second one');
is(sql(q{
	SELECT ecommerce.import_orders('[{"customer_id": 1, "number": "A1", "order_date": "2020-02-02T02:02:02Z", "order_amount": 5, "currency": "USD",
	  "order_status": "DELIVERED", "shipping_address": "Old", "order_details": [{"quantity": 1, "unit_price": 5, "product_order_details": {"name": "Old thing"}}]}]') IS NOT NULL}),
	't', 'old orders come in');
is(sql(q{SELECT ecommerce.archive_orders('2021-01-01')}), 1, 'and go into the archive');
is(sql('SELECT * FROM ecommerce.order_integrity()'), '', 'no invariant is violated');

# The coordinator's sequence is behind, whatever ids the workers have given.
is(sql(q{SELECT setval('ecommerce.orders_id_seq', 1); SELECT string_agg(invariant, ' ') FROM ecommerce.order_integrity()}),
	"1\nsequence_is_not_behind_the_ids", 'a sequence that is behind is seen');
is(sql(q{SELECT count(*) > 0 FROM ecommerce.orders WHERE id > 281474976710655}), 't', 'workers have given ids of their own');

done_testing();
