#include "tests/support/tokenkey.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <stdio.h>
#include <string.h>

void tokenkey_clear(struct tokenkey *k)
{
	blob_clear(&k->token);
	blob_clear(&k->key);
}

bool tokenkey_each(struct bytes inventory, tokenkey_seen *seen, void *ctx)
{
	struct token_inventory parsed;
	struct token_info t;
	struct token_key k;

	if (token_inventory_parse(inventory, &parsed) != ERR_OK)
		return false;
	for (unsigned i = 0; i < parsed.count; i++) {
		if (token_info_next(&parsed.tokens, &t) != ERR_OK)
			return false;
		if (seen(ctx, &t, NULL, i, 0))
			return true;
		for (unsigned j = 0; j < t.count; j++) {
			if (token_key_next(&t.keys, &k) != ERR_OK)
				return false;
			if (seen(ctx, &t, &k, i, j))
				return true;
		}
	}
	return true;
}

static bool slash_name(struct bytes token, struct bytes key, const char *which)
{
	return strlen(which) == token.len + 1 + key.len &&
	       memcmp(which, token.data, token.len) == 0 && which[token.len] == '/' &&
	       (key.len == 0 || memcmp(which + token.len + 1, key.data, key.len) == 0);
}

struct search {
	const char *which;
	struct tokenkey *out;
	bool found;
};

static bool is_which(
    void *ctx, const struct token_info *t, const struct token_key *k, unsigned i, unsigned j)
{
	struct search *s = ctx;
	char position[64];

	if (k == NULL)
		return false;
	snprintf(position, sizeof(position), "#%u.%u", i, j);
	s->found = (slash_name(t->name, k->label, s->which) || strcmp(position, s->which) == 0) &&
		   blob_copy(&s->out->token, t->id) == ERR_OK &&
		   blob_copy(&s->out->key, k->id) == ERR_OK;
	return s->found;
}

bool tokenkey_find(struct bytes inventory, const char *which, struct tokenkey *out)
{
	struct search s = {which, out, false};

	return tokenkey_each(inventory, is_which, &s) && s.found;
}

static bool write_file(const char *path, const void *data, size_t n)
{
	FILE *f = fopen(path, "we");
	bool all = f != NULL && fwrite(data, 1, n, f) == n;

	return f != NULL && fclose(f) == 0 && all;
}

bool tokenkey_save(const struct token_signed *s, const char *path)
{
	unsigned char *der = NULL;
	ECDSA_SIG *sig;
	bool written;
	int n = -1;

	if (s->s.len == 0)
		return write_file(path, s->r.data, s->r.len);
	sig = ECDSA_SIG_new();
	if (sig != NULL && ECDSA_SIG_set0(sig, BN_bin2bn(s->r.data, (int)s->r.len, NULL),
			       BN_bin2bn(s->s.data, (int)s->s.len, NULL)) == 1)
		n = i2d_ECDSA_SIG(sig, &der);
	written = n > 0 && write_file(path, der, (size_t)n);
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	return written;
}
