# Proves that every order is mailed at least once, whatever is refused, lost, killed or
# silent in between; that a message that is sent again has the same Message-ID; and that
# two mailers never send the same event at once.
#
# What fails and is killed when is chosen at random. The seed is in the names of the
# tests; SEED in the environment repeats the choice, though not the order of events.
# SOAK_SECONDS says how long the long form takes.

use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use lib $FindBin::RealBin;
use Mail;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(usleep time);

need_mail();

my $seed    = $ENV{SEED} // int(rand(2**31));
my $mailer  = build_mailer();
my $node    = start_server('mailer_crash');
my $settled = 0;

srand $seed;
open_shop($node);
let_mailer_in($node);
$node->safe_psql(
	'postgres', q{
	UPDATE ecommerce.stock_levels SET quantity = 1000000000;

	-- An order of a new customer, whose address says what becomes of the mail.
	CREATE FUNCTION place(behaviour text) RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE
		customer bigint;
	BEGIN
		INSERT INTO ecommerce.users (name) VALUES (behaviour) RETURNING id INTO customer;
		UPDATE ecommerce.users SET email = format('%s-%s@example.test', behaviour, customer)
		WHERE id = customer;
		PERFORM ecommerce.add_to_cart(customer, 1, 1);
		RETURN (ecommerce.place_order(customer, shipping_address => 'Street')->>'id')::bigint;
	END $$;

	CREATE VIEW placed AS
	SELECT events.id, format('%s-%s@example.test', name, users.id) AS email, attempts,
		   delivered_at IS NOT NULL AS acknowledged, failure
	FROM ecommerce.order_events AS events
	JOIN ecommerce.users ON users.id = customer_id
	WHERE event = 'order_placed';
});


# Each way to fail.
my $smtp = start_smtp();
my @mailers;

place($_) foreach qw(fine refused spam deferred busy silent cut lost closing);
@mailers = (
	start_mailer(
		$mailer, $node,
		SMTP_URL     => smtp_url($smtp),
		SMTP_TIMEOUT => 1,
		MAIL_LEASE   => 6));
eventually(
	'all that can be mailed is acknowledged, the rest given up',
	sub {
		$node->safe_psql(
			'postgres', q{
			SELECT count(*) FILTER (WHERE acknowledged), string_agg(failure, ', ' ORDER BY id)
			FROM placed}) eq '7|SMTP reply 550 5.1.1, SMTP reply 554 5.7.1';
	});
is(end_mailer($mailers[0], 'TERM'), 0, 'SIGTERM: status 0');
is( join(' ', map { "@$_" } counts($smtp)),
	'busy 1 closing 1 cut 1 deferred 1 fine 1 lost 2 silent 1',
	'mailed once, but for the one whose acceptance was lost');
is( problems($smtp),
	'not mailed: refused, spam',
	'but for what is refused for good');
like(mailer_log(), qr/: $_, /, "the log says $_")
  foreach (
	'SMTP reply 550 5.1.1',
	'SMTP reply 554 5.7.1',
	'SMTP reply 451 4.7.1',
	'SMTP reply 452 4.3.1',
	'Timeout was reached');
unlike(mailer_log(), qr/\@/, 'and no address');
settle();


# A server that is not there yet, and a database that is not.
my $port = PostgreSQL::Test::Cluster::get_free_port();

place('fine');
$node->stop;
@mailers =
  (start_mailer($mailer, $node, SMTP_URL => "smtp://localhost:$port"));
eventually('the mailer misses the database',
	sub { mailer_log() =~ /database: connection/ });
$node->start;
eventually('the mailer misses the server',
	sub { mailer_log() =~ /Could(?:n't| not) connect/ });
$smtp = start_smtp('--port', $port);
eventually('the mailer is through', sub { outstanding() == 0 });
is(end_mailer($mailers[0], 'INT'), 0, 'SIGINT: status 0');
is(problems($smtp), '', 'both come late: every order is mailed');


# The database goes away between acceptance and acknowledgement.
place('held');
@mailers = (
	start_mailer(
		$mailer, $node,
		SMTP_URL     => smtp_url($smtp),
		SMTP_TIMEOUT => 30));
eventually('the server has the message',
	sub { occurrences($smtp, 'data') == 2 });
$node->stop('immediate');
append_to_file("$smtp/go", '');
eventually('the mailer misses the database',
	sub { mailer_log() =~ /database: .*\n.*database: /s });
$node->start;
eventually('the mailer is through', sub { outstanding() == 0 });
is( join(' ', map { "@$_" } counts($smtp)),
	'fine 1 held 1',
	'database lost before the acknowledgement: mailed once all the same');
end_mailer($mailers[0], 'TERM');
unlink "$smtp/go";


# A signal while the server has the message, and one while it does not.
place('held');
@mailers = (
	start_mailer(
		$mailer, $node,
		SMTP_URL     => smtp_url($smtp),
		SMTP_TIMEOUT => 30));
eventually('the server has the message',
	sub { occurrences($smtp, 'data') == 3 });
kill 'TERM', $mailers[0];
usleep(200_000);
append_to_file("$smtp/go", '');
is(end_mailer($mailers[0]), 0, 'SIGTERM before the acceptance: status 0');
is(outstanding(),           0, 'and the acceptance is acknowledged');

place('mute');
@mailers = (
	start_mailer(
		$mailer, $node,
		SMTP_URL     => smtp_url($smtp),
		SMTP_TIMEOUT => 600,
		MAIL_LEASE   => 700));
eventually('the server is asked',
	sub { occurrences($smtp, 'recipient') == 4 });
is(end_mailer($mailers[0], 'TERM'), 0,
	'SIGTERM before the message: status 0');
is(outstanding(), 1, 'and the event stays');
settle();

# A server that has accepted a message, but does not answer to QUIT.
place('fine');
append_to_file("$smtp/rude", '');
is( run_mailer(
		$mailer, $node,
		SMTP_URL     => smtp_url($smtp),
		SMTP_TIMEOUT => 600,
		MAIL_LEASE   => 700),
	0,
	'--once: ends without the answer to QUIT');
unlink "$smtp/rude";

# A server that does not even greet.
my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
place('fine');
is( run_mailer(
		$mailer, $node,
		SMTP_URL     => 'smtp://127.0.0.1:' . $listener->sockport,
		SMTP_TIMEOUT => 1),
	1,
	'--once: status 1 when a server says nothing');
settle();

# With --once there is no pause: a message without an answer does not keep the others
# from being sent, but several in a row do, and so does a server that refuses them all.
place($_) foreach qw(mute fine mute fine fine);
is(once(start_smtp()), 1, '--once: status 1 when messages get no answer');
is(outstanding(),      2, 'and the others are sent');
settle();

my $mute = start_smtp();
place('mute') foreach 1 .. 4;
is(once($mute), 1, '--once: status 1 when no message gets an answer');
is(scalar(occurrences($mute, 'recipient')), 3, 'and three are tried');
settle();

my $refusing = start_smtp();
place('refused') foreach 1 .. 15;
is(once($refusing), 1, '--once: status 1 when every message is refused');
is(scalar(occurrences($refusing, 'recipient')), 12, 'and a dozen are tried');
is( $node->safe_psql('postgres',
		"SELECT count(failure) FROM placed WHERE id > $settled"),
	9,
	'of which those are given up that came before it looked like the sender\'s fault');
settle();

# The database goes away, or a signal comes, and there is more to send.
my $holding = start_smtp();
place('held') foreach 1 .. 2;
@mailers = (
	start_mailer(
		$mailer, $node,
		options      => ['--once'],
		SMTP_URL     => smtp_url($holding),
		SMTP_TIMEOUT => 30));
eventually('the server has the message',
	sub { occurrences($holding, 'data') == 1 });
$node->stop('immediate');
append_to_file("$holding/go", '');
is(end_mailer($mailers[0]), 1,
	'--once: status 1 when it cannot acknowledge');
is(scalar(occurrences($holding, 'data')), 1, 'and no more is sent');
$node->start;
settle();

$mute = start_smtp();
place('mute');
@mailers = (
	start_mailer(
		$mailer, $node,
		options      => ['--once'],
		SMTP_URL     => smtp_url($mute),
		SMTP_TIMEOUT => 600,
		MAIL_LEASE   => 700));
eventually('the server is asked',
	sub { occurrences($mute, 'recipient') == 1 });
is(end_mailer($mailers[0], 'TERM'),
	1, '--once: status 1 when a signal leaves something');
settle();

# A database that does not answer. Its own end of the statement comes sooner here.
@mailers = (
	start_mailer(
		build_mailer([ 'events.c', "'9000'", "'1000'" ]), $node,
		SMTP_URL  => smtp_url($smtp),
		MAIL_POLL => 1));
eventually(
	'the mailer is connected',
	sub {
		$node->safe_psql(
			'postgres', q{SELECT count(*) FROM pg_stat_activity
			WHERE application_name = 'ecommerce-mailer' AND state = 'idle'});
	});
my $locker = Shop::Client->new($node);
$locker->ask('BEGIN; LOCK TABLE ecommerce.order_events');
eventually('the mailer waits', sub { waiting() });
is(end_mailer($mailers[0], 'TERM'),
	0, 'SIGTERM while the database does not answer: status 0');
eventually('what it asked for ends as well', sub { !waiting() });
$locker->quit;


# Two mailers and a server that never answers: when the lease of the one is over, the
# other sends. The first must not be at it then.
is(overlaps($mailer, sub { $_[0] >= 2 }),
	0, 'an event is sent by one mailer at a time');
cmp_ok(
	overlaps(
		build_mailer(
			[ 'main.c', 'start + needed > event->lease_end', 'false' ]),
		sub { $_[1] }),
	'>', 0,
	'the audit finds a mailer that does not look at the lease');


# Mailers are killed at random, several at work at once, while orders are placed and the
# server fails at random in every way.
my %result = storm($mailer, 20, ($ENV{SOAK_SECONDS} // 30) - 30);

is($result{problems}, '',
	"storm: every order is mailed, and those sent again are recognised (seed $seed)"
);
cmp_ok($result{repeated}, '>=', 1,
	"storm: $result{orders} orders, $result{kills} kills, sent again: $result{repeated}"
);

# The audit finds what could be wrong.
%result = storm(
	build_mailer(
		[
			'main.c', '	const char *reason;
	Outcome	', '	const char *reason;
	int ignored = acknowledge_event(event->id);
	Outcome	'
		],
		[
			'main.c', '	if (outcome == ACCEPTED)
', '	(void) ignored;
	if (outcome == ACCEPTED)
'
		]),
	10);
like(
	$result{problems},
	qr/not mailed: chaos/,
	"acknowledged first: the audit finds it (seed $seed)");

%result = storm(
	build_mailer(
		[ 'message.c', '#include <string.h>', "#include <stdlib.h>\n#include <string.h>" ],
		[
			'message.c', 'notice->event_id, notice->event_time,
', 'notice->event_id, (sprintf(formatted, "%ld", random()), formatted),
'
		]),
	10);
like(
	$result{problems},
	qr/has several Message-IDs/,
	"Message-ID at random: the audit finds it (seed $seed)");

done_testing();


sub place
{
	my ($behaviour) = @_;
	return $node->safe_psql('postgres', "SELECT place('$behaviour')");
}

sub outstanding
{
	return $node->safe_psql('postgres',
		'SELECT count(*) FROM placed WHERE NOT acknowledged AND failure IS NULL');
}

# How many mailers wait for a lock of the database.
sub waiting
{
	return $node->safe_psql(
		'postgres', q{SELECT count(*) FROM pg_stat_activity
		WHERE application_name = 'ecommerce-mailer' AND wait_event_type = 'Lock'});
}

# Runs a mailer that tries once, with little patience.
sub once
{
	my ($server) = @_;

	return run_mailer(
		$mailer, $node,
		SMTP_URL     => smtp_url($server),
		SMTP_TIMEOUT => 1);
}

# What there is so far does not matter any more.
sub settle
{
	$settled =
	  $node->safe_psql('postgres', 'SELECT max(id) FROM placed') || 0;
	$node->safe_psql('postgres',
		'SELECT ecommerce.acknowledge_order_events(array_agg(id)) FROM placed'
	);
	return;
}

# Behaviours and how many messages were accepted for each.
sub counts
{
	my ($folder) = @_;
	my %count;

	$count{ $_->{to} =~ s/-.*//r }++ foreach occurrences($folder, 'accepted');
	return map { [ $_, $count{$_} ] } sort keys %count;
}

# Compares the events since settle() with the messages that a server accepted.
sub problems
{
	my ($folder) = @_;
	my (%messages, @missing, @problems);

	foreach my $mail (occurrences($folder, 'accepted'))
	{
		$messages{ $mail->{to} }->{ $mail->{id} } = 1;
		push @problems, "defects: @{ $mail->{defects} }"
		  if @{ $mail->{defects} };
	}
	foreach my $row (
		split /\n/,
		$node->safe_psql(
			'postgres',
			"SELECT id, email FROM placed WHERE id > $settled ORDER BY id"))
	{
		my ($id, $email) = split /\|/, $row;
		my @found = keys %{ delete $messages{$email} // {} };

		push @missing,  $email =~ s/-.*//r                  if !@found;
		push @problems, "event $id has several Message-IDs" if @found > 1;
		push @problems, "event $id has a wrong Message-ID"
		  if grep { !/event[.]$id[.]/ } @found;
	}
	push @problems, 'mail to others: ' . join(', ', sort keys %messages)
	  if %messages;
	push @problems, 'not mailed: ' . join(', ', @missing) if @missing;
	return join '; ', sort @problems;
}

# Lets two mailers send to a server that never answers, until the condition is true of
# how often they have and how often both at once, and returns the latter.
sub overlaps
{
	my ($program, $condition) = @_;
	my $server = start_smtp();
	my (@pids, $overlaps);

	settle();
	place('mute');
	@pids = map {
		start_mailer(
			$program, $node,
			SMTP_URL     => smtp_url($server),
			SMTP_TIMEOUT => 2,
			MAIL_LEASE   => 4)
	} 1 .. 2;
	eventually(
		'the mailers have met the server',
		sub {
			my @asked = occurrences($server, 'recipient');
			$overlaps = grep { $_->{overlap} } @asked;
			$condition->(scalar @asked, $overlaps);
		});
	end_mailer($_, 'KILL') foreach @pids;
	return $overlaps;
}

# Kills so many mailers at least, and for so many seconds, lets the rest be sent in
# peace, and returns the problems and how many orders, kills and messages sent again
# there were.
sub storm
{
	my ($program, $kills, $seconds) = @_;
	my $server = start_smtp('--seed', $seed);
	my $start  = sub {
		start_mailer(
			$program, $node,
			SMTP_URL     => smtp_url($server),
			SMTP_TIMEOUT => 1,
			MAIL_LEASE   => 3);
	};
	my $client = Shop::Client->new($node);
	my $end    = time + ($seconds // 0);
	my %result = (kills => 0);
	my (@pids, %sent);

	settle();
	@pids = map { $start->() } 1 .. 3;
	while ($result{kills} < $kills || time < $end)
	{
		my $victim = int(rand(@pids));

		$client->tell(
			q{
			SELECT 'SELECT place(''chaos''), pg_sleep(0.01)' FROM generate_series(1, 8) \gexec}
		);
		usleep(50_000 + rand(250_000));
		end_mailer($pids[$victim], 'KILL');
		$pids[$victim] = $start->();
		$result{kills}++;
	}
	$client->answer;
	$client->quit;
	end_mailer($_, 'KILL') foreach @pids;

	# As if all leases had ended.
	append_to_file("$server/calm", '');
	$node->safe_psql('postgres',
		'UPDATE ecommerce.order_events SET taken_until = NULL WHERE delivered_at IS NULL'
	);
	is(run_mailer($program, $node, SMTP_URL => smtp_url($server)),
		0, 'after the storm: status 0');
	is(outstanding(), 0, 'after the storm: all is acknowledged');

	$result{problems} = problems($server);
	$sent{ $_->{to} }++ foreach occurrences($server, 'accepted');
	$result{orders}   = keys %sent;
	$result{repeated} = grep { $_ > 1 } values %sent;
	return %result;
}
