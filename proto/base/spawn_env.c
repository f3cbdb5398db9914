/* The environment that helpers and prompts get. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/spawn.h"

/* Names, or beginnings of names where a star ends them.  Nothing here can load code. */
static const char *const allowed[] = {
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_*",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SIGNET_PROMPT",
    "SIGNET_PINENTRY",
    "SIGNET_NOTIFY",
    "PCSCLITE_CSOCK_NAME",
    "TMPDIR",
    "TZ",
};

/*
 * What not even a helper gets that loads libraries of others, which are told by variables of their
 * own where their things are: what the loader, the C library or libcrypto would load code or
 * translations by, what leads to this agent, and what was meant for the program that had it.
 */
static const char *const refused[] = {
    "LD_*",
    "GLIBC_TUNABLES",
    "MALLOC_*",
    "GCONV_PATH",
    "GETCONF_DIR",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "LOCPATH",
    "NIS_PATH",
    "NLSPATH",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "OPENSSL_*",
    "SSLKEYLOGFILE",
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "LISTEN_*",
    "NOTIFY_SOCKET",
};

/* Bytes of the name in NAME=VALUE. */
static size_t name_length(const char *entry)
{
	return strcspn(entry, "=");
}

static bool is_in(const char *const *list, size_t rows, const char *entry)
{
	size_t n = name_length(entry);

	for (size_t i = 0; i < rows; i++) {
		size_t len = strlen(list[i]);

		if (list[i][len - 1] == '*' ? strncmp(entry, list[i], len - 1) == 0
					    : len == n && memcmp(entry, list[i], n) == 0)
			return true;
	}
	return false;
}

static bool is_allowed(const char *entry)
{
	return is_in(allowed, sizeof(allowed) / sizeof(allowed[0]), entry);
}

static bool is_refused(const char *entry)
{
	return is_in(refused, sizeof(refused) / sizeof(refused[0]), entry);
}

static bool is_replaced(const char *entry, const char *const *extra)
{
	size_t n = name_length(entry);

	for (; extra != NULL && *extra != NULL; extra++) {
		if (name_length(*extra) == n && memcmp(entry, *extra, n) == 0)
			return true;
	}
	return false;
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

static char **copy(const char *const *extra, bool most)
{
	const char *const *now = (const char *const *)environ;
	char **env = calloc(count(now) + count(extra) + 1, sizeof(*env));
	size_t n = 0;

	if (env == NULL)
		return NULL;
	for (; now != NULL && *now != NULL; now++) {
		if ((most ? is_refused(*now) : !is_allowed(*now)) || is_replaced(*now, extra))
			continue;
		env[n] = strdup(*now);
		if (env[n++] == NULL)
			goto out;
	}
	for (; extra != NULL && *extra != NULL; extra++) {
		env[n] = strdup(*extra);
		if (env[n++] == NULL)
			goto out;
	}
	return env;
out:
	spawn_env_free(env);
	return NULL;
}

char **spawn_env(const char *const *extra)
{
	return copy(extra, false);
}

char **spawn_env_most(void)
{
	return copy(NULL, true);
}

void spawn_env_free(char **env)
{
	for (char **e = env; e != NULL && *e != NULL; e++)
		free(*e);
	free(env);
}
