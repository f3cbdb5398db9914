/* The parts of the OpenPGP applet. */
#ifndef SIGNET_TESTS_VIRTUAL_TOKEN_OPENPGP_H
#define SIGNET_TESTS_VIRTUAL_TOKEN_OPENPGP_H

#include "tests/virtual/token/token.h"

enum { PGP_PW1_LEAST = 6, PGP_PW3_LEAST = 8, PGP_SECRET_MOST = TOKEN_SECRET_MAX - 1 };

/* GET DATA. */
enum status_word pgp_data(struct token *t, const struct apdu *a, struct builder *out);

/* The application's identifier, with the card's number in it (section 4.2.1). */
struct bytes pgp_aid(struct token *t);

#endif
