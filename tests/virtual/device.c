#include "tests/virtual/device.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- a test's commands ---------------------------------------------------- */

static bool run_touch(void *context, char *rest, char *reply)
{
	struct device *d = context;
	unsigned n = 1;

	(void)reply;
	if (rest != NULL && !control_number(rest, &n))
		return false;
	for (unsigned i = 0; i < n; i++)
		authenticator_touch(d->authenticator);
	return true;
}

static bool run_refuse(void *context, char *rest, char *reply)
{
	struct device *d = context;

	(void)reply;
	authenticator_refuse(d->authenticator);
	return rest == NULL;
}

static bool run_auto(void *context, char *rest, char *reply)
{
	struct device *d = context;
	bool on;

	(void)reply;
	if (!control_switch(rest, &on))
		return false;
	authenticator_set_auto(d->authenticator, on);
	return true;
}

static bool run_delay(void *context, char *rest, char *reply)
{
	struct device *d = context;
	unsigned ms;

	(void)reply;
	if (!control_number(rest, &ms))
		return false;
	authenticator_set_delay(d->authenticator, ms);
	return true;
}

static bool run_uv(void *context, char *rest, char *reply)
{
	struct device *d = context;
	unsigned n;
	bool on;

	(void)reply;
	if (rest != NULL && strncmp(rest, "fail ", 5) == 0) {
		if (!control_number(rest + 5, &n))
			return false;
		authenticator_set_uv_failures(d->authenticator, n);
		return true;
	}
	if (!control_switch(rest, &on))
		return false;
	authenticator_options(d->authenticator)->uv = on;
	return true;
}

static bool run_pin(void *context, char *rest, char *reply)
{
	struct device *d = context;

	(void)reply;
	return authenticator_set_pin(d->authenticator, rest == NULL ? "" : rest) == ERR_OK;
}

static bool run_option(void *context, char *rest, char *reply)
{
	struct device *d = context;

	(void)reply;
	return rest != NULL &&
	       authenticator_option(authenticator_options(d->authenticator), rest) == ERR_OK;
}

static bool run_mode(void *context, char *rest, char *reply)
{
	struct device *d = context;
	const char *name = strsep(&rest, " ");
	enum authenticator_mode mode;
	unsigned argument = 0;

	(void)reply;
	if (name == NULL || !authenticator_mode_parse(name, &mode) ||
	    (rest != NULL && !control_number(rest, &argument)))
		return false;
	authenticator_set_mode(d->authenticator, mode, argument);
	return true;
}

static bool run_pull(void *context, char *rest, char *reply)
{
	struct device *d = context;

	(void)reply;
	d->plugged = false;
	return rest == NULL;
}

static bool run_insert(void *context, char *rest, char *reply)
{
	struct device *d = context;

	(void)reply;
	d->plugged = true;
	return rest == NULL;
}

static bool run_quit(void *context, char *rest, char *reply)
{
	struct device *d = context;

	(void)reply;
	d->quit = true;
	return rest == NULL;
}

static bool run_status(void *context, char *rest, char *reply)
{
	struct device *d = context;
	struct authenticator_status s;

	authenticator_status(d->authenticator, device_now(), &s);
	snprintf(reply, CONTROL_REPLY,
	    "waiting=%s plugged=%s commands=%u touches=%u registrations=%u assertions=%u"
	    " silent=%u cancelled=%u pin=%s pin_retries=%u uv_retries=%u resident=%u"
	    " counter=%lu",
	    s.waiting ? "yes" : "no", d->plugged ? "yes" : "no", s.commands, s.touches,
	    s.registrations, s.assertions, s.silent, s.cancelled, s.pin_set ? "set" : "none",
	    s.pin_retries, s.uv_retries, s.resident, (unsigned long)s.counter);
	return rest == NULL;
}

static const struct control_command commands[] = {
    {"touch", run_touch},
    {"refuse", run_refuse},
    {"auto", run_auto},
    {"delay", run_delay},
    {"uv", run_uv},
    {"pin", run_pin},
    {"option", run_option},
    {"mode", run_mode},
    {"pull", run_pull},
    {"insert", run_insert},
    {"status", run_status},
    {"quit", run_quit},
};

/* --- starting ------------------------------------------------------------- */

static bool make(struct device *d, const struct authenticator_options *options, const char *pin)
{
	enum err e;

	if (d->state != NULL && access(d->state, F_OK) == 0)
		e = authenticator_load(d->state, &d->authenticator);
	else
		e = authenticator_new(options, &d->authenticator);
	if (e != ERR_OK) {
		fprintf(stderr, "no authenticator: %s\n", err_text(e));
		return false;
	}
	if (pin != NULL && authenticator_set_pin(d->authenticator, pin) != ERR_OK) {
		fprintf(stderr, "-p: not a PIN\n");
		return false;
	}
	return true;
}

bool device_start(struct device *d, int *argc, char ***argv, const char *usage)
{
	struct authenticator_options options;
	const char *pin = NULL;
	bool always = false;
	int c;

	authenticator_options_default(&options);
	d->control = (struct control){
	    .commands = commands,
	    .n_commands = sizeof commands / sizeof *commands,
	    .context = d,
	};
	d->plugged = true;
	while ((c = getopt(*argc, *argv, "+o:p:s:au")) != -1) {
		if (c == 'o' && authenticator_option(&options, optarg) != ERR_OK) {
			fprintf(stderr, "-o %s: no such option, or no such value\n", optarg);
			return false;
		} else if (c == 'p') {
			pin = optarg;
		} else if (c == 's') {
			d->state = optarg;
		} else if (c == 'a') {
			always = true;
		} else if (c == 'u') {
			d->plugged = false;
		} else if (c != 'o') {
			fprintf(stderr, "usage: %s\n", usage);
			return false;
		}
	}
	*argc -= optind;
	*argv += optind;
	if (*argc < 1) {
		fprintf(stderr, "usage: %s\n", usage);
		return false;
	}
	if (!make(d, &options, pin) || !control_start(&d->control, (*argv)[--*argc]))
		return false;
	authenticator_set_auto(d->authenticator, always);
	device_save(d);
	return true;
}

void device_end(struct device *d)
{
	device_save(d);
	control_end(&d->control);
	authenticator_free(d->authenticator);
	d->authenticator = NULL;
}

void device_save(struct device *d)
{
	const uint64_t changes =
	    d->authenticator == NULL ? 0 : authenticator_changes(d->authenticator);
	enum err e;

	if (d->state == NULL || d->authenticator == NULL ||
	    (changes == d->saved && access(d->state, F_OK) == 0))
		return;
	e = authenticator_save(d->authenticator, d->state);
	if (e != ERR_OK)
		fprintf(stderr, "%s: %s\n", d->state, err_text(e));
	d->saved = changes;
}

size_t device_poll(const struct device *d, struct pollfd *fds)
{
	return control_poll(&d->control, fds);
}

void device_serve(struct device *d, const struct pollfd *fds, size_t n)
{
	control_serve(&d->control, fds, n);
	device_save(d);
}
