/*
 * without PROTECTION... -- COMMAND [ARGUMENT...]: run a command as a kernel would that lacks
 * these: landlock, seccomp, memfd_secret.  Their system calls answer as they do where nobody
 * built them in.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { TOOL_FAILED = 125 };

/* A call that is missing altogether, or (prctl) with this first argument only. */
static const struct {
	const char *protection;
	int call;
	int answer;
	bool option;
	scmp_datum_t value;
} missing[] = {
    {"landlock", SCMP_SYS(landlock_create_ruleset), ENOSYS, false, 0},
    {"landlock", SCMP_SYS(landlock_add_rule), ENOSYS, false, 0},
    {"landlock", SCMP_SYS(landlock_restrict_self), ENOSYS, false, 0},
    {"seccomp", SCMP_SYS(seccomp), ENOSYS, false, 0},
    {"seccomp", SCMP_SYS(prctl), EINVAL, true, PR_SET_SECCOMP},
    {"seccomp", SCMP_SYS(prctl), EINVAL, true, PR_GET_SECCOMP},
    {"memfd_secret", SCMP_SYS(memfd_secret), ENOSYS, false, 0},
};

enum { MISSING = sizeof(missing) / sizeof(missing[0]) };

/* False when there is no such protection, or the filter does not take its calls. */
static bool take_away(scmp_filter_ctx filter, const char *protection)
{
	bool known = false;

	for (size_t i = 0; i < MISSING; i++) {
		struct scmp_arg_cmp is = SCMP_A0(SCMP_CMP_EQ, missing[i].value, 0);

		if (strcmp(missing[i].protection, protection) != 0)
			continue;
		if (seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((unsigned)missing[i].answer),
			missing[i].call, missing[i].option, &is) != 0)
			return false;
		known = true;
	}
	return known;
}

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int i = 1;

	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (filter == NULL || !take_away(filter, argv[i])) {
			fprintf(stderr, "without: cannot take away %s\n", argv[i]);
			return TOOL_FAILED;
		}
	}
	if (i == 1 || i + 1 >= argc) {
		fprintf(stderr, "usage: without landlock|seccomp|memfd_secret... -- COMMAND\n");
		return TOOL_FAILED;
	}
	if (seccomp_load(filter) != 0) {
		fprintf(stderr, "without: this kernel takes no filter\n");
		return TOOL_FAILED;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return TOOL_FAILED;
}
