# Proves that migrate() can be run by several sessions at once and by an ordinary
# role, that a migrate() that does not end leaves nothing, that it fails briefly, and that
# no code is compiled for it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = start_server('migrate');

# The databases of this test: code, and no tables.
sub new_database
{
	my ($name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION ecommerce');
	return $name;
}

# What there is in schema ecommerce, besides the members of the extension.
sub relations
{
	my ($database) = @_;

	return $node->safe_psql(
		$database, q{
		SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'ecommerce'::regnamespace AND relkind <> 'i'});
}

my $tables_and_sequences = join ' ', qw(archived_orders cart_items carts categories
  categories_id_seq order_adjustments order_balances order_details order_events
  order_events_id_seq order_payments order_return_lines order_returns orders orders_id_seq products products_id_seq
  promotion_levels promotions promotions_id_seq schema_migrations
  shipping_rates shipping_rates_id_seq stock_levels stock_transfers tax_rates
  tax_rates_id_seq users users_id_seq);


# Several sessions at once. The first has done its work, but has not committed, when
# the others come; one of these knows that there was no table before.
foreach my $end ('COMMIT', 'ROLLBACK')
{
	my $database = new_database(lc $end);
	my ($first, @others) =
	  map { Shop::Client->new($node, database => $database) } 1 .. 5;

	$others[0]->ask(q{SELECT to_regclass('ecommerce.schema_migrations')});
	is($first->ask('BEGIN; SELECT ecommerce.migrate(owner => current_user)'),
		4, "$end: the first session returns the version");
	$_->tell('SELECT ecommerce.migrate(owner => current_user)') foreach @others;
	wait_for_lock($node, $_) foreach @others;
	is($first->ask($end), '', "$end: the first session ends its transaction");
	is(join(' ', map { $_->answer } @others),
		'4 4 4 4', "$end: the others have waited, and return the version");
	is(relations($database), $tables_and_sequences, "$end: one set of tables");
	is( $node->safe_psql(
			$database, 'SELECT version, name FROM ecommerce.schema_migrations'),
		"1|migration_1\n2|migration_2\n3|migration_3\n4|migration_4",
		"$end: each migration is recorded once");
	$_->quit foreach ($first, @others);
}


# An ordinary role.
my $shop = new_database('ordinary');

$node->safe_psql(
	$shop, q{
	CREATE ROLE owner LOGIN;
	GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO owner;
	GRANT EXECUTE ON FUNCTION ecommerce.migrate TO owner;
	GRANT EXECUTE ON FUNCTION
		ecommerce.add_to_cart, ecommerce.place_order, ecommerce.order_listing_json
		TO owner;
});
is( $node->safe_psql(
		$shop,
		'SELECT ecommerce.migrate()',
		extra_params => [ '-U', 'owner' ]),
	4,
	'an ordinary role may migrate');
is( $node->safe_psql(
		$shop, q{
		SELECT DISTINCT relowner::regrole FROM pg_class
		WHERE relnamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)}),
	'owner',
	'it owns everything that was made');
is( $node->safe_psql($shop, 'SELECT DISTINCT applied_by FROM ecommerce.schema_migrations'),
	'owner', 'and is recorded as the one who did it');
is( $node->safe_psql(
		$shop, q{
		INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Jane', 'Here');
		INSERT INTO ecommerce.products (name, price) VALUES ('Pen', 1.50);
		INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 5);
		SELECT ecommerce.add_to_cart(1, 1, 2)->'cart_amount';
		SELECT ecommerce.place_order(1)->'order_amount';
		SELECT jsonb_array_length(ecommerce.order_listing_json(1));
	},
		extra_params => [ '-U', 'owner' ]),
	"3.00\n3.00\n1",
	'it fills the shop and places an order');


# Roles that may not.
$shop = new_database('forbidden');
$node->safe_psql(
	$shop, q{
	CREATE ROLE visitor LOGIN;
	GRANT USAGE ON SCHEMA ecommerce TO visitor;
});
is( sqlstate(
		$node, 'SELECT ecommerce.migrate()',
		database => $shop,
		role => 'visitor'),
	'42501',
	'a role may not migrate without EXECUTE on migrate()');
foreach my $grant (
	'EXECUTE ON FUNCTION ecommerce.migrate',
	'CREATE ON SCHEMA ecommerce')
{
	$node->safe_psql($shop, "GRANT $grant TO visitor");
	is( sqlstate(
			$node, 'SELECT ecommerce.migrate()',
			database => $shop,
			role => 'visitor'),
		'42501',
		"nor if it has no more than $grant");
	is(relations($shop), '', 'which leaves nothing');
}


# Stopped midway. The event trigger makes it wait when it has made some of the
# tables.
$shop = new_database('interrupted');
$node->safe_psql(
	$shop, q{
	CREATE FUNCTION pause() RETURNS event_trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF to_regclass('ecommerce.orders') IS NOT NULL THEN
			PERFORM pg_advisory_xact_lock_shared(1);
		END IF;
	END $$;
	CREATE EVENT TRIGGER pause ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION pause();
});

my $holder = Shop::Client->new($node, database => $shop);

$holder->ask('SELECT pg_advisory_lock(1)');
foreach my $how ('cancel', 'terminate')
{
	my $migrating = Shop::Client->new($node, database => $shop);
	my $pid = $migrating->pid;

	$migrating->tell('SELECT ecommerce.migrate()');
	wait_for_lock($node, $migrating);
	$node->safe_psql($shop, "SELECT pg_${how}_backend($pid)");
	like(
		$migrating->answer,
		$how eq 'cancel' ? qr/ERROR:  57014/ : qr/FATAL:  57P01/,
		"$how: migrate() ends with an error");
	$node->poll_query_until($shop,
		"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid AND state = 'active')"
	);
	is(relations($shop), '', "$how: nothing is left");
	$migrating->quit if $how eq 'cancel';
}
$holder->quit;
is( $node->safe_psql($shop, 'SELECT ecommerce.migrate(owner => current_user)'),
	4,
	'the next migrate() does everything');
is(relations($shop), $tables_and_sequences, 'and all tables are there');


# Whatever stops it, psql prints no more than ten lines, though the migrations are long.
$node->safe_psql('postgres', 'CREATE ROLE poor LOGIN');
foreach my $obstacle (
	[ 'who may not create tables',
		'GRANT USAGE ON SCHEMA ecommerce TO poor; GRANT EXECUTE ON FUNCTION ecommerce.migrate TO poor; SET ROLE poor',
		'owner of the tables may not create them' ],
	[ 'a table that is there already', 'CREATE TABLE ecommerce.order_events ()',
		'relation "order_events" already exists' ],
	[ 'a column that is not', q{
			CREATE TABLE ecommerce.schema_migrations AS SELECT 1 AS version, 'migration_1' AS name;
			CREATE TABLE ecommerce.orders (); CREATE TABLE ecommerce.order_details ();
			CREATE TABLE ecommerce.order_events (customer_id bigint)},
		'column ' ],
	[ 'an error in code of the shop, with a long message of every kind', q{
			CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
			BEGIN
				EXECUTE 'DO $do$ BEGIN RAISE EXCEPTION ''stop'' USING HINT = repeat(E''hint\n'', 50),'
						|| repeat(E'\n', 50)
						|| ' DETAIL = repeat(E''detail\n'', 50); END $do$';
			END $$;
			CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE')
			EXECUTE FUNCTION refuse()},
		'stop' ],
	[ 'tables of another owner',
		'CREATE TABLE ecommerce.schema_migrations (version integer);'
		  . 'GRANT USAGE ON SCHEMA ecommerce TO poor; GRANT EXECUTE ON FUNCTION ecommerce.migrate TO poor; SET ROLE poor',
		'cannot migrate the tables of another role' ])
{
	my ($name, $preparation, $message) = @$obstacle;
	my ($stdout, $stderr);

	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS obstacle');
	new_database('obstacle');
	$node->psql(
		'obstacle',
		"$preparation; SELECT ecommerce.migrate();",
		stdout => \$stdout,
		stderr => \$stderr);
	like($stderr, qr/ERROR:  .*\Q$message\E/, "$name: the error");
	cmp_ok(scalar(split /\n/, $stderr), '<=', 10, "$name: it is brief") or diag($stderr);
}


# Whether this session has had the compiler loaded: before, then after a query for which it
# must. To compile the queries for privileges took thirty times as long as all the rest.
my $compiler_is_loaded = q{SELECT pg_read_file('/proc/self/maps') ~ 'llvmjit'};
my ($after_migrate, $after_query) = split /\n/, $node->safe_psql(
	new_database('uncompiled'), qq{
	SET jit = on;
	SELECT ecommerce.migrate(owner => current_user) \\gset
	$compiler_is_loaded;
	SET jit_above_cost = 0;
	SELECT sum(n) FROM generate_series(1, 10) AS n \\gset
	$compiler_is_loaded});

SKIP:
{
	skip 'the server has no compiler', 1 if $after_query ne 't';
	is($after_migrate, 'f', 'migrate() needs no compiler');
}

done_testing();
