# bash completion for signet-agent and signet-add.  Options come from --help of the very program that is typed, so that
# they are those of the version installed; values are told apart by the word that --help has for them.

# _signet_options PROGRAM: "OPTION" or "OPTION=WORD" a line, =WORD where an argument follows and its name.
_signet_options()
{
	"$1" --help 2>/dev/null </dev/null | awk '
	/^ +-/ {
		sub(/^ +/, "")
		sub(/  .*/, "")
		n = split($0, word, /[ ,|]+/)
		for (i = 1; i <= n; i++) {
			if (word[i] !~ /^-./)
				continue
			option = word[i]
			gsub(/[][]/, "", option)
			if (option !~ /=/ && word[i + 1] ~ /^[A-Z]+$/)
				option = option "=" word[i + 1]
			print option
		}
	}
	END { print "--help"; print "--version" }' | sort -u
}

# _signet_words WORDS CURRENT: those of the words, with spaces between, that begin so.
_signet_words()
{
	local IFS=' '
	compgen -W "$1" -- "$2"
}

# _signet_values OPTION=WORD CURRENT: what may stand there, into COMPREPLY.
_signet_values()
{
	local cur=$2
	case $1 in
	--secret-memory=*) COMPREPLY=($(_signet_words 'auto memfd locked' "$cur")) ;;
	--remember-pin=*) COMPREPLY=($(_signet_words 'plugged' "$cur")) ;;
	--confirm=*) COMPREPLY=($(_signet_words 'always forwarded once-per-connection' "$cur")) ;;
	--slot=*) COMPREPLY=($(_signet_words '9a 9c 9d 9e all' "$cur")) ;;
	*=HASH) COMPREPLY=($(_signet_words 'sha256 md5 sha1 sha384 sha512' "$cur")) ;;
	-O=*) COMPREPLY=($(_signet_words 'no-restrict-websafe allow-remote-pkcs11 websafe-allow=' "$cur")) ;;
	*=WHERE) COMPREPLY=($(compgen -A hostname -- "$cur")) ;;
	*=MODULE) COMPREPLY=($(compgen -W "$(_signet_modules)" -- "$cur") $(compgen -f -- "$cur")) ;;
	*=LIFE | *=TIME | *=SERIAL | *=NAME | *=RULE) ;;
	*) COMPREPLY=($(compgen -f -- "$cur")) ;;
	esac
}

# The modules that p11-kit knows, by their names.
_signet_modules()
{
	local file
	for file in /usr/share/p11-kit/modules/*.module /etc/pkcs11/modules/*.module ~/.config/pkcs11/modules/*.module; do
		[[ -e $file ]] || continue
		file=${file##*/}
		echo "${file%.module}"
	done
}

_signet()
{
	local IFS=$'\n' program=$1 cur=${COMP_WORDS[COMP_CWORD]} prev= i option options
	((COMP_CWORD > 1)) && prev=${COMP_WORDS[COMP_CWORD-1]}
	COMPREPLY=()
	options=$(_signet_options "$program")
	# bash parts words at "=": --confirm=a is three of them, and --confirm= two.
	if [[ $cur == = ]]; then
		cur= prev=$prev=
	elif [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD-2]}=
	fi
	IFS=$' \t\n'
	for option in $options; do
		case $option in
		*=*)
			# Where --help writes --confirm=RULE, the value stands behind the "=" only.
			[[ ${prev%=} == "${option%%=*}" && $prev == -* ]] || continue
			[[ $prev == *= || $option != --confirm=* ]] || continue
			compopt -o filenames 2>/dev/null
			IFS=$'\n'
			_signet_values "$option" "$cur"
			return
			;;
		esac
	done
	if [[ $cur == -* ]]; then
		options=$(printf '%s\n' "$options" | sed 's/^--confirm=.*/&\n--confirm=/; s/=[A-Z].*//' | sort -u)
		IFS=$'\n'
		COMPREPLY=($(compgen -W "$options" -- "$cur"))
		return
	fi
	IFS=$'\n'
	compopt -o filenames 2>/dev/null
	# Its file is a word of its own, and may be left out.
	if [[ ${program##*/} == signet-agent && ${prev%=} != --check-config ]]; then
		COMPREPLY=($(compgen -c -- "$cur") $(compgen -f -- "$cur"))
	else
		COMPREPLY=($(compgen -f -- "$cur"))
	fi
}

complete -F _signet signet-agent signet-add
