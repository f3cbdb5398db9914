#include "tokens/pkcs11/uri.h"

#include <p11-kit/uri.h>
#include <string.h>

/* libp11-kit has a type of its own; this is that, by another name. */
static P11KitUri *inner(struct uri *u)
{
	return (P11KitUri *)(void *)u;
}

enum err uri_parse(struct bytes text, struct uri **out, struct fault *f)
{
	char copy[TOKEN_PATH_MOST + 1] = {0};
	P11KitUri *uri;
	int rv;

	*out = NULL;
	if (text.len == 0)
		return ERR_OK;
	if (text.len > TOKEN_PATH_MOST || memchr(text.data, '\0', text.len) != NULL)
		return fault_set(f, ERR_URI, "it is too long or holds a NUL");
	memcpy(copy, text.data, text.len);
	uri = p11_kit_uri_new();
	if (uri == NULL)
		return fault_set(f, ERR_MEMORY, "URI");
	rv = p11_kit_uri_parse(copy, P11_KIT_URI_FOR_ANY, uri);
	if (rv != P11_KIT_URI_OK) {
		p11_kit_uri_free(uri);
		return fault_set(f, rv == P11_KIT_URI_NO_MEMORY ? ERR_MEMORY : ERR_URI, "%s",
		    p11_kit_uri_message(rv));
	}
	*out = (struct uri *)(void *)uri;
	return ERR_OK;
}

void uri_free(struct uri *u)
{
	if (u != NULL)
		p11_kit_uri_free(inner(u));
}

bool uri_means_token(struct uri *u, const struct world *w, const struct token *t)
{
	CK_SLOT_ID slot;

	if (u == NULL)
		return true;
	slot = p11_kit_uri_get_slot_id(inner(u));
	return p11_kit_uri_any_unrecognized(inner(u)) == 0 &&
	       (slot == (CK_SLOT_ID)-1 || slot == t->slot) &&
	       p11_kit_uri_match_module_info(inner(u), &w->module.info) == 1 &&
	       p11_kit_uri_match_slot_info(inner(u), &t->slot_info) == 1 &&
	       p11_kit_uri_match_token_info(inner(u), &t->info) == 1;
}

/* Is an object of this class and with this face meant? */
static bool means_object(struct uri *u, CK_OBJECT_CLASS class, const struct face *face)
{
	CK_ATTRIBUTE attributes[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {CKA_ID, face->id.data, face->id.len},
	    {CKA_LABEL, face->label.data, face->label.len},
	};

	return p11_kit_uri_match_attributes(inner(u), attributes, 3) == 1;
}

bool uri_means_key(struct uri *u, const struct key *k)
{
	static const CK_OBJECT_CLASS classes[FACES] = {
	    [FACE_PRIVATE] = CKO_PRIVATE_KEY,
	    [FACE_PUBLIC] = CKO_PUBLIC_KEY,
	    [FACE_CERTIFICATE] = CKO_CERTIFICATE,
	};

	if (u == NULL)
		return true;
	if (p11_kit_uri_any_unrecognized(inner(u)) != 0)
		return false;
	for (size_t i = 0; i < FACES; i++) {
		if (!k->faces[i].there)
			continue;
		/* The private half may be hidden: it is called what the others are. */
		if (means_object(u, classes[i], &k->faces[i]) ||
		    (!k->faces[FACE_PRIVATE].there &&
			means_object(u, CKO_PRIVATE_KEY, &k->faces[i])))
			return true;
	}
	return false;
}

const char *uri_module_path(struct uri *u)
{
	return p11_kit_uri_get_module_path(inner(u));
}

const char *uri_module_name(struct uri *u)
{
	return p11_kit_uri_get_module_name(inner(u));
}
