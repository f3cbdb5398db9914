#include "tests/support/keyfile_edit.h"

#include <string.h>

#include "tests/support/base_test.h"

#include "keystore/base64.h"

static struct blob taken(struct builder *b)
{
	struct blob out = {0};

	assert_int_equal(builder_take(b, &out), ERR_OK);
	return out;
}

size_t edit_find(struct bytes b, struct bytes needle)
{
	const uint8_t *at = memmem(b.data, b.len, needle.data, needle.len);

	assert_non_null(at);
	return (size_t)(at - b.data);
}

struct blob edit_unarmor(struct bytes file)
{
	struct builder b = {0};
	size_t begin = edit_find(file, bytes_str("-----BEGIN "));
	size_t end = edit_find(file, bytes_str("-----END "));

	while (file.data[begin] != '\n')
		begin++;
	assert_int_equal(base64_decode(BYTES(file.data + begin, end - begin), &b), ERR_OK);
	return taken(&b);
}

struct blob edit_armor(const char *label, struct bytes data)
{
	struct builder b = {0};

	builder_put(&b, bytes_str("-----BEGIN "));
	builder_put(&b, bytes_str(label));
	builder_put(&b, bytes_str("-----\n"));
	base64_encode(data, &b);
	builder_put(&b, bytes_str("\n-----END "));
	builder_put(&b, bytes_str(label));
	builder_put(&b, bytes_str("-----\n"));
	return taken(&b);
}

struct blob edit_replace(struct bytes b, size_t at, size_t n, struct bytes with)
{
	struct builder out = {0};

	assert_true(at <= b.len && n <= b.len - at);
	builder_put(&out, BYTES(b.data, at));
	builder_put(&out, with);
	builder_put(&out, BYTES(b.data + at + n, b.len - at - n));
	return taken(&out);
}

struct blob edit_text(struct bytes text, const char *old, const char *with)
{
	return edit_replace(text, edit_find(text, bytes_str(old)), strlen(old), bytes_str(with));
}

size_t edit_lines(struct bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

struct bytes edit_head(struct bytes text, size_t lines)
{
	size_t i = 0;

	while (lines != 0 && i < text.len)
		lines -= text.data[i++] == '\n';
	return BYTES(text.data, i);
}
