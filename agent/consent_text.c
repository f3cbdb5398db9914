#include "agent/consent_text.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/text.h"
#include "proto/limits.h"

enum {
	SHOWN = 64,     /* bytes of a text that a client chose */
	LONG_WORD = 64, /* bytes without a space */
};

/*
 * How much is told of what can be long: all, or, where the whole is more than every prompter takes,
 * what a person needs most.
 */
struct measure {
	size_t names;     /* bytes of what known_hosts calls a host */
	size_t processes; /* of those that ask, the client first */
	size_t paths;     /* how many of them are told with their program files, if need be */
	size_t words;     /* bytes of a text that a client chose, at most SHOWN */
	size_t hops;      /* hosts on the way: the first and the last ones */
	bool brief;       /* a hop by its name or its key, and what ails known_hosts once */
};

/* The first of these that fits is taken. */
static const struct measure measures[] = {
    {HOST_TEXT, LINEAGE_MOST, LINEAGE_MOST, SHOWN, SIZE_MAX, false},
    {24, 4, 1, SHOWN, SIZE_MAX, true},
    {24, 4, 1, SHOWN, 3, true},
    {24, 2, 1, 24, 3, true},
};

enum { MEASURES = sizeof(measures) / sizeof(measures[0]) };

static void put(struct builder *b, const char *text)
{
	builder_put(b, bytes_str(text));
}

/* Words of the client's choice: marked off, so that they cannot pass for the sentence around. */
static void put_quoted(struct builder *b, struct bytes text, size_t most)
{
	char shown[SHOWN + 3];

	put(b, text_quote(text, shown, most + 3));
}

static void put_word(struct builder *b, struct bytes text, size_t most)
{
	char shown[SHOWN + 3];

	put(b, text_word(text, shown, most + 3));
}

static void put_path(struct builder *b, const char *path, size_t most)
{
	char shown[SHOWN + 1];

	lineage_tail(path, shown, most);
	put_word(b, bytes_str(shown), most);
}

/* Escaped text of at most so many bytes; a window is not made wider by a word in it. */
static void put_broken(struct builder *b, const char *text, size_t most)
{
	bool cut = strlen(text) > most;
	size_t end = cut ? most - 3 : strlen(text), word = 0;

	while (cut && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	for (size_t i = 0; i < end; i++) {
		bool begins = ((unsigned char)text[i] & 0xc0) != 0x80;

		if (word >= LONG_WORD && begins && text[i] != ' ') {
			put(b, "\n");
			word = 0;
		}
		builder_u8(b, (uint8_t)text[i]);
		word = text[i] == ' ' ? 0 : word + 1;
	}
	if (cut)
		put(b, "...");
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

static void put_host(struct builder *b, const struct host_text *h, const struct measure *m)
{
	const char *fault = search_fault(h->searched);

	if (h->names[0] != '\0')
		put_broken(b, h->names, m->names);
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

/* One of the hosts on the way. */
static void put_hop(struct builder *b, const struct host_text *h, const struct measure *m)
{
	if (!m->brief) {
		put_host(b, h, m);
	} else if (h->names[0] != '\0') {
		put_broken(b, h->names, m->names);
	} else {
		put(b, "a host with key ");
		put(b, h->print);
	}
}

_Static_assert(LIMIT_KNOWN_HOSTS == 16u * 1024u * 1024u, "search_fault says 16 MiB");

/* The host of a login: the last bind, unless that one is a forwarding, or of another session. */
static const struct host_text *login_host(const struct question *q)
{
	const struct host_text *last = q->host_count == 0 ? NULL : &q->hosts[q->host_count - 1];

	return last != NULL && !last->forwarding && !q->astray && !q->unproven ? last : NULL;
}

static void put_login(struct builder *b, const struct question *q, const struct sign_login *login,
    const struct measure *m)
{
	const struct host_text *host = login_host(q);

	put(b, "To log in as ");
	put_word(b, login->user, m->words);
	put(b, " to ");
	if (host != NULL)
		put_host(b, host, m);
	else
		put(b, "a host that the client did not prove");
}

static void put_sshsig(struct builder *b, const struct sign_sshsig *s, const struct measure *m)
{
	put(b, "To sign for ");
	put_quoted(b, s->name_space, m->words);
	if (bytes_is(s->name_space, "git"))
		put(b, " (a git commit or tag)");
	else if (bytes_is(s->name_space, "file"))
		put(b, " (a file)");
}

static void put_purpose(struct builder *b, const struct question *q, const struct measure *m)
{
	struct sign_data what;

	sign_data_read(q->data, &what);
	put(b, "\n\n");
	switch (what.kind) {
	case SIGN_LOGIN:
		put_login(b, q, &what.login, m);
		break;
	case SIGN_SSHSIG:
		put_sshsig(b, &what.sshsig, m);
		break;
	default:
		put(b, "To sign data that Signet does not recognise");
	}
	put(b, ".");
}

/*
 * What a process calls itself is said as its name only where its program bears it out.  Programs
 * that nobody may look into have honest reasons too: agents, and what adds keys.
 */
static void put_process(
    struct builder *b, const struct process *p, bool path, const struct measure *m)
{
	bool known = p->exe[0] != '\0';
	char number[24];

	if (!known) {
		put(b, path ? "an unknown program that calls itself " : "an unknown program ");
		put_quoted(b, bytes_str(p->name), m->words);
	} else {
		put_word(b, bytes_str(p->name), m->words);
	}
	snprintf(number, sizeof(number), " (%ld", (long)p->pid);
	put(b, number);
	if (known && !lineage_plain(p)) {
		put(b, path ? ", program " : ", program elsewhere");
		if (path)
			put_path(b, p->exe, m->words);
	}
	put(b, ")");
}

void question_process(struct builder *b, const struct process *p)
{
	put_process(b, p, true, &measures[0]);
}

static void put_lineage(struct builder *b, const struct lineage *l, const struct measure *m)
{
	char more[64];

	if (l->count == 0) {
		put(b, "\n\nAsked by a program that has ended.");
		return;
	}
	put(b, "\n\nAsked by ");
	for (size_t i = 0; i < l->count && i < m->processes; i++) {
		if (i != 0)
			put(b, i == 1 ? ", started by " : ", ");
		put_process(b, &l->process[i], i < m->paths, m);
	}
	if (l->count > m->processes) {
		snprintf(more, sizeof(more), " and %zu more%s", l->count - m->processes,
		    l->count == LINEAGE_MOST ? ", or even more" : "");
		put(b, more);
	} else if (l->count == LINEAGE_MOST) {
		put(b, ", and perhaps more");
	}
	put(b, ".");
}

static size_t count_hops(const struct question *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->host_count; i++)
		n += q->hosts[i].forwarding;
	return n;
}

/* Where it came from and what it passed last say most. */
static void put_hops(struct builder *b, const struct question *q, const struct measure *m)
{
	size_t all = count_hops(q), left_out = all > m->hops ? all - m->hops : 0, n = 0;
	enum err searched = ERR_OK;
	char more[64];

	for (size_t i = 0; i < q->host_count; i++) {
		const struct host_text *h = &q->hosts[i];

		if (!h->forwarding)
			continue;
		if (searched == ERR_OK)
			searched = h->searched;
		n++;
		if (n > 1 && n <= 1 + left_out)
			continue;
		put(b, n == 1 ? "\n\nOver a connection forwarded through " : ", then ");
		put_hop(b, h, m);
		if (n == 1 && left_out != 0) {
			snprintf(more, sizeof(more), " and %zu more host%s between", left_out,
			    left_out == 1 ? "" : "s");
			put(b, more);
		}
	}
	if (m->brief && searched != ERR_OK) {
		put(b, "; ");
		put(b, search_fault(searched));
	}
	if (all != 0)
		put(b, ".");
}

static void put_way(struct builder *b, const struct question *q, const struct measure *m)
{
	put_hops(b, q, m);
	if (q->unproven)
		put(b, "\n\nThe client could not prove which host this is for.");
}

/* Bytes of a text in a line of the Assuan protocol. */
static size_t spelt_length(struct bytes text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '%' || text.data[i] < ' ' ? 3 : 1;
	return n;
}

/* What the client has most say in comes last. */
static void build(struct builder *b, const struct question *q, const struct measure *m)
{
	put_way(b, q, m);
	put_lineage(b, q->lineage, m);
	put_purpose(b, q, m);
}

void question_about(struct builder *b, const struct question *q, size_t room)
{
	for (size_t i = 0; i < MEASURES; i++) {
		struct builder text = {0};
		bool fits;

		build(&text, q, &measures[i]);
		fits = builder_error(&text) == ERR_OK && spelt_length(builder_view(&text)) <= room;
		if (fits || i == MEASURES - 1)
			builder_put(b, builder_view(&text));
		builder_clear(&text);
		if (fits)
			break;
	}
}

void question_build(struct builder *b, const struct question *q)
{
	put(b, "Allow use of key ");
	put_quoted(b, q->comment, SHOWN);
	put(b, "?\nKey fingerprint ");
	put(b, q->print);
	put(b, ".");
	question_about(b, q, QUESTION_ROOM - spelt_length(builder_view(b)));
}

void question_destination(struct builder *b, const struct question *q)
{
	const struct host_text *host = login_host(q);
	char shown[SHOWN + 3];
	struct sign_data what;

	sign_data_read(q->data, &what);
	if (what.kind == SIGN_LOGIN) {
		put(b, text_word(what.login.user, shown, sizeof(shown)));
		put(b, "@");
		put(b, host == NULL             ? "unproven host"
		       : host->names[0] != '\0' ? host->names
						: host->print);
	} else if (what.kind == SIGN_SSHSIG) {
		put(b, "signature for ");
		put(b, text_word(what.sshsig.name_space, shown, sizeof(shown)));
	} else {
		put(b, "unrecognised data");
	}
}
