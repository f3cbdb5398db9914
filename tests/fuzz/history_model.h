/*
 * What an agent must do, said once more and plainly: hosts, sessions, users and keys are small
 * numbers here, so that what a key may do on a route is a look at a table.  f_history.c compares.
 */
#ifndef SIGNET_FUZZ_HISTORY_MODEL_H
#define SIGNET_FUZZ_HISTORY_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/fuzz/core_scene.h"

enum {
	MODEL_HOSTS = 4,
	MODEL_FOREIGN = 4, /* a host whose key is of a type that nobody knows */
	MODEL_SESSIONS = 6,
	MODEL_USERS = 3,
	MODEL_KEYS = 4, /* Ed25519, Ed25519 (or a slow one), ECDSA, and a security key */
	MODEL_SLOW = 1,
	MODEL_SK = 3,
	MODEL_HOPS = 4,
	MODEL_ANY = -1, /* any host, any user; as a hop's from: this machine */
	MODEL_BINDS = LIMIT_SESSION_BINDS,
};

struct model_hop {
	int from, to, user;
};

struct model_key {
	bool held, confirm, local;
	uint64_t expires; /* 0: never */
	unsigned hops;    /* 0: no constraint */
	struct model_hop hop[MODEL_HOPS];
};

struct model_bind {
	int host, session;
	bool forwarding;
};

struct model_route {
	unsigned count;
	struct model_bind bind[MODEL_BINDS];
	bool failed, barred;
};

/* What is to be signed; a login unless it is said to be none. */
struct model_data {
	bool is_login;
	int session, user, key;
	int host; /* MODEL_ANY: the method does not name it */
	bool other_service;
};

struct model {
	struct model_key key[MODEL_KEYS];
	struct model_route route[SCENE_CLIENTS];
	bool locked;
	int passphrase;
};

static inline const struct model_bind *model_last(const struct model_route *r)
{
	return r->count != 0 ? &r->bind[r->count - 1] : NULL;
}

static inline bool model_ends_in_login(const struct model_route *r)
{
	return r->count != 0 && !model_last(r)->forwarding;
}

static inline bool model_remote(const struct model_route *r)
{
	return r->failed || (r->count != 0 && r->bind[0].forwarding);
}

static inline void model_fail(struct model_route *r, bool foreign)
{
	r->failed = true;
	if (!foreign || r->count == MODEL_BINDS || model_ends_in_login(r))
		r->barred = true;
}

/* A bind is made; true: it is accepted. */
static inline bool model_add_bind(struct model_route *r, const struct model_bind *b, bool valid)
{
	bool good = valid && b->host != MODEL_FOREIGN;

	for (unsigned i = 0; good && i < r->count; i++) {
		if (r->bind[i].forwarding && r->bind[i].session == b->session) {
			if (r->bind[i].host == b->host)
				return true;
			good = false;
		}
	}
	if (good && !model_ends_in_login(r) && r->count < MODEL_BINDS) {
		r->bind[r->count++] = *b;
		return true;
	}
	model_fail(r, b->host == MODEL_FOREIGN);
	return false;
}

static inline bool model_hop(const struct model_key *k, int from, int to, int user)
{
	for (unsigned i = 0; i < k->hops; i++) {
		const struct model_hop *h = &k->hop[i];

		if (h->from == from && (to == MODEL_ANY || h->to == to) &&
		    (user == MODEL_ANY || h->user == MODEL_ANY || h->user == user))
			return true;
	}
	return false;
}

/* Does each hop of the route have a constraint, the last for this user? */
static inline bool model_way(const struct model_key *k, const struct model_route *r, int user)
{
	int from = MODEL_ANY;

	for (unsigned i = 0; i < r->count; i++) {
		bool last = i + 1 == r->count;

		if (!model_hop(k, from, r->bind[i].host, last ? user : MODEL_ANY))
			return false;
		from = r->bind[i].host;
	}
	return true;
}

static inline bool model_sees(const struct model_key *k, const struct model_route *r)
{
	const struct model_bind *last = model_last(r);

	if (!k->held || (k->local && model_remote(r)))
		return false;
	if (k->hops == 0)
		return true;
	if (r->failed || last == NULL)
		return !r->failed;
	return model_way(k, r, MODEL_ANY) &&
	       (!last->forwarding || model_hop(k, last->host, MODEL_ANY, MODEL_ANY));
}

/* A key without constraints signs anything but a login that is not the one that was bound; logins
 * are for ssh-connection, as no host takes others. */
static inline bool model_free_signs(const struct model_route *r, const struct model_data *d)
{
	const struct model_bind *last = model_last(r);

	if (!d->is_login || d->other_service || !model_ends_in_login(r))
		return true;
	return !r->failed && d->session == last->session &&
	       (d->host == MODEL_ANY || d->host == last->host);
}

static inline bool model_signs(
    const struct model *m, unsigned key, const struct model_route *r, const struct model_data *d)
{
	const struct model_key *k = &m->key[key];
	const struct model_bind *last = model_last(r);

	if (m->locked || !k->held || r->barred || (k->local && model_remote(r)))
		return false;
	if (k->hops == 0)
		return model_free_signs(r, d);
	if (r->failed || last == NULL || last->forwarding || !d->is_login || d->key != (int)key ||
	    d->other_service || d->session != last->session)
		return false;
	if (d->host == MODEL_ANY ? r->count != 1 : d->host != last->host)
		return false;
	return model_way(k, r, d->user);
}

static inline void model_forget_keys(struct model *m)
{
	memset(m->key, 0, sizeof(m->key));
}

static inline void model_expire(struct model *m, uint64_t now)
{
	for (unsigned i = 0; i < MODEL_KEYS; i++) {
		if (m->key[i].expires != 0 && m->key[i].expires <= now)
			m->key[i] = (struct model_key){0};
	}
}

#endif
