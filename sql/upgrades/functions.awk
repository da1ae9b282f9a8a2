# Turns the files of functions into what an upgrade does with them.
#
#   awk -f functions.awk mode=released RELEASED... mode=upgrade UPGRADE mode=present FILE...
#
# A function that a released script has made, and the upgrade does not drop, is replaced, and
# there is no REVOKE for it: a script that changes the privileges of a function makes all of
# them part of the extension, those too that the shop has granted, and pg_dump would leave
# them out.

function name(word) {
	sub(/\(.*/, "", word)
	return word
}

mode == "released" && /^CREATE FUNCTION / { is_there[name($3)] = 1 }
mode == "upgrade" && /^DROP FUNCTION / { delete is_there[name($3)] }
mode != "present" { next }
/^CREATE FUNCTION / && name($3) in is_there { sub(/^CREATE/, "CREATE OR REPLACE") }
/^REVOKE EXECUTE ON FUNCTION / && $5 in is_there { next }
{ print }
