/* Where things lie: this program's installation, and the person's folders. */
#ifndef SIGNET_SETUP_PLACE_H
#define SIGNET_SETUP_PLACE_H

#include <limits.h>
#include <stdbool.h>

/* A path; empty: there is none, or it would be too long. */
struct path {
	char text[PATH_MAX];
};

/* As printf.  False, and an empty path, where it is too long or holds a control character. */
bool path_set(struct path *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A path as it is given to a shell: each byte of it may become four, in quotation marks. */
struct shell_path {
	char text[4 * PATH_MAX + 2];
};

/* Quoted where a shell would else take it for something else; out->text. */
const char *path_for_shell(const char *path, struct shell_path *out);

struct place {
	struct path agent;   /* the program signet-agent */
	struct path helpers; /* the folder libexec/signet */
	struct path share;   /* the folder share/signet of its prefix */
	struct path units;   /* the folder of its prefix where packaged units lie */
	bool packaged;       /* the units lie there, and the service manager looks there */
	struct path home;
	struct path config;  /* XDG_CONFIG_HOME */
	struct path state;   /* XDG_STATE_HOME/signet */
	struct path runtime; /* XDG_RUNTIME_DIR; empty: not set */
	struct path socket;  /* of the agent at login; empty without a runtime folder */
};

/*
 * Fill in, from the environment, our own program's path and agent (the program signet-agent; NULL:
 * found beside us).  Says on standard error what is missing and returns false then.
 */
bool place_find(const char *agent, struct place *out);

/* An environment variable that is an absolute path; NULL otherwise. */
const char *place_variable(const char *name);

/* Is it there (a symbolic link that leads nowhere is not); may we execute it? */
bool path_there(const char *path);
bool path_executable(const char *path);

/* The program's path from PATH; false: not found. */
bool path_find_program(const char *name, struct path *out);

#endif
