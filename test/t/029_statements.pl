# Proves that every statement of the source has a form that works where the tables are
# distributed by customer, and stock by bucket (docs/scale.md). Most of them stay on one shard,
# and are planned once: one table, whose key is $n. Those that do not are listed here, with the
# reason, and have a form that Citus can plan with values. For each rule there is a statement that
# breaks it, to show that it would be found.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

# What a table is distributed by; those of customers are on the shard of the same customer.
my %customer = map { $_ => 'customer_id' }
  qw(orders order_details order_adjustments order_events order_payments order_balances order_returns
  order_return_lines archived_orders);
my %bucket = map { $_ => 'bucket' } qw(stock_levels promotion_levels);
my %key = (%customer, %bucket, users => 'id', carts => 'user_id', cart_items => 'user_id');

# These are the same on every node.
my %reference = map { $_ => 1 } qw(categories products promotions tax_rates shipping_rates stock_transfers);
my %local = (schema_migrations => 1);

# Statements of one customer that need values for a plan, as they are more than a look into one
# table: each table in them is that customer's.
my %of_one = (
	'archive_orders.c:select_document' => 'an order with all that belongs to it, in a batch',
	'erase_user.c:select_cart' => 'after all is done, for what a trigger has kept',
	'merge_carts.c:move_items_out' => 'once for a guest who logs in',
	'merge_carts.c:set_choices' => 'once for a guest who logs in');

# Statements of all customers, or all buckets.
my %of_all = (
	'abandoned_carts.c:find_abandoned' => 'a batch',
	'archive_orders.c:find_old_orders' => 'a batch',
	'desk.c:select_by_id' => 'staff have the id, not the customer',
	'desk.c:select_by_number' => 'staff have the number, not the customer',
	'desk.c:select_queue' => 'the orders of the shop',
	'expire_unpaid_orders.c:find_due_orders' => 'a batch',
	'ids_of_shard.c:select_other_numbering' => 'once for a database, which is not distributed then',
	'ids_of_shard.c:select_restarts' => 'once for a database, which is not distributed then',
	'import_orders.c:select_numbered' => 'numbers are unique among all customers',
	'import_orders.c:count_out_of_sequence' => 'once for an import',
	'order_integrity.c:invariants' => 'rules for all rows, without parameters',
	'outbox.c:find_available' => 'the events of the shop, which are then locked by key',
	'outbox.c:find_available_of_name' => 'the events of the shop, which are then locked by key',
	'outbox.c:find_undelivered' => 'consumers have ids; each event is then marked by key',
	'outbox.c:lease_events' => 'one statement for all that have been locked by key',
	'outbox_metrics.c:select_metrics' => 'sums of the shop',
	'promotions.c:count_uses' => 'orders of all customers use a promotion',
	'promotions.c:delete_levels' => 'all buckets of a promotion',
	'stock.c:find_other_levels' => 'other buckets, where the own has not enough',
	'stock.c:select_sums' => 'other buckets, where the own has not enough',
	'tills.c:delete_tills' => 'all buckets of a product, when it is split',
	'tills.c:select_buckets' => 'all buckets of a product, when it is split');

my $root = "$FindBin::RealBin/../..";
my %statements = map { statements_of($_) } glob "$root/src/*.c";

check_tables();
check_source();
check_rules();
done_testing();

# Each table that a migration makes is one of those above.
sub check_tables
{
	my @tables = sort map { slurp_file($_) =~ /CREATE TABLE ecommerce\.(\w+)/g } glob "$root/sql/migrations/*.sql";

	my ($distributed) = slurp_file("$root/sql/functions/distribute.sql") =~ /tables CONSTANT json := '(.*?)'/s;

	is_deeply([ sort keys %key, keys %reference, keys %local ], \@tables, 'each table has a place');
	is_deeply(decode_json($distributed), { %key, map { $_ => undef } keys %reference }, 'where distribute() puts it');
	return;
}

sub check_source
{
	my %unused = (%of_one, %of_all);

	cmp_ok(scalar keys %statements, '>', 200, 'the source has statements');
	foreach my $name (sort keys %statements)
	{
		my $listed = $name =~ s/\[\d+\]$//r;
		my @faults = faults_of(place_of($listed), $statements{$name});

		delete $unused{$listed} if faults_of('one shard', $statements{$name});
		is_deeply(\@faults, [], $name) or diag($statements{$name});
	}
	is_deeply([ sort keys %unused ], [], 'what is listed is there, and has to be listed');
	return;
}

sub place_of
{
	my ($name) = @_;

	return $of_one{$name} ? 'one customer' : $of_all{$name} ? 'all' : 'one shard';
}

# What each rule finds, and what is nearly the same but right.
sub check_rules
{
	my @one_shard = (
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 AND id = $2 FOR NO KEY UPDATE SKIP LOCKED' ],
		[ 'SELECT 1 FROM ecommerce.stock_levels WHERE bucket = 0 AND product_id = ANY ($1) ORDER BY product_id' ],
		[ 'SELECT 1 FROM ecommerce.products AS product JOIN ecommerce.categories AS category ON category.id = product.category_id' ],
		[ 'SELECT key FROM jsonb_each($1)' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE id = $1', 'orders without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = ANY ($1)', 'orders without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 OR $2', 'orders without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE (customer_id = $1 OR $2) AND id = $3', 'orders without its key' ],
		[ 'SELECT 1 FROM ecommerce.users WHERE customer_id = $1', 'users without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 AND customer_id < $2', 'more than one look at the key' ],
		[ 'SELECT 1 FROM ecommerce.orders JOIN ecommerce.users ON users.id = customer_id WHERE customer_id = $1', 'more than one table' ],
		[ 'SELECT 1 FROM ecommerce.orders, unnest($2) AS it WHERE customer_id = $1', 'more than one table' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 AND EXISTS (SELECT FROM ecommerce.products)', 'a sub-select' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 UNION ALL SELECT 1', 'a sub-select' ],
		[ 'WITH it AS (SELECT 1) SELECT 1 FROM ecommerce.orders WHERE customer_id = $1', 'a sub-select' ],
		[ 'UPDATE ecommerce.orders SET number = $2, customer_id = $3 WHERE customer_id = $1', 'a change of the key' ],
		[ 'UPDATE ecommerce.orders SET number = $2 WHERE customer_id = $1' ],
		[ 'UPDATE ecommerce.orders SET order_date = clock_timestamp() WHERE customer_id = $1', 'a volatile function in a change' ],
		[ 'DELETE FROM ecommerce.orders WHERE id = $1', 'orders without its key' ],
		[ 'DELETE FROM ecommerce.orders USING ecommerce.users WHERE customer_id = $1', 'more than one table' ],
		[ 'INSERT INTO ecommerce.orders (id, customer_id) VALUES ($1, $2), ($3, $2)' ],
		[ 'INSERT INTO ecommerce.orders (id, customer_id) VALUES ($1, $2), ($3, DEFAULT)', 'a row without the key' ],
		[ 'INSERT INTO ecommerce.orders (id) VALUES ($1)', 'a row without the key' ],
		[ 'INSERT INTO ecommerce.orders (customer_id, id) SELECT $1, $2', 'INSERT ... SELECT' ],
		[ 'INSERT INTO ecommerce.carts (user_id) VALUES ($1) ON CONFLICT (user_id) DO UPDATE SET changed_at = excluded.changed_at' ],
		[ 'INSERT INTO ecommerce.carts (user_id) VALUES ($1) ON CONFLICT (user_id) DO UPDATE SET changed_at = now()', 'a function in ON CONFLICT' ],
		[ 'INSERT INTO ecommerce.orders (customer_id, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING', 'ON CONFLICT without the key' ],
		[ 'SELECT 1 FROM ecommerce.wishes WHERE customer_id = $1', 'wishes is no table' ]);
	my @one_customer = (
		[ 'SELECT 1 FROM ecommerce.orders AS placed JOIN ecommerce.order_details AS line ON line.customer_id = placed.customer_id AND line.order_id = placed.id WHERE placed.customer_id = $1' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed JOIN ecommerce.order_details AS line ON line.order_id = placed.id WHERE placed.customer_id = $1', 'order_details without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 AND EXISTS (SELECT FROM ecommerce.order_events AS event WHERE event.customer_id = orders.customer_id)' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id = $1 AND id IN (SELECT order_id FROM ecommerce.order_events)', 'order_events without its key' ],
		[ 'SELECT 1 FROM ecommerce.carts WHERE user_id = $1 UNION ALL SELECT 1 FROM ecommerce.cart_items', 'cart_items without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed, ecommerce.stock_levels AS stock WHERE placed.customer_id = $1 AND stock.bucket = $2', 'a join of customers and buckets' ],
		[ 'INSERT INTO ecommerce.orders (customer_id) SELECT user_id FROM ecommerce.carts WHERE user_id = $1', 'INSERT ... SELECT' ]);
	my @all = (
		[ 'SELECT customer_id, id FROM ecommerce.orders WHERE number = $1 LIMIT 2' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE number = $1 FOR UPDATE', 'a lock of rows anywhere' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed JOIN ecommerce.order_details AS line USING (customer_id)' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed JOIN ecommerce.order_details AS line ON line.order_id = placed.id', 'order_details without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed JOIN (SELECT customer_id, order_id, sum(quantity) FROM ecommerce.order_details GROUP BY customer_id, order_id) AS line ON line.customer_id = placed.customer_id' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed JOIN (SELECT order_id, sum(quantity) FROM ecommerce.order_details GROUP BY order_id) AS line ON line.order_id = placed.id' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed JOIN (SELECT customer_id, order_id FROM ecommerce.order_details) AS line ON line.order_id = placed.id', 'a query without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed WHERE NOT EXISTS (SELECT FROM ecommerce.order_events AS event WHERE event.customer_id = placed.customer_id)' ],
		[ 'SELECT 1 FROM ecommerce.orders AS placed WHERE NOT EXISTS (SELECT FROM ecommerce.order_events AS event WHERE event.order_id = placed.id)', 'order_events without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE customer_id IN (SELECT customer_id FROM ecommerce.order_events)' ],
		[ 'SELECT 1 FROM ecommerce.orders WHERE id IN (SELECT order_id FROM ecommerce.order_events)', 'order_events without its key' ],
		[ 'SELECT 1 FROM ecommerce.orders, ecommerce.stock_levels WHERE customer_id = bucket', 'a join of customers and buckets' ],
		[ 'UPDATE ecommerce.order_events SET attempts = clock_timestamp() WHERE id = ANY ($1)', 'a volatile function in a change' ],
		[ 'UPDATE ecommerce.order_events SET taken_until = now() WHERE id = ANY ($1)' ],
		[ 'INSERT INTO ecommerce.orders (customer_id) SELECT user_id FROM ecommerce.carts', 'INSERT ... SELECT' ]);

	check_rule('one shard', @{$_}) foreach @one_shard;
	check_rule('one customer', @{$_}) foreach @one_customer;
	check_rule('all', @{$_}) foreach @all;

	# The extraction: macros are expanded, literals joined, and each initializer is a statement.
	my $file = "$PostgreSQL::Test::Utils::tmp_check/extracted.c";

	append_to_file($file, <<'C');
#define OF " WHERE a = $1"
static Statement one = {.query = "SELECT \"x\"" OF, .result = 1};
static Statement many[] = {{.query = "SELECT 1"}, {.query = "SELECT 2"}};
static Mark mark = {.update = {.query = "UPDATE 1"}, .select = {.query = "SELECT 3"}};
static RowInserter rows = {.insert = "INSERT INTO ecommerce.orders (customer_id, id"};
C
	is_deeply(
		{ statements_of($file) },
		{   'extracted.c:one' => 'SELECT "x" WHERE a = $1',
			'extracted.c:many[0]' => 'SELECT 1',
			'extracted.c:many[1]' => 'SELECT 2',
			'extracted.c:mark[0]' => 'UPDATE 1',
			'extracted.c:mark[1]' => 'SELECT 3',
			'extracted.c:rows' => 'INSERT INTO ecommerce.orders (customer_id, id) VALUES ($1, $2), ($1, $2)' },
		'statements are found in C');
	return;
}

sub check_rule
{
	my ($place, $statement, @expected) = @_;

	is_deeply([ faults_of($place, $statement) ], \@expected, "$place: $statement");
	return;
}

# Names and texts of the statements in a file, as the compiler sees it.
sub statements_of
{
	my ($file) = @_;
	my $include = `"\${PG_CONFIG:-pg_config}" --includedir-server`;

	chomp $include;
	my $source = `cc -E -P -D_GNU_SOURCE -isystem "$include" -I "$root/src" "$file"`;
	die "cannot preprocess $file" if $? != 0;

	my ($base) = $file =~ m{([^/]+)$};
	my $string = qr/"(?:[^"\\]|\\.)*"/;
	my @found;

	while ($source =~ /static [^;{}()=]*?(\w+)(?:\[[^\]]*\])*\s*=\s*(\{(?:$string|[^"{}]|(?2))*\})/g)
	{
		my ($name, $initializer) = ($1, $2);
		my @texts = map { text_of($_, $string) } $initializer =~ /(\.(?:query|insert)\s*=\s*(?:$string\s*)+)/g;

		push @found, @texts == 1 && $initializer !~ /^\{\s*[.\[{]?\s*\{/
		  ? ("$base:$name", $texts[0])
		  : map { ("$base:$name\[$_]", $texts[$_]) } 0 .. $#texts;
	}
	return @found;
}

# A RowInserter's is completed as statement.c does.
sub text_of
{
	my ($field, $string) = @_;
	my $text = join '', map { s/^"|"$//gr =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ger } $field =~ /$string/g;

	$text .= ') VALUES ($1, $2), ($1, $2)' if $field =~ /^\.insert/;
	return $text;
}

# What is wrong with a statement that is for one shard, for one customer, or for all.
sub faults_of
{
	my ($place, $statement) = @_;
	my @queries = queries_of($statement);
	my @tables = map { @{ $_->{tables} } } @queries;
	my @faults = map { "$_->{name} is no table" } grep { !$key{ $_->{name} } && !$reference{ $_->{name} } && $_->{name} !~ /_seq$/ } @tables;
	my @distributed = grep { $key{ $_->{name} } } @tables;

	return @faults if @faults || !@distributed;
	return 'INSERT ... SELECT' if grep { $_->{verb} eq 'INSERT' && $_->{text} !~ /\bVALUES\b/i } @queries;
	push @faults, map { faults_of_insert($_) } grep { $_->{verb} eq 'INSERT' } @queries;
	push @faults, 'a volatile function in a change'
	  if grep { $_->{verb} =~ /UPDATE|DELETE/ && $_->{text} =~ /\b(?:clock_timestamp|random|gen_random_uuid|nextval)\s*\(/ } @queries;
	if ($place eq 'one shard')
	{
		push @faults, 'a sub-select' if @queries > 1;
		push @faults, 'more than one table' if @queries == 1 && @{ $queries[0]->{sources} } > 1;
		push @faults, faults_of_key($queries[0]) if !@faults && $queries[0]->{verb} ne 'INSERT';
		return @faults;
	}
	push @faults, 'a join of customers and buckets' if grep { mixes(grep { $key{ $_->{name} } } @{ $_->{tables} }) } @queries;
	push @faults, 'a lock of rows anywhere'
	  if $place eq 'all' && grep { $_->{text} =~ /\bFOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b/ } @queries;
	push @faults, map { "$_ without its key" } unbound($place, @queries) if !@faults;
	return @faults;
}

sub mixes
{
	my %groups = map { ($bucket{ $_->{name} } ? 'buckets' : 'customers') => 1 } @_;

	return keys %groups > 1;
}

# A look at the key, one alone, and no change of it.
sub faults_of_key
{
	my ($query) = @_;
	my $table = $query->{tables}->[0];
	my $column = $key{ $table->{name} };
	my ($changes) = $query->{text} =~ /\bSET\b(.*?)\bWHERE\b/;
	my $where = $query->{text} =~ s/.*?\bWHERE\b//r =~ s/\b(?:GROUP|ORDER) BY\b.*|\bRETURNING\b.*//r;

	return "$table->{name} without its key" if !grep { is_bound($table, $_) } @{ $query->{conditions} };
	return 'a change of the key' if ($changes // '') =~ /(?:^|,)\s*$column\s*=/;
	return 'more than one look at the key' if 1 < (() = $where =~ /\b$column\b/g);
	return;
}

sub faults_of_insert
{
	my ($query) = @_;
	my $column = $key{ $query->{tables}->[0]->{name} } or return;
	my ($columns, $rows, $conflict) = $query->{text} =~ /\(([^()]*)\)\s*VALUES\s*(.*?)(?:\bON CONFLICT(.*)|\bRETURNING\b.*)?$/;
	my @names = split /\s*,\s*/, $columns =~ s/^\s+|\s+$//gr;
	my ($place) = grep { $names[$_] eq $column } 0 .. $#names;
	my @faults;

	push @faults, 'a row without the key'
	  if !defined $place || grep { (split /\s*,\s*/)[$place] !~ /^\s*(?:\$\d+|\d+)\s*$/ } $rows =~ /\(([^()]*)\)/g;
	if ($conflict)
	{
		my ($target, $action) = $conflict =~ /^\s*\(([^()]*)\)(.*)/;

		push @faults, 'ON CONFLICT without the key' if $target !~ /\b$column\b/;
		push @faults, 'a function in ON CONFLICT' if grep { !/^(?:greatest|least|coalesce)$/ } $action =~ /\b([a-z_]\w*)\s*\(/g;
	}
	return @faults;
}

# Tables, and queries in FROM, of which nothing says whose rows they are: neither a value nor the
# key of another one, in the same query or around it. In a statement of all, the first of a query
# may be anybody's, unless the query is part of a condition on the rows of another.
sub unbound
{
	my ($place, @queries) = @_;
	my @unbound;

	foreach my $query (@queries)
	{
		my @known = $query->{is_condition} ? grep { $_->{key} } @{ $query->{outer}->{sources} } : ();
		my @open = grep { $_->{key} } @{ $query->{sources} };
		my @conditions = (@{ $query->{conditions} }, memberships($query));

		push @known, shift @open if $place eq 'all' && @open && !@known;
		for (my $count = -1; $count != @known;)
		{
			my @still_open;

			$count = @known;
			foreach my $source (@open)
			{
				if (grep { is_bound($source, $_) || is_linked($source, \@known, $_) } @conditions)
				{
					push @known, $source;
				}
				elsif ($place ne 'all' && $source->{query})
				{
					push @known, $source;    # looked at itself
				}
				else
				{
					push @still_open, $source;
				}
			}
			@open = @still_open;
		}
		push @unbound, map { $_->{name} } @open;
	}
	return @unbound;
}

# For "a IN (SELECT b ...)" that a = b.
sub memberships
{
	my ($query) = @_;
	my ($names) = ($query->{before} // '') =~ /(\([^()]*\)|\S+)\s*(?:IN|= ANY)\s*$/ or return;
	my @names = split /\s*,\s*/, $names =~ s/[()]//gr;
	my @columns = split /\s*,\s*/, ($query->{text} =~ /^\s*SELECT\s+(.*?)\s+FROM\b/)[0];

	return map { "$names[$_] = $columns[$_]" } grep { defined $columns[$_] } 0 .. $#names;
}

# key = $1, or key = 0
sub is_bound
{
	my ($source, $condition) = @_;

	return $condition =~ /^(\S+) = (?:\$\d+|\d+)$/ && names_key($source, $1);
}

# key = key of one that is known
sub is_linked
{
	my ($source, $known, $condition) = @_;
	my ($left, $right) = $condition =~ /^(\S+) = (\S+)$/ or return;

	return grep {
		     (names_key($source, $left) && names_key($_, $right))
		  || (names_key($source, $right) && names_key($_, $left))
	} @{$known};
}

sub names_key
{
	my ($source, $name) = @_;

	return $name eq $source->{key} || $name eq "$source->{alias}.$source->{key}";
}

# A statement and the queries in it, each with its verb, its text without those within, the tables
# and other sources of rows that it names, and the conditions that all rows have to meet.
sub queries_of
{
	my ($statement) = @_;
	my $text = $statement =~ s/'(?:[^']|'')*'/''/gr =~ s/\bIS (?:NOT )?DISTINCT FROM\b/<>/gr =~ s/\s+/ /gr;
	my @queries;

	read_query(\@queries, undef, '', $text);
	return @queries;
}

# Queries that are within another come behind it.
sub read_query
{
	my ($queries, $outer, $before, $text) = @_;
	my @within;
	my $found = @{$queries};

	while ($text =~ s/\((\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b(?:[^()]|(\((?:[^()]|(?2))*\)))*)\)/"<" . @within . ">"/e)
	{
		push @within, $1;
	}
	foreach my $part (split /\b(?:UNION(?: ALL)?|INTERSECT|EXCEPT)\b/, $text)
	{
		my $query = {
			text => $part,
			outer => $outer,
			before => $before,
			verb => ($part =~ /\b(SELECT|INSERT|UPDATE|DELETE)\b/)[0] // '',
			tables => [],
			sources => [],
			conditions => [] };

		push @{$queries}, $query;
		read_sources($query);
		while ($part =~ /<(\d+)>/g)
		{
			my ($source) = grep { $_->{name} eq "<$1>" } @{ $query->{sources} };
			my @read = read_query($queries, $query, substr($part, 0, $-[0]), $within[$1]);
			my ($key) = grep { defined && is_kept($_, @read) } map { $_->{key} } map { @{ $_->{sources} } } @read;

			if ($source)
			{
				@{$source}{qw(name key query)} = ("a query", $key, 1);
			}
			else
			{
				$_->{is_condition} = 1 foreach grep { $_->{outer} == $query } @read;
			}
		}
	}
	return @{$queries}[ $found .. $#{$queries} ];
}

# Sums by something else are made first, and are then wherever they are needed.
sub is_kept
{
	my ($key, @queries) = @_;

	return !grep { $_->{text} =~ /\bGROUP BY (.*?)(?:\bHAVING\b|$)/ && $1 !~ /\b$key\b/ } @queries;
}

# From FROM on, or what stands for it. Of a list in USING the conditions are made.
sub read_sources
{
	my ($query) = @_;
	my $end = qr/\b(?:WHERE|GROUP BY|ORDER BY|HAVING|LIMIT|FOR|RETURNING|SET|VALUES|ON CONFLICT)\b/;
	my ($from) = $query->{text} =~ /\bFROM (.*?)(?:$end|$)/;
	my ($where) = $query->{text} =~ /\bWHERE (.*?)(?:\b(?:GROUP BY|ORDER BY|HAVING|LIMIT|FOR (?=NO|UP|KEY|SHARE)|RETURNING|ON CONFLICT)\b|$)/;
	my ($target) = $query->{text} =~ /\b(?:UPDATE|INSERT INTO) (ecommerce\.\w+(?: AS \w+)?)/;

	$from =~ s/ USING (?!\()/, / if $query->{verb} eq 'DELETE' && defined $from;
	foreach my $item (map { s/^\s+|\s+$//gr } grep { defined } $target, split_outside(qr/,|\b(?:(?:LEFT|FULL|CROSS) )?JOIN\b/, $from // ''))
	{
		my ($name, $alias) = $item =~ /^(?:LATERAL )?(?:ecommerce\.)?(\w+|<\d+>)(?:\([^ ]*)?(?:.*? AS (\w+))?/ or next;
		my $is_table = $item =~ /^ecommerce\./;
		my $source = { name => $name, alias => $alias // $name, key => $is_table ? $key{$name} : undef };

		push @{ $query->{sources} }, $source;
		push @{ $query->{tables} }, $source if $is_table;
		push @{ $query->{conditions} }, map { s/^\s+|\s+$//gr } split_outside(qr/\bAND\b/, $1) if $item =~ / ON (?!CONFLICT)(.*)/;
		push @{ $query->{conditions} }, map { "$source->{alias}.$_ = $_" } split /\s*,\s*/, $1 if $item =~ / USING \(([^()]*)\)/;
	}
	push @{ $query->{conditions} }, map { s/^\s+|\s+$//gr } split_outside(qr/\bAND\b/, $where)
	  if defined $where && (() = split_outside(qr/\bOR\b/, $where)) < 2;
	return;
}

# Splits where there is no open parenthesis.
sub split_outside
{
	my ($separator, $text) = @_;
	my @groups;
	my $outside = $text =~ s/(\((?:[^()]|(?1))*\))/push @groups, $1; "{$#groups}"/ger;

	return map { s/\{(\d+)\}/$groups[$1]/gr } split $separator, $outside;
}
