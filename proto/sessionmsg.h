/*
 * Messages between the core and signet-session, which listens to logind (or, where there is none,
 * to the screen saver) and lives long.  Frames as in helpermsg.h.
 *
 *   SESSION_WATCH    the first of the core: SESSION_STATE at once, and again whenever it changes
 *   SESSION_SLEPT    the core has done what was to be done before sleep: the delay inhibitor is let
 *                    go.  After waking up a new one is taken
 *
 * Without any service to listen to the helper answers SESSION_STATE with SESSION_BLIND and stays:
 * it looks again when one appears on the bus.  Where the one that it listened to is gone, a locked
 * screen counts as locked until somebody says otherwise: SESSION_BLIND and SESSION_LOCKED together.
 *
 * SESSION_SLEEPING stays from the word that the machine is about to sleep until the word that it
 * woke up; SESSION_SLEPT is awaited once meanwhile.
 */
#ifndef SIGNET_SESSIONMSG_H
#define SIGNET_SESSIONMSG_H

#include "proto/builder.h"
#include "proto/reader.h"

enum session_message {
	SESSION_WATCH = 144, /* no fields */
	SESSION_SLEPT = 145, /* no fields */

	SESSION_STATE = 152, /* uint32 flags */
};

enum session_flag {
	SESSION_LOCKED = 1u << 0,   /* the screen is locked */
	SESSION_SLEEPING = 1u << 1, /* the machine is about to sleep, or sleeps */
	SESSION_LOGIND = 1u << 2,   /* told by logind, */
	SESSION_SAVER = 1u << 3,    /* by org.freedesktop.ScreenSaver, */
	SESSION_BLIND = 1u << 4,    /* or by nobody */
	SESSION_FLAGS = (1u << 5) - 1,
};

/* Whole frames into b. */
void session_watch_build(struct builder *b);
void session_slept_build(struct builder *b);
void session_state_build(struct builder *b, uint32_t flags);

/* From a frame's content: ERR_VERSION, ERR_MESSAGE for another kind, or why it is malformed.  Of a
 * state ERR_FORMAT also where it names not exactly one who told it, or an unknown flag. */
enum err session_watch_parse(struct bytes message);
enum err session_slept_parse(struct bytes message);
enum err session_state_parse(struct bytes message, uint32_t *flags);

#endif
