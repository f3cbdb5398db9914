#include "proto/fidomsg.h"

#include <string.h>

#include "proto/base/text.h"
#include "proto/helpermsg.h"
#include "proto/limits.h"

static size_t limit_of(enum fido_kind kind)
{
	return kind < FIDO_DEVICES ? LIMIT_FIDO_REQUEST : LIMIT_FIDO_ANSWER;
}

static enum err start(struct bytes message, enum fido_kind kind, struct reader *out)
{
	return helper_message_start(message, limit_of(kind), (uint8_t)kind, out);
}

enum err fido_kind_of(struct bytes message, enum fido_kind *out)
{
	uint8_t kind;
	enum err e = helper_message_kind(message, &kind);

	if (e != ERR_OK)
		return e;
	if ((kind < FIDO_WATCH || kind > FIDO_CANCEL) &&
	    (kind < FIDO_DEVICES || kind > FIDO_FAILED))
		return ERR_MESSAGE;
	*out = (enum fido_kind)kind;
	return ERR_OK;
}

static enum err read_path(struct reader *r, struct bytes *out)
{
	enum err e = reader_text_most(r, FIDO_PATH_MOST, out);

	return e == ERR_OK && out->len == 0 ? ERR_FORMAT : e;
}

/* Where a device is, or the library that finds it: one of the two. */
static enum err read_place(struct reader *r, struct bytes *provider, struct bytes *path)
{
	enum err e = reader_text_most(r, FIDO_PATH_MOST, provider);

	if (e == ERR_OK)
		e = reader_text_most(r, FIDO_PATH_MOST, path);
	if (e == ERR_OK && (provider->len == 0) == (path->len == 0))
		e = ERR_FORMAT;
	return e;
}

void fido_plain_build(struct builder *b, enum fido_kind kind)
{
	builder_close(b, helper_message_open(b, (uint8_t)kind));
}

enum err fido_plain_parse(struct bytes message, enum fido_kind kind)
{
	struct reader r;
	enum err e = start(message, kind, &r);

	return e == ERR_OK ? reader_end(&r) : e;
}

void fido_text_build(struct builder *b, enum fido_kind kind, struct bytes text)
{
	size_t mark = helper_message_open(b, (uint8_t)kind);

	builder_string(b, text);
	builder_close(b, mark);
}

enum err fido_text_parse(struct bytes message, enum fido_kind kind, struct bytes *out)
{
	struct bytes text;
	struct reader r;
	enum err e = start(message, kind, &r);

	if (e == ERR_OK)
		e = read_path(&r, &text);
	if (e == ERR_OK && kind == FIDO_RESOLVED && text.data[0] != '/')
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = text;
	return e;
}

void fido_loaded_build(struct builder *b, uint32_t version)
{
	size_t mark = helper_message_open(b, FIDO_LOADED);

	builder_u32(b, version);
	builder_close(b, mark);
}

enum err fido_loaded_parse(struct bytes message, uint32_t *version)
{
	struct reader r;
	uint32_t v;
	enum err e = start(message, FIDO_LOADED, &r);

	if (e == ERR_OK)
		e = reader_u32(&r, &v);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*version = v;
	return e;
}

void fido_credential_put(struct builder *b, const struct fido_credential *c)
{
	builder_u8(b, (uint8_t)c->algorithm);
	builder_string(b, c->application);
	builder_string(b, c->handle);
	builder_u8(b, c->flags);
}

enum err fido_credential_next(struct reader *r, struct fido_credential *out)
{
	struct reader ahead = *r;
	struct fido_credential c = {0};
	uint8_t algorithm = 0;
	enum err e = reader_u8(&ahead, &algorithm);

	if (e == ERR_OK && algorithm > FIDO_ED25519)
		e = ERR_FORMAT;
	c.algorithm = (enum fido_algorithm)algorithm;
	if (e == ERR_OK)
		e = reader_text_most(&ahead, FIDO_APPLICATION_MOST, &c.application);
	if (e == ERR_OK)
		e = reader_string_most(&ahead, FIDO_HANDLE_MOST, &c.handle);
	if (e == ERR_OK)
		e = reader_u8(&ahead, &c.flags);
	if (e != ERR_OK)
		return e;
	*r = ahead;
	*out = c;
	return ERR_OK;
}

void fido_probe_open(struct builder *b, struct bytes path, uint32_t count, size_t *mark)
{
	*mark = helper_message_open(b, FIDO_PROBE);
	builder_string(b, path);
	builder_u32(b, count);
}

void fido_probe_close(struct builder *b, size_t mark)
{
	builder_close(b, mark);
}

enum err fido_probe_parse(struct bytes message, struct fido_probe *out)
{
	struct fido_probe m = {0};
	struct fido_credential c;
	struct reader r;
	enum err e = start(message, FIDO_PROBE, &r);

	if (e == ERR_OK)
		e = read_path(&r, &m.path);
	if (e == ERR_OK)
		e = reader_u32_most(&r, FIDO_CREDENTIALS_MOST, &m.count);
	if (e == ERR_OK)
		m.credentials = r;
	for (uint32_t i = 0; e == ERR_OK && i < m.count; i++)
		e = fido_credential_next(&r, &c);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void fido_choose_build(struct builder *b, const struct bytes *paths, size_t count)
{
	size_t mark = helper_message_open(b, FIDO_CHOOSE);

	builder_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		builder_string(b, paths[i]);
	builder_close(b, mark);
}

enum err fido_choose_parse(struct bytes message, struct bytes paths[FIDO_PATHS_MOST], size_t *count)
{
	struct bytes found[FIDO_PATHS_MOST];
	struct reader r;
	uint32_t n = 0;
	enum err e = start(message, FIDO_CHOOSE, &r);

	if (e == ERR_OK)
		e = reader_u32_most(&r, FIDO_PATHS_MOST, &n);
	if (e == ERR_OK && n == 0)
		e = ERR_FORMAT;
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = read_path(&r, &found[i]);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	memcpy(paths, found, n * sizeof(found[0]));
	*count = n;
	return ERR_OK;
}

void fido_devices_build(struct builder *b, const struct fido_device *devices, size_t count)
{
	size_t mark = helper_message_open(b, FIDO_DEVICES);

	builder_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		const struct fido_device *d = &devices[i];

		builder_string(b, d->path);
		builder_u64(b, d->instance);
		builder_u8(b, (uint8_t)d->transport);
		builder_string(b, d->name);
	}
	builder_close(b, mark);
}

/* UTF-8 that a person may be shown as it is. */
static bool plain(struct bytes name)
{
	char shown[FIDO_NAME_MOST + 1];

	return bytes_is(name, text_escape(name, shown, sizeof(shown)));
}

static enum err read_device(struct reader *r, struct fido_device *out)
{
	uint8_t transport = 0;
	enum err e = read_path(r, &out->path);

	if (e == ERR_OK)
		e = reader_u64(r, &out->instance);
	if (e == ERR_OK)
		e = reader_u8(r, &transport);
	if (e == ERR_OK && transport != FIDO_HID && transport != FIDO_PCSC)
		e = ERR_FORMAT;
	out->transport = (enum fido_transport)transport;
	if (e == ERR_OK)
		e = reader_text_most(r, FIDO_NAME_MOST, &out->name);
	if (e == ERR_OK && !plain(out->name))
		e = ERR_TEXT;
	return e;
}

enum err fido_devices_parse(
    struct bytes message, struct fido_device out[FIDO_PATHS_MOST], size_t *count)
{
	struct fido_device found[FIDO_PATHS_MOST] = {0};
	struct reader r;
	uint32_t n = 0;
	enum err e = start(message, FIDO_DEVICES, &r);

	if (e == ERR_OK)
		e = reader_u32_most(&r, FIDO_PATHS_MOST, &n);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = read_device(&r, &found[i]);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	memcpy(out, found, n * sizeof(found[0]));
	*count = n;
	return ERR_OK;
}

void fido_probed_build(struct builder *b, const struct fido_info *info, struct bytes held)
{
	size_t mark = helper_message_open(b, FIDO_PROBED);

	builder_u32(b, info->abilities);
	builder_put(b, BYTES(info->aaguid, sizeof(info->aaguid)));
	builder_u64(b, info->firmware);
	builder_u8(b, info->pin_tries);
	builder_u8(b, info->uv_tries);
	builder_string(b, held);
	builder_close(b, mark);
}

static enum err read_info(struct reader *r, struct fido_info *out)
{
	struct bytes aaguid;
	enum err e = reader_u32(r, &out->abilities);

	if (e == ERR_OK && (out->abilities & ~(uint32_t)FIDO_ABILITIES) != 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_take(r, sizeof(out->aaguid), &aaguid);
	if (e == ERR_OK)
		memcpy(out->aaguid, aaguid.data, sizeof(out->aaguid));
	if (e == ERR_OK)
		e = reader_u64(r, &out->firmware);
	if (e == ERR_OK)
		e = reader_u8(r, &out->pin_tries);
	if (e == ERR_OK)
		e = reader_u8(r, &out->uv_tries);
	return e;
}

enum err fido_probed_parse(struct bytes message, struct fido_info *info, struct bytes *held)
{
	struct fido_info i = {0};
	struct bytes h;
	struct reader r;
	enum err e = start(message, FIDO_PROBED, &r);

	if (e == ERR_OK)
		e = read_info(&r, &i);
	if (e == ERR_OK)
		e = reader_string_most(&r, FIDO_CREDENTIALS_MOST, &h);
	for (size_t k = 0; e == ERR_OK && k < h.len; k++) {
		if (h.data[k] > FIDO_HELD_HIDDEN)
			e = ERR_FORMAT;
	}
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*info = i;
	*held = h;
	return ERR_OK;
}

void fido_sign_build(struct builder *b, const struct fido_sign *m)
{
	size_t mark = helper_message_open(b, FIDO_SIGN);

	builder_string(b, m->provider);
	builder_string(b, m->path);
	fido_credential_put(b, &m->key);
	builder_string(b, m->data);
	builder_string(b, m->pin);
	builder_close(b, mark);
}

enum err fido_sign_parse(struct bytes message, struct fido_sign *out)
{
	struct fido_sign m = {0};
	struct reader r;
	enum err e = start(message, FIDO_SIGN, &r);

	if (e == ERR_OK)
		e = read_place(&r, &m.provider, &m.path);
	if (e == ERR_OK)
		e = fido_credential_next(&r, &m.key);
	if (e == ERR_OK)
		e = reader_string_most(&r, LIMIT_MESSAGE, &m.data);
	if (e == ERR_OK)
		e = reader_text_most(&r, FIDO_PIN_MOST, &m.pin);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void fido_signed_build(struct builder *b, const struct fido_signed *m)
{
	size_t mark = helper_message_open(b, FIDO_SIGNED);

	builder_string(b, m->r);
	builder_string(b, m->s);
	builder_u8(b, m->flags);
	builder_u32(b, m->counter);
	builder_close(b, mark);
}

/* Two numbers of P-256, or one Ed25519 signature. */
static bool signature_fits(const struct fido_signed *m)
{
	if (m->s.len == 0)
		return m->r.len == 64;
	return m->r.len >= 1 && m->r.len <= 32 && m->s.len <= 32;
}

enum err fido_signed_parse(struct bytes message, struct fido_signed *out)
{
	struct fido_signed m = {0};
	struct reader r;
	enum err e = start(message, FIDO_SIGNED, &r);

	if (e == ERR_OK)
		e = reader_string(&r, &m.r);
	if (e == ERR_OK)
		e = reader_string(&r, &m.s);
	if (e == ERR_OK && !signature_fits(&m))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_u8(&r, &m.flags);
	if (e == ERR_OK)
		e = reader_u32(&r, &m.counter);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void fido_resident_build(struct builder *b, const struct fido_resident *m)
{
	size_t mark = helper_message_open(b, FIDO_RESIDENT);

	builder_string(b, m->provider);
	builder_string(b, m->path);
	builder_string(b, m->pin);
	builder_close(b, mark);
}

enum err fido_resident_parse(struct bytes message, struct fido_resident *out)
{
	struct fido_resident m = {0};
	struct reader r;
	enum err e = start(message, FIDO_RESIDENT, &r);

	if (e == ERR_OK)
		e = read_place(&r, &m.provider, &m.path);
	if (e == ERR_OK)
		e = reader_text_most(&r, FIDO_PIN_MOST, &m.pin);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}

void fido_keys_build(struct builder *b, const struct fido_key *keys, size_t count)
{
	size_t mark = helper_message_open(b, FIDO_KEYS);

	builder_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		fido_credential_put(b, &keys[i].credential);
		builder_string(b, keys[i].public);
		builder_string(b, keys[i].user_id);
		builder_string(b, keys[i].user_name);
	}
	builder_close(b, mark);
}

static bool public_fits(const struct fido_key *k)
{
	if (k->credential.algorithm == FIDO_ED25519)
		return k->public.len == 32;
	return k->public.len == 65 && k->public.data[0] == 0x04;
}

enum err fido_key_next(struct reader *r, struct fido_key *out)
{
	struct reader ahead = *r;
	struct fido_key k = {0};
	enum err e = fido_credential_next(&ahead, &k.credential);

	if (e == ERR_OK)
		e = reader_string(&ahead, &k.public);
	if (e == ERR_OK && !public_fits(&k))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_string_most(&ahead, FIDO_USER_ID_MOST, &k.user_id);
	if (e == ERR_OK)
		e = reader_text_most(&ahead, FIDO_NAME_MOST, &k.user_name);
	if (e != ERR_OK)
		return e;
	*r = ahead;
	*out = k;
	return ERR_OK;
}

enum err fido_keys_parse(struct bytes message, struct reader *keys, uint32_t *count)
{
	struct reader r, first;
	struct fido_key k;
	uint32_t n = 0;
	enum err e = start(message, FIDO_KEYS, &r);

	if (e == ERR_OK)
		e = reader_u32_most(&r, FIDO_KEYS_MOST, &n);
	if (e != ERR_OK)
		return e;
	first = r;
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = fido_key_next(&r, &k);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e != ERR_OK)
		return e;
	*keys = first;
	*count = n;
	return ERR_OK;
}

/* --- failures ----------------------------------------------------------------------------------
 */

bool fido_failure_allowed(enum err why)
{
	/* ERR_FORMAT: of the request. ERR_KEY_TYPE: the device does not know the algorithm.
	   ERR_NO_DEVICE: nothing at the path, or it does not hold the key. ERR_DENIED: on the
	   device. */
	static const enum err allowed[] = {ERR_MEMORY, ERR_SYSTEM, ERR_CRYPTO, ERR_FORMAT,
	    ERR_LIMIT, ERR_KEY_TYPE, ERR_DENIED, ERR_CANCELLED, ERR_UNSUPPORTED, ERR_NO_DEVICE,
	    ERR_DEVICE_GONE, ERR_DEVICE_BUSY, ERR_DEVICE, ERR_TOUCH_TIMEOUT, ERR_PIN_NEEDED,
	    ERR_PIN, ERR_PIN_AUTH_BLOCKED, ERR_PIN_BLOCKED, ERR_PIN_UNSET, ERR_UV, ERR_PROVIDER};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if (allowed[i] == why)
			return true;
	}
	return false;
}

void fido_failed_build(struct builder *b, const struct fido_failure *m)
{
	size_t mark = helper_message_open(b, FIDO_FAILED);

	builder_u8(b, (uint8_t)m->why);
	builder_u8(b, m->tries);
	builder_string(b, m->detail);
	builder_close(b, mark);
}

static bool tries_fit(const struct fido_failure *m)
{
	return m->tries == FIDO_TRIES_UNKNOWN || m->why == ERR_PIN || m->why == ERR_PIN_NEEDED;
}

enum err fido_failed_parse(struct bytes message, struct fido_failure *out)
{
	struct fido_failure m = {0};
	struct reader r;
	uint8_t why = 0;
	enum err e = start(message, FIDO_FAILED, &r);

	if (e == ERR_OK)
		e = reader_u8(&r, &why);
	if (e == ERR_OK && !fido_failure_allowed((enum err)why))
		e = ERR_FORMAT;
	m.why = (enum err)why;
	if (e == ERR_OK)
		e = reader_u8(&r, &m.tries);
	if (e == ERR_OK && !tries_fit(&m))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text_most(&r, FIDO_DETAIL_MOST, &m.detail);
	if (e == ERR_OK)
		e = reader_end(&r);
	if (e == ERR_OK)
		*out = m;
	return e;
}
