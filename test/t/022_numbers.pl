# Proves that what an order costs is right: the worked numbers of other shops' tests, of laws
# and standards are reached, and shops and carts chosen at random are priced as a second
# computation does, in Python's fractions. test/numbers makes both, and has the server quote,
# order and read back each cart; mistakes made on purpose in the second have to be found.
#
# The seed is in the names of the tests; SEED in the environment repeats the choices.
# ORDERS says how many orders are placed, SOAK_SECONDS goes on for so long.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $orders = $ENV{ORDERS} // 2000;
my $seed = $ENV{SEED} // int(rand(2**31));
my $folder = "$FindBin::RealBin/../numbers";

plan skip_all => 'there is no python3' if system('python3 -c 1 2>/dev/null') != 0;

my $node = start_server('numbers');

$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION ecommerce;
	SELECT ecommerce.migrate(owner => current_user);
});
$node->safe_psql('postgres', slurp_file("$folder/shop.sql"));
check('cases');
check('orders', $orders, $seed);
done_testing();


# Each result that the program prints becomes one of ours, the rest is shown.
sub check
{
	my @arguments = @_;
	my $results = 0;

	local %ENV = (
		%ENV,
		PGHOST => $node->host,
		PGPORT => $node->port,
		PGDATABASE => 'postgres',
		PYTHONDONTWRITEBYTECODE => 1);
	open(my $output, '-|', '/usr/bin/python3', "$folder/check.py", @arguments)
	  or die "python3: $!";
	while (my $line = <$output>)
	{
		chomp $line;
		if ($line =~ /^(not )?ok - (.*)/)
		{
			ok(!$1, $2);
			$results++;
		}
		else
		{
			note($line);
		}
	}
	ok(close($output) && $results > 0, "check.py @arguments came to its end");
	return;
}
