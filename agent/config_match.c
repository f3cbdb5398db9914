/* What the configuration says of one key. */
#include "agent/config.h"

#include <string.h>

#include "agent/policy.h"
#include "proto/pattern.h"

/* The file's name without its directories. */
static struct bytes last_part(struct bytes path)
{
	const uint8_t *slash = path.len != 0 ? memrchr(path.data, '/', path.len) : NULL;

	return slash != NULL ? BYTES(slash + 1, path.len - (size_t)(slash + 1 - path.data)) : path;
}

static bool match_one(const char *pattern, const struct key_facts *key)
{
	struct bytes p = bytes_str(pattern);

	if (pattern[0] == '/')
		return key->file.len != 0 && pattern_match(key->file, p);
	if (strncmp(pattern, "SHA256:", strlen("SHA256:")) == 0)
		return key->print != NULL && pattern_match(bytes_str(key->print), p);
	return (key->comment.len != 0 && pattern_match(key->comment, p)) ||
	       (key->file.len != 0 && pattern_match(last_part(key->file), p)) ||
	       strcmp(pattern, "*") == 0;
}

bool key_patterns_match(const struct words *patterns, const struct key_facts *key)
{
	bool found = false;

	for (size_t i = 0; i < patterns->n; i++) {
		const char *p = patterns->list[i];
		bool but = p[0] == '!';

		if (!match_one(p + but, key))
			continue;
		if (but)
			return false;
		found = true;
	}
	return found;
}

static void take(struct config_policy *out, const struct config_policy *from)
{
	uint32_t fresh = from->set & ~out->set;

	if ((fresh & KEY_CONFIRM) != 0) {
		out->rules.confirm = from->rules.confirm;
		out->rules.confirm_seconds = from->rules.confirm_seconds;
	}
	if ((fresh & KEY_LIFETIME) != 0)
		out->lifetime = from->lifetime;
	if ((fresh & KEY_IDLE) != 0)
		out->rules.idle = from->rules.idle;
	if ((fresh & KEY_RELOCK) != 0)
		out->relock = from->relock;
	if ((fresh & KEY_LOCAL_ONLY) != 0)
		out->rules.local_only = from->rules.local_only;
	if ((fresh & KEY_KEYRING) != 0)
		out->keyring = from->keyring;
	if ((fresh & KEY_OFFER) != 0)
		out->offer = from->offer;
	out->set |= fresh;
}

/* By a block of which it is not known what was meant, beside what the others said. */
static void tighten(struct config_policy *out, const struct config_key *k)
{
	const struct config_policy *p = &k->policy;

	policy_stricter(&out->rules, &p->rules);
	out->lifetime = policy_shorter(out->lifetime, p->lifetime);
	out->relock = policy_shorter(out->relock, p->relock);
	if ((p->set & KEY_KEYRING) != 0 && p->keyring < out->keyring)
		out->keyring = p->keyring;
	out->offer = out->offer && p->offer;
	if ((p->set & ~out->set & KEY_DESTINATION) != 0)
		out->destinations = blob_view(&k->destination_bytes);
	out->set |= p->set;
}

void config_policy(const struct config *c, const struct key_facts *key, struct config_policy *out)
{
	*out = (struct config_policy){.keyring = c->keyring, .offer = true};
	for (size_t i = 0; i < c->key_count; i++) {
		const struct config_key *k = &c->keys[i];

		if (k->policy.unsure || !key_patterns_match(&k->patterns, key))
			continue;
		if ((k->policy.set & ~out->set & KEY_DESTINATION) != 0)
			out->destinations = blob_view(&k->destination_bytes);
		take(out, &k->policy);
	}
	for (size_t i = 0; i < c->key_count; i++) {
		if (c->keys[i].policy.unsure && key_patterns_match(&c->keys[i].patterns, key))
			tighten(out, &c->keys[i]);
	}
}
