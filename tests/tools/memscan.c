/*
 * memscan [-f BYTES] PID FILE: look for secrets in a process's memory.
 *
 * FILE has the needles (tests/support/secret_needles.h).  -f finds every piece of so many
 * bytes of a needle, too.  Exit status: 0 nothing found, 1 something found, 2 it could not look.
 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/secret_needles.h"

enum { CLEAN = 0, FOUND = 1, FAILED = 2 };

int main(int argc, char **argv)
{
	size_t fragment = 0;
	struct scan *s;
	long hits = -1;
	int option;

	while ((option = getopt(argc, argv, "f:")) == 'f')
		fragment = strtoul(optarg, NULL, 10);
	if (option != -1 || argc - optind != 2 || (fragment != 0 && fragment < 8)) {
		fprintf(stderr, "usage: memscan [-f BYTES] PID FILE\n");
		return FAILED;
	}
	s = scan_new(fragment);
	if (s != NULL && needles_load(s, argv[optind + 1])) {
		hits = scan_process(s, (pid_t)strtol(argv[optind], NULL, 10), stdout);
		if (hits < 0)
			fprintf(stderr, "memscan: process %s: its memory cannot be read\n",
			    argv[optind]);
	}
	scan_free(s);
	return hits < 0 ? FAILED : hits > 0 ? FOUND : CLEAN;
}
