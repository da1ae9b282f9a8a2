# Proves what docs/monitoring.md says of the server's own means: pg_stat_statements tells of
# which file a statement is, the log of which SQLSTATE an error; and the exporter's role can
# run what an exporter runs, and no more.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../docs/monitoring.md");
my ($by_file) = $page =~ /^```sql not-run\n(.*?)^```/ms;
my ($roles) = $page =~ /^```sql\n(CREATE ROLE exporter.*?)^```/ms;
my ($exported) = $page =~ /^## Prometheus\n(.*?)^## /ms;
my @exported = grep { /^SELECT/ } $exported =~ /^```sql\n(.*?)^```/gms;
my ($settings) = $page =~ /^```ini\n(.*?)^```/ms;
my ($filter) = $page =~ /^```sh\n(grep .*?)\n```/ms;

my $node = PostgreSQL::Test::Cluster->new('monitoring');
$node->init;
$node->append_conf('postgresql.conf', $settings);
my $has_statements = -e $node->config_data('--sharedir') . '/extension/pg_stat_statements.control';
$node->append_conf('postgresql.conf',
	"shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track = 'all'")
  if $has_statements;
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION ecommerce;
	SELECT ecommerce.migrate(owner => current_user);
	INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Ada', '1 Main Street');
	INSERT INTO ecommerce.products (name, price) VALUES ('Pencil', 1);
	INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 10);});

SKIP:
{
	skip 'there is no pg_stat_statements', 4 unless $has_statements;
	$node->safe_psql('postgres', q{
		CREATE EXTENSION pg_stat_statements;
		SELECT pg_stat_statements_reset();
		SELECT ecommerce.add_to_cart(1, 1, 2);
		SELECT ecommerce.place_order(1);
		SELECT count(*) FROM ecommerce.outbox_metrics();});
	my %calls = map { (split /\|/)[ 0, 1 ] } split /\n/, $node->safe_psql('postgres', $by_file);

	cmp_ok($calls{$_} // 0, '>', 0, "statements of $_.c are found") for qw(place_order stock outbox_metrics);
	is($node->safe_psql('postgres',
			q{SELECT query FROM pg_stat_statements WHERE NOT toplevel AND query ~ 'ecommerce\.'
			  AND query !~ '/\* ecommerce: \w+\.c \*/$' AND query !~ '^SELECT 1 FROM ONLY'}),
		'', 'and none of the extension without its file');
}

# What an exporter does.
$node->safe_psql('postgres', $roles);
cmp_ok(scalar @exported, '>=', 3, 'there are queries for an exporter');
foreach my $query (@exported)
{
	my ($name) = $query =~ /FROM ((?:ecommerce\.|pg_)\w+)/;

	isnt($node->safe_psql('postgres', $query, extra_params => [ '-U', 'exporter' ]), '', "the exporter reads $name");
}
foreach my $query ('SELECT FROM ecommerce.orders', 'SELECT FROM ecommerce.order_events',
	'SELECT ecommerce.take_order_events(1)', 'SELECT ecommerce.order_json(1, 1)')
{
	my ($status, undef, $stderr) = $node->psql('postgres', $query, extra_params => [ '-U', 'exporter' ]);

	like($stderr, qr/permission denied/, "and not: $query");
}

# Refusals and faults in the log.
$node->psql('postgres', 'SELECT ecommerce.place_order(1)');
$node->psql('postgres', 'SELECT ecommerce.place_order(1)');
$node->psql('postgres', 'SELECT setval($$ecommerce.order_events_id_seq$$, 1, false);
	SELECT ecommerce.add_to_cart(1, 1); SELECT ecommerce.place_order(1)');
my $log = $node->logfile;
my $faults = do { $filter =~ s/\S+\.log/$log/r };

like(slurp_file($log), qr/ PT404 ERROR:  cart is empty/, 'a refusal has its SQLSTATE in the log');
$faults = `$faults`;
unlike($faults, qr/cart is empty/, 'and is not among the faults');
like($faults, qr/ 55000 ERROR:  /, 'which are found');

done_testing();
