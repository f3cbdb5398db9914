#!/bin/sh
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/secretservice.sh"
bus_start
keyring lookup passphrase /a x; date +%s.%N
person_start
echo "prompter $PROMPTER"
service_start
printf 'pass word' | keyring store passphrase /home/me/.ssh/id SHA256:abc 'Passphrase of x'; cat $T/keyring.log
keyring lookup passphrase /home/me/.ssh/id SHA256:abc
secret-tool search --all name /home/me/.ssh/id
keyring time 20 passphrase /home/me/.ssh/id SHA256:abc
service_lock
keyring unasked passphrase /home/me/.ssh/id SHA256:abc
person cancel
keyring lookup passphrase /home/me/.ssh/id SHA256:abc
person_says asked
person ok wrong
person ok master
keyring lookup passphrase /home/me/.ssh/id SHA256:abc
person_says asked
keyring forget passphrase /home/me/.ssh/id ''
keyring forget passphrase /home/me/.ssh/id ''
cat $T/keyring.log
finish
