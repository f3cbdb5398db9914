#include "agent/setup/place.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool path_set(struct path *out, const char *format, ...)
{
	struct path made;
	va_list args;
	int n;

	/* A part of it may be what stands in *out. */
	va_start(args, format);
	n = vsnprintf(made.text, sizeof(made.text), format, args);
	va_end(args);
	for (int i = 0; i < n && (size_t)n < sizeof(made.text); i++) {
		if ((unsigned char)made.text[i] < ' ' || made.text[i] == 0x7f)
			n = -1;
	}
	if (n < 0 || (size_t)n >= sizeof(made.text)) {
		out->text[0] = '\0';
		return false;
	}
	*out = made;
	return true;
}

const char *path_for_shell(const char *path, struct shell_path *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._+-:/@%,=";
	bool quoted = path[0] == '\0' || path[strspn(path, plain)] != '\0';
	char *at = out->text;

	if (quoted)
		*at++ = '\'';
	for (size_t i = 0; i < PATH_MAX - 1 && path[i] != '\0'; i++) {
		*at++ = path[i];
		if (path[i] == '\'') {
			memcpy(at, "\\''", 3);
			at += 3;
		}
	}
	if (quoted)
		*at++ = '\'';
	*at = '\0';
	return out->text;
}

const char *place_variable(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] == '/' ? value : NULL;
}

bool path_there(const char *path)
{
	struct stat st;

	return path[0] != '\0' && stat(path, &st) == 0;
}

bool path_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool path_find_program(const char *name, struct path *out)
{
	const char *p = getenv("PATH");

	for (p = p != NULL ? p : "/usr/bin:/bin"; *p != '\0'; p += *p == ':') {
		size_t n = strcspn(p, ":");

		if (n > 0 && *p == '/' && path_set(out, "%.*s/%s", (int)n, p, name) &&
		    path_executable(out->text))
			return true;
		p += n;
	}
	out->text[0] = '\0';
	return false;
}

static bool find_home(struct path *out)
{
	const char *home = place_variable("HOME");
	struct passwd entry, *found = NULL;
	char room[4096];

	if (home == NULL && getpwuid_r(getuid(), &entry, room, sizeof(room), &found) == 0 &&
	    found != NULL)
		home = found->pw_dir;
	return home != NULL && path_set(out, "%s", home);
}

/* PREFIX/bin/signet-agent and PREFIX/libexec/signet/signet-setup lie side by side. */
static bool find_programs(const char *agent, struct place *p)
{
	struct path exe, prefix;
	ssize_t n = readlink("/proc/self/exe", exe.text, sizeof(exe.text) - 1);
	char *slash;

	if (n <= 0)
		return false;
	exe.text[n] = '\0';
	slash = strrchr(exe.text, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	prefix = exe;
	for (int i = 0; i < 2; i++) {
		slash = strrchr(prefix.text, '/');
		if (slash == NULL)
			return false;
		*slash = '\0';
	}
	if (!path_set(&p->helpers, "%s", exe.text) ||
	    !path_set(&p->share, "%s/share/signet", prefix.text) ||
	    !path_set(&p->units, "%s/lib/systemd/user", prefix.text))
		return false;
	p->packaged = strcmp(prefix.text, "/usr") == 0 || strcmp(prefix.text, "/usr/local") == 0;
	if (p->packaged) {
		struct path unit;

		p->packaged = path_set(&unit, "%s/signet-agent.service", p->units.text) &&
			      path_there(unit.text);
	}
	return agent != NULL ? path_set(&p->agent, "%s", agent)
			     : path_set(&p->agent, "%s/bin/signet-agent", prefix.text);
}

bool place_find(const char *agent, struct place *out)
{
	const char *config = place_variable("XDG_CONFIG_HOME");
	const char *state = place_variable("XDG_STATE_HOME");
	const char *runtime = place_variable("XDG_RUNTIME_DIR");

	*out = (struct place){.packaged = false};
	if (!find_home(&out->home)) {
		fputs("signet-agent: there is no home folder: set HOME to its absolute path\n",
		    stderr);
		return false;
	}
	if (!find_programs(agent, out)) {
		fputs(
		    "signet-agent: cannot tell where it is installed: is /proc mounted?\n", stderr);
		return false;
	}
	if (!path_set(&out->config, "%s%s", config != NULL ? config : out->home.text,
		config != NULL ? "" : "/.config") ||
	    !path_set(&out->state, "%s%s/signet", state != NULL ? state : out->home.text,
		state != NULL ? "" : "/.local/state")) {
		fputs("signet-agent: the path of the home folder is too long or holds control "
		      "characters\n",
		    stderr);
		return false;
	}
	if (runtime != NULL && path_set(&out->runtime, "%s", runtime))
		(void)path_set(&out->socket, "%s/signet/agent.sock", runtime);
	return true;
}
