#include "tokens/card/requests.h"

#include "proto/tokenmsg.h"
#include "tokens/card/serve.h"

enum { GENERAL_THREADS = 2 };

struct server {
	struct outlet *outlet;
	struct readers *readers;
	struct lane *general; /* what is of no single card */
	bool open;
};

static enum err hand_sign(struct server *s, struct blob *message)
{
	struct token_sign m;
	enum err e = token_sign_parse(blob_view(message), &m);
	uint32_t number;

	if (e != ERR_OK)
		return e;
	number = m.number;
	e = readers_hand(s->readers, m.token, message);
	if (e != ERR_OK)
		serve_failure(s->outlet, number, e);
	return ERR_OK;
}

static enum err hand_logout(struct server *s, struct bytes message)
{
	enum err e = token_logout_parse(message);

	for (size_t i = 0; e == ERR_OK && i < PCSC_READERS_MOST; i++) {
		struct reader_slot *slot = &s->readers->slots[i];
		struct blob copy = {0};

		pthread_mutex_lock(&s->readers->mutex);
		/* A PIN that stays in force unknown to all is worse than a helper that ends. */
		if (slot->lane != NULL)
			e = blob_copy(&copy, message);
		if (slot->lane != NULL && e == ERR_OK)
			e = lane_put(slot->lane, &copy);
		pthread_mutex_unlock(&s->readers->mutex);
		blob_clear(&copy);
	}
	return e;
}

static enum err open_readers(struct server *s, struct blob *message)
{
	struct token_open m;
	enum err e = token_open_parse(blob_view(message), &m);

	if (e == ERR_OK && s->open)
		e = ERR_MESSAGE;
	if (e == ERR_OK)
		e = readers_follow(s->readers);
	if (e == ERR_OK)
		e = lane_put(s->general, message);
	s->open = true;
	return e;
}

static enum err hand_select(struct server *s, struct blob *message)
{
	struct token_select m;
	enum err e = token_select_parse(blob_view(message), &m);

	return e == ERR_OK ? lane_put(s->general, message) : e;
}

/* One request.  An error ends the process: the asker does not know what it says. */
static enum err take(struct server *s, struct blob *message)
{
	enum token_message kind;
	enum err e = token_message_of(blob_view(message), &kind);
	bool waits;

	if (e != ERR_OK)
		return e;
	if (!s->open && kind != TOKEN_OPEN)
		return ERR_MESSAGE;
	switch (kind) {
	case TOKEN_OPEN:
		return open_readers(s, message);
	case TOKEN_SELECT:
		return hand_select(s, message);
	case TOKEN_SIGN:
		return hand_sign(s, message);
	case TOKEN_LOGOUT:
		return hand_logout(s, blob_view(message));
	case TOKEN_WATCH: /* cards are always followed as they come and go */
		return token_watch_parse(blob_view(message), &waits);
	default:
		return ERR_MESSAGE;
	}
}

enum err requests_serve(int sock)
{
	struct server s = {.outlet = outlet_new(sock)};
	struct blob message = {0};
	enum err e = ERR_OK;

	s.readers = s.outlet != NULL ? readers_new(s.outlet, serve_card) : NULL;
	s.general = s.readers != NULL ? lane_new(GENERAL_THREADS, serve_all, s.readers) : NULL;
	if (s.general == NULL)
		return ERR_MEMORY;
	while (e == ERR_OK) {
		e = request_next(sock, &message);
		if (e == ERR_OK)
			e = take(&s, &message);
		blob_clear(&message);
	}
	if (e != ERR_CLOSED && e != ERR_VERSION)
		serve_failure(s.outlet, 0, ERR_FORMAT);
	return e;
}
