# fish completion for litebox: commands as the program itself lists them, ids from `litebox list`.
complete -c litebox -n __fish_use_subcommand -f -a "(litebox --help 2>/dev/null | sed -n '/^Commands:/,\$s/^  \([a-z]*\)  *\(.*\)/\1\t\2/p')"
complete -c litebox -n '__fish_seen_subcommand_from install uninstall' -f -a 'docker podman containerd'
complete -c litebox -n '__fish_seen_subcommand_from delete events exec kill pause ps resume start state update' -f -a '(litebox list --quiet 2>/dev/null)'
