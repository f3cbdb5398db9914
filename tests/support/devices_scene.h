/* Security keys that are plugged in and pulled out, with the test as every signet-fido. */
#ifndef TESTS_DEVICES_SCENE_H
#define TESTS_DEVICES_SCENE_H

#include "tests/support/helpers_scene.h"

#include <stdio.h>

#include "agent/devices.h"
#include "proto/privkey.h"

enum { KEYS_MOST = 300 };

struct scene {
	struct helpers_scene h;
	struct devices *ds;
	struct device_listener listener;
	unsigned changes;
	struct key *key[KEYS_MOST]; /* added */
};

static inline void scene_changed(struct device_listener *l)
{
	((struct scene *)(void *)((char *)l - offsetof(struct scene, listener)))->changes++;
}

static inline int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	scene_open(&s->h);
	s->ds = devices_new(s->h.loop, &s->h.calls);
	if (s->ds == NULL)
		return -1;
	s->listener.changed = scene_changed;
	devices_listen(s->ds, &s->listener);
	*state = s;
	return 0;
}

static inline int teardown(void **state)
{
	struct scene *s = *state;
	bool good;

	for (unsigned i = 0; i < KEYS_MOST; i++)
		key_unref(s->key[i]);
	devices_unlisten(s->ds, &s->listener);
	devices_free(s->ds);
	good = scene_close(&s->h);
	free(s);
	return good ? 0 : -1;
}

enum { ECDSA = 1 << 16 }; /* beside the flags */

/* The number makes it another one. */
static inline struct key *make_key(unsigned number, unsigned how)
{
	static const char *const names[] = {
	    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"};
	struct privkey pk = {0};
	uint8_t point[65] = {4};
	char handle[32];
	struct key *key = NULL;
	bool is_cert, ecdsa = (how & ECDSA) != 0;

	(void)snprintf((char *)point + 1, sizeof(point) - 1, "point %u", number);
	pk.type = pk.public.type = keytype_find(bytes_str(names[ecdsa]), &is_cert);
	if (ecdsa)
		pk.public.ec.point = BYTES(point, sizeof(point));
	else
		pk.public.raw = BYTES(point, 32);
	pk.public.application = bytes_str("ssh:");
	pk.sk.handle = BYTES(handle, (size_t)snprintf(handle, sizeof(handle), "handle %u", number));
	pk.sk.flags = (uint8_t)how;
	assert_int_equal(key_import(&pk, &key), ERR_OK);
	return key;
}

static inline struct key *add_key(struct scene *s, unsigned number, unsigned how)
{
	s->key[number] = make_key(number, how);
	assert_int_equal(devices_key_added(s->ds, s->key[number]), ERR_OK);
	return s->key[number];
}

/* --- the watch ------------------------------------------------------------------------------- */

static inline struct helper *watch_of(const struct scene *s)
{
	struct helper *h = helper_with(&s->h, FIDO_WATCH, 0);

	assert_non_null(h);
	assert_int_equal(h->program, HELPER_FIDO);
	return h;
}

static inline void tell_devices(struct scene *s, const struct fido_device *list, size_t count)
{
	struct builder b = {0};

	fido_devices_build(&b, list, count);
	assert_int_equal(builder_error(&b), ERR_OK);
	helper_say(watch_of(s), b.data, b.len);
	builder_clear(&b);
	settle(&s->h);
}

static inline struct fido_device a_device(const char *path, uint64_t instance)
{
	return (struct fido_device){
	    bytes_str(path), instance, FIDO_HID, bytes_str("Maker Product")};
}

/* These are plugged in now; instance 0 ends the list.  A path of its own for each. */
static inline void plug(struct scene *s, const uint64_t *instances)
{
	struct fido_device list[FIDO_PATHS_MOST];
	char path[FIDO_PATHS_MOST][16];
	size_t n = 0;

	for (; instances[n] != 0; n++) {
		(void)snprintf(path[n], sizeof(path[n]), "/dev/%u", (unsigned)instances[n]);
		list[n] = a_device(path[n], instances[n]);
	}
	tell_devices(s, list, n);
}

#define PLUG(s, ...) plug((s), (const uint64_t[]){__VA_ARGS__, 0})
#define PLUG_NONE(s) plug((s), (const uint64_t[]){0})

/* --- what devices are asked ------------------------------------------------------------------ */

/* The question that is open for the device at this path, or NULL. */
static inline struct helper *probe_at(
    const struct scene *s, const char *path, struct fido_probe *out)
{
	for (unsigned i = 0;; i++) {
		struct helper *h = helper_with(&s->h, FIDO_PROBE, i);
		struct bytes message;

		if (h == NULL)
			return NULL;
		assert_int_equal(
		    frame_next(BYTES(h->heard, h->len), LIMIT_FIDO_REQUEST, &message), FRAME_READY);
		assert_int_equal(fido_probe_parse(message, out), ERR_OK);
		if (bytes_is(out->path, path))
			return h;
	}
}

static inline size_t probes(const struct scene *s)
{
	size_t n = 0;

	while (helper_with(&s->h, FIDO_PROBE, (unsigned)n) != NULL)
		n++;
	return n;
}

/* The number of keys in the question that is open there, which is answered and ends. */
static inline uint32_t answer_all(
    struct scene *s, const char *path, uint32_t abilities, enum fido_held held)
{
	struct fido_info info = {.abilities = abilities, .pin_tries = FIDO_TRIES_UNKNOWN};
	uint8_t answers[FIDO_CREDENTIALS_MOST];
	struct builder b = {0};
	struct fido_probe p;
	struct helper *h = probe_at(s, path, &p);

	assert_non_null(h);
	memset(answers, (int)held, sizeof(answers));
	fido_probed_build(&b, &info, BYTES(answers, p.count));
	helper_say(h, b.data, b.len);
	builder_clear(&b);
	helper_close(h);
	settle(&s->h);
	return p.count;
}

/* It says this instead, and ends. */
static inline void answer_raw(struct scene *s, const char *path, const void *bytes, size_t n)
{
	struct fido_probe p;
	struct helper *h = probe_at(s, path, &p);

	assert_non_null(h);
	helper_say(h, bytes, n);
	settle(&s->h);
	helper_close(h);
	settle(&s->h);
}

static inline void answer_failure(struct scene *s, const char *path, enum err why)
{
	struct fido_failure f = {.why = why, .tries = FIDO_TRIES_UNKNOWN};
	struct builder b = {0};

	fido_failed_build(&b, &f);
	answer_raw(s, path, b.data, b.len);
	builder_clear(&b);
}

static inline void expect_presence(const struct scene *s, const struct key *key, enum presence p)
{
	assert_int_equal(devices_presence(s->ds, key), p);
}

/* The only device plugged in at this path. */
static inline struct device *device_at(const struct scene *s, const char *path)
{
	struct device *list[FIDO_PATHS_MOST];
	size_t n = devices_list(s->ds, list);

	for (size_t i = 0; i < n; i++) {
		if (bytes_is(device_path(list[i]), path))
			return list[i];
	}
	return NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
