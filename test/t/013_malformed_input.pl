# Proves that whatever is thrown at the public functions ends in success or in one of
# the errors of docs/errors.md, the server's own classes 22, 23, 42 and 54, or what
# the call has asked for; never in an internal error or a lost connection; and that the
# shop's books are right afterwards. test/fuzz/client.c makes the calls.
#
# The seed is in the names of the tests; SEED in the environment repeats the calls.
# One shop follows the other, each with the next seed, until every function has succeeded
# and every code was reached, which takes one shop or two; ten must do. SOAK_SECONDS makes
# it long: until a million calls have been made or the time is over.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $calls = 10_000;
my $seed = $ENV{SEED} // int(rand(2**31));
my $folder = PostgreSQL::Test::Utils::tempdir;
my $client = build_client()
  or plan skip_all => 'the client cannot be built here (packages gcc, libpq-dev)';
my $node = start_server('malformed_input',
	settings => "log_statement = none\nlog_min_messages = panic");

# The tables of errors of docs/errors.md, SQLSTATEs and codes, but for those of a router; and
# codes that no call can get here.
my $page = slurp_file("$FindBin::RealBin/../../docs/errors.md") =~ s/^## Of a router\n.*?(?=^## )//msr;
my @errors = map {
	my (undef, $sqlstates, $codes) = split /\|/;
	{ sqlstates => [ $sqlstates =~ /`(\w{5})`/g ], codes => [ $codes =~ /`(\w+)`/g ] }
} grep { /^\| `\w{5}`/ } split(/\n/, $page);
my %out_of_reach = (
	'document_too_large' => 'takes 256 MB of orders',
	'schema_of_another_owner' => 'is an error of CREATE EXTENSION',
	'extension_not_updated' => 'takes an extension older than its library',
	'may_not_create' => 'takes older tables, or none',
	'overloaded_function' => 'likewise',
	'no_encoding' => 'takes a database with another encoding',
	'email_has_two_users' => 'takes older tables',
	'stock_is_locked' => 'takes another session in the midst of an order',
	'promotion_exhausted' => 'likewise',
	'history_is_kept' => 'is an error of writing to a table',
	'status_without_event' => 'likewise');
my $documented = join ',', (map { @{ $_->{sqlstates} } } @errors), '';

make_shop();
cmp_ok(scalar @errors, '>=', 20, 'the page of errors has a table of them');

# The real functions.
my $end = time + ($ENV{SOAK_SECONDS} // 0);
my %result = (problems => '', calls => 0);

for (my $next_seed = $seed;; $next_seed++)
{
	my $start = time;
	my %part = torment($next_seed, $calls);

	$part{problems} ||= 'there were fewer calls' if ($part{calls} // 0) < $calls;
	$result{problems} = "seed $next_seed:\n$part{problems}" if $part{problems} ne '';
	$result{calls} += $part{calls} // 0;
	foreach my $count ('outcomes', 'successes')
	{
		$result{$count}->{$_} += $part{$count}->{$_} foreach keys %{ $part{$count} };
	}
	last if $result{problems} ne '' || $result{calls} >= 1_000_000;
	last if 2 * time - $start > $end && ($next_seed >= $seed + 9 || !missed());
}
is($result{problems}, '', "$result{calls} calls: no other error, no violation (seed $seed)");
note("$_: $result{outcomes}->{$_}") foreach sort keys %{ $result{outcomes} };
cmp_ok($result{outcomes}->{'00000 -'}, '>', $result{calls} / 10,
	"$result{outcomes}->{'00000 -'} calls succeeded");
# Without Citus nothing is distributed.
foreach my $function (sort grep { !/distribute$/ } keys %{ $result{successes} })
{
	cmp_ok($result{successes}->{$function}, '>', 0,
		"$function succeeded $result{successes}->{$function} times");
}
foreach my $error (@errors)
{
	foreach my $code (grep { !$out_of_reach{$_} } @{ $error->{codes} })
	{
		my @reached = reached($error, $code);

		ok(@reached > 0, "$code was reached (@reached)");
	}
}

# The same must notice what functions could do that are not as careful.
my %mistake = (
	'internal error' =>
	  [ q{RAISE EXCEPTION USING ERRCODE = 'XX000'}, qr/^unexpected XX000/m ],
	'error of another class' =>
	  [ q{RAISE EXCEPTION USING ERRCODE = '39004'}, qr/^unexpected 39004/m ],
	'lost connection' =>
	  [ q{PERFORM pg_terminate_backend(pg_backend_pid())}, qr/^lost the connection/m ],
	'lost units' => [
		q{UPDATE ecommerce.stock_levels SET quantity = quantity - 1 WHERE product_id = 1},
		qr/^violation .*product 1\b/m ]);

foreach my $name (sort keys %mistake)
{
	my ($body, $problem) = @{ $mistake{$name} };

	$node->safe_psql(
		'shop', qq{
		CREATE OR REPLACE FUNCTION ecommerce.broken(user_id bigint) RETURNS void
		LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN ${\($body =~ s/'/''/gr)}; END'});
	%result = torment($seed, 1000);
	like($result{problems}, $problem, "$name: it is noticed (seed $seed)");
}

done_testing();


# The SQLSTATEs with which calls have ended in a code.
sub reached
{
	my ($error, $code) = @_;

	return grep { $result{outcomes}->{"$_ $code"} } @{ $error->{sqlstates} };
}

# The functions that have not succeeded yet, and the codes that were not reached.
sub missed
{
	my @functions = grep { !$result{successes}->{$_} && !/distribute$/ } keys %{ $result{successes} };
	my @codes;

	foreach my $error (@errors)
	{
		push @codes,
		  grep { !$out_of_reach{$_} && !reached($error, $_) } @{ $error->{codes} };
	}
	return @functions + @codes;
}

# Returns the path of the program, or nothing where there is no compiler or no libpq.
sub build_client
{
	my ($includedir) = run_command([ 'pg_config', '--includedir' ]);
	my $source = "$FindBin::RealBin/../fuzz/client.c";

	# A copied server has no headers of its own.
	$includedir =~ s/^\Q$ENV{ECOMMERCE_WORKSPACE}\E\/server// if $ENV{ECOMMERCE_WORKSPACE};
	return if !-f "$includedir/libpq-fe.h";
	system_or_bail('cc', '-O1', '-Wall', '-Wextra', "-I$includedir", $source,
		'-o', "$folder/client", '-lpq');
	return "$folder/client";
}

sub make_shop
{
	$node->safe_psql('postgres', 'CREATE ROLE shop');
	$node->safe_psql('postgres', 'CREATE DATABASE shop');
	open_shop($node, 'shop', 'shop');
	$node->safe_psql(
		'shop', q{
		INSERT INTO ecommerce.users (name, shipping_address)
		SELECT 'Customer ' || n, CASE WHEN n <> 7 THEN 'Straße' END
		FROM generate_series(4, 7) AS n;
		INSERT INTO ecommerce.products (name, price, currency, is_active) VALUES
			('Thing 5', 5, 'EUR', true), ('Thing 6', 999999999999, 'USD', true),
			('Thing 7', 7, 'USD', true), ('Thing 8', 8, 'USD', false),
			('Thing 9', 999999, 'USD', true);
		INSERT INTO ecommerce.stock_levels (product_id, quantity)
		VALUES (6, 1000), (8, 5), (9, 1000000000000);

		INSERT INTO ecommerce.promotions (code, name, kind, value)
		VALUES ('TEN', 'Ten off', 'percent', 10), ('TWO', 'Two off', 'percent', 2);
		INSERT INTO ecommerce.shipping_rates (code, name, price) VALUES ('post', 'Post', 5);

		CREATE ROLE clerk;
		CREATE ROLE shopper;
		CREATE ROLE visitor;
		CREATE ROLE stranger;
		CREATE ROLE guest;
		CREATE ROLE buyer;
		CREATE ROLE helper;
		SELECT ecommerce.grant_api('visitor', 'shopper', 'clerk');
		GRANT USAGE ON SCHEMA ecommerce, ecommerce_api TO shop, stranger;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce, ecommerce_api
		TO shop, clerk, stranger;

		-- Names that are looked up with the caller's search_path meet these.
		CREATE SCHEMA decoy;
		GRANT USAGE ON SCHEMA decoy TO PUBLIC;
		CREATE TABLE decoy.orders ();
		CREATE FUNCTION decoy.length(text) RETURNS integer LANGUAGE sql AS 'SELECT 1/0';

		CREATE SCHEMA audit;
		GRANT USAGE ON SCHEMA audit TO PUBLIC;
		CREATE TABLE audit.received AS SELECT product_id, quantity FROM ecommerce.stock_levels;
		GRANT INSERT ON audit.received TO shop;
		CREATE FUNCTION audit.note_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO audit.received
			VALUES (NEW.product_id, NEW.quantity - CASE TG_OP WHEN 'UPDATE' THEN OLD.quantity ELSE 0 END);
			RETURN NULL;
		END $$;
		CREATE TRIGGER note_receipt AFTER INSERT OR UPDATE ON ecommerce.stock_levels
		FOR EACH ROW WHEN (current_query() ~ '(receive|transfer)_stock') EXECUTE FUNCTION audit.note_receipt();
		CREATE FUNCTION audit.suppress() RETURNS trigger LANGUAGE plpgsql
		AS 'BEGIN RETURN NULL; END';

		-- Keeps the shop going: goods come in, and some customers start anew.
		CREATE FUNCTION audit.keep_up() RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO audit.received
			SELECT product_id, 100 - quantity FROM ecommerce.stock_levels
			WHERE quantity < 10 AND product_id < 6;
			UPDATE ecommerce.stock_levels SET quantity = 100
			WHERE quantity < 10 AND product_id < 6;
			UPDATE ecommerce.products SET is_active = NOT is_active WHERE id IN (7, 8);
			UPDATE ecommerce.users SET shipping_address = 'Here' WHERE id IN (1, 2, 3, 4);
			DELETE FROM ecommerce.cart_items
			WHERE user_id IN (1, 2, 3) AND product_id > 4 OR quantity > 10;
			UPDATE ecommerce.carts SET coupons = NULL, shipping_code = NULL WHERE user_id < 5;
			INSERT INTO ecommerce.carts SELECT 5 ON CONFLICT DO NOTHING;
			INSERT INTO ecommerce.cart_items VALUES (5, 7, 1), (5, 8, 1) ON CONFLICT DO NOTHING;
			UPDATE ecommerce.order_events SET taken_until = NULL WHERE taken_until > now();
		END $$;

		CREATE VIEW audit.violations (violation) AS
		-- What providers tell is recorded, whatever it is, and these rules tell of it.
		SELECT order_integrity::text FROM ecommerce.order_integrity()
		WHERE invariant NOT IN ('refunds_do_not_exceed_payments', 'cancelled_order_holds_no_money')
		UNION ALL
		SELECT format('%s units lost of product %s', sum(quantity), product_id)
		FROM (SELECT product_id, quantity FROM audit.received
			  UNION ALL
			  SELECT product_id, -quantity FROM ecommerce.stock_levels
			  UNION ALL
			  SELECT product_id, -quantity FROM ecommerce.order_details
			  JOIN ecommerce.orders USING (customer_id)
			  WHERE order_id = orders.id AND order_status <> 'CANCELLED' AND number IS NULL
			  UNION ALL
			  -- What was imported, and so has a number, was never in stock.
			  SELECT product_id, quantity FROM ecommerce.order_details
			  JOIN ecommerce.orders USING (customer_id)
			  WHERE order_id = orders.id AND order_status = 'CANCELLED' AND number IS NOT NULL
			  UNION ALL
			  SELECT (line -> 'product_id')::bigint, CASE WHEN number IS NULL THEN -(line -> 'quantity')::bigint
														  ELSE (line -> 'quantity')::bigint END
			  FROM ecommerce.archived_orders,
				   jsonb_array_elements(document -> 'order_details') AS line
			  WHERE (document ->> 'order_status' = 'CANCELLED') = (number IS NOT NULL)
			  UNION ALL
			  SELECT product_id, CASE WHEN order_status <> 'CANCELLED' AND is_restocked THEN back.quantity
									  WHEN order_status = 'CANCELLED' AND NOT is_restocked THEN -back.quantity
									  ELSE 0 END
			  FROM ecommerce.order_return_lines AS back
			  JOIN ecommerce.order_returns USING (customer_id, order_id, return_number)
			  JOIN ecommerce.order_details USING (customer_id, order_id, line_number)
			  JOIN ecommerce.orders ON orders.customer_id = back.customer_id AND orders.id = back.order_id
			  UNION ALL
			  SELECT (line -> 'product_id')::bigint,
					 CASE WHEN document ->> 'order_status' <> 'CANCELLED' AND (returned -> 'is_restocked')::boolean
						  THEN (back -> 'quantity')::bigint
						  WHEN document ->> 'order_status' = 'CANCELLED' AND NOT (returned -> 'is_restocked')::boolean
						  THEN -(back -> 'quantity')::bigint ELSE 0 END
			  FROM ecommerce.archived_orders,
				   jsonb_array_elements(document -> 'order_return_lines') AS back,
				   jsonb_array_elements(document -> 'order_returns') AS returned,
				   jsonb_array_elements(document -> 'order_details') AS line
			  WHERE returned -> 'return_number' = back -> 'return_number'
				AND line -> 'line_number' = back -> 'line_number') AS units
		GROUP BY product_id HAVING sum(quantity) <> 0;
	});
	return;
}

# Lets the client loose on a copy of the shop. Returns what it complained about, and how
# many calls there were and how they ended.
sub torment
{
	my ($seed, $calls) = @_;
	my ($output, $complaint, %result);

	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS copy');
	$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE shop');
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'copy');
	IPC::Run::run(
		[
			$client, $seed, $calls, $documented,
			'SELECT audit.keep_up()',
			'SELECT violation FROM audit.violations'
		],
		'>', \$output, '2>', \$complaint);
	$result{problems} = join "\n", ($output =~ /^((?:unexpected|violation) .*)/mg),
	  $complaint =~ s/^client: //mgr || (), $? ? "the client ended with $?" : ();
	$result{outcomes} = { $output =~ /^outcome (\S+ \S+) (\d+)$/mg };
	$result{successes} = { $output =~ /^success (\S+) (\d+)$/mg };
	($result{calls}) = $output =~ /^calls (\d+)$/m;
	return %result;
}
