answer Sunday weekday 1969-07-20
answer Thursday weekday 2024-02-29
answer "almanac: 'today' is not a date like 2024-02-29" weekday today

# Every day of 1900 to 1912, against a calendar that only counts.
set -- $(awk "$(cat lib/date.awk)"'
BEGIN {
    split("31 28 31 30 31 30 31 31 30 31 30 31", last, " ")
    split("Mon Tues Wednes Thurs Fri Satur Sun", name, " ")
    count = 0 # 1900-01-01 was a Monday
    for (y = 1900; y <= 1912; y++) {
        last[2] = (y % 4 || y == 1900) ? 28 : 29
        for (m = 1; m <= 12; m++)
            for (d = 1; d <= last[m]; d++) {
                wanted = name[count++ % 7 + 1] "day"
                got = weekday(days(y, m, d))
                if (got != wanted) {
                    printf "%d-%02d-%02d %s %s\n", y, m, d, wanted, got
                    exit
                }
            }
    }
    print "all", wanted, got
}')
expect "weekday $1" "$2" "$3"
