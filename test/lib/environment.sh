# shellcheck shell=bash
#
# The machine that demo/run, test/run and test/bench/run work on: a private copy
# of the PostgreSQL server in a temporary folder, run by an unprivileged user, with
# a copy of this checkout built and installed into it.
#
# PostgreSQL finds its files from where its programs are, so a copied server is a
# whole one. Nothing is written to the checkout, nor to the server installed on
# this machine, whose users must never meet half-tested code; two runs at once do
# not meet either; and one folder removed leaves nothing behind.
#
# A script has two halves. Outside it calls need and install_missing, then
# make_workspace, then run_inside, which runs the script again as the unprivileged
# user, in the copied checkout. Inside, where $workspace is set from the start, it
# calls build and start_server and does its work.

set -euo pipefail

PG_CONFIG=${PG_CONFIG:-pg_config}
workspace=${ECOMMERCE_WORKSPACE:-}
missing=()

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

# Notes that a Debian package is missing unless the command after it succeeds.
need() {
	local package=$1
	shift
	"$@" >/dev/null 2>&1 || missing+=("$package")
}

# Where the installed server keeps its files, or nothing if there is none.
installed() {
	"$PG_CONFIG" "--$1" 2>/dev/null || true
}

# The major version of PostgreSQL to work with.
major() {
	local version
	version=$(installed version | sed -n '1s/[^0-9]*\([0-9]*\).*/\1/p')
	echo "${version:-15}"
}

need_server() {
	[ "$PG_CONFIG" = pg_config ] || command -v "$PG_CONFIG" >/dev/null || fail "there is no program \"$PG_CONFIG\""
	need gcc command -v cc
	need libc6-dev cc -include stdio.h -x c -fsyntax-only /dev/null
	need make command -v make
	need "postgresql-$(major)" test -x "$(installed bindir)/postgres"
	need "postgresql-server-dev-$(major)" test -f "$(installed includedir-server)/postgres.h"
}

# Installs what need found missing. Debian's packages would create and start servers
# for the whole machine, which nobody asked for, so they are told not to.
install_missing() {
	local as_root=(env) no_cluster=/etc/postgresql-common/createcluster.d/ecommerce.conf
	local no_start=/usr/sbin/policy-rc.d

	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		fail "please install these first (Debian's names): ${missing[*]}"
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null ||
			fail "please run as root: apt-get install ${missing[*]}"
		as_root=(sudo env)
	fi

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
		quietly "${as_root[@]}" apt-get update
		quietly "${as_root[@]}" DEBIAN_FRONTEND=noninteractive \
			apt-get install --yes --no-install-recommends "${missing[@]}"
	)
}

# Ends whatever still runs inside and removes the workspace, however we got here.
# A server leaves the process group it was started from, so servers are found by
# their program or, where that is valgrind, by the data directory they work in.
clean_up() {
	local servers
	: "${workspace:?}"
	set +e
	trap '' HUP INT TERM
	if [ -n "${inside:-}" ]; then
		kill -TERM -- "-$inside" 2>/dev/null
		wait "$inside" 2>/dev/null
	fi
	for _ in {1..100}; do
		servers=$(find /proc/[0-9]*/exe /proc/[0-9]*/cwd -maxdepth 0 \
			'(' -lname "$workspace/server/*" -o -lname "$workspace/data.*" ')' 2>/dev/null |
			tr -dc '0-9\n')
		[ -n "$servers" ] || break
		# shellcheck disable=SC2086 # these are several process ids
		kill -QUIT $servers 2>/dev/null
		sleep 0.1
	done
	rm -rf "$workspace"
}

# Copies the checkout and the installed server to a folder of the unprivileged user.
make_workspace() {
	local checkout directory path
	checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

	# The trap comes second: clean_up ends what runs in $workspace, which an empty name
	# would make every process.
	workspace=$(mktemp -d "${TMPDIR:-/tmp}/ecommerce.XXXXXX")
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM

	mkdir "$workspace/checkout" "$workspace/tmp"
	tar -C "$checkout" --exclude=./.git -cf - . | tar -C "$workspace/checkout" -xf -
	for directory in bindir pkglibdir sharedir includedir-server; do
		path=$("$PG_CONFIG" "--$directory")
		mkdir -p "$workspace/server${path:?}"
		cp -RL "$path/." "$workspace/server$path"
	done
}

# Runs a script of the checkout again as the unprivileged user, in the copied
# checkout and in an environment that no setting of the caller's reaches, but for
# those that repeat or prolong a random test, and ends with its status.
run_inside() {
	local bindir user as_user=(env)
	bindir=$workspace/server$(installed bindir)

	# The server refuses to run as root.
	if [ "$(id -u)" -eq 0 ]; then
		user=$(id -un postgres 2>/dev/null || echo nobody)
		chown -R "$user" "$workspace"
		as_user=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups)
	fi

	cd "$workspace/checkout"
	# A process group of its own, so that clean_up can end all of it.
	set -m
	"${as_user[@]}" env -i PATH="$bindir:$PATH" PG_CONFIG="$bindir/pg_config" \
		HOME="$workspace" TMPDIR="$workspace/tmp" TERM="${TERM:-dumb}" LANG=C.UTF-8 \
		ECOMMERCE_WORKSPACE="$workspace" ${SEED:+"SEED=$SEED"} \
		${SOAK_SECONDS:+"SOAK_SECONDS=$SOAK_SECONDS"} "$@" </dev/null &
	inside=$!
	wait "$inside"
	exit
}

# Inside: builds the extension once and installs it into the copied server. The
# arguments are for make.
build() {
	[ ! -e "$workspace/built" ] || return 0
	echo "Building the extension for $("$PG_CONFIG" --version)"
	quietly make clean
	quietly make with_llvm=no "$@"
	touch "$workspace/built"
}

# Inside: starts a server that only this user can reach and makes it the default of
# every client. The arguments are lines for postgresql.conf.
start_server() {
	data=$(mktemp -d "$workspace/data.XXXXXX")
	quietly initdb --pgdata="$data" --username=postgres --auth=trust \
		--encoding=UTF8 --locale=C.UTF-8 --no-sync
	printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$data'" "$@" >>"$data/postgresql.conf"
	pg_ctl --pgdata="$data" --log="$data.log" --wait start >/dev/null || {
		cat "$data.log" >&2
		fail "the server did not start"
	}
	trap 'pg_ctl --pgdata="$data" --mode=immediate stop >/dev/null' EXIT
	export PGHOST=$data PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}
