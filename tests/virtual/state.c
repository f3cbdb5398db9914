/* Options by name, and the file that an authenticator is kept in. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/fdio.h"
#include "proto/base/mem.h"
#include "tests/virtual/impl.h"

static const char magic[] = "virtual authenticator 1";

enum { FILE_MAX = 8 << 20, NUMBER_TEXT = 32 };

void authenticator_options_default(struct authenticator_options *out)
{
	*out = (struct authenticator_options){
	    .ctap2 = true,
	    .u2f = true,
	    .rk = true,
	    .up = true,
	    .pin = true,
	    .credential_management = true,
	    .cred_protect = true,
	    .hmac_secret = true,
	    .es256 = true,
	    .eddsa = true,
	    .attestation = AUTHENTICATOR_ATTEST_CERT,
	    .pin_protocols = {2, 1},
	    .max_message = AUTHENTICATOR_MESSAGE,
	    .max_list = 8,
	    .min_pin = 4,
	    .timeout_ms = AUTHENTICATOR_TIMEOUT_MS,
	    .resident_max = 25,
	    .aaguid = {0x53, 0x69, 0x67, 0x6e, 0x65, 0x74, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x6b,
		0x65, 0x79, 0x31},
	    .serial = "VIRTUAL1",
	};
}

/* --- options by name ------------------------------------------------------ */

enum kind { SWITCH, NUMBER, SIZE, HEX, WORD };

static const struct option {
	const char *name;
	enum kind kind;
	size_t offset;
	size_t size;
} options[] = {
#define OPTION(kind, member)                                                                       \
	{                                                                                          \
#member, kind, offsetof(struct authenticator_options, member),                     \
		    sizeof((struct authenticator_options *)NULL)->member                           \
	}
    OPTION(SWITCH, ctap2),
    OPTION(SWITCH, u2f),
    OPTION(SWITCH, preview),
    OPTION(SWITCH, rk),
    OPTION(SWITCH, up),
    OPTION(SWITCH, uv),
    OPTION(SWITCH, pin),
    OPTION(SWITCH, credential_management),
    OPTION(SWITCH, cred_protect),
    OPTION(SWITCH, hmac_secret),
    OPTION(SWITCH, always_uv),
    OPTION(SWITCH, es256),
    OPTION(SWITCH, eddsa),
    OPTION(NUMBER, attestation),
    OPTION(HEX, pin_protocols),
    OPTION(NUMBER, max_message),
    OPTION(NUMBER, max_list),
    OPTION(NUMBER, min_pin),
    OPTION(NUMBER, timeout_ms),
    OPTION(SIZE, id_length),
    OPTION(SIZE, resident_max),
    OPTION(HEX, aaguid),
    OPTION(WORD, serial),
#undef OPTION
};

enum { N_OPTIONS = sizeof options / sizeof *options };

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* text is 2 * n digits, and nothing else. */
static bool unhex(const char *text, uint8_t *out, size_t n)
{
	if (strlen(text) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const int high = digit(text[2 * i]);
		const int low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool parse_number(const char *text, unsigned long *out)
{
	char *end;

	if (digit(text[0]) < 0 || digit(text[0]) > 9)
		return false;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *out <= UINT32_MAX;
}

static bool set_option(const struct option *o, uint8_t *at, const char *value)
{
	unsigned long number = 0;
	uint8_t hex[32] = {0};

	switch (o->kind) {
	case SWITCH:
		if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
			return false;
		*(bool *)(void *)at = value[1] == 'n';
		return true;
	case NUMBER:
	case SIZE:
		if (!parse_number(value, &number))
			return false;
		if (o->kind == NUMBER)
			*(unsigned *)(void *)at = (unsigned)number;
		else
			*(size_t *)(void *)at = number;
		return true;
	case HEX:
		if (strlen(value) > 2 * o->size || !unhex(value, hex, strlen(value) / 2))
			return false;
		memcpy(at, hex, o->size);
		return true;
	default:
		if (strlen(value) >= o->size)
			return false;
		memset(at, 0, o->size);
		memcpy(at, value, strlen(value));
		return true;
	}
}

enum err authenticator_option(struct authenticator_options *to, const char *assignment)
{
	const size_t n = strcspn(assignment, "=");

	if (assignment[n] != '=')
		return ERR_FORMAT;
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (strlen(options[i].name) != n || strncmp(options[i].name, assignment, n) != 0)
			continue;
		return set_option(
			   &options[i], (uint8_t *)to + options[i].offset, assignment + n + 1)
			   ? ERR_OK
			   : ERR_FORMAT;
	}
	return ERR_FORMAT;
}

/* --- writing -------------------------------------------------------------- */

static void put_text(struct builder *b, const char *s)
{
	builder_put(b, bytes_str(s));
}

static void put_hex(struct builder *b, struct bytes v)
{
	static const char digits[] = "0123456789abcdef";

	if (v.len == 0)
		put_text(b, "-");
	for (size_t i = 0; i < v.len; i++) {
		builder_u8(b, (uint8_t)digits[v.data[i] >> 4]);
		builder_u8(b, (uint8_t)digits[v.data[i] & 15]);
	}
}

static void put_number(struct builder *b, unsigned long v)
{
	char text[NUMBER_TEXT];

	snprintf(text, sizeof text, "%lu", v);
	put_text(b, text);
}

static void put_options(struct builder *b, const struct authenticator_options *from)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const uint8_t *at = (const uint8_t *)from + options[i].offset;

		put_text(b, "option ");
		put_text(b, options[i].name);
		put_text(b, "=");
		switch (options[i].kind) {
		case SWITCH:
			put_text(b, *(const bool *)(const void *)at ? "on" : "off");
			break;
		case NUMBER:
			put_number(b, *(const unsigned *)(const void *)at);
			break;
		case SIZE:
			put_number(b, *(const size_t *)(const void *)at);
			break;
		case HEX:
			put_hex(b, BYTES(at, options[i].size));
			break;
		default:
			put_text(b, (const char *)at);
			break;
		}
		put_text(b, "\n");
	}
}

static void put_line(struct builder *b, const char *name, struct bytes v)
{
	put_text(b, name);
	put_text(b, " ");
	put_hex(b, v);
	put_text(b, "\n");
}

static void put_resident(struct builder *b, const struct resident *r)
{
	const struct blob *blobs[] = {
	    &r->id, &r->rp_id, &r->user_id, &r->user_name, &r->user_display};

	put_text(b, "resident");
	for (size_t i = 0; i < sizeof blobs / sizeof *blobs; i++) {
		put_text(b, " ");
		put_hex(b, blob_view(blobs[i]));
	}
	put_text(b, "\n");
}

static void put_memory(struct builder *b, const struct memory *m)
{
	put_line(b, "secret", BYTES(m->secret, sizeof m->secret));
	put_line(b, "attester", BYTES(m->attester, sizeof m->attester));
	if (m->pin_set)
		put_line(b, "pin", BYTES(m->pin_hash, sizeof m->pin_hash));
	put_text(b, "pin_retries ");
	put_number(b, m->pin_retries);
	put_text(b, "\nuv_retries ");
	put_number(b, m->uv_retries);
	put_text(b, "\ncounter ");
	put_number(b, m->counter);
	put_text(b, "\n");
	for (size_t i = 0; i < m->n_residents; i++)
		put_resident(b, &m->residents[i]);
	put_text(b, "end\n");
}

enum err authenticator_save(const struct authenticator *a, const char *path)
{
	struct builder b = {0};
	char *fresh = NULL;
	int fd = -1;
	enum err e;

	put_text(&b, magic);
	put_text(&b, "\n");
	put_options(&b, &a->options);
	put_memory(&b, &a->memory);
	e = builder_error(&b);
	if (e == ERR_OK && asprintf(&fresh, "%s.new", path) < 0) {
		fresh = NULL;
		e = ERR_MEMORY;
	}
	if (e != ERR_OK)
		goto out;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, b.data, b.len) != (ssize_t)b.len || rename(fresh, path) != 0)
		e = ERR_SYSTEM;
out:
	fd_close(&fd);
	free(fresh);
	builder_clear(&b);
	return e;
}

/* --- reading -------------------------------------------------------------- */

/* Hex, or "-" for nothing, to a blob. */
static enum err take_hex(char **rest, struct blob *out)
{
	const char *word = strsep(rest, " ");
	uint8_t *p;
	enum err e;

	if (word == NULL)
		return ERR_FORMAT;
	if (strcmp(word, "-") == 0)
		return ERR_OK;
	p = mem_alloc(strlen(word) / 2 + 1);
	if (p == NULL)
		return ERR_MEMORY;
	e = unhex(word, p, strlen(word) / 2) ? blob_copy(out, BYTES(p, strlen(word) / 2))
					     : ERR_FORMAT;
	mem_free(p);
	return e;
}

static enum err take_resident(struct authenticator *a, char *rest)
{
	struct resident r = {0};
	struct blob *blobs[] = {&r.id, &r.rp_id, &r.user_id, &r.user_name, &r.user_display};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof blobs / sizeof *blobs; i++)
		e = take_hex(&rest, blobs[i]);
	if (e == ERR_OK)
		e = vcrypto_sha256(blob_view(&r.rp_id), r.rp_hash);
	/* The key is in the id; opening it fails at the end, where it wants to be stored already.
	 */
	if (e == ERR_OK) {
		const struct bytes id = blob_view(&r.id);

		(void)credential_open(a, r.rp_hash, id, &r.key);
		if (r.key.alg == 0)
			e = ERR_FORMAT;
	}
	if (e == ERR_OK)
		e = credential_store(a, &r);
	resident_clear(&r);
	return e;
}

static enum err take_line(struct authenticator *a, char *line)
{
	struct memory *m = &a->memory;
	char *rest = line;
	const char *name = strsep(&rest, " ");
	unsigned long n = 0;

	if (rest == NULL)
		return ERR_FORMAT;
	if (strcmp(name, "option") == 0)
		return authenticator_option(&a->options, rest);
	if (strcmp(name, "secret") == 0)
		return unhex(rest, m->secret, sizeof m->secret) ? ERR_OK : ERR_FORMAT;
	if (strcmp(name, "attester") == 0)
		return unhex(rest, m->attester, sizeof m->attester) ? ERR_OK : ERR_FORMAT;
	if (strcmp(name, "pin") == 0) {
		m->pin_set = true;
		return unhex(rest, m->pin_hash, sizeof m->pin_hash) ? ERR_OK : ERR_FORMAT;
	}
	if (strcmp(name, "resident") == 0)
		return take_resident(a, rest);
	if (!parse_number(rest, &n))
		return ERR_FORMAT;
	if (strcmp(name, "pin_retries") == 0)
		m->pin_retries = (unsigned)n;
	else if (strcmp(name, "uv_retries") == 0)
		m->uv_retries = (unsigned)n;
	else if (strcmp(name, "counter") == 0)
		m->counter = (uint32_t)n;
	else
		return ERR_FORMAT;
	return ERR_OK;
}

static enum err take_file(struct authenticator *a, char *text)
{
	const char *line = strsep(&text, "\n");
	enum err e = strcmp(line, magic) == 0 ? ERR_OK : ERR_FORMAT;

	while (e == ERR_OK && text != NULL) {
		char *next = strsep(&text, "\n");

		if (strcmp(next, "end") == 0)
			return ERR_OK;
		e = take_line(a, next);
	}
	return e == ERR_OK ? ERR_TRUNCATED : e;
}

enum err authenticator_load(const char *path, struct authenticator **out)
{
	struct authenticator_options defaults;
	struct authenticator *a = NULL;
	struct blob text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? ERR_SYSTEM : fd_read_file(fd, FILE_MAX, &text);

	fd_close(&fd);
	if (e != ERR_OK)
		return e;
	authenticator_options_default(&defaults);
	e = authenticator_new(&defaults, &a);
	if (e == ERR_OK)
		e = take_file(a, text.data == NULL ? (char[]){""} : (char *)text.data);
	blob_clear(&text);
	if (e != ERR_OK) {
		authenticator_free(a);
		return e;
	}
	a->changes = 0;
	*out = a;
	return ERR_OK;
}
