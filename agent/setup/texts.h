/* The files that a login needs, as packaging/ has them, with this installation's paths in them. */
#ifndef SIGNET_SETUP_TEXTS_H
#define SIGNET_SETUP_TEXTS_H

#include "agent/setup/place.h"
#include "proto/base/bytes.h"

enum text_id {
	TEXT_SOCKET,  /* signet-agent.socket */
	TEXT_CONTROL, /* signet-agent-control.socket */
	TEXT_SERVICE, /* signet-agent.service */
	TEXT_DESKTOP, /* signet-agent.desktop */
	TEXT_SNIPPET, /* signet.sh */
	TEXT_ENVIRONMENT,
	TEXTS
};

/* The file's name. */
const char *text_name(enum text_id id);

/* By this first line a file of ours is known. */
#define TEXT_MARK "# Written by signet-agent --setup, removed by signet-agent --setup --undo."

/*
 * The whole file, mark included; *out is the caller's.  snippet: where signet.sh lies.
 * ERR_TEXT: a path in it has a character that cannot be written there.
 */
enum err text_make(enum text_id id, const struct place *p, const char *snippet, struct blob *out);

#endif
