# Proves that the examples in README.md work and print what it shows.
#
# A block fenced with ```sql is run, all such blocks in order in one session on a
# fresh server. A block with any other word behind the fence is not run. What a
# block prints is compared if it is followed directly, with nothing but empty lines
# in between, by a block fenced with
#
#   ```text   all that psql prints for the block, with aligned columns and without
#             command tags (INSERT 0 1), or the error
#   ```json   the one value that the last statement of the block returns
#
# and a block that is followed by neither must end without an error. Each date with
# a time stands for any, and so does the white space of JSON and the width of a
# column.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $result_mark = 'result of a statement';
my $block_mark = 'output of a block';

my @examples = examples_in("$FindBin::RealBin/../../README.md");
my $node;

ok((grep { $_->{form} } @examples), 'the README has examples with their output');
$node = start_server('readme');
run_examples($node, @examples);
foreach my $example (@examples)
{
	my $name = "example in line $example->{line}";

	if ($example->{form} eq 'text')
	{
		is( comparable_text($example->{stdout} . $example->{stderr}),
			comparable_text($example->{shown}), $name);
	}
	elsif ($example->{form} eq 'json')
	{
		is( comparable_json($node, last_result($example) . $example->{stderr}),
			comparable_json($node, $example->{shown}), $name);
	}
	else
	{
		is($example->{stderr}, '', $name);
	}
}

done_testing();

sub examples_in
{
	my ($path) = @_;
	my $readme = slurp_file($path);
	my @found;

	while ($readme =~ /^```sql[ ]*\n(.*?)^```[ ]*\n (?:\s*^```(text|json)[ ]*\n(.*?)^```[ ]*$)?/gmsx)
	{
		my ($statements, $form, $shown) = ($1, $2, $3);
		my $line = 1 + (substr($readme, 0, $-[0]) =~ tr/\n//);

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

	foreach my $example (@all)
	{
		$script .= "\\echo $block_mark\n\\warn $block_mark\n";
		$script .= $example->{form} eq 'json'
		  ? "\\pset format unaligned\n\\pset title '$result_mark'\n\\pset footer off\n"
		  : "\\pset format aligned\n\\pset title\n\\pset footer on\n";
		$script .= "$example->{statements}\n;\n";
	}
	$server->psql(
		'postgres', $script,
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

# The server's own way to write it. What is not JSON stays as it is.
sub comparable_json
{
	my ($server, $text) = @_;
	my ($status, $json) = $server->psql('postgres',
		'SELECT $json$' . $text . '$json$::jsonb');

	return without_times($status == 0 ? $json : $text);
}

sub without_times
{
	my ($text) = @_;

	$text =~ s/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d(?::?\d\d)?|Z)?/(time)/g;
	return $text;
}
