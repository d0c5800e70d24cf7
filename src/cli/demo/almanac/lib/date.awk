# What all commands share. A date is a day number: 0 is 0001-01-01, a Monday.

function leap(y) {
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0
}

function month_length(y, m) {
    if (m == 2)
        return 28 + leap(y)
    return 30 + (m == 4 || m == 6 || m == 9 || m == 11 ? 0 : 1)
}

# The day number of a year, a month and a day.
function days(y, m, d,    n, i) {
    y--
    n = 365 * y + int(y / 4) - int(y / 100) + int(y / 400)
    y++
    for (i = 1; i < m; i++)
        n += month_length(y, i)
    return n + d - 1
}

# The other way round: a day number as YYYY-MM-DD.
function date(n,    y, m) {
    y = int(n / 366) + 1
    while (days(y + 1, 1, 1) <= n)
        y++
    m = 1
    while (m < 12 && days(y, m + 1, 1) <= n)
        m++
    return sprintf("%04d-%02d-%02d", y, m, n - days(y, m, 1) + 1)
}

function weekday(n,    names) {
    split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday", names, " ")
    return names[n % 7 + 1]
}

function fail(message) {
    print "almanac: " message | "cat 1>&2"
    exit 1
}

# The day number of a date as people write it.
function parse(text,    part) {
    if (text !~ /^[0-9]+-[0-9]+-[0-9]+$/)
        fail("'" text "' is not a date like 2024-02-29")
    split(text, part, "-")
    return days(part[1] + 0, part[2] + 0, part[3] + 0)
}
