/* What signet-prompt does: one question (proto/helpermsg.h), and its answer. */
#ifndef SIGNET_PROMPT_SERVE_H
#define SIGNET_PROMPT_SERVE_H

#include "proto/base/err.h"

/*
 * Take a question from sock, put it to the person and hand back the answer.  The question is void
 * once the core says anything more or hangs up, or signals can be read.  ERR_OK: it was answered,
 * be it with why nobody was asked; ERR_CANCELLED: void, nothing was sent.  Else there was no
 * question, or nobody to answer to: ERR_CLOSED, what was wrong with the message, errors of sending;
 * or what came of the question, which the core was told.
 */
enum err prompt_serve(int sock, int signals);

#endif
