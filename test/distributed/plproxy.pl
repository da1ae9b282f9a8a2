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

my @shards = map { start_server("shard_$_", allows_streaming => 'logical', settings => "max_connections = 60\n") } 0, 1;
my $router = start_server('router');
my $newest = 0;

foreach my $n (0, 1)
{
	$shards[$n]->safe_psql(
		'postgres', qq{
		CREATE EXTENSION ecommerce;
		SELECT ecommerce.migrate(owner => current_user);
		SELECT ecommerce.ids_of_shard($n, 2)});
}

# The catalogue is shard 0's; the others have copies. A limit of a promotion is each shard's.
$shards[0]->safe_psql(
	'postgres', q{
	CREATE PUBLICATION catalogue FOR TABLE ecommerce.categories, ecommerce.products,
		ecommerce.tax_rates, ecommerce.shipping_rates, ecommerce.promotions});
$shards[1]->safe_psql('postgres',
	sprintf "CREATE SUBSCRIPTION catalogue CONNECTION '%s dbname=postgres' PUBLICATION catalogue", $shards[0]->connstr);

sub connect_router
{
	my (@nodes) = @_;
	my $partitions = join ', ', map { sprintf "p%d '%s dbname=postgres'", $_, $nodes[$_]->connstr =~ s/'//gr } 0 .. $#nodes;

	$router->safe_psql(
		'postgres', qq{
		DROP SERVER IF EXISTS ecommerce CASCADE;
		CREATE SERVER ecommerce FOREIGN DATA WRAPPER plproxy OPTIONS (modular_mapping '1', $partitions);
		CREATE USER MAPPING FOR PUBLIC SERVER ecommerce});
	return;
}

$router->safe_psql('postgres', 'CREATE EXTENSION plproxy');
command_ok([ 'psql', '-XAqd', $router->connstr('postgres'), '-f', "$sharedir/extension/ecommerce_plproxy.sql" ],
	'the script runs');

# Shards that would be taken for each other are refused.
connect_router(reverse @shards);
is(sqlstate($router, 'SELECT ecommerce_router.route()'), '55000', 'shards in another order are refused');
connect_router($shards[0], $shards[0]);
is(sqlstate($router, 'SELECT ecommerce_router.route()'), '55000', 'so is one that is there twice');
connect_router(@shards);
cmp_ok($router->safe_psql('postgres', 'SELECT ecommerce_router.route()'), '>', 40, 'the functions are made');

my $shop = {
	front => [ $router, 'postgres' ],
	holders => [ map { [ $_, 'postgres' ] } @shards ],
	machines => \@shards,
	retryable => qr/^(08|40|55P03)/,
	unrouted => { map { $_ => 'runs on a shard that is named' }
		  qw(migrate set_owner grant_api revoke_api ids_of_shard import_orders receive_stock transfer_stock set_promotion_limit) },
	machine_of => sub { return $_[0] % @shards },
	add_user => sub {
		my ($near) = @_;
		my $shard = defined $near ? $near % @shards : $newest++ % @shards;

		return $shards[$shard]->safe_psql('postgres', 'INSERT INTO ecommerce.users (name) VALUES (\'New\') RETURNING id');
	},
	catalogue => sub {
		my ($statements) = @_;
		my $printed = $shards[0]->safe_psql('postgres', $statements);

		$shards[0]->wait_for_catchup('catalogue');
		return $printed;
	},
	receive => sub {
		my ($product, $units) = @_;

		$router->safe_psql('postgres', "SELECT ecommerce_router.receive_stock($_, '{$product}', '{$units}')") foreach 0 .. $#shards;
		return $units * @shards;
	},
};

$shop->{catalogue}->('SELECT');
check_functions($shop);
check_refusals($shop);
check_double_submits($shop);
check_selling_out($shop);
check_killed_machine($shop);
done_testing();
