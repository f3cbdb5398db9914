#include "tokens/pkcs11/objects.h"

#include <string.h>

#include "proto/base/log.h"
#include "proto/base/mem.h"
#include "tokens/base/pubkey.h"

/* One object of a session. */
struct view {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE handle;
};

/* The value of an attribute, if it has one of 1 to most bytes; out is empty otherwise. */
static void read_bytes(
    const struct view *v, CK_ATTRIBUTE_TYPE type, CK_ULONG most, struct blob *out)
{
	CK_ATTRIBUTE a = {.type = type};
	CK_ULONG room;
	uint8_t *data;

	if (v->f->C_GetAttributeValue(v->session, v->handle, &a, 1) != CKR_OK ||
	    a.ulValueLen == CK_UNAVAILABLE_INFORMATION || a.ulValueLen == 0 || a.ulValueLen > most)
		return;
	room = a.ulValueLen;
	data = mem_alloc(room + 1);
	a.pValue = data;
	if (data != NULL && v->f->C_GetAttributeValue(v->session, v->handle, &a, 1) == CKR_OK &&
	    a.ulValueLen <= room)
		(void)blob_copy(out, BYTES(data, a.ulValueLen));
	mem_free(data);
}

static CK_ULONG read_number(const struct view *v, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG value = CK_UNAVAILABLE_INFORMATION;
	CK_ATTRIBUTE a = {.type = type, .pValue = &value, .ulValueLen = sizeof(value)};

	if (v->f->C_GetAttributeValue(v->session, v->handle, &a, 1) != CKR_OK ||
	    a.ulValueLen != sizeof(value))
		return CK_UNAVAILABLE_INFORMATION;
	return value;
}

static bool read_flag(const struct view *v, CK_ATTRIBUTE_TYPE type, bool unknown)
{
	CK_BBOOL value = 0;
	CK_ATTRIBUTE a = {.type = type, .pValue = &value, .ulValueLen = sizeof(value)};

	if (v->f->C_GetAttributeValue(v->session, v->handle, &a, 1) != CKR_OK ||
	    a.ulValueLen != sizeof(value))
		return unknown;
	return value != 0;
}

/* --- what of its public half an object tells ------------------------------------- */

/* As builder functions of pubkey.h leave it, or nothing. */
static void keep_public(struct object *o, enum err e, struct builder *b)
{
	if (e == ERR_OK && builder_error(b) == ERR_OK && b->len <= TOKEN_PUBLIC_MOST)
		(void)blob_copy(&o->public, builder_view(b));
	builder_clear(b);
}

static void take_rsa(const struct view *v, struct object *o)
{
	struct builder b = {0};
	struct blob exponent = {0};

	read_bytes(v, CKA_MODULUS, ATTRIBUTE_MOST, &o->modulus);
	read_bytes(v, CKA_PUBLIC_EXPONENT, ATTRIBUTE_MOST, &exponent);
	if (o->modulus.len != 0 && exponent.len != 0)
		keep_public(
		    o, pubkey_from_rsa(blob_view(&o->modulus), blob_view(&exponent), &b), &b);
	blob_clear(&exponent);
}

static void take_ec(const struct view *v, struct object *o)
{
	struct builder b = {0};
	struct blob point = {0};

	read_bytes(v, CKA_EC_PARAMS, ATTRIBUTE_MOST, &o->params);
	read_bytes(v, CKA_EC_POINT, ATTRIBUTE_MOST, &point);
	if (o->params.len != 0 && point.len != 0)
		keep_public(o, pubkey_from_ec(blob_view(&o->params), blob_view(&point), &b), &b);
	blob_clear(&point);
}

static void take_info(const struct view *v, struct object *o)
{
	struct builder b = {0};
	struct blob spki = {0};

	read_bytes(v, CKA_PUBLIC_KEY_INFO, ATTRIBUTE_MOST, &spki);
	if (spki.len != 0)
		keep_public(o, pubkey_from_spki(blob_view(&spki), &b), &b);
	blob_clear(&spki);
}

/* Of a public or a private key. */
static void take_key(const struct view *v, struct object *o)
{
	o->type = read_number(v, CKA_KEY_TYPE);
	if (o->type == CKK_RSA)
		take_rsa(v, o);
	else if (o->type == CKK_EC || o->type == CKK_EC_EDWARDS)
		take_ec(v, o);
	if (o->public.len == 0)
		take_info(v, o);
}

static void take_certificate(const struct view *v, struct object *o)
{
	struct builder b = {0};
	struct blob der = {0};
	bool usable = false;
	enum err e;

	if (read_number(v, CKA_CERTIFICATE_TYPE) != CKC_X_509)
		return;
	read_bytes(v, CKA_VALUE, CERTIFICATE_MOST, &der);
	if (der.len == 0)
		return;
	e = pubkey_from_x509(blob_view(&der), &b, &usable);
	keep_public(o, e == ERR_OK && !usable ? ERR_KEY_TYPE : e, &b);
	blob_clear(&der);
}

/* --- objects ------------------------------------------------------------------- */

static void object_clear(struct object *o)
{
	blob_clear(&o->id);
	blob_clear(&o->label);
	blob_clear(&o->public);
	blob_clear(&o->modulus);
	blob_clear(&o->params);
}

/* False: of no use. */
static bool read_object(const struct view *v, CK_OBJECT_CLASS class, struct object *o)
{
	*o = (struct object){.handle = v->handle, .type = CK_UNAVAILABLE_INFORMATION};
	if (class == CKO_PRIVATE_KEY && !read_flag(v, CKA_SIGN, true))
		return false;
	if (class == CKO_CERTIFICATE)
		take_certificate(v, o);
	else
		take_key(v, o);
	if (class != CKO_PRIVATE_KEY && o->public.len == 0) {
		object_clear(o);
		return false;
	}
	read_bytes(v, CKA_ID, ATTRIBUTE_MOST, &o->id);
	read_bytes(v, CKA_LABEL, ATTRIBUTE_MOST, &o->label);
	if (class == CKO_PRIVATE_KEY)
		o->each = read_flag(v, CKA_ALWAYS_AUTHENTICATE, false);
	return true;
}

/* The handles of a class, at most OBJECTS_MOST. */
static enum err find(CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
    CK_OBJECT_HANDLE *handles, CK_ULONG *n, struct fault *fault)
{
	CK_BBOOL yes = 1;
	CK_ATTRIBUTE template[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {CKA_TOKEN, &yes, sizeof(yes)},
	};
	CK_ULONG got = 1;
	CK_RV rv = f->C_FindObjectsInit(session, template, 2);

	*n = 0;
	if (rv != CKR_OK)
		return fault_of(fault, "C_FindObjectsInit", rv);
	while (rv == CKR_OK && got != 0 && *n < OBJECTS_MOST) {
		CK_ULONG room = OBJECTS_MOST - *n;

		got = 0;
		rv = f->C_FindObjects(session, handles + *n, room, &got);
		*n += got <= room ? got : 0;
		if (got > room)
			break;
	}
	(void)f->C_FindObjectsFinal(session);
	if (*n == OBJECTS_MOST)
		log_warn("a token holds more than %d objects of one kind: the others are left out",
		    OBJECTS_MOST);
	return rv == CKR_OK ? ERR_OK : fault_of(fault, "C_FindObjects", rv);
}

enum err objects_read(struct world *w, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
    struct objects *out, struct fault *f)
{
	CK_OBJECT_HANDLE *handles = mem_alloc(OBJECTS_MOST * sizeof(*handles));
	struct view v = {.f = w->module.f, .session = session};
	CK_ULONG n = 0;
	enum err e;

	*out = (struct objects){0};
	if (handles == NULL)
		return fault_set(f, ERR_MEMORY, "objects");
	e = find(v.f, session, class, handles, &n, f);
	if (e == ERR_OK && n != 0) {
		out->list = mem_alloc(n * sizeof(*out->list));
		if (out->list == NULL)
			e = fault_set(f, ERR_MEMORY, "objects");
	}
	for (CK_ULONG i = 0; e == ERR_OK && i < n; i++) {
		v.handle = handles[i];
		if (read_object(&v, class, &out->list[out->n]))
			out->n++;
		else
			out->unusable++;
	}
	mem_free(handles);
	return e;
}

void objects_free(struct objects *o)
{
	for (size_t i = 0; i < o->n; i++)
		object_clear(&o->list[i]);
	mem_free(o->list);
	*o = (struct objects){0};
}
