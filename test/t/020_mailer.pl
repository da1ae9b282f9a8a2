# Proves that the confirmation of an order says what was ordered, that no text of the
# shop's or of the customer's gets out of its place, and that neither a message nor a
# password goes to a server that is not the right one.

use strict;
use warnings;
use utf8;

use Encode         qw(encode_utf8);
use File::Basename qw(dirname);
use FindBin;
use List::Util qw(uniq);
use lib $FindBin::RealBin;
use Mail;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

need_mail();

my $seed   = $ENV{SEED} // int(rand(2**31));
my $root   = "$FindBin::RealBin/../..";
my $mailer = build_mailer();
my $node   = start_server('mailer');

open_shop($node);
let_mailer_in($node);


# The composer by itself, with the compiler's checks of memory and arithmetic, read
# back by another program. And composers that trust texts.
is( check_messages(
		$mailer, '-Wall', '-Wextra',
		'-fsanitize=address,undefined',
		'-fno-sanitize-recover'),
	"500 messages, 51 addresses\n",
	"messages of extreme and of random texts are read as they are meant (seed $seed)"
);
like(
	check_messages(
		build_mailer(
			[
				'encoding.c', 'if (is_plain_phrase(text, column))',
				'if (true)'
			])),
	qr/control characters|is not/,
	"a name that is not encoded is found (seed $seed)");
like(
	check_messages(build_mailer([ 'encoding.c', '"&lt;"', '"<"' ])),
	qr/is not|script/,
	"a tag that is not escaped is found (seed $seed)");
like(
	check_messages(build_mailer($_)),
	qr/is not as it should be/,
	"an address that is not checked is found: $_->[1]"
  )
  foreach [ 'address.c', '!is_clean(text)', 'false' ],
  [ 'address.c', '!is_framed(text)', 'false' ];


# Orders, from the cart to what the customer reads.
my $name = qq{Łukasz "Bob" O'Brien; 王小明};
my $evil =
  "Evil\r\nBcc: victim\@example.test\r\n\r\n<script>alert(1)</script> =?UTF-8?Q?x?=";
my $smtp  = start_smtp('--starttls', '--login', 'PLAIN');
my %login = (
	SMTP_URL      => smtp_url($smtp),
	SMTP_TLS      => undef,
	SMTP_CA_FILE  => "$smtp/cert.pem",
	SMTP_USER     => 'shop',
	SMTP_PASSWORD => 'secret');

# What can be put into no command, what the server does not take, and what it cannot.
my %failures = (
	"evil\@example.test>\r\nRCPT TO:<victim\@example.test" =>
	  'unusable e-mail address',
	"evil\@example.test\nBcc: victim\@example.test" =>
	  'unusable e-mail address',
	'evil@example.test> NOTIFY=NEVER <x' => 'unusable e-mail address',
	"evil\@exämple.\x{e000}"             => 'unusable e-mail address',
	'evil'                               => 'unusable e-mail address',
	'evil@example.test, victim@example.test' => 'SMTP reply 501',
	'ä@example.test'       => 'the server does not offer SMTPUTF8',
	'refused-1@example.test' => 'SMTP reply 550 5.1.1',
	'spam-1@example.test'    => 'SMTP reply 554 5.7.1');

# And what it is given of others.
my %addresses = (
	' blank@example.test ' => 'blank@example.test',
	'info@exämple.test'    => 'info@xn--exmple-cua.test',
	'taro..yamada@example.test' => 'taro..yamada@example.test',
	'"ann smith"@example.test'  => '"ann smith"@example.test');
my (@accepted, %mail, $order, $cancelled, $lines, $log);

# So many lines that a query which copies the order for each does not end in time.
my $many = 10_000;

$node->safe_psql(
	'postgres', qq{
	-- As customers from before the table had it.
	ALTER TABLE ecommerce.users DROP CONSTRAINT users_email_has_an_at;
	INSERT INTO ecommerce.products (name, description, price, currency)
	SELECT 'Part ' || n, '<p>It is a part</p>', n * 0.0001, 'EUR'
	FROM generate_series(1, $many) AS n;
	INSERT INTO ecommerce.stock_levels (product_id, quantity)
	SELECT id, 1000000 FROM ecommerce.products ON CONFLICT DO NOTHING;
});
$order = place($name, 'customer@example.test',
	".\n..\nFrom me to you\n587 Straße  \r\nSyracuse");
place($evil,        'evil@example.test',   $evil, $evil);
place('王' x 60_000, 'long@example.test',   'Street');
place("\x{3000}",    $_, 'Street') foreach sort keys %addresses;
place("$_",         $_,                    'Street') foreach sort keys %failures;
place('No address', '',                    'Street');
place('No address', undef,                 'Street');
place('Erased',     'erased@example.test', 'Street');
$cancelled = place('Cancelled', 'cancelled@example.test', 'Street');
$node->safe_psql(
	'postgres', qq{
	SELECT ecommerce.cancel_order(customer_id, id, 'customer')
	FROM ecommerce.orders WHERE id = $cancelled;
	SELECT ecommerce.erase_user(id) FROM ecommerce.users WHERE name = 'Erased';
	INSERT INTO ecommerce.carts (user_id) VALUES (3);
	INSERT INTO ecommerce.cart_items (user_id, product_id, quantity)
	SELECT 3, id, 7 FROM ecommerce.products WHERE name LIKE 'Part %';
	UPDATE ecommerce.users SET email = 'many\@example.test' WHERE id = 3;
	SELECT ecommerce.place_order(3)->'id';
});

is( run_mailer(
		$mailer, $node, %login,
		MAIL_FROM_NAME => encode_utf8('Läden'),
		PGTZ           => 'UTC',
		SMTP_TIMEOUT   => 120,
		MAIL_LEASE     => 300),
	1,
	'--once: status 1, as something was left');
@accepted = occurrences($smtp, 'accepted');
%mail     = map { $_->{to} => $_ } @accepted;
is( join(' ', sort keys %mail),
	join(' ',
		sort(values %addresses,
			map { "$_\@example.test" }
			  qw(cancelled customer evil long many))),
	'a mail to each customer who has an address');
is(scalar(@accepted), 9, 'and no other');

# Two dots are one, to this server's parser, but what some customers have.
is_deeply(
	[
		map { @{ $_->{defects} } }
		grep { $_->{to} !~ /[.][.]/ } values %mail
	],
	[],
	'without defects');
is( join('; ', map { join ',', @{ $_->{recipients} } } @accepted),
	join('; ', map { $_->{to} } @accepted),
	'to nobody else');
is_deeply(
	[
		grep {
			join(' ', @{ $_->{names} }) ne
			  'Date From To Subject Message-ID Auto-Submitted MIME-Version Content-Type'
		} values %mail
	],
	[],
	'with these headers, each once');

my $sent = $mail{'customer@example.test'};
is($sent->{To},     "$name <customer\@example.test>", 'name of the customer');
is($sent->{From},   'Läden <shop@example.test>',      'name of the shop');
is($sent->{sender}, 'shop@example.test',              'sender for bounces');
is($sent->{subject}, "Your order $order at Läden",    'subject');
is($sent->{auto},    'auto-generated', 'nobody on holiday answers');
like($sent->{date}, qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+]0000$/,
	'date');
is( $sent->{id},
	$node->safe_psql(
		'postgres', qq{
		SELECT format('<ecommerce.order-event.%s.%s\@example.test>', id,
					  to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'))
		FROM ecommerce.order_events WHERE order_id = $order}),
	'Message-ID');
is("@{ $sent->{parts} }", 'text/plain text/html', 'two forms');
is( $sent->{text} =~ s/\d{4}-\d\d-\d\d \d\d:\d\d UTC/TIME/r,
	qq{Hello $name,

thank you for your order $order of TIME.

Thing 1
    2 x 1.99 = 3.98 USD

Thing 4
    3 x 4.99 = 14.97 USD

Total: 18.95 USD

Shipping address:
.
..
From me to you
587 Straße  
Syracuse

Läden
}, 'text');
like($sent->{html},
	qr{Hello <bdi>\QŁukasz &quot;Bob&quot; O'Brien; 王小明\E</bdi>},
	'name in HTML');
like(
	$sent->{html},
	qr{<b>Thing 4</b></td>\n<td[^>]*>3 x 4[.]99</td>\n<td[^>]*>14[.]97 USD</td>},
	'line in HTML');
like($sent->{html}, qr{<b>18[.]95 USD</b>}, 'amount in HTML');
like(
	$sent->{html},
	qr{>[.]<br>\n[.][.]<br>\nFrom me to you<br>\n587 Straße  <br>\nSyracuse</p>},
	'address in HTML');

$sent = $mail{'evil@example.test'};
is( $sent->{To},
	($evil =~ s/\r\n/ /gr) . ' <evil@example.test>',
	'no header comes out of a name');
like(
	$sent->{text},
	qr/^Hello Evil Bcc: victim.*^Shipping address:\nEvil\nBcc: victim.*\n\n<script>/ms,
	'nor a line');
unlike($sent->{html}, qr/<script/, 'nor a tag');

$sent = $mail{'long@example.test'};
is( $sent->{To},
	('王' x 120) . '… <long@example.test>',
	'a long name is cut in the header');
like($sent->{text}, qr/Hello 王{60000},/, 'but not in the text');

$sent  = $mail{'many@example.test'};
$lines = () = $sent->{text} =~ /^    7 x \d[.]\d{2,4} = \d[.]\d\d EUR$/mg;
is($lines, $many, 'ten thousand lines');
like(
	$sent->{text},
	qr/^Part 1\n    7 x 0.0001 = 0.00 EUR\n\nPart 2\n    7 x 0.0002 = 0.00 EUR/m,
	'with what they cost, and nothing of the descriptions');
like(
	$sent->{text},
	qr/^Total: \Q@{[ $node->safe_psql('postgres', "SELECT sum(round(7 * n * 0.0001, 2)) FROM generate_series(1, $many) AS n") ]}\E EUR$/m,
	'and their sum');
unlike($sent->{text} . $sent->{html}, qr/It is a part/, 'no description');

$sent = $mail{'blank@example.test'};
is($sent->{To}, '<blank@example.test>', 'a customer without a name');
like($sent->{text}, qr/\AHello,\n/,       'is greeted');
like($sent->{html}, qr{<p>Hello,</p>},   'in both forms');

like(
	$mail{'cancelled@example.test'}->{text},
	qr/It has been cancelled since[.]/,
	'an order that was cancelled meanwhile');

is( $node->safe_psql(
		'postgres', q{
		SELECT count(*) FILTER (WHERE delivered_at IS NULL) - count(failed_at), max(attempts)
		FROM ecommerce.order_events WHERE event = 'order_placed'}),
	'0|1',
	'each is taken once, and delivered or a dead letter');
is( $node->safe_psql('postgres', dead_letters()),
	encode_utf8(
		join "\n",
		(map { "$_|$failures{$_}" } sort keys %failures),
		('|no e-mail address') x 3),
	'dead letters, and why');
is( join(' ',
		uniq map { "$_->{mechanism} $_->{good} $_->{tls}" }
		  occurrences($smtp, 'login')),
	'PLAIN 1 1',
	'every login is encrypted');

# Nothing comes back until staff take it up again, when they have seen to the cause.
$node->safe_psql('postgres',
	'UPDATE ecommerce.order_events SET taken_until = now()');
is(run_mailer($mailer, $node, %login), 0, 'dead letters are not tried again');
is($node->safe_psql('postgres', q{
	CREATE ROLE clerk LOGIN;
	SELECT ecommerce.grant_api(staff => 'clerk');
	GRANT REFERENCES ON ecommerce.orders TO clerk;
	SET ROLE clerk;
	UPDATE ecommerce.users SET email = 'good@example.test' WHERE email = 'evil';
	SELECT ecommerce.release_order_events(array_agg(order_events.id))
	FROM ecommerce.order_events JOIN ecommerce.users ON users.id = customer_id
	WHERE failed_at IS NOT NULL AND email IN ('good@example.test', 'refused-1@example.test');
}) =~ s/.*\n//sr, 2, 'staff release two');
is(run_mailer($mailer, $node, %login),
	1, 'and one is not delivered this time either');
@accepted = occurrences($smtp, 'accepted');
is($accepted[-1]->{to},
	'good@example.test', 'a corrected address gets its mail');
is(scalar(@accepted), 10, 'and no other a second one');
unlike($node->safe_psql('postgres', dead_letters()),
	qr/good/, 'which is no dead letter any more');

# A server that takes letters beyond ASCII before the @, which is told that there are some.
my $smtputf8 = start_smtp('--starttls', '--smtputf8', '--login', 'PLAIN');

$node->safe_psql(
	'postgres', encode_utf8(q{
	SELECT ecommerce.release_order_events(array_agg(order_events.id))
	FROM ecommerce.order_events JOIN ecommerce.users ON users.id = customer_id
	WHERE failed_at IS NOT NULL AND email = 'ä@example.test'}));
place('Plain', 'plain@exämple.test', 'Street');
is( run_mailer(
		$mailer, $node, %login,
		SMTP_URL     => smtp_url($smtputf8),
		SMTP_CA_FILE => "$smtputf8/cert.pem"),
	0,
	'a server with SMTPUTF8');
is( join(' ', sort map { $_->{to} } occurrences($smtputf8, 'accepted')),
	'plain@xn--exmple-cua.test ä@example.test',
	'gets the mail');
is( join(' ',
		sort map { scalar grep { $_ eq 'SMTPUTF8' } @{ $_->{options} } }
		  occurrences($smtputf8, 'sender')),
	'0 1',
	'and is asked for the extension where it is needed');
is_deeply([ map { @{ $_->{defects} } } occurrences($smtputf8, 'accepted') ],
	[], 'without defects');

# A sender whom the server does not take is no fault of the messages.
my $strict = start_smtp('--starttls', '--refuse-sender', '--login', 'PLAIN');

place('Sender', 'sender@example.test', 'Street');
is( run_mailer(
		$mailer, $node, %login,
		SMTP_URL     => smtp_url($strict),
		SMTP_CA_FILE => "$strict/cert.pem"),
	1,
	'a server that refuses the sender: status 1');
unlike($node->safe_psql('postgres', dead_letters()),
	qr/sender/, 'and no dead letter');
like(mailer_log(), qr/: SMTP reply 550 5[.]7[.]1, left$/m, 'but left');
$node->safe_psql('postgres', q{
	SELECT ecommerce.release_order_events(array_agg(id)) FROM ecommerce.order_events});
is(run_mailer($mailer, $node, %login), 1, 'another server takes it');
like(join(' ', map { $_->{to} } occurrences($smtp, 'accepted')),
	qr/sender\@/, 'so it is sent');

# Amounts have the digits of their currency, and a price all that it needs.
$node->safe_psql(
	'postgres', q{
	SELECT ecommerce.acknowledge_order_events(array_agg(id)) FROM ecommerce.order_events;
	INSERT INTO ecommerce.users (id, name, email) VALUES (901, 'Jo', 'jpy@example.test'),
		(902, 'Jo', 'kwd@example.test'), (903, 'Jo', 'usd@example.test'),
		(904, 'Jo', 'eur@example.test');
	INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, items_amount)
	VALUES (901, 3960.0, 'JPY', 'x', NULL), (902, 3.75, 'KWD', 'x', NULL), (903, 14.5, 'USD', 'x', NULL),
		(904, 14.5, 'EUR', 'x', 10);
	INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id,
		product_name, unit_price, quantity, line_amount)
	SELECT customer_id, id, 1, 1, 'a', CASE currency WHEN 'USD' THEN 7.2501 WHEN 'EUR' THEN 5 ELSE order_amount / 2 END, 2,
		CASE currency WHEN 'EUR' THEN 10 ELSE order_amount END
	FROM ecommerce.orders WHERE customer_id > 900;
	INSERT INTO ecommerce.order_adjustments (customer_id, order_id, adjustment_number, kind, name, amount, is_included)
	SELECT customer_id, id, position, kind, name, amount, kind = 'tax'
	FROM ecommerce.orders, (VALUES (1, 'discount', 'Summer', -0.4), (2, 'shipping', 'Post <fast>', 4.9), (3, 'tax', 'VAT', 2.32))
		AS adjustments (position, kind, name, amount)
	WHERE customer_id = 904;
	INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
	SELECT customer_id, id, 1, 'order_placed', 'PROCESSING', 'me' FROM ecommerce.orders WHERE customer_id > 900;
});
is(run_mailer($mailer, $node, %login), 0, 'orders of four currencies');
%mail = map { $_->{to} => $_ } occurrences($smtp, 'accepted');
like($mail{"$_->[0]\@example.test"}->{text},
	qr/^    \Q$_->[1]\E\n\nTotal: \Q$_->[2]\E$/m, "digits of $_->[0]")
  foreach [ 'jpy', '2 x 1980 = 3960 JPY', '3960 JPY' ],
  [ 'kwd', '2 x 1.875 = 3.750 KWD',  '3.750 KWD' ],
  [ 'usd', '2 x 7.2501 = 14.50 USD', '14.50 USD' ];
like($mail{'jpy@example.test'}->{html},
	qr/<b>3960 JPY</, 'in HTML too');
like(
	$mail{'eur@example.test'}->{text},
	qr/^    2 x 5.00 = 10.00 EUR\n\nSummer: -0.40 EUR\nPost <fast>: 4.90 EUR\nVAT: 2.32 EUR [(]included[)]\n\nTotal: 14.50 EUR$/m,
	'what else an order costs');
like(
	$mail{'eur@example.test'}->{html},
	qr{>Post &lt;fast&gt;</td><td></td>\n<td[^>]*>4[.]90 EUR</td></tr>},
	'in HTML too');

# A guest is told at the address of the order, and once signed up, at the own one.
$node->safe_psql(
	'postgres', q{
	INSERT INTO ecommerce.users (id, name, email) VALUES (905, 'guest', NULL),
		(906, 'Jo', 'signed-up@example.test'), (907, 'guest', NULL);
	INSERT INTO ecommerce.orders (customer_id, order_amount, currency, shipping_address, address)
	VALUES (905, 1, 'USD', 'x', '{"name": "Ada Guest", "email": "guest@example.test"}'),
		(906, 1, 'USD', 'x', '{"name": "Ada Guest", "email": "as-guest@example.test"}'),
		(907, 1, 'USD', 'x', '{"name": "Jo"}');
	INSERT INTO ecommerce.order_details (customer_id, order_id, line_number, product_id,
		product_name, unit_price, quantity, line_amount)
	SELECT customer_id, id, line_number, 1, 'a', 1, 1, 1
	FROM ecommerce.orders, generate_series(1, 2) AS line_number WHERE customer_id > 904;
	INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, new_status, actor)
	SELECT customer_id, id, 1, 'order_placed', 'PROCESSING', 'me' FROM ecommerce.orders WHERE customer_id > 904;
});
is(run_mailer($mailer, $node, %login), 1, 'orders of guests, one without any address');
is( join(' ', sort map { $_->{to} } (occurrences($smtp, 'accepted'))[ -2, -1 ]),
	'guest@example.test signed-up@example.test',
	'a guest is told at the address of the order');
%mail = map { $_->{to} => $_ } occurrences($smtp, 'accepted');
like($mail{'guest@example.test'}->{text}, qr/^Hello Ada Guest,$/m, 'by the name there');
like($mail{'signed-up@example.test'}->{text}, qr/^Hello Jo,$/m, 'a customer by the own name');
is( $node->safe_psql(
		'postgres', q{
		SELECT customer_id, failure FROM ecommerce.order_events WHERE customer_id > 904 AND failed_at IS NOT NULL}),
	'907|no e-mail address',
	'without one the event is a dead letter');

# What else happens to an order, and a copy for the shop.
$node->safe_psql(
	'postgres', q{
	SELECT ecommerce.acknowledge_order_events(array_agg(id)) FROM ecommerce.order_events});
my $told   = place('Told',   'told@example.test',   'Street');
my $silent = place('Silent', 'silent@example.test', 'Street');
my $parts  = q{order_delivered order_cancelled, order_items_returned};

$node->safe_psql(
	'postgres', qq{
	CREATE FUNCTION tell(ordered bigint, name text, facts jsonb, old text, new text) RETURNS void
	BEGIN ATOMIC
		INSERT INTO ecommerce.order_events (customer_id, order_id, event_number, event, old_status,
											new_status, payload, actor)
		SELECT customer_id, order_id, max(event_number) + 1, name, old, new, facts, 'me'
		FROM ecommerce.order_events WHERE order_id = ordered GROUP BY customer_id, order_id;
	END;
	SELECT tell($told, 'order_items_returned', '{"items": [{"line": 2, "quantity": 1, "amount": 4.99}], "amount": 4.99}',
				'PROCESSING', 'PROCESSING');
	SELECT tell($told, 'order_shipped', '{"carrier": "<DHL>", "tracking_number": "00340434161094", "tracking_url": "https://t.example/?a=1&b=2"}',
				'PROCESSING', 'SHIPPED');
	SELECT tell($told, 'order_items_returned', '{"items": [{"line": 1, "quantity": 2, "amount": 3.98}], "amount": 3.98}',
				'SHIPPED', 'SHIPPED');
	SELECT tell($told, 'order_refunded', '{"amount": 3.98}', 'SHIPPED', 'SHIPPED');
	SELECT tell($told, 'order_delivered', NULL, 'SHIPPED', 'DELIVERED');
});
my $before = () = occurrences($smtp, 'accepted');

is( run_mailer(
		$mailer, $node, %login,
		MAIL_COPY   => 'shop-copy@example.test',
		MAIL_EVENTS => "order_placed $parts order_shipped order_refunded"),
	0,
	'several names of events') foreach 1 .. 2;
@accepted = splice @{ [ occurrences($smtp, 'accepted') ] }, $before;
is( join(' ',
		sort map { $_->{recipients}->[0] } @accepted),
	join(' ',
		('shop-copy@example.test') x 7, 'silent@example.test',
		('told@example.test') x 6),
	'a mail for each event, and a copy of each');
is(scalar(uniq map { $_->{id} } @accepted), 7, 'each with an id of its own');
%mail = map { $_->{subject} => $_ }
  grep { $_->{recipients}->[0] eq 'told@example.test' } @accepted;
is_deeply(
	[ sort keys %mail ],
	[
		map { "$_ $told" } 'Cancellation of items of your order',
		'Delivery of your order',
		'Refund for your order',
		'Return of items of your order',
		'Shipping of your order',
		'Your order'
	],
	'subjects');
like(
	$mail{"Shipping of your order $told"}->{text},
	qr{^your order $told of .* is on its way[.]\nCarrier: <DHL>\nTracking number: 00340434161094\nTracking: https://t[.]example/[?]a=1&b=2\n\nThing 1\n}m,
	'where the parcel is');
like(
	$mail{"Shipping of your order $told"}->{html},
	qr{<p>Carrier: <bdi>&lt;DHL&gt;</bdi></p>\n},
	'in HTML too');
like(
	$mail{"Cancellation of items of your order $told"}->{text},
	qr{^these items of your order $told of .* have been cancelled:\n\nThing 4\n    quantity 1, 4[.]99 USD\n\n\n}m,
	'what was cancelled before it was sent');
like(
	$mail{"Return of items of your order $told"}->{text},
	qr{^we have received these items of your order $told of .*:\n\nThing 1\n    quantity 2, 3[.]98 USD\n\n\n}m,
	'what came back');
like(
	$mail{"Refund for your order $told"}->{text},
	qr{^we have refunded 3[.]98 USD for your order $told of [^:]*:\d\d \w+[.]\n\n\n}m,
	'what was paid back');

# A copy that the server does not take is nobody's trouble but the shop's.
place('Copy', 'copy@example.test', 'Street');
is( run_mailer(
		$mailer, $node, %login, MAIL_COPY => 'refused-1@example.test'),
	0,
	'a copy that is refused: status 0');
like(mailer_log(), qr/: no copy for the shop, SMTP reply 550 5[.]1[.]1$/m,
	'and the log says so');
is( $node->safe_psql('postgres',
		q{SELECT count(*) FROM ecommerce.order_events WHERE failed_at > now() - interval '10 s' AND failure ~ '550'}
	),
	$node->safe_psql('postgres',
		q{SELECT count(*) FROM ecommerce.order_events WHERE failed_at > now() - interval '10 s' AND failure ~ '550' AND order_id < }
		  . $told),
	'and the customer has the mail');

# The shop's own words, in two languages.
$node->safe_psql('postgres',
	slurp_file("$root/examples/order-mail/order_mail.sql"));
my %words = (
	%login,
	MAIL_TEXTS  => 'shop_mail.order_mail',
	MAIL_EVENTS => 'order_placed order_shipped order_address_changed');

$told = place('Told', 'en@example.test', 'Street');
$node->safe_psql('postgres', qq{
	SELECT ecommerce.set_order_status(customer_id, id, 'SHIPPED') FROM ecommerce.orders WHERE id = $told;
	UPDATE ecommerce.orders SET metadata = '{"language": "de"}' WHERE id = $told;
	SELECT tell($told, 'order_address_changed', NULL, 'SHIPPED', 'SHIPPED');
	});
place('Told', 'de@example.test', 'Street');
$before = () = occurrences($smtp, 'accepted');
is(run_mailer($mailer, $node, %words), 0, 'the words of the shop');
@accepted = splice @{ [ occurrences($smtp, 'accepted') ] }, $before;
is_deeply(
	[ sort map { "$_->{to} $_->{subject}" } @accepted ],
	[
		'de@example.test Order ' . ($told + 1),
		"en\@example.test Bestellung $told",
		"en\@example.test Bestellung $told ist unterwegs"
	],
	'each in its language, and nothing of what the shop has no words for');
is("@{ $accepted[0]->{parts} }", 'text/plain', 'without HTML, as it returned none');
like($accepted[0]->{text} // '', qr/^2 x Thing 1: 3.98 USD$/m, 'with its lines');

# A function that fails for one order keeps nobody else waiting, and nothing is lost.
$node->safe_psql('postgres', q{
	CREATE FUNCTION shop_mail.fails(event jsonb) RETURNS TABLE (subject text, text text, html text)
	LANGUAGE sql AS $$
		SELECT 'x' || 1 / (event #>> '{customer,name}' <> 'Zero')::integer, E'a\r\n.\r\n\x7fb', '<p>ü</p>'
	$$});
place('Zero', 'zero@example.test', 'Street');
place('One', 'one@example.test', 'Street');
is( run_mailer($mailer, $node, %words, MAIL_TEXTS => 'shop_mail.fails'),
	1,
	'a function that fails: status 1');
is((occurrences($smtp, 'accepted'))[-1]->{to},
	'one@example.test', 'others have their mail');
like(mailer_log(), qr/: shop_mail[.]fails fails, left$/m, 'and the log says so');
$node->safe_psql('postgres', q{
	SELECT ecommerce.release_order_events(array_agg(id)) FROM ecommerce.order_events
	WHERE delivered_at IS NULL AND failed_at IS NULL AND event = 'order_placed'});
is(run_mailer($mailer, $node, %login), 0, 'when it is mended');
is((occurrences($smtp, 'accepted'))[-1]->{to}, 'zero@example.test', 'it is sent');
like(mailer_log(), qr/: not mailed$/m, 'and the log says what was not to be');

$log = mailer_log();
like(
	$log,
	qr/^ecommerce-mailer: event \d+ of order $order: sent$/m,
	'the log says what was sent');
unlike($log, qr/\@|Evil|kasz|Stra/, 'but not to whom');


# A database that does not give out two events at once, as if their orders were too large
# together, and that says more than it should.
$node->safe_psql(
	'postgres', q{
	SELECT ecommerce.acknowledge_order_events(array_agg(id)) FROM ecommerce.order_events;
	CREATE FUNCTION be_difficult() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF (SELECT count(*) > 1 FROM changed) THEN
			RAISE 'too many';
		END IF;
		RAISE WARNING 'customer@example.test';
		RETURN NULL;
	END $$;
	CREATE TRIGGER be_difficult AFTER UPDATE ON ecommerce.order_events
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION be_difficult();
});
place('Large', "large$_\@example.test", 'Street') foreach 1 .. 3;
is(run_mailer($mailer, $node, %login),
	1, 'status 1 when several events cannot be taken at once');
like(
	join(' ', map { $_->{to} } occurrences($smtp, 'accepted')),
	qr/ large1\S+ large2\S+ large3\S+$/,
	'but each is taken by itself');
like(mailer_log(), qr/too many/, 'the log has the error');
unlike(mailer_log(), qr/\@/, 'but no warning');
$node->safe_psql('postgres',
	'DROP TRIGGER be_difficult ON ecommerce.order_events');


# Servers that must get nothing. Only this order is in the outbox.
$node->safe_psql(
	'postgres', q{
	SELECT ecommerce.acknowledge_order_events(array_agg(id)) FROM ecommerce.order_events}
);
my $secret = place('Secret', 'secret@example.test', 'Street');

my $plain    = start_smtp('--login',    'PLAIN');
my $tls      = start_smtp('--tls',      '--login', 'LOGIN');
my $starttls = start_smtp('--starttls', '--login', 'LOGIN');

refused('a server without STARTTLS', $plain, SMTP_URL => smtp_url($plain));
refused(
	'no login, and a server without STARTTLS', $plain,
	SMTP_URL  => smtp_url($plain),
	SMTP_USER => undef);
make_available();
is( run_mailer(
		build_mailer([ 'smtp.c', 'CURLUSESSL_ALL', 'CURLUSESSL_TRY' ]),
		$node, %login, SMTP_URL => smtp_url($plain)),
	0,
	'a mailer that only tries TLS would send');
isnt(scalar(occurrences($plain, 'login')),
	0, 'and the password with it, which is found');
refused('an unknown certificate', $smtp, SMTP_CA_FILE => undef);
refused(
	'an unknown certificate, smtps', $tls,
	SMTP_CA_FILE => undef,
	SMTP_URL     => smtp_url($tls, 'smtps'));
refused('a certificate of another host',
	$smtp, SMTP_URL => smtp_url($smtp) =~ s/localhost/127.0.0.1/r);

# The system's authorities are those of a folder here: the test must not change others.
my $authorities = "$smtp/authorities";
mkdir $authorities or die "could not make $authorities: $!";
run_command([ 'cp', "$smtp/cert.pem", $authorities ]);
run_command([ 'openssl', 'rehash', $authorities ]);
run_command(
	[
		qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1),
		qw(-nodes -days 2 -subj /CN=other),
		'-keyout',
		"$smtp/other.key",
		'-out',
		"$smtp/other.pem"
	]);
my $trusting = build_mailer(
	[
		'smtp.c',
		'curl_easy_setopt(curl, CURLOPT_URL, settings->smtp_url);',
		qq{curl_easy_setopt(curl, CURLOPT_URL, settings->smtp_url);
			curl_easy_setopt(curl, CURLOPT_CAPATH, "$authorities");}
	]);
make_available();
is(run_mailer($trusting, $node, %login, SMTP_CA_FILE => undef),
	0, 'a certificate of an authority of the system');
refused(
	'the same, if SMTP_CA_FILE has others', $smtp,
	program      => $trusting,
	SMTP_CA_FILE => "$smtp/other.pem");
refused('a wrong password', $smtp, SMTP_PASSWORD => 'wrong', logins => 1);
like(
	mailer_log(),
	qr/SMTP reply 535/,
	'a wrong password: the log has the reply');

is(run_mailer($mailer, $node, %login, SMTP_TLS => 'off'),
	2, 'a login without TLS is refused at the start');
is(run_mailer($mailer, $node, %login, @$_), 2, "$_->[0] must make sense")
  foreach [ SMTP_URL => 'http://localhost' ], [ SMTP_URL => undef ],
  [ SMTP_URL   => 'smtp://shop:secret@localhost' ],
  [ MAIL_FROM  => "a\@b\r\nBcc: c\@d" ], [ SMTP_TLS => 'yes' ],
  [ MAIL_COPY   => 'nobody' ], [ MAIL_EVENTS => 'order_shipped, order_eaten' ],
  [ MAIL_EVENTS => ' ' ],
  [ MAIL_TEXTS  => 'order_mail' ], [ MAIL_TEXTS => 'a.b(c); DROP TABLE x' ],
  [ MAIL_LEASE => '3' ], [ MAIL_LEASE => '60s' ], [ SMTP_TIMEOUT => '-1' ];
is(run_mailer($mailer, $node, %login, options => ['--onc']),
	2, 'options must make sense');

# And servers that may.
delivered(
	'smtps', $tls,
	SMTP_URL     => smtp_url($tls, 'smtps'),
	SMTP_CA_FILE => "$tls/cert.pem");
delivered(
	'STARTTLS, mechanism LOGIN', $starttls,
	SMTP_URL     => smtp_url($starttls),
	SMTP_CA_FILE => "$starttls/cert.pem");
$plain = start_smtp();
delivered(
	'a relay without TLS', $plain,
	SMTP_URL  => smtp_url($plain),
	SMTP_TLS  => 'off',
	SMTP_USER => undef);
is(run_mailer($mailer, $node, %login),
	0, '--once: status 0 when there is nothing');


# A role that may take but not acknowledge sends nothing.
$node->safe_psql('postgres',
	'REVOKE EXECUTE ON FUNCTION ecommerce.acknowledge_order_events FROM mailer'
);
refused('no right to acknowledge', $smtp);
like(mailer_log(),
	qr/permission denied for function acknowledge_order_events/,
	'and says so');
is( $node->safe_psql(
		'postgres',
		"SELECT attempts FROM ecommerce.order_events WHERE order_id = $secret"
	),
	'0',
	'and takes nothing');


# The program is built again when the version changes.
my $copy = dirname(dirname(build_mailer()));
system_or_bail(
	'sed', '-i',
	"s/^default_version.*/default_version = '12.3'/",
	"$copy/ecommerce.control");
system_or_bail('make', '-s', '-C', "$copy/mailer");
is(`$copy/mailer/ecommerce-mailer --version`,
	"ecommerce-mailer 12.3\n", 'a new version is built in');

# Those who package it choose how it is compiled and linked.
$ENV{CFLAGS}  = '-O1 -frecord-gcc-switches -fno-tree-ter';
$ENV{LDFLAGS} = '-Wl,--build-id=0x5ca1ab1e';
system_or_bail('make', '-s', '-B', '-C', "$copy/mailer");
like(slurp_file("$copy/mailer/ecommerce-mailer"),
	qr/-fno-tree-ter/, 'with the CFLAGS of the environment');
like(`readelf --notes $copy/mailer/ecommerce-mailer`,
	qr/Build ID: 5ca1ab1e/, 'and its LDFLAGS');

done_testing();


# Places an order for a new customer and returns its id.
sub place
{
	my ($customer, $email, $address, $product) = @_;
	my @texts =
	  map { defined $_ ? '$text$' . encode_utf8($_) . '$text$' : 'NULL' }
	  ($customer, $email, $address, $product // 'Thing 1');

	return $node->safe_psql(
		'postgres', qq{
		UPDATE ecommerce.products SET name = $texts[3] WHERE id = 1;
		INSERT INTO ecommerce.users (name, email) VALUES ($texts[0], $texts[1]) RETURNING id AS customer \\gset
		SELECT ecommerce.add_to_cart(:customer, 1, 2), ecommerce.add_to_cart(:customer, 4, 3) \\gset
		SELECT ecommerce.place_order(:customer, shipping_address => $texts[2])->'id';
	});
}

# A query for what has failed, and why.
sub dead_letters
{
	return q{
		SELECT email, failure
		FROM ecommerce.order_events JOIN ecommerce.users ON users.id = customer_id
		WHERE failed_at IS NOT NULL ORDER BY email COLLATE "C"};
}

# Checks what the composer of a mailer composes. The options are for the compiler.
sub check_messages
{
	my ($program, @options) = @_;
	my $folder = dirname($program);

	system_or_bail('cc', '-g', @options, '-o', "$folder/compose",
		"$root/test/mailer/compose.c",
		(map { "$folder/$_.c" } qw(address message texts encoding report)), '-lidn2');
	return
	  `/usr/bin/python3 $root/test/mailer/check_messages.py $folder/compose $seed 2>&1`;
}

# Runs the mailer and finds that the server has got neither mail nor password.
sub refused
{
	my ($what, $server, %settings) = @_;
	my $logins  = delete $settings{logins}  // 0;
	my $program = delete $settings{program} // $mailer;
	my $before = () = slurp_file("$server/log") =~ /\n/g;
	my $after;

	make_available();
	is(run_mailer($program, $node, %login, %settings), 1, "$what: status 1");
	$after = () = slurp_file("$server/log") =~ /\n/g;
	is($after - $before, $logins, "$what: nothing is sent");
	return;
}

sub delivered
{
	my ($what, $server, %settings) = @_;

	make_available();
	is(run_mailer($mailer, $node, %login, %settings), 0, "$what: status 0");
	is(join(' ', map { $_->{to} } occurrences($server, 'accepted')),
		'secret@example.test', "$what: it is sent");
	return;
}

# As if the secret order's event had never been taken.
sub make_available
{
	$node->safe_psql(
		'postgres', qq{
		UPDATE ecommerce.order_events SET taken_until = NULL, delivered_at = NULL, attempts = 0
		WHERE order_id = $secret});
	return;
}
