# Proves that erase_user() removes a user's personal data, all of it and nothing else,
# against dumps of every table; and shows what the server keeps of erased data until it
# is vacuumed and analysed.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = start_server('erase', settings => 'autovacuum = off');
my ($before, $database);

# Customer 1 has everything that can be erased, and so has customer 2. The shop has
# added columns.
$node->safe_psql('postgres', 'CREATE DATABASE shop');
open_shop($node, 'shop');
$node->safe_psql(
	'shop', q{
	ALTER TABLE ecommerce.users ADD COLUMN phone text;
	ALTER TABLE ecommerce.orders ADD COLUMN gift_note text;
	UPDATE ecommerce.users SET (name, email, shipping_address, phone) = ROW (
		format('Zaphod %s Beeblebrox', id), format('zaphod%s@example.com', id),
		format('%s Restaurant Row', id), format('555-010%s', id));
	DO $$
	BEGIN
		FOR customer IN 1 .. 2 LOOP
			PERFORM ecommerce.add_to_cart(customer, 1, 2);
			PERFORM ecommerce.add_to_cart(customer, 4, 1);
			PERFORM ecommerce.place_order(customer, idempotency_key => format('first of %s', customer));
			PERFORM ecommerce.add_to_cart(customer, 2, 3);
			PERFORM ecommerce.place_order(customer, shipping_address => format('%s Megadodo House', customer));
			PERFORM ecommerce.add_to_cart(customer, 3, 1);
			PERFORM ecommerce.place_order(customer, idempotency_key => format('third of %s', customer));
			PERFORM ecommerce.add_to_cart(customer, 1, 4);
			PERFORM ecommerce.add_to_cart(customer, 3, 4);
		END LOOP;
		PERFORM ecommerce.cancel_order(1, 2, 'fraud');
		PERFORM ecommerce.set_order_address(1, 3, '1 Megadodo House');
		PERFORM ecommerce.set_order_status(1, 3, 'SHIPPED', '{"tracking_number": "parcel of 1"}');
		PERFORM ecommerce.correct_order_status(1, 3, 'PROCESSING', 'Zaphod 1 Beeblebrox called');
		PERFORM ecommerce.set_order_status(2, 5, 'SHIPPED', '{"tracking_number": "parcel of 2"}');
		PERFORM ecommerce.acknowledge_order_events('{1}');
		PERFORM set_config('request.jwt.claims', '{"sub": "clerk of 1"}', true);
		PERFORM ecommerce.record_payment(1, 1, 'card', 'pi_1', 'captured', 1.50, '{"cardholder": "Z. Beeblebrox of 1"}');
		PERFORM ecommerce.request_refund(1, 1, 're_1', 0.50, reason => 'third head of 1');
		PERFORM ecommerce.return_items(1, 1, '[{"line": 1, "quantity": 1}]', true, 'stain of 1', 'return of 1');
		PERFORM set_config('request.jwt.claims', '{"sub": "clerk of 2"}', true);
		PERFORM ecommerce.return_items(2, 4, '[{"line": 1, "quantity": 1}]', true, 'stain of 2', 'return of 2');
		PERFORM ecommerce.record_payment(2, 4, 'card', 'pi_1', 'captured', 1.50, '{"cardholder": "Z. Beeblebrox of 2"}');
	END $$;
	UPDATE ecommerce.orders SET gift_note = 'For you, from 555-0101' WHERE id = 1;
	ANALYZE;
});

# What must be gone, what goes when it is asked for, and what the shop has to see to.
my @personal = (
	'Zaphod 1 Beeblebrox', 'zaphod1@example.com',
	'first of 1', 'third of 1',
	'clerk of 1', 'Z. Beeblebrox of 1', 'third head of 1',
	'stain of 1', 'return of 1');
my @addresses = ('1 Restaurant Row', '1 Megadodo House');
my @said = ('parcel of 1', 'old_shipping_address', 'Zaphod 1 Beeblebrox called');
my @of_the_shop = ('555-0101');
my @of_another = (
	'Zaphod 2 Beeblebrox', 'zaphod2@example.com',
	'2 Restaurant Row', '2 Megadodo House',
	'first of 2', 'third of 2',
	'clerk of 2', 'Z. Beeblebrox of 2', 'stain of 2', 'return of 2', 'parcel of 2');

$before = rows_of('shop');

# The real function, with and without the addresses of the orders.
foreach my $order_addresses ('false', 'true')
{
	my @gone = (@personal, @said, $order_addresses eq 'true' ? @addresses : ());
	my @left = ($order_addresses eq 'true' ? () : @addresses, @of_the_shop, @of_another);
	my $call = "SELECT ecommerce.erase_user(1, order_addresses => $order_addresses)";
	my $after;

	$database = "erased_$order_addresses";
	is_deeply(
		[ grep { index($before, $_) < 0 } (@gone, @left) ],
		[], "$database: all there is to erase is in the dump before");
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE shop");
	is( sqlstate(
			$node,
			q{INSERT INTO ecommerce.users (name, email) VALUES ('Zaphod', 'Zaphod1@example.com')},
			database => $database),
		'23505',
		"$database: the e-mail cannot be registered again");

	$node->safe_psql($database, "BEGIN; $call; ROLLBACK");
	is(rows_of($database), $before, "$database: a rollback brings all back");

	$node->safe_psql($database, $call);
	$after = rows_of($database);
	is(differences($after, $order_addresses),
		'', "$database: what is different is what should be, and nothing else");
	is_deeply([ grep { index($after, $_) >= 0 } @gone ],
		[], "$database: nothing of it is in a dump");
	is_deeply([ grep { index($after, $_) < 0 } @left ],
		[],
		"$database: the rest is, the shop's own columns and another customer's data too"
	);
	is($node->safe_psql($database, 'SELECT * FROM ecommerce.order_integrity()'),
		'', "$database: and the shop is healthy");
	$node->safe_psql($database, $call);
	is(rows_of($database), $after, "$database: repeated, it changes nothing");
}

is( $node->safe_psql(
		$database, q{
		INSERT INTO ecommerce.users (name, email) VALUES ('Zaphod', 'Zaphod1@example.com')
		RETURNING id}),
	5,
	'the same e-mail is a new customer now');
is( sqlstate(
		$node,
		q{SELECT ecommerce.place_order(1, 'first of 1', shipping_address => 'Here')},
		database => $database),
	'PT404',
	'a placement that is repeated with its key finds an empty cart');
is( sqlstate(
		$node,
		q{SELECT ecommerce.add_to_cart(1, 1); SELECT ecommerce.place_order(1)},
		database => $database),
	'22004',
	'a new order has no address to go to');
is( $node->safe_psql(
		$database,
		q{SELECT placed->'id', placed->'replayed'
		  FROM ecommerce.place_order(1, 'first of 1', shipping_address => 'Here') AS placed}),
	'7|false',
	'and with one, the key is as good as new');
is( $node->safe_psql(
		$database, q{
		SELECT jsonb_path_query_array(ecommerce.order_listing_json(1), '$[*].order_amount'),
			   ecommerce.cancel_order(1, 1, 'customer')->'order_status';
		SELECT events->'event', events->'customer'
		FROM jsonb_array_elements(ecommerce.take_order_events(2)) AS events}),
	qq{[1.99, 3.99, 8.97, 8.97]|"CANCELLED"\n}
	  . qq{"order_placed"|{"name": "erased", "email": null}\n}
	  . qq{"order_placed"|{"name": "erased", "email": null}},
	'orders go on, and their events have no name and e-mail');
is( $node->safe_psql(
		$database, q{
		SELECT ecommerce.request_refund(1, 1, 're_2') #> '{payment,refund_pending_amount}';
		SELECT * FROM ecommerce.order_integrity()}),
	'1.50', 'the money of the order goes back, and the shop stays healthy');


# Erasures that forget something, or do more than they should.
my %step = (
	cart => 'DELETE FROM ecommerce.carts WHERE user_id = erased;',
	user => q{UPDATE ecommerce.users SET name = 'erased', email = NULL, shipping_address = NULL
			  WHERE id = erased;},
	payments => q{UPDATE ecommerce.order_payments SET payload = NULL, person = NULL WHERE customer_id = erased;
				  UPDATE ecommerce.order_events SET person = NULL WHERE customer_id = erased;},
	returns => q{UPDATE ecommerce.order_returns SET reason = NULL, idempotency_key = NULL, person = NULL
				 WHERE customer_id = erased;},
	keys => 'UPDATE ecommerce.orders SET idempotency_key = NULL WHERE customer_id = erased;',
	addresses => q{UPDATE ecommerce.orders SET shipping_address = 'erased'
				   WHERE customer_id = erased;},
	said => q{UPDATE ecommerce.order_events SET payload = NULL
			  WHERE customer_id = erased
			  AND event IN ('order_shipped', 'order_corrected', 'order_address_changed');});
my %mistake = (
	'nothing, which is right' => [ {}, qr/^$/ ],
	'the cart' => [ { cart => '' }, qr/^\+INSERT INTO ecommerce.cart_items VALUES \(1, 3, 4/m ],
	'the name' => [
		{ user => 'UPDATE ecommerce.users SET email = NULL, shipping_address = NULL WHERE id = erased;' },
		qr/^\+.*users VALUES \(1, 'Zaphod/m ],
	'what was said of payments' => [ { payments => 'UPDATE ecommerce.order_events SET person = NULL WHERE customer_id = erased;' }, qr/^\+.*'\{"cardholder": "Z. Beeblebrox of 1"\}'/m ],
	'the reasons of returns' => [
		{ returns => 'UPDATE ecommerce.order_returns SET idempotency_key = NULL, person = NULL WHERE customer_id = erased;' },
		qr/^\+.*'stain of 1'/m ],
	'the keys' => [ { keys => '' }, qr/^\+.*'first of 1'/m ],
	'what was said' => [ { said => '' }, qr/^\+.*parcel of 1/m ],
	'the addresses of orders' => [ { addresses => '' }, qr/^\+.*'1 Megadodo House'/m ],
	'whom to erase' => [
		{ keys => 'UPDATE ecommerce.orders SET idempotency_key = NULL;' },
		qr/^-.*'first of 2'/m ],
	'that orders stay' => [
		{ keys => q{
			ALTER TABLE ecommerce.orders DISABLE TRIGGER USER;
			UPDATE ecommerce.orders SET idempotency_key = NULL, order_amount = 0
			WHERE customer_id = erased;} },
		qr/^-INSERT INTO ecommerce.orders VALUES \(1, 2,/m ]);
my $number = 0;

foreach my $name (sort keys %mistake)
{
	my ($steps, $found) = @{ $mistake{$name} };
	my $body = join "\n", @{ { %step, %$steps } }{qw(cart user payments returns keys addresses said)};

	$database = 'mistake_' . ++$number;
	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE shop");
	$node->safe_psql(
		$database, qq{
		DO \$\$
		DECLARE
			erased bigint := 1;
		BEGIN
			$body
		END \$\$});
	like(differences(rows_of($database), 'true'),
		$found, "seen: an erasure that forgets $name");
}


# What is erased is in no row any more, but the server still has it: in dead rows, in
# dead index entries, and in what ANALYZE remembered of the tables. ANALYZE forgets it,
# VACUUM makes room of it, and VACUUM FULL writes the files anew without it.
$database = 'remains';
$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE shop");
$node->safe_psql($database, $_)
  foreach ('ANALYZE', 'SELECT ecommerce.erase_user(1, true)');
foreach my $text (@personal, @addresses)
{
	like(statistics(), qr/\Q$text/, "\"$text\" is still in the statistics");
	like(
		files_with($text),
		qr/^ecommerce.*pg_statistic/,
		'and in files: ' . files_with($text));
}
$node->safe_psql($database, $_) foreach ('ANALYZE', 'VACUUM FULL');
foreach my $text (@personal, @addresses)
{
	unlike(statistics(), qr/\Q$text/,
		"\"$text\" is not in the statistics after ANALYZE");
	is(files_with($text), '', 'nor in any file after VACUUM FULL');
}

# A trigger of the shop's that keeps what should go is noticed, wherever it is.
foreach my $kept (
	[ 'DELETE', 'carts' ],
	[ 'DELETE', 'cart_items' ],
	[ 'UPDATE', 'users' ],
	[ 'UPDATE', 'orders' ],
	[ 'UPDATE', 'order_events' ],
	[ 'UPDATE', 'order_payments' ],
	[ 'UPDATE', 'order_returns' ],
	[ 'UPDATE', 'archived_orders' ])
{
	my ($stdout, $stderr);

	$node->psql(
		$database, qq{
		BEGIN;
		SELECT ecommerce.add_to_cart(2, 1);
		SELECT ecommerce.place_order(2, 'key', shipping_address => 'Street');
		SELECT ecommerce.set_order_status(2, max(id), 'SHIPPED', '{"tracking_number": "x"}')
		FROM ecommerce.orders WHERE customer_id = 2 AND order_status = 'PROCESSING';
		SELECT ecommerce.add_to_cart(2, 1);
		SELECT ecommerce.record_payment(2, 4, 'card', 'pi_2', 'captured', 1, '{}');
		INSERT INTO ecommerce.archived_orders (customer_id, order_id, order_date, document) VALUES (2, 99, now(), '{}');
		CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE TRIGGER a BEFORE $kept->[0] ON ecommerce.$kept->[1]
		FOR EACH ROW EXECUTE FUNCTION keep();
		SELECT ecommerce.erase_user(2, true);
	}, stdout => \$stdout, stderr => \$stderr, on_error_stop => 1);
	like($stderr, qr/rows were not written/, "$kept->[1] that stay are noticed");
}

done_testing();


# Every row of the database as pg_dump writes it, in an order of its own.
sub rows_of
{
	my ($dumped) = @_;
	my $path = PostgreSQL::Test::Utils::tempdir . '/dump.sql';

	$node->run_log(
		[ 'pg_dump', '--data-only', '--inserts', '-f', $path, $dumped ])
	  or die "pg_dump of $dumped failed";
	return join "\n", sort grep { /^INSERT/ } split /\n/, slurp_file($path);
}

# Where the rows after the erasure are not what those of the shop should have become: a
# line with - for a row that should be there, with + for one that should not.
sub differences
{
	my ($after, $order_addresses) = @_;
	my (%should, %is);

	foreach my $row (split /\n/, $before)
	{
		next if $row =~ /^INSERT INTO ecommerce.cart(?:s|_items) VALUES \(1, /;
		$row =~ s/(users VALUES \(1, )'.*?', '.*?', '.*?'/$1'erased', NULL, NULL/;
		$row =~ s/'(?:first|third) of 1'/NULL/;
		$row =~ s/'(?:clerk of 1|\{"\w+": "(?:Z. Beeblebrox|third head) of 1"\})'/NULL/g;
		$row =~ s/'(?:stain|return) of 1'/NULL/g;
		$row =~ s/(order_events VALUES \(1, .*?)'\{"(?:tracking_number|old_address|reason": "Zaphod).*?\}'/$1NULL/;
		$row =~ s/'1 (?:Restaurant Row|Megadodo House)'/'erased'/
		  if $order_addresses eq 'true';
		$should{$row} = 1;
	}
	%is = map { $_ => 1 } split /\n/, $after;
	return join "\n",
	  (map { "-$_" } sort grep { !$is{$_} } keys %should),
	  (map { "+$_" } sort grep { !$should{$_} } keys %is);
}

sub statistics
{
	return $node->safe_psql(
		$database,
		q{SELECT string_agg(pg_stats::text, ' ') FROM pg_stats
		  WHERE schemaname = 'ecommerce'});
}

# The tables and indexes whose files contain the text.
sub files_with
{
	my ($text) = @_;
	my %path = map { split /\|/ } split /\n/,
	  $node->safe_psql(
		$database, q{
		CHECKPOINT;
		SELECT oid::regclass, pg_relation_filepath(oid) FROM pg_class
		WHERE relkind IN ('r', 'i', 't')});

	return join ' ',
	  grep { index(slurp_file($node->data_dir . "/$path{$_}"), $text) >= 0 }
	  sort keys %path;
}
