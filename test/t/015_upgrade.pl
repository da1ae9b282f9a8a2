# Proves that an upgrade from every released version loses nothing and ends with what a
# fresh install has, privileges included, and that the functions work, or say what to run,
# while it is not finished; and that what is released stays as it is.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(sha256_hex);
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = start_server('upgrade');
my @old_versions = split /\n/, $node->safe_psql(
	'postgres', q{
	SELECT version
	FROM pg_available_extension_versions AS versions
	JOIN pg_available_extensions USING (name)
	WHERE name = 'ecommerce' AND version <> default_version
	ORDER BY string_to_array(version, '.')::integer[]});

$node->safe_psql(
	'postgres', q{
	CREATE ROLE owner;
	CREATE ROLE visitor;
	CREATE ROLE shopper;
	CREATE ROLE staff;
	CREATE DATABASE fresh;
});
open_shop($node, 'fresh', 'owner');
$node->safe_psql('fresh', q{SELECT ecommerce.grant_api('visitor', 'shopper', 'staff')});

my $schema = schema('fresh');
my $members = members('fresh');
my $grants = grants('fresh');
my $version = $node->safe_psql('fresh', 'SELECT ecommerce.migrate()');

like(
	$schema,
	qr/CREATE TABLE ecommerce\.orders .*CREATE TRIGGER.*ENABLE ROW LEVEL SECURITY/s,
	'there is a schema to compare');
like($members, qr/^FUNCTION ecommerce\.place_order\(.*\|C\|/m,
	'and there are functions');
like($grants, qr/^GRANT [^\n]*place_order[^\n]* TO shopper;$/m, 'and privileges');
cmp_ok(scalar @old_versions, '>', 0, 'there are versions to upgrade from');

# Released scripts stay what they are, and so do released migrations.
my $folder = "$FindBin::RealBin/../../sql";
my %checksum = reverse slurp_file("$folder/SHA256SUMS") =~ /^(\w+)  (\S+)$/mg;

foreach my $old (@old_versions)
{
	my ($script) = grep { /--\Q$old\E\.sql$/ } keys %checksum;
	my $text = slurp_file("$folder/$script");

	is(sha256_hex($text), $checksum{$script}, "$old: its script has not changed");
	while ($text =~ /^CREATE FUNCTION \w+\.(migration_\d+)\(.*?\$migration\$(.*?)\$migration\$/msg)
	{
		my ($name, $body) = ($1, $2);

		is( $node->safe_psql('fresh',
				"SELECT md5(prosrc) FROM pg_proc WHERE proname = '$name'"),
			md5_hex($body),
			"$old: $name is what it was");
	}
}

foreach my $old (@old_versions)
{
	my $database = "from_$old";

	open_old_shop($database, $old);

	# A session that begins now has the new library, with the old version of the
	# extension and of the tables; it keeps its plans throughout.
	my $session = Shop::Client->new($node, database => $database);

	my @old_calls = (
		'add_to_cart(1, 1)', 'set_cart_item(1, 1, 1)', 'cart_json(1)', 'order_listing_json(1)',
		'order_json(1, 1)', $old eq '1.0' ? () : (
			"set_order_status(1, 1, 'SHIPPED')", "cancel_order(1, 1, 'other')", 'take_order_events(1)',
			'acknowledge_order_events(ARRAY[1])', 'order_integrity()', 'erase_user(3)'));

	foreach my $call (@old_calls, "place_order(1, 'Here', 'key 1', 1)", 'place_order(1)',
		'migrate()')
	{
		is(error_of($session, $call),
			'55000 ' . ($call =~ /place_order|set_order_status|migrate/ ? 'extension_not_updated' : 'not_migrated'),
			"$old, new library: $call says what to run");
	}
	$session->ask('ALTER EXTENSION ecommerce UPDATE');
	foreach my $call (@old_calls, 'place_order(1)', "set_cart_items(1, '{1}', '{1}')", 'clear_cart(1)',
		"set_cart_coupons(1, '{TEN}')", "receive_stock('{1}', '{1}')", "transfer_stock('a', 1, 1, 0, 1)", 'set_promotion_limit(1, 1)',
		'split_stock(1, 1)', 'ids_of_shard(0, 2)')
	{
		is(error_of($session, $call),
			'55000 not_migrated', "$old, before migrate(): $call says what to run");
	}

	my @rows = rows($database);

	is($session->ask('SELECT ecommerce.migrate()'),
		$version, "$old: migrate() brings the tables up to date");
	is( $node->safe_psql($database, $rows[0]),
		$rows[1], "$old: every row is as it was");
	is( $node->safe_psql(
			$database,
			q{SELECT jsonb_path_query_array(ecommerce.order_listing_json(1),
				'$[*].order_details[*].product_order_details.name'),
				jsonb_path_query_array(ecommerce.order_listing_json(1), '$[*].order_amount')}),
		'["Thing 1", "Thing 4"]|[3.7035, 8.97]',
		"$old: they are listed, with amounts that nobody would round now");
	is( $node->safe_psql($database, 'SELECT ecommerce.cart_json(3) - \'{fingerprint,cart_items}\'::text[]'),
		'{"id": 3, "address": null, "charges": null, "coupons": [], "currency": "USD", "problems": [], "cart_amount": 7.98, '
		  . '"shipping_code": null, "billing_address": null, "shipping_address": "3 Straße"}',
		"$old: a cart of before is as good as a new one");
	trade($session, "$old, upgraded", 4);
	is( $node->safe_psql($database, 'SELECT * FROM ecommerce.order_integrity()'),
		'', "$old: no invariant is violated");
	like(
		$session->ask('SELECT ecommerce.take_order_events(1)'),
		qr/"order_placed"/,
		"$old: events from before are delivered");

	is(schema($database), $schema,
		"$old: the tables are those of a fresh install");
	is(members($database), $members, "$old: and so are the functions");
	is(grants($database), $grants, "$old: and who may do what");
	is( $node->safe_psql(
			$database,
			'SELECT version, name, applied_by FROM ecommerce.schema_migrations'),
		$node->safe_psql(
			'fresh',
			'SELECT version, name, applied_by FROM ecommerce.schema_migrations'),
		"$old: and what migrate() recorded");
	$session->quit;
}

# Who has a part of what there is keeps that, also where a function has been dropped and
# made again; who has all of a kind gets what is new of it; and pg_dump knows of it.
my $privileges = q{
	SELECT concat_ws(' ', pronamespace::regnamespace || '.' || proname,
					 CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
					 CASE WHEN is_grantable THEN '*' END)
	FROM pg_proc, aclexplode(proacl)
	WHERE pronamespace IN ('ecommerce'::regnamespace, 'ecommerce_api'::regnamespace)
	  AND grantee NOT IN (SELECT oid FROM pg_roles WHERE rolname IN (current_user, 'owner', 'shopper', 'staff'))
	ORDER BY 1};

$node->safe_psql('postgres', 'CREATE ROLE janitor; CREATE ROLE kiosk; CREATE ROLE manager');
open_old_shop('odd', $old_versions[-1]);
$node->safe_psql(
	'odd', q{
	GRANT EXECUTE ON FUNCTION ecommerce.current_user_id, ecommerce.migrate TO PUBLIC;
	GRANT EXECUTE ON FUNCTION ecommerce.migrate TO janitor WITH GRANT OPTION;
	GRANT EXECUTE ON FUNCTION ecommerce_api.cart_json TO kiosk;
	GRANT EXECUTE ON FUNCTION ecommerce.migrate, ecommerce.grant_api, ecommerce.revoke_api TO manager;
	ALTER EXTENSION ecommerce UPDATE});
is( $node->safe_psql('odd', $privileges),
	join("\n", sort 'ecommerce.current_user_id PUBLIC', 'ecommerce.migrate PUBLIC',
		'ecommerce.migrate janitor *', 'ecommerce_api.cart_json kiosk',
		map { "ecommerce.$_ manager" } 'archive_orders', 'distribute', 'grant_api', 'ids_of_shard', 'import_orders', 'migrate', 'revoke_api', 'set_owner', 'undistribute'),
	'privileges of the shop\'s own making are kept');
is( join(' ', grants('odd') =~ /ON FUNCTION (\w+\.\w+)\([^\n]* TO (?:PUBLIC|janitor|kiosk|manager)\b/g),
	'ecommerce.archive_orders ecommerce.current_user_id ecommerce.distribute ecommerce.grant_api ecommerce.ids_of_shard ecommerce.import_orders'
	  . ' ecommerce.migrate ecommerce.migrate ecommerce.migrate'
	  . ' ecommerce.revoke_api ecommerce.set_owner ecommerce.undistribute ecommerce_api.cart_json',
	'and dumped');

# A shop whose orders have changed without an event, as they could, or were imported.
foreach my $old (grep { $_ eq '1.0' } @old_versions)
{
	my $shown = q{
		SELECT order_id, string_agg(concat_ws(':', event_number, event, old_status, new_status,
								payload->>'reason', delivered_at IS NOT NULL), ' ' ORDER BY event_number)
		FROM ecommerce.order_events GROUP BY order_id ORDER BY order_id};

	open_old_shop('by_hand', $old);
	$node->safe_psql(
		'by_hand', q{
		DELETE FROM ecommerce.order_events;
		DELETE FROM ecommerce.order_details;
		DELETE FROM ecommerce.orders;
		ALTER SEQUENCE ecommerce.orders_id_seq RESTART;
		INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, order_status)
		SELECT 1, 1, 'USD', 'Here', status
		FROM unnest('{PROCESSING,SHIPPED,DELIVERED,CANCELLED,RETURNED,RETURNED}'::text[]) AS status;
		INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id,
			product_name, unit_price, quantity, line_amount)
		SELECT 1, id, 1, 1, 'Thing', 1, 1, 1 FROM ecommerce.orders;
		INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
		SELECT 1, id, 1, 'order_placed', 'PROCESSING', 'old' FROM ecommerce.orders WHERE id < 6;
		ALTER EXTENSION ecommerce UPDATE;
	});
	$node->safe_psql('by_hand', 'SELECT ecommerce.migrate()');
	is($node->safe_psql('by_hand', $shown), join("\n",
			'1|1:order_placed:PROCESSING:f',
			'2|1:order_placed:PROCESSING:f 2:order_shipped:PROCESSING:SHIPPED:t',
			'3|1:order_placed:PROCESSING:f 2:order_shipped:PROCESSING:SHIPPED:t 3:order_delivered:SHIPPED:DELIVERED:t',
			'4|1:order_placed:PROCESSING:f 2:order_cancelled:PROCESSING:CANCELLED:other:t',
			'5|1:order_placed:PROCESSING:f 2:order_shipped:PROCESSING:SHIPPED:t 3:order_returned:SHIPPED:RETURNED:t',
			'6|1:order_placed:PROCESSING:t 2:order_shipped:PROCESSING:SHIPPED:t 3:order_returned:SHIPPED:RETURNED:t'),
		"$old: migrate() writes the events that are missing");
	is($node->safe_psql('by_hand', q{
			SELECT ecommerce.set_order_status(1, 3, 'RETURNED')->'order_status';
			SELECT * FROM ecommerce.order_integrity()}),
		'"RETURNED"', "$old: and the history goes on");
}

# A shop that stays open: placements wait for migrate(), and not the other way round; and
# a status that is being changed by hand gets its event.
foreach my $old (grep { $_ eq '1.0' } @old_versions)
{
	open_old_shop('open', $old);
	$node->safe_psql(
		'open', q{
		ALTER EXTENSION ecommerce UPDATE});

	my ($report, $by_hand, $migration, $customer) =
	  map { Shop::Client->new($node, database => 'open') } 1 .. 4;

	$report->ask('BEGIN; SELECT FROM ecommerce.order_events');
	$by_hand->ask(
		q{BEGIN; UPDATE ecommerce.orders SET order_status = 'SHIPPED' WHERE id = 1});
	$migration->tell('SELECT ecommerce.migrate()');
	wait_for_lock($node, $migration);
	$by_hand->ask('COMMIT');
	like(
		$customer->ask(q{SELECT ecommerce.place_order(3)->'id'}),
		qr/ERROR:  55000/,
		"$old: an order meanwhile is refused");
	$customer->tell(q{UPDATE ecommerce.orders SET shipping_address = 'There' WHERE id = 2});
	wait_for_lock($node, $customer);
	$node->safe_psql('open', 'SELECT pg_sleep(1.5)');
	$report->ask('COMMIT');
	is($migration->answer, $version, "$old: migrate() while the shop is open");
	is($customer->answer, '', "$old: a row that had to wait");
	is($customer->ask(q{SELECT ecommerce.place_order(3)->'order_amount'}),
		'7.98', "$old: an order, once migrate() is done");
	is( $node->safe_psql('open', 'SELECT * FROM ecommerce.order_integrity()'),
		'', "$old: what was changed by hand meanwhile has its event");
	$_->quit foreach ($report, $by_hand, $migration, $customer);
}

# A superuser who migrates runs no code of the owner's, not even when the transaction ends.
foreach my $late (
	'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ecommerce.rise()',
	'FOR EACH ROW EXECUTE FUNCTION ecommerce.hold()')
{
	my ($stdout, $stderr);

	open_old_shop('trap', '1.0');
	$node->safe_psql(
		'trap', qq{
		GRANT CREATE ON SCHEMA ecommerce TO owner;
		SET ROLE owner;
		CREATE FUNCTION ecommerce.rise() RETURNS trigger LANGUAGE plpgsql
		AS 'BEGIN CREATE ROLE risen SUPERUSER; RETURN NULL; END';
		CREATE FUNCTION ecommerce.rise_later() RETURNS text LANGUAGE plpgsql
		AS 'BEGIN CREATE ROLE risen SUPERUSER; RETURN NULL; END';
		CREATE FUNCTION ecommerce.hold() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			EXECUTE 'DECLARE later CURSOR WITH HOLD FOR SELECT ecommerce.rise_later()';
			RETURN NULL;
		END \$\$;
		CREATE CONSTRAINT TRIGGER late AFTER INSERT ON ecommerce.schema_migrations $late;
		RESET ROLE;
		ALTER EXTENSION ecommerce UPDATE});
	$node->psql('trap', 'SELECT ecommerce.migrate()',
		stdout => \$stdout, stderr => \$stderr);
	like($stderr, qr/security-restricted operation|must be superuser|permission denied/,
		"migrate() by a superuser refuses: $late");
	is( $node->safe_psql('trap', 'SELECT rolname FROM pg_roles WHERE rolname = \'risen\''),
		'', 'and nobody has risen');
	$node->safe_psql('postgres', 'DROP DATABASE trap');
}

# Upgrades that miss something.
foreach my $miss (
	'ALTER TABLE ecommerce.order_events DROP COLUMN taken_until',
	'ALTER TABLE ecommerce.orders DISABLE ROW LEVEL SECURITY',
	'ALTER TABLE ecommerce.cart_items DROP CONSTRAINT cart_items_cart_exists',
	'ALTER TABLE ecommerce.orders ALTER stock_bucket TYPE integer',
	'ALTER DOMAIN ecommerce.address DROP CONSTRAINT address_country_is_two_capital_letters',
	'ALTER POLICY staff ON ecommerce.orders USING (true)',
	'ALTER TABLE ecommerce.orders OWNER TO CURRENT_USER',
	'DROP TRIGGER keep_orders ON ecommerce.orders',
	'DROP INDEX ecommerce.order_events_undelivered_by_event_idx',
	'COMMENT ON TABLE ecommerce.orders IS NULL')
{
	$node->safe_psql('postgres', 'CREATE DATABASE broken TEMPLATE fresh');
	$node->safe_psql('broken', $miss);
	isnt(schema('broken'), $schema, "the comparison sees: $miss");
	$node->safe_psql('postgres', 'DROP DATABASE broken');
}
foreach my $miss (
	'REVOKE EXECUTE ON FUNCTION ecommerce.cancel_order FROM staff',
	'REVOKE SELECT ON ecommerce_api.products FROM visitor',
	'REVOKE USAGE ON SCHEMA ecommerce FROM owner',
	'GRANT CREATE ON SCHEMA ecommerce TO owner')
{
	$node->safe_psql('postgres', 'CREATE DATABASE broken TEMPLATE fresh');
	$node->safe_psql('broken', $miss);
	isnt(grants('broken'), $grants, "the comparison sees: $miss");
	$node->safe_psql('postgres', 'DROP DATABASE broken');
}
foreach my $miss (
	'GRANT EXECUTE ON FUNCTION ecommerce.cancel_order TO PUBLIC',
	'ALTER FUNCTION ecommerce.order_integrity VOLATILE',
	'COMMENT ON FUNCTION ecommerce.place_order IS NULL',
	'ALTER EXTENSION ecommerce DROP FUNCTION ecommerce.erase_user')
{
	$node->safe_psql('postgres', 'CREATE DATABASE broken TEMPLATE fresh');
	$node->safe_psql('broken', $miss);
	isnt(members('broken'), $members, "the comparison sees: $miss");
	$node->safe_psql('postgres', 'DROP DATABASE broken');
}

done_testing();

# A shop as the old version made it: migrate() did no more. Its owner was granted what
# the README said, and CREATE is taken back.
sub open_old_shop
{
	my ($database, $old) = @_;

	$node->safe_psql('postgres', qq{CREATE DATABASE "$database"});
	$node->safe_psql(
		$database, qq{
		CREATE EXTENSION ecommerce VERSION '$old';
		GRANT USAGE, CREATE ON SCHEMA ecommerce, ecommerce_api TO owner;
		GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ecommerce TO owner;
		SET ROLE owner;
		SELECT format('SELECT ecommerce.%I()', proname),
			   format('INSERT INTO ecommerce.schema_migrations (version, name)'
					  ' VALUES (%s, %L)', substring(proname FROM '\\d+\$'), proname)
		FROM pg_proc
		WHERE pronamespace = 'ecommerce'::regnamespace AND proname ~ '^migration_\\d+\$'
		ORDER BY substring(proname FROM '\\d+\$')::integer
		\\gexec
		INSERT INTO ecommerce.users (name, email, shipping_address)
		SELECT 'Customer ' || n, n || '\@example.com', n || ' Straße'
		FROM generate_series(1, 3) AS n;
		INSERT INTO ecommerce.categories (name) VALUES ('Things');
		INSERT INTO ecommerce.products (name, price, category_id)
		SELECT 'Thing ' || n, n + 0.99, 1 FROM generate_series(1, 4) AS n;
		INSERT INTO ecommerce.stock_levels (product_id, quantity)
		SELECT id, 1000 FROM ecommerce.products;
		RESET ROLE;
		REVOKE CREATE ON SCHEMA ecommerce, ecommerce_api FROM owner;
		SELECT ecommerce.grant_api('visitor', 'shopper', 'staff');

		-- The mark of staff was another one then.
		REVOKE REFERENCES ON ecommerce.orders FROM staff;
		GRANT INSERT ON ecommerce.orders TO staff;

		-- What the old version's library would have ordered.
		INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, idempotency_key)
		VALUES (1, 8.97, 'USD', '1 Straße', 'key 1'), (2, 3.99, 'USD', '2 Straße', NULL), (1, 3.7035, 'USD', 'Here', NULL);
		INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id, product_name, unit_price, quantity,
			line_amount)
		VALUES (1, 1, 1, 4, 'Thing 4', 2.99, 3, 8.97), (2, 2, 1, 3, 'Thing 3', 3.99, 1, 3.99),
			(1, 3, 1, 1, 'Thing 1', 1.2345, 3, 3.7035);
		INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
		SELECT customer_id, id, 1, 'order_placed', 'PROCESSING', 'old' FROM ecommerce.orders;
		INSERT INTO ecommerce.carts (user_id) VALUES (3);
		INSERT INTO ecommerce.cart_items (user_id, product_id, quantity) VALUES (3, 3, 2);
	});
	return;
}

# Two orders, a repeated call and a cart: what a shop does all day. The next order id is $id.
sub trade
{
	my ($session, $when, $id) = @_;
	my $next = $id + 1;

	is( $session->ask(
			qq{
			SELECT ecommerce.add_to_cart(1, 1, 2)->'cart_amount';
			SELECT ecommerce.add_to_cart(1, 4, 1)->'cart_amount';
			SELECT ecommerce.cart_json(1)->'problems';
			SELECT ecommerce.place_order(1, idempotency_key => 'key $id')->'id';
			SELECT ecommerce.place_order(1, idempotency_key => 'key $id')->'replayed';
			SELECT ecommerce.set_cart_item(2, 3, 1)->'cart_amount';
			SELECT ecommerce.place_order(2)->'id';
			SELECT ecommerce.order_json(1, $id)->'order_amount';
			SELECT ecommerce.order_listing_json(2, 1) \@? '\$[0].order_details[0].id';
		}),
		"3.98\n8.97\n[]\n$id\ntrue\n3.99\n$next\n8.97\nt",
		"$when: a cart becomes an order");
	return;
}

# The SQLSTATE and the code of the error that a call of schema ecommerce ends with, in
# a transaction of its own that leaves nothing.
sub error_of
{
	my ($session, $call) = @_;
	my $answer = $session->ask(
		qq{
		BEGIN;
		\\set VERBOSITY verbose
		SELECT * FROM ecommerce.$call;
		\\set VERBOSITY sqlstate
		ROLLBACK});

	return $answer =~ /ERROR:  (\w{5})(?:.*"code": "(\w+)")?/s
	  ? "$1 " . ($2 // '')
	  : '';
}

# A query for all that there is now in the tables' columns of now, and its answer.
sub rows
{
	my ($database) = @_;
	my $query = $node->safe_psql(
		$database, q{
		SELECT string_agg(
			format('SELECT %1$L, content::text FROM'
				   ' (SELECT %2$s FROM ecommerce.%1$I) AS content'
				   ' ORDER BY content::text COLLATE "C";', relname, columns), ' ')
		FROM (
			SELECT relname, string_agg(quote_ident(attname), ', ' ORDER BY attnum)
			FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
			WHERE relnamespace = 'ecommerce'::regnamespace AND relkind = 'r'
			  AND relname <> 'schema_migrations' AND attnum > 0 AND NOT attisdropped
			GROUP BY relname ORDER BY relname) AS tables (relname, columns)});

	return ($query, $node->safe_psql($database, $query));
}

# What pg_dump says of the database, but for rows, privileges and where sequences are,
# without the key that later versions of psql guard the dump with.
sub schema
{
	my ($database) = @_;
	my $text = dump_of($database);

	$text =~ s/^\\(?:un)?restrict .*\n//gm;
	$text =~ s/^GRANT .*\n//gm;
	$text =~ s/^--.*\n//gm;
	$text =~ s/\n\n+/\n/g;
	return $text;
}

# The privileges, which come in the order in which they were given.
sub grants
{
	my ($database) = @_;

	my @grants = dump_of($database) =~ /^GRANT .*$/mg;

	return join "\n", sort @grants;
}

sub dump_of
{
	my ($database) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/schema.sql';

	$node->run_log([ 'pg_dump', '--schema-only', '-f', $file, $database ])
	  or die "pg_dump of $database failed";
	return slurp_file($file);
}

# The objects of the extension, with all that a script can get wrong about them. Of the
# privileges, only those of the public are the script's.
sub members
{
	my ($database) = @_;

	return $node->safe_psql(
		$database, q{
		SELECT CASE object.type WHEN 'function' THEN 'FUNCTION' ELSE object.type END || ' '
			   || object.identity,
			   CASE lanname WHEN 'c' THEN 'C' ELSE lanname END,
			   pg_get_functiondef(pg_proc.oid),
			   EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))
					   WHERE grantee = 0) AS public,
			   obj_description(pg_depend.objid, pg_depend.classid::regclass::name)
		FROM pg_depend
		CROSS JOIN pg_identify_object(classid, objid, objsubid) AS object
		LEFT JOIN pg_proc ON classid = 'pg_proc'::regclass AND pg_proc.oid = objid
		LEFT JOIN pg_language ON pg_language.oid = prolang
		WHERE refclassid = 'pg_extension'::regclass
		  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'ecommerce')
		  AND deptype = 'e'
		ORDER BY object.identity});
}
