/*
 * What an assertion costs by libfido2 alone, on the security key at PATH, with the key of KEYFILE:
 *
 *     b_fido PATH KEYFILE TIMES
 *
 * prints the median of so many, in microseconds.  Each opens the device, has the assertion and
 * closes it again, as any program does that uses a key once.
 */
#include <err.h>
#include <fido.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/skfile.h"
#include "tokens/fido/card.h"
#include "tokens/base/pcsc.h"

enum { MOST_TIMES = 1000 };

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void require(int code, const char *what)
{
	if (code != FIDO_OK)
		errx(1, "%s: %s", what, fido_strerr(code));
}

static void ask(fido_dev_t *dev, const struct fido_credential *c)
{
	static const uint8_t data[200] = {1};
	fido_assert_t *a = fido_assert_new();
	char application[FIDO_APPLICATION_MOST + 1] = {0};

	memcpy(application, c->application.data, c->application.len);
	require(fido_assert_set_clientdata(a, data, sizeof(data)), "data");
	require(fido_assert_set_rp(a, application), "application");
	require(fido_assert_allow_cred(a, c->handle.data, c->handle.len), "handle");
	require(fido_assert_set_up(a, FIDO_OPT_TRUE), "touch");
	require(fido_dev_get_assert(dev, a, NULL), "assertion");
	fido_assert_free(&a);
}

static uint64_t once(const char *path, const struct fido_credential *c)
{
	const uint64_t start = now();
	struct card *card = NULL;
	fido_dev_t *dev = fido_dev_new();

	if (strncmp(path, PCSC_PREFIX, strlen(PCSC_PREFIX)) == 0 &&
	    (card_open(path + strlen(PCSC_PREFIX), &card) != ERR_OK ||
		card_attach(card, dev) != ERR_OK))
		errx(1, "%s: there is no security key", path);
	require(fido_dev_open(dev, path), path);
	ask(dev, c);
	fido_dev_close(dev);
	fido_dev_free(&dev);
	card_close(card);
	return now() - start;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
	uint64_t took[MOST_TIMES];
	struct builder memory = {0};
	struct skfile key;
	size_t times;

	if (argc != 4)
		errx(2, "usage: b_fido PATH KEYFILE TIMES");
	times = strtoul(argv[3], NULL, 10);
	if (times == 0 || times > MOST_TIMES)
		errx(2, "from 1 to %d times", MOST_TIMES);
	if (!skfile_read(argv[2], &memory, &key))
		errx(1, "%s: no key file of a security key", argv[2]);
	fido_init(0);
	for (size_t i = 0; i < times; i++)
		took[i] = once(argv[1], &key.credential);
	qsort(took, times, sizeof(took[0]), by_value);
	printf("%llu\n", (unsigned long long)took[times / 2]);
	builder_clear(&memory);
	return 0;
}
