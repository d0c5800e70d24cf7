#!/bin/sh
# polecat.sh NUMBER: the demo's scripted agent. It makes change NUMBER, 1 to 12,
# in the worktree it stands in, commits it and queues it: 1 to 8 in almanac,
# 9 to 12 in agenda. At first 4 breaks the tests, 3 breaks them together with 7,
# 6 conflicts with 2, and whoever does 8 is killed; who finds mail about that
# does better.
set -eu

change=$1
cat >/dev/null # the prompt: this agent knows its work by number

say() {
    echo "polecat $GT_BEAD: $*"
}

# What became of the last try stands in the mail of whoever made it; a conflict
# has become a bead of its own.
again=
news=$(git gt mail inbox --unread |
    grep -e " $GT_BEAD was ejected" -e " conflicts with ") || news=
if [ -n "$news" ]; then
    again=yes
    git gt mail mark-read "${news%% *}" >/dev/null
    say "reads mail ${news%% *} first"
fi

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
    say "writing lib/due.awk"
    if [ -z "$again" ]; then
        # The bug: there need not be such a day, and parse may not stay lenient.
        cat >lib/due.awk <<'EOF'
#: due DATE MONTHS          the date so many months later
BEGIN {
    split(ARGV[1], part, "-")
    m = part[1] * 12 + part[2] - 1 + ARGV[2]
    print date(parse(sprintf("%d-%d-%d", int(m / 12), m % 12 + 1, part[3])))
}
EOF
        january=2024-03-02
    else
        say "taking the last day of a month that is too short"
        cat >lib/due.awk <<'EOF'
#: due DATE MONTHS          the date so many months later, or the month's last
BEGIN {
    split(ARGV[1], part, "-")
    m = part[1] * 12 + part[2] - 1 + ARGV[2]
    y = int(m / 12)
    m = m % 12 + 1
    last = month_length(y, m)
    print date(days(y, m, part[3] > last ? last : part[3]))
}
EOF
        january=2024-02-29
    fi
    cat >tests/due.sh <<EOF
answer $january due 2024-01-31 1
answer 2025-01-15 due 2024-10-15 3
EOF
    # Alone it is green: only what lands before it makes it red.
    sh test.sh >/dev/null || exit 1
    say "all tests pass here, those of weekday and add, too"
    message="Add the command due"
    ;;

4)
    # The bug: 1900 and 2100 have no February 29, and this forgets it.
    say "replacing the loop over the months in lib/date.awk"
    rule='y % 4 ? 2 : 1'
    if [ -n "$again" ]; then
        rule='leap(y) ? 1 : 2'
        say "with the rule of the centuries"
        cat >tests/centuries.sh <<'EOF'
answer 1900-03-01 add 1900-02-28 1
answer 2000-02-29 add 2000-02-28 1
EOF
    fi
    edit lib/date.awk '
/^function days\(/ { sub(/, i\)/, ")") }
/^    for \(i = 1; i < m; i\+\+\)/ {
    print "    n += int((367 * m - 362) / 12) # as if February had 30 days"
    print "    if (m > 2)"
    print "        n -= '"$rule"'"
    getline
    next
}
{ print }'
    for date in 1969-07-20 2024-02-29; do
        say "trying $date: $(sh bin/almanac weekday $date)"
    done
    message="Count days without a loop"
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
    message="Add the command month"
    ;;

6)
    say "teaching weekday the option -n"
    edit lib/weekday.awk '
/^#: weekday/ { sub(/\[-s\] DATE   /, "[-s|-n] DATE") || sub(/ DATE     /, " [-n] DATE") }
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
    if [ ! -f lib/moon.awk ]; then
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
        git gt checkpoint write -m "moon.awk is written, its test is not" >/dev/null
        say "saves a checkpoint, and is killed with kill -9"
        kill -9 0 # all of its process group
    fi
    say "carries on with lib/moon.awk of its predecessor"
    cat >tests/moon.sh <<'EOF'
answer "new moon" moon 1999-08-11
answer "full moon" moon 2019-07-16
answer "new moon" moon 2024-04-08
answer "waning crescent" moon 2024-04-05
answer "last quarter" moon 2024-05-01
EOF
    checked moon
    message="Add the command moon"
    ;;

9)
    say "writing lib/next.awk"
    cat >lib/next.awk <<'EOF'
#: next DATE                what comes first, on that date or later
BEGIN { from = parse(take()) }
read() >= from && (!found || when < first) {
    found = 1
    first = when
    text = $0
}
END { print text }
EOF
    cat >tests/next.sh <<'EOF'
answer "2024-02-29 leap day" next 2024-02-01
answer "2024-12-24 presents" next 2024-03-01
EOF
    checked next
    message="Add the command next"
    ;;

10)
    say "writing lib/left.awk"
    cat >lib/left.awk <<'EOF'
#: left DATE                how many days are left from that date on
BEGIN { from = parse(take()) }
read() >= from { print when - from, what }
EOF
    cat >tests/left.sh <<'EOF'
answer "0 leap day
299 presents" left 2024-02-29
EOF
    checked left
    message="Add the command left"
    ;;

11)
    say "writing lib/list.awk"
    cat >lib/list.awk <<'EOF'
#: list                     everything, with its weekday
BEGIN { take() }
{
    read()
    print substr(weekday(when), 1, 3), $0
}
EOF
    cat >tests/list.sh <<'EOF'
answer "Thu 2024-02-29 leap day
Tue 2024-12-24 presents" list
EOF
    checked list
    message="Add the command list"
    ;;

12)
    say "taking over lib/date.awk as it has landed in almanac"
    git -C "$GT_ROOT/almanac/.repo" show main:lib/date.awk >lib/date.awk
    cat >tests/no-such-date.sh <<'EOF'
answer "almanac: there is no 2024-02-30" left 2024-02-30
EOF
    checked no-such-date
    message="Refuse days that do not exist"
    ;;

*)
    say "there is no change '$change', only 1 to 12"
    exit 2
    ;;
esac

git add lib tests
git commit -q -m "$message"
say "committed \"$message\""
queued=$(git gt done 2>/dev/null)
say "queued as ${queued%% *}"
