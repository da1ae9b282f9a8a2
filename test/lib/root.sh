# shellcheck shell=bash
#
# A folder that is the root of what runs in it: other systems than this machine's, for
# test/versions/run, test/debian/run and test/packages/run. They come from the archive that
# this machine uses. Nothing is installed on this machine for good, what is mounted is
# mounted for the script alone, and the folder is removed at the end.
#
# This needs root, Linux namespaces and Debian's archive. A script for which one of them is
# missing says so, counts one skipped test, and has not failed. The last line counts as that
# of test/run does.

# shellcheck source=test/lib/environment.sh
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

passed=0
failed=0
skipped=0

skip() {
	echo "skipped: $*"
	skipped=$((skipped + 1))
}

skip_all() {
	echo "skipped: $*"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

# enter_namespaces WHAT SCRIPT ARGUMENT...
# Outside: runs the script again in namespaces of its own, whose mounts and processes end
# with it, and ends with its status. Its folder is removed by a process that never saw the
# mounts. Inside: sets $folder to it, and $root to what is to be the root.
enter_namespaces() {
	local what=$1
	shift
	folder=${ECOMMERCE_FOLDER:-}
	root=$folder/root
	[ -z "$folder" ] || return 0

	[ "$(id -u)" -eq 0 ] || skip_all "$what: chroot needs root"
	command -v apt-get >/dev/null || skip_all "$what: it comes from Debian's packages"
	unshare --mount --pid --fork --kill-child mount -t tmpfs none /mnt 2>/dev/null ||
		skip_all "$what: mounts are not permitted here"

	workspace=$(mktemp -d "${TMPDIR:-/tmp}/ecommerce.XXXXXX")
	# What is first in its namespace hears of no other signal, and takes the rest along.
	trap 'kill -KILL -- "-${inside:-none}" 2>/dev/null || true; remove_box "$workspace"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	set -m
	ECOMMERCE_FOLDER=$workspace unshare --mount --pid --fork --kill-child "$@" </dev/null &
	inside=$!
	wait "$inside"
	exit
}

# Where this machine gets Debian's packages from.
mirror() {
	# shellcheck disable=SC2016 # apt-get expands it
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1
}

mount_devices() {
	mkdir -p "$root"/{dev,proc}
	mount --rbind /dev "$root/dev"
	mount -t proc proc "$root/proc"
}

# Adds up what the tests counted whose output is in $folder/log.
count() {
	local counts good bad left_out
	counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\?$/\1 \2 0\4/p' "$folder/log" | tail -n 1)
	if [ -n "$counts" ]; then
		read -r good bad left_out <<<"$counts"
		passed=$((passed + good))
		failed=$((failed + bad))
		skipped=$((skipped + 10#$left_out))
	else
		echo "The tests did not come to an end, which counts as a failed test."
		failed=$((failed + 1))
	fi
}

summarize() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}
