#include "tests/support/proto_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_VECTORS = 256, MOST_NAME = 64 };

struct entry {
	char name[MOST_NAME];
	uint8_t *data;
	size_t len;
};

/* cmocka's state pointer does not reach helpers that tests call, hence a file-scope table. */
static struct entry entries[MOST_VECTORS];
static size_t count;

const char *const vector_types[] = {"rsa", "dsa", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519",
    "sk-ecdsa", "sk-ed25519", "ed448", NULL};

static void append(struct entry *e, const void *data, size_t n)
{
	e->data = realloc(e->data, e->len + n + 1);
	assert_non_null(e->data);
	memcpy(e->data + e->len, data, n);
	e->len += n;
}

static void append_hex(struct entry *e, const char *digits)
{
	unsigned value;
	int used;

	while (sscanf(digits, "%2x%n", &value, &used) == 1) {
		uint8_t byte = (uint8_t)value;

		assert_int_equal(used, 2);
		append(e, &byte, 1);
		digits += used;
	}
	assert_true(*digits == '\n' || *digits == '\0');
}

/* "name:", with "\thex" lines behind it, or "name: text" */
static void take_line(const char *line)
{
	const char *colon = strchr(line, ':');
	struct entry *e;

	if (*line == '#' || *line == '\n')
		return;
	if (*line == '\t') {
		assert_true(count > 0);
		append_hex(&entries[count - 1], line + 1);
		return;
	}
	assert_non_null(colon);
	assert_true(count < MOST_VECTORS && colon - line < MOST_NAME);
	e = &entries[count++];
	memcpy(e->name, line, (size_t)(colon - line));
	if (colon[1] == ' ')
		append(e, colon + 2, strcspn(colon + 2, "\n"));
}

static int load(const char *path)
{
	char line[1024];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL)
		take_line(line);
	fclose(f);
	return 0;
}

int vectors_load(void **state)
{
	(void)state;
	return load("tests/vectors/proto.txt") | load("tests/vectors/route.txt");
}

int vectors_unload(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++)
		free(entries[i].data);
	memset(entries, 0, sizeof(entries));
	count = 0;
	return 0;
}

static const struct entry *find(const char *type, const char *what)
{
	char name[MOST_NAME];

	snprintf(
	    name, sizeof(name), "%s%s%s", type, what != NULL ? "." : "", what != NULL ? what : "");
	for (size_t i = 0; i < count; i++)
		if (strcmp(entries[i].name, name) == 0)
			return &entries[i];
	return NULL;
}

static struct bytes found(const struct entry *e, const char *name)
{
	if (e == NULL)
		fail_msg("no vector %s", name);
	return BYTES(e->data, e->len);
}

struct bytes vector(const char *name)
{
	return found(find(name, NULL), name);
}

struct bytes vector_of(const char *type, const char *what)
{
	return found(find(type, what), what);
}

bool vector_exists(const char *type, const char *what)
{
	return find(type, what) != NULL;
}

struct bytes body_of(struct bytes message)
{
	assert_true(message.len > 0);
	return BYTES(message.data + 1, message.len - 1);
}

void assert_bytes(struct bytes got, struct bytes want)
{
	assert_int_equal(got.len, want.len);
	if (want.len != 0)
		assert_memory_equal(got.data, want.data, want.len);
}

static enum err parse_copy(struct bytes input, parse_whole *parse)
{
	uint8_t *copy = malloc(input.len != 0 ? input.len : 1);
	enum err e;

	assert_non_null(copy);
	if (input.len != 0)
		memcpy(copy, input.data, input.len);
	e = parse(BYTES(copy, input.len));
	free(copy);
	return e;
}

size_t accepted_cuts(struct bytes valid, parse_whole *parse)
{
	size_t accepted = 0;

	assert_int_equal(parse_copy(valid, parse), ERR_OK);
	for (size_t n = 0; n < valid.len; n++)
		if (parse_copy(BYTES(valid.data, n), parse) == ERR_OK)
			accepted++;
	return accepted;
}

enum err parse_longer(struct bytes valid, parse_whole *parse)
{
	uint8_t *longer = calloc(1, valid.len + 1);
	enum err e;

	assert_non_null(longer);
	if (valid.len != 0)
		memcpy(longer, valid.data, valid.len);
	e = parse_copy(BYTES(longer, valid.len + 1), parse);
	free(longer);
	return e;
}

void assert_exact(struct bytes valid, parse_whole *parse)
{
	assert_int_equal(accepted_cuts(valid, parse), 0);
	assert_int_not_equal(parse_longer(valid, parse), ERR_OK);
}

size_t refused_flips(struct bytes valid, parse_whole *parse)
{
	uint8_t *mutant = malloc(valid.len);
	size_t refused = 0;

	assert_non_null(mutant);
	assert_int_equal(parse_copy(valid, parse), ERR_OK);
	memcpy(mutant, valid.data, valid.len);
	for (size_t bit = 0; bit < valid.len * 8; bit++) {
		mutant[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (parse(BYTES(mutant, valid.len)) != ERR_OK)
			refused++;
		mutant[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(mutant);
	return refused;
}
