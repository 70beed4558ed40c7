# fish completion for ci-janitor(1). Commands, options and their values are read from --help, so that
# they are always those of the ci-janitor that is called.

function __ci_janitor_words
	commandline -opc
end

# The command on the line, if there is one yet.
function __ci_janitor_command
	set -l valued (ci-janitor --help 2>/dev/null | string match -rg '^  (?:(-.), |    )(--[a-z-]+) [^ ]+  ')
	set -l skip 0
	for word in (__ci_janitor_words)[2..]
		if test $skip = 1
			set skip 0
		else if contains -- $word $valued
			set skip 1
		else if not string match -q -- '-*' $word
			echo $word
			return
		end
	end
	return 1
end

function __ci_janitor_help
	ci-janitor (__ci_janitor_command) --help 2>/dev/null
end

# The name of the value that the option before the cursor waits for.
function __ci_janitor_value
	set -l words (__ci_janitor_words)
	set -l token (commandline -ct)
	set -l option $words[-1]
	if string match -q -- '--*=*' $token
		set option (string split -m 1 = -- $token)[1]
	end
	string match -q -- '-*' $option; or return 1
	for line in (__ci_janitor_help)
		set -l found (string match -rg '^  (-.|  )[, ] (--[a-z-]+) ([^ ]+)  ' -- $line)
		if test (count $found) = 3; and contains -- $option $found[1] $found[2]
			echo $found[3]
			return
		end
	end
	return 1
end

function __ci_janitor_values
	set -l value (__ci_janitor_value); or return
	set -l prefix (string match -r -- '^--[a-z-]+=' (commandline -ct))
	switch $value
		case '*|*'
			for word in (string split '|' -- $value)
				echo "$prefix$word"
			end
		case FILE
			__fish_complete_path (string replace -- "$prefix" '' (commandline -ct))
		case DIR
			__fish_complete_directories (string replace -- "$prefix" '' (commandline -ct)) ''
	end
end

function __ci_janitor_candidates
	if __ci_janitor_value >/dev/null
		__ci_janitor_values
	else if string match -q -- '-*' (commandline -ct)
		__ci_janitor_help | string replace -rf '^  (?:-., |    )(--[a-z-]+)(?: [^ ]+)?  +(.*)' '$1\t$2'
	else if contains -- -- (__ci_janitor_words)
		__fish_complete_subcommand --fcs-skip=(math (contains -i -- -- (__ci_janitor_words)))
	else if set -l command (__ci_janitor_command)
		if ci-janitor $command --help 2>/dev/null | string match -qr "^Usage: .* $command \[?APP"
			ci-janitor list 2>/dev/null | string replace -rf '^([A-Za-z0-9._-]+) +([a-z]+) .*' '$1\t$2'
		end
	else
		ci-janitor --help 2>/dev/null | string match -rv '^  +-' |
			string replace -rf '^  ([a-z-]+) +(.*)' '$1\t$2'
	end
end

complete -c ci-janitor -f -a '(__ci_janitor_candidates)'
