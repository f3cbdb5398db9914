/* What the checks of --doctor share. */
#ifndef SIGNET_SETUP_DOCTOR_IMPL_H
#define SIGNET_SETUP_DOCTOR_IMPL_H

#include "agent/setup/place.h"
#include "proto/base/bytes.h"

struct doctor {
	const struct place *place;
	bool variable;  /* SSH_AUTH_SOCK leads to an agent of ours */
	unsigned wrong; /* lines that begin with "wrong" */
};

/*
 * A line of the report.  ok: nothing to do; note: something that not everybody needs is missing,
 * and what is lost; wrong: what is to be done, after a colon.
 */
void say_ok(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_note(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_wrong(struct doctor *d, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Does somebody listen on this Unix socket? */
bool socket_answers(const char *path);

/* A variable of ours, else of the service manager (whose programs ask on its displays); false: of
 * neither. */
bool variable_find(const char *name, struct path *out);

/* The checks. */
void check_socket(struct doctor *d);
void check_variable(struct doctor *d);
void check_rivals(struct doctor *d);
void check_prompts(struct doctor *d);
void check_display(struct doctor *d);
void check_helpers(struct doctor *d);
void check_pcscd(struct doctor *d);
void check_fido(struct doctor *d);
void check_modules(struct doctor *d);
void check_keyring(struct doctor *d);
void check_session(struct doctor *d);
void check_memory(struct doctor *d);
void check_config(struct doctor *d);
void check_keys(struct doctor *d);

#endif
