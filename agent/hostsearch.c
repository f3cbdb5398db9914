#include "agent/hostsearch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keystore/base64.h"
#include "keystore/knownhosts.h"
#include "proto/base/text.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

enum {
	/* The part of a file in memory at once: the longest line, and some to read ahead. */
	WINDOW = 2 * LIMIT_KNOWN_HOSTS_LINE,
	/* Words beyond are not shown anyway: the text is cut before. */
	WORDS_MOST = 2 * HOSTSEARCH_TEXT,
	/* An authority's patterns must leave room for what comes behind them. */
	PATTERNS_MOST = 64,
	PLACE_ROOM = 64,
};

/* A key that is looked for. */
struct wanted {
	struct blob key;      /* empty: none */
	struct builder front; /* its base64 but for the end, whose spelling can differ */
};

/* Different words, as strings back to back. */
struct words {
	struct builder list;
	bool cut; /* there are more */
};

struct place {
	unsigned file;
	size_t line; /* 0: none */
};

struct search {
	const struct hostsearch *ask;
	struct wanted key, authority;
	struct bytes principals; /* of the certificate: strings back to back */
	struct words names;      /* of plain keys */
	struct words hashed;     /* places of names that nothing resolved */
	struct words patterns;   /* of the authority's entry */
	struct place certified;  /* that entry */
	bool fits;               /* a principal is one of its names */
	struct place revoked;
	enum err whole; /* ERR_OK: all there is was looked at */
};

/* --- words ------------------------------------------------------------------ */

static void put_text(struct builder *b, const char *s)
{
	builder_put(b, bytes_str(s));
}

static bool has_word(const struct words *w, struct bytes word)
{
	struct reader r = reader_of(builder_view(&w->list));
	struct bytes one;

	while (reader_string(&r, &one) == ERR_OK) {
		if (bytes_equal(one, word))
			return true;
	}
	return false;
}

/* word has WORDS_MOST bytes at most. */
static void add_word(struct words *w, struct bytes word)
{
	if (w->list.len >= WORDS_MOST) {
		w->cut = true;
		return;
	}
	if (!has_word(w, word))
		builder_string(&w->list, word);
}

/* No part of a name: only of words around names, which a name shall not imitate. */
static bool is_ours(uint8_t c)
{
	return c <= ' ' || c == ',' || c == ';' || c == '(' || c == ')' || c == 0x7f;
}

/* A name from outside, which is one word whatever is in it. */
static void add_name(struct words *w, struct bytes name)
{
	uint8_t clean[WORDS_MOST];
	size_t n = name.len < sizeof(clean) ? name.len : sizeof(clean);

	for (size_t i = 0; i < n; i++)
		clean[i] = is_ours(name.data[i]) ? '?' : name.data[i];
	add_word(w, BYTES(clean, n));
}

static void put_words(struct builder *b, const struct words *w)
{
	struct reader r = reader_of(builder_view(&w->list));
	const char *before = "";
	struct bytes one;

	while (reader_string(&r, &one) == ERR_OK) {
		put_text(b, before);
		builder_put(b, one);
		before = ", ";
	}
	if (w->cut)
		put_text(b, ", ...");
}

static const char *place_text(struct place p, char text[static PLACE_ROOM])
{
	(void)snprintf(text, PLACE_ROOM, "%s line %zu", knownfile_name(p.file), p.line);
	return text;
}

/* --- what is looked for ------------------------------------------------------ */

static enum err want(struct wanted *w, struct bytes blob)
{
	enum err e = blob_copy(&w->key, blob);

	base64_encode(BYTES(blob.data, blob.len - blob.len % 3), &w->front);
	return e != ERR_OK ? e : builder_error(&w->front);
}

static void wanted_clear(struct wanted *w)
{
	blob_clear(&w->key);
	builder_clear(&w->front);
}

static enum err want_both(struct search *s)
{
	struct builder b = {0};
	struct cert cert;
	enum err e;

	if (cert_parse(s->ask->host_key, &cert) != ERR_OK || cert.kind != CERT_HOST)
		return want(&s->key, s->ask->host_key);
	s->principals = cert.principals;
	pubkey_build(&b, &cert.key);
	e = builder_error(&b);
	if (e == ERR_OK)
		e = want(&s->key, builder_view(&b));
	if (e == ERR_OK)
		e = want(&s->authority, cert.signature_key);
	builder_clear(&b);
	return e;
}

/* Most entries are told from the wanted one without decoding them. */
static bool may_hold(const struct knownhost *h, const struct wanted *w)
{
	struct bytes front = builder_view(&w->front);

	return w->key.len != 0 && h->base64.len >= front.len &&
	       bytes_equal(BYTES(h->base64.data, front.len), front);
}

static bool holds(const struct knownhost *h, const struct wanted *w)
{
	struct blob key = {0};
	bool same = may_hold(h, w) && knownhost_key(h, &key) == ERR_OK &&
		    bytes_equal(blob_view(&key), blob_view(&w->key));

	blob_clear(&key);
	return same;
}

/* --- entries ------------------------------------------------------------------ */

static void add_patterns(struct words *w, const struct knownhost *h)
{
	struct bytes rest = h->names;

	while (rest.len != 0) {
		const uint8_t *comma = memchr(rest.data, ',', rest.len);
		size_t n = comma != NULL ? (size_t)(comma - rest.data) : rest.len;

		if (n != 0)
			add_name(w, BYTES(rest.data, n));
		rest = comma != NULL ? BYTES(comma + 1, rest.len - n - 1) : BYTES_NONE;
	}
}

static void take_names(struct search *s, const struct knownhost *h, struct place here)
{
	struct bytes rest = h->names, name;
	char text[PLACE_ROOM];
	bool any = false;
	size_t which;

	if (knownhost_hashed(h)) {
		if (knownhost_try(h, s->ask->candidates, s->ask->n, &which))
			add_name(&s->names, s->ask->candidates[which]);
		else
			add_word(&s->hashed, bytes_str(place_text(here, text)));
		return;
	}
	while (knownhost_next_name(&rest, &name)) {
		add_name(&s->names, name);
		any = true;
	}
	/* Only patterns: they say more than their line's number. */
	if (!any)
		add_patterns(&s->names, h);
}

static bool fits_a_principal(const struct search *s, const struct knownhost *h)
{
	struct reader r = reader_of(s->principals);
	struct bytes one;

	while (reader_string(&r, &one) == ERR_OK) {
		if (knownhost_matches(h, one))
			return true;
	}
	return false;
}

/* The first entry of the authority, or better the first that lets it certify this host. */
static void take_authority(struct search *s, const struct knownhost *h, struct place here)
{
	bool fits;

	if (s->certified.line != 0 && s->fits)
		return;
	fits = fits_a_principal(s, h);
	if (s->certified.line != 0 && !fits)
		return;
	s->fits = fits;
	s->certified = here;
	builder_reset(&s->patterns.list);
	if (knownhost_hashed(h)) {
		add_word(&s->patterns, bytes_str("a hashed name"));
		return;
	}
	add_patterns(&s->patterns, h);
}

static void look_at(struct search *s, const struct knownhost *h, unsigned file)
{
	struct place here = {file, h->line};

	switch (h->marker) {
	case KNOWNHOST_KEY:
		if (holds(h, &s->key))
			take_names(s, h, here);
		break;
	case KNOWNHOST_CA:
		if (holds(h, &s->authority))
			take_authority(s, h, here);
		break;
	case KNOWNHOST_REVOKED:
		if (s->revoked.line == 0 && (holds(h, &s->key) || holds(h, &s->authority)))
			s->revoked = here;
	}
}

/* --- files -------------------------------------------------------------------- */

/* A file through a window: what is in it, and how many lines came before. */
struct view {
	unsigned file;
	char *window;
	size_t len;
	size_t lines;
};

static void walk(struct search *s, struct view *v, size_t n)
{
	struct knownhosts_walk w = {BYTES(v->window, n), v->lines};
	struct knownhost h;

	while (knownhosts_next(&w, &h))
		look_at(s, &h, v->file);
	v->lines = w.line;
}

/* Look at the whole lines in the window, and move the begun one to its front. */
static void pass_lines(struct search *s, struct view *v)
{
	const char *end = memrchr(v->window, '\n', v->len);
	size_t n = end != NULL ? (size_t)(end - v->window) + 1 : 0;

	walk(s, v, n);
	v->len -= n;
	memmove(v->window, v->window + n, v->len);
	/* It is too long already, and is passed over however it goes on. */
	if (v->len > LIMIT_KNOWN_HOSTS_LINE)
		v->len = LIMIT_KNOWN_HOSTS_LINE + 1;
}

static bool given_up(const struct search *s)
{
	return s->ask->cancelled != NULL && atomic_load(s->ask->cancelled);
}

static void read_file(struct search *s, unsigned file, char *window)
{
	struct view v = {.file = file, .window = window};
	size_t total = 0;
	ssize_t n = 1;

	while (n != 0 && total <= LIMIT_KNOWN_HOSTS && !given_up(s)) {
		n = read(s->ask->files[file], window + v.len, WINDOW - v.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			s->whole = ERR_SYSTEM;
			return;
		}
		total += (size_t)n;
		v.len += (size_t)n;
		if (n != 0)
			pass_lines(s, &v);
	}
	if (n == 0)
		walk(s, &v, v.len); /* the last line may lack its end */
	else
		s->whole = ERR_TOO_LONG;
}

/* --- the text ------------------------------------------------------------------ */

static void put_certified(struct builder *b, const struct search *s)
{
	struct reader r = reader_of(s->principals);
	struct words hosts = {0};
	struct builder patterns = {0};
	char short_patterns[PATTERNS_MOST], place[PLACE_ROOM];
	struct bytes one;

	put_words(&patterns, &s->patterns);
	put_text(b, "certified by the authority of ");
	put_text(b, text_escape(builder_view(&patterns), short_patterns, sizeof(short_patterns)));
	put_text(b, " (");
	put_text(b, place_text(s->certified, place));
	put_text(b, ")");
	while (reader_string(&r, &one) == ERR_OK)
		add_name(&hosts, one);
	put_text(b, hosts.list.len != 0 ? " for " : " for any host");
	put_words(b, &hosts);
	builder_clear(&hosts.list);
	builder_clear(&patterns);
}

static void put_all(struct builder *b, const struct search *s)
{
	bool revoked = s->revoked.line != 0;
	bool known = s->certified.line != 0 || s->names.list.len != 0 || s->hashed.list.len != 0;
	char place[PLACE_ROOM];

	if (revoked) {
		put_text(b, "REVOKED in ");
		put_text(b, place_text(s->revoked, place));
		put_text(b, known ? "; " : "");
	}
	if (s->certified.line != 0)
		put_certified(b, s);
	else
		put_words(b, s->names.list.len != 0 ? &s->names : &s->hashed);
}

static enum err answer(const struct search *s, char out[static HOSTSEARCH_TEXT])
{
	struct builder b = {0};
	enum err e = given_up(s) ? ERR_CANCELLED : ERR_OK;

	put_all(&b, s);
	if (e == ERR_OK)
		e = builder_error(&b);
	if (e == ERR_OK) {
		text_shown(builder_view(&b), out, HOSTSEARCH_TEXT);
		e = s->whole;
	}
	builder_clear(&b);
	return e;
}

enum err hostsearch_run(const struct hostsearch *ask, char out[static HOSTSEARCH_TEXT])
{
	struct search s = {.ask = ask};
	char *window = malloc(WINDOW);
	enum err e = window == NULL ? ERR_MEMORY : want_both(&s);

	out[0] = '\0';
	if (e == ERR_OK) {
		for (unsigned i = 0; i < KNOWNFILES; i++) {
			if (ask->files[i] >= 0)
				read_file(&s, i, window);
		}
		e = answer(&s, out);
	}
	free(window);
	wanted_clear(&s.key);
	wanted_clear(&s.authority);
	builder_clear(&s.names.list);
	builder_clear(&s.hashed.list);
	builder_clear(&s.patterns.list);
	return e;
}
