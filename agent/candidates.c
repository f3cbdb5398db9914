#include "agent/candidates.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/destination.h"

enum { SSH_PORT = 22 };

/* A word as far as it could be told apart. */
struct place {
	struct bytes host;
	uint16_t port; /* 0: none of its own */
};

/* What ssh_config(5) calls the options that name a host or its port. */
enum keyword { KEYWORD_NONE, KEYWORD_PORT, KEYWORD_HOST, KEYWORD_HOSTS };

static const struct {
	const char *name;
	enum keyword keyword;
} keywords[] = {
    {"port", KEYWORD_PORT},
    {"hostname", KEYWORD_HOST},
    {"hostkeyalias", KEYWORD_HOST},
    {"proxyjump", KEYWORD_HOSTS},
};

static struct bytes from(struct bytes b, size_t start)
{
	return BYTES(b.data + start, b.len - start);
}

/* Where c is first, or b.len. */
static size_t find(struct bytes b, char c)
{
	const uint8_t *at = b.len == 0 ? NULL : memchr(b.data, c, b.len);

	return at == NULL ? b.len : (size_t)(at - b.data);
}

/* The number of a port; 0 where the whole word is none. */
static uint16_t port_of(struct bytes word)
{
	unsigned n = 0;

	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < '0' || word.data[i] > '9')
			return 0;
		n = n * 10 + (word.data[i] - '0');
		if (n > UINT16_MAX)
			return 0;
	}
	return (uint16_t)n;
}

/* --- the list ---------------------------------------------------------------- */

static void add_name(struct candidates *c, const char *name, size_t most)
{
	struct bytes whole = bytes_str(name);

	if (c->n >= most || whole.len > CANDIDATES_TEXT - c->used)
		return;
	for (size_t i = 0; i < c->n; i++) {
		if (bytes_equal(c->name[i], whole))
			return;
	}
	memcpy(c->text + c->used, name, whole.len);
	c->name[c->n++] = BYTES(c->text + c->used, whole.len);
	c->used += whole.len;
}

static void add_at_port(struct candidates *c, struct bytes host, uint16_t port, size_t most)
{
	char name[CANDIDATE_NAME + sizeof("[]:65535")];

	if (port == SSH_PORT)
		(void)snprintf(name, sizeof(name), "%.*s", (int)host.len, (const char *)host.data);
	else
		(void)snprintf(
		    name, sizeof(name), "[%.*s]:%u", (int)host.len, (const char *)host.data, port);
	add_name(c, name, most);
}

/* The name alone comes first: ssh knows a certified host by it whatever the port is. */
static void add_place(struct candidates *c, const struct place *p, size_t most)
{
	if (p->host.len == 0 || p->host.len > CANDIDATE_NAME)
		return;
	add_at_port(c, p->host, SSH_PORT, most);
	if (p->port != 0)
		add_at_port(c, p->host, p->port, most);
	for (size_t i = 0; i < c->ports; i++)
		add_at_port(c, p->host, c->port[i], most);
}

/* --- words -------------------------------------------------------------------- */

/* An IPv6 address without brackets, where no colon is before a port or a path. */
static bool is_address(struct bytes word)
{
	size_t zone = find(word, '%'), colons = 0;

	for (size_t i = 0; i < zone; i++) {
		if (strchr("0123456789abcdefABCDEF.:", word.data[i]) == NULL)
			return false;
		colons += word.data[i] == ':';
	}
	return colons > 1;
}

/* "[host]:port", "[host]", "host:port", "host:path", "host", an address */
static struct place split_port(struct bytes word)
{
	size_t end;
	struct place p = {BYTES_NONE, 0};
	bool bracket = word.len != 0 && word.data[0] == '[';

	if (!bracket && is_address(word)) {
		p.host = word;
		return p;
	}
	if (bracket)
		word = from(word, 1);
	end = find(word, bracket ? ']' : ':');
	p.host = BYTES(word.data, end);
	if (bracket && end < word.len)
		end++;
	if (end < word.len && word.data[end] == ':')
		p.port = port_of(from(word, end + 1));
	return p;
}

/*
 * "you@db1.example.org", "you@db1.example.org:22", "you@db1.example.org:path",
 * "ssh://you@db1.example.org:22/path".  Passwords and paths may hold an @ as well.
 */
static struct place read_place(struct bytes word)
{
	size_t colon = find(word, ':'), end, at;
	struct place p;

	if (word.len >= colon + 3 && memcmp(word.data + colon, "://", 3) == 0) {
		word = from(word, colon + 3);
		word.len = end = find(word, '/');
	} else {
		end = colon < find(word, '/') ? colon : find(word, '/');
	}
	at = end;
	while (at > 0 && word.data[at - 1] != '@')
		at--;
	p = split_port(from(word, at));
	/* The name of a file, or a number that belongs to an option. */
	if (find(p.host, '/') < p.host.len || port_of(p.host) != 0)
		p.host = BYTES_NONE;
	return p;
}

/* --- the command line ---------------------------------------------------------- */

/* Ports are gathered first, for an option may come behind the host that it is for. */
struct reading {
	struct candidates *out;
	bool ports; /* of the two, look for these */
};

static void take_hosts(const struct reading *r, struct bytes list)
{
	while (!r->ports && list.len != 0) {
		size_t n = find(list, ',');
		struct place p = read_place(BYTES(list.data, n));

		add_place(r->out, &p, CANDIDATES_OF_WORDS);
		list = from(list, n < list.len ? n + 1 : n);
	}
}

static void take_port(const struct reading *r, uint16_t port)
{
	struct candidates *c = r->out;

	if (!r->ports || port == 0 || port == SSH_PORT || c->ports == CANDIDATE_PORTS)
		return;
	c->port[c->ports++] = port;
}

/* "Port=2222", "port 2222", "Port = 2222": ssh takes them all. */
static enum keyword read_keyword(struct bytes word, struct bytes *value)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		size_t n = strlen(keywords[i].name), end = n;

		if (word.len <= n || strncasecmp((const char *)word.data, keywords[i].name, n) != 0)
			continue;
		while (end < word.len && (word.data[end] == ' ' || word.data[end] == '='))
			end++;
		if (end == n)
			continue;
		*value = from(word, end);
		return keywords[i].keyword;
	}
	return KEYWORD_NONE;
}

static void take_word(const struct reading *r, struct bytes word)
{
	struct bytes value = word;

	if (read_keyword(word, &value) == KEYWORD_PORT)
		take_port(r, port_of(value));
	else
		take_hosts(r, value);
}

/*
 * Options of ssh, scp and sftp: letters in one word, the last of which may have an argument there
 * or behind.  An argument behind is a word of its own, but for a port's: -p is also a flag of scp,
 * and -P one of old rsync.
 */
static void take_options(const struct reading *r, struct bytes letters, const char *next)
{
	static const char with_argument[] = "BbcDEeFIiLlmOQRSwX";

	for (size_t i = 0; i < letters.len; i++) {
		struct bytes rest = from(letters, i + 1);
		uint16_t port;

		switch (letters.data[i]) {
		case 'p':
		case 'P':
			port = port_of(rest.len != 0 || next == NULL ? rest : bytes_str(next));
			take_port(r, port);
			if (port != 0)
				return;
			break;
		case 'J':
		case 'W':
		case 'o':
			take_word(r, rest);
			return;
		default:
			if (strchr(with_argument, letters.data[i]) != NULL)
				return;
		}
	}
}

static void take_arguments(const struct reading *r, const struct lineage *client)
{
	const char *argument;

	for (size_t i = 1; (argument = lineage_argument(client, i)) != NULL; i++) {
		struct bytes word = bytes_str(argument);

		if (word.len > 2 && memcmp(word.data, "--", 2) == 0) {
			/* Other programs' options; the value of a known one is told by its name. */
			if (find(word, '=') < word.len)
				take_word(r, from(word, 2));
		} else if (word.len != 0 && word.data[0] == '-') {
			take_options(r, from(word, 1), lineage_argument(client, i + 1));
		} else {
			take_word(r, word);
		}
	}
}

void candidates_gather(
    struct candidates *out, const struct lineage *client, struct bytes destinations)
{
	struct destination_walk walk = destinations_walk(destinations);
	struct destination d;

	out->n = out->ports = out->used = 0;
	take_arguments(&(struct reading){out, true}, client);
	take_arguments(&(struct reading){out, false}, client);
	while (out->n < LIMIT_HOST_CANDIDATES && destination_next(&walk, &d)) {
		struct place p = split_port(d.to.host);

		add_place(out, &p, LIMIT_HOST_CANDIDATES);
	}
}
