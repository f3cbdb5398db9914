#include "agent/lineage.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/reader.h"

enum { RECORD_VERSION = 2 };

static void process_build(struct builder *b, const struct process *p)
{
	builder_u32(b, (uint32_t)p->pid);
	builder_u64(b, p->started);
	builder_u32(b, p->uid);
	builder_bool(b, p->settled);
	builder_bool(b, p->helper);
	builder_cstring(b, p->name);
	builder_cstring(b, p->exe);
}

void lineage_build(struct builder *b, const struct lineage *l)
{
	builder_u8(b, RECORD_VERSION);
	builder_bool(b, l->remote);
	builder_cstring(b, l->tty);
	builder_string(b, BYTES(l->args, l->args_len));
	builder_u32(b, (uint32_t)l->count);
	for (size_t i = 0; i < l->count; i++)
		process_build(b, &l->process[i]);
}

static enum err read_escaped(struct reader *r, char *out, size_t room)
{
	struct bytes text;
	enum err e = reader_text(r, &text);

	if (e == ERR_OK)
		text_escape(text, out, room);
	return e;
}

static enum err process_read(struct reader *r, struct process *out)
{
	uint32_t pid = 0, uid = 0;
	enum err e = reader_u32(r, &pid);

	if (e == ERR_OK)
		e = reader_u64(r, &out->started);
	if (e == ERR_OK)
		e = reader_u32(r, &uid);
	if (e == ERR_OK)
		e = reader_bool(r, &out->settled);
	if (e == ERR_OK)
		e = reader_bool(r, &out->helper);
	if (e == ERR_OK)
		e = read_escaped(r, out->name, sizeof(out->name));
	if (e == ERR_OK)
		e = read_escaped(r, out->exe, sizeof(out->exe));
	if (e == ERR_OK && (pid == 0 || pid > INT32_MAX))
		e = ERR_NUMBER;
	out->pid = (pid_t)pid;
	out->uid = uid;
	return e;
}

static enum err args_read(struct reader *r, struct lineage *out)
{
	struct bytes args;
	enum err e = reader_string(r, &args);

	if (e != ERR_OK)
		return e;
	if (args.len > LINEAGE_ARGS)
		return ERR_TOO_LONG;
	if (args.len != 0 && args.data[args.len - 1] != 0)
		return ERR_FORMAT;
	if (args.len != 0)
		memcpy(out->args, args.data, args.len);
	out->args_len = args.len;
	return ERR_OK;
}

static enum err header_read(struct reader *r, struct lineage *out)
{
	uint8_t version = 0;
	uint32_t count = 0;
	enum err e = reader_u8(r, &version);

	if (e == ERR_OK && version != RECORD_VERSION)
		e = ERR_VERSION;
	if (e == ERR_OK)
		e = reader_bool(r, &out->remote);
	if (e == ERR_OK)
		e = read_escaped(r, out->tty, sizeof(out->tty));
	if (e == ERR_OK)
		e = args_read(r, out);
	if (e == ERR_OK)
		e = reader_u32(r, &count);
	if (e == ERR_OK && count > LINEAGE_MOST)
		e = ERR_LIMIT;
	out->count = count;
	return e;
}

enum err lineage_parse(struct bytes record, struct lineage *out)
{
	struct reader r = reader_of(record);
	struct lineage l = {0};
	enum err e = header_read(&r, &l);

	for (size_t i = 0; e == ERR_OK && i < l.count; i++)
		e = process_read(&r, &l.process[i]);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = l;
	return e;
}

/* Everything a person runs descends from it, so it stands for nothing in particular. */
static bool is_service_manager(const struct process *p)
{
	return p->pid == 1 || strcmp(p->name, "systemd") == 0 || strcmp(p->name, "init") == 0;
}

const struct process *lineage_application(const struct lineage *l)
{
	size_t i = 0;

	if (l->count == 0)
		return NULL;
	while (i + 1 < l->count && l->process[i].helper)
		i++;
	if (i > 0 && is_service_manager(&l->process[i]))
		i--;
	return &l->process[i];
}

/* The kernel keeps 15 bytes of a name; a process may change its own, but not its program's path.
 * What is called by a link is told by it: python3 is python3.11. */
static bool named_after_program(const struct process *p)
{
	enum { KERNEL_NAME = 15 };
	const char *slash = strrchr(p->exe, '/');
	const char *base = slash != NULL ? slash + 1 : p->exe;
	size_t n = strlen(p->name);

	if (n == 0 || strncmp(p->name, base, n) != 0)
		return false;
	return n == KERNEL_NAME || base[n + strspn(base + n, ".0123456789")] == '\0';
}

bool lineage_plain(const struct process *p)
{
	return p->exe[0] != '\0' && p->settled && named_after_program(p);
}

void lineage_tail(const char *path, char *out, size_t most)
{
	size_t len = strlen(path);
	bool cut = len > most;

	if (cut) {
		path += len - (most - 3);
		while (((unsigned char)*path & 0xc0) == 0x80)
			path++;
	}
	(void)snprintf(out, most + 1, "%s%s", cut ? "..." : "", path);
}

const char *lineage_label(const struct process *p, char out[LINEAGE_LABEL])
{
	enum { FILE_SHOWN = 64, NAME_SHOWN = LINEAGE_LABEL - FILE_SHOWN - 12 };
	char name[NAME_SHOWN], file[FILE_SHOWN + 1], shown[FILE_SHOWN + 3];

	text_word(bytes_str(p->name), name, sizeof(name));
	lineage_tail(p->exe, file, FILE_SHOWN);
	if (p->exe[0] == '\0')
		(void)snprintf(out, LINEAGE_LABEL, "(unknown) %s", name);
	else if (lineage_plain(p))
		(void)snprintf(out, LINEAGE_LABEL, "%s", name);
	else
		(void)snprintf(out, LINEAGE_LABEL, "%s (%s)", name,
		    text_word(bytes_str(file), shown, sizeof(shown)));
	return out;
}

const char *lineage_argument(const struct lineage *l, size_t i)
{
	const char *at = l->args, *end = l->args + l->args_len;

	while (i-- != 0 && at < end)
		at += strlen(at) + 1;
	return at < end ? at : NULL;
}
