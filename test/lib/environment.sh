# shellcheck shell=bash
#
# The box that demo/run, test/run, test/bench/run and test/memory/run work in: a folder
# with a private copy of the PostgreSQL server, run by an unprivileged user, and a copy of
# this checkout, built and installed into it.
#
# PostgreSQL finds its files from where its programs are, so a copied server is a
# whole one. Nothing is written to the checkout, nor to the server installed on
# this machine, whose users must never meet half-tested code; two runs at once do
# not meet either; and one folder removed leaves nothing behind.
#
# A script has two halves. Outside it calls need_server, need and install_missing, then
# make_workspace, then run_inside, which runs the script again as the unprivileged
# user, in the copied checkout. Inside, where $workspace, the box, is set from the start,
# it calls build and start_server and does its work.
#
# A box is removed when its script ends, unless $keep says otherwise: "always", or "failed",
# if the script does. The link .box in the checkout leads to the one that was kept last, in
# which a script goes on if it sets $reuse.

set -euo pipefail

# The supported major versions.
oldest=15
newest=19

PG_CONFIG=${PG_CONFIG:-pg_config}
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
workspace=${ECOMMERCE_WORKSPACE:-}
missing=()
keep=
reuse=

fail() {
	echo "error: $*" >&2
	exit 1
}

# Runs a command, whose output matters only if it fails.
quietly() {
	local output
	output=$("$@" 2>&1) || {
		printf '%s\n' "$output" >&2
		fail "this failed: $*"
	}
}

# Prints as TAP whether a command ends with this status, having printed this text.
expect() {
	local expected=$1 text=$2 status=0 output
	shift 2
	output=$("$@" 2>&1) || status=$?
	if [ "$status" -eq "$expected" ] && [[ $output = *"$text"* ]]; then
		echo "ok 1 - $*"
	else
		printf 'not ok 1 - %s\n# status %s, not %s with "%s":\n%s\n' "$*" "$status" "$expected" "$text" "$output"
	fi
}

# Where the installed server keeps its files, or nothing if there is none.
installed() {
	"$PG_CONFIG" "--$1" 2>/dev/null || true
}

# The major version of PostgreSQL to work with, which may have to be installed yet.
major() {
	local version
	version=$(installed version)
	sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p' <<<"${version:-$PG_CONFIG}"
}

is_supported() {
	[ -n "$1" ] && [ "$1" -ge "$oldest" ] && [ "$1" -le "$newest" ]
}

# Finds the PostgreSQL to work with: the one that the caller names in PG_CONFIG, or else
# one that is here with its development files. Fails if there is none.
find_server() {
	local candidate
	if [ "$PG_CONFIG" != pg_config ]; then
		command -v "$PG_CONFIG" >/dev/null || fail "there is no program \"$PG_CONFIG\""
		return
	fi
	for candidate in pg_config $(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -rV); do
		PG_CONFIG=$candidate
		if [ -x "$(installed bindir)/postgres" ] && [ -f "$(installed includedir-server)/postgres.h" ] &&
			is_supported "$(major)"; then
			return
		fi
	done
	return 1
}

# Notes that a Debian package is missing unless the command after it succeeds.
need() {
	local package=$1
	shift
	"$@" >/dev/null 2>&1 || [[ " ${missing[*]} " = *" $package "* ]] || missing+=("$package")
}

# The same of a package that not every system has for this version of PostgreSQL: what
# needs it is skipped without it.
like_to_have() {
	"${@:2}" >/dev/null 2>&1 && return
	command -v apt-get >/dev/null && { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; } || return 0
	read_packages
	[ -z "$(apt-cache pkgnames "$1" 2>/dev/null)" ] || need "$@"
}

# Without a server, the one to have is the distribution's.
need_server() {
	local version
	if ! find_server; then
		read_packages
		version=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p') || true
		is_supported "$version" ||
			fail "no PostgreSQL from $oldest to $newest can be installed: the package \"postgresql\" is ${version:-not to be had}$unread"
		PG_CONFIG=/usr/lib/postgresql/$version/bin/pg_config
	fi
	need gcc command -v cc
	need libc6-dev cc -include stdio.h -x c -fsyntax-only /dev/null
	need make command -v make
	need "postgresql-$(major)" test -x "$(installed bindir)/postgres"
	need "postgresql-server-dev-$(major)" test -f "$(installed includedir-server)/postgres.h"
}

# Sets $as_root to what a command that needs root begins with.
become_root() {
	as_root=(env)
	[ "$(id -u)" -eq 0 ] || as_root=(sudo env)
	type apt-get "${as_root[0]}" >/dev/null 2>&1 ||
		fail "please install these first (Debian's names): ${missing[*]:-postgresql postgresql-server-dev-all}"
}

# Runs apt-get. Of what it complains of, one line is kept, in $reason.
apt_get() {
	local output status=0
	output=$("${as_root[@]}" DEBIAN_FRONTEND=noninteractive \
		apt-get --quiet=2 -o APT::Keep-Downloaded-Packages=false "$@" 2>&1) || status=$?
	reason=$(sed -n 's/^[EW]: //p' <<<"$output" | head -n 1)
	return "$status"
}

# Reads anew, once, which packages there are. A list that cannot be had matters only if a
# package cannot then.
read_packages() {
	become_root
	if [ -z "${unread+read}" ]; then
		apt_get update || true
		unread=${reason:+; of the lists of packages: $reason}
	fi
}

# Installs what need found missing. Debian's packages would create and start servers
# for the whole machine, which nobody asked for, so they are told not to.
install_missing() {
	local no_cluster=/etc/postgresql-common/createcluster.d/ecommerce.conf
	local no_start=/usr/sbin/policy-rc.d

	[ ${#missing[@]} -gt 0 ] || return 0
	become_root
	echo "Installing from Debian's packages: ${missing[*]}"
	(
		[ ! -e "$no_start" ] || no_start=
		trap '"${as_root[@]}" rm -f "$no_cluster" ${no_start:+"$no_start"}' EXIT
		"${as_root[@]}" mkdir -p "${no_cluster%/*}"
		echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" >/dev/null
		if [ -n "$no_start" ]; then
			printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$no_start" >/dev/null
			"${as_root[@]}" chmod 755 "$no_start"
		fi
		read_packages
		apt_get install --yes --no-install-recommends "${missing[@]}" ||
			fail "these packages could not be installed: ${missing[*]} ($reason$unread)"
	)
}

# Ends what still runs in a box, and removes it. A server leaves the process group it was
# started from, so servers are found by their program or, where that is valgrind, by the
# data directory they work in.
remove_box() {
	local box=${1:?} servers
	for _ in {1..100}; do
		servers=$(find /proc/[0-9]*/exe /proc/[0-9]*/cwd -maxdepth 0 \
			'(' -lname "$box/server/*" -o -lname "$box/data*" ')' 2>/dev/null |
			tr -dc '0-9\n') || true
		[ -n "$servers" ] || break
		# shellcheck disable=SC2086 # these are several process ids
		kill -QUIT $servers 2>/dev/null || true
		sleep 0.1
	done
	rm -rf "$box"
}

# Where the box is that was kept, if there is one.
kept_box() {
	readlink "$checkout/.box" || true
}

keep_box() {
	local before
	before=$(kept_box)
	[ "$before" != "$workspace" ] || return 0
	ln -sfn "$workspace" "$checkout/.box"
	[ -z "$before" ] || remove_box "$before"
}

# Ends the half inside, and removes or keeps the box, however we got here.
clean_up() {
	local status=$?
	: "${workspace:?}"
	set +e
	trap '' HUP INT TERM
	if [ -n "${inside:-}" ]; then
		kill -TERM -- "-$inside" 2>/dev/null
		wait "$inside" 2>/dev/null
	fi
	if [ "$keep" = always ] || { [ "$keep" = failed ] && [ "$status" -eq 1 ]; }; then
		keep_box
		[ "$status" -eq 0 ] || printf '%s\n' \
			"The box is kept: $workspace, with the server's log, data.log, and the results, in build." \
			'"test/run shell" enters it, "test/run remove" removes it.'
	else
		remove_box "$workspace"
	fi
}

# Sets $workspace to the box that was kept. Fails if there is none of this server.
take_kept_box() {
	workspace=$(kept_box)
	[ -n "$workspace" ] && [ -x "$workspace/server$(installed bindir)/postgres" ]
}

# Makes a box, or goes on in the one that was kept: what has been built in it need not be
# built again.
make_workspace() {
	local directory path wanted=$keep
	# The trap comes after the name: clean_up ends what runs in $workspace, which an empty
	# one would make every process. What is half made is not kept.
	keep=
	if [ -n "$reuse" ] && take_kept_box; then
		wanted=always
		keep=always
	else
		workspace=$(mktemp -d "${TMPDIR:-/tmp}/ecommerce.XXXXXX")
	fi
	exec {lock}<"$workspace"
	flock --nonblock "$lock" || fail "another run is in the box, $workspace"
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM

	if [ -z "$keep" ]; then
		mkdir "$workspace/build" "$workspace/tmp"
		for directory in bindir pkglibdir sharedir includedir-server; do
			path=$(installed "$directory")
			mkdir -p "$workspace/server${path:?}"
			cp -RL "$path/." "$workspace/server$path"
		done
	fi
	# What was built in the checkout was built for another server.
	version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$checkout/ecommerce.control")
	rm -rf "$workspace/checkout"
	mkdir "$workspace/checkout"
	tar -C "$checkout" --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
		--exclude="./sql/ecommerce--*$version.sql" -cf - . |
		tar -C "$workspace/checkout" -xf -
	keep=$wanted
}

# Sets $enter to what a command begins with that is to run as the unprivileged user, in the
# copied checkout, and in an environment that no setting of the caller's reaches, but for
# those that repeat or prolong a random test.
prepare_entry() {
	local bindir user
	bindir=$workspace/server$(installed bindir)

	# The server refuses to run as root.
	enter=()
	if [ "$(id -u)" -eq 0 ]; then
		user=$(id -un postgres 2>/dev/null || echo nobody)
		chown -R "$user" "$workspace"
		enter=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
	fi
	enter+=(env --chdir="$workspace/checkout" -i PATH="$bindir:$PATH" PG_CONFIG="$bindir/pg_config"
		HOME="$workspace" TMPDIR="$workspace/tmp" TERM="${TERM:-dumb}" LANG=C.UTF-8
		ECOMMERCE_WORKSPACE="$workspace" ECOMMERCE_KEEP="$keep"
		${SEED:+"SEED=$SEED"} ${SOAK_SECONDS:+"SOAK_SECONDS=$SOAK_SECONDS"} ${ORDERS:+"ORDERS=$ORDERS"})
}

# Runs a script of the checkout again, inside, and ends with its status.
run_inside() {
	prepare_entry
	# A process group of its own, so that clean_up can end all of it.
	set -m
	"${enter[@]}" "$@" </dev/null {lock}<&- &
	inside=$!
	wait "$inside"
	exit
}

# Inside: what PGXS makes it makes outside the copied checkout, which the next run in this
# box replaces.
make_here() {
	mkdir -p "$workspace/build"
	make --silent --no-print-directory --directory="$workspace/build" \
		--file="$PWD/Makefile" VPATH="$PWD" with_llvm=no "$@"
}

# Inside: builds the extension and installs it into the copied server. What has not
# changed since the last time is not compiled again, and only the compiler has something to
# say, of the files as they are named in the checkout. The arguments are for make.
build() {
	echo "Building the extension for $("$PG_CONFIG" --version)"
	make_here --jobs="$(nproc)" --output-sync=target "$@" 2>&1 | sed "s|$PWD/||g" ||
		fail "the extension could not be built"
}

# Inside: starts a new server that only this user can reach and makes it the default of
# every client. The arguments are lines for postgresql.conf. It works in the folder
# $data, if that is set, and takes the place of the server that works there.
start_server() {
	if [ ! -e "$workspace/data.new" ]; then
		quietly initdb --pgdata="$workspace/data.new" --username=postgres --auth=trust \
			--encoding=UTF8 --locale=C.UTF-8 --no-sync
	fi
	data=${data:-$(mktemp -d "$workspace/data.XXXXXX")}
	[ ! -e "$data/postmaster.pid" ] || pg_ctl --pgdata="$data" --mode=immediate stop >/dev/null 2>&1 || true
	rm -rf "$data" "$data.log"
	cp -R "$workspace/data.new" "$data"
	printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$data'" "$@" >>"$data/postgresql.conf"
	pg_ctl --pgdata="$data" --log="$data.log" --wait start >/dev/null || {
		cat "$data.log" >&2
		fail "the server did not start"
	}
	# The half outside ends a server that may be kept.
	[ -n "${ECOMMERCE_KEEP:-}" ] || trap 'pg_ctl --pgdata="$data" --mode=immediate stop >/dev/null' EXIT
	connect_to_server
}

connect_to_server() {
	export PGHOST=$data PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}
