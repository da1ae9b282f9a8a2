# Proves that a pool in transaction mode mixes up nobody: many clients share few server
# connections, and what one sets for its transaction is gone with it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(usleep);

my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}),
  '/usr/sbin';

plan skip_all => 'there is no pgbouncer' unless defined $pgbouncer;

# The pool is a server to Shop::Client.
package Pool
{
	sub connstr
	{
		my ($self, $database) = @_;
		return "host=$self->{host} port=$self->{port} dbname=$database";
	}
}

my $clients = 12;
my $connections = 3;
my $transactions = 15;
my $seed = $ENV{SEED} // int(rand(2**31));

my $node = start_server('server');
my $pool = bless {
	host => PostgreSQL::Test::Utils::tempdir_short,
	port => $node->port + 1
  },
  'Pool';
my $directory = PostgreSQL::Test::Utils::tempdir;
my $process;

open_shop($node);
$node->safe_psql(
	'postgres', qq{
	CREATE ROLE shopper;
	CREATE ROLE staff;
	CREATE ROLE anonymous;
	CREATE ROLE authenticator LOGIN NOINHERIT;
	GRANT anonymous, shopper, staff TO authenticator;
	SELECT ecommerce.grant_api('anonymous', 'shopper', 'staff');
	GRANT USAGE ON SCHEMA ecommerce TO shopper;
	GRANT SELECT ON ecommerce.orders TO shopper;
	INSERT INTO ecommerce.users (name, shipping_address)
	SELECT 'Customer ' || n, n || ' Straße' FROM generate_series(4, $clients) AS n;
	UPDATE ecommerce.stock_levels SET quantity = 1000000;
});

append_to_file("$directory/users", qq{"authenticator" ""\n});
append_to_file(
	"$directory/pgbouncer.ini", qq{
[databases]
* = host=@{[ $node->host ]} port=@{[ $node->port ]}
[pgbouncer]
pool_mode = transaction
default_pool_size = $connections
listen_addr =
listen_port = $pool->{port}
unix_socket_dir = $pool->{host}
auth_type = trust
auth_file = $directory/users
server_lifetime = 1
logfile = $directory/pgbouncer.log
});
$process = IPC::Run::start([ $pgbouncer, '-q', "$directory/pgbouncer.ini" ],
	'<', \undef, '>&', "$directory/pgbouncer.out");
END
{
	my $status = $?;

	if (defined $process)
	{
		$process->signal('INT');
		$process->finish;
	}
	$? = $status;
}
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if -S "$pool->{host}/.s.PGSQL.$pool->{port}";
	usleep(100_000);
}
$node->connect_ok($pool->connstr('postgres') . ' user=authenticator',
	'pgbouncer answers');

# A customer's request as PostgREST sends it, and what must be in the answer: anything
# of another customer ends pgbench with a division by zero. Every client is one customer.
my $request = q{
	\set user :client_id + 1
	\set product random(1, 4)
	\set quantity random(1, 5)
	\set order 0
	BEGIN;
	SELECT set_config('request.jwt.claims', '{"role": "shopper", "user_id": ' || :user || '}', true);
	SET LOCAL ROLE shopper;
	SELECT 1 / ((ecommerce_api.set_cart_item(:product, :quantity) ->> 'id')::bigint = :user)::integer;
	COMMIT;
	BEGIN;
	SELECT set_config('request.jwt.claims', '{"role": "shopper", "user_id": ' || :user || '}', true);
	SET LOCAL ROLE shopper;
	SELECT (document ->> 'id')::bigint AS order,
		   1 / ((document ->> 'customer_id')::bigint = :user
				AND (document #>> '{order_details,0,product_order_details,id}')::bigint = :product)::integer AS is_mine
	FROM ecommerce_api.place_order() AS document
	\gset
	COMMIT;
	BEGIN;
	SELECT set_config('request.jwt.claims', '{"role": "shopper", "user_id": ' || :user || '}', true);
	SET LOCAL ROLE shopper;
	SELECT 1 / (NOT EXISTS (
		SELECT FROM json_array_elements(ecommerce_api.order_listing_json(10)) AS document
		WHERE (document ->> 'customer_id')::bigint <> :user))::integer;
	SELECT 1 / (count(*) > 0 AND bool_and(customer_id = :user))::integer FROM ecommerce.orders;
	COMMIT;
	\if :quantity < 3
	BEGIN;
	SELECT set_config('request.jwt.claims', '{"role": "shopper", "user_id": ' || :user || '}', true);
	SET LOCAL ROLE shopper;
	SELECT 1 / ((ecommerce_api.cancel_order(:order) ->> 'customer_id')::bigint = :user)::integer;
	COMMIT;
	\endif
};

# In between, without claims: staff, who may act for anyone, and nobody in particular.
my $others = q{
	\set user :client_id + 1
	BEGIN;
	SET LOCAL ROLE staff;
	SELECT 1 / (current_setting('request.jwt.claims', true) IS NOT DISTINCT FROM ''
				OR current_setting('request.jwt.claims', true) IS NULL)::integer;
	SELECT 1 / ((ecommerce.cart_json(1 + :user % 3) ->> 'id')::bigint = 1 + :user % 3)::integer;
	COMMIT;
	SELECT 1 / (current_user = 'authenticator'
				AND coalesce(current_setting('request.jwt.claims', true), '') = '')::integer;
};

# The messages of the clients, if there are any, of pgbench with these scripts. Each has a
# thread of its own: preparing a statement, a thread waits for a connection, which
# another client of the same thread may be holding.
sub run_clients
{
	my ($mode, @scripts) = @_;
	my @files;
	my ($stdout, $stderr);

	foreach my $script (@scripts)
	{
		my $file = "$directory/script." . @files;

		unlink $file;
		append_to_file($file, $script);
		push @files, '-f', $file;
	}
	IPC::Run::run(
		[
			'pgbench', '-n', '-M', $mode, '-c', $clients, '-j', $clients, '-t',
			$transactions, '--random-seed', $seed, @files,
			$pool->connstr('postgres') . ' user=authenticator'
		],
		'>', \$stdout, '2>', \$stderr,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	note $stdout;
	return join "\n", grep { /error|abort/i } split /\n/, $stderr;
}

# Named statements live in one server connection: pgbouncer follows them from 1.21 on,
# if it is told to. The unnamed ones, and what the functions themselves prepare, need
# nothing of it.
my ($major, $minor) = `$pgbouncer --version` =~ /PgBouncer (\d+)\.(\d+)/;
my @modes = ('simple', 'extended');

if ($major > 1 || $minor >= 21)
{
	append_to_file("$directory/pgbouncer.ini", "max_prepared_statements = 100\n");
	$process->signal('HUP');
	push @modes, 'prepared';
}

foreach my $mode (@modes)
{
	is(run_clients($mode, $request, $others),
		'', "$mode, seed $seed: $clients clients on $connections connections see only their own");
	is( $node->safe_psql(
			'postgres', 'SELECT * FROM ecommerce.order_integrity()'),
		'',
		"$mode: no invariant is violated");
}
is( $node->safe_psql(
		'postgres', 'SELECT count(DISTINCT customer_id) FROM ecommerce.orders'),
	$clients,
	'everyone has ordered');


# Two clients in turn, and the connections they had are gone in between.
my ($ada, $grace) =
  map { Shop::Client->new($pool, role => 'authenticator') } 1 .. 2;
my %who = (1 => $ada, 2 => $grace);

# A customer's transaction, which begins with these statements.
sub as_customer
{
	my ($user, $statement, $begin) = @_;

	$begin //= qq{BEGIN; SET LOCAL request.jwt.claims = '{"user_id": $user}'};
	return $who{$user}->ask("$begin; SET LOCAL ROLE shopper; $statement; COMMIT");
}

foreach my $round (1 .. 3)
{
	foreach my $user (1, 2)
	{
		is( as_customer(
				$user,
				"SELECT ecommerce_api.add_to_cart($user)->'cart_items'->0->'id'"),
			$user,
			"round $round: customer $user fills the cart");
	}
	$node->safe_psql(
		'postgres', q{
		SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
		WHERE usename = 'authenticator'});
	foreach my $user (1, 2)
	{
		is( as_customer(
				$user, q{
				SELECT place_order->'customer_id', place_order #> '{order_details,0,product_order_details,id}'
				FROM ecommerce_api.place_order()}),
			"$user|$user",
			"round $round: and orders it on another connection");
		is( as_customer(
				$user,
				q{SELECT ecommerce_api.order_listing_json(page_size => 1) #> '{0,customer_id}'}
			),
			$user,
			"round $round: and sees it");
	}
}
like(
	$ada->ask(q{BEGIN; SET LOCAL ROLE shopper; SELECT ecommerce_api.cart_json(); ROLLBACK}),
	qr/PT401/,
	'who says nothing is nobody');


# What must never be done: claims that outlive their transaction are the next client's.
# This is what the tests above would see.
my $whose = q{SELECT ecommerce_api.cart_json()->'id'};
my $leaking = $request =~ s/^\s*SELECT set_config.*\n//gmr;

$leaking =~ s/(BEGIN;)/SELECT set_config('request.jwt.claims', '{"user_id": ' || :user || '}', false);\n$1/;
like(run_clients('simple', $leaking),
	qr/division by zero/, 'SET without LOCAL: clients see what is not theirs');
my $answer = '';

# The pool may close the connection at any time.
for (1 .. 20)
{
	$ada->ask(q{SET request.jwt.claims = '{"user_id": 1}'});
	$grace->ask(q{SET request.jwt.claims = '{"user_id": 2}'});
	$answer = as_customer(1, $whose, 'BEGIN');
	last if $answer eq '2';
}
is($answer, 2, 'SET without LOCAL: one customer gets the cart of another');
$_->quit foreach ($ada, $grace);

done_testing();
