# Proves that no unit, order, amount or use of a promotion is lost, doubled or miscounted
# when clients fill, change, order and cancel the same carts at once, with coupons, taxes,
# shipping and stock in two buckets, while backends and the whole server are killed, and
# that the audit which says so would notice.
#
# What the clients do, and what is killed when, is chosen at random. SEED in the
# environment repeats the choice, though not the order of events. SOAK_SECONDS makes it
# long: until a million orders and a thousand kills, or until the time is over.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;
use Time::HiRes qw(time usleep);

my $soak_seconds = $ENV{SOAK_SECONDS};
my $seed = $ENV{SEED} // int(rand(2**31));
my $workers = 8;
my $folder = "$FindBin::RealBin/../torture";
my $program = compile("$folder/client.c", 'client', '-pthread', '-lpq');
my $settings = q{
restart_after_crash = on
deadlock_timeout = 100ms
jit = off
log_statement = none
log_min_messages = log
};
my $began = time;

# What must have happened at least so often for the test to say anything; some of it at
# each level.
my @levels = ('read committed', 'repeatable read', 'serializable');
my %least = (
	(map {
			(   "$_: cancelled" => 3,
				"$_: killed: server" => 1,
				"$_: lost" => 5,
				"$_: order" => 20)
		} @levels),
	'answers PT404' => 10,
	'answers PT409' => 10,
	'answers conflict' => 10,
	'answers coupon_not_applicable' => 10,
	'answers stock_is_locked' => 5,
	'answers order, replayed' => 20,
	'answers shipped' => 5,
	'answers returned' => 20,
	'killed: backend' => 5,
	'killed: backend, by pg_terminate_backend' => 1,
	'adjustments: discount' => 50,
	'adjustments: shipping' => 20,
	'adjustments: tax' => 50,
	'lines of the longest order' => 40,
	'orders expired' => 3,
	'orders with two coupons' => 5,
	'payments: captured' => 20,
	'products put together again' => 3,
	'products split' => 10,
	'payments: refund_requested' => 3,
	'payments: refunded' => 1,
	'uses given back' => 5,
	'uses granted' => 20,
	'units removed' => 10);
my (%kills, %figures, %read_of_log);

srand $seed;


# The extension. The server is as in production, not fast and unsafe as tests have it;
# recovery asks the file system once, not for each file, to write what it has.
my $node = start_server('torture',
	settings => $settings . "fsync = on\nrecovery_init_sync_method = syncfs");
my $rounds = 0;
my $enough = 0;

make_shop($node, 'postgres');
$node->safe_psql(
	'postgres', q{
	ALTER DATABASE postgres SET audit.pays = on;
	ALTER DATABASE postgres SET audit.splits = on;
	SELECT ecommerce.split_stock(id, 3) FROM ecommerce.products WHERE id % 2 = 1;
	ALTER TABLE ecommerce.orders ALTER payment_due_at
	SET DEFAULT CASE WHEN random() < 0.3 THEN clock_timestamp() + interval '0.2 s' END});
until ($enough)
{
	my $start = time;
	my $level = $levels[ $rounds++ % @levels ];
	my $violations = torment(
		$node, 'postgres',
		place =>
		  q{SELECT placed->'id', placed->'order_amount', placed->'replayed'
				   FROM ecommerce.place_order($1, idempotency_key => $2, fingerprint =>
							CASE WHEN $2::text IS NULL THEN ecommerce.cart_json($1)->>'fingerprint' END)
						AS placed},
		cancel => q{SELECT ecommerce.cancel_order($1, $2, 'customer')},
		give_back => 'SELECT audit.give_back($1, $2, $3)',
		level => $level,
		seconds => $soak_seconds ? $soak_seconds / 15 : 3,
		pause => $soak_seconds ? 3 : 0.4);

	is(first_lines($violations),
		'', "$level: all is as it should be (seed $seed)");
	is(crashes($node), '', "$level: and nothing crashed but what was killed");
	$node->safe_psql('postgres', 'VACUUM ANALYZE');
	%figures = (figures($node, 'postgres'), %kills);
	$enough = $violations ne '' || is_enough(time - $start);
}

# Money that is not what it was is found, and so is an order that was paid and is due, or
# was not paid and is sent.
foreach my $damage (
	q{UPDATE ecommerce.order_balances SET paid_amount = paid_amount + 1
	  WHERE order_id = (SELECT max(order_id) FROM ecommerce.order_payments WHERE kind = 'captured')},
	q{UPDATE ecommerce.order_balances SET refund_pending_amount = refund_pending_amount + 0.50
	  WHERE order_id = (SELECT max(order_id) FROM ecommerce.order_payments WHERE kind = 'refund_requested')},
	q{DELETE FROM ecommerce.order_payments WHERE ctid = (SELECT max(ctid) FROM ecommerce.order_payments)},
	q{UPDATE ecommerce.order_payments SET amount = amount + 1
	  WHERE ctid = (SELECT max(ctid) FROM ecommerce.order_payments)},
	q{UPDATE ecommerce.order_balances SET due_at = now() WHERE paid_amount > 0})
{
	isnt(
		$node->safe_psql(
			'postgres', qq{
			BEGIN;
			SET LOCAL session_replication_role = replica;
			$damage;
			SELECT violation FROM audit.violations WHERE violation LIKE 'order%';
			ROLLBACK}),
		'', "found: $damage");
}
note sprintf 'seed %d: %d rounds in %d seconds', $seed, $rounds,
  time - $began;
note "$_: $figures{$_}" foreach sort keys %figures;
cmp_ok($figures{$_} // 0, '>=', $least{$_}, $_) foreach sort keys %least;
$node->stop;


# Its protocol in PL/pgSQL, to begin with as it should be.
my $other_node = start_server('mistakes', settings => $settings);
my %theirs = (
	place => 'CALL place($1, $2, NULL, NULL, NULL)',
	cancel => 'SELECT cancel($1, $2)');
my %step = (
	lock_cart => q{
		SELECT * INTO cart FROM ecommerce.carts WHERE user_id = customer FOR NO KEY UPDATE;
		IF NOT FOUND THEN
			RAISE SQLSTATE 'PT404';
		END IF;
	},
	find_key => q{
		SELECT id, orders.order_amount INTO order_id, order_amount FROM ecommerce.orders
		WHERE customer_id = customer AND idempotency_key = key;
	},
	take_items => q{
		WITH taken AS (DELETE FROM ecommerce.cart_items WHERE user_id = customer
					   RETURNING product_id, quantity)
		SELECT array_agg(product_id), array_agg(quantity) INTO ids, quantities
		FROM taken;
	},
	lock_stock => q{
		PERFORM FROM ecommerce.stock_levels
		WHERE bucket = cart.stock_bucket AND product_id = ANY (ids)
		ORDER BY product_id FOR NO KEY UPDATE;
	},
	take_stock => q{
		FOR i IN 1 .. cardinality(ids) LOOP
			missing := quantities[i];
			FOR level IN SELECT * FROM ecommerce.stock_levels
						 WHERE product_id = ids[i] AND quantity > 0
						 ORDER BY bucket <> cart.stock_bucket FOR NO KEY UPDATE SKIP LOCKED
			LOOP
				UPDATE ecommerce.stock_levels SET quantity = quantity - least(missing, quantity)
				WHERE (product_id, bucket) = (level.product_id, level.bucket);
				missing := missing - least(missing, level.quantity);
				EXIT WHEN missing = 0;
			END LOOP;
			IF missing > 0 THEN
				RAISE SQLSTATE '40001' USING DETAIL = 'stock_is_locked';
			END IF;
		END LOOP;
	},
	check_stock => q{
		IF EXISTS (SELECT FROM unnest(ids, quantities) AS line (id, quantity)
				   WHERE line.quantity > (SELECT sum(stock.quantity)
										  FROM ecommerce.stock_levels AS stock
										  WHERE product_id = line.id))
		THEN
			RAISE SQLSTATE 'PT409';
		END IF;
	},
	read_prices => q{
		SELECT array_agg(price ORDER BY place), array_agg(tax_class ORDER BY place),
			   array_agg(round(price * quantity, 2) ORDER BY place)
		INTO prices, classes, amounts
		FROM unnest(ids, quantities) WITH ORDINALITY AS line (id, quantity, place)
		JOIN ecommerce.products USING (id);
		net := amounts;
	},
	read_promotions => q{
		promotion_ids := ARRAY(
			SELECT id FROM ecommerce.promotions
			LEFT JOIN ecommerce.promotion_levels ON promotion_id = id
			WHERE (code IS NULL AND coalesce(remaining, 1) > 0) OR code = ANY (cart.coupons)
			ORDER BY priority, id);
	},
	count_own_uses => q{
		IF EXISTS (SELECT FROM ecommerce.promotions
				   WHERE id = ANY (promotion_ids)
						 AND customer_limit <= (
							 SELECT count(*) FROM ecommerce.order_adjustments AS adjustment
							 JOIN ecommerce.orders
								  ON (orders.customer_id, orders.id)
									 = (adjustment.customer_id, adjustment.order_id)
							 WHERE orders.customer_id = customer
								   AND promotion_id = promotions.id
								   AND order_status <> 'CANCELLED'))
		THEN
			RAISE SQLSTATE 'PT409';
		END IF;
	},
	take_discounts => q{
		FOR promotion IN SELECT * FROM ecommerce.promotions WHERE id = ANY (promotion_ids)
						 ORDER BY priority, id
		LOOP
			base := (SELECT sum(amount) FROM unnest(net) AS amount);
			part := CASE promotion.kind WHEN 'percent' THEN round(base * promotion.value / 100, 2)
										ELSE least(promotion.value, base) END;
			shares := share(part, net);
			net := ARRAY(SELECT amount - off FROM unnest(net, shares)
						 WITH ORDINALITY AS line (amount, off, place) ORDER BY place);
			CALL note_charge(charges, 'discount', promotion.code, promotion.name, promotion.id,
							 -part, false);
		END LOOP;
	},
	charge_shipping => q{
		goods := (SELECT sum(amount) FROM unnest(net) AS amount);
		shipping := 0;
		IF cart.shipping_code IS NOT NULL THEN
			shipping := CASE WHEN goods < 8.90 THEN 4.90 ELSE 0 END;
			CALL note_charge(charges, 'shipping', cart.shipping_code, 'Mail', NULL, shipping, false);
		END IF;
	},
	charge_taxes => q{
		taxes := array_fill(0::numeric, ARRAY[cardinality(ids)]);
		FOR tax IN SELECT tax_class, array_agg(rates.rate ORDER BY id) AS rates, sum(rates.rate) AS rate,
						  bool_and(is_included) AS is_included
				   FROM ecommerce.tax_rates AS rates
				   WHERE tax_class = ANY (classes)
						 OR (tax_class = 'goods' AND cart.shipping_code IS NOT NULL)
				   GROUP BY tax_class
		LOOP
			-- Of the lines, then of shipping.
			bases := ARRAY(SELECT CASE WHEN class = tax.tax_class THEN amount ELSE 0 END
						   FROM unnest(net, classes) WITH ORDINALITY AS line (amount, class, place)
						   ORDER BY place)
					 || CASE WHEN tax.tax_class = 'goods' THEN shipping ELSE 0 END;
			base := (SELECT sum(amount) FROM unnest(bases) AS amount);
			part := round(base * tax.rate
						  / (100 + CASE WHEN tax.is_included THEN tax.rate ELSE 0 END), 2);
			shares := share(part, bases);
			taxes := ARRAY(SELECT amount + added
						   FROM unnest(taxes, trim_array(shares, 1))
						   WITH ORDINALITY AS line (amount, added, place) ORDER BY place);
			shares := share(part, tax.rates);
			FOR i IN 1 .. cardinality(shares) LOOP
				CALL note_charge(charges, 'tax', tax.tax_class, 'Tax', NULL, shares[i],
								 tax.is_included);
			END LOOP;
		END LOOP;
	},
	add_up => q{
		order_amount := (SELECT sum(amount) FROM unnest(amounts) AS amount)
			+ (SELECT coalesce(sum(amount), 0) FROM unnest(charges) WHERE NOT is_included);
	},
	lock_uses => q{
		PERFORM FROM ecommerce.promotion_levels WHERE promotion_id = ANY (promotion_ids)
		ORDER BY promotion_id FOR NO KEY UPDATE;
	},
	take_uses => q{
		FOR promotion IN SELECT promotions.* FROM ecommerce.promotions
						 JOIN ecommerce.promotion_levels ON promotion_id = id
						 WHERE id = ANY (promotion_ids) AND remaining <= 0
		LOOP
			IF promotion.code IS NOT NULL THEN
				RAISE SQLSTATE 'PT409';
			END IF;
			RAISE SQLSTATE '40001' USING DETAIL = 'promotion_exhausted';
		END LOOP;
		UPDATE ecommerce.promotion_levels SET remaining = remaining - 1
		WHERE promotion_id = ANY (promotion_ids);
	},
	replay => 'replayed := true;',
	after_order => '',
	insert_lines => q{
		INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id,
			product_name, unit_price, quantity, line_amount, discount_amount, tax_amount,
			added_tax_amount)
		SELECT customer, place.order_id, row_number() OVER (), product_id, 'Thing', price,
			   quantity, amount, amount - left_of_it, tax_of_it,
			   CASE WHEN class = 'goods' THEN tax_of_it END
		FROM unnest(ids, quantities, prices, amounts, net, taxes, classes)
			 AS line (product_id, quantity, price, amount, left_of_it, tax_of_it, class);
		INSERT INTO ecommerce.order_adjustments (customer_id, order_id, adjustment_number, kind,
			code, name, promotion_id, amount, is_included)
		SELECT customer, place.order_id, row_number() OVER (), kind, code, name, promotion_id,
			   amount, is_included
		FROM unnest(charges);
	},
	after_lines => '',
	lock_order => q{
		SELECT order_status, stock_bucket INTO status, bought_of FROM ecommerce.orders
		WHERE (customer_id, id) = (customer, cancelled) FOR NO KEY UPDATE;
	},
	return_stock => q{
		PERFORM FROM ecommerce.stock_levels
		WHERE bucket = bought_of
			  AND product_id IN (SELECT product_id FROM ecommerce.order_details
								 WHERE (customer_id, order_id) = (customer, cancelled))
		ORDER BY product_id FOR NO KEY UPDATE;
		UPDATE ecommerce.stock_levels AS stock SET quantity = stock.quantity + line.quantity
		FROM ecommerce.order_details AS line
		WHERE bucket = bought_of AND stock.product_id = line.product_id
			  AND (customer_id, order_id) = (customer, cancelled);
	},
	return_uses => q{
		PERFORM FROM ecommerce.promotion_levels
		WHERE promotion_id IN (SELECT promotion_id FROM ecommerce.order_adjustments
							   WHERE (customer_id, order_id) = (customer, cancelled))
		ORDER BY promotion_id FOR NO KEY UPDATE;
		UPDATE ecommerce.promotion_levels SET remaining = remaining + 1
		WHERE promotion_id IN (SELECT promotion_id FROM ecommerce.order_adjustments
							   WHERE (customer_id, order_id) = (customer, cancelled));
	});


make_shop($other_node, 'shop');
make_database('protocol', %step);
is( first_lines(
		torment($other_node, 'protocol', %theirs, seconds => 2, pause => 0.5)
	),
	'',
	"its protocol in PL/pgSQL: all is as it should be (seed $seed)");

# And then with a step changed, as one writes it before one knows better.
my $read_then_empty = q{
	SELECT array_agg(product_id), array_agg(quantity) INTO ids, quantities
	FROM ecommerce.cart_items WHERE user_id = customer;
	PERFORM pg_sleep(0.001);
	DELETE FROM ecommerce.cart_items WHERE user_id = customer;
};
my $look_at_cart = q{
	SELECT * INTO cart FROM ecommerce.carts WHERE user_id = customer;
};
my %mistake = (
	'cart read, then emptied' => {
		found => qr/units lost between cart and orders/,
		take_items => $read_then_empty
	},
	'cart read, then emptied, without a lock' => {
		found => qr/units doubled between cart and orders/,
		take_items => $read_then_empty,
		lock_cart => $look_at_cart
	},
	'no lock on the cart' => {
		found => qr/errors 23505/,
		lock_cart => $look_at_cart
	},
	'key looked up before the lock' => {
		found => qr/errors 23505/,
		lock_cart => $step{find_key},
		find_key => $step{lock_cart}
	},
	'key looked up before the lock, and not unique' => {
		found => qr/key \S+ has \d+ orders/,
		setup => 'ALTER TABLE ecommerce.orders DROP CONSTRAINT orders_one_for_each_idempotency_key',
		lock_cart => $step{find_key},
		find_key => $step{lock_cart}
	},
	'earlier order called a new one' => {
		found => qr/clients were told that they placed it/,
		replay => 'replayed := false;'
	},
	'second order when there is no key' => {
		found => qr/nobody was told of/,
		after_lines => q{
			IF key IS NULL THEN
				INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address)
				VALUES (customer, order_amount, 'USD', 'Here');
			END IF;
		}
	},
	'answered before it is on disk' => {
		found => qr/a client was told otherwise/,
		setup => 'ALTER DATABASE DATABASE SET synchronous_commit = off',
		seconds => 2,
		pause => 0.3
	},
	'price of another moment' => {
		found => qr/line \d+ has a wrong amount/,
		insert_lines => q{
			prices[1] := prices[1] + 0.00005;
		} . $step{insert_lines}
	},
	'order cancelled and stock forgotten' => {
		found => qr/units lost between stock and orders/,
		return_stock => ''
	},
	'stock locked in the order of the cart' => {
		found => qr/errors 40P01/,
		take_items => q{
			WITH taken AS (DELETE FROM ecommerce.cart_items WHERE user_id = customer
						   RETURNING product_id, quantity, created_at)
			SELECT array_agg(product_id ORDER BY created_at),
				   array_agg(quantity ORDER BY created_at)
			INTO ids, quantities
			FROM taken;
		},
		lock_stock => q{
			FOR i IN 1 .. cardinality(ids) LOOP
				PERFORM FROM ecommerce.stock_levels
				WHERE bucket = cart.stock_bucket AND product_id = ids[i]
				FOR NO KEY UPDATE;
				PERFORM pg_sleep(0.001);
			END LOOP;
		}
	},
	'stock read without a lock' => {
		found => qr/units doubled between stock and orders/,
		lock_stock => '',
		take_stock => q{
			FOR i IN 1 .. cardinality(ids) LOOP
				missing := quantities[i];
				FOR level IN SELECT * FROM ecommerce.stock_levels
							 WHERE product_id = ids[i] AND quantity > 0
							 ORDER BY bucket <> cart.stock_bucket
				LOOP
					PERFORM pg_sleep(0.002);
					UPDATE ecommerce.stock_levels
					SET quantity = level.quantity - least(missing, level.quantity)
					WHERE (product_id, bucket) = (level.product_id, level.bucket);
					missing := missing - least(missing, level.quantity);
					EXIT WHEN missing = 0;
				END LOOP;
			END LOOP;
		}
	},
	'all buckets locked, the own one first' => {
		found => qr/errors 40P01/,
		lock_stock => q{
			PERFORM FROM ecommerce.stock_levels WHERE product_id = ANY (ids)
			ORDER BY bucket <> cart.stock_bucket, product_id FOR NO KEY UPDATE;
		}
	},
	'uses read without a lock' => {
		found => qr/promotion \d: \d+ uses doubled/,
		lock_uses => '',
		take_uses => q{
			SELECT array_agg(seen) INTO levels FROM ecommerce.promotion_levels AS seen
			WHERE promotion_id = ANY (promotion_ids);
			PERFORM pg_sleep(0.001);
			UPDATE ecommerce.promotion_levels AS present SET remaining = seen.remaining - 1
			FROM unnest(levels) AS seen
			WHERE present.promotion_id = seen.promotion_id AND seen.remaining > 0;
		}
	},
	'discount given when no use is left' => {
		found => qr/promotion \d: \d+ uses doubled/,
		lock_uses => '',
		take_uses => q{
			UPDATE ecommerce.promotion_levels SET remaining = remaining - 1
			WHERE promotion_id = ANY (promotion_ids) AND remaining > 0;
		}
	},
	'uses locked in the order of the coupons' => {
		found => qr/errors 40P01/,
		lock_uses => q{
			FOR promotion IN SELECT promotions.* FROM unnest(cart.coupons) WITH ORDINALITY
							 AS coupon (code, place) JOIN ecommerce.promotions USING (code)
							 ORDER BY place
			LOOP
				PERFORM FROM ecommerce.promotion_levels WHERE promotion_id = promotion.id
				FOR NO KEY UPDATE;
				PERFORM pg_sleep(0.01);
			END LOOP;
		} . $step{lock_uses}
	},
	'order cancelled and its uses forgotten' => {
		found => qr/promotion \d: \d+ uses lost/,
		return_uses => ''
	},
	'uses of the customer counted before the lock' => {
		found => qr/has used promotion 2 \d+ times/,
		lock_cart => $look_at_cart
		. $step{read_promotions}
		. $step{count_own_uses}
		. 'PERFORM pg_sleep(0.01);'
		. $step{lock_cart},
		count_own_uses => ''
	},
	'shipping of what the goods cost before the discounts' => {
		found => qr/shipping of \S+ costs/,
		take_discounts => $step{take_discounts} . 'discounted := net; net := amounts;',
		charge_shipping => $step{charge_shipping} . 'net := discounted;'
	},
	'each promotion of what the goods cost' => {
		found => qr/promotion \d takes off/,
		take_discounts => $step{take_discounts} =~ s/unnest\(net\) AS amount/unnest(amounts) AS amount/r
	},
	'tax rounded line by line' => {
		found => qr/of the class \w+ is taxed/,
		charge_taxes => $step{charge_taxes} =~ s/part := round.*?;/part := (
			SELECT sum(round(amount * tax.rate
							 \/ (100 + CASE WHEN tax.is_included THEN tax.rate ELSE 0 END), 2))
			FROM unnest(bases) AS amount);/sr
	},
	'shares of a discount rounded line by line' => {
		found => qr/its lines have \S+ of the discount/,
		take_discounts => $step{take_discounts} =~ s/share\(part, net\)/ARRAY(
			SELECT round(part * amount \/ base, 2) FROM unnest(net) WITH ORDINALITY
			AS line (amount, place) ORDER BY place)/r
	},
	'amounts of floating-point numbers' => {
		found => qr/amount or lines are wrong/,
		add_up => q{
			order_amount := (
				SELECT sum(floor(price::double precision * quantity * 100 + 0.5) / 100)
				FROM unnest(prices, quantities) AS line (price, quantity))
				+ (SELECT coalesce(sum(amount), 0) FROM unnest(charges) WHERE NOT is_included);
		}
	},
	'last line forgotten' => {
		found => qr/amount or lines are wrong/,
		insert_lines => q{
			IF cardinality(ids) > 1 THEN
				ids := trim_array(ids, 1);
				quantities := trim_array(quantities, 1);
				prices := trim_array(prices, 1);
				amounts := trim_array(amounts, 1);
				net := trim_array(net, 1);
				taxes := trim_array(taxes, 1);
				classes := trim_array(classes, 1);
			END IF;
		} . $step{insert_lines}
	},
	'three commits for an order' => {
		found => qr/amount or lines are wrong|its events are $/m,
		seconds => 2,
		pause => 0.5,
		after_order => 'COMMIT; PERFORM pg_sleep(0.1);',
		after_lines => 'COMMIT; PERFORM pg_sleep(0.1);'
	},
	'order cancelled, and what had come back given back again' => {
		found => qr/units doubled between stock and orders/,
		give_back => 'SELECT audit.give_back($1, $2, $3)'
	},
	'order cancelled without a lock' => {
		found => qr/units doubled between stock and orders/,
		lock_order => q{
			SELECT order_status, stock_bucket INTO status, bought_of FROM ecommerce.orders
			WHERE (customer_id, id) = (customer, cancelled);
			PERFORM pg_sleep(0.005);
		}
	});
my $number = 0;

foreach my $name (sort keys %mistake)
{
	my $mistake = $mistake{$name};
	my $database = 'mistake_' . ++$number;
	my $seconds = $mistake->{seconds} // 0.7;
	my $spent = 0;
	my $violations = '';

	make_database($database, %step, %$mistake);
	do
	{
		$violations = torment(
			$other_node, $database, %theirs,
			seconds => $seconds,
			pause => $mistake->{pause},
			give_back => $mistake->{give_back});
		$spent += $seconds;
	  } until $violations =~ $mistake->{found} || $spent >= 15;
	like($violations, $mistake->{found},
		"$name: the audit finds it within 15 seconds of trade (seed $seed)");
	note "after $spent seconds";
}

# A crash that is not of the test's own making.
my $session = connect_when_up($other_node);

crashes($other_node);
kill 'SEGV', $session->{pg_pid};
eval { $session->do('SELECT pg_sleep(30)') };

# The session ends before the server notices, and says so.
my $crash = '';

foreach (1 .. 20 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if ($crash = crashes($other_node)) ne '';
	usleep(50_000);
}
like($crash, qr/signal 11/, 'a crash of another kind is noticed');
connect_when_up($other_node)->disconnect;

done_testing();


# A shop with its books.
sub make_shop
{
	my ($shop_node, $database) = @_;

	$shop_node->safe_psql('postgres', "CREATE DATABASE $database")
	  if $database ne 'postgres';
	open_shop($shop_node, $database);
	$shop_node->safe_psql(
		$database, q{
		INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Customer 4', 'Here');
		INSERT INTO ecommerce.products (name, price)
		SELECT 'Thing ' || n, n + 0.0901 FROM generate_series(5, 40) AS n;
		INSERT INTO ecommerce.stock_levels (product_id, quantity)
		SELECT n, 0 FROM generate_series(5, 40) AS n;
		UPDATE ecommerce.stock_levels SET quantity = 20;
		INSERT INTO ecommerce.stock_levels (bucket, product_id, quantity)
		SELECT 1, product_id, quantity FROM ecommerce.stock_levels;
		INSERT INTO ecommerce.carts (user_id, stock_bucket, shipping_code)
		SELECT id, id % 2, CASE WHEN id < 3 THEN 'mail' END FROM ecommerce.users;
		-- Half a cent, which no floating-point number is, and nearly as many digits as it has.
		UPDATE ecommerce.products SET price = 1.005 WHERE id = 1;
		UPDATE ecommerce.products SET price = 98765432109.8765 WHERE id = 4;
		UPDATE ecommerce.products
		SET tax_class = CASE id % 4 WHEN 0 THEN NULL WHEN 1 THEN 'books' ELSE 'goods' END;
		INSERT INTO ecommerce.tax_rates (tax_class, name, rate, is_included)
		VALUES ('goods', 'Tax', 8.25, false), ('goods', 'Tax', 1.375, false),
			   ('books', 'Tax', 7, true);
		-- Free from what three of product 2 cost before the discounts, and not after.
		INSERT INTO ecommerce.shipping_rates (code, name, price, from_amount, tax_class)
		VALUES ('mail', 'Mail', 4.90, 0, 'goods'), ('mail', 'Mail', 0, 8.90, 'goods');
		-- The cheapest product costs more than the amounts.
		INSERT INTO ecommerce.promotions (code, name, kind, value, currency, customer_limit)
		VALUES (NULL, 'Sale', 'percent', 3, NULL, NULL),
			   ('MINE', 'Yours', 'percent', 5, NULL, 2),
			   ('FEW', 'A few', 'amount', 0.20, 'USD', NULL),
			   ('RARE', 'A rare one', 'amount', 0.30, 'USD', NULL),
			   (NULL, 'The first', 'amount', 0.25, 'USD', NULL);
		UPDATE ecommerce.promotions SET usage_limit = id WHERE id >= 3;
		INSERT INTO ecommerce.promotion_levels (promotion_id, remaining)
		SELECT id, usage_limit FROM ecommerce.promotions WHERE usage_limit IS NOT NULL;
	});
	$shop_node->safe_psql($database, slurp_file("$folder/audit.sql"));
	return;
}

# What the server has written of processes that ended by themselves, since the last look.
sub crashes
{
	my ($shop_node) = @_;
	my $log = slurp_file($shop_node->logfile, $read_of_log{ $shop_node->name } // 0);

	$read_of_log{ $shop_node->name } += length $log;
	return join "\n", $log =~ /^.*(?:terminated by signal (?!9:)|PANIC:|TRAP:).*$/mg;
}

# A copy of the shop with the procedure and the function of these steps.
sub make_database
{
	my ($database, %steps) = @_;

	$other_node->safe_psql('postgres',
		"CREATE DATABASE $database TEMPLATE shop");
	$other_node->safe_psql($database, protocol(%steps));
	$other_node->safe_psql($database, $steps{setup} =~ s/DATABASE DATABASE/DATABASE $database/r)
	  if $steps{setup};
	return;
}

# Lets the clients loose for so many seconds, and meanwhile kills, each time after a
# pause of so many seconds on average, if any. Then returns the violations.
sub torment
{
	my ($victim, $database, %params) = @_;
	my $answers = "$PostgreSQL::Test::Utils::tmp_check/answers";
	my $end = time + $params{seconds};
	my $level = $params{level} // 'read committed';
	my $options = '-c default_transaction_isolation=' . $level =~ s/ /\\ /r;
	my $turn = 0;
	my ($clients, $stderr);

	{
		local %ENV = (
			%ENV,
			PGHOST => $victim->host,
			PGPORT => $victim->port,
			PGDATABASE => $database,
			PGAPPNAME => 'torture',
			PGOPTIONS => $options);
		$clients = IPC::Run::start(
			[
				$program, int(rand(2**31)),
				$params{seconds}, $workers,
				int(rand(2**31)), $params{place},
				$params{cancel},
				$params{give_back} // 'SELECT $1, $2, $3 WHERE false'
			],
			'<',
			\undef,
			'>', $answers, '2>',
			\$stderr);
	}
	while ($params{pause} && time < $end)
	{
		kill_something($victim, $level, $turn++, rand(2 * $params{pause}));
	}
	$clients->finish or die "the clients gave up: $stderr";
	connect_when_up($victim)->disconnect;

	return $victim->safe_psql(
		$database, qq{
		SET work_mem = '256MB';
		ALTER TABLE audit.answers ALTER level SET DEFAULT '$level';
		COPY audit.answers (kind, user_id, order_id, idempotency_key, order_amount, replayed)
		FROM '$answers' (DELIMITER '|', NULL '');
		UPDATE audit.answers SET kind = 'conflict'
		WHERE kind = '40001' AND '$level' <> 'read committed';
		SELECT violation FROM audit.violations});
}

# Kills, after a pause, a backend, most likely one of the clients', or the server: in turn,
# so that each round, however short, has the server's.
sub kill_something
{
	my ($victim, $level, $turn, $pause) = @_;
	my $session = connect_when_up($victim);
	my $what = 'server';

	usleep(1_000_000 * $pause);
	if ($turn % 8 == 1)
	{
		$victim->kill9;
		start_again($victim);
	}
	else
	{
		$what = kill_backend($session) or return;
	}
	$kills{$_}++
	  foreach ('killed: all', "killed: $what", "$level: killed: $what");
	return;
}

# Returns how, if the server has noticed it.
sub kill_backend
{
	my ($session) = @_;
	my ($pid) = $session->selectrow_array(
		q{
		SELECT pid FROM pg_stat_activity
		WHERE application_name = 'torture' OR backend_type <> 'client backend'
		ORDER BY application_name = 'torture' AND random() < 0.9 DESC, random() LIMIT 1}
	);
	if (($kills{'killed: all'} // 0) % 4 == 2)
	{
		return ($session->selectrow_array(
			q{SELECT 'backend, by pg_terminate_backend' WHERE pg_terminate_backend(?, 30000)},
			undef, $pid))[0];
	}

	# It ends everybody's session.
	return 'backend'
	  if kill('KILL', $pid) && !eval { $session->do('SELECT pg_sleep(30)') };
	return;
}

# Whether each level has had a round, and everything has happened that must; and, in the
# long form, whether there has been enough, or another round would take too long.
sub is_enough
{
	my ($seconds_of_round) = @_;
	my $covered = !grep { ($figures{$_} // 0) < $least{$_} } keys %least;

	if ($soak_seconds)
	{
		return 1
		  if time - $began + $seconds_of_round > $soak_seconds - 60
		  || $figures{orders} >= 1_000_000 && ($kills{'killed: all'} // 0) >= 1_000;
		return 0;
	}
	return $rounds >= @levels && $covered || $rounds >= 20 * @levels;
}

sub first_lines
{
	my ($text) = @_;
	return join "\n", grep { defined } (split /\n/, $text)[ 0 .. 19 ];
}

# What there is in the books: counts by name.
sub figures
{
	my ($shop_node, $database) = @_;

	return map { split /\|/ } split /\n/, $shop_node->safe_psql(
		$database, q{
		SELECT 'orders', count(*) FROM ecommerce.orders
		UNION ALL
		SELECT 'lines', count(*) FROM ecommerce.order_details
		UNION ALL
		SELECT 'lines of the longest order', max(line_number) FROM ecommerce.order_details
		UNION ALL
		SELECT 'adjustments: ' || kind, count(*) FROM ecommerce.order_adjustments GROUP BY 1
		UNION ALL
		SELECT 'orders with two coupons', count(*)
		FROM (SELECT order_id FROM ecommerce.order_adjustments
			  WHERE kind = 'discount' AND code IS NOT NULL
			  GROUP BY order_id HAVING count(*) > 1) AS several
		UNION ALL
		SELECT 'payments: ' || kind, count(*) FROM ecommerce.order_payments GROUP BY 1
		UNION ALL
		SELECT 'orders expired', count(*) FROM ecommerce.order_events WHERE payload ->> 'reason' = 'unpaid'
		UNION ALL
		SELECT CASE WHEN after > 0 THEN 'products split' ELSE 'products put together again' END, count(*)
		FROM audit.splits WHERE after <> before GROUP BY 1
		UNION ALL
		SELECT 'uses granted', sum(uses) FROM audit.granted
		UNION ALL
		SELECT 'uses given back', count(*)
		FROM ecommerce.order_adjustments
		JOIN ecommerce.orders ON orders.id = order_id
		WHERE order_status = 'CANCELLED'
			  AND promotion_id IN (SELECT promotion_id FROM audit.granted)
		UNION ALL
		SELECT CASE WHEN quantity > 0 THEN 'units added' ELSE 'units removed' END,
			   abs(sum(quantity))
		FROM audit.ledger WHERE quantity <> 0 GROUP BY 1
		UNION ALL
		SELECT level || ': ' || kind, count(*) FROM audit.answers
		WHERE kind IN ('order', 'cancelled', 'lost') AND NOT coalesce(replayed, false) GROUP BY 1
		UNION ALL
		SELECT 'orders ' || lower(order_status), count(*) FROM ecommerce.orders GROUP BY 1
		UNION ALL
		SELECT 'answers ' || kind || CASE WHEN replayed THEN ', replayed' ELSE '' END, count(*)
		FROM audit.answers GROUP BY 1});
}

# The procedure place() and the function cancel() of these steps. Between them they take
# their time, so that there are always clients that meet in the middle.
sub protocol
{
	my (%steps) = @_;

	return qq{
		-- Shares of a total by weights, which add up to it.
		CREATE FUNCTION share(total numeric, weights numeric[]) RETURNS numeric[] LANGUAGE sql
		AS \$\$
			SELECT array_agg(until - before ORDER BY place)
			FROM (SELECT place, until, lag(until, 1, 0.00) OVER (ORDER BY place) AS before
				  FROM (SELECT place, coalesce(round(total * sum(weight) OVER (ORDER BY place)
										/ nullif(sum(weight) OVER (), 0), 2), 0) AS until
						FROM unnest(weights) WITH ORDINALITY AS one (weight, place)) AS added)
				 AS cut
		\$\$;

		CREATE PROCEDURE note_charge(INOUT charges ecommerce.order_adjustments[], kind text,
									 code text, name text, promotion_id bigint, amount numeric,
									 is_included boolean)
		LANGUAGE sql AS \$\$
			SELECT charges || ROW(0, 0, 0, kind, code, name, promotion_id, NULL, amount,
								  is_included)::ecommerce.order_adjustments
		\$\$;

		CREATE PROCEDURE place(customer bigint, key text, INOUT order_id bigint,
							   INOUT order_amount numeric, INOUT replayed boolean)
		LANGUAGE plpgsql AS \$\$
		DECLARE
			ids bigint[];
			quantities integer[];
			cart ecommerce.carts;
			level ecommerce.stock_levels;
			missing bigint;
			promotion_ids bigint[];
			promotion ecommerce.promotions;
			levels ecommerce.promotion_levels[];
			tax record;
			prices numeric[];
			classes text[];
			amounts numeric[];
			net numeric[];
			discounted numeric[];
			taxes numeric[];
			bases numeric[];
			shares numeric[];
			base numeric;
			part numeric;
			goods numeric;
			shipping numeric;
			charges ecommerce.order_adjustments[];
		BEGIN
			$steps{lock_cart}
			PERFORM pg_sleep(0.001);
			$steps{find_key}
			IF order_id IS NOT NULL THEN
				$steps{replay}
				RETURN;
			END IF;
			replayed := false;
			PERFORM pg_sleep(0.001);
			$steps{take_items}
			IF ids IS NULL THEN
				RAISE SQLSTATE 'PT404';
			END IF;
			PERFORM pg_sleep(0.001);
			$steps{read_prices}
			$steps{read_promotions}
			$steps{count_own_uses}
			$steps{take_discounts}
			$steps{charge_shipping}
			$steps{charge_taxes}
			$steps{add_up}
			$steps{lock_stock}
			$steps{check_stock}
			$steps{take_stock}
			$steps{lock_uses}
			$steps{take_uses}
			INSERT INTO ecommerce.orders (customer_id, order_amount, currency,
				shipping_address, idempotency_key, stock_bucket, items_amount)
			SELECT customer, order_amount, 'USD', 'Here', key, cart.stock_bucket, sum(amount)
			FROM unnest(amounts) AS amount
			RETURNING id INTO order_id;
			UPDATE ecommerce.carts SET coupons = NULL
			WHERE user_id = customer AND coupons IS NOT NULL;
			$steps{after_order}
			$steps{insert_lines}
			$steps{after_lines}
			INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,
				event, new_status, actor)
			VALUES (customer, order_id, 1, 'order_placed', 'PROCESSING', current_user);
		END \$\$;

		CREATE FUNCTION cancel(customer bigint, cancelled bigint) RETURNS void
		LANGUAGE plpgsql AS \$\$
		DECLARE
			status text;
			bought_of bigint;
		BEGIN
			$steps{lock_order}
			IF status = 'CANCELLED' THEN
				RETURN;
			ELSIF status <> 'PROCESSING' THEN
				RAISE SQLSTATE 'PT409';
			END IF;
			$steps{return_stock}
			$steps{return_uses}
			INSERT INTO ecommerce.order_events (customer_id, order_id, event_number,
				event, old_status, new_status, payload, actor)
			SELECT customer, cancelled, 1 + max(event_number), 'order_cancelled', status,
				   'CANCELLED', '{"reason": "customer"}', current_user
			FROM ecommerce.order_events WHERE (customer_id, order_id) = (customer, cancelled);
			UPDATE ecommerce.orders SET order_status = 'CANCELLED'
			WHERE (customer_id, id) = (customer, cancelled);
		END \$\$};
}
