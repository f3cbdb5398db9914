#!/bin/sh
# The completions for bash and zsh, in a real bash and a real zsh, against --help of the programs.
. "${0%/*}/../support/lib.sh"
need bash zsh
PATH=$BUILD/bin:$PATH
export PATH
mkdir "$T/work" "$T/zsh" "$HOME/.config" "$HOME/.config/pkcs11" "$HOME/.config/pkcs11/modules"
: >"$HOME/.config/pkcs11/modules/madeup.module"
: >"$T/work/a key"
: >"$T/work/id_made"
ln -s "$PWD/packaging/completions/_signet" "$T/zsh/"

# in_bash WORD...: what is offered for the last word, a line each.
cat >"$T/bash" <<'BASH'
. "$1"
cd "$2"
shift 2
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
spec=$(complete -p "$1") || exit 1
function=${spec#*-F } function=${function%% *}
compopt() { :; }
$function "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
BASH
in_bash() {
	timeout 20 bash --norc "$T/bash" "$PWD/packaging/completions/signet.bash" "$T/work" "$@" | sort -u
}

# in_zsh WORDS: the same of the line, by zsh's own completion: a real line editor on a terminal of its own, whose
# compadd tells what it was given.
cat >"$T/zshscript" <<'ZSH'
zmodload zsh/zpty
zpty z zsh -f -i
expect() { local line; while zpty -r z line; do [[ $line == *$1* ]] && return; done; exit 1 }
zpty -w z "PROMPT= ; stty -echo; fpath=($2 \$fpath); cd '$3'; autoload compinit; compinit -u -D"
zpty -w z "compadd() {
	case \" \$* \" in *' -'[OAD]' '*) builtin compadd \"\$@\"; return ;; esac
	local -a hits
	builtin compadd -A hits \"\$@\"
	(( \$#hits )) && print -rl -- HIT:\$^hits
	builtin compadd \"\$@\"
}"
zpty -w z "zstyle ':completion:*' list-grouped false; bindkey '^I' complete-word; LISTMAX=0
done-now() { print; print END-OF-LIST; exit }; zle -N done-now; bindkey '^X' done-now
complete-now() { zle complete-word; zle done-now }; zle -N complete-now; bindkey '^T' complete-now; print READY-\$((1))"
expect READY-1
zpty -w -n z "$1"$'\x14'
while zpty -r z line; do
	[[ $line == *END-OF-LIST* ]] && break
	print -r -- $line
done
zpty -d z
ZSH
in_zsh() {
	TERM=dumb timeout 60 zsh -f "$T/zshscript" "$1" "$T/zsh" "$T/work" 2>/dev/null | tr -d '\r' |
		sed -n 's/.*HIT://p' | sort -u
}

# options_of PROGRAM: the long options that --help names anywhere at the start of its lines.
options_of() {
	{
		"$1" --help | sed -n 's/^ \{1,8\}\(-.*\)/\1/p' | sed 's/   *.*//' | grep -o -e '--[a-z0-9-]*'
		printf '%s\n' --help --version
	} | sort -u
}
long() {
	grep -o -e '^--[a-z0-9-]*' | sort -u
}

for program in signet-agent signet-add; do
	options=$(options_of $program)
	has "$program names options" "$options" '^--'
	is "bash: the long options of $program are those of --help" "$(in_bash $program -- | long)" "$options"
	is "zsh: the long options of $program are those of --help" "$(in_zsh "$program --" | long)" "$options"
	has "bash: $program has short ones" "$(in_bash $program -)" '^-E$'
	has "zsh: $program has short ones" "$(in_zsh "$program -")" '^-E$'
	is "bash: hashes for $program" "$(in_bash $program -E sha3)" sha384
	has "zsh: hashes for $program" "$(in_zsh "$program -E sha3")" '^sha384$'
done
is 'bash: files to add' "$(in_bash signet-add id)" id_made
is 'bash: names with spaces stay whole' "$(in_bash signet-add a)" 'a key'
is 'bash: files to remove' "$(in_bash signet-add -d id)" id_made
has 'zsh: files to remove' "$(in_zsh 'signet-add -d id')" '^id_made$'
is 'bash: rules' "$(in_bash signet-add --confirm = fo)" forwarded
is 'bash: rules, nothing typed yet' "$(in_bash signet-add --confirm =)" "$(printf '%s\n' always forwarded once-per-connection)"
has 'zsh: rules' "$(in_zsh 'signet-add --confirm=fo')" '^forwarded$'
has 'bash: modules' "$(in_bash signet-add -s mad)" '^madeup$'
has 'zsh: modules' "$(in_zsh 'signet-add -s mad')" '^madeup$'
is 'bash: modes of memory' "$(in_bash signet-agent --secret-memory lo)" locked
has 'zsh: modes of memory' "$(in_zsh 'signet-agent --secret-memory lo')" '^locked$'
is 'bash: files to check' "$(in_bash signet-agent --check-config '')" "$(printf '%s\n' 'a key' id_made)"
is 'bash: also behind =' "$(in_bash signet-agent --check-config = id)" id_made
is 'zsh: files to check' "$(in_zsh 'signet-agent --check-config id')" id_made
has 'bash: a command' "$(in_bash signet-agent ssh-key)" '^ssh-keygen$'
finish
