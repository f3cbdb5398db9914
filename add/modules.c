/*
 * The PKCS#11 modules that are configured for p11-kit, by their *.module files (pkcs11.conf(5)): no
 * module is loaded.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "add/control.h"
#include "add/keysource.h"
#include "add/tokens.h"
#include "proto/base/mem.h"
#include "proto/base/text.h"
#include "proto/helpermsg.h"
#include "proto/tokenmsg.h"

enum { MODULES_MOST = 64, MODULE_FILE_MOST = 64 * 1024, PATH_ROOM = 4096 };

struct module {
	char name[64];
	char path[PATH_ROOM]; /* escaped; maybe the bare name of a library, as the file has it */
};

struct modules {
	struct module *list; /* room for MODULES_MOST */
	size_t count;
};

/* The name without ".module"; false for another file, or one that p11-kit passes over. */
static bool module_name(const char *file, char name[64])
{
	static const char suffix[] = ".module";
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t length = strlen(file), end = sizeof(suffix) - 1;

	if (length <= end || length - end >= 64 || strcmp(file + length - end, suffix) != 0 ||
	    file[0] == '.' || file[strspn(file, allowed)] != '\0')
		return false;
	memcpy(name, file, length - end);
	name[length - end] = '\0';
	return true;
}

/* Blanks at both ends. */
static struct bytes trim(struct bytes b)
{
	while (b.len != 0 && strchr(" \t\r", b.data[0]) != NULL && b.data[0] != '\0')
		b = BYTES(b.data + 1, b.len - 1);
	while (
	    b.len != 0 && strchr(" \t\r", b.data[b.len - 1]) != NULL && b.data[b.len - 1] != '\0')
		b.len--;
	return b;
}

/* The value of "module: PATH" in a file; the last one counts. */
static bool module_path(struct bytes file, char path[PATH_ROOM])
{
	bool found = false;

	while (file.len != 0) {
		const uint8_t *end = memchr(file.data, '\n', file.len);
		size_t length = end != NULL ? (size_t)(end - file.data) : file.len;
		struct bytes line = trim(BYTES(file.data, length)), value;
		const uint8_t *colon = memchr(line.data, ':', line.len);

		length += end != NULL;
		file = BYTES(file.data + length, file.len - length);
		if (colon == NULL)
			continue;
		value = trim(BYTES(colon + 1, line.len - (size_t)(colon + 1 - line.data)));
		line = trim(BYTES(line.data, (size_t)(colon - line.data)));
		if (!bytes_is(line, "module") || value.len == 0)
			continue;
		text_escape(value, path, PATH_ROOM);
		found = true;
	}
	return found;
}

/* A later folder's file of the same name goes before an earlier one's. */
static void put_module(struct modules *m, const char *folder, const char *file)
{
	char path[PATH_ROOM], name[64];
	struct keysource k;
	struct module *at;

	if (!module_name(file, name) ||
	    snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int)sizeof(path))
		return;
	for (at = m->list; at < m->list + m->count; at++) {
		if (strcmp(at->name, name) == 0)
			break;
	}
	if (at == m->list + MODULES_MOST)
		return;
	if (keysource_read_most(path, MODULE_FILE_MOST, &k) == ERR_OK &&
	    module_path(blob_view(&k.content), at->path) && at == m->list + m->count) {
		memcpy(at->name, name, sizeof(at->name));
		m->count++;
	}
	keysource_clear(&k);
}

static void put_folder(struct modules *m, const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL)
		put_module(m, folder, entry->d_name);
	closedir(d);
}

/* ~/.config/pkcs11/modules; false: there is no home. */
static bool own_folder(char *path, size_t room)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n;

	if (config != NULL && config[0] == '/')
		n = snprintf(path, room, "%s/pkcs11/modules", config);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, room, "%s/.config/pkcs11/modules", home);
	else
		return false;
	return n >= 0 && (size_t)n < room;
}

/* The path that -s takes the name for, where signet-pkcs11 can tell. */
static void resolve(struct module *m)
{
	struct builder request = {0};
	struct blob answer = {0};
	struct bytes path;

	token_resolve_build(&request, bytes_str(m->name));
	if (tokens_ask(HELPER_PKCS11, &request, &answer) == ERR_OK &&
	    token_resolved_parse(blob_view(&answer), &path) == ERR_OK)
		text_escape(path, m->path, sizeof(m->path));
	blob_clear(&answer);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->name, ((const struct module *)b)->name);
}

static void print_modules(const struct options *o, const struct modules *m)
{
	if (!o->json && m->count != 0)
		puts("PKCS#11 modules that p11-kit knows, for -s:");
	for (size_t i = 0; i < m->count; i++) {
		const struct module *one = &m->list[i];

		if (!o->json) {
			printf("  %s (%s)\n", one->name, one->path);
			continue;
		}
		fputs("{\"kind\":\"module\",\"name\":", stdout);
		json_string(bytes_str(one->name));
		fputs(",\"path\":", stdout);
		json_string(bytes_str(one->path));
		puts("}");
	}
}

bool tokens_list_modules(const struct options *o)
{
	struct modules m = {.list = mem_alloc(MODULES_MOST * sizeof(struct module))};
	char folder[PATH_ROOM];

	if (m.list == NULL) {
		fprintf(stderr, "%s\n", err_text(ERR_MEMORY));
		return false;
	}
	put_folder(&m, "/usr/share/p11-kit/modules");
	put_folder(&m, "/etc/pkcs11/modules");
	if (own_folder(folder, sizeof(folder)))
		put_folder(&m, folder);
	for (size_t i = 0; i < m.count; i++)
		resolve(&m.list[i]);
	qsort(m.list, m.count, sizeof(m.list[0]), by_name);
	print_modules(o, &m);
	mem_free(m.list);
	return true;
}
