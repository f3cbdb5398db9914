/* The parts of the PIV applet. */
#ifndef SIGNET_TESTS_VIRTUAL_TOKEN_PIV_H
#define SIGNET_TESTS_VIRTUAL_TOKEN_PIV_H

#include "tests/virtual/token/token.h"

/* GET DATA. */
enum status_word piv_data(struct token *t, const struct apdu *a, struct builder *out);

/* 0: PIV knows no such keys. */
uint8_t piv_algorithm(enum key_algorithm algorithm);

#endif
