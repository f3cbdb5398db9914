#include "agent/purpose.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/signdata.h"

enum { WORD = 64 };

static const char *host_name(
    const struct purpose_of *what, const struct bind *b, char *room, size_t n)
{
	struct bytes name;
	const char *known;

	if (route_host_name(b, what->destinations, &name))
		return text_word(name, room, n);
	known = hostbook_find(what->book, b->print);
	return known != NULL ? known : b->print;
}

static void put_login(
    char out[PURPOSE_DESTINATION], const struct purpose_of *what, const struct sign_login *login)
{
	const struct bind *b = route_login_bind(what->route, login);
	char user[WORD + 1], host[WORD + 1];

	(void)snprintf(out, PURPOSE_DESTINATION, "%s@%s",
	    text_word(login->user, user, sizeof(user)),
	    b == NULL ? "unproven host" : host_name(what, b, host, sizeof(host)));
}

static void put_destination(char out[PURPOSE_DESTINATION], const struct purpose_of *what)
{
	struct sign_data d;
	char name[WORD + 1];

	sign_data_read(what->data, &d);
	if (d.kind == SIGN_LOGIN)
		put_login(out, what, &d.login);
	else
		(void)snprintf(out, PURPOSE_DESTINATION, "%s%s",
		    d.kind == SIGN_SSHSIG ? "signature for " : "unrecognised data",
		    d.kind == SIGN_SSHSIG ? text_word(d.sshsig.name_space, name, sizeof(name))
					  : "");
}

/* As many as there is room for, and how many more. */
static void put_through(char out[DECISION_THROUGH], const struct purpose_of *what)
{
	enum { MORE = 24 };
	size_t used = 0, left_out = 0;

	for (const struct bind *b = what->route->first; b != NULL; b = b->next) {
		char room[WORD + 1];
		const char *host = host_name(what, b, room, sizeof(room));
		const char *before = used != 0 ? ", then " : "";

		if (!b->forwarding)
			continue;
		if (left_out != 0 ||
		    used + strlen(before) + strlen(host) >= DECISION_THROUGH - MORE)
			left_out++;
		else
			used += (size_t)sprintf(out + used, "%s%s", before, host);
	}
	if (left_out != 0)
		(void)snprintf(out + used, DECISION_THROUGH - used, ", then %zu more", left_out);
}

void purpose_read(struct purpose *out, const struct purpose_of *what)
{
	out->forwarded = route_is_forwarded(what->route);
	out->destination[0] = '\0';
	out->through[0] = '\0';
	if (what->data.len != 0)
		put_destination(out->destination, what);
	if (out->forwarded)
		put_through(out->through, what);
}
