/* The OpenPGP applet's commands (OpenPGP card 3.4.1, section 7). */
#include "tests/virtual/token/tlv.h"
#include "tests/virtual/token/token.h"

static struct bytes pgp_aid(const struct token *t)
{
	return BYTES(t->pgp_aid, sizeof t->pgp_aid);
}

static enum status_word pgp_select(struct token *t, struct builder *out)
{
	(void)t;
	(void)out;
	return SW_OK;
}

static enum status_word pgp_command(struct token *t, const struct apdu *a, struct builder *out)
{
	(void)t;
	(void)a;
	(void)out;
	return SW_INS;
}

const struct token_applet token_openpgp = {pgp_aid, pgp_select, pgp_command};
