#include "tokens/pkcs11/name.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "tokens/pkcs11/uri.h"

/* From p11-kit-1.pc, at build time. */
#ifndef P11_MODULE_PATH
#define P11_MODULE_PATH "/usr/lib/pkcs11"
#endif
#ifndef P11_MODULE_CONFIGS
#define P11_MODULE_CONFIGS "/usr/share/p11-kit/modules"
#endif
#ifndef P11_SYSTEM_CONFIGS
#define P11_SYSTEM_CONFIGS "/etc/pkcs11/modules"
#endif

enum { CONFIG_MOST = 65536, CONFIGS_MOST = 1024 };

static const char suffix[] = ".module";

/* --- paths ----------------------------------------------------------------------- */

static enum err resolve_path(const char *path, struct blob *out, struct fault *f)
{
	struct stat st;
	char *real;
	enum err e = ERR_OK;

	if (path[0] != '/')
		return fault_set(f, ERR_MODULE, "%s: its path does not begin with /", path);
	real = realpath(path, NULL);
	if (real == NULL || stat(real, &st) == -1)
		e = fault_set(f, ERR_MODULE, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		e = fault_set(f, ERR_MODULE, "%s is not a file", real);
	else if (strlen(real) > TOKEN_PATH_MOST)
		e = fault_set(f, ERR_MODULE, "%s: %s", path, strerror(ENAMETOOLONG));
	else if (blob_copy(out, bytes_str(real)) != ERR_OK)
		e = fault_set(f, ERR_MEMORY, "path");
	free(real);
	return e;
}

/* --- p11-kit's configuration -------------------------------------------------------- */

/* The value of a line "module: VALUE"; false for any other. */
static bool module_line(char *line, const char **value)
{
	static const char key[] = "module";
	char *end;

	while (isspace((unsigned char)*line))
		line++;
	if (strncmp(line, key, sizeof(key) - 1) != 0)
		return false;
	line += sizeof(key) - 1;
	while (isspace((unsigned char)*line))
		line++;
	if (*line++ != ':')
		return false;
	while (isspace((unsigned char)*line))
		line++;
	end = line + strlen(line);
	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	*value = line;
	return true;
}

/* The library that this file configures, as a path; false: none. */
static bool read_config(const char *folder, const char *file, char *path, size_t room)
{
	char name[PATH_MAX];
	struct blob content = {0};
	const char *value = NULL;
	char *rest = NULL;
	int fd, n = snprintf(name, sizeof(name), "%s/%s", folder, file);
	bool found = false;

	if (n < 0 || (size_t)n >= sizeof(name))
		return false;
	/* One that is a pipe must not hold us up. */
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return false;
	if (fd_read_file(fd, CONFIG_MOST, &content) == ERR_OK && content.len != 0) {
		for (char *line = strtok_r((char *)content.data, "\n", &rest);
		     line != NULL && !found; line = strtok_r(NULL, "\n", &rest))
			found = module_line(line, &value);
	}
	if (found && value[0] != '\0') {
		n = snprintf(path, room, "%s%s%s", value[0] == '/' ? "" : P11_MODULE_PATH,
		    value[0] == '/' ? "" : "/", value);
		found = n > 0 && (size_t)n < room;
	} else {
		found = false;
	}
	blob_clear(&content);
	close(fd);
	return found;
}

/* Is this library called so, "lib" and ".so" left out or not? */
static bool library_is(const char *path, const char *name)
{
	const char *file = strrchr(path, '/') + 1;
	size_t len = strlen(name), file_len = strlen(file);

	if (strcmp(file, name) == 0)
		return true;
	if (strncmp(file, "lib", 3) == 0 && strncmp(name, "lib", 3) != 0) {
		file += 3;
		file_len -= 3;
	}
	return strncmp(file, name, len) == 0 && (file_len == len || strcmp(file + len, ".so") == 0);
}

/* In one folder: by the file's name first, then by the library's. */
static bool search(const char *folder, const char *name, char *path, size_t room)
{
	char file[NAME_MAX + 1];
	struct dirent *entry;
	DIR *dir;
	bool found;
	int n = snprintf(file, sizeof(file), "%s%s", name, suffix);

	if (n > 0 && (size_t)n < sizeof(file) && read_config(folder, file, path, room))
		return true;
	dir = opendir(folder);
	found = false;
	for (int i = 0; dir != NULL && !found && i < CONFIGS_MOST; i++) {
		size_t len;

		entry = readdir(dir);
		if (entry == NULL)
			break;
		len = strlen(entry->d_name);
		found = len > sizeof(suffix) - 1 &&
			strcmp(entry->d_name + len - (sizeof(suffix) - 1), suffix) == 0 &&
			read_config(folder, entry->d_name, path, room) && library_is(path, name);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static bool search_own(const char *name, char *path, size_t room)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool config = base != NULL && base[0] == '/';
	char folder[PATH_MAX];
	int n;

	if (!config && (home == NULL || home[0] != '/'))
		return false;
	n = snprintf(folder, sizeof(folder), "%s%s/pkcs11/modules", config ? base : home,
	    config ? "" : "/.config");
	return n > 0 && (size_t)n < sizeof(folder) && search(folder, name, path, room);
}

static enum err resolve_name(const char *name, struct blob *out, struct fault *f)
{
	char path[PATH_MAX];

	if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		return fault_set(
		    f, ERR_MODULE_NAME, "neither a name nor a path that begins with /");
	if (!search_own(name, path, sizeof(path)) &&
	    !search(P11_SYSTEM_CONFIGS, name, path, sizeof(path)) &&
	    !search(P11_MODULE_CONFIGS, name, path, sizeof(path)))
		return fault_set(f, ERR_MODULE_NAME, "%s", name);
	return resolve_path(path, out, f);
}

/* --- all kinds ----------------------------------------------------------------------- */

static enum err resolve_uri(struct bytes name, struct blob *out, struct fault *f)
{
	struct uri *u;
	enum err e = uri_parse(name, &u, f);

	if (e != ERR_OK)
		return e;
	if (uri_module_path(u) != NULL)
		e = resolve_path(uri_module_path(u), out, f);
	else if (uri_module_name(u) != NULL)
		e = resolve_name(uri_module_name(u), out, f);
	else
		e = fault_set(f, ERR_URI_MODULE, "it has neither module-path nor module-name");
	uri_free(u);
	return e;
}

enum err name_resolve(struct bytes name, struct blob *out, struct fault *f)
{
	char text[TOKEN_PATH_MOST + 1] = {0};

	if (name.len == 0 || name.len > TOKEN_PATH_MOST ||
	    memchr(name.data, '\0', name.len) != NULL)
		return fault_set(f, ERR_MODULE_NAME, "it is empty, too long or holds a NUL");
	memcpy(text, name.data, name.len);
	if (text[0] == '/')
		return resolve_path(text, out, f);
	if (strncasecmp(text, "pkcs11:", 7) == 0)
		return resolve_uri(name, out, f);
	return resolve_name(text, out, f);
}
