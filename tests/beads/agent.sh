# What an agent does with bd in a day, as it types it; each step says what it expects.
# Run by tests/beads/bd.rs with sh -eu, in an empty folder, with a link bd to the program on PATH.

step=0

# Runs a command that has to end well and print each of the words before --.
says() {
  step=$((step + 1))
  words=''
  while [ "$1" != -- ]; do
    words="$words$1
"
    shift
  done
  shift
  code=0
  "$@" >out.txt 2>err.txt || code=$?
  if [ "$code" -ne 0 ]; then
    echo "step $step: $* ended with $code" >&2
    cat out.txt err.txt >&2
    exit 1
  fi
  looked "$words" out.txt "$*"
}

# Runs a command that has to fail with 1 and say the words on standard error.
fails() {
  step=$((step + 1))
  word=$1
  shift 2
  code=0
  "$@" >out.txt 2>err.txt || code=$?
  if [ "$code" -ne 1 ]; then
    echo "step $step: $* ended with $code and not with 1" >&2
    cat out.txt err.txt >&2
    exit 1
  fi
  looked "$word
" err.txt "$*"
}

looked() {
  printf %s "$1" | while IFS= read -r word; do
    if ! grep -qF -e "$word" "$2"; then
      echo "step $step: $3 does not say '$word' but:" >&2
      cat "$2" >&2
      exit 1
    fi
  done
}

# Fails where the last command said something.
not() {
  if grep -qF -e "$1" out.txt; then
    echo "step $step: '$1' is said, too:" >&2
    cat out.txt >&2
    exit 1
  fi
}

# Setting out.
says 'bd version 1.' -- bd version
says 'bd initialized successfully!' 'Issue prefix: app' -- bd init --prefix app --skip-hooks --skip-agents
says '"issue_prefix": "app"' '"issue_count": 0' -- bd info --json
says 'bd ready' -- bd quickstart
says 'bd update ID --claim' -- bd prime

# An epic, and work below it.
epic=$(bd create 'Sign in' -t epic -p 1 --silent)
schema=$(bd create 'Schema of users' --parent "$epic" -p 1 --silent)
form=$(bd create 'Form to sign in' --parent "$epic" --deps "$schema" -d 'Name and word' --silent)
mails=$(bd q 'Mail to confirm' -p 3)
says "\"id\": \"$epic\"" '"issue_type": "epic"' -- bd show "$epic" --json
says "$schema" -- bd ready
not "$form"
says "$form" "$schema" -- bd blocked
says '"blocked_by_count": 1' -- bd blocked --json
says "$schema" "$form" -- bd children "$epic"

# Taking work.
says '"status": "in_progress"' '"assignee": "nux"' -- bd update "$schema" --claim --actor nux --json
fails 'already claimed by nux' -- bd update "$schema" --claim --actor ace
says "$schema" -- bd list --status in_progress --assignee nux
says '"priority": 0' -- bd update "$schema" -p P0 --json
says 'Comment added' -- bd comments add "$schema" 'half of it stands'
says 'half of it stands' -- bd comments "$schema"
says '"text": "and the rest"' -- bd comment "$schema" 'and the rest' --json
says '"label": "backend"' '"status": "added"' -- bd label add "$schema" backend --json
says '"backend"' -- bd label list "$schema" --json
says "$schema" -- bd list --label backend

# Finding more on the way.
found=$(bd create 'Index is missing' -t bug -p 1 --deps "discovered-from:$schema" --silent)
says 'discovered-from' -- bd dep list "$found" --json
says 'Added dependency' -- bd dep add "$mails" "$form"
fails 'cycle' -- bd dep add "$schema" "$mails"
says "$form" -- bd dep tree "$mails"
says "$found" -- bd search index
says '"count": 5' -- bd count --json

# Done.
says "$schema" 'tests pass' -- bd close "$schema" --reason 'tests pass'
says '"close_reason": "tests pass"' '"closed_at"' -- bd show "$schema" --json
says "$form" -- bd ready
says '"closed_children": 1' '"total_children": 2' -- bd epic status --json
fails 'open' -- bd close "$epic"
says "$form" -- bd close "$form" "$found" -r done
says '"eligible_for_close": true' -- bd epic status --json
says "$epic" -- bd epic close-eligible
says '"status": "open"' -- bd reopen "$found" --reason 'it came back' --json

# Later, elsewhere.
says '"status": "deferred"' -- bd update "$found" --defer +2d --json
says "$mails" -- bd ready
not "$found"
says "$found" -- bd query 'status=deferred AND type=bug'
says '"closed_issues": 3' '"open_issues": 1' -- bd stats --json
says '"value": "blue"' -- bd kv set colour blue --json
says 'run the suite twice' -- bd remember 'run the suite twice' --key suite
says 'run the suite twice' -- bd recall suite
says "\"id\":\"$epic\"" -- bd export
says "$mails" -- bd delete "$mails"
says '"deleted"' -- bd delete "$mails" --force --json
fails 'no issue found matching' -- bd show "$mails"
bd export -o backup.jsonl >out.txt
says '"created": 0' -- bd import --json backup.jsonl
echo "$step"
