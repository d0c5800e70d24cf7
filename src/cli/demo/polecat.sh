#!/bin/sh
# polecat.sh [NUMBER]: the demo's scripted agent. It makes change NUMBER
# (or $DEMO_CHANGE), 1 to 8, in the worktree it stands in, commits it and
# queues it. Numbers 2 and 6 conflict, and 4 breaks the tests.
set -eu

change=${1:-${DEMO_CHANGE:-}}
cat >/dev/null # the prompt: this agent knows its work by number

say() {
    echo "polecat ${GT_BEAD:-$change}: $*"
}

# edit FILE PROGRAM: FILE becomes what the awk program makes of it.
edit() {
    awk "$2" "$1" >"$1.new"
    if cmp -s "$1" "$1.new"; then
        rm -f "$1.new"
        say "found nothing to change in $1"
        exit 1
    fi
    mv "$1.new" "$1"
}

# checked TEST: the change has a test of its own, and it passes.
checked() {
    result=$(sh test.sh "$1") || {
        say "$result"
        exit 1
    }
    say "$result"
}

case $change in
1)
    say "writing lib/easter.awk"
    cat >lib/easter.awk <<'EOF'
#: easter YEAR              the date of Easter Sunday
function easter(y,    a, b, c, e, g, h, l, m, n) {
    a = y % 19
    b = int(y / 100)
    c = y % 100
    g = int((8 * b + 13) / 25)
    h = (19 * a + b - int(b / 4) - g + 15) % 30
    e = b % 4
    l = (32 + 2 * e + 2 * int(c / 4) - h - c % 4) % 7
    m = int((a + 11 * h + 19 * l) / 433)
    n = h + l - 7 * m
    m = int((n + 90) / 25)
    return days(y, m, (n + 33 * m + 19) % 32)
}

BEGIN {
    print date(easter(ARGV[1]))
}
EOF
    cat >tests/easter.sh <<'EOF'
answer 1818-03-22 easter 1818
answer 1981-04-19 easter 1981
answer 2000-04-23 easter 2000
answer 2024-03-31 easter 2024
answer 2038-04-25 easter 2038
EOF
    checked easter
    message="Add the command easter"
    ;;

2)
    say "teaching weekday the option -s"
    edit lib/weekday.awk '
/^#: weekday/ { sub(/ DATE     /, " [-s] DATE") }
/^    print name/ {
    print "    if (ARGV[1] == \"-s\")"
    print "        name = substr(name, 1, 3)"
}
{ print }'
    cat >tests/weekday-short.sh <<'EOF'
answer Sun weekday -s 1969-07-20
answer Thu weekday -s 2024-02-29
answer Thursday weekday 2024-02-29
EOF
    checked weekday-short
    message="Print short weekday names with weekday -s"
    ;;

3)
    say "writing lib/between.awk"
    cat >lib/between.awk <<'EOF'
#: between DATE DATE        how many days from the first to the second
BEGIN {
    print parse(ARGV[2]) - parse(ARGV[1])
}
EOF
    cat >tests/between.sh <<'EOF'
answer 0 between 2024-02-29 2024-02-29
answer 366 between 2024-01-01 2025-01-01
answer -31 between 2024-02-01 2024-01-01
answer 10957 between 1970-01-01 2000-01-01
EOF
    checked between
    message="Add the command between"
    ;;

4)
    # The bug: 1900 and 2100 have no February 29, and this forgets it.
    say "replacing the loop over the months in lib/date.awk by a formula"
    edit lib/date.awk '
/^function days\(/ { sub(/, i\)/, ")") }
/^    for \(i = 1; i < m; i\+\+\)/ {
    print "    n += int((367 * m - 362) / 12) # as if February had 30 days"
    print "    if (m > 2)"
    print "        n -= y % 4 ? 2 : 1"
    getline
    next
}
{ print }'
    for date in 1969-07-20 2000-03-01 2024-02-29; do
        say "trying $date: $(sh bin/almanac weekday $date)"
    done
    message="Count the days before a month without a loop"
    ;;

5)
    say "writing lib/month.awk"
    cat >lib/month.awk <<'EOF'
#: month YYYY-MM            a page of the calendar
BEGIN {
    n = parse(ARGV[1] "-01")
    split(ARGV[1], part, "-")
    last = month_length(part[1] + 0, part[2] + 0)
    print "Mo Tu We Th Fr Sa Su"
    for (d = 1 - n % 7; d <= last; d++) {
        line = line (d < 1 ? "  " : sprintf("%2d", d))
        if ((n + d) % 7 == 0 || d == last) {
            print line
            line = ""
        } else
            line = line " "
    }
}
EOF
    cat >tests/month.sh <<'EOF'
answer "Mo Tu We Th Fr Sa Su
          1  2  3  4
 5  6  7  8  9 10 11
12 13 14 15 16 17 18
19 20 21 22 23 24 25
26 27 28 29" month 2024-02

answer "Mo Tu We Th Fr Sa Su
                   1
 2  3  4  5  6  7  8
 9 10 11 12 13 14 15
16 17 18 19 20 21 22
23 24 25 26 27 28 29
30 31" month 2023-10
EOF
    checked month
    message="Add the command month, a page of the calendar"
    ;;

6)
    say "teaching weekday the option -n"
    edit lib/weekday.awk '
/^#: weekday/ { sub(/ DATE     /, " [-n] DATE") }
/^    print name/ {
    print "    if (ARGV[1] == \"-n\")"
    print "        name = n % 7 + 1"
}
{ print }'
    cat >tests/weekday-number.sh <<'EOF'
answer 7 weekday -n 1969-07-20
answer 4 weekday -n 2024-02-29
answer Thursday weekday 2024-02-29
EOF
    checked weekday-number
    message="Print ISO weekday numbers with weekday -n"
    ;;

7)
    say "making parse in lib/date.awk look at the calendar"
    edit lib/date.awk '
/^    return days\(part\[1\]/ {
    print "    if (part[2] < 1 || part[2] > 12 ||"
    print "        part[3] < 1 || part[3] > month_length(part[1], part[2]))"
    print "        fail(\"there is no \" text)"
}
{ print }'
    cat >tests/no-such-date.sh <<'EOF'
answer "almanac: there is no 2023-02-29" weekday 2023-02-29
answer "almanac: there is no 2024-13-01" add 2024-13-01 1
answer "almanac: there is no 2024-04-00" weekday 2024-04-00
answer 2024-03-01 add 2024-02-29 1
EOF
    checked no-such-date
    message="Refuse dates that do not exist"
    ;;

8)
    say "writing lib/moon.awk"
    cat >lib/moon.awk <<'EOF'
#: moon DATE                the phase of the moon, give or take a day
BEGIN {
    split("new moon,waxing crescent,first quarter,waxing gibbous," \
        "full moon,waning gibbous,last quarter,waning crescent", phase, ",")
    month = 29.530588853
    # Noon of the date, since the new moon of 2000-01-06 at 18:14.
    age = parse(ARGV[1]) - days(2000, 1, 6) + 0.5 - 0.76
    age -= month * int(age / month)
    if (age < 0)
        age += month
    print phase[int(8 * age / month + 0.5) % 8 + 1]
}
EOF
    cat >tests/moon.sh <<'EOF'
answer "new moon" moon 1999-08-11
answer "full moon" moon 2019-07-16
answer "new moon" moon 2024-04-08
answer "waning crescent" moon 2024-04-05
answer "last quarter" moon 2024-05-01
EOF
    checked moon
    message="Add the command moon, for the phase of the moon"
    ;;

*)
    say "there is no change '$change', only 1 to 8"
    exit 2
    ;;
esac

git add lib tests
git commit -q -m "$message"
say "committed \"$message\""
git gt done
