#: add DATE DAYS            the date so many days later; earlier, if negative
BEGIN {
    print date(parse(ARGV[1]) + ARGV[2])
}
