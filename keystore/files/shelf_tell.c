/* What is said of the key directories. */
#include <stdlib.h>
#include <string.h>

#include "keystore/files/shelf.h"
#include "proto/base/clock.h"
#include "proto/base/fdio.h"
#include "proto/filesmsg.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

enum { CHUNK = 128 * 1024 };

/* A certificate, by a hash of the key that it is for. */
struct cert_ref {
	uint64_t hash;
	const struct place *place;
	const struct entry *entry;
};

struct telling {
	struct shelf *shelf;
	int sock;
	bool told; /* anything */
	enum err error;
	struct builder out, one;
	struct cert_ref *certs;
	size_t cert_count, keys, troubles;
};

static int by_hash(const void *a, const void *b)
{
	const struct cert_ref *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return strcmp(x->entry->path, y->entry->path);
}

static enum err index_certs(struct telling *t)
{
	const struct shelf *s = t->shelf;
	size_t n = 0;

	for (size_t i = 0; i < s->folders.n; i++) {
		for (size_t k = 0; k < s->places[i].n; k++)
			n += s->places[i].entries[k]->scan.what == SCAN_CERT;
	}
	t->certs = calloc(n + 1, sizeof(*t->certs));
	if (t->certs == NULL)
		return ERR_MEMORY;
	for (size_t i = 0; i < s->folders.n; i++) {
		const struct place *p = &s->places[i];

		for (size_t k = 0; k < p->n; k++) {
			const struct entry *e = p->entries[k];

			if (e->scan.what == SCAN_CERT)
				t->certs[t->cert_count++] = (struct cert_ref){
				    bytes_hash(BYTES_HASH_START, blob_view(&e->scan.public)), p, e};
		}
	}
	qsort(t->certs, t->cert_count, sizeof(*t->certs), by_hash);
	return ERR_OK;
}

/* The first with this hash or a later one. */
static size_t first_cert(const struct telling *t, uint64_t hash)
{
	size_t low = 0, high = t->cert_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (t->certs[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Those of the same directory; NAME-cert.pub before others. */
static uint32_t find_certs(const struct telling *t, const struct place *p, const struct entry *e,
    struct bytes public, struct bytes *out)
{
	uint64_t hash = bytes_hash(BYTES_HASH_START, public);
	size_t len = strlen(e->name);
	uint32_t n = 0;

	for (int own = 1; own >= 0; own--) {
		for (size_t i = first_cert(t, hash);
		     i < t->cert_count && t->certs[i].hash == hash && n < FILES_CERTS_MOST; i++) {
			const struct entry *c = t->certs[i].entry;
			bool mine = scan_stem(c->name, "-cert.pub") == len &&
				    memcmp(c->name, e->name, len) == 0;

			if (t->certs[i].place == p && mine == (own == 1) &&
			    bytes_equal(blob_view(&c->scan.public), public))
				out[n++] = blob_view(&c->scan.cert);
		}
	}
	return n;
}

static const struct scan *pub_beside(const struct place *p, const struct entry *e)
{
	char name[256 + sizeof(".pub")];
	size_t len = strlen(e->name);
	const struct entry *pub;

	if (len > 255)
		return NULL;
	memcpy(name, e->name, len);
	memcpy(name + len, ".pub", sizeof(".pub"));
	pub = place_find(p, name, len + 4);
	return pub != NULL && pub->scan.what == SCAN_PUBLIC ? &pub->scan : NULL;
}

static void describe_trouble(struct telling *t, struct bytes path, enum err why)
{
	if (++t->troubles <= FILES_TROUBLES_MOST)
		files_trouble_build(&t->one, path, why);
}

/* What the file says of itself goes before what is said beside it. */
static struct bytes public_of(
    const struct telling *t, const struct entry *e, const struct scan *pub)
{
	struct bytes public = blob_view(&e->scan.public);

	if (public.len == 0)
	public = learnt_find(t->shelf->learnt, e->path, e->scan.print);
	return public.len == 0 && pub != NULL ? blob_view(&pub->public) : public;
}

/* Of a key that lies there. */
static bool is_of_key(const struct telling *t, const struct place *p, struct bytes public)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct entry *e = p->entries[i];

		if (e->scan.what == SCAN_KEY &&
		    bytes_equal(public_of(t, e, pub_beside(p, e)), public))
			return true;
	}
	return false;
}

/* Why the key NAME is not offered with the certificate in its NAME-cert.pub; ERR_OK: it is, or it
 * is none of ours. */
static enum err judge_cert(const struct telling *t, const struct place *p, const struct entry *e)
{
	size_t len = scan_stem(e->name, "-cert.pub");
	const struct entry *key = len == 0 || !e->found ? NULL : place_find(p, e->name, len);
	int64_t now = clock_wall();
	struct bytes public;
	struct cert cert;

	if (key == NULL || key->scan.what != SCAN_KEY)
		return ERR_OK;
	if (e->scan.what != SCAN_CERT || cert_parse(blob_view(&e->scan.cert), &cert) != ERR_OK)
		return ERR_CERT;
	public = public_of(t, key, pub_beside(p, key));
	if (!bytes_equal(public, blob_view(&e->scan.public)) &&
	    !is_of_key(t, p, blob_view(&e->scan.public)))
		return ERR_CERT_MISMATCH;
	if (e->scan.why != ERR_OK)
		return e->scan.why;
	return now > 0 && cert.valid_before <= (uint64_t)now ? ERR_CERT_EXPIRED : ERR_OK;
}

/* The message that says what the entry is, into t->one; none for what is of no interest. */
static void describe(struct telling *t, const struct place *p, const struct entry *e)
{
	struct bytes path = bytes_str(e->path), certs[FILES_CERTS_MOST];
	const struct scan *scan = &e->scan, *pub = pub_beside(p, e);
	struct files_key m = {.path = path,
	    .comment = blob_view(&scan->comment),
	    .flags = scan->encrypted ? FILES_KEY_ENCRYPTED : 0};

	builder_reset(&t->one);
	if (scan->what == SCAN_TROUBLE)
		describe_trouble(t, path, scan->why);
	else if (scan->what != SCAN_KEY && judge_cert(t, p, e) != ERR_OK)
		describe_trouble(t, path, judge_cert(t, p, e));
	if (scan->what != SCAN_KEY)
		return;
	m.public = public_of(t, e, pub);
	if (m.public.len == 0) {
		describe_trouble(t, path, ERR_FILE_HIDDEN);
		return;
	}
	if (++t->keys > FILES_KEYS_MOST) {
		describe_trouble(t, path, ERR_FILE_MANY);
		return;
	}
	if (m.comment.len == 0 && pub != NULL && bytes_equal(blob_view(&pub->public), m.public))
		m.comment = blob_view(&pub->comment);
	if (m.comment.len == 0)
		m.comment = BYTES(path.data,
		    path.len < FILES_COMMENT_MOST ? path.len : (size_t)FILES_COMMENT_MOST);
	m.cert_count = find_certs(t, p, e, m.public, certs);
	files_key_build(&t->one, &m, certs);
}

static void flush(struct telling *t, size_t least)
{
	if (t->error == ERR_OK)
		t->error = builder_error(&t->out);
	if (t->error == ERR_OK && t->out.len >= least)
		t->error = fd_write_all(t->sock, builder_view(&t->out), LIMIT_HELPER_MS);
	if (t->out.len >= least)
		builder_reset(&t->out);
}

static void say_one(struct telling *t)
{
	builder_put(&t->out, builder_view(&t->one));
	t->told = true;
	flush(t, CHUNK);
}

static void tell_entry(struct telling *t, const struct place *p, struct entry *e)
{
	uint64_t hash;

	describe(t, p, e);
	hash = t->one.len == 0 ? 0 : bytes_hash(BYTES_HASH_START, builder_view(&t->one)) | 1;
	if (hash == e->told)
		return;
	if (hash == 0)
		files_gone_build(&t->one, bytes_str(e->path));
	e->told = hash;
	say_one(t);
}

static void tell_place(struct telling *t, struct place *p)
{
	if (p->trouble != p->told) {
		builder_reset(&t->one);
		if (p->trouble == ERR_OK)
			files_gone_build(&t->one, bytes_str(p->path));
		else
			files_trouble_build(&t->one, bytes_str(p->path), p->trouble);
		p->told = p->trouble;
		say_one(t);
	}
	for (size_t i = 0; i < p->n; i++)
		tell_entry(t, p, p->entries[i]);
}

static void forget_told(struct shelf *s)
{
	for (size_t i = 0; i < s->folders.n; i++) {
		s->places[i].told = ERR_OK;
		for (size_t k = 0; k < s->places[i].n; k++)
			s->places[i].entries[k]->told = 0;
	}
}

enum err shelf_tell(struct shelf *s, int sock, bool again)
{
	struct telling t = {.shelf = s, .sock = sock};

	if (again)
		forget_told(s);
	t.error = index_certs(&t);
	for (size_t i = 0; t.error == ERR_OK && i < s->folders.n; i++)
		tell_place(&t, &s->places[i]);
	if (t.told || again)
		files_done_build(&t.out);
	flush(&t, 1);
	free(t.certs);
	builder_clear(&t.out);
	builder_clear(&t.one);
	return t.error;
}
