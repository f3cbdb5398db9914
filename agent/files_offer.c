/* Keys that files offer, in the store. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/files_impl.h"
#include "agent/policy.h"
#include "keystore/fingerprint.h"
#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

enum { TURN_MOST = 3600 }; /* seconds: the wall clock may have been set meanwhile */

static uint64_t today(void)
{
	int64_t now = clock_wall();

	return now > 0 ? (uint64_t)now : 0;
}

/* --- what a file has -------------------------------------------------------------- */

/* A certificate that is none, or of another key, or not signed by whom it names, is passed over. */
void file_judge(struct bytes certificate, struct bytes public, struct file_cert *out)
{
	struct builder plain = {0};
	struct cert cert;

	if (cert_parse(certificate, &cert) != ERR_OK || cert.kind != CERT_USER)
		return;
	pubkey_build(&plain, &cert.key);
	out->good = builder_error(&plain) == ERR_OK && bytes_equal(builder_view(&plain), public) &&
		    key_verify(cert.signature_key, cert.signed_part, cert.signature) == ERR_OK;
	out->after = cert.valid_after;
	out->before = cert.valid_before;
	out->authority = cert.signature_key;
	builder_clear(&plain);
}

static bool is_valid(const struct file_cert *cert, uint64_t now)
{
	return cert->good && now < cert->before;
}

/* Is there a newer one of the same authority, which is valid already? */
static bool is_replaced(const struct file *f, const struct file_cert *cert, uint64_t now)
{
	for (size_t i = 0; i + 1 < f->item_count; i++) {
		const struct file_cert *other = &f->certs[i];

		if (is_valid(other, now) && now >= other->after && other->after > cert->after &&
		    bytes_equal(other->authority, cert->authority))
			return true;
	}
	return false;
}

static bool is_wanted(const struct file *f, size_t i, uint64_t now)
{
	if (!f->offered || f->items[i].withdrawn || f->refused != ERR_OK)
		return false;
	return i == 0 ||
	       (is_valid(&f->certs[i - 1], now) && !is_replaced(f, &f->certs[i - 1], now));
}

/* --- its identities --------------------------------------------------------------- */

static bool is_ours(const struct identity *id, const struct file *f)
{
	return id != NULL && bytes_is(id->rules.file, f->path);
}

static void make_rules(const struct files *fs, struct file *f, struct rules *out)
{
	char print[FINGERPRINT_ROOM] = "";
	struct key_facts facts = {.file = bytes_str(f->path), .comment = f->comment};
	struct config_policy policy;

	if (fingerprint(f->items[0].blob, FINGERPRINT_SHA256, print) == ERR_OK)
		facts.print = print;
	*out = (struct rules){.source = SOURCE_FILE, .file = bytes_str(f->path)};
	if (f->also != NULL)
		out->destinations = BYTES(f->also->destinations, f->also->len);
	config_policy(fs->config, &facts, &policy);
	policy_apply(fs->config, &facts, out);
	if (f->also != NULL)
		policy_stricter(&out->key, &f->also->rules);
	f->offered = (policy.set & KEY_OFFER) == 0 || policy.offer;
}

/* The locked key, or what another identity of the file has, locked or not. */
static enum err find_key(
    const struct files *fs, const struct file *f, struct key **out, uint64_t *expires)
{
	for (size_t i = 0; i < f->item_count; i++) {
		const struct identity *id = store_find(fs->store, f->items[i].blob);

		if (is_ours(id, f)) {
			*out = key_ref(id->key);
			*expires = id->rules.expires;
			return ERR_OK;
		}
	}
	*expires = 0;
	if (f->locked != NULL) {
		*out = key_ref(f->locked);
		return ERR_OK;
	}
	return key_locked(f->items[0].blob, out);
}

static enum err put(struct files *fs, struct file *f, struct bytes blob, struct rules *rules)
{
	struct key *key;
	enum err e = find_key(fs, f, &key, &rules->expires);

	if (e != ERR_OK)
		return e;
	e = store_put(fs->store, key, blob, f->comment, rules);
	if (e != ERR_OK)
		key_unref(key);
	else
		fs->disorder = true;
	return e;
}

static bool same_rules(const struct identity *id, const struct file *f, const struct rules *rules)
{
	const struct key_rules *a = &id->rules.key, *b = &rules->key;

	return a->confirm == b->confirm && a->confirm_seconds == b->confirm_seconds &&
	       a->idle == b->idle && a->local_only == b->local_only &&
	       id->rules.relock == rules->relock && id->rules.lifetime == rules->lifetime &&
	       bytes_equal(id->rules.destinations, rules->destinations) &&
	       bytes_equal(id->comment, f->comment);
}

/* The types that the agent would not take from a client either. */
static enum err check_type(const struct files *fs, const struct file *f)
{
	struct pubkey key;
	enum err e = pubkey_parse(f->items[0].blob, &key);

	if (e == ERR_OK && key.type->family == FAMILY_DSA && !fs->config->options.allow_dss)
		return ERR_KEY_TYPE_OFF;
	return e == ERR_OK && !key_type_available(key.type) ? ERR_KEY_TYPE : e;
}

/*
 * The file offers its key again when what was added by hand has gone: as strictly as that was.
 * Without memory to know it, not before files_reload.
 */
static void mind_additions(struct files *fs, struct file *f)
{
	struct bytes destinations = BYTES_NONE;
	struct key_rules rules = {0};
	struct file_also *also = NULL;
	bool any = false;

	for (size_t i = 0; i < f->item_count; i++) {
		const struct identity *id = store_find(fs->store, f->items[i].blob);

		if (id == NULL || id->rules.file.len != 0)
			continue;
		any = true;
		policy_stricter(&rules, &id->rules.key);
		if (destinations.len == 0)
			destinations = id->rules.destinations;
	}
	if (!any)
		return;
	rules.idle = 0;
	if (destinations.len != 0 || !key_rules_none(&rules)) {
		also = malloc(sizeof(*also) + destinations.len);
		fs->withdrew = fs->withdrew || also == NULL;
		for (size_t i = 0; also == NULL && i < f->item_count; i++)
			f->items[i].withdrawn = true;
	}
	if (also != NULL) {
		also->rules = rules;
		also->len = destinations.len;
		if (destinations.len != 0)
			memcpy(also->destinations, destinations.data, destinations.len);
	}
	free(f->also);
	f->also = also;
}

/* Those that the configuration has changed are locked again: who unlocked them did so under others.
 */
static void renew(struct files *fs, struct file *f, struct rules *rules)
{
	for (size_t i = 0; i < f->item_count; i++) {
		struct identity *id = store_find(fs->store, f->items[i].blob);

		if (is_ours(id, f) && !same_rules(id, f, rules))
			store_remove(fs->store, id);
	}
}

static void sync_items(struct files *fs, struct file *f)
{
	uint64_t now = today();
	struct rules rules = {0};
	bool made = f->generation != fs->generation;

	mind_additions(fs, f);
	if (made) {
		make_rules(fs, f, &rules);
		f->refused = (uint8_t)check_type(fs, f);
		renew(fs, f, &rules);
		f->generation = fs->generation;
	}
	for (size_t i = 0; i < f->item_count; i++) {
		const struct file_item *item = &f->items[i];
		bool wanted = is_wanted(f, i, now);
		struct identity *id = store_find(fs->store, item->blob);

		if (!wanted && is_ours(id, f))
			store_remove(fs->store, id);
		if (!wanted || id != NULL)
			continue;
		if (!made)
			make_rules(fs, f, &rules);
		made = true;
		f->refused = (uint8_t)put(fs, f, item->blob, &rules);
	}
}

/* One that was added by hand before its file was known. */
static void claim(const struct files *fs, const struct file *f, const struct identity *id)
{
	char print[FINGERPRINT_ROOM];
	struct key_facts facts = {
	    .file = bytes_str(f->path), .comment = id->comment, .print = print};
	struct rules rules = id->rules;

	if (fingerprint(f->items[0].blob, FINGERPRINT_SHA256, print) != ERR_OK)
		return;
	rules.known_file = f->path;
	policy_apply(fs->config, &facts, &rules);
	if (store_put(fs->store, key_ref(id->key), id->blob, id->comment, &rules) != ERR_OK)
		key_unref(id->key);
}

static void claim_items(const struct files *fs, const struct file *f)
{
	for (size_t i = 0; i < f->item_count; i++) {
		const struct identity *id = store_find(fs->store, f->items[i].blob);

		if (id != NULL && id->rules.file.len == 0 && id->rules.place.len == 0 &&
		    id->rules.known_file == NULL)
			claim(fs, f, id);
	}
}

void file_sync(struct files *fs, struct file *f)
{
	fs->syncing = true;
	if (fs->config != NULL)
		claim_items(fs, f);
	if (f->item_count != 0 && fs->offer && fs->config != NULL)
		sync_items(fs, f);
	else
		file_retract(fs, f);
	fs->syncing = false;
}

/* Those that the store has, as they are but for what is said of them. */
static enum err restate(struct files *fs, struct file *f)
{
	struct rules rules;
	enum err e = ERR_OK;

	make_rules(fs, f, &rules);
	fs->syncing = true;
	for (size_t i = 0; e == ERR_OK && i < f->item_count; i++) {
		const struct identity *id = store_find(fs->store, f->items[i].blob);

		if (!is_ours(id, f) || same_rules(id, f, &rules))
			continue;
		rules.expires = id->rules.expires;
		e = store_put(fs->store, key_ref(id->key), f->items[i].blob, f->comment, &rules);
		if (e != ERR_OK)
			key_unref(id->key);
	}
	fs->syncing = false;
	return e;
}

static void put_in_order(struct files *fs);

enum err files_comment(
    struct files *fs, struct bytes path, struct bytes public, struct bytes comment)
{
	struct file *f = file_find(fs, path);
	uint8_t *copy;
	enum err e;

	if (f == NULL || f->item_count == 0 || !bytes_equal(f->items[0].blob, public) ||
	    comment.len == 0 || bytes_equal(comment, f->comment) ||
	    (!f->said && f->comment.len != 0 && !bytes_equal(f->comment, bytes_str(f->path))))
		return ERR_OK;
	copy = malloc(comment.len);
	if (copy == NULL)
		return ERR_MEMORY;
	memcpy(copy, comment.data, comment.len);
	if (f->said)
		free((void *)(uintptr_t)f->comment.data);
	f->said = true;
	f->comment = BYTES(copy, comment.len);
	e = restate(fs, f);
	/* So that they are not unlocked by what they were: they come anew. */
	if (e != ERR_OK)
		file_retract(fs, f);
	file_sync(fs, f);
	if (fs->disorder)
		put_in_order(fs);
	return e;
}

void file_retract(struct files *fs, struct file *f)
{
	bool was = fs->syncing;

	fs->syncing = true;
	for (size_t i = 0; i < f->item_count; i++) {
		struct identity *id = store_find(fs->store, f->items[i].blob);

		if (is_ours(id, f))
			store_remove(fs->store, id);
	}
	fs->syncing = was;
}

/* --- their order ------------------------------------------------------------------ */

size_t file_folder(const struct config *c, const char *path)
{
	size_t len = (size_t)(strrchr(path, '/') - path), i = 0;

	while (i < c->key_directories.n && (strlen(c->key_directories.list[i]) != len ||
					       memcmp(c->key_directories.list[i], path, len) != 0))
		i++;
	return i;
}

/* By directory, then ssh's own names, then by name; within a directory paths differ by name only.
 */
static int by_order(const void *a, const void *b)
{
	const struct file *x = *(struct file *const *)a, *y = *(struct file *const *)b;

	if (x->folder != y->folder)
		return x->folder < y->folder ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Behind the key that stands before the first of them; the others stay as they are. */
static void place_all(struct files *fs, struct file **sorted)
{
	struct identity *after = store_first(fs->store);

	if (after != NULL && after->rules.file.len != 0)
		after = NULL;
	while (after != NULL && after->next != NULL && after->next->rules.file.len == 0)
		after = after->next;
	for (size_t i = 0; i < fs->count; i++) {
		/* The certificate is tried before the key, as ssh does. */
		for (size_t n = sorted[i]->item_count; n-- > 0;) {
			struct identity *id = store_find(fs->store, sorted[i]->items[n].blob);

			if (!is_ours(id, sorted[i]))
				continue;
			store_place(id, after);
			after = id;
		}
	}
}

static void put_in_order(struct files *fs)
{
	struct file **sorted = malloc((fs->count + 1) * sizeof(struct file *));

	fs->disorder = false;
	if (sorted == NULL)
		return;
	for (size_t i = 0; i < fs->count; i++) {
		sorted[i] = fs->list[i];
		sorted[i]->folder = (uint32_t)file_folder(fs->config, sorted[i]->path);
	}
	qsort(sorted, fs->count, sizeof(struct file *), by_order);
	place_all(fs, sorted);
	free(sorted);
}

/* --- lists have an end ------------------------------------------------------------- */

enum err file_state(const struct file *f)
{
	if (f->trouble != ERR_OK || f->refused != ERR_OK)
		return f->trouble != ERR_OK ? f->trouble : f->refused;
	return f->surplus ? ERR_FILE_MANY : ERR_OK;
}

/* They stay in the store, since the list of a view may have room for them. */
static void mark_surplus(struct files *fs)
{
	size_t n = 0;

	for (size_t i = 0; fs->surplus && i < fs->count; i++)
		fs->list[i]->surplus = false;
	fs->surplus = store_count(fs->store) > LIMIT_LISTED;
	if (!fs->surplus)
		return;
	for (struct identity *id = store_first(fs->store); id != NULL; id = id->next) {
		struct file *f;

		if (++n <= LIMIT_LISTED || id->rules.file.len == 0)
			continue;
		f = file_find(fs, id->rules.file);
		if (f != NULL)
			f->surplus = true;
	}
}

/* --- certificates in time ----------------------------------------------------------- */

static uint64_t sooner(uint64_t next, uint64_t when, uint64_t now)
{
	return when > now && when < next ? when : next;
}

/* When one begins or ends to be valid, seconds since 1970; UINT64_MAX: none does. */
static uint64_t next_turn(const struct files *fs, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < fs->count; i++) {
		const struct file *f = fs->list[i];

		for (size_t n = 0; n + 1 < f->item_count; n++) {
			const struct file_cert *cert = &f->certs[n];

			if (cert->good)
				next = sooner(sooner(next, cert->after, now), cert->before, now);
		}
	}
	return next;
}

static void turned(struct timer *t)
{
	files_sync((struct files *)(void *)((char *)t - offsetof(struct files, turn)));
}

/* Without memory for it, the next change of a file is when it is looked at. */
static void await_turn(struct files *fs)
{
	uint64_t now = today(), next = next_turn(fs, now), left;

	if (next == UINT64_MAX) {
		timer_cancel(fs->loop, &fs->turn);
		return;
	}
	left = next - now < TURN_MOST ? next - now : TURN_MOST;
	fs->turn.due = turned;
	(void)timer_arm(fs->loop, &fs->turn, clock_now() + left * 1000);
}

void files_sync(struct files *fs)
{
	for (size_t i = 0; i < fs->count; i++)
		file_sync(fs, fs->list[i]);
	if (fs->disorder)
		put_in_order(fs);
	mark_surplus(fs);
	await_turn(fs);
}
