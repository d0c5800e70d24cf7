#!/bin/sh
# test.sh [NAME ...]: runs these tests, or all of tests/*.sh.
set -u
export LC_ALL=C
cd "$(dirname "$0")" || exit 1

# expect WHAT WANTED GOT
expect() {
    [ "$3" = "$2" ] && return
    echo "not ok $name: $1: $3, wanted $2"
    exit 1
}

# answer WANTED ARGUMENT ...: what the program must say to these arguments.
answer() {
    wanted=$1
    shift
    expect "$*" "$wanted" "$(sh bin/* "$@" 2>&1)"
}

[ $# -gt 0 ] || set -- tests/*.sh
failed=0
for name in "$@"; do
    name=$(basename "$name" .sh)
    if (. "./tests/$name.sh"); then
        echo "ok $name"
    else
        failed=1
    fi
done
exit $failed
