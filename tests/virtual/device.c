#include "tests/virtual/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/fdio.h"

enum { REPLY = 512 };

uint64_t device_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- starting ------------------------------------------------------------- */

static bool listen_on(struct device *d, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof address.sun_path) {
		fprintf(stderr, "%s: too long for a socket's path\n", path);
		return false;
	}
	strcpy(address.sun_path, path);
	(void)unlink(path);
	d->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d->listener < 0 ||
	    bind(d->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(d->listener, DEVICE_CLIENTS) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

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
	d->listener = -1;
	d->plugged = true;
	for (size_t i = 0; i < DEVICE_CLIENTS; i++)
		d->clients[i].fd = -1;
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
	if (!make(d, &options, pin) || !listen_on(d, (*argv)[--*argc]))
		return false;
	authenticator_set_auto(d->authenticator, always);
	device_save(d);
	return true;
}

void device_end(struct device *d)
{
	device_save(d);
	fd_close(&d->listener);
	for (size_t i = 0; i < DEVICE_CLIENTS; i++)
		fd_close(&d->clients[i].fd);
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

/* --- a test's commands ---------------------------------------------------- */

/* Each writes a reply (DEVICE_LINE), which is "ok" already; false: its words make no sense. */
typedef bool command_fn(struct device *d, char *rest, char *reply);

static bool read_number(const char *text, unsigned *out)
{
	char *end;
	unsigned long n;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	*out = (unsigned)n;
	return *end == '\0' && n <= UINT32_MAX;
}

/* "on" or "off". */
static bool read_switch(const char *text, bool *out)
{
	*out = text != NULL && strcmp(text, "on") == 0;
	return *out || (text != NULL && strcmp(text, "off") == 0);
}

static bool run_touch(struct device *d, char *rest, char *reply)
{
	unsigned n = 1;

	(void)reply;
	if (rest != NULL && !read_number(rest, &n))
		return false;
	for (unsigned i = 0; i < n; i++)
		authenticator_touch(d->authenticator);
	return true;
}

static bool run_refuse(struct device *d, char *rest, char *reply)
{
	(void)reply;
	authenticator_refuse(d->authenticator);
	return rest == NULL;
}

static bool run_auto(struct device *d, char *rest, char *reply)
{
	bool on;

	(void)reply;
	if (!read_switch(rest, &on))
		return false;
	authenticator_set_auto(d->authenticator, on);
	return true;
}

static bool run_delay(struct device *d, char *rest, char *reply)
{
	unsigned ms;

	(void)reply;
	if (!read_number(rest, &ms))
		return false;
	authenticator_set_delay(d->authenticator, ms);
	return true;
}

static bool run_uv(struct device *d, char *rest, char *reply)
{
	unsigned n;
	bool on;

	(void)reply;
	if (rest != NULL && strncmp(rest, "fail ", 5) == 0) {
		if (!read_number(rest + 5, &n))
			return false;
		authenticator_set_uv_failures(d->authenticator, n);
		return true;
	}
	if (!read_switch(rest, &on))
		return false;
	authenticator_options(d->authenticator)->uv = on;
	return true;
}

static bool run_pin(struct device *d, char *rest, char *reply)
{
	(void)reply;
	return authenticator_set_pin(d->authenticator, rest == NULL ? "" : rest) == ERR_OK;
}

static bool run_option(struct device *d, char *rest, char *reply)
{
	(void)reply;
	return rest != NULL &&
	       authenticator_option(authenticator_options(d->authenticator), rest) == ERR_OK;
}

static bool run_mode(struct device *d, char *rest, char *reply)
{
	const char *name = strsep(&rest, " ");
	enum authenticator_mode mode;
	unsigned argument = 0;

	(void)reply;
	if (name == NULL || !authenticator_mode_parse(name, &mode) ||
	    (rest != NULL && !read_number(rest, &argument)))
		return false;
	authenticator_set_mode(d->authenticator, mode, argument);
	return true;
}

static bool run_pull(struct device *d, char *rest, char *reply)
{
	(void)reply;
	d->plugged = false;
	return rest == NULL;
}

static bool run_insert(struct device *d, char *rest, char *reply)
{
	(void)reply;
	d->plugged = true;
	return rest == NULL;
}

static bool run_quit(struct device *d, char *rest, char *reply)
{
	(void)reply;
	d->quit = true;
	return rest == NULL;
}

static bool run_status(struct device *d, char *rest, char *reply)
{
	struct authenticator_status s;

	authenticator_status(d->authenticator, device_now(), &s);
	snprintf(reply, REPLY,
	    "waiting=%s plugged=%s commands=%u touches=%u registrations=%u assertions=%u"
	    " silent=%u cancelled=%u pin=%s pin_retries=%u uv_retries=%u resident=%u"
	    " counter=%lu",
	    s.waiting ? "yes" : "no", d->plugged ? "yes" : "no", s.commands, s.touches,
	    s.registrations, s.assertions, s.silent, s.cancelled, s.pin_set ? "set" : "none",
	    s.pin_retries, s.uv_retries, s.resident, (unsigned long)s.counter);
	return rest == NULL;
}

static const struct {
	const char *name;
	command_fn *run;
} commands[] = {
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

static void run_line(struct device *d, int fd, char *line)
{
	char reply[REPLY] = "ok";
	char *rest = line;
	const char *name = strsep(&rest, " ");
	const char *wrong = "no such command";

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			wrong = commands[i].run(d, rest, reply) ? NULL : "not understood";
	if (wrong != NULL)
		snprintf(reply, sizeof reply, "error: %s: %s", name, wrong);
	strcat(reply, "\n");
	(void)send(fd, reply, strlen(reply), MSG_NOSIGNAL);
}

/* --- its connections ------------------------------------------------------ */

size_t device_poll(const struct device *d, struct pollfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct pollfd){.fd = d->listener, .events = POLLIN};
	for (size_t i = 0; i < DEVICE_CLIENTS; i++)
		fds[n++] = (struct pollfd){.fd = d->clients[i].fd, .events = POLLIN};
	return n;
}

static void take_client(struct device *d)
{
	int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);

	for (size_t i = 0; fd >= 0 && i < DEVICE_CLIENTS; i++) {
		if (d->clients[i].fd >= 0)
			continue;
		d->clients[i].fd = fd;
		d->clients[i].used = 0;
		return;
	}
	fd_close(&fd);
}

static void read_client(struct device *d, struct device_client *c)
{
	char *end;
	const ssize_t n = read(c->fd, c->line + c->used, sizeof c->line - 1 - c->used);

	if (n <= 0) {
		fd_close(&c->fd);
		return;
	}
	c->used += (size_t)n;
	c->line[c->used] = '\0';
	while ((end = strchr(c->line, '\n')) != NULL) {
		*end = '\0';
		run_line(d, c->fd, c->line);
		c->used -= (size_t)(end + 1 - c->line);
		memmove(c->line, end + 1, c->used + 1);
	}
	if (c->used == sizeof c->line - 1)
		fd_close(&c->fd);
}

void device_serve(struct device *d, const struct pollfd *fds, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (d->clients[i - 1].fd >= 0 && fds[i].fd == d->clients[i - 1].fd &&
		    fds[i].revents != 0)
			read_client(d, &d->clients[i - 1]);
	if (n > 0 && (fds[0].revents & POLLIN) != 0)
		take_client(d);
	device_save(d);
}
