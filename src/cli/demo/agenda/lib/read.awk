# What all commands share. The first argument is a date; the second is the file.

# The date of the arguments, which is no file.
function take(    text) {
    text = ARGV[1]
    ARGV[1] = ""
    return text
}

# Reads the appointment of this line; its day number.
function read() {
    when = parse($1)
    what = substr($0, length($1) + 2)
    return when
}
