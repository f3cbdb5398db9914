#include "agent/setup/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/setup/doctor_impl.h"
#include "agent/setup/run.h"

static void __attribute__((format(printf, 3, 0)))
say(const char *grade, const char *what, const char *format, va_list args)
{
	printf("%-5s  %-10s  ", grade, what);
	vprintf(format, args);
	putchar('\n');
}

void say_ok(const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("ok", what, format, args);
	va_end(args);
}

void say_note(const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("note", what, format, args);
	va_end(args);
}

void say_wrong(struct doctor *d, const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("wrong", what, format, args);
	va_end(args);
	d->wrong++;
}

bool variable_find(const char *name, struct path *out)
{
	const char *own = getenv(name);

	if (own != NULL && own[0] != '\0')
		return path_set(out, "%s", own);
	return manager_variable(name, out);
}

static void (*const checks[])(struct doctor *) = {
    check_socket,
    check_variable,
    check_rivals,
    check_config,
    check_keys,
    check_helpers,
    check_prompts,
    check_display,
    check_keyring,
    check_session,
    check_memory,
    check_fido,
    check_pcscd,
    check_modules,
};

int doctor(const struct place *p)
{
	struct doctor d = {.place = p};

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&d);
	if (d.wrong == 0)
		puts("\nAll that matters is well.");
	else
		printf("\n%u thing%s to put right: the line%s above that begin%s with \"wrong\".\n",
		    d.wrong, d.wrong == 1 ? "" : "s", d.wrong == 1 ? "" : "s",
		    d.wrong == 1 ? "s" : "");
	return d.wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
