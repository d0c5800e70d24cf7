# Completion of git-gt, and of git gt, for bash: printed by "git gt completion bash".
# As .../bash-completion/completions/git-gt it is found by itself.

# Asks the program given after the current word for candidates.
__git_gt_reply () {
	local cur="$1" line known=""
	shift
	case "$cur:$COMP_WORDBREAKS" in
	-*=*:*=*) known="${cur%%=*}=" ;; # readline looks at what follows the = only
	esac
	COMPREPLY=()
	while IFS= read -r line; do
		line="${line%%$'\t'*}"
		COMPREPLY+=("${line#"$known"} ")
	done < <("$@" 2>/dev/null)
}

# git's own completion calls this for git gt, with its variables set.
_git_gt () {
	local at="${__git_cmd_idx:-1}"
	__git_gt_reply "$cur" __git gt complete -- "${words[@]:at+1:cword-at}"
}

__git_gt_main () {
	local i word glue="" words=()
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word="${COMP_WORDS[i]}"
		if [ "${#words[@]}" -gt 0 ] && { [ "$word" = "=" ] || [ -n "$glue" ]; }; then
			words[${#words[@]}-1]+="$word"
		else
			words+=("$word")
		fi
		glue=""
		if [ "$word" = "=" ]; then glue=1; fi
	done
	__git_gt_reply "${words[${#words[@]}-1]}" git-gt complete -- "${words[@]}"
}

complete -o bashdefault -o default -o nospace -F __git_gt_main git-gt
