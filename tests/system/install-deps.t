#!/bin/sh
# packaging/install-deps on made-up machines: what it sees and whom it calls are programs of this test.
. "${0%/*}/../support/lib.sh"

bin=$T/bin
calls=$T/calls

# program NAME LINE...: a program of the made-up machine.
program() {
	file=$bin/$1
	shift
	rm -f "$file"
	{
		echo '#!/bin/sh'
		printf '%s\n' "$@"
	} >"$file"
	chmod 755 "$file"
}

# machine UID MANAGER: one with that user and package manager, and nothing that Signet needs.
machine() {
	rm -rf "$bin" "$calls"
	mkdir "$bin"
	: >"$calls"
	for name in sh cat sed sort env mktemp tail rm; do
		ln -s "$(command -v $name)" "$bin/$name"
	done
	program id "echo $1"
	[ "$2" = none ] || program "$2" "echo $2 \"\$*\" >>'$calls'"
	program apt-cache 'for last; do :; done; [ "$last" != mandoc ]'
}

# give_all: the machine has all that a build needs.
give_all() {
	for name in cc make; do
		program $name :
	done
	mkdir -p "$T/modules"
	: >"$T/modules/legacy.so"
	program pkg-config "case \$* in --variable*) echo '$T/modules' ;; *cmocka*) exit 1 ;; esac"
}

calls() {
	cat "$calls"
}

setsid=$(command -v setsid) || skip_all "setsid is not installed"
deps() {
	"$setsid" -w env -u CC PATH="$bin" "$bin/sh" packaging/install-deps "$@" >"$T/out" 2>&1 </dev/null
}

# --- a machine with everything
machine 1000 apt-get
give_all
deps
is "nothing missing: success without rights" $? 0
is "no package manager is called" "$(calls)" ''
is "nothing is said" "$(cat "$T/out")" ''
machine 1000 none
give_all
deps
is "nothing missing: no package manager is needed" $? 0

# --- an ordinary user without sudo
machine 1000 apt-get
deps
is "no rights: failure" $? 1
has "the exact command is said" "$(cat "$T/out")" '^  .*apt-get install -y .*gcc libc6-dev make pkgconf libssl-dev libseccomp-dev'
is "nothing is tried without rights" "$(calls)" ''
give_all
deps --tests
is "only optional packages missing: success" $? 0
has "they are named" "$(cat "$T/out")" 'apt-get install .*libcmocka-dev'
has "and what is lost" "$(cat "$T/out")" 'the unit tests'

# --- an ordinary user with sudo
machine 1000 apt-get
program sudo 'case $1 in -n) exit 0 ;; esac' "echo sudo >>'$calls'" '"$@"'
deps
has "the package manager is called through sudo" "$(calls | sed -n '/install/!d;p;q')" 'apt-get .*install'
is "sudo was used for it" "$(calls | sed -n 1p)" sudo

# --- root
machine 0 apt-get
deps
is "a manager that installs nothing is found out" $? 1
has "what is still missing is named" "$(cat "$T/out")" 'library libcrypto 3.0'
machine 0 apt-get
deps --tests
has "tests bring their packages" "$(calls)" 'install .*libcmocka-dev .*putty-tools expect .*gdb'
is "what the distribution lacks is not asked for" "$(calls | sed -n '/install.*mandoc/p')" ''
machine 0 apt-get
program apt-get "echo apt-get \"\$*\" >>'$calls'" 'echo E: the disk is full >&2' 'exit 100'
deps
is "a failing manager: failure" $? 1
has "its reason is shown" "$(cat "$T/out")" 'the disk is full'

# --- the other package managers
machine 0 dnf
program dnf "case \$* in *repoquery*) echo yes ;; *) echo dnf \"\$*\" >>'$calls' ;; esac"
deps
has "Fedora's names" "$(calls)" 'dnf install -y .*gcc make pkgconf-pkg-config openssl-devel libseccomp-devel'
machine 0 pacman
program pacman "case \$1 in -Si) ;; *) echo pacman \"\$*\" >>'$calls' ;; esac"
deps
has "Arch's names" "$(calls)" 'pacman -S --needed --noconfirm gcc make pkgconf openssl libseccomp'
machine 0 none
deps
is "an unknown manager: failure" $? 1
has "what is missing is named for any system" "$(cat "$T/out")" 'library libseccomp'

# --- --list
machine 1000 apt-get
deps --list
is "--list succeeds without rights" $? 0
has "--list prints packages" "$(cat "$T/out")" '^libssl-dev$'
is "--list installs nothing" "$(calls)" ''

finish
