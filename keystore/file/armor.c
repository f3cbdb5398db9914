#include "keystore/file/armor.h"

#include <string.h>

#include "keystore/base64.h"
#include "keystore/file/lines.h"

static bool framed(struct bytes line, const char *start, struct bytes *label)
{
	static const char dashes[] = "-----";
	const size_t n = sizeof(dashes) - 1;
	struct bytes after;

	if (!line_after(line_trimmed(line), start, &after) || after.len < n)
		return false;
	if (memcmp(after.data + after.len - n, dashes, n) != 0)
		return false;
	*label = BYTES(after.data, after.len - n);
	return true;
}

bool armor_begins(struct bytes line, struct bytes *label)
{
	return framed(line, "-----BEGIN ", label);
}

enum err armor_body(struct bytes *rest, struct bytes label, struct bytes *body)
{
	const uint8_t *start = rest->data;
	struct bytes line, end;

	while (line_next(rest, &line)) {
		if (framed(line, "-----END ", &end) && bytes_equal(end, label)) {
			*body = BYTES(start, (size_t)(line.data - start));
			return ERR_OK;
		}
	}
	return ERR_TRUNCATED;
}

static void read_header(struct bytes line, struct armor *out)
{
	struct bytes value;

	if (line_after(line, "Proc-Type: 4,ENCRYPTED", &value) && value.len == 0)
		out->encrypted = true;
	else if (line_after(line, "DEK-Info: ", &value))
		out->dek_info = value;
}

enum err armor_split(struct bytes body, struct armor *out)
{
	struct bytes rest = body, line;

	*out = (struct armor){.base64 = body};
	if (!line_next(&rest, &line) || memchr(line.data, ':', line.len) == NULL)
		return ERR_OK;
	do {
		line = line_trimmed(line);
		if (line.len == 0) {
			out->base64 = rest;
			return ERR_OK;
		}
		read_header(line, out);
	} while (line_next(&rest, &line));
	return ERR_FORMAT;
}

enum err armor_decode(struct bytes base64, struct blob *out)
{
	struct builder b = {0};
	enum err e = base64_decode(base64, &b);

	if (e == ERR_OK)
		e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}
