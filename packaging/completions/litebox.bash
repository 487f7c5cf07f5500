# Completes the command line of litebox in bash: source it, or install it as /usr/share/bash-completion/completions/litebox.
# Commands and options are taken from the program's own help, ids of containers from its list; in zsh, after
# `autoload bashcompinit && bashcompinit`, it works too.

# The options that stand in a help text, with a blank after those that take a value left to the reader.
_litebox_options() { sed -n 's/^ *\(-[a-z], \)\?\(--[a-z0-9-]*\).*/\2/p' <<<"$1"; }

_litebox() {
  local program=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local help command='' root=() index words=''
  help=$("$program" --help 2>/dev/null) || return
  local commands
  commands=$(sed -n '/^Commands:/,$s/^  \([a-z][a-z]*\) .*/\1/p' <<<"$help")
  for ((index = 1; index < COMP_CWORD; index++)); do
    [[ ${COMP_WORDS[index]} == --root ]] && root=(--root "${COMP_WORDS[index + 1]}")
    if grep -qx -- "${COMP_WORDS[index]}" <<<"$commands"; then
      command=${COMP_WORDS[index]}
      break
    fi
  done
  [[ -n $command ]] && help=$("$program" "$command" --help 2>/dev/null)
  case $previous in
    --bundle | -b | --root | -r) COMPREPLY=($(compgen -d -- "$current")); return ;;
    --config | --console-socket | --log | --pid-file | --pidfd-socket | --process | -p | --resources)
      COMPREPLY=($(compgen -f -- "$current")); return ;;
    --log-format) words="text json" ;;
    --log-level) words="error warning debug" ;;
    --format | -f) words="table json" ;;
    *)
      if [[ $current == -* ]]; then
        words=$(_litebox_options "$help")
      elif [[ -z $command ]]; then
        words=$commands
      else
        words=$("$program" "${root[@]}" list --quiet 2>/dev/null)
      fi ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -o default -F _litebox litebox
