#include "tokens/base/ecdsasig.h"

#include "tokens/base/asn1.h"

static enum err read_number(struct reader *r, size_t size, struct bytes *out)
{
	struct bytes b;

	if (asn1_uint(r, &b) != ERR_OK || b.len == 0 || b.len > size)
		return ERR_FORMAT;
	*out = b;
	return ERR_OK;
}

enum err ecdsasig_read(struct bytes der, size_t size, struct bytes *r, struct bytes *s)
{
	struct bytes content, first, second;
	struct reader inside;

	if (asn1_whole(der, ASN1_SEQUENCE_TAG, &content) != ERR_OK)
		return ERR_FORMAT;
	inside = reader_of(content);
	if (read_number(&inside, size, &first) != ERR_OK ||
	    read_number(&inside, size, &second) != ERR_OK || reader_end(&inside) != ERR_OK)
		return ERR_FORMAT;
	*r = first;
	*s = second;
	return ERR_OK;
}
