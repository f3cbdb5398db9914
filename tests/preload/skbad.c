/*
 * A middleware library for security keys (tokens/fido/skapi.h) that misbehaves as the name of its
 * file says, up to the last "-" or ".": crash, hang, leave, print, lie, null, old, quit-load, many,
 * pin, lone.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/helpermsg.h"
#include "tokens/fido/skapi.h"

skapi_version_fn sk_api_version;
skapi_sign_fn sk_sign;
skapi_resident_fn sk_load_resident_keys;

static bool is(const char *name)
{
	Dl_info info;
	const char *file;

	if (dladdr((void *)(size_t)sk_api_version, &info) == 0)
		abort();
	file = strrchr(info.dli_fname, '/');
	return strncmp(file + 1, name, strlen(name)) == 0;
}

/* An answer of the helper's, as the asker would believe it: a signature of 64 times 'x'. */
static void forge(void)
{
	uint8_t frame[4 + 2 + 4 + 64 + 4 + 1 + 4] = {
	    0, 0, 0, sizeof(frame) - 4, HELPER_VERSION, 35, 0, 0, 0, 64};

	memset(frame + 10, 'x', 64);
	for (int fd = 0; fd < 16; fd++)
		(void)!write(fd, frame, sizeof(frame));
}

static void misbehave(void)
{
	if (is("crash"))
		abort();
	if (is("hang"))
		for (;;)
			pause();
	if (is("leave"))
		exit(0);
	if (is("print")) {
		puts("hello from the library");
		fflush(stdout);
		fputs("hello from the library\n", stderr);
		forge();
	}
}

__attribute__((constructor)) static void load(void)
{
	if (is("quit-load"))
		_exit(0);
}

uint32_t sk_api_version(void)
{
	return is("old") ? 0x00090000 : SKAPI_MAJOR | 7;
}

int sk_sign(uint32_t algorithm, const uint8_t *data, size_t data_len, const char *application,
    const uint8_t *handle, size_t handle_len, uint8_t flags, const char *pin,
    struct skapi_option **options, struct skapi_signature **out)
{
	static uint8_t numbers[128];
	static struct skapi_signature sig = {.r = numbers, .s = numbers};

	(void)algorithm, (void)data, (void)data_len, (void)application, (void)handle;
	(void)handle_len, (void)flags, (void)options;
	misbehave();
	if (is("pin"))
		return pin != NULL && strcmp(pin, "1234") == 0 ? SKAPI_UNSUPPORTED
							       : SKAPI_PIN_REQUIRED;
	if (is("lone"))
		return SKAPI_DEVICE_NOT_FOUND;
	if (is("null"))
		return 0;
	if (is("lie")) {
		sig.r_len = 100;
		sig.s_len = 1;
		*out = &sig;
		return 0;
	}
	return SKAPI_GENERAL;
}

int sk_load_resident_keys(
    const char *pin, struct skapi_option **options, struct skapi_resident ***keys, size_t *count)
{
	static uint8_t bytes[64] = {1, 2, 3};
	static char application[] = "ssh:mine";
	static struct skapi_resident key = {
	    .algorithm = 1,
	    .application = application,
	    .key = {.public_key = bytes,
		.public_key_len = 32,
		.key_handle = bytes,
		.key_handle_len = 3},
	    .flags = 0x04,
	    .user_id = bytes,
	    .user_id_len = 0,
	};
	static struct skapi_resident *list[] = {&key};

	(void)pin, (void)options;
	misbehave();
	if (is("many")) {
		*count = (size_t)-1;
		return 0;
	}
	if (is("lie")) {
		key.key.public_key_len = 31;
	}
	*keys = list;
	*count = 1;
	return 0;
}
