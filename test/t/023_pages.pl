# Proves that the pages agree with the code: every function has one entry, with its
# signature; every error has a row; every link leads somewhere; and what is made from the
# database, tables and pictures, is as it would be made now.
#
# A section of a page that is made begins with the line <!-- generated: NAME --> and ends
# with <!-- end of NAME -->; pictures of their own are in docs/pictures. Where one is not
# as it is made, the page as it should be is in tmp_check/docs:
#
#   KEEP=1 test/run tap 23; cp -R .box/build/tmp_check/docs .

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use FindBin;
use lib $FindBin::RealBin;
use Pages;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my @pages = map { s{^\Q$root\E/}{}r }
  sort glob "$root/*.md $root/docs/*.md $root/examples/*/*.md $root/test/specs/*.md";
my %text = map { $_ => slurp_file("$root/$_") } @pages;
my $node = start_server('pages');

check_readme();
check_links();
check_shell();
check_functions();
check_errors();
check_lists();
check_made();
done_testing();

sub check_readme
{
	my $lines = $text{'README.md'} =~ tr/\n//;
	my %figures = map { $_->[0] => $_ } placings();
	my @shown = rows_of($text{'README.md'},
		'| lines | `place_order` | the same statements, prepared | PL/pgSQL, set by set | PL/pgSQL, row by row |');

	cmp_ok($lines, '<=', 200, 'README.md has at most 200 lines');
	is_deeply(
		[ grep { $text{'README.md'} !~ /\]\(\Q$_\E/ } grep { m{^docs/} } @pages ],
		[], 'README.md names every page of docs');
	is_deeply(\@shown, [ map { $figures{$_} } 1, 5, 20, 100 ],
		'README.md has the figures of docs/benchmarks.md');
	return;
}

# Lines, and thousands of instructions: ours, a client's statements, PL/pgSQL by sets and rows.
sub placings
{
	return map { [ @{$_}[ 0, 1, 3, 4, 5 ] ] } rows_of($text{'docs/benchmarks.md'},
		'| lines | `place_order` | bare writes | the same statements | PL/pgSQL, set by set | row by row |');
}

# Orders, and how many times the instructions of ours a scan, json_agg and jsonb_agg take.
sub listings
{
	my $head = '| orders | instructions: scan to `order_listing_json` | `jsonb_agg` to it | `json_agg` to it |'
	  . ' time: scan to it | `jsonb_agg` to it | memory at peak to result |';
	my @rows = grep { $_->[1] =~ /^1 : / } rows_of($text{'docs/benchmarks.md'}, $head);

	return map { [ "$_->[0] order" . ($_->[0] eq '1' ? '' : 's'), 1, 1 / ($_->[1] =~ s/^1 : //r), @{$_}[ 3, 2 ] ] } @rows;
}

# Parts of the first size, of what was measured at every size.
sub growth
{
	return grep { $_->[-1] ne '' } rows_of($text{'docs/growth.md'}, '| what | 10 thousand | 1 million | 10 million |');
}

# Clients, and their orders of a product a second: split, not split, in PL/pgSQL, of many products.
sub hot_products
{
	return map { [ "$_->[0] clients", map { s/ .*//r } @{$_}[ 1, 2, 3, 5 ] ] } rows_of($text{'docs/benchmarks.md'},
		'| clients | [split](hot-products.md) into 64 tills | one row | PL/pgSQL on one row | 32 fixed buckets | 20,000 products |');
}

sub check_links
{
	is_deeply([ map { broken_links($root, $_) } @pages ], [], 'every link leads somewhere');
	foreach my $broken ('[a](nowhere.md)', '[a](functions.md#nowhere)', '[a](#nowhere)', '[a](docs/errors.md)')
	{
		is(scalar broken_links($root, 'docs/errors.md', "# Errors\n$broken\n[b](#errors)\n"),
			1, "a broken link is found: $broken");
	}
	return;
}

# What is for a shell cannot be run here, but it can be read.
sub check_shell
{
	my $file = PostgreSQL::Test::Utils::tempdir . '/example.sh';
	my @unreadable;

	foreach my $page (@pages)
	{
		push @unreadable, map { "$page: $_" } grep { !is_shell($file, $_) } $text{$page} =~ /^```sh\n(.*?)^```$/gms;
	}
	is_deeply(\@unreadable, [], 'what is for a shell is shell');
	ok(!is_shell($file, "if true\n"), 'what is not is found');
	return;
}

sub is_shell
{
	my ($file, $example) = @_;

	unlink $file;
	append_to_file($file, $example);
	return run_log([ 'bash', '-n', $file ]);
}

sub check_functions
{
	open_shop($node);
	my @catalogue = sort split /\n/, $node->safe_psql(
		'postgres', q{
		SELECT format('%s.%s(%s) RETURNS %s', nspname, proname,
					  regexp_replace(pg_get_function_arguments(pg_proc.oid), '::\w+', '', 'g'),
					  pg_get_function_result(pg_proc.oid))
		FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
		WHERE nspname IN ('ecommerce', 'ecommerce_api') AND prorettype <> 'trigger'::regtype});
	my ($signatures, $misplaced) = signatures_in($text{'docs/functions.md'});

	is_deeply([ sort @{$signatures} ],
		\@catalogue, 'docs/functions.md has the signature of every function, once');
	is_deeply($misplaced, [], 'in the entry that has its name');
	is_deeply(
		[ grep { $text{'README.md'} !~ m{\]\(docs/functions.md#$_\)} } map { /^ecommerce\.(\w+)/ } @catalogue ],
		[], 'README.md names every function');

	# Every way to be wrong.
	my $entry = "### migrate\n\n```signature\necommerce.migrate(owner text DEFAULT NULL)\n    RETURNS integer\n```\n";
	is_deeply([ signatures_in($entry) ],
		[ ['ecommerce.migrate(owner text DEFAULT NULL) RETURNS integer'], [] ],
		'a signature may have two lines');
	is_deeply([ map { scalar @{$_} } signatures_in($entry . $entry) ],
		[ 2, 0 ], 'a second entry is found');
	is_deeply([ map { scalar @{$_} } signatures_in($entry =~ s/### migrate/### migrates/r) ],
		[ 1, 1 ], 'an entry of another name is found');
	return;
}

sub check_errors
{
	my @sources = glob "$root/src/*.c $root/src/*.h $root/sql/*.sql $root/sql/functions/*.sql $root/sql/migrations/*.sql";
	my %raised = map { $_ => 1 } map { codes_in($_, slurp_file($_)) } grep { !m{/ecommerce--} } @sources;
	my %told;

	$told{$_}++ foreach codes_in('docs/errors.md', $text{'docs/errors.md'});
	is_deeply([ sort keys %told ], [ sort keys %raised ], 'docs/errors.md has every code of the source, and no other');

	my @unknown;
	while ($text{'docs/functions.md'} =~ /\*\*(?:Errors|Warnings)\*\*: (.*)/g)
	{
		my $line = $1 =~ s/\([^)]*\)//gr;

		push @unknown, grep { !$told{$_} } $line =~ /`([a-z_]+)`/g;
	}
	is_deeply(\@unknown, [], 'the entries of functions name codes that it has');

	is_deeply([ codes_in('x.c', qq(errdetail_internal("{\\"code\\": \\"new_one\\", \\"a\\": %d}"))) ],
		['new_one'], 'a new code in C is found');
	is_deeply([ codes_in('x.sql', q{DETAIL = json_build_object('code', 'new_one')}) ],
		['new_one'], 'and in SQL');
	is_deeply([ codes_in('x.md', "| `PT409` | `new_one`, `other_one` | 409 | why |\n| `warned_of` | why |\n| no `code` |\n") ],
		[ 'new_one', 'other_one', 'warned_of' ], 'and in a table');
	return;
}

# What the source lists, and a page tells about.
sub check_lists
{
	my ($names) = $text{'docs/events.md'} =~ /^(\| name .*?)\n\n/ms;
	my ($variables) = $text{'docs/mailer.md'} =~ /^(\| variable .*?)\n\n/ms;
	my %events = map { $_ => 1 }
	  grep { /_/ } slurp_file("$root/src/order_lifecycle.h") =~ /(?:EACH\((?:"[A-Z]+", )?|#define EVENT_\w+\s+)"(\w+)"/g;

	is_deeply(
		[ sort { $a cmp $b } $names =~ /`(\w+_\w+)`/g ],
		[ sort keys %events ], 'docs/events.md has every event');
	is_deeply(
		[ sort { $a cmp $b } map { /`((?:SMTP|MAIL)_\w+)`/g } map { /^\| ([^|]*)/ } split /\n/, $variables ],
		[ sort { $a cmp $b } (slurp_file("$root/mailer/settings.c") =~ /\bread_\w+\("(\w+)"/g) ],
		'docs/mailer.md has every variable');
	return;
}

# Each section is made in a shop of its own, for the making leaves orders behind.
sub check_made
{
	my %made;

	foreach my $name ('tables', 'entities', 'order_states', 'event_states')
	{
		$made{$name} = sub { psql_in_a_new_shop($name) . "\n" };
	}
	$made{placement} = $made{locks} = undef;
  SKIP:
	{
		skip 'the server has no auto_explain', 1
		  if $node->psql('postgres', "LOAD 'auto_explain'") != 0;
		my (undef, $told) = psql_in_a_new_shop('statements');
		my %statements = statements_of($told);
		my %parents = parents();

		$made{placement} = sub { sequence_of('place_order', $statements{place_order}, \%parents) };
		$made{locks} = sub { locks_of(%statements) };
		is_deeply(
			[ grep { !$statements{$_} } split /\n/, $node->safe_psql('postgres', q{
				SELECT proname FROM pg_proc
				WHERE pronamespace = 'ecommerce'::regnamespace AND provolatile = 'v' AND prorettype <> 'trigger'::regtype
				  AND proname NOT IN ('migrate', 'set_owner', 'distribute', 'undistribute', 'ids_of_shard', 'grant_api', 'revoke_api', 'warm_up') ORDER BY 1}) ],
			[], 'test/documents/statements.sql calls every function that writes');
	}
	foreach my $page (grep { m{^docs/} } @pages)
	{
		check_page($page, $text{$page}, with_generated($text{$page}, %made))
		  if $text{$page} =~ /<!-- generated: /;
	}
	check_picture('placing', 'Instructions of the server to place an order, place_order = 1',
		[ 'place_order', 'the same statements', 'PL/pgSQL, sets', 'PL/pgSQL, rows' ],
		map { [ "$_->[0] line" . ($_->[0] == 1 ? '' : 's'), @{$_}[ 1 .. 4 ] ] } placings());
	check_picture('listing', 'Instructions of the server to list orders of 5 lines, order_listing_json = 1',
		[ 'order_listing_json', 'reading the rows only', 'json_agg', 'jsonb_agg' ], listings());
	check_picture('growth', 'Instructions of the server, with 10 thousand orders = 1',
		[ '10 thousand orders', '1 million', '10 million' ], growth());
	check_picture('hot', 'Orders of a product a second, split into 64 tills = 1',
		[ 'split into 64 tills', 'one row', 'PL/pgSQL, one row', '20,000 products' ], hot_products());

	my $section = "<!-- generated: order_states -->\nold\n<!-- end of order_states -->\n";
	isnt(with_generated($section, %made), $section, 'a section that is not as it is made is found');
	return;
}

sub check_page
{
	my ($page, $is, $should_be) = @_;
	my $copy = "$PostgreSQL::Test::Utils::tmp_check/$page";

	if ($is ne $should_be)
	{
		make_path(dirname($copy));
		append_to_file($copy, $should_be);
	}
	ok($is eq $should_be, "$page is as it is made now")
	  or diag("the page as it should be: $copy");
	return;
}

sub check_picture
{
	my ($name, @drawing) = @_;
	my $page = "docs/pictures/$name.svg";

	check_page($page, -e "$root/$page" ? slurp_file("$root/$page") : '', plot_of(@drawing));
	return;
}

sub psql_in_a_new_shop
{
	my ($name) = @_;
	my ($stdout, $stderr);

	$node->safe_psql('postgres', "DROP DATABASE IF EXISTS $name");
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	open_shop($node, $name);
	$node->psql($name, slurp_file("$root/test/documents/$name.sql"),
		stdout => \$stdout, stderr => \$stderr, on_error_die => 1);
	return wantarray ? ($stdout, $stderr) : $stdout;
}

# By table, the tables that its foreign keys lock.
sub parents
{
	my %parents;

	foreach my $row (split /\n/, $node->safe_psql('postgres', q{
		SELECT DISTINCT child.relname, parent.relname
		FROM pg_constraint JOIN pg_class AS child ON child.oid = conrelid JOIN pg_class AS parent ON parent.oid = confrelid
		WHERE contype = 'f' AND connamespace = 'ecommerce'::regnamespace ORDER BY 1, 2}))
	{
		my ($child, $parent) = split /\|/, $row;

		push @{ $parents{$child} }, $parent;
	}
	return %parents;
}
