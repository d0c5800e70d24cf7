#compdef git-gt
# Completion of git-gt, and of git gt, for zsh: printed by "git gt completion zsh".
# As _git-gt in a folder of $fpath it is found by itself.

zstyle ':completion:*:*:git:*' user-commands gt:'coordinate many coding agents'

_git-gt () {
	local line value
	local -a lines values elsewhere
	# Set by git's own completion, for git -C DIR gt.
	[[ -n ${opt_args[-C]-} ]] && elsewhere=(-C "${(Q)opt_args[-C]}")
	lines=("${(@f)$(git-gt $elsewhere complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
	local in_value=
	if [[ $PREFIX == -*=* ]]; then
		in_value=1
		compset -P 1 '*='
	fi
	for line in $lines; do
		value=${line%%$'\t'*}
		[[ -n $in_value ]] && value=${value#*=}
		values+=("${value//:/\\:}:${line#*$'\t'}")
	done
	if (( $#values )); then
		_describe -V 'git gt' values
	else
		_files
	fi
}

if [[ ${funcstack[1]} == _git-gt ]]; then
	_git-gt "$@"
elif (( $+functions[compdef] )); then
	compdef _git-gt git-gt
fi
