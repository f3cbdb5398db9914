#include "tokens/fido/middleware.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/mem.h"
#include "proto/limits.h"
#include "tokens/fido/skapi.h"

/* Flags that a resident key has without saying so (as OpenSSH's ssh-add takes them). */
enum { RESIDENT_FLAGS = FIDO_TOUCH | FIDO_RESIDENT_KEY };

struct library {
	void *handle;
	uint32_t version;
	skapi_sign_fn *sign;
	skapi_resident_fn *resident;
};

static enum err no_library(struct op *op)
{
	const char *why = dlerror();

	return op_fail(op, ERR_PROVIDER, "%s", why != NULL ? why : "it cannot be loaded");
}

/* A function of the library, through a pointer as dlsym(3) has it. */
static enum err find(struct op *op, void *handle, const char *name, void *function)
{
	void *found = dlsym(handle, name);

	if (found == NULL)
		return no_library(op);
	memcpy(function, &found, sizeof(found));
	return ERR_OK;
}

static enum err load(struct op *op, struct bytes path, struct library *lib)
{
	char name[FIDO_PATH_MOST + 1] = {0};
	skapi_version_fn *version;
	enum err e;

	if (path.data[0] != '/')
		return op_fail(op, ERR_PROVIDER, "its path does not begin with /");
	memcpy(name, path.data, path.len);
	lib->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (lib->handle == NULL)
		return no_library(op);
	e = find(op, lib->handle, "sk_api_version", &version);
	if (e == ERR_OK)
		e = find(op, lib->handle, "sk_sign", &lib->sign);
	if (e == ERR_OK)
		e = find(op, lib->handle, "sk_load_resident_keys", &lib->resident);
	if (e != ERR_OK)
		return e;
	lib->version = version();
	if ((lib->version & SKAPI_MAJOR_MASK) != SKAPI_MAJOR)
		return op_fail(op, ERR_PROVIDER, "its interface has version 0x%08x, not 0x%08x",
		    lib->version, SKAPI_MAJOR);
	return ERR_OK;
}

/* What a function said.  It has no word for a wrong PIN: it wants one again. */
static enum err library_failed(struct op *op, const char *function, int code, bool pin_given)
{
	enum err e = ERR_DEVICE;

	if (code == SKAPI_UNSUPPORTED)
		e = ERR_UNSUPPORTED;
	else if (code == SKAPI_PIN_REQUIRED)
		e = pin_given ? ERR_PIN : ERR_PIN_NEEDED;
	else if (code == SKAPI_DEVICE_NOT_FOUND)
		e = ERR_NO_DEVICE;
	return op_fail(op, e, "%s gave %d", function, code);
}

static enum err no_sense(struct op *op, const char *function)
{
	builder_reset(&op->answer);
	return op_fail(op, ERR_PROVIDER, "what %s gave makes no sense", function);
}

/* A copy that ends in a NUL. */
static const char *string_of(struct blob *b, struct bytes text)
{
	return blob_copy(b, text) == ERR_OK ? (const char *)b->data : NULL;
}

/* Numbers may come with zeros in front. */
static struct bytes magnitude(struct bytes b)
{
	while (b.len > 32 && b.len != 64 && b.data[0] == 0)
		b = BYTES(b.data + 1, b.len - 1);
	return b;
}

/* The reader of the other side decides what makes sense. */
static struct bytes content(const struct builder *b)
{
	return BYTES(b->data + 4, b->len - 4);
}

static enum err take_signature(struct op *op, const struct skapi_signature *sig)
{
	struct fido_signed m = {.flags = sig->flags, .counter = sig->counter}, check;

	if ((sig->r == NULL && sig->r_len != 0) || (sig->s == NULL && sig->s_len != 0))
		return no_sense(op, "sk_sign");
	m.r = magnitude(BYTES(sig->r, sig->r_len));
	m.s = magnitude(BYTES(sig->s, sig->s_len));
	if (m.r.len > 64 || m.s.len > 32)
		return no_sense(op, "sk_sign");
	fido_signed_build(&op->answer, &m);
	if (builder_error(&op->answer) == ERR_OK &&
	    fido_signed_parse(content(&op->answer), &check) != ERR_OK)
		return no_sense(op, "sk_sign");
	return ERR_OK;
}

enum err middleware_sign(struct op *op, const struct fido_sign *m)
{
	struct blob application = {0}, pin = {0};
	struct skapi_signature *sig = NULL;
	struct library lib = {0};
	const char *a, *p;
	int code;
	enum err e = load(op, m->provider, &lib);

	if (e != ERR_OK)
		return e;
	a = string_of(&application, m->key.application);
	p = string_of(&pin, m->pin);
	if (a == NULL || p == NULL) {
		e = ERR_MEMORY;
		goto out;
	}
	code =
	    lib.sign((uint32_t)m->key.algorithm, m->data.data, m->data.len, a, m->key.handle.data,
		m->key.handle.len, m->key.flags, m->pin.len != 0 ? p : NULL, NULL, &sig);
	if (code != 0)
		e = library_failed(op, "sk_sign", code, m->pin.len != 0);
	else if (sig == NULL)
		e = no_sense(op, "sk_sign");
	else
		e = take_signature(op, sig);
out:
	blob_clear(&application);
	blob_clear(&pin);
	return e;
}

static void take_key(const struct skapi_resident *r, struct fido_key *k)
{
	*k = (struct fido_key){
	    .credential =
		{
		    .algorithm = (enum fido_algorithm)r->algorithm,
		    .application = bytes_str(r->application != NULL ? r->application : ""),
		    .handle = BYTES(r->key.key_handle, r->key.key_handle_len),
		    .flags = RESIDENT_FLAGS | (r->flags & FIDO_VERIFY),
		},
	    .public = BYTES(r->key.public_key, r->key.public_key_len),
	    .user_id = BYTES(r->user_id, r->user_id_len),
	};
}

static enum err take_keys(struct op *op, struct skapi_resident **found, size_t count)
{
	static const char name[] = "sk_load_resident_keys";
	struct reader checked;
	struct fido_key *keys;
	uint32_t n;

	if (count > FIDO_KEYS_MOST || (count != 0 && found == NULL))
		return no_sense(op, name);
	keys = calloc(count + 1, sizeof(*keys));
	if (keys == NULL)
		return ERR_MEMORY;
	for (size_t i = 0; i < count; i++) {
		if (found[i] != NULL)
			take_key(found[i], &keys[i]);
	}
	fido_keys_build(&op->answer, keys, count);
	free(keys);
	if (builder_error(&op->answer) == ERR_OK &&
	    fido_keys_parse(content(&op->answer), &checked, &n) != ERR_OK)
		return no_sense(op, name);
	return ERR_OK;
}

enum err middleware_resident(struct op *op, const struct fido_resident *m)
{
	struct skapi_resident **found = NULL;
	struct blob pin = {0};
	struct library lib = {0};
	size_t count = 0;
	int code;
	enum err e = load(op, m->provider, &lib);

	if (e == ERR_OK && string_of(&pin, m->pin) == NULL)
		e = ERR_MEMORY;
	if (e != ERR_OK)
		return e;
	code = lib.resident(m->pin.len != 0 ? (const char *)pin.data : NULL, NULL, &found, &count);
	blob_clear(&pin);
	if (code != 0)
		return library_failed(op, "sk_load_resident_keys", code, m->pin.len != 0);
	return take_keys(op, found, count);
}

enum err op_resolve(struct op *op)
{
	char name[FIDO_PATH_MOST + 1] = {0};
	struct bytes given;
	struct stat st;
	char *path;
	enum err e = fido_text_parse(op->message, FIDO_RESOLVE, &given);

	if (e != ERR_OK)
		return e;
	if (given.data[0] != '/')
		return op_fail(op, ERR_PROVIDER, "its path does not begin with /");
	memcpy(name, given.data, given.len);
	path = realpath(name, NULL);
	if (path == NULL || stat(path, &st) == -1)
		e = op_fail(op, ERR_PROVIDER, "%s: %m", name);
	else if (!S_ISREG(st.st_mode))
		e = op_fail(op, ERR_PROVIDER, "%s is not a file", path);
	else if (strlen(path) > FIDO_PATH_MOST)
		e = op_fail(op, ERR_PROVIDER, "%s: %s", name, strerror(ENAMETOOLONG));
	else
		fido_text_build(&op->answer, FIDO_RESOLVED, bytes_str(path));
	free(path);
	return e;
}

enum err op_load(struct op *op)
{
	struct library lib = {0};
	struct bytes path;
	enum err e = fido_text_parse(op->message, FIDO_LOAD, &path);

	if (e == ERR_OK)
		e = load(op, path, &lib);
	if (e == ERR_OK)
		fido_loaded_build(&op->answer, lib.version);
	return e;
}
