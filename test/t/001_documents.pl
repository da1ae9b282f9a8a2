# Proves that the examples in README.md and docs/*.md work and print what is shown.
#
# A block fenced with ```sql is run, all such blocks of a page in order, in one session. A
# page whose first block creates the extension begins with an empty database, in a server
# without roles; any other page goes on from the examples of README.md. After a line
#
#   <!-- begins anew -->
#
# a page begins with an empty database once more. A block with any other word behind the
# fence is not run. What a block prints is compared if it is followed directly, with
# nothing but empty lines in between, by a block fenced with
#
#   ```text   all that psql prints for the block, with aligned columns and without
#             command tags (INSERT 0 1), or the error
#   ```json   the one value that the last statement of the block returns; "..." stands for
#             further keys of an object, further elements of an array, or any value
#
# and a block that is followed by neither must end without an error or a warning. Each
# date with a time stands for any, and so does the white space of JSON and the width of a
# column.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my $result_mark = 'result of a statement';
my $block_mark = 'output of a block';
my $node = start_server('documents');
my @readme = parts_of('README.md');

$node->safe_psql('postgres', slurp_file("$root/test/documents/as_shown.sql"));
foreach my $page ('README.md', map { s{.*/(docs/)}{$1}r } sort glob "$root/docs/*.md")
{
	foreach my $part (parts_of($page))
	{
		my @before =
		  $part->[0]->{statements} =~ /CREATE EXTENSION/ ? () : @{ $readme[0] };

		run_examples($node, @before, @{$part});
		check_example($page, $_) foreach @{$part};
	}
}
ok((grep { $_->{form} } @{ $readme[0] }), 'the README has examples with their output');

# What is not as it is shown must be found.
{
	my ($wrong_text, $wrong_json, $missing, $error) = map { $_->[0] } map { [ examples_in($_) ] } (
		"```sql\nSELECT 1 AS one;\n```\n```text\n one \n-----\n   2\n(1 row)\n```\n",
		qq(```sql\nSELECT '{"a": [1, 2], "b": 3}'::jsonb;\n```\n```json\n{"a": [2, ...], ...}\n```\n),
		qq(```sql\nSELECT '{"a": 1}'::jsonb;\n```\n```json\n{"a": 1, "b": 1, ...}\n```\n),
		"```sql\nSELECT 1/0;\n```\n");

	foreach my $example ($wrong_text, $wrong_json, $missing, $error)
	{
		run_examples($node, $example);
		isnt(result_of($example), expectation_of($example), 'a wrong example is found');
	}
}

done_testing();

sub check_example
{
	my ($page, $example) = @_;

	is(result_of($example), expectation_of($example), "$page, line $example->{line}");
	return;
}

# The examples of a page, in parts that begin with an empty database each.
sub parts_of
{
	my ($page) = @_;
	my @parts;
	my $line = 0;

	foreach my $text (split /^(?=<!-- begins anew -->\n)/m, slurp_file("$root/$page"))
	{
		my @examples = examples_in($text);

		$_->{line} += $line foreach @examples;
		$line += $text =~ tr/\n//;
		push @parts, \@examples if @examples;
	}
	return @parts;
}

sub examples_in
{
	my ($text) = @_;
	my @found;

	while ($text =~ /^```sql[ ]*\n(.*?)^```[ ]*\n (?:\s*^```(text|json)[ ]*\n(.*?)^```[ ]*$)?/gmsx)
	{
		my ($statements, $form, $shown) = ($1, $2, $3);
		my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);

		push @found,
		  {
			line => $line,
			statements => $statements,
			form => $form // '',
			shown => $shown
		  };
	}
	return @found;
}

# Adds to each example what psql printed for it: stdout and stderr.
sub run_examples
{
	my ($server, @all) = @_;
	my $script = '';
	my (@stdout, @stderr, $stdout, $stderr);

	make_empty_database($server);
	foreach my $example (@all)
	{
		$script .= "\\echo $block_mark\n\\warn $block_mark\n";
		$script .= $example->{form} eq 'json'
		  ? "\\pset format unaligned\n\\pset title '$result_mark'\n\\pset footer off\n"
		  : "\\pset format aligned\n\\pset title\n\\pset footer on\n";
		$script .= "$example->{statements}\n;\n";
	}
	$server->psql(
		'shop', $script,
		on_error_stop => 0,
		stdout => \$stdout,
		stderr => \$stderr,
		extra_params => [ '-P', 'tuples_only=off' ]);

	(undef, @stdout) = split /^$block_mark\n?/m, $stdout, -1;
	(undef, @stderr) = split /^$block_mark\n?/m, $stderr, -1;
	foreach my $example (@all)
	{
		$example->{stdout} = shift @stdout;
		$example->{stderr} = shift @stderr;
		$example->{stderr} =~ s/^psql:<stdin>:\d+: //gm;
	}
	return;
}

sub make_empty_database
{
	my ($server) = @_;

	$server->safe_psql(
		'postgres', q{
		DROP DATABASE IF EXISTS shop;
		SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE oid >= 16384
		\gexec
		CREATE DATABASE shop;
	});
	return;
}

sub result_of
{
	my ($example) = @_;

	return $example->{stderr} =~ s/^NOTICE:.*\n?//gmr if $example->{form} eq '';
	return comparable_text($example->{stdout} . $example->{stderr}) if $example->{form} eq 'text';
	return comparable_json(last_result($example) . $example->{stderr}, $example->{shown});
}

sub expectation_of
{
	my ($example) = @_;

	return '' if $example->{form} eq '';
	return comparable_text($example->{shown}) if $example->{form} eq 'text';
	return comparable_json($example->{shown}, $example->{shown});
}

# The rows that the last statement returned, without the title and the header.
sub last_result
{
	my ($example) = @_;

	return (split /^$result_mark\n[^\n]*\n/m, $example->{stdout})[-1] // '';
}

sub comparable_text
{
	my ($text) = @_;

	$text = without_times($text);
	$text =~ s/-{2,}/--/g;
	$text =~ s/[ ]+/ /g;
	$text =~ s/[ ]$//gm;
	$text =~ s/^\n+|\n+$//g;
	return $text;
}

# The server's own way to write it, without what is not shown. What is not JSON stays as
# it is.
sub comparable_json
{
	my ($text, $shown) = @_;

	$_ = with_ellipses($_) foreach $text, $shown;
	my ($status, $json) = $node->psql('postgres',
		"SELECT documents.as_shown(\$json\$$text\$json\$, \$json\$$shown\$json\$)");

	return without_times($status == 0 ? $json : $text);
}

# An ellipsis becomes JSON: a value, an element of an array or a key of an object.
sub with_ellipses
{
	my ($text) = @_;

	$text =~ s/("(?:[^"\\]|\\.)*")|(:\s*|)\.\.\.(?=\s*([\]}]?))/
		$1 ? $1 : $2 ? "$2\"...\"" : $3 eq '}' ? '"...": 0' : '"..."'/gex;
	return $text;
}

sub without_times
{
	my ($text) = @_;

	$text =~ s/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?|Z)?/(time)/g;
	return $text;
}
