# Proves that no unit is lost, doubled or miscounted when clients fill, change and
# order the same carts at once, and that the audit which says so would notice.
#
# What the clients do is chosen at random. The seed is in the names of the tests; SEED
# in the environment repeats the choice, though not the order of events.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $clients = 6;
my $customers = 3;
my $products = 4;
my $calls_in_round = 100;
my $seed = $ENV{SEED} // int(rand(2**31));
my $node = start_server('concurrency',
	settings => "log_statement = none\nlog_min_messages = fatal");
my %result;

srand $seed;
make_shop();

# The real function.
%result = torment('real', 'ecommerce.place_order', seconds => 8);
is($result{violations}, '', "place_order breaks no rule (seed $seed)");
cmp_ok($result{$_}, '>=', 10, "$_: $result{$_}")
  foreach ('orders', 'replays', 'PT404', 'PT409');

foreach my $level ('repeatable read', 'serializable')
{
	%result = torment(
		$level =~ s/ /_/r, 'ecommerce.place_order',
		options => '-c default_transaction_isolation=' . $level =~ s/ /\\\\ /r,
		expected_error => '40001',
		seconds => 2);
	is($result{violations}, '', "nor does it at $level (seed $seed)");
	cmp_ok($result{$_}, '>=', 10, "$_: $result{$_}")
	  foreach ('orders', 'replays', '40001');
}

# Its protocol in PL/pgSQL, to begin with as it should be.
my %step = (
	lock_cart => q{
		PERFORM FROM ecommerce.carts WHERE user_id = customer FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			RAISE SQLSTATE 'PT404';
		END IF;
	},
	find_key => q{
		SELECT to_jsonb(earlier) || '{"replayed": true}' INTO document
		FROM ecommerce.orders AS earlier
		WHERE customer_id = customer AND earlier.idempotency_key = place.idempotency_key;
	},
	take_items => q{
		WITH taken AS (DELETE FROM ecommerce.cart_items WHERE user_id = customer
					   RETURNING product_id, quantity)
		SELECT array_agg(product_id), array_agg(quantity) INTO ids, quantities
		FROM taken;
	},
	take_stock => q{
		PERFORM FROM ecommerce.stock_levels WHERE bucket = 0 AND product_id = ANY (ids)
		ORDER BY product_id FOR NO KEY UPDATE;
		IF EXISTS (SELECT FROM unnest(ids, quantities) AS line (product_id, quantity)
				   JOIN ecommerce.stock_levels AS stock USING (product_id)
				   WHERE stock.quantity < line.quantity)
		THEN
			RAISE SQLSTATE 'PT409';
		END IF;
		UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity - line.quantity
		FROM unnest(ids, quantities) AS line (product_id, quantity)
		WHERE stock.product_id = line.product_id;
	});

%result = torment('protocol', 'place', placement => \%step, rounds => 3);
is($result{violations}, '', "nor does its protocol in PL/pgSQL (seed $seed)");

# And then with a step changed, as one writes it before one knows better.
my $read_then_empty = q{
	SELECT array_agg(product_id), array_agg(quantity) INTO ids, quantities
	FROM ecommerce.cart_items WHERE user_id = customer;
	PERFORM pg_sleep(0.001);
	DELETE FROM ecommerce.cart_items WHERE user_id = customer;
};
my %mistake = (
	'cart read, then emptied' => {
		found => qr/units lost between cart and orders/,
		take_items => $read_then_empty
	},
	'cart read, then emptied, without a lock' => {
		found => qr/units doubled between cart and orders/,
		take_items => $read_then_empty,
		lock_cart => ''
	},
	'no lock on the cart' => {
		found => qr/errors 23505/,
		lock_cart => ''
	},
	'key looked up before the lock' => {
		found => qr/errors 23505/,
		lock_cart => $step{find_key},
		find_key => $step{lock_cart}
	},
	'stock read without a lock' => {
		found => qr/units doubled between stock and orders/,
		take_stock => q{
			SELECT array_agg(stock.quantity - line.quantity ORDER BY place)
			INTO remaining
			FROM unnest(ids, quantities) WITH ORDINALITY AS line (product_id, quantity, place)
			JOIN ecommerce.stock_levels AS stock USING (product_id);
			IF 0 > ANY (remaining) THEN
				RAISE SQLSTATE 'PT409';
			END IF;
			PERFORM pg_sleep(0.001);
			UPDATE ecommerce.stock_levels AS stock SET quantity = line.remaining
			FROM unnest(ids, remaining) AS line (product_id, remaining)
			WHERE stock.product_id = line.product_id;
		}
	});
my $number = 0;

foreach my $name (sort keys %mistake)
{
	%result = torment(
		'mistake_' . ++$number, 'place',
		placement => { %step, %{ $mistake{$name} } },
		until => $mistake{$name}->{found},
		rounds => 30);
	like($result{violations}, $mistake{$name}->{found},
		"$name: the audit finds it (seed $seed)");
}

done_testing();


# The shop that every database of this test is a copy of, and its auditors. These keep
# their own books: what was put into carts, what came into stock, and what clients were
# answered.
sub make_shop
{
	$node->safe_psql('postgres', 'CREATE DATABASE shop');
	open_shop($node, 'shop');
	$node->safe_psql(
		'shop', q{
		CREATE SCHEMA audit;
		CREATE TABLE audit.put_in (user_id bigint, product_id bigint, quantity integer);
		CREATE TABLE audit.received (product_id bigint, quantity integer);
		CREATE TABLE audit.answers (user_id bigint, idempotency_key text,
									order_id bigint, order_amount numeric, replayed boolean);
		CREATE TABLE audit.errors (sqlstate text);
		CREATE TABLE audit.expected_errors AS SELECT unnest('{PT404,PT409}'::text[]) AS sqlstate;

		UPDATE ecommerce.stock_levels SET quantity = 20;
		INSERT INTO audit.received SELECT product_id, quantity FROM ecommerce.stock_levels;

		-- Nobody else changes an item between the look at its quantity and the change.
		CREATE FUNCTION audit.change(customer bigint, product bigint, target integer)
		RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			present integer;
		BEGIN
			SELECT quantity INTO present FROM ecommerce.cart_items
			WHERE user_id = customer AND product_id = product FOR UPDATE;
			IF FOUND THEN
				PERFORM ecommerce.set_cart_item(customer, product, target);
				INSERT INTO audit.put_in VALUES (customer, product, target - present);
			END IF;
		END $$;

		CREATE VIEW audit.violations (violation) AS
		SELECT format('customer %s, product %s: %s units %s between cart and orders', user_id,
					  product_id, abs(sum(quantity)),
					  CASE WHEN sum(quantity) > 0 THEN 'lost' ELSE 'doubled' END)
		FROM (SELECT user_id, product_id, quantity FROM audit.put_in
			  UNION ALL
			  SELECT user_id, product_id, -quantity FROM ecommerce.cart_items
			  UNION ALL
			  SELECT customer_id, product_id, -quantity FROM ecommerce.order_details) AS units
		GROUP BY user_id, product_id HAVING sum(quantity) <> 0
		UNION ALL
		SELECT format('product %s: %s units %s between stock and orders',
					  product_id, abs(sum(quantity)),
					  CASE WHEN sum(quantity) > 0 THEN 'lost' ELSE 'doubled' END)
		FROM (SELECT product_id, quantity FROM audit.received
			  UNION ALL
			  SELECT product_id, -quantity FROM ecommerce.stock_levels
			  UNION ALL
			  SELECT product_id, -quantity FROM ecommerce.order_details) AS units
		GROUP BY product_id HAVING sum(quantity) <> 0
		UNION ALL
		SELECT format('order %s: line %s has a wrong amount', order_id, line_number)
		FROM ecommerce.order_details LEFT JOIN ecommerce.products ON products.id = product_id
		WHERE (unit_price, line_amount) IS DISTINCT FROM (products.price, products.price * quantity)
		UNION ALL
		SELECT format('order %s: amount, lines or event are wrong', id)
		FROM ecommerce.orders
		WHERE (order_amount, 1) IS DISTINCT FROM
			  ((SELECT sum(line_amount) FROM ecommerce.order_details
				WHERE (customer_id, order_id) = (orders.customer_id, orders.id)
				HAVING count(DISTINCT product_id) = max(line_number)
				   AND count(*) = max(line_number)),
			   (SELECT count(*) FROM ecommerce.order_events
				WHERE (customer_id, order_id) = (orders.customer_id, orders.id)
				  AND event = 'order_placed'))
		UNION ALL
		SELECT format('customer %s: key %s has %s orders', customer_id, idempotency_key, count(*))
		FROM ecommerce.orders WHERE idempotency_key IS NOT NULL
		GROUP BY customer_id, idempotency_key HAVING count(*) > 1
		UNION ALL
		SELECT format('order %s: clients were told otherwise: %s', answers.order_id, answers)
		FROM audit.answers
		LEFT JOIN ecommerce.orders ON orders.id = answers.order_id
		WHERE (answers.user_id, answers.idempotency_key, answers.order_amount)
			  IS DISTINCT FROM (orders.customer_id, orders.idempotency_key, orders.order_amount)
		UNION ALL
		SELECT format('order %s: %s clients were told that they placed it', orders.id, count(answers))
		FROM ecommerce.orders
		LEFT JOIN audit.answers ON answers.order_id = orders.id AND NOT replayed
		GROUP BY orders.id HAVING count(answers) <> 1
		UNION ALL
		SELECT format('clients got %s errors %s', count(*), sqlstate)
		FROM audit.errors WHERE sqlstate NOT IN (SELECT sqlstate FROM audit.expected_errors)
		GROUP BY sqlstate;
	});
	return;
}

# Lets the clients loose on a shop of that name, in rounds with an audit after each,
# until there have been so many rounds, or so many seconds, or a violation (that matches
# until). Returns the violations, and how many orders, replays and errors of each
# SQLSTATE there were.
sub torment
{
	my ($database, $function, %params) = @_;
	my $end = time + ($params{seconds} // 3600);
	my $until = $params{until} // qr/./;
	my (@sessions, $violations);

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE shop");
	$node->safe_psql($database, placement($params{placement}))
	  if $params{placement};
	$node->safe_psql($database,
		"INSERT INTO audit.expected_errors VALUES ('$params{expected_error}')")
	  if $params{expected_error};
	@sessions = map {
		Shop::Client->new(
			$node,
			database => $database,
			options => $params{options})
	} 1 .. $clients;

	for (my $round = 1;; $round++)
	{
		$_->tell(calls_of_client($function, $round)) foreach @sessions;
		book($database, map { $_->answer } @sessions);
		$violations =
		  $node->safe_psql($database, 'SELECT violation FROM audit.violations');
		last
		  if $violations =~ $until
		  || $round == ($params{rounds} // 0)
		  || time >= $end;
	}
	$_->quit foreach @sessions;

	return (
		violations => $violations,
		map { split /\|/ } split /\n/,
		$node->safe_psql(
			$database, q{
			SELECT CASE WHEN replayed THEN 'replays' ELSE 'orders' END, count(*)
			FROM audit.answers GROUP BY 1
			UNION ALL
			SELECT sqlstate, count(*) FROM audit.errors GROUP BY 1}));
}

# What one client does in a round, as statements. Every call and its entry in the books
# are one transaction.
sub calls_of_client
{
	my ($function, $round) = @_;
	my @calls;

	foreach my $n (1 .. $calls_in_round)
	{
		my $customer = 1 + int(rand($customers));
		my $product = 1 + int(rand($products));
		my $quantity = 1 + int(rand(3));
		my $choice = rand();

		if ($choice < 0.40)
		{
			push @calls,
			  "INSERT INTO audit.put_in SELECT $customer, $product, $quantity"
			  . " FROM ecommerce.add_to_cart($customer, $product, $quantity)";
		}
		elsif ($choice < 0.50)
		{
			push @calls, sprintf 'SELECT audit.change(%d, %d, %d)',
			  $customer, $product, $quantity - 1;
		}
		elsif ($choice < 0.70)
		{
			push @calls, order_call($function, $customer, 'NULL');
		}
		elsif ($choice < 0.90)
		{
			# All clients use the same keys, and at about the same time.
			my $step = int($n / 5);

			push @calls,
			  order_call($function, 1 + $step % $customers, "'$round.$step'");
		}
		elsif ($choice < 0.97)
		{
			push @calls,
			  "WITH more AS (UPDATE ecommerce.stock_levels SET quantity = quantity + 8"
			  . " WHERE bucket = 0 AND product_id = $product RETURNING product_id)"
			  . ' INSERT INTO audit.received SELECT product_id, 8 FROM more';
		}
		else
		{
			push @calls,
			  "SELECT 'listed wrong', listed FROM jsonb_array_elements("
			  . "ecommerce.order_listing_json($customer, 20)) AS listed"
			  . " WHERE (listed->'order_amount')::numeric IS DISTINCT FROM"
			  . " (SELECT sum((line->'line_amount')::numeric)"
			  . " FROM jsonb_array_elements(listed->'order_details') AS line)";
		}
	}
	return join ";\n", @calls;
}

sub order_call
{
	my ($function, $customer, $key) = @_;

	return "SELECT 'answer', $customer, $key, placed->'id', placed->'order_amount',"
	  . " placed->'replayed'"
	  . " FROM $function($customer, idempotency_key => $key) AS placed";
}

# Enters into the books what the clients were answered.
sub book
{
	my ($database, @outputs) = @_;
	my ($answers, $errors) = ('', '');

	foreach my $line (map { split /\n/ } @outputs)
	{
		if ($line =~ /^answer\|(.*)/)
		{
			$answers .= "$1\n";
		}
		elsif ($line =~ /^ERROR:  (\w{5})$/)
		{
			$errors .= "$1\n";
		}
		elsif ($line ne '')
		{
			$errors .= "$line\n";
		}
	}
	$node->safe_psql($database,
		    "COPY audit.answers FROM STDIN (DELIMITER '|', NULL '');\n$answers\\.\n"
		  . "COPY audit.errors FROM STDIN (DELIMITER E'\\x01');\n$errors\\.\n");
	return;
}

# A function place() made of these steps. Between them it takes its time, so that there
# are always clients that meet in the middle.
sub placement
{
	my ($steps) = @_;

	return qq{
		CREATE FUNCTION place(customer bigint, idempotency_key text) RETURNS jsonb
		LANGUAGE plpgsql AS \$\$
		DECLARE
			document jsonb;
			ids bigint[];
			quantities integer[];
			remaining bigint[];
			placed ecommerce.orders;
		BEGIN
			$steps->{lock_cart}
			PERFORM pg_sleep(0.001);
			$steps->{find_key}
			IF document IS NOT NULL THEN
				RETURN document;
			END IF;
			PERFORM pg_sleep(0.001);
			$steps->{take_items}
			IF ids IS NULL THEN
				RAISE SQLSTATE 'PT404';
			END IF;
			PERFORM pg_sleep(0.001);
			$steps->{take_stock}
			INSERT INTO ecommerce.orders (customer_id, order_amount, currency,
				shipping_address, idempotency_key)
			SELECT customer, sum(price * quantity), 'USD', 'Here', place.idempotency_key
			FROM unnest(ids, quantities) AS line (id, quantity)
			JOIN ecommerce.products USING (id)
			RETURNING * INTO placed;
			INSERT INTO ecommerce.order_details (customer_id, order_id, line_number,
				product_id, product_name, unit_price, quantity, line_amount)
			SELECT customer, placed.id, row_number() OVER (), id, name, price, quantity,
				   price * quantity
			FROM unnest(ids, quantities) AS line (id, quantity)
			JOIN ecommerce.products USING (id);
			INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,
				event, new_status, actor)
			VALUES (customer, placed.id, 1, 'order_placed', placed.order_status, current_user);
			RETURN to_jsonb(placed) || '{"replayed": false}';
		END \$\$};
}
