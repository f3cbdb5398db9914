#include "agent/lastlogin.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

struct lastlogin {
	char host[ROUTE_PRINT]; /* fingerprint of its key */
	uint64_t key;
	uint64_t used; /* counts up with each login */
};

/* The bind whose host the client is about to log in to. */
static const struct bind *login_bind(const struct route *r)
{
	const struct bind *b = r->last;

	return b == NULL || r->failed || b->forwarding || b->print[0] == '\0' ? NULL : b;
}

static struct lastlogin *find(const struct lastlogins *all, const char *host)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->list[i].host, host) == 0)
			return &all->list[i];
	}
	return NULL;
}

static struct lastlogin *oldest(const struct lastlogins *all)
{
	struct lastlogin *o = &all->list[0];

	for (size_t i = 1; i < all->n; i++) {
		if (all->list[i].used < o->used)
			o = &all->list[i];
	}
	return o;
}

/* A place for one more host; NULL without memory. */
static struct lastlogin *place(struct lastlogins *all)
{
	if (all->n == LIMIT_LAST_LOGINS)
		return oldest(all);
	if (all->n == all->room) {
		size_t room = all->room == 0 ? 16 : all->room * 2;
		struct lastlogin *list = realloc(all->list, room * sizeof(*list));

		if (list == NULL)
			return NULL;
		all->list = list;
		all->room = room;
	}
	return &all->list[all->n++];
}

void lastlogin_signed(
    struct lastlogins *all, const struct route *r, struct bytes data, uint64_t key)
{
	const struct bind *b = login_bind(r);
	struct lastlogin *at;
	struct sign_data d;

	if (b == NULL)
		return;
	sign_data_read(data, &d);
	if (d.kind != SIGN_LOGIN || route_login_bind(r, &d.login) != b)
		return;
	at = find(all, b->print);
	if (at == NULL)
		at = place(all);
	if (at == NULL)
		return;
	memcpy(at->host, b->print, sizeof(at->host));
	at->key = key;
	at->used = ++all->uses;
}

uint64_t lastlogin_of(const struct lastlogins *all, const struct route *r)
{
	const struct bind *b = login_bind(r);
	const struct lastlogin *at = b == NULL ? NULL : find(all, b->print);

	return at == NULL ? 0 : at->key;
}

void lastlogin_forget(struct lastlogins *all, uint64_t key)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (all->list[i].key != key)
			all->list[kept++] = all->list[i];
	}
	all->n = kept;
}

void lastlogins_clear(struct lastlogins *all)
{
	free(all->list);
	*all = (struct lastlogins){0};
}
