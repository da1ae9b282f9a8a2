# Proves that text is never silently wrong: a database without an encoding is refused,
# one that lacks characters says so, and what it has comes back as every client reads it.

use strict;
use warnings;
use utf8;

use FindBin;
use lib $FindBin::RealBin;
use Encode;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $node = start_server('encodings');
my $migrate = 'SELECT ecommerce.migrate(owner => current_user)';

# Everything psql says, as bytes, to a client with this encoding. What it is told is
# characters.
sub answer
{
	my ($database, $statements, $client_encoding) = @_;
	my ($stdout, $stderr);

	$client_encoding //= 'UTF8';
	$node->psql(
		$database,
		encode($client_encoding eq 'UTF8' ? 'UTF-8' : $client_encoding,
			"SET client_encoding = '$client_encoding'; $statements"),
		stdout => \$stdout,
		stderr => \$stderr,
		extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
	$stderr =~ s/^psql:<stdin>:\d+: //gm;
	return join "\n", grep { $_ ne '' } $stdout, $stderr;
}

foreach my $encoding ('UTF8', 'LATIN1', 'SQL_ASCII')
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $encoding ENCODING '$encoding' LOCALE 'C' TEMPLATE template0"
	);
	$node->safe_psql(lc $encoding, 'CREATE EXTENSION ecommerce');
}


# A database without an encoding.
is(answer('sql_ascii', $migrate), 'ERROR:  0A000',
	'SQL_ASCII: migrate() refuses');
is( $node->safe_psql(
		'sql_ascii',
		q{SELECT to_regclass('ecommerce.schema_migrations') IS NULL}),
	't',
	'and leaves nothing');

# A shop that 1.0 opened there. This is what would be silently wrong: a limit of so many
# characters is one of bytes, what one client writes is another text for the next, or
# for PostgREST, which reads UTF-8, no text at all.
$node->safe_psql(
	'sql_ascii', q{
	SELECT ecommerce_migrations.migration_1();
	INSERT INTO ecommerce.schema_migrations (version, name) VALUES (1, 'migration_1');
	INSERT INTO ecommerce.users (name, shipping_address) VALUES ('Zo' || E'\xeb', 'Here');
	INSERT INTO ecommerce.products (name, price) VALUES ('Pen', 1);
	INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 10);
});
is( answer('sql_ascii', $migrate),
	"4\nWARNING:  0A000",
	'a shop that is there already is told, and migrated');
is( answer(
		'sql_ascii',
		"SELECT ecommerce.place_order(1, idempotency_key => repeat('ë', 200))"),
	'ERROR:  22023',
	'where 200 characters are more than 255');
is( answer(
		'sql_ascii', q{
		SELECT ecommerce.add_to_cart(1, 1)->'id';
		SELECT ecommerce.place_order(1, shipping_address => 'Straße')->'id';
		SELECT ecommerce.add_to_cart(1, 1)->'id'}),
	"1\n1\n1",
	'an order of a client in UTF8');
is( answer(
		'sql_ascii',
		q{SELECT ecommerce.order_json(1, 1)->>'shipping_address'}, 'LATIN1'),
	encode('UTF-8', 'Straße'),
	'is another one to a client in LATIN1');
is( answer('sql_ascii', q{SELECT ecommerce.place_order(1, shipping_address => 'Straße')->'id'},
		'LATIN1'),
	'ERROR:  22021', 'which places no order');
is(answer('sql_ascii', 'SELECT name FROM ecommerce.users'),
	'ERROR:  22021', 'and what it has written cannot be read in UTF8');


# The others. No text of what LATIN1 has is another one there.
my $shipping_address = "Übergrößenstraße 1, ½ «Île» \\ \" ÿ";
my $open = qq{
	INSERT INTO ecommerce.users (name, email, shipping_address)
	VALUES ('Zoë', 'ZOË\@example.com', '$shipping_address');
	INSERT INTO ecommerce.categories (name) VALUES ('Stühle');
	INSERT INTO ecommerce.products (name, description, price, category_id)
	VALUES ('Fauteuil « Crème »', E'Zeile 1\\nZeile 2\\t¾', 1, 1);
	INSERT INTO ecommerce.stock_levels (product_id, quantity) VALUES (1, 100);
	SELECT ecommerce.add_to_cart(1, 1)->'cart_items'->0->'products'->>'name'};
my $listing = 'SELECT ecommerce.order_listing_json(1)';
my %listings;

foreach my $encoding ('UTF8', 'LATIN1')
{
	my $database = lc $encoding;

	is( answer($database, $migrate),
		$encoding eq 'UTF8' ? '4' : "4\nWARNING:  01000",
		"$encoding: migrate() says what is not possible");
	is( answer($database, $open),
		encode('UTF-8', 'Fauteuil « Crème »'),
		"$encoding: a cart");
	like(
		answer(
			$database,
			"SELECT ecommerce.place_order(1, idempotency_key => 'clé')"),
		qr/"replayed": false/,
		"$encoding: an order");
	is( answer(
			$database,
			"SELECT ecommerce.place_order(1, idempotency_key => 'clé')->'replayed'",
			'LATIN1'),
		'true',
		"$encoding: another client's key is the same in its own encoding");

	# The document is the one that the server itself makes of its text, byte for byte.
	is( answer(
			$database, q{
			SELECT jsonb_send(document) = jsonb_send(document::text::jsonb)
				   AND pg_column_size(document) = pg_column_size(document::text::jsonb)
				   AND document = document::text::jsonb
			FROM ecommerce.order_listing_json(1) AS document}),
		't',
		"$encoding: the document is what the server makes of its text");
	$listings{$encoding} = answer($database, $listing);
	$listings{$encoding} =~ s/"order_date": "[^"]*"//;
	is( answer(
			$database,
			"SELECT ecommerce.order_json(1, 1) ->> 'shipping_address'",
			'LATIN1'),
		encode('LATIN1', $shipping_address),
		"$encoding: a client in LATIN1 reads LATIN1");
	is( answer(
			$database,
			"SELECT ecommerce.order_json(1, 1) ->> 'shipping_address'"),
		encode('UTF-8', $shipping_address),
		"$encoding: a client in UTF8 reads UTF8");

	# Limits count characters.
	$node->safe_psql($database, 'SELECT ecommerce.add_to_cart(1, 1)');
	foreach my $limit (
		"idempotency_key => repeat('ë', %d)::255",
		"shipping_address => repeat('ß', %d)::10000")
	{
		my ($argument, $most) = split /::/, $limit;
		my $call = "SELECT ecommerce.place_order(1, $argument)->'replayed'";

		is(answer($database, sprintf($call, $most + 1)),
			'ERROR:  22023', "$encoding: one character more than $most");
		is( answer(
				$database, 'BEGIN; ' . sprintf($call, $most) . '; ROLLBACK'),
			'false',
			"$encoding: $most characters");
	}

	# What only UTF-8 has.
	my $greek = answer($database,
		"SELECT ecommerce.place_order(1, shipping_address => 'Οδός 1') ->> 'shipping_address'");
	my $claims = answer(
		$database, q{
		SET request.jwt.claims = '{"user_id": 1, "name": "\u0396\u03C9\u03AE"}';
		SELECT ecommerce.current_user_id()});

	if ($encoding eq 'UTF8')
	{
		is($greek, encode('UTF-8', 'Οδός 1'), 'UTF8: any character');
		is($claims, '1', 'UTF8: any character in a token');
	}
	else
	{
		is($greek, 'ERROR:  22P05',
			"$encoding: a character that is not there is refused");
		is($claims, 'ERROR:  22P05', "$encoding: in a token, too");
		is( $node->safe_psql(
				$database,
				'SELECT jsonb_array_length(ecommerce.cart_json(1)->\'cart_items\')'
			),
			1,
			"$encoding: and the cart is as it was");
	}
	is( $node->safe_psql(
			$database, 'SELECT * FROM ecommerce.order_integrity()'),
		'',
		"$encoding: no invariant is violated");
}
is($listings{LATIN1}, $listings{UTF8},
	'clients in UTF8 read the same bytes from both');

$node->psql('latin1', $migrate, stderr => \my $warning);
like($warning, qr/"code": "limited_encoding", "encoding": "LATIN1"/,
	'the warning has a code');

done_testing();
