#include "proto/base/askpass.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/spawn.h"

/* Where systems put the program; the first that is there is taken. */
static const char *const usual_places[] = {
    "/usr/bin/ssh-askpass",
    "/usr/libexec/openssh/ssh-askpass",
    "/usr/lib/openssh/ssh-askpass",
    "/usr/lib/ssh/ssh-askpass",
    "/usr/lib/openssh/gnome-ssh-askpass",
};

enum askpass_rule askpass_rule_now(void)
{
	const char *s = getenv("SSH_ASKPASS_REQUIRE");

	if (s == NULL)
		return ASKPASS_DEFAULT;
	if (strcasecmp(s, "never") == 0)
		return ASKPASS_NEVER;
	if (strcasecmp(s, "prefer") == 0)
		return ASKPASS_PREFER;
	if (strcasecmp(s, "force") == 0)
		return ASKPASS_FORCE;
	return ASKPASS_DEFAULT;
}

static bool is_set(const char *name)
{
	const char *s = getenv(name);

	return s != NULL && s[0] != '\0';
}

bool askpass_possible(void)
{
	switch (askpass_rule_now()) {
	case ASKPASS_NEVER:
		return false;
	case ASKPASS_FORCE:
		return true;
	default:
		return is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
	}
}

/* directory/name in fresh memory, or NULL. */
static char *join(const char *directory, size_t len, const char *name)
{
	char *path;

	return asprintf(&path, "%.*s/%s", (int)len, directory, name) == -1 ? NULL : path;
}

static char *from_working_directory(const char *name)
{
	char *here = getcwd(NULL, 0);
	char *path = here != NULL ? join(here, strlen(here), name) : NULL;

	free(here);
	return path;
}

/* Relative directories in PATH are left out: what they name depends on where the agent happens to
 * be. */
static char *from_path(const char *name)
{
	const char *p = getenv("PATH");

	p = p != NULL ? p : "/usr/bin:/bin";
	for (;;) {
		size_t n = strcspn(p, ":");
		char *path = n != 0 && p[0] == '/' && n < PATH_MAX ? join(p, n, name) : NULL;

		if (path != NULL && access(path, X_OK) == 0)
			return path;
		free(path);
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	errno = ENOENT;
	return NULL;
}

static enum err find_usual(char **out)
{
	for (size_t i = 0; i < sizeof(usual_places) / sizeof(usual_places[0]); i++) {
		if (access(usual_places[i], X_OK) != 0)
			continue;
		*out = strdup(usual_places[i]);
		return *out != NULL ? ERR_OK : ERR_MEMORY;
	}
	return ERR_NO_PROMPT;
}

enum err askpass_find(char **out)
{
	const char *named = getenv("SSH_ASKPASS");
	char *path;

	if (named == NULL)
		return find_usual(out);
	if (named[0] == '\0')
		return ERR_NO_PROMPT;
	if (named[0] == '/')
		path = strdup(named);
	else if (strchr(named, '/') != NULL)
		path = from_working_directory(named);
	else
		path = from_path(named);
	if (path == NULL)
		return ERR_SYSTEM;
	*out = path;
	return ERR_OK;
}

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool has = fd != -1;

	fd_close(&fd);
	return has;
}

/* given: the program's environment; NULL for the short one of spawn_env */
static enum err start_program(
    const char *path, struct askpass *a, const char *question, int out, const char *const *given)
{
	static const char *const hints[] = {
	    [ASKPASS_SECRET] = NULL,
	    [ASKPASS_CONFIRM] = "SSH_ASKPASS_PROMPT=confirm",
	    [ASKPASS_NOTICE] = "SSH_ASKPASS_PROMPT=none",
	};
	const char *const extra[] = {hints[a->kind], NULL};
	const char *const argv[] = {path, question, NULL};
	bool errors = fcntl(STDERR_FILENO, F_GETFD) != -1;
	const struct spawn_fd fds[] = {{-1, 0}, {out, 1}, {errors ? STDERR_FILENO : -1, 2}};
	char **env = given == NULL ? spawn_env(extra) : NULL;
	struct spawn_args args = {
	    .path = path,
	    .argv = argv,
	    .env = given != NULL ? given : (const char *const *)env,
	    .fds = fds,
	    .nfds = sizeof(fds) / sizeof(fds[0]),
	    .die_with_parent = true,
	    /* A program that asks on the terminal needs it; any other is ended with its children.
	     */
	    .new_session = !has_terminal(),
	};
	enum err e = args.env != NULL ? spawn(&args, &a->pid) : ERR_MEMORY;

	spawn_env_free(env);
	return e;
}

enum err askpass_start(enum askpass_kind kind, const char *question, struct askpass *out)
{
	return askpass_start_with(kind, question, NULL, out);
}

enum err askpass_start_with(
    enum askpass_kind kind, const char *question, const char *const *env, struct askpass *out)
{
	struct askpass a = {.pid = 0, .output = -1, .kind = kind};
	int ends[2] = {-1, -1};
	char *path = NULL;
	enum err e = ERR_NO_PROMPT;

	if (askpass_possible())
		e = askpass_find(&path);
	if (e == ERR_OK && kind != ASKPASS_NOTICE && pipe2(ends, O_CLOEXEC) == -1)
		e = ERR_SYSTEM;
	if (e == ERR_OK && kind != ASKPASS_NOTICE)
		e = fd_nonblock(ends[0]);
	if (e == ERR_OK)
		e = start_program(path, &a, question, ends[1], env);
	if (e == ERR_OK) {
		a.output = ends[0];
		ends[0] = -1;
		*out = a;
	}
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	free(path);
	return e;
}
