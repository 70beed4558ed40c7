#!/bin/bash
# complete.bash WORD...: what bash offers for the last word. TEST_COMPLETIONS: the scripts' folder.
# shellcheck source=/dev/null
. "$TEST_COMPLETIONS/ci-janitor.bash"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_ci_janitor
printf '%s\n' "${COMPREPLY[@]}"
