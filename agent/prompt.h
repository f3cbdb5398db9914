/*
 * Questions to a person, asked by the helper signet-prompt; none of them holds
 * up anything else.
 */
#ifndef SIGNET_PROMPT_H
#define SIGNET_PROMPT_H

#include "agent/helpercall.h"
#include "proto/base/askpass.h"
#include "proto/builder.h"
#include "proto/helpermsg.h"

struct prompt;

/* The core's prompts; zero-initialised but for calls. */
struct prompts {
	struct calls *calls;
	struct prompt *first, *last; /* oldest first */
	struct prompt *line; /* the first that waits in line; so does all that is after it */
	size_t waiting;      /* in line */
	size_t open;         /* with a helper, or being given one */
	bool screen_locked;  /* set by prompts_screen */
};

/*
 * The screen was locked or unlocked.  While it is locked nobody is asked and nothing is shown:
 * questions and notices that are open or wait are taken back and end with ERR_SCREEN, new ones at
 * once.  done is never called from within this call.
 */
void prompts_screen(struct prompts *ps, bool locked);

/*
 * Ask.  Any number may ask at once: LIMIT_PROMPTS questions are shown, the others wait in line, and
 * nobody's time runs before the question is handed to a helper.  done is called exactly once, on
 * the loop, never from within this call, unless the prompt is cancelled first: result is ERR_OK for
 * yes, else why not (ERR_DENIED, ERR_TIMEOUT, ERR_NO_PROMPT, ...), ERR_SCREEN while the screen is
 * locked, ERR_TIMEOUT also when the helper hangs, ERR_HELPER_MISSING when it could not be started;
 * answer is a view valid during the call. The handle is dead when done is called.  NULL when there
 * is no memory.  All that ask points to is copied.
 */
struct prompt *prompt_ask(struct prompts *ps, const struct helper_ask *ask,
    void (*done)(void *ctx, enum err result, struct bytes answer), void *ctx);

/* Close the question; done is not called.  NULL is allowed. */
void prompt_cancel(struct prompt *p);

struct prompt_counts {
	size_t shown;   /* questions that are open */
	size_t waiting; /* in line */
	size_t notices; /* open or in line: nobody waits for them */
};

struct prompt_counts prompt_count(const struct prompts *ps);

/* Did a question that ended so come before nobody: was there no way to show it? */
bool prompt_is_unseen(enum err result);

/* Has a helper got the question?  Until then nobody was asked.  False for NULL. */
bool prompt_is_shown(const struct prompt *p);

#endif
