#!/usr/bin/zsh -f
# complete.zsh LINE: what zsh offers at its end, one on a line; in a shell of its own on a pty, where the
# builtin that takes the candidates prints them as well. TEST_COMPLETIONS: the scripts' folder.
zmodload zsh/zpty || exit
zpty -b inner zsh -f -i || exit
zpty -w inner "PS1= PS2= ; stty -echo; fpath=(${(q)TEST_COMPLETIONS} \$fpath)"
zpty -w inner 'autoload -Uz compinit; compinit -u -D'
zpty -w inner 'compadd() {
	local -a offered
	local -i status_of=0
	if [[ ${@[1,(i)(-|--)]} == *(-[OAD]*)* ]]; then builtin compadd "$@"; return; fi
	builtin compadd -A offered "$@"
	builtin compadd "$@"; status_of=$?
	(($#offered)) && print -rl -- "<<"$^offered">>"
	return status_of
}
finish() { print -r -- "<<:END:>>"; exit }
show() { comppostfuncs=(finish); _main_complete }
zle -C show complete-word show; bindkey "^I" show; LISTMAX=1000000'
zpty -w inner 'print -r -- "<<:""READY:>>"'
text=''
until [[ $text == *'<<:READY:>>'* ]]; do
	zpty -r inner part && text+=$part || sleep 0.01
done
zpty -w -n inner "$1"$'\t'
text=''
for ((i = 0; i < 1000; i++)); do
	zpty -r inner part && text+=$part || sleep 0.01
	[[ $text == *'<<:END:>>'* ]] && break
done
zpty -d inner
print -r -- $text | tr -d '\r' | sed -n 's/^.*<<\([^:].*\)>>$/\1/p' | sort -u
