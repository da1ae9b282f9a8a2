# A server with a small shop, and clients of it: what the tests of this folder share.

package Shop;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(usleep);

our @EXPORT = qw(start_server start_again connect_when_up open_shop contents sqlstate
  pause_placements wait_for_lock compile);

# Starts a server. Other parameters than settings, which are lines for
# postgresql.conf, are those of PostgreSQL::Test::Cluster's init.
sub start_server
{
	my ($name, %params) = @_;
	my $settings = delete $params{settings} // '';
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--encoding=UTF8', '--no-locale' ], %params);
	$node->append_conf('postgresql.conf', $settings);
	$node->start;
	return $node;
}

# Starts a server whose postmaster was killed, which cannot be done until the last of its
# processes is gone.
sub start_again
{
	my ($node) = @_;

	my $folder = abs_path($node->data_dir);
	my ($pid) = slurp_file("$folder/postmaster.pid") =~ /^(\d+)/;

	foreach (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last
		  if !kill(0, $pid)
		  && !grep { (readlink($_) // '') eq $folder } glob '/proc/[0-9]*/cwd';
		usleep(10_000);
	}
	$node->start;
	return;
}

# A session, as soon as the server takes one: it may have to recover from a crash first.
sub connect_when_up
{
	my ($node) = @_;
	my $source = sprintf 'dbi:Pg:dbname=postgres;host=%s;port=%s', $node->host, $node->port;

	require DBI;
	foreach (1 .. 20 * $PostgreSQL::Test::Utils::timeout_default)
	{
		my $session = DBI->connect($source, '', '', { PrintError => 0, PrintWarn => 0 });

		if ($session)
		{
			$session->{RaiseError} = 1;
			return $session;
		}
		usleep(50_000);
	}
	die "the server did not come back: $DBI::errstr";
}

# Installs the extension, migrates, and adds the customers 1 to 3 and the products
# 1 to 4, with 1,000 units of each in stock. The owner, if any, is an ordinary role.
sub open_shop
{
	my ($node, $database, $owner) = @_;
	my $migrate =
	  defined $owner
	  ? "SELECT ecommerce.migrate(owner => '$owner'); SET ROLE $owner"
	  : 'SELECT ecommerce.migrate(owner => current_user)';

	$node->safe_psql(
		$database // 'postgres', qq{
		CREATE EXTENSION ecommerce;
		$migrate;
		INSERT INTO ecommerce.users (name, shipping_address)
		SELECT 'Customer ' || n, n || ' Straße' FROM generate_series(1, 3) AS n;
		INSERT INTO ecommerce.categories (name) VALUES ('Things');
		INSERT INTO ecommerce.products (name, description, price, category_id)
		SELECT 'Thing ' || n, 'It is number ' || n, n + 0.99,
			   CASE WHEN n < 4 THEN 1 END
		FROM generate_series(1, 4) AS n;
		INSERT INTO ecommerce.stock_levels (product_id, quantity)
		SELECT id, 1000 FROM ecommerce.products;
	});
	return;
}

# Every row of every table of the shop, as text.
sub contents
{
	my ($node, $database) = @_;

	return $node->safe_psql(
		$database // 'postgres', q{
		SELECT format('SELECT %L, content FROM ecommerce.%I AS content'
					  ' ORDER BY content::text COLLATE "C"', relname, relname)
		FROM pg_class
		WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
		ORDER BY relname
		\gexec
	});
}

# The SQLSTATE of the error that ends the statements, or nothing if none does.
# Parameters are those of PostgreSQL::Test::Cluster's psql, and role.
sub sqlstate
{
	my ($node, $statements, %params) = @_;
	my $database = delete $params{database} // 'postgres';
	my $role = delete $params{role};
	my @options = ('-v', 'VERBOSITY=sqlstate');
	my $stderr;

	push @options, '-U', $role if defined $role;
	$node->psql(
		$database, $statements,
		stderr => \$stderr,
		extra_params => \@options,
		%params);
	return $stderr =~ /(?:ERROR|FATAL):  (\w{5})/ ? $1 : '';
}

# From now on every placement stops when it has written its lines, as long as the
# client that is returned holds advisory lock 1. Call it again after a restart.
sub pause_placements
{
	my ($node) = @_;
	my $holder;

	$node->safe_psql(
		'postgres', q{
		CREATE OR REPLACE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql
		AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END';
		CREATE OR REPLACE TRIGGER pause AFTER INSERT ON ecommerce.order_details
		FOR EACH STATEMENT EXECUTE FUNCTION pause();
	});
	$holder = Shop::Client->new($node);
	$holder->ask('SELECT pg_advisory_lock(1)');
	return $holder;
}

# Waits until the client's session waits for a lock.
sub wait_for_lock
{
	my ($node, $client) = @_;
	my $pid = $client->pid;

	$node->poll_query_until('postgres',
		"SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $pid AND NOT granted)")
	  or die "process $pid waits for no lock";
	return;
}

# Compiles a C file to a program or, with -shared among the arguments, a module of the
# server, and returns where it is. The arguments are for the compiler.
sub compile
{
	my ($source, $name, @arguments) = @_;
	my $output = "$PostgreSQL::Test::Utils::tmp_check/$name";
	# The copied server (see test/lib/environment.sh) has no client headers of its own.
	my $workspace = $ENV{ECOMMERCE_WORKSPACE} // '';
	my $config = $ENV{PG_CONFIG} || 'pg_config';
	my ($client, $server) = map { `$config $_` =~ s/\n//r } '--includedir', '--includedir-server';

	$client =~ s/^\Q$workspace\E\/server//;
	system_or_bail('cc', '-Wall', '-Wextra', '-D_GNU_SOURCE', "-I$client",
		'-isystem', $server, $source, '-o', $output, @arguments);
	return $output;
}


# A psql session that can be sent statements without waiting for the answer. The
# module's own because BackgroundPsql treats errors otherwise in each major version.
package Shop::Client;

use IPC::Run;

# Parameters are database, role, and options, which are the session's settings in
# the form of PGOPTIONS.
sub new
{
	my ($class, $node, %params) = @_;
	my $connstr = $node->connstr($params{database} // 'postgres');
	my $self = bless { in => '', out => '', sent => 0 }, $class;

	$connstr .= " user='$params{role}'" if defined $params{role};
	$connstr .= " options='$params{options}'" if defined $params{options};
	$self->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $connstr ],
		'<', \$self->{in},
		'>&', \$self->{out},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$self->{pid} = $self->ask('SELECT pg_backend_pid()');
	return $self;
}

# The process of the server that serves this client.
sub pid
{
	my ($self) = @_;
	return $self->{pid};
}

# Sends statements, and does not wait for more than psql taking them.
sub tell
{
	my ($self, $statements) = @_;

	$self->{sent}++;
	$self->{in} .= "$statements\n;\n\\echo answer $self->{sent} ends\n";
	$self->{run}->pump_nb while length $self->{in};
	return;
}

# What psql printed for the statements sent last, errors included: all of it, or all
# that there was when the connection was lost.
sub answer
{
	my ($self) = @_;
	my $end = qr/^answer $self->{sent} ends\n/m;
	my $answer;

	$self->wait_for($end);
	$answer = $self->{out};
	$self->{out} = '';
	$answer =~ s/$end//;
	chomp $answer;
	return $answer;
}

# Waits until psql has printed this.
sub wait_for
{
	my ($self, $pattern) = @_;

	while ($self->{out} !~ $pattern && $self->{run}->pumpable)
	{
		$self->{run}->pump;
	}
	return;
}

sub ask
{
	my ($self, $statements) = @_;

	$self->tell($statements);
	return $self->answer;
}

# Ends psql on the spot: the server does not hear from it any more.
sub kill
{
	my ($self) = @_;

	$self->{run}->kill_kill;
	return;
}

sub quit
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	$self->{run}->finish;
	return;
}

1;
