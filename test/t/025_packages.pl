# Proves that what comes with the code says the same as the code: META.json, the Debian
# package, of the mailer the manual page, the sample of its settings and its unit, and what
# a container of the server runs at its first start.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use lib $FindBin::RealBin;
use Mail;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Shop;
use Test::More;

my $root = "$FindBin::RealBin/../..";
my ($version) = slurp_file("$root/ecommerce.control") =~ /^default_version = '(.*)'$/m;


# META.json, by PGXN's specification 1.0.0: https://pgxn.org/spec
my $meta = decode_json(slurp_file("$root/META.json"));

is_deeply([ violations($meta) ], [], 'META.json is as PGXN wants it');
foreach my $broken (
	[ 'name', 'a/b' ],
	[ 'version', '2.0' ],
	[ 'abstract', undef ],
	[ 'maintainer', [] ],
	[ 'license', 'PostgreSQL' ],
	[ 'provides', {} ],
	[ 'provides', { ecommerce => { file => 'nowhere.sql', version => '2.0.0' } } ],
	[ 'prereqs', { runtime => { requires => { PostgreSQL => '15' } } } ],
	[ 'prereqs', { runtime => { demands => { PostgreSQL => '15.0.0' } } } ],
	[ 'release_status', 'beta' ],
	[ 'tags', ['a/b'] ],
	[ 'meta-spec', { version => '2.0.0' } ],
	[ 'colour', 'red' ])
{
	my ($key, $value) = @$broken;

	isnt(scalar violations({ %$meta, $key => $value }),
		0, "with another $key it is not: " . encode_json([$value]));
}
is_deeply(
	[ $meta->{version}, $meta->{provides}{ecommerce}{version} ],
	[ "$version.0", "$version.0" ],
	'it has the version of the extension, in three numbers');
like(slurp_file("$root/debian/changelog"), qr/\Aecommerce \(\Q$version\E\) /, 'debian/changelog has it, too');

# As pg_buildext would write it for one version.
my $control = slurp_file("$root/debian/control");
my $template = slurp_file("$root/debian/control.in");
my ($major) = $control =~ /^Package: postgresql-(\d+)-ecommerce$/m;

like($template, qr/^Package: postgresql-PGVERSION-ecommerce$/m, 'there is a package for each PostgreSQL');
is($template =~ s/PGVERSION/$major/gr, $control, 'debian/control is made of debian/control.in');
is(slurp_file("$root/debian/pgversions"), $meta->{prereqs}{runtime}{requires}{PostgreSQL} =~ s/\..*/+\n/sr,
	'all have the same oldest PostgreSQL');


# The shop of a container, and that Compose is told of everything it asks for.
my $node = start_server('docker');
my $compose = slurp_file("$root/examples/docker/compose.yaml");
my %asked = map { $_ => 1 } $compose =~ /\$\{(\w+)/g;
my %settings = slurp_file("$root/examples/docker/settings.env") =~ /^(\w+)=(.*)$/mg;

is_deeply([ sort keys %settings ], [ sort keys %asked ], 'the sample for Compose has every setting that is asked for');
{
	local $ENV{AUTHENTICATOR_PASSWORD} = q(it's 1);
	local $ENV{MAILER_PASSWORD} = q(it's 2);
	my ($status, undef, $said) = $node->psql('postgres', slurp_file("$root/examples/docker/open_shop.sql"));

	is_deeply([ $status, $said ], [ 0, '' ], 'a container opens its shop');
}
is( $node->safe_psql(
		'postgres', q{
		SET SESSION AUTHORIZATION authenticator;
		SET ROLE anonymous;
		SELECT count(*) FROM ecommerce_api.products}),
	'0',
	'visitors see its catalogue');
is( $node->safe_psql('postgres',
		q{SELECT count(*) FROM pg_authid WHERE rolname IN ('authenticator', 'mailer') AND rolpassword IS NOT NULL}),
	'2',
	'whoever logs in has a password');

SKIP:
{
	skip 'the mailer cannot be built here (packages pkg-config, libcurl4-openssl-dev, libidn2-dev)', 1
	  if system('pkg-config --exists libpq libcurl libidn2 2>/dev/null') != 0;

	my $prefix = PostgreSQL::Test::Utils::tempdir;
	my $mailer = build_mailer();
	my $unit = "$prefix/lib/systemd/system/ecommerce-mailer.service";

	system_or_bail('make', '-s', '-C', $mailer =~ s|/[^/]*$||r, 'install', "prefix=$prefix");
	$mailer = "$prefix/bin/ecommerce-mailer";

	is(run_mailer($mailer, $node, SMTP_URL => 'smtp://localhost:1'), 0, 'the mailer works there');

	# The manual says of everything what the help says, and may say more.
	my ($help) = run_command([ $mailer, '--help' ]);
	my %help = reverse(entries($help =~ s/\n {18}/ /gr, qr/^  (\S+) +(.*)$/m));
	my $manual = slurp_file("$prefix/share/man/man1/ecommerce-mailer.1") =~ s/\\-/-/gr;
	my %manual = reverse(entries($manual, qr/^\.TP\n\.B (\S+)\n(.*?)\.?$/m));

	is_deeply([ grep { !$help{$_} } $compose =~ /^ +((?:SMTP|MAIL)_\w+): /mg ],
		[], 'and Compose gives it settings that it has');
	cmp_ok(scalar keys %help, '>', 15, 'the help explains options, settings and statuses');
	is_deeply(\%manual, \%help, 'the manual page explains what the help does');

	# What is not set in the sample has the value that the mailer takes without it.
	my $sample = slurp_file("$prefix/share/doc/ecommerce-mailer/examples/ecommerce-mailer.env");
	my %default = map { $help{$_} =~ /(\w+) \(default\)|\(default (\w+)\)/ ? ($_ => $1 // $2) : () } keys %help;

	is_deeply(
		[ sort $sample =~ /^#?((?:SMTP|MAIL)_\w+)=/mg ],
		[ sort grep { /^(?:SMTP|MAIL)_/ } keys %help ],
		'the sample has every setting');
	is_deeply(
		[ sort map { /`((?:SMTP|MAIL)_\w+)`/g } slurp_file("$root/docs/mailer.md") =~ /^\|([^|]+)\|/mg ],
		[ sort grep { /^(?:SMTP|MAIL)_/ } keys %help ],
		'docs/mailer.md has every setting');
	is_deeply({ $sample =~ /^#(\w+)=(\w+)$/mg },
		{ %default, PGTZ => 'UTC' }, 'and their defaults');

	# sh reads what systemd does.
	delete local @ENV{ grep { /^(?:PG|SMTP|MAIL)/ } keys %ENV };
	my $script = "set -a; . '$prefix/share/doc/ecommerce-mailer/examples/ecommerce-mailer.env'; PGHOST=/nowhere '$mailer' --once";
	my $said = `sh -c "$script" 2>&1`;

	is($? >> 8, 1, 'with the sample the mailer begins');
	like($said, qr/database: .*nowhere/, 'and looks for its database');

	like(slurp_file($unit), qr/^ExecStart=\Q$mailer\E$/m, 'the unit starts what was installed');
	skip 'there is no systemd-analyze', 1 if system('systemd-analyze --version >/dev/null 2>&1') != 0;
	is(`systemd-analyze --man=no verify $unit 2>&1`, '', 'systemd finds nothing wrong with the unit');
	is($?, 0, 'and accepts it');
	command_ok([ qw(systemd-analyze --offline=true --threshold=20 security), $unit ],
		'the unit may do little');
}

done_testing();

# What is wrong with the metadata of a distribution.  Of what is optional only that is known
# which ours uses.
sub violations
{
	my ($data) = @_;
	my $text = sub { defined $_[0] && !ref $_[0] && $_[0] =~ /\S/ };
	my $term = sub { $text->($_[0]) && $_[0] =~ m|\A[^\s[:cntrl:]/\\]{2,}\z| };
	my $number = qr/(?:0|[1-9]\d*)/;
	my $semantic = sub { $text->($_[0]) && $_[0] =~ /\A$number\.$number\.$number(?:-?[A-Za-z][0-9A-Za-z-]*)?\z/ };
	my $list = sub {
		my ($value, $check) = @_;
		my @values = ref $value eq 'ARRAY' ? @$value : $value;

		return @values > 0 && !grep { !$check->($_) } @values;
	};
	my $map = sub {
		my ($value, $check_key, $check) = @_;

		return ref $value eq 'HASH' && %$value
		  && !grep { !$check_key->($_) || !$check->($value->{$_}) } keys %$value;
	};
	my $file = sub { $text->($_[0]) && $_[0] !~ m|^/| && -f "$root/$_[0]" };
	my $provided = sub {
		my %check = (file => $file, version => $semantic, abstract => $text, docfile => $file);

		return $_[0]{file} && $_[0]{version} && !grep { !$check{$_} || !$check{$_}->($_[0]{$_}) } keys %{ $_[0] };
	};
	my $requirement = sub {
		$_[0] eq '0' || !grep { !$semantic->(s/^\s*(?:[<>]=?|[!=]=)?\s*//r) } split /,/, $_[0];
	};
	my %check = (
		name => $term,
		abstract => $text,
		version => $semantic,
		maintainer => sub { $list->($_[0], $text) },
		license => sub { $list->($_[0], sub { $_[0] eq 'postgresql' }) },
		provides => sub { $map->($_[0], $term, $provided) },
		'meta-spec' => sub { ref $_[0] eq 'HASH' && ($_[0]{version} // '') eq '1.0.0' },
		description => $text,
		tags => sub { $list->($_[0], sub { $text->($_[0]) && $_[0] =~ m|\A[^[:cntrl:]/\\]{1,256}\z| }) },
		release_status => sub { $text->($_[0]) && $_[0] =~ /\A(?:stable|testing|unstable)\z/ },
		prereqs => sub {
			$map->(
				$_[0],
				sub { $_[0] =~ /\A(?:configure|build|test|runtime|develop)\z/ },
				sub {
					$map->(
						$_[0],
						sub { $_[0] =~ /\A(?:requires|recommends|suggests|conflicts)\z/ },
						sub { $map->($_[0], $term, $requirement) });
				});
		});
	my @required = qw(name abstract version maintainer license provides meta-spec);

	return grep { !$check{$_} || !$check{$_}->($data->{$_}) } @required,
	  grep { !/\A[xX]_/ } keys %$data;
}

# Names and what is said of them, in turn, without the capital letter of a sentence.
sub entries
{
	my ($text, $pattern) = @_;
	my @entries;

	while ($text =~ /$pattern/g)
	{
		push @entries, lcfirst $2, $1;
	}
	return @entries;
}
