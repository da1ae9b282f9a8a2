# The mailer and SMTP servers for it: what the tests of ecommerce-mailer share.

package Mail;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use FindBin;
use File::Path qw(make_path);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(need_mail build_mailer start_smtp smtp_url occurrences
  start_mailer end_mailer run_mailer mailer_log let_mailer_in eventually);

my $root    = abs_path("$FindBin::RealBin/../..");
my $scratch = PostgreSQL::Test::Utils::tempdir;
my $number  = 0;
my %running;
my $built;

# What was started here ends here, whatever becomes of the test.
END
{
	my $status = $?;

	kill 'KILL', keys %running;
	waitpid $_, 0 foreach keys %running;
	$? = $status;
}

# Skips the test where the mailer cannot be built, or has no server to talk to.
sub need_mail
{
	foreach my $needed (
		'pkg-config --exists libpq libcurl libidn2',
		'/usr/bin/python3 -c "import aiosmtpd"',
		'openssl version')
	{
		plan skip_all => "this fails: $needed"
		  if system("$needed >/dev/null 2>&1") != 0;
	}
	return;
}

# Builds the mailer and returns the program. Each change is made to the source first:
# the file, a text that it has once, and what to put in its place.
sub build_mailer
{
	my (@changes) = @_;
	my $copy = "$scratch/" . ++$number;

	# What was built before and is not changed need not be built again.
	if (defined $built)
	{
		run_command([ 'cp', '-a', $built, $copy ]);
	}
	else
	{
		make_path("$copy/src");
		run_command(
			[ 'cp', '-a', "$root/mailer", "$root/ecommerce.control", $copy ]);
		run_command(
			[ 'cp', '-a', "$root/src/blank_characters.h", "$copy/src" ]);
		system_or_bail('make', '-s', '-C', "$copy/mailer", 'clean');
	}
	foreach my $change (@changes)
	{
		my ($file, $text, $replacement) = @$change;
		my $source = slurp_file("$copy/mailer/$file");

		die "$file has not once: $text"
		  if 1 != (() = $source =~ /\Q$text/g);
		$source =~ s/\Q$text/$replacement/;
		unlink "$copy/mailer/$file", "$copy/mailer/" . $file =~ s/c$/o/r;
		append_to_file("$copy/mailer/$file", $source);
	}
	system_or_bail('make', '-s', '-C', "$copy/mailer",
		'CFLAGS=-g ' . (@changes ? '-w' : '-Wall -Wextra'));
	$built //= $copy if !@changes;
	return "$copy/mailer/ecommerce-mailer";
}

# Starts test/mailer/smtp_server.py with these options and returns its folder.
sub start_smtp
{
	my (@options) = @_;
	my $folder = "$scratch/" . ++$number;

	make_path($folder);
	append_to_file("$folder/log", '');
	run_command(
		[
			qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1),
			qw(-nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost),
			'-keyout',
			"$folder/key.pem",
			'-out',
			"$folder/cert.pem"
		]) if grep { /tls/ } @options;
	start("$folder/errors", {}, '/usr/bin/python3',
		"$root/test/mailer/smtp_server.py",
		$folder, @options);
	eventually('the SMTP server has started', sub { -e "$folder/port" });
	return $folder;
}

# The server's address, for SMTP_URL.
sub smtp_url
{
	my ($folder, $scheme) = @_;

	return ($scheme // 'smtp') . '://localhost:' . slurp_file("$folder/port");
}

# What happened at the server so far; all of it, or of one kind.
sub occurrences
{
	my ($folder, $event) = @_;
	my $pattern = defined $event ? qr/^[{]"event": "$event"/ : qr/^/;

	return map { decode_json($_) }
	  grep { $_ =~ $pattern } split /\n/, slurp_file("$folder/log");
}

# Starts a mailer and returns its process. Its environment has nothing but the
# settings and those of the test that it needs.
sub start_mailer
{
	my ($program, $node, %settings) = @_;
	my @options     = @{ delete $settings{options} // [] };
	my %environment = (
		PATH         => $ENV{PATH},
		PGHOST       => $node->host,
		PGPORT       => $node->port,
		PGUSER       => 'mailer',
		PGDATABASE   => 'postgres',
		MAIL_FROM    => 'shop@example.test',
		SMTP_TLS     => 'off',
		SMTP_TIMEOUT => 2,
		MAIL_POLL    => 1,
		MAIL_LEASE   => 60,
		%settings);

	delete @environment{
		grep { !defined $environment{$_} }
		  keys %environment
	};
	return start("$scratch/mailer.log", \%environment, $program, @options);
}

# Waits until a mailer has ended, of itself or by the signal, and returns its status.
sub end_mailer
{
	my ($pid, $signal) = @_;

	kill $signal, $pid if defined $signal;
	eventually("process $pid has ended", sub { waitpid($pid, 1) == $pid });
	delete $running{$pid};
	return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
}

# Runs a mailer that ends of itself.
sub run_mailer
{
	my ($program, $node, %settings) = @_;

	return end_mailer(
		start_mailer($program, $node, options => ['--once'], %settings));
}

# Everything that the mailers of this test have said.
sub mailer_log
{
	return slurp_file("$scratch/mailer.log");
}

# The role that mailers work as, with no more than they need.
sub let_mailer_in
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
		CREATE ROLE mailer LOGIN;
		GRANT USAGE ON SCHEMA ecommerce TO mailer;
		GRANT EXECUTE ON FUNCTION ecommerce.take_order_events,
			ecommerce.acknowledge_order_events, ecommerce.fail_order_events,
			ecommerce.currency_digits TO mailer;
		GRANT REFERENCES ON ecommerce.order_events TO mailer;
	});
	return;
}

# Waits for a condition, which is asked ever less often.
sub eventually
{
	my ($what, $condition) = @_;
	my $end   = time + $PostgreSQL::Test::Utils::timeout_default;
	my $pause = 10_000;

	while (time < $end)
	{
		return if $condition->();
		usleep($pause);
		$pause *= 1.3 if $pause < 200_000;
	}
	die "not so after a long time: $what\n"
	  . (-e "$scratch/mailer.log" ? mailer_log() : '');
}

sub start
{
	my ($log, $environment, @command) = @_;
	my $pid = fork() // die "could not fork: $!";

	if ($pid == 0)
	{
		%ENV = %$environment if %$environment;
		open STDERR, '>>', $log     or die "could not open $log: $!";
		open STDOUT, '>&', \*STDERR or die "could not redirect: $!";
		exec @command or die "could not run $command[0]: $!";
	}
	$running{$pid} = 1;
	return $pid;
}

1;
