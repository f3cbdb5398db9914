#include "agent/setup/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/setup/files.h"
#include "proto/builder.h"

bool ledger_open(const struct place *p, struct ledger *out)
{
	*out = (struct ledger){.text = {0}};
	(void)path_set(&out->file, "%s/setup", p->state.text);
	if (file_read(out->file.text, &out->text) || !path_there(out->file.text))
		return true;
	fprintf(stderr,
	    "signet-agent: %s, which says what --setup has done, cannot be read: nothing was "
	    "changed\n",
	    out->file.text);
	return false;
}

void ledger_close(struct ledger *l)
{
	blob_clear(&l->text);
}

static bool is_line(struct bytes line, const char *kind, const char *value)
{
	size_t n = strlen(kind);

	return bytes_begin(line, kind) && bytes_is(BYTES(line.data + n, line.len - n), value);
}

bool ledger_has(const struct ledger *l, const char *kind, const char *value)
{
	struct bytes rest = blob_view(&l->text), line;

	while (line_next(&rest, &line)) {
		if (is_line(line, kind, value))
			return true;
	}
	return false;
}

static bool remember(struct ledger *l, const char *kind, const char *value)
{
	struct builder b = {0};

	if (ledger_has(l, kind, value))
		return true;
	builder_put(&b, blob_view(&l->text));
	builder_put(&b, bytes_str(kind));
	builder_put(&b, bytes_str(value));
	builder_u8(&b, '\n');
	if (builder_error(&b) != ERR_OK) {
		builder_clear(&b);
		return false;
	}
	blob_clear(&l->text);
	return builder_take(&b, &l->text) == ERR_OK;
}

static bool make_folder(struct ledger *l, const char *path)
{
	if (path[0] == '\0' || path_there(path))
		return true;
	if (!remember(l, LEDGER_FOLDER, path))
		return false;
	if (mkdir(path, 0700) == 0)
		return true;
	fprintf(stderr, "signet-agent: cannot make the folder %s: %s\n", path, strerror(errno));
	return false;
}

/* Folders that could not be noted are not left behind: the lines behind the first n bytes go. */
static void take_back(struct ledger *l, size_t n)
{
	size_t kind = strlen(LEDGER_FOLDER), at = l->text.len;
	struct bytes line;
	struct path path;

	while (at > n && ledger_back(l, &at, &line)) {
		if (bytes_begin(line, LEDGER_FOLDER) &&
		    path_set(&path, "%.*s", (int)(line.len - kind), (const char *)line.data + kind))
			(void)rmdir(path.text);
	}
	l->text.len = n;
}

static bool make_folders(struct ledger *l, const char *file)
{
	struct path path;

	for (const char *p = strchr(file + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		if (!path_set(&path, "%.*s", (int)(p - file), file) || !make_folder(l, path.text))
			return false;
	}
	return true;
}

static bool save(struct ledger *l)
{
	size_t before = l->text.len;

	if (make_folders(l, l->file.text) && file_write(l->file.text, blob_view(&l->text), 0600))
		return true;
	fprintf(stderr,
	    "signet-agent: cannot write %s, by which --undo knows what to put back: %s\n",
	    l->file.text, strerror(errno));
	take_back(l, before);
	return false;
}

bool ledger_note(struct ledger *l, const char *kind, const char *value)
{
	size_t before = l->text.len;

	if (ledger_has(l, kind, value))
		return true;
	if (remember(l, kind, value) && save(l))
		return true;
	l->text.len = before; /* what was not noted may be tried again */
	return false;
}

static bool text_line(struct path *out, const char *path, struct bytes text)
{
	return path_set(out, "%016" PRIx64 " %s", bytes_hash(BYTES_HASH_START, text), path);
}

bool ledger_note_text(struct ledger *l, const char *path, struct bytes text)
{
	struct path line;

	return text_line(&line, path, text) && ledger_note(l, LEDGER_TEXT, line.text);
}

bool ledger_has_text(const struct ledger *l, const char *path, struct bytes text)
{
	struct path line;

	return text_line(&line, path, text) && ledger_has(l, LEDGER_TEXT, line.text);
}

bool ledger_folders(struct ledger *l, const char *file)
{
	size_t before = l->text.len;

	if (make_folders(l, file) && (l->text.len == before || save(l)))
		return true;
	take_back(l, before);
	return false;
}

bool ledger_back(const struct ledger *l, size_t *before, struct bytes *line)
{
	size_t end = *before;
	size_t start;

	if (end > 0 && l->text.data[end - 1] == '\n')
		end--;
	if (end == 0)
		return false;
	for (start = end; start > 0 && l->text.data[start - 1] != '\n'; start--)
		;
	*line = BYTES(l->text.data + start, end - start);
	*before = start;
	return true;
}
