#include "agent/config_apply.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/channel.h"
#include "proto/base/fdio.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

enum { LINE_ROOM = 2048, SHOWN = 512 };

/* "FILE:LINE: what", without the line for one of the file as a whole. */
static const char *words_of(const struct config_mistake *m, char *out)
{
	char path[SHOWN], line[24] = "";

	text_escape(bytes_str(m->path != NULL ? m->path : "the configuration"), path, sizeof(path));
	if (m->line != 0)
		(void)snprintf(line, sizeof(line), ":%u", m->line);
	(void)snprintf(out, LINE_ROOM, "%s%s: %s", path, line, m->what);
	return out;
}

/* ctx counts them. */
static void tell_log(void *ctx, const struct config_mistake *m)
{
	char line[LINE_ROOM];
	uint32_t *count = ctx;

	++*count;
	log_warn("%s", words_of(m, line));
}

/* --- a process that reads it --------------------------------------------------------------- */

static enum err write_packed(const struct config *c, int fd)
{
	struct blob packed = {0};
	enum err e = config_pack(c, &packed);

	if (e == ERR_OK && packed.len > CONFIG_PACKED_MOST)
		e = ERR_TOO_LONG;
	for (size_t done = 0; e == ERR_OK && done < packed.len;) {
		ssize_t n = write(fd, packed.data + done, packed.len - done);

		if (n <= 0)
			e = ERR_SYSTEM;
		else
			done += (size_t)n;
	}
	if (e == ERR_OK && lseek(fd, 0, SEEK_SET) != 0)
		e = ERR_SYSTEM;
	blob_clear(&packed);
	return e;
}

static _Noreturn void read_and_end(const char *path, int fd, pid_t parent)
{
	uint32_t mistakes = 0;
	const struct config_teller to = {tell_log, &mistakes};
	struct config *c = NULL;
	bool good = true;
	enum err e;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	e = config_load(path, &to, &c, &good);
	if (e == ERR_OK) {
		c->mistakes = mistakes;
		e = write_packed(c, fd);
	}
	if (e != ERR_OK)
		log_error("the configuration cannot be read: %s", err_text(e));
	_exit(e == ERR_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}

enum err config_reading_start(struct config_reading *r, const char *path)
{
	pid_t parent = getpid(), pid;
	int fd = memfd_create("signet-config", MFD_CLOEXEC);

	if (fd < 0)
		return ERR_SYSTEM;
	pid = fork();
	if (pid == 0)
		read_and_end(path, fd, parent);
	if (pid < 0) {
		fd_close(&fd);
		return ERR_SYSTEM;
	}
	*r = (struct config_reading){pid, fd};
	return ERR_OK;
}

struct config *config_reading_end(struct config_reading *r, int how)
{
	struct blob packed = {0};
	struct config *c = NULL;
	enum err e = ERR_OK;

	if (WIFSIGNALED(how))
		log_error("the process that reads the configuration was ended by signal %d",
		    WTERMSIG(how));
	else if (WEXITSTATUS(how) == EXIT_SUCCESS)
		e = fd_read_file(r->fd, CONFIG_PACKED_MOST, &packed);
	if (packed.len != 0)
		e = config_unpack(blob_view(&packed), &c);
	if (e != ERR_OK)
		log_error("the configuration cannot be taken over: %s", err_text(e));
	blob_clear(&packed);
	fd_close(&r->fd);
	*r = (struct config_reading){0};
	return c;
}

static void tell_nobody(void *ctx, const struct config_mistake *m)
{
	(void)ctx;
	(void)m;
}

/* Where there is nothing to look up and nothing to say no process is needed.  NULL: one is. */
static struct config *read_plain(const char *path)
{
	const struct config_teller to = {tell_nobody, NULL};
	struct config *c;
	bool good, plain;

	if (config_load_plain(path, &to, &c, &good, &plain) != ERR_OK)
		return NULL;
	if (good && plain)
		return c;
	config_free(c);
	return NULL;
}

struct config *config_start(const char *path)
{
	struct config_reading r;
	struct config *c = read_plain(path);
	int how = 0;

	if (c != NULL)
		return c;
	if (config_reading_start(&r, path) != ERR_OK) {
		log_error("the configuration cannot be read: no process can be started: %m");
		return NULL;
	}
	while (waitpid(r.pid, &how, 0) < 0 && errno == EINTR)
		;
	c = config_reading_end(&r, how);
	if (c != NULL && c->mistakes != 0)
		log_warn("the lines of the configuration that are right are followed; look at the "
			 "others with signet-agent --check-config");
	return c;
}

/* --- --check-config ------------------------------------------------------------------------ */

/* What is to be printed, in the order of the lines. */
struct report {
	struct report_line {
		unsigned line;
		size_t number;
		char *words;
	} * list;
	size_t n;
	bool lost; /* no memory for one */
};

static void collect(void *ctx, const struct config_mistake *m)
{
	struct report *r = ctx;
	struct report_line *list = realloc(r->list, (r->n + 1) * sizeof(*list));
	char line[LINE_ROOM];
	char *words = strdup(words_of(m, line));

	if (list != NULL)
		r->list = list;
	if (list == NULL || words == NULL) {
		free(words);
		r->lost = true;
		return;
	}
	list[r->n] = (struct report_line){m->line, r->n, words};
	r->n++;
}

static int by_line(const void *a, const void *b)
{
	const struct report_line *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static void report_print(struct report *r, const char *path)
{
	char shown[SHOWN];

	if (r->n != 0)
		qsort(r->list, r->n, sizeof(r->list[0]), by_line);
	for (size_t i = 0; i < r->n; i++)
		puts(r->list[i].words);
	if (r->lost)
		fprintf(stderr, "signet-agent: %s\n", err_text(ERR_MEMORY));
	else if (r->n == 0 && path != NULL)
		printf("%s: no mistakes\n", text_escape(bytes_str(path), shown, sizeof(shown)));
	else if (r->n == 0)
		puts("There is no configuration: everything has its default.");
}

int config_report(const char *path)
{
	struct report r = {.n = 0};
	struct config_teller to = {collect, &r};
	struct config *c = NULL;
	bool good;

	if (config_load(path, &to, &c, &good) == ERR_OK)
		(void)config_check(c, &to);
	else
		r.lost = true;
	report_print(&r, c != NULL ? c->path : NULL);
	good = r.n == 0 && !r.lost;
	for (size_t i = 0; i < r.n; i++)
		free(r.list[i].words);
	free(r.list);
	config_free(c);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- what was read ------------------------------------------------------------------------- */

enum err config_send(const struct config *c, int channel)
{
	struct channel_message m = {.kind = CHANNEL_RELOAD};
	int fd = memfd_create("signet-config", MFD_CLOEXEC);
	enum err e = fd >= 0 ? write_packed(c, fd) : ERR_SYSTEM;

	if (e == ERR_OK)
		e = channel_send(channel, &m, fd);
	fd_close(&fd);
	return e;
}

void variables_note(struct variables *v)
{
	struct config none = {.path = NULL};
	const char *name;

	for (unsigned i = 0; i < CONFIG_VARIABLES; i++) {
		(void)config_variable(&none, i, &name);
		v->own[i] = getenv(name) != NULL;
	}
}

void variables_apply(const struct variables *v, const struct config *c)
{
	for (unsigned i = 0; i < CONFIG_VARIABLES; i++) {
		const char *name, *value = config_variable(c, i, &name);

		if (v->own[i])
			continue;
		if (value == NULL)
			unsetenv(name);
		else if (setenv(name, value, 1) != 0)
			log_warn("%s cannot be set: %m", name);
	}
}
