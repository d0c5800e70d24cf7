#!/bin/sh
# Answers for a check of git gt's merge queue where there is no forge: any machine that can fetch and push.
#
# Run it in a clone, as a service or by hand; several machines may do so at once, the first answer counts.
# Or let git start it once after each push, from hooks/post-receive of a repository on the same machine,
# with --once instead of --watch.
#
# It asks the remote for branches gt-mq/** without an answer. Without git gt on that machine, a loop over
#   git ls-remote origin 'refs/heads/gt-mq/*'
# with a checkout and gt-ci-report does the same: git gt ci template report
set -eu
GT_CHECK='test'
GT_COMMAND='./test.sh'
cd "${1:-.}"
exec git gt ci run --watch "$GT_CHECK" -- sh -c "$GT_COMMAND"
