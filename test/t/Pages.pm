# What the pages of docs/ have that is made from the database and the code, and what can be
# said of a page without a server: 023_pages.pl compares.

package Pages;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Utils;

our @EXPORT = qw(broken_links signatures_in codes_in with_generated statements_of sequence_of
  locks_of rows_of plot_of);

# The links of a page that lead nowhere. The root is where README.md is, the page is named
# from there; a text in the place of the page's own may be given.
sub broken_links
{
	my ($root, $page, $text) = @_;
	my ($folder) = $page =~ m{^(.*/)?};
	my @broken;

	$text = without_code($text // slurp_file("$root/$page"));
	while ($text =~ /\]\(([^)\s]+)\)/g)
	{
		my $link = $1;
		my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;

		next if $link =~ /^https?:/;
		my $target = $path eq '' ? $page : normal(($folder // '') . $path);

		push @broken, "$page: $link"
		  if !-e "$root/$target"
		  || defined $anchor
		  && !anchors_in($target eq $page ? $text : slurp_file("$root/$target"))->{$anchor};
	}
	return @broken;
}

# A path without "..".
sub normal
{
	my ($path) = @_;

	1 while $path =~ s{[^/]+/\.\./}{};
	return $path =~ s{/$}{}r;
}

sub without_code
{
	my ($text) = @_;

	$text =~ s/^```.*?^```$//gms;
	return $text;
}

# GitHub's anchors of the headings of a page.
sub anchors_in
{
	my ($text) = @_;
	my %anchors;

	$text = without_code($text);
	while ($text =~ /^#+ (.*)$/gm)
	{
		my $anchor = lc($1);

		$anchor =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
		$anchor =~ s/[^\w\- ]//g;
		$anchor =~ s/ /-/g;
		$anchors{$anchor} = 1;
	}
	return \%anchors;
}

# The signatures of docs/functions.md, each once more for each time it is there; and what
# is not where it should be: an entry's signatures have its heading's name.
sub signatures_in
{
	my ($text) = @_;
	my (@signatures, @misplaced);

	foreach my $entry (split /^(?=#+ )/m, $text)
	{
		my ($heading) = $entry =~ /^#+ (.*)$/m;

		while ($entry =~ /^```signature\n(.*?)^```$/gms)
		{
			foreach my $signature (split /\n(?=ecommerce)/, $1)
			{
				$signature =~ s/\s+/ /g;
				$signature =~ s/ $//;
				push @signatures, $signature;
				push @misplaced, "$heading: $signature"
				  if $signature !~ /^\w+\.\Q$heading\E\(/;
			}
		}
	}
	return (\@signatures, \@misplaced);
}

# The codes of errors in a file of the source or, in tables, of a page.
sub codes_in
{
	my ($path, $text) = @_;

	return grep { defined } $text =~ /\\"code\\": \\"(\w+)\\"|^\t\t\.code = "(\w+)"/gm if $path =~ /\.[ch]$/;
	return grep { defined } $text =~ /'code', '(\w+)'|"code": "(\w+)"/g if $path =~ /\.sql$/;
	return map { /`(\w+)`/g }
	  $text =~ /^\| (?:`\w{5}` \| )?((?:`[a-z_]{6,}`(?:, )?)+) \|/gm;
}

# The page with its generated sections made anew, from functions by their names. One whose
# function is undefined is left as it is.
sub with_generated
{
	my ($text, %made) = @_;

	$text =~ s/(^<!-- generated: (\w+) -->\n).*?(^<!-- end of \g2 -->$)/
		!exists $made{$2} ? "nothing makes $2" : $made{$2} ? $1 . $made{$2}->() . $3 : $&/gmse;
	return $text;
}

# By call, what test/documents/statements.sql had the server tell, in order. Comments are
# left out, and what foreign keys do, which is told with what they belong to.
sub statements_of
{
	my ($told) = @_;
	my %statements;

	foreach my $part (split /^call: /m, $told)
	{
		my ($call) = $part =~ /^(\w+)\n/ or next;

		while ($part =~ /^Query Text: (.*?)(?=\n\S*\s*(?:[A-Z]\w+.*\(cost=|Result|Query))/gms)
		{
			my $statement = $1;

			$statement =~ s{/\*.*?\*/}{}g;
			$statement =~ s/\s+/ /g;
			$statement =~ s/^ | $//g;
			push @{ $statements{$call} }, $statement
			  unless $statement =~ / ONLY "/ || $statement !~ /ecommerce\.\w+(?![\w(])/;
		}
	}
	return %statements;
}

# What a statement does to which table; whether it locks; and which others it reads.
sub action_of
{
	my ($statement) = @_;
	my ($strength) = $statement =~ /\bFOR ((?:NO KEY )?UPDATE|(?:KEY )?SHARE)\b/;
	my $main = $statement;
	my ($action, $table);

	if ($statement =~ /\b(INSERT) INTO ecommerce\.(\w+)|\b(UPDATE) ecommerce\.(\w+)|\b(DELETE) FROM ecommerce\.(\w+)/)
	{
		($action, $table) = grep { defined } $1, $2, $3, $4, $5, $6;
		$action = 'INSERT or UPDATE' if $statement =~ /DO UPDATE/;
	}
	else
	{
		1 while $main =~ s/\([^()]*\)//g;
		($table) = "$main $statement" =~ /ecommerce\.(\w+)(?![\w(])/;
		$action = defined $strength ? "FOR $strength" : 'SELECT';
		$action .= ' SKIP LOCKED' if $statement =~ /SKIP LOCKED/;
	}
	my %seen = ($table => 1);
	my @others = grep { !$seen{$_}++ } $statement =~ /ecommerce\.(\w+)(?![\w(])/g;

	return ($table, $action, $action ne 'SELECT', \@others);
}

# The statements as a picture. Parents have the tables that a row's foreign keys lock.
sub sequence_of
{
	my ($call, $statements, $parents) = @_;
	my (@tables, @lines, %seen);

	foreach my $statement (@{$statements})
	{
		my ($table, $action, undef, $others) = action_of($statement);
		my $what =
			$action =~ /^FOR/ ? "locks, $action"
		  : $action eq 'SELECT' ? 'reads' . (@{$others} ? ' with ' . join ', ', @{$others} : '')
		  : $action;

		$what .= ' (its foreign key: ' . join(', ', @{ $parents->{$table} }) . ' FOR KEY SHARE)'
		  if $action eq 'INSERT' && $parents->{$table};
		push @tables, $table unless $seen{$table}++;
		push @lines, "    $call->>$table: $what";
	}
	return join "\n", '```mermaid', 'sequenceDiagram', "    participant $call",
	  (map { "    participant $_" } @tables), @lines, "```\n";
}

# Tables and locks that the calls take, in order; each once that follows itself.
sub locks_of
{
	my (%statements) = @_;
	my @rows;

	foreach my $call (sort keys %statements)
	{
		my @locks;

		foreach my $statement (@{ $statements{$call} })
		{
			my ($table, $action, $locks) = action_of($statement);

			push @locks, "$table $action" if $locks;
		}
		push @rows, sprintf "| `%s` | %s |\n", $call, join ', ', without_repetitions(@locks)
		  unless $call eq 'preparation';
	}
	return "| call | rows that it locks or writes, in this order |\n|---|---|\n" . join '', @rows;
}

sub without_repetitions
{
	my @list = @_;
	my @short;

	foreach my $element (@list)
	{
		push @short, $element
		  unless @short && $short[-1] eq $element || @short > 1 && grep { $_ eq $element } @short[ -2, -1 ];
	}
	return @short;
}

# The rows of the table of a page that has this first line, as lists of cells.
sub rows_of
{
	my ($text, $head) = @_;
	my ($rows) = $text =~ /^\Q$head\E\n\|[-|]+\n((?:\|.*\n)+)/m or return;

	return map { [ split / *\| */, s/^\| *//r ] } split /\n/, $rows;
}

# Bars of the numbers of each row, whose first cell names it, as parts of the first number.
sub plot_of
{
	my ($title, $names, @rows) = @_;
	my @colours = ('#336791', '#8fb1cc', '#c9b36b', '#b5651d');
	my ($y, $widest, @shapes) = (58, 0);

	foreach my $row (@rows)
	{
		my (undef, $first, @others) = @{$row};

		foreach my $part (map { $_ / $first } @others) { $widest = $part if $part > $widest; }
	}
	foreach my $i (0 .. $#{$names})
	{
		push @shapes,
		  sprintf('<rect x="%d" y="32" width="11" height="11" fill="%s"/>', 10 + 165 * $i, $colours[$i]),
		  sprintf('<text x="%d" y="42">%s</text>', 25 + 165 * $i, $names->[$i]);
	}
	foreach my $row (@rows)
	{
		my ($label, @numbers) = @{$row};

		push @shapes, sprintf('<text x="10" y="%d">%s</text>', $y + 3 + 7 * @numbers, $label);
		foreach my $i (0 .. $#numbers)
		{
			my $part = $numbers[$i] / $numbers[0];
			my $width = 480 * $part / $widest;

			push @shapes,
			  sprintf('<rect x="90" y="%d" width="%.1f" height="11" fill="%s"/>', $y, $width, $colours[$i]),
			  sprintf('<text x="%.1f" y="%d">%.2f</text>', 96 + $width, $y + 10, $part);
			$y += 14;
		}
		$y += 12;
	}
	return join "\n",
	  qq(<svg xmlns="http://www.w3.org/2000/svg" width="680" height="$y" viewBox="0 0 680 $y" font-family="sans-serif" font-size="12">),
	  qq(<rect width="680" height="$y" fill="white"/>),
	  qq(<text x="10" y="20" font-size="14">$title</text>), @shapes, "</svg>\n";
}

1;
