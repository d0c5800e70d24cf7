#: weekday DATE             the day of the week
BEGIN {
    n = parse(ARGV[ARGC - 1])
    name = weekday(n)
    print name
}
