answer 2024-03-01 add 2024-02-28 2
answer 2023-12-31 add 2024-01-01 -1
answer 2000-01-01 add 1999-01-01 365

# Every day of 1992 to 2004, to a date and back.
set -- $(awk "$(cat lib/date.awk)"'
BEGIN {
    end = parse("2004-12-31")
    for (n = parse("1992-01-01"); n < end && parse(date(n)) == n; n++)
        ;
    print date(n), n, parse(date(n))
}')
expect "number of $1" "$2" "$3"
