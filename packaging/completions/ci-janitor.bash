# bash completion for ci-janitor(1). Commands, options and their values are read from --help, so
# that they are always those of the ci-janitor that is called.

# Lines "--name" or "--name VALUE", -x options as lines of their own.
_ci_janitor_options() { # [COMMAND]
	ci-janitor "$@" --help 2>/dev/null | sed -n \
		-e 'h; s/^  \(-.\), --[a-z-]*\( [^ ]*\)\{0,1\}  .*/\1\2/p; g' \
		-e 's/^  \(-., \|    \)\(--[a-z-]*\)\( [^ ]*\)\{0,1\}  .*/\2\3/p' |
		sort -u
}

_ci_janitor_commands() {
	ci-janitor --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'
}

_ci_janitor_apps() {
	ci-janitor list 2>/dev/null | sed -n '1!s/^\([A-Za-z0-9._-]*\) .*/\1/p'
}

# What the option takes as its value; status 1: it takes none.
_ci_janitor_value() { # OPTIONS OPTION
	local name value

	while read -r name value; do
		if [[ $name == "$2" && -n $value ]]; then
			printf '%s\n' "$value"
			return
		fi
	done <<<"$1"
	return 1
}

_ci_janitor() {
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' options value word i

	# Readline cuts --name=value at the sign.
	if [[ $cur == = ]]; then
		cur=''
	elif [[ $previous == = ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	options=$(_ci_janitor_options)
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -- ]]; then
			if [[ $previous == -- ]]; then
				mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			else
				compopt -o filenames 2>/dev/null
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			fi
			return
		elif [[ $word == = ]] || _ci_janitor_value "$options" "$word" >/dev/null; then
			[[ ${COMP_WORDS[i + 1]-} == = ]] || ((i++))
		elif [[ $word != -* && -z $command ]]; then
			command=$word
			options=$(_ci_janitor_options "$command")
		fi
	done
	if value=$(_ci_janitor_value "$options" "$previous"); then
		[[ $value != FILE && $value != DIR ]] || compopt -o filenames 2>/dev/null
		case $value in
		*'|'*) mapfile -t COMPREPLY < <(compgen -W "${value//|/ }" -- "$cur") ;;
		FILE) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		DIR) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
		esac
	elif [[ $cur == -* ]]; then
		# shellcheck disable=SC2001 # line by line
		mapfile -t COMPREPLY < <(compgen -W "$(sed 's/ .*//' <<<"$options" | grep '^--')" -- "$cur")
	elif [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_ci_janitor_commands)" -- "$cur")
	elif ci-janitor "$command" --help 2>/dev/null | grep -q "^Usage: .* $command \[*APP"; then
		mapfile -t COMPREPLY < <(compgen -W "$(_ci_janitor_apps)" -- "$cur")
	fi
}

complete -F _ci_janitor ci-janitor
