#!/bin/sh
# seconds 900
# Each fuzzer finds the bug that is planted in it, within so many inputs made from a fixed seed: so it gets behind the
# decoder, and what it finds is reported.
BUILD=${BUILD:-$PWD/build}
if grep -q __asan_init "$BUILD/bin/signet-agent"; then
	echo '1..0 # SKIP not on Debian 12: fuzzers are built with sanitizers of their own'
	exit
fi
printf 'int LLVMFuzzerTestOneInput(const unsigned char *p, unsigned long n) { return !p && n; }' |
	"${CLANG:-clang}" -fsanitize=fuzzer,address -x c -o /dev/null - 2>/dev/null || {
	echo '1..0 # SKIP clang with libFuzzer is not installed'
	exit
}
PLANT=1 BUILD=$BUILD/fuzz exec tests/fuzz/run
