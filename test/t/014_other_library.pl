# Proves that the extension calls its own functions when another library, loaded before it,
# has global ones of the same names. The server loads libraries so that the first definition
# of a name serves all of them, unless a library is linked to prefer its own.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More tests => 4;

# Every function that one file of the extension has for another, as a trap.
my %names = map { $_ => 1 }
  map { /^(?:pg_noreturn )?extern [^;(]*?\b(\w+)\(/mg } map { slurp_file($_) }
  glob "$FindBin::RealBin/../../src/*.h";
my $source = "$PostgreSQL::Test::Utils::tmp_check/other_library.c";

cmp_ok(scalar keys %names, '>', 40, 'the headers declare functions');
append_to_file(
	$source, qq{
#include "postgres.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
#define TRAP(name) \\
	extern PGDLLEXPORT void name(void); \\
	void name(void) { elog(ERROR, "another library's %s() was called", #name); }
} . join '', map { "TRAP($_)\n" } sort keys %names);

my $module = compile($source, 'other_library.so', '-shared', '-fPIC');
my $node = start_server('other_library');

open_shop($node);

# The session that loads the other library first.
sub in_session
{
	my ($statements) = @_;
	my ($stdout, $stderr);

	$node->psql(
		'postgres', "LOAD '$module'; $statements",
		stdout => \$stdout,
		stderr => \$stderr);
	return $stdout . $stderr;
}

is( in_session(
		q{
		SELECT ecommerce.add_to_cart(1, 1, 2)->'cart_amount';
		SELECT ecommerce.place_order(1)->'order_amount';
		SELECT ecommerce.set_order_status(1, 1, 'SHIPPED')->'order_status';
		SELECT jsonb_array_length(ecommerce.take_order_events(10));
		SELECT jsonb_array_length(ecommerce.order_listing_json(1));
		SELECT count(*) FROM ecommerce.order_integrity();
		SELECT ecommerce.migrate();
	}),
	qq{3.98\n3.98\n"SHIPPED"\n1\n1\n0\n4},
	'the functions are those of the extension');
like(in_session('SELECT ecommerce.place_order(99)'),
	qr/user does not exist/, 'and so are its errors');

# A library that does not prefer its own walks into the trap.
my $victim = "$PostgreSQL::Test::Utils::tmp_check/victim.c";

append_to_file(
	$victim, q{
#include "postgres.h"
#include "fmgr.h"
PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(victim);
extern PGDLLEXPORT int lock_order(void);
int lock_order(void) { return 42; }
Datum victim(PG_FUNCTION_ARGS) { (void) fcinfo; PG_RETURN_INT32(lock_order()); }
});
$victim = compile($victim, 'victim.so', '-shared', '-fPIC');
like(
	in_session(qq{
		CREATE FUNCTION victim() RETURNS integer LANGUAGE c AS '$victim';
		SELECT victim();
	}),
	qr/another library's lock_order\(\) was called/,
	'the other library would take over');
