/* What p11bad.so makes of the objects of the module behind it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/modules/p11bad.h"

enum { FAKE_SHIFT = 4 * sizeof(CK_OBJECT_HANDLE) }; /* half its bits */

/* A handle that the real module does not know: above, the number of one that it does. */
static _Thread_local struct {
	CK_OBJECT_HANDLE like; /* the last that was found */
	unsigned long made;
} search;

CK_OBJECT_HANDLE bad_handle(CK_OBJECT_HANDLE h)
{
	return h >> FAKE_SHIFT != 0 ? h >> FAKE_SHIFT : h;
}

static bool is_hidden(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE h)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_ATTRIBUTE a = {CKA_CLASS, &class, sizeof(class)};

	return bad_real->C_GetAttributeValue(session, h, &a, 1) == CKR_OK &&
	       (class == CKO_PUBLIC_KEY || class == CKO_CERTIFICATE);
}

/* As many more as are wanted. */
static CK_ULONG make_objects(CK_OBJECT_HANDLE *out, CK_ULONG most)
{
	char text[BAD_LINE];
	unsigned long wanted;
	CK_ULONG n = 0;

	if (search.like == 0 || !bad_told("many-objects", text))
		return 0;
	wanted = strtoul(text, NULL, 10);
	while (n < most && search.made < wanted)
		out[n++] = search.like << FAKE_SHIFT | ++search.made;
	return n;
}

CK_RV bad_find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG most, CK_ULONG *n)
{
	bool hide = bad_told("no-public", NULL);
	CK_ULONG got, kept = 0;
	CK_RV rv;

	do {
		rv = bad_real->C_FindObjects(session, out, most, &got);
		if (rv != CKR_OK)
			return rv;
		for (CK_ULONG i = 0; i < got; i++) {
			if (!hide || !is_hidden(session, out[i]))
				out[kept++] = out[i];
		}
	} while (got != 0 && kept == 0);
	if (kept != 0)
		search.like = out[kept - 1];
	else
		kept = make_objects(out, most);
	*n = kept;
	if (bad_told_of("buffer-lies", "C_FindObjects"))
		*n += BAD_LIE;
	return CKR_OK;
}

CK_RV bad_find_begin(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	search.like = 0;
	search.made = 0;
	return bad_real->C_FindObjectsInit(session, template, n);
}

/* In place of what the real module has, where there is room. */
static void replace(CK_ATTRIBUTE *a, const void *value, CK_ULONG n, CK_ULONG room)
{
	if (a->pValue != NULL && room >= n)
		memcpy(a->pValue, value, n);
	a->ulValueLen = n;
}

static void bend_attribute(CK_ATTRIBUTE *a, CK_OBJECT_HANDLE h, CK_ULONG room)
{
	bool there = a->pValue != NULL && a->ulValueLen != CK_UNAVAILABLE_INFORMATION;
	unsigned char *bytes = a->pValue;
	static const CK_BBOOL yes = CK_TRUE;
	uint32_t which = (uint32_t)h;

	if (a->type == CKA_ID && bad_told("same-id", NULL))
		replace(a, "\1", 1, room);
	else if (a->type == CKA_ID && h >> FAKE_SHIFT != 0)
		replace(a, &which, sizeof(which), room);
	if (a->type == CKA_MODULUS && h >> FAKE_SHIFT != 0 && there && a->ulValueLen > 8)
		memcpy(bytes + 2, &which, sizeof(which));
	if (a->type == CKA_ALWAYS_AUTHENTICATE && bad_told("always-authenticate", NULL))
		replace(a, &yes, sizeof(yes), room);
	if (there && ((a->type == CKA_VALUE && bad_told("bad-der", NULL)) ||
			 (a->type == CKA_EC_POINT && bad_told("bad-point", NULL))))
		memset(bytes, 0xa5, a->ulValueLen);
	if (there && bad_told_of("buffer-lies", "C_GetAttributeValue"))
		a->ulValueLen += BAD_LIE;
}

CK_RV bad_attributes(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *template, CK_ULONG n)
{
	CK_ULONG room[64];
	CK_RV rv;

	for (CK_ULONG i = 0; i < n && i < 64; i++)
		room[i] = template[i].pValue != NULL ? template[i].ulValueLen : 0;
	rv = bad_real->C_GetAttributeValue(session, bad_handle(h), template, n);
	if (rv != CKR_OK && rv != CKR_ATTRIBUTE_TYPE_INVALID && rv != CKR_BUFFER_TOO_SMALL &&
	    rv != CKR_ATTRIBUTE_SENSITIVE)
		return rv;
	for (CK_ULONG i = 0; i < n && i < 64; i++)
		bend_attribute(&template[i], h, room[i]);
	return rv;
}
