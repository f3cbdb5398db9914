#include "add/lifetime.h"

enum err lifetime_of_cert(uint64_t valid_before, int64_t now, uint32_t asked, uint32_t *seconds)
{
	uint64_t today = now > 0 ? (uint64_t)now : 0;
	uint64_t left;

	if (valid_before >= UINT64_MAX - CERT_GRACE) {
		*seconds = asked;
		return ERR_OK;
	}
	if (today >= valid_before + CERT_GRACE)
		return ERR_CERT;
	left = valid_before + CERT_GRACE - today;
	if (left > DURATION_MOST)
		left = DURATION_MOST;
	*seconds = asked != 0 && asked < left ? asked : (uint32_t)left;
	return ERR_OK;
}
