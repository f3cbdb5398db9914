/* CTL_LIST: the keys and what they may be used for, for signet-add -l -v. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <stdlib.h>

#include "agent/dispatch.h"
#include "proto/base/clock.h"
#include "proto/base/text.h"
#include "proto/ctlmsg.h"
#include "proto/filesmsg.h"
#include "proto/destination.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

enum { PAGE = 32 * 1024, COMMENT = 1024, DESTINATIONS = 1024 };

static const char *const sources[] = {
    [SOURCE_AGENT_SOCKET] = "agent socket",
    [SOURCE_CONTROL_SOCKET] = "control socket",
    [SOURCE_FORWARDED] = "forwarded connection",
    [SOURCE_FILE] = "file",
};

static void put_time(struct builder *b, const char *name, int64_t when)
{
	char text[32] = "never";
	time_t t = (time_t)when;
	struct tm parts;

	if (when != 0 && gmtime_r(&t, &parts) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	ctl_pair_build(b, name, text);
}

static void put_kind(struct builder *b, const struct identity *id)
{
	struct pubkey key;
	bool is_cert;

	if (keyblob_parse(id->blob, &key, &is_cert) != ERR_OK)
		return;
	ctl_pair_build(b, "type", key.type->label);
	ctl_pair_number(b, "bits", pubkey_bits(&key));
	ctl_pair_build(b, "certificate", is_cert ? "yes" : "no");
}

/* Seconds until end (clock_now() milliseconds; 0: never, which is not told). */
static void put_left(struct builder *b, const char *name, uint64_t end)
{
	uint64_t now = clock_now();

	if (end != 0)
		ctl_pair_number(b, name, end > now ? (end - now + 999) / 1000 : 0);
}

/* A pattern as it is, or in quotation marks where it could pass for more than one. */
static void put_pattern(struct builder *text, struct bytes pattern)
{
	static const char odd[] = " ,>@\";";
	char shown[LIMIT_USER_PATTERN * 4 + TEXT_QUOTE_LEAST];
	bool plain = true;

	for (size_t i = 0; i < pattern.len && plain; i++)
		plain = pattern.data[i] != '\0' && strchr(odd, pattern.data[i]) == NULL;
	builder_put(
	    text, bytes_str((plain ? text_escape : text_quote)(pattern, shown, sizeof(shown))));
}

/* "a>you@b", as -h takes it. */
static void put_hop(struct builder *text, const struct destination *d)
{
	if (d->from.host.len != 0) {
		put_pattern(text, d->from.host);
		builder_put(text, bytes_str(">"));
	}
	if (d->to.user.len != 0) {
		put_pattern(text, d->to.user);
		builder_put(text, bytes_str("@"));
	}
	put_pattern(text, d->to.host);
}

/* Names for people: cut where there are more than anybody reads. */
static void put_destinations(struct builder *b, struct bytes list)
{
	struct destination_walk walk = destinations_walk(list);
	struct destination d;
	struct builder text = {0};
	char shown[DESTINATIONS];

	if (list.len == 0)
		return;
	while (text.len < DESTINATIONS && destination_next(&walk, &d)) {
		if (text.len != 0)
			builder_put(&text, bytes_str(", "));
		put_hop(&text, &d);
	}
	if (builder_error(&text) == ERR_OK)
		ctl_pair_build(
		    b, "destinations", text_escape(builder_view(&text), shown, sizeof(shown)));
	builder_clear(&text);
}

static void put_rules(struct builder *b, const struct identity *id)
{
	const struct key_rules *rules = &id->rules.key;

	put_left(b, id->rules.file.len != 0 ? "relock-left-seconds" : "lifetime-left-seconds",
	    id->rules.expires);
	if (rules->idle != 0)
		ctl_pair_number(b, "idle-seconds", rules->idle);
	put_left(b, "idle-left-seconds", store_idle_end(id));
	ctl_pair_build(b, "confirm", confirm_rule_word(rules->confirm));
	if (rules->confirm == CONFIRM_TIMED)
		ctl_pair_number(b, "confirm-seconds", rules->confirm_seconds);
	ctl_pair_build(b, "local-only", rules->local_only ? "yes" : "no");
	put_destinations(b, id->rules.destinations);
}

/* The token's name while it is there, else only its module's. */
static void put_token(struct builder *b, const struct modules *ms, const struct identity *id)
{
	static const char *const words[] = {
	    [PRESENCE_ABSENT] = "no", [PRESENCE_UNKNOWN] = "unknown", [PRESENCE_HERE] = "yes"};
	const struct token *t;
	struct place place;
	char text[COMMENT];

	if (!key_is_public(id->key) || place_parse(id->rules.place, &place) != ERR_OK)
		return;
	t = modules_token(ms, id->rules.place);
	if (t != NULL)
		ctl_pair_bytes(b, "token", token_about(t)->name);
	ctl_pair_build(b, "module", text_escape(place.module, text, sizeof(text)));
	ctl_pair_build(b, "present", words[modules_presence(ms, id->rules.place)]);
}

/* Of a key that its file offers. */
static void put_file(struct builder *b, const struct identity *id)
{
	char path[FILES_PATH_MOST];

	if (id->rules.file.len == 0)
		return;
	ctl_pair_build(b, "file", text_escape(id->rules.file, path, sizeof(path)));
	ctl_pair_build(b, "locked", key_is_locked(id->key) ? "yes" : "no");
}

static void put_key(struct builder *b, const struct core *core, const struct identity *id)
{
	char comment[COMMENT];

	ctl_pair_number(b, "number", id->number);
	ctl_pair_build(b, "fingerprint", id->print);
	put_kind(b, id);
	ctl_pair_build(b, "comment", text_escape(id->comment, comment, sizeof(comment)));
	ctl_pair_build(b, "source", sources[id->rules.source]);
	put_time(b, "added", id->added);
	put_rules(b, id);
	put_token(b, core->modules, id);
	put_file(b, id);
	ctl_pair_number(b, "uses", id->uses);
	put_time(b, "last-use", id->last_use);
	ctl_pair_build(b, "encrypted-at-rest", key_is_shielded(id->key) ? "yes" : "no");
}

static int by_number(const void *a, const void *b)
{
	const struct identity *const *x = a, *const *y = b;

	return ((*x)->number > (*y)->number) - ((*x)->number < (*y)->number);
}

/* Those of a number over after, in the order of their numbers, which is not always that of the list
 * (a certificate is listed beside its key).  The caller's to free; NULL without memory. */
static const struct identity **collect(const struct store *s, uint64_t after, size_t *n)
{
	const struct identity **list = calloc(store_count(s) + 1, sizeof(const struct identity *));

	*n = 0;
	if (list == NULL)
		return NULL;
	for (const struct identity *id = store_first(s); id != NULL; id = id->next) {
		if (id->number > after)
			list[(*n)++] = id;
	}
	qsort(list, *n, sizeof(*list), by_number);
	return list;
}

/* The next page begins after the number of the last one's last. */
enum outcome req_keys(struct request *r)
{
	struct builder *b = &r->core->reply;
	const struct identity **list = NULL;
	uint64_t after;
	size_t frame, n = 0;
	enum err e = ctl_page_parse(r->body, &after);

	if (e == ERR_OK)
		list = collect(r->core->store, after, &n);
	if (e == ERR_OK && list == NULL)
		e = ERR_MEMORY;
	if (e != ERR_OK)
		return refuse(r, e);
	frame = ctl_records_open(b);
	for (size_t i = 0; i < n && b->len < PAGE; i++) {
		size_t record = builder_open(b);

		put_key(b, r->core, list[i]);
		builder_close(b, record);
	}
	ctl_records_close(b, frame);
	free(list);
	return ANSWERED;
}
