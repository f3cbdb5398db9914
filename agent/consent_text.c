#include "agent/consent_text.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/limits.h"

enum { SHOWN = 200, MOST_PARENTS = 6 };

static void put(struct builder *b, const char *text)
{
	builder_put(b, bytes_str(text));
}

static void put_escaped(struct builder *b, struct bytes text)
{
	char shown[SHOWN];

	put(b, text_escape(text, shown, sizeof(shown)));
}

/* Words of the client's choice: marked off, so that they cannot pass for the sentence around. */
static void put_quoted(struct builder *b, struct bytes text)
{
	char shown[SHOWN];

	put(b, "\"");
	for (const char *c = text_escape(text, shown, sizeof(shown)); *c != '\0'; c++) {
		if (*c == '"')
			put(b, "\\x22");
		else
			builder_u8(b, (uint8_t)*c);
	}
	put(b, "\"");
}

/* A user's name as it is, when it is one word. */
static void put_user(struct builder *b, struct bytes user)
{
	static const char odd[] = " \"(),?";

	for (size_t i = 0; i < user.len; i++) {
		if (strchr(odd, user.data[i]) != NULL) {
			put_quoted(b, user);
			return;
		}
	}
	put_escaped(b, user);
}

/* A name that was not found may be there nevertheless, and so may a revocation. */
static const char *search_fault(enum err searched)
{
	switch (searched) {
	case ERR_OK:
		return NULL;
	case ERR_TOO_LONG:
		return "known_hosts is bigger than 16 MiB: only its first part was searched";
	case ERR_TIMEOUT:
		return "known_hosts could not be read in time";
	default:
		return "known_hosts could not be read";
	}
}

static void put_host(struct builder *b, const struct host_text *h)
{
	const char *fault = search_fault(h->searched);

	if (h->names[0] != '\0')
		put(b, h->names);
	else
		put(b, fault != NULL ? "a host whose name was not found"
				     : "a host that known_hosts does not name");
	put(b, " (host key ");
	put(b, h->print);
	if (fault != NULL) {
		put(b, "; ");
		put(b, fault);
	}
	put(b, ")");
}

_Static_assert(LIMIT_KNOWN_HOSTS == 16u * 1024u * 1024u, "search_fault says 16 MiB");

/* The host of a login: the last bind, unless that one is a forwarding, or of another session. */
static const struct host_text *login_host(const struct question *q)
{
	const struct host_text *last = q->host_count == 0 ? NULL : &q->hosts[q->host_count - 1];

	return last != NULL && !last->forwarding && !q->astray && !q->unproven ? last : NULL;
}

static void put_login(struct builder *b, const struct question *q, const struct sign_login *login)
{
	const struct host_text *host = login_host(q);

	put(b, "To log in as ");
	put_user(b, login->user);
	put(b, " to ");
	if (host != NULL)
		put_host(b, host);
	else
		put(b, "a host that the client did not prove");
}

static void put_sshsig(struct builder *b, const struct sign_sshsig *s)
{
	put(b, "To sign for ");
	put_quoted(b, s->name_space);
	if (bytes_is(s->name_space, "git"))
		put(b, " (a git commit or tag)");
	else if (bytes_is(s->name_space, "file"))
		put(b, " (a file)");
}

static void put_purpose(struct builder *b, const struct question *q)
{
	struct sign_data what;

	sign_data_read(q->data, &what);
	put(b, "\n\n");
	switch (what.kind) {
	case SIGN_LOGIN:
		put_login(b, q, &what.login);
		break;
	case SIGN_SSHSIG:
		put_sshsig(b, &what.sshsig);
		break;
	default:
		put(b, "To sign data that Signet does not recognise");
	}
	put(b, ".");
}

static void put_process(struct builder *b, const struct process *p)
{
	char number[24];

	put(b, p->name);
	snprintf(number, sizeof(number), " (%ld)", (long)p->pid);
	put(b, number);
}

static void put_lineage(struct builder *b, const struct lineage *l)
{
	if (l->count == 0) {
		put(b, "\n\nAsked by a program that has ended.");
		return;
	}
	put(b, "\n\nAsked by ");
	put_process(b, &l->process[0]);
	for (size_t i = 1; i < l->count && i <= MOST_PARENTS; i++) {
		put(b, i == 1 ? ", started by " : ", ");
		put_process(b, &l->process[i]);
	}
	put(b, ".");
}

static void put_way(struct builder *b, const struct question *q)
{
	bool first = true;

	for (size_t i = 0; i < q->host_count; i++) {
		if (!q->hosts[i].forwarding)
			continue;
		put(b, first ? "\n\nOver a connection forwarded through " : ", then ");
		put_host(b, &q->hosts[i]);
		first = false;
	}
	if (!first)
		put(b, ".");
	if (q->unproven)
		put(b, "\n\nThe client could not prove which host this is for.");
}

void question_about(struct builder *b, const struct question *q)
{
	put_purpose(b, q);
	put_lineage(b, q->lineage);
	put_way(b, q);
}

void question_build(struct builder *b, const struct question *q)
{
	put(b, "Allow use of key ");
	put_escaped(b, q->comment);
	put(b, "?\nKey fingerprint ");
	put(b, q->print);
	put(b, ".");
	question_about(b, q);
}

void question_destination(struct builder *b, const struct question *q)
{
	const struct host_text *host = login_host(q);
	struct sign_data what;

	sign_data_read(q->data, &what);
	if (what.kind == SIGN_LOGIN) {
		put_escaped(b, what.login.user);
		put(b, "@");
		put(b, host == NULL             ? "unproven host"
		       : host->names[0] != '\0' ? host->names
						: host->print);
	} else if (what.kind == SIGN_SSHSIG) {
		put(b, "signature for ");
		put_escaped(b, what.sshsig.name_space);
	} else {
		put(b, "unrecognised data");
	}
}
