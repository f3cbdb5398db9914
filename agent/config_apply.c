#include "agent/config_apply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

static void tell_log(void *ctx, const struct config_mistake *m)
{
	char line[LINE_ROOM];

	(void)ctx;
	log_warn("%s", words_of(m, line));
}

static const struct config_teller logger = {tell_log, NULL};

struct config *config_start(const char *path)
{
	struct config *c = NULL;
	bool good = true;

	if (config_load(path, &logger, &c, &good) != ERR_OK)
		log_error("the configuration cannot be read: %s", err_text(ERR_MEMORY));
	else if (!good)
		log_warn("the lines of the configuration that are right are followed; look at the "
			 "others with signet-agent --check-config");
	return c;
}

struct config *config_reload(const char *path)
{
	struct config *c = NULL;
	bool good = true;

	if (config_load(path, &logger, &c, &good) == ERR_OK && good)
		return c;
	log_warn("the configuration was not read anew: the old one stays in force until the "
		 "mistakes are mended");
	config_free(c);
	return NULL;
}

struct printed {
	unsigned count;
};

static void print(void *ctx, const struct config_mistake *m)
{
	struct printed *p = ctx;
	char line[LINE_ROOM];

	p->count++;
	puts(words_of(m, line));
}

int config_report(const char *path)
{
	struct printed printed = {0};
	struct config_teller printer = {print, &printed};
	char shown[SHOWN];
	struct config *c;
	bool good;

	if (config_load(path, &printer, &c, &good) != ERR_OK) {
		fprintf(stderr, "signet-agent: %s\n", err_text(ERR_MEMORY));
		return EXIT_FAILURE;
	}
	(void)config_check(c, &printer);
	if (printed.count == 0 && c->path != NULL)
		printf("%s: no mistakes\n", text_escape(bytes_str(c->path), shown, sizeof(shown)));
	else if (printed.count == 0)
		puts("There is no configuration: everything has its default.");
	config_free(c);
	return printed.count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

enum err config_send(const struct config *c, int channel)
{
	struct channel_message m = {.kind = CHANNEL_RELOAD};
	struct blob packed = {0};
	int fd = -1;
	enum err e = config_pack(c, &packed);

	if (e == ERR_OK) {
		fd = memfd_create("signet-config", MFD_CLOEXEC);
		e = fd >= 0 ? ERR_OK : ERR_SYSTEM;
	}
	for (size_t done = 0; e == ERR_OK && done < packed.len;) {
		ssize_t n = write(fd, packed.data + done, packed.len - done);

		if (n <= 0)
			e = ERR_SYSTEM;
		else
			done += (size_t)n;
	}
	if (e == ERR_OK && lseek(fd, 0, SEEK_SET) != 0)
		e = ERR_SYSTEM;
	if (e == ERR_OK)
		e = channel_send(channel, &m, fd);
	fd_close(&fd);
	blob_clear(&packed);
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
