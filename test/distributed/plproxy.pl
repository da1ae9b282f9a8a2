# Proves that a shop on two shards behind PL/Proxy is one shop: every function, refusals as
# they are, double submits, selling out, and a shard that is killed and comes back.

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
plan skip_all => 'there is no PL/Proxy for this version of PostgreSQL'
  unless -f "$sharedir/extension/plproxy.control";

my @shards = map { start_server("shard_$_", allows_streaming => 'logical') } 0, 1;
my $router = start_server('router');
my $beyond = 1_000_000;
my $newest = 0;

# Blocks of docs/scale.md under a heading, in their order, run where they say.
sub run_examples
{
	my ($heading) = @_;
	my ($section) = slurp_file("$FindBin::RealBin/../../docs/scale.md") =~ /^### \Q$heading\E\n(.*?)(?=^##|\z)/ms;
	my %nodes = (router => $router, shard0 => $shards[0], shard1 => $shards[1]);
	my @printed;

	while ($section =~ /^```(router|shard[01]|sh)\n(.*?)^```/msg)
	{
		my ($where, $block) = ($1, $2);

		if ($where eq 'sh')
		{
			system_or_bail('psql', '-XAq', "--file=$sharedir/extension/ecommerce_plproxy.sql", $router->connstr('postgres'));
			next;
		}
		$block =~ s/'host=shard([01]) dbname=shop'/"'" . connstr_of($1) . "'"/eg;
		push @printed, $nodes{$where}->safe_psql('postgres', $block);
	}
	return @printed;
}

sub connstr_of
{
	return $shards[ $_[0] ]->connstr =~ s/'//gr . ' dbname=postgres';
}

sub connect_router
{
	my (@order) = @_;

	$router->safe_psql('postgres', sprintf "ALTER SERVER ecommerce OPTIONS (SET p0 '%s', SET p1 '%s')", map { connstr_of($_) } @order);
	return;
}

# The error of a call at the router: SQLSTATE, message, DETAIL and HINT, a line each.
sub error_of
{
	my ($call, $database) = @_;

	return $router->safe_psql(
		$database // 'postgres', qq{
		CREATE OR REPLACE FUNCTION pg_temp.error_of() RETURNS text LANGUAGE plpgsql AS \$\$
		DECLARE
			detail text;
			hint text;
		BEGIN
			PERFORM $call;
			RETURN 'none';
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			RETURN concat_ws(E'\\n', SQLSTATE, SQLERRM, detail, hint);
		END \$\$;
		SELECT pg_temp.error_of()});
}

$_->safe_psql('postgres', 'CREATE ROLE shop; CREATE ROLE app LOGIN') foreach $router, @shards;
cmp_ok((run_examples('Setting it up'))[-2], '>', 40, 'the functions are made');
is($shards[0]->safe_psql('postgres', q{
	SELECT attrelid::regclass, attname FROM pg_attribute
	JOIN pg_publication_tables ON attrelid = format('%I.%I', schemaname, tablename)::regclass
	WHERE attnum > 0 AND NOT attisdropped AND attname <> ALL (attnames)}),
	'ecommerce.promotions|usage_limit', 'the copies have all of the catalogue but one column');
like((run_examples('Customers'))[0], qr/^\d*[13579]$/, 'a user of shard 1 has an odd id');

# Shards that would be taken for each other are refused.
foreach my $order ([ 1, 0 ], [ 0, 0 ])
{
	connect_router(@$order);
	is(sqlstate($router, 'SELECT ecommerce_router.route()'), '55000', "shards @$order are refused");
}
connect_router(0, 1);

# Shard 0 was a shop before, with ids of every remainder.
$shards[0]->safe_psql(
	'postgres', q{
	SELECT ecommerce.ids_of_shard(0, 1);
	INSERT INTO ecommerce.users (id, name, shipping_address) VALUES (7, 'Blaise', '7 Rue Neuve'), (8, 'Pierre', '8 Rue Neuve');
	INSERT INTO ecommerce.products (name, price) VALUES ('Book', 5);
	SELECT ecommerce.receive_stock('{2}', '{100}');
	SELECT ecommerce.add_to_cart(7, 2), ecommerce.place_order(7), ecommerce.add_to_cart(8, 2), ecommerce.place_order(8), ecommerce.add_to_cart(7, 2), ecommerce.place_order(7);
	SELECT ecommerce.ids_of_shard(0, 2)});
like(error_of('ecommerce_router.route()'), qr/\A55000\nan id would be looked for on another shard\n\{"code": "misplaced_ids", "shard": 0, .*"beyond": 0, "id": 3\}/,
	'a shop that was there is not forgotten');
like(error_of("ecommerce_router.route($beyond)"), qr/\A55000\n.*\n\{"code": "wrong_ids", "shard": 1,/, 'shards whose ids are among the old ones are refused');
$shards[1]->safe_psql('postgres', "SELECT ecommerce.ids_of_shard(1, 2, beyond => $beyond)");
like(error_of("ecommerce_router.route($beyond)"), qr/\A55000\n.*\n\{"code": "misplaced_ids", "shard": 1, .*"id": 1\}/, 'and a user who has one');
$shards[1]->safe_psql('postgres', 'DELETE FROM ecommerce.users');
$router->safe_psql('postgres', "SELECT ecommerce_router.route($beyond); SELECT ecommerce_router.route()");
foreach my $user (7, 8)
{
	is($router->safe_psql('postgres', "SELECT jsonb_array_length(ecommerce.order_listing_json($user))"), 9 - $user,
		"user $user is still there");
}
is($router->safe_psql('postgres', q{SELECT string_agg(ecommerce.find_order(id) #>> '{customer,name}', ' ' ORDER BY id) FROM generate_series(1, 4) AS id}),
	'Blaise Pierre Blaise', 'and so are the orders');

my $shop = {
	front => [ $router, 'postgres' ],
	holders => [ map { [ $_, 'postgres' ] } @shards ],
	machines => \@shards,
	retryable => qr/^(08|40|55P03)/,
	unrouted => { map { $_ => 'runs on a shard that is named' }
		  qw(migrate set_owner grant_api revoke_api ids_of_shard import_orders receive_stock transfer_stock split_stock
		  set_promotion_limit distribute undistribute) },
	machine_of => sub { return $_[0] > $beyond ? $_[0] % @shards : 0 },
	add_user => sub {
		my ($near) = @_;
		my $shard = ($near // $newest++) % @shards;

		return $shards[$shard]->safe_psql('postgres', 'INSERT INTO ecommerce.users (name) VALUES (\'New\') RETURNING id');
	},
	catalogue => sub {
		my ($statements) = @_;
		my $printed = $shards[0]->safe_psql('postgres', $statements);

		$shards[0]->wait_for_catchup('catalogue_1');
		return $printed;
	},
	receive => sub {
		my ($product, $units) = @_;

		$router->safe_psql('postgres', "SELECT ecommerce_router.receive_stock($_, '{$product}', '{$units}')") foreach 0 .. $#shards;
		return $units * @shards;
	},
};

sub units_of
{
	my ($product) = @_;

	return join ' ', map {
		$_->safe_psql('postgres', "SELECT coalesce(sum(quantity), 0) FROM ecommerce.stock_levels WHERE product_id = $product")
	} @shards;
}

check_functions($shop);
check_refusals($shop);
check_double_submits($shop);
check_consumers($shop);
check_selling_out($shop);
check_killed_machine($shop);

run_examples('Stock between shards');

# Carts of two shards are not taken together.
{
	my ($here, $there) = map { $shop->{add_user}->() } 0, 1;

	like(error_of("ecommerce.merge_carts($here, $there)"),
		qr/\A0A000\ncarts are on different shards\n\{"code": "different_shards", "from_user_id": $here, "into_user_id": $there\}/,
		'carts of two shards are not merged');
	like(error_of("ecommerce.merge_carts($_)"), qr/\A22004\n.*\n\{"code": "null_argument", "argument": /, 'nor that of nobody') foreach "NULL, $there", "$here, NULL";
	like(error_of("ecommerce.merge_carts($here, $here)"), qr/\A22023\n/, 'what a shard refuses is its own');
}

# A shard that is down is no matter of the others'. What leaves a shard that is up for it comes
# in once, when it is back.
{
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Moving', 1) RETURNING id");
	my $move = "ecommerce_router.move_stock('to shard 1', $product, 30, 0, 1)";
	my ($holder, $mover);
	my ($even, $odd) = sort { $a % 2 <=> $b % 2 } map { $shop->{add_user}->() } 0, 1;
	my $down = qr/\A08006\nshard is not available\n\{"code": "shard_unavailable", "shard": 1\}\nWhat was asked may have been done or not/;

	$shop->{receive}->($product, 100);
	$router->safe_psql('postgres', "SELECT ecommerce.set_profile($_, 'Ada', NULL, '1 Main Street'), ecommerce.add_to_cart($_, $product, 1)")
	  foreach $even, $odd;

	# It is killed while what has left waits to come in.
	$holder = Shop::Client->new($shards[1]);
	$mover = Shop::Client->new($router);
	$holder->tell('BEGIN; LOCK TABLE ecommerce.stock_levels IN EXCLUSIVE MODE');
	$holder->answer;
	$mover->tell("SELECT $move");
	$shards[1]->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND relation = 'ecommerce.stock_levels'::regclass})
	  or die 'no transfer waits';
	$shards[1]->stop('immediate');
	like($mover->answer, qr/^ERROR:  08006$/m, 'a shard is killed when stock is to come in');
	$mover->quit;
	$holder->quit;

	like(error_of("ecommerce.place_order($odd)"), $down, 'a shard that is down has a code of its own');
	is($router->safe_psql('postgres', "SELECT ecommerce.place_order($even, 'k') -> 'order_amount'"), '1.00',
		'customers of the other order');
	is($router->safe_psql('postgres', 'SELECT count(*) FROM generate_series(1, 20) AS n WHERE jsonb_array_length(ecommerce.take_order_events(n)) > 0'),
		20, 'and its events are delivered');
	like(error_of('FROM ecommerce.order_integrity()'), $down, 'what needs all shards says so');
	is($shards[0]->safe_psql('postgres', "SELECT quantity FROM ecommerce.stock_levels WHERE product_id = $product"),
		69, 'stock has left for it');
	like(error_of("ecommerce_router.move_stock('another', $product, 30, 0, 1)"), $down, 'no more leaves');
	like(error_of('FROM ecommerce_router.stock_in_transit()'), $down, 'what is on its way is not known');
	like(error_of("ecommerce_router.route($beyond)"), $down, 'and the functions are not made');
	is($shards[0]->safe_psql('postgres', "SELECT quantity FROM ecommerce.stock_levels WHERE product_id = $product"),
		69, 'none has left');
	like(error_of($move), $down, 'and still not');
	is($shards[0]->safe_psql('postgres', "SELECT quantity FROM ecommerce.stock_levels WHERE product_id = $product"),
		69, 'and leaves once');

	$shards[1]->start;
	is($router->safe_psql('postgres', 'SELECT * FROM ecommerce_router.stock_in_transit()'),
		"to shard 1|$product|30|0|1", 'it is on its way');
	is(error_of($move), 'none', 'it gets there when the shard is back');
	is(units_of($product), '69 130', 'as much as has left');
	is($router->safe_psql('postgres', 'SELECT * FROM ecommerce_router.stock_in_transit()'), '', 'and nothing is on its way');
	is(error_of($move), 'none', 'and may be asked again');
	is(units_of($product), '69 130', 'which changes nothing');
	like(error_of("ecommerce_router.move_stock('too much', $product, 70, 0, 1)"),
		qr/\APT409\nstock is insufficient\n\{"code": "insufficient_stock"/, 'no more than there is');
	is(units_of($product), '69 130', 'which changes nothing either');
	is($router->safe_psql('postgres', "SELECT ecommerce.place_order($odd, 'k') -> 'order_amount'"), '1.00',
		'its customers order');

	# A shard that forgets what has left sends it twice.
	$shards[0]->safe_psql('postgres', q{DELETE FROM ecommerce.stock_transfers WHERE reference = '0>1 to shard 1'});
	is(error_of($move), 'none', 'without the record of what has left');
	is(units_of($product), '39 129', 'units are lost, and that is seen');
	$router->safe_psql('postgres', "SELECT ecommerce_router.receive_stock(0, '{$product}', '{30}')");
}
check_integrity($shop);

# A product that is split on shard 0 is split on its copies, too, and sold to the last unit.
{
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Hot', 1) RETURNING id");

	$shop->{receive}->($product, 7);
	$router->safe_psql('postgres', "SELECT ecommerce_router.split_stock(0, $product, 3)");
	$shop->{catalogue}->('SELECT');
	is($_->safe_psql('postgres', "SELECT tills FROM ecommerce.products WHERE id = $product"), 3, 'a product is split') foreach @shards;
	foreach my $user (map { $shop->{add_user}->() } 1 .. 2 * 8)
	{
		$router->safe_psql('postgres', "SELECT ecommerce.set_profile($user, 'Ada', NULL, '1 Main Street'), ecommerce.add_to_cart($user, $product)");
		error_of("ecommerce.place_order($user)");
	}
	is(units_of($product), '0 0', 'and sold on each shard');
	is(at_holders($shop, "SELECT count(*) FROM ecommerce.order_details WHERE product_id = $product"), 14, 'as often as there were units');
}

# A promotion with a limit has one on each shard, which the catalogue does not take back.
{
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Cheap', 10) RETURNING id");
	my $promotion = $shop->{catalogue}->("INSERT INTO ecommerce.promotions (code, name, kind, value) VALUES ('ONCE', 'Once', 'percent', 50) RETURNING id");

	$shop->{receive}->($product, 10);
	$router->safe_psql('postgres', "SELECT ecommerce_router.set_promotion_limit($_, $promotion, 1)") foreach 0, 1;
	$shop->{catalogue}->("UPDATE ecommerce.promotions SET name = 'Once only' WHERE id = $promotion");
	foreach my $user (map { $shop->{add_user}->() } 1 .. 2 * @shards)
	{
		my $used = $shards[ $user % 2 ]->safe_psql('postgres', "SELECT remaining = 0 FROM ecommerce.promotion_levels WHERE promotion_id = $promotion");

		$router->safe_psql('postgres', "SELECT ecommerce.set_profile($user, 'Ada', NULL, '1 Main Street'), ecommerce.add_to_cart($user, $product), ecommerce.set_cart_coupons($user, '{ONCE}')");
		like(error_of("ecommerce.place_order($user)"), $used eq 't' ? qr/\APT409\n.*\n\{"code": "coupon_not_applicable"/ : qr/\Anone/,
			"user $user " . ($used eq 't' ? 'is too late' : 'is the first of the shard'));
	}
	is($_->safe_psql('postgres', "SELECT name, usage_limit FROM ecommerce.promotions WHERE id = $promotion"), 'Once only|1', 'the limit is the shard\'s own')
	  foreach @shards;
}
check_integrity($shop);

# A product that is deleted where the catalogue is written: nothing but the product goes from a
# shard that has a copy, as no foreign key acts there.
{
	my ($product, $other) = split /\n/, $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Going', 3), ('Staying', 4) RETURNING id");
	my @users = sort { $a % 2 <=> $b % 2 } map { $shop->{add_user}->() } 0, 1;

	$shop->{receive}->($_, 5) foreach $product, $other;
	$router->safe_psql('postgres', "SELECT ecommerce.set_profile($_, 'Ada', NULL, '1 Main Street'), ecommerce.set_cart_items($_, '{$product,$other}', '{2,1}')")
	  foreach @users;
	$shop->{catalogue}->("DELETE FROM ecommerce.products WHERE id = $product");
	foreach my $user (@users)
	{
		my $shard = 'shard ' . $user % 2;

		is($router->safe_psql('postgres', "SELECT jsonb_path_query_array(cart, '\$.problems[*].code'), jsonb_array_length(cart -> 'cart_items') FROM ecommerce.cart_json($user) AS cart"),
			'["product_removed"]|2', "$shard: the cart still has it, and says so");
		like(error_of("ecommerce.place_order($user)"), qr/\APT409\n.*\n\{"code": "product_removed", /,
			"$shard: it is not ordered");
		is($router->safe_psql('postgres', "SELECT ecommerce.set_cart_item($user, $product, 0) -> 'problems'"), '[]',
			"$shard: it is taken out");
		is($router->safe_psql('postgres', "SELECT ecommerce.place_order($user) -> 'order_amount'"), '4.00',
			"$shard: and the rest is ordered");
	}
	is($router->safe_psql('postgres', q{SELECT invariant, product_id, details ->> 'shard' FROM ecommerce.order_integrity()}),
		"stock_has_a_product|$product|1", 'the stock of the copy is left, which is told');
	$_->safe_psql('postgres', 'DELETE FROM ecommerce.stock_levels WHERE product_id NOT IN (SELECT id FROM ecommerce.products)') foreach @shards;
}
check_integrity($shop);

# A router that loses the key is found by eight equal requests; one that takes any shard for a
# user's, by the first call.
{
	my $product = $shop->{catalogue}->("INSERT INTO ecommerce.products (name, price) VALUES ('Twin', 1) RETURNING id");
	my $user = $shop->{add_user}->();
	my @clients = map { Shop::Client->new($router) } 1 .. 8;

	$shop->{receive}->($product, 10);
	$router->safe_psql('postgres', q{
		CREATE OR REPLACE FUNCTION ecommerce_router.place_order(on_shard integer, user_id bigint, idempotency_key text DEFAULT NULL,
			expected_amount numeric DEFAULT NULL, fingerprint text DEFAULT NULL, shipping_address text DEFAULT NULL, metadata jsonb DEFAULT NULL)
		RETURNS jsonb LANGUAGE plpgsql AS 'BEGIN RETURN ecommerce_shards.place_order(on_shard, NULL, user_id, NULL, expected_amount); END'});
	is(Distributed::submit_at_once($shop, $user, $product, @clients), '1 answers, 1 order, placed 1 time', 'a key that is lost is missed');
	$_->quit foreach @clients;
	$router->safe_psql('postgres', 'CREATE OR REPLACE FUNCTION ecommerce_router.shard_of(id bigint) RETURNS integer LANGUAGE sql AS $$SELECT 1 - (id % 2)::integer$$');
	like(error_of("ecommerce.cart_json($user)"), qr/\APT404\nuser does not exist/, 'so is a user on another shard');
	$router->safe_psql('postgres', 'SELECT ecommerce_router.route()');
}

# Without what raises a shard's errors again they are PL/Proxy's: that is seen.
{
	my $user = $shop->{add_user}->();
	my $raised = error_of("ecommerce.place_order($user)");

	$router->safe_psql('postgres', q{
		CREATE OR REPLACE FUNCTION ecommerce_router.raise_again(on_shard integer, state text, message text, detail text, hint text)
		RETURNS void LANGUAGE plpgsql AS 'BEGIN END'});
	is($raised, qq(PT404\ncart is empty\n{"code": "empty_cart", "user_id": $user}\nPut a product into the cart with add_to_cart.),
		'a refusal is the one of the shard');
	like(error_of("ecommerce.place_order($user)"), qr/REMOTE ERROR: cart is empty\nRemote detail: /, 'which it is not by itself');
}

# What is there is made again. A function that the script does not know is called by number.
run_log([ 'psql', '-XAqd', $router->connstr('postgres'), '-f', "$sharedir/extension/ecommerce_plproxy.sql" ]);
$router->safe_psql('postgres', 'CREATE FUNCTION ecommerce.cart_json(user_id integer) RETURNS text LANGUAGE sql AS $$SELECT NULL$$');
cmp_ok($router->safe_psql('postgres', 'SELECT ecommerce_router.route()'), '>', 40, 'the functions are made again');
is($router->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'ecommerce'::regnamespace AND proname = 'cart_json'}),
	1, 'in the place of those of another version');
$shards[0]->safe_psql('postgres', q{
	CREATE FUNCTION ecommerce.unheard_of() RETURNS integer LANGUAGE sql AS 'SELECT 1';
	ALTER EXTENSION ecommerce ADD FUNCTION ecommerce.unheard_of()});
$router->safe_psql('postgres', 'SELECT ecommerce_router.route()');
is($router->safe_psql('postgres', q{SELECT ecommerce_router.unheard_of(0), to_regproc('ecommerce.unheard_of') IS NULL}), '1|t',
	'a function without a route is called on a shard that is named');

# Who may not call a function there may not call it here.
$_->safe_psql('postgres', 'CREATE ROLE customer LOGIN') foreach $router, @shards;
$router->safe_psql('postgres', q{
	GRANT USAGE ON SCHEMA ecommerce, ecommerce_router, ecommerce_shards TO customer;
	GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_router, ecommerce_shards TO customer;
	GRANT USAGE ON FOREIGN SERVER ecommerce TO customer});
is(sqlstate($router, 'SELECT ecommerce.cart_json(8)', role => 'customer'), '42501', 'rights are those at the shard');
foreach my $shard (@shards)
{
	$shard->safe_psql('postgres', 'GRANT USAGE ON SCHEMA ecommerce TO customer; GRANT EXECUTE ON FUNCTION ecommerce.cart_json TO customer');
}
is(sqlstate($router, 'SELECT ecommerce.cart_json(8)', role => 'customer'), 'PT401', 'and whom a token names');
is(sqlstate($router, q{SET request.jwt.claims = '{"user_id": 8}'; SELECT ecommerce.cart_json(7)}, role => 'customer'), '42501', 'for another user');
is(sqlstate($router, q{SET request.jwt.claims = '{"user_id": 8}'; SELECT ecommerce.cart_json(8)}, role => 'customer'), '', 'or for the own');

# A third shard. The shop of two that it is put to is not asked to number its customers anew.
{
	my @places = map { sprintf q{p%d '%s dbname=shop_%1$d'}, $_, $shards[0]->connstr =~ s/'//gr } 0 .. 2;
	my $on = sub { my ($shard, $statements) = @_; return $shards[0]->safe_psql("shop_$shard", $statements); };
	my $error = sub { my ($call) = @_; return error_of($call, 'three'); };
	my $units = sub { return join ' ', map { $on->($_, 'SELECT coalesce(sum(quantity), 0) FROM ecommerce.stock_levels') } 0 .. 2 };
	my $make = sub {
		my ($shards) = @_;

		foreach my $shard (0 .. $shards - 1)
		{
			$shards[0]->safe_psql('postgres', "DROP DATABASE IF EXISTS shop_$shard WITH (FORCE)");
			$shards[0]->safe_psql('postgres', "CREATE DATABASE shop_$shard");
			$on->($shard, "CREATE EXTENSION ecommerce; SELECT ecommerce.migrate(owner => 'shop'), ecommerce.ids_of_shard($shard, $shards);
				INSERT INTO ecommerce.products (id, name, price) VALUES (3, 'Pencil', 1); SELECT ecommerce.receive_stock('{3}', '{100}')");
		}
	};

	$router->safe_psql('postgres', 'CREATE DATABASE three');
	$make->(2);
	$router->safe_psql('three', "CREATE EXTENSION plproxy; CREATE SERVER ecommerce FOREIGN DATA WRAPPER plproxy OPTIONS (modular_mapping '1', $places[0], $places[1]); CREATE USER MAPPING FOR PUBLIC SERVER ecommerce");
	run_log([ 'psql', '-XAqd', $router->connstr('three'), '-f', "$sharedir/extension/ecommerce_plproxy.sql" ]);
	$router->safe_psql('three', 'SELECT ecommerce_router.route()');
	$on->($_, q{INSERT INTO ecommerce.users (name, email) SELECT n, n || '@example.com' FROM generate_series(1, 3) AS n}) foreach 0, 1;
	is($router->safe_psql('three', q{SELECT string_agg(ecommerce.profile_json(id) ->> 'name', ' ' ORDER BY id) FROM generate_series(1, 6) AS id}),
		'1 1 2 2 3 3', 'a shop of two shards');

	$shards[0]->safe_psql('postgres', 'CREATE DATABASE shop_2');
	$on->(2, q{CREATE EXTENSION ecommerce; SELECT ecommerce.migrate(owner => 'shop'), ecommerce.ids_of_shard(2, 3)});
	$router->safe_psql('three', "ALTER SERVER ecommerce OPTIONS (ADD $places[2])");
	like($error->('ecommerce_router.route()'), qr/\A55000\n.*\n\{"code": "wrong_ids", "shard": 0, /, 'gets no third');
	$on->($_, "DO \$\$ BEGIN PERFORM ecommerce.ids_of_shard($_, 3); EXCEPTION WHEN object_not_in_prerequisite_state THEN END \$\$") foreach 0, 1;
	like($error->('ecommerce_router.route()'), qr/\A55000\n.*\n\{"code": "wrong_ids", "shard": 0, /, 'whoever tries');

	# Broken: as if ids_of_shard() had not refused.
	$on->($_, join '; ', map { "ALTER SEQUENCE ecommerce.${_}_id_seq INCREMENT BY 3 RESTART WITH 9" } qw(users orders)) foreach 0;
	$on->($_, join '; ', map { "ALTER SEQUENCE ecommerce.${_}_id_seq INCREMENT BY 3 RESTART WITH 10" } qw(users orders)) foreach 1;
	like($error->('ecommerce_router.route()'), qr/\A55000\n.*\n\{"code": "misplaced_ids", "shard": 0, "shards": 3, "beyond": 0, "id": 2\}/,
		'shards that were numbered anew are seen by their customers');

	# Stock between three.
	$make->(3);
	is($error->('ecommerce_router.route()'), 'none', 'a shop of three shards');
	foreach my $case (
		[ q{'a', 3, 10, 0, 0}, '22023', 'argument_out_of_range', 'to_shard' ],
		[ q{'a', 3, 10, 0, 3}, '22023', 'argument_out_of_range', 'to_shard' ],
		[ q{'a', 3, 10, -1, 1}, '22023', 'argument_out_of_range', 'from_shard' ],
		[ q{'a', 3, 0, 0, 1}, '22023', 'argument_out_of_range', 'quantity' ],
		[ q{' ', 3, 10, 0, 1}, '22023', 'argument_out_of_range', 'reference' ],
		[ q{repeat('x', 241), 3, 10, 0, 1}, '22023', 'argument_out_of_range', 'reference' ],
		[ q{NULL, 3, 10, 0, 1}, '22004', 'null_argument', 'reference' ],
		[ q{'a', NULL, 10, 0, 1}, '22004', 'null_argument', 'product_id' ],
		[ q{'a', 3, NULL, 0, 1}, '22004', 'null_argument', 'quantity' ],
		[ q{'a', 3, 10, NULL, 1}, '22004', 'null_argument', 'from_shard' ],
		[ q{'a', 3, 10, 0, NULL}, '22004', 'null_argument', 'to_shard' ],
		[ q{'a', 3, 10, 0, 1, NULL}, '22004', 'null_argument', 'bucket' ])
	{
		my ($arguments, $state, $code, $argument) = @$case;

		like($error->("ecommerce_router.move_stock($arguments)"), qr/\A$state\n.*\n\{"code": "$code", "argument": "$argument"/, "move_stock($arguments) is refused");
	}
	$on->(2, 'DELETE FROM ecommerce.stock_levels; DELETE FROM ecommerce.products');
	like($error->(q{ecommerce_router.move_stock('a', 3, 10, 0, 2)}), qr/\APT404\n.*\n\{"code": "product_not_found", "product_ids": \[3\]\}/, 'so is a product that is not there');
	is($units->(), '100 100 0', 'nothing has left');
	$on->(2, q{INSERT INTO ecommerce.products (id, name, price) VALUES (3, 'Pencil', 1); SELECT ecommerce.receive_stock('{3}', '{100}')});
	foreach my $shard (-2, 3, 9)
	{
		like($error->("ecommerce_router.receive_stock($shard, '{3}', '{1}')"), qr/\A22023\n.*\n\{"code": "argument_out_of_range", "argument": "on_shard", "accepted": "from 0 to 2"\}/, "there is no shard $shard");
	}
	like($error->(q{ecommerce_router.receive_stock(NULL, '{3}', '{1}')}), qr/\A22004\n.*\n\{"code": "null_argument", "argument": "on_shard"\}/, 'nor one without a number');
	is($units->(), '100 100 100', 'nothing has come');

	is($error->(q{ecommerce_router.move_stock('b', 3, 10, 0, 1)}), 'none', 'units move') foreach 1, 2;
	foreach my $case ([ '0, 2', 'to_shard' ], [ '2, 1', 'from_shard' ], [ '1, 0', 'from_shard' ], [ '1, 2', 'from_shard' ])
	{
		my ($between, $argument) = @$case;

		like($error->("ecommerce_router.move_stock('b', 3, 10, $between)"),
			qr/\APT422\nreference was used for another transfer\n\{"code": "transfer_reference_reused", "argument": "$argument"\}\nRepeat a transfer/,
			"under one reference not from $between, too");
	}
	like($error->("ecommerce_router.move_stock('b', 3, 11, 0, 1)"), qr/\APT422\n.*\n.*"argument": "quantity"/, 'nor more');
	is($units->(), '90 110 100', 'they move once');

	# Two at once, from different shards: one, which the other sees.
	{
		my @movers = map { Shop::Client->new($router, database => 'three') } 0, 1;
		my @answers;

		$movers[0]->ask(q{BEGIN; SELECT ecommerce_router.move_stock('c', 3, 10, 0, 1)});
		$movers[1]->tell(q{SELECT ecommerce_router.move_stock('c', 3, 10, 2, 1)});
		$router->poll_query_until('three', q{SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'}) or die 'nobody waits';
		$movers[0]->ask('COMMIT');
		like($movers[1]->answer, qr/ERROR:  PT422/, 'of two at once the second is refused');
		$_->quit foreach @movers;
		is($units->(), '80 120 100', 'and one has moved');

		# Routers that do not know of each other: none is lost.
		$router->safe_psql('three', q{SELECT ecommerce_router.transfer_stock(2, '2>1 d', 3, 10, from_bucket => 0), ecommerce_router.transfer_stock(0, '0>1 d', 3, 10, from_bucket => 0)});
		is($router->safe_psql('three', 'SELECT * FROM ecommerce_router.stock_in_transit()'), "d|3|10|0|1\nd|3|10|2|1", 'two that have left at once');
		is($error->("ecommerce_router.move_stock('d', 3, 10, $_, 1)"), 'none', "what has left $_ arrives") foreach 2, 0;
		is($units->(), '70 140 90', 'each of both');
		is($router->safe_psql('three', 'SELECT * FROM ecommerce_router.stock_in_transit()'), '', 'and none is on its way');
	}

	# Broken: halves that do not know the other shard.
	$router->safe_psql('three', q{
		CREATE OR REPLACE FUNCTION ecommerce_router.move_stock(reference text, product_id bigint, quantity integer, from_shard integer, to_shard integer, bucket bigint DEFAULT 0)
		RETURNS void LANGUAGE sql BEGIN ATOMIC
			SELECT ecommerce_router.transfer_stock(from_shard, reference, product_id, quantity, from_bucket => bucket);
			SELECT ecommerce_router.transfer_stock(to_shard, reference, product_id, quantity, to_bucket => bucket);
		END});
	$router->safe_psql('three', q{SELECT ecommerce_router.move_stock('e', 3, 10, 0, 1), ecommerce_router.move_stock('e', 3, 10, 2, 1)});
	is($units->(), '60 150 80', 'units are lost, and that is seen');

	# Who may not read transfers there may not here, and is told as there.
	$router->safe_psql('three', q{
		CREATE ROLE nobody LOGIN;
		GRANT USAGE ON SCHEMA ecommerce_router, ecommerce_shards TO nobody;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce_router, ecommerce_shards TO nobody;
		GRANT USAGE ON FOREIGN SERVER ecommerce TO nobody});
	$shards[0]->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
	$router->psql('three', 'SELECT ecommerce_router.stock_in_transit()', stderr => \my $refusal, extra_params => [ '-U', 'nobody' ]);
	like($refusal, qr/ERROR:  permission denied for /, 'a refusal is the one of the shard, also of what the router asks');

	# The copy of a catalogue in the server of the catalogue.
	$on->(0, q{CREATE PUBLICATION catalogue FOR TABLE ecommerce.categories; INSERT INTO ecommerce.categories (name) VALUES ('Pencils');
		SELECT pg_create_logical_replication_slot('catalogue_of_1', 'pgoutput')});
	$on->(1, sprintf q{CREATE SUBSCRIPTION catalogue_of_1 CONNECTION '%s dbname=shop_0' PUBLICATION catalogue WITH (create_slot = false)}, $shards[0]->connstr =~ s/'//gr);
	ok($shards[0]->poll_query_until('shop_1', 'SELECT count(*) = 1 FROM ecommerce.categories'), 'a catalogue is copied within a server');
	$on->(1, 'DROP SUBSCRIPTION catalogue_of_1');
}

done_testing();
