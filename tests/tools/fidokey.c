/*
 * fidokey [-a APPLICATION] [-p PIN] [-u USER] [-rtv] ed25519|ecdsa PATH FILE
 *
 * Makes a key on the security key at PATH, as ssh-keygen does, and writes FILE and FILE.pub.
 * -r: resident; -t: no touch required; -v: the user must be verified.  The device's own touch is
 * the test's affair.
 */
#include <fido.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/skfile.h"
#include "tokens/fido/card.h"
#include "tokens/base/pcsc.h"

struct wish {
	const char *application;
	const char *pin;
	const char *user;
	bool resident;
	uint8_t flags;
	int type;
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "fidokey: %s: %s\n", what, why);
	exit(1);
}

static void require(int code, const char *what)
{
	if (code != FIDO_OK)
		fail(what, fido_strerr(code));
}

static fido_cred_t *make(fido_dev_t *dev, const struct wish *w)
{
	static const uint8_t hash[32] = {1};
	fido_cred_t *cred = fido_cred_new();
	bool verify = (w->flags & FIDO_VERIFY) != 0;

	require(fido_cred_set_type(cred, w->type), "type");
	require(fido_cred_set_clientdata_hash(cred, hash, sizeof(hash)), "hash");
	require(fido_cred_set_rp(cred, w->application, NULL), "application");
	require(fido_cred_set_user(
		    cred, (const uint8_t *)w->user, strlen(w->user), w->user, w->user, NULL),
	    "user");
	require(fido_cred_set_rk(cred, w->resident ? FIDO_OPT_TRUE : FIDO_OPT_OMIT), "resident");
	if (verify || w->resident)
		require(fido_cred_set_prot(cred, verify ? FIDO_CRED_PROT_UV_REQUIRED
							: FIDO_CRED_PROT_UV_OPTIONAL_WITH_ID),
		    "protection");
	require(fido_dev_make_cred(dev, cred, w->pin), "making a key");
	return cred;
}

static void save(const fido_cred_t *cred, const struct wish *w, const char *path)
{
	uint8_t point[65] = {0x04};
	struct skfile key = {
	    .credential =
		{
		    .algorithm = w->type == COSE_EDDSA ? FIDO_ED25519 : FIDO_ECDSA,
		    .application = bytes_str(w->application),
		    .handle = BYTES(fido_cred_id_ptr(cred), fido_cred_id_len(cred)),
		    .flags = w->flags | (w->resident ? FIDO_RESIDENT_KEY : 0),
		},
	    .public = BYTES(fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred)),
	};

	if (w->type == COSE_ES256) {
		memcpy(point + 1, key.public.data, 64);
		key.public = BYTES(point, sizeof(point));
	}
	if (!skfile_write(path, &key))
		fail(path, "cannot be written");
}

int main(int argc, char **argv)
{
	struct wish w = {.application = "ssh:", .user = "openssh", .flags = FIDO_TOUCH};
	struct card *card = NULL;
	fido_dev_t *dev = fido_dev_new();
	fido_cred_t *cred;
	const char *path;
	int option;

	while ((option = getopt(argc, argv, "a:p:u:rtv")) != -1) {
		switch (option) {
		case 'a':
			w.application = optarg;
			break;
		case 'p':
			w.pin = optarg;
			break;
		case 'u':
			w.user = optarg;
			break;
		case 'r':
			w.resident = true;
			break;
		case 't':
			w.flags &= (uint8_t)~FIDO_TOUCH;
			break;
		case 'v':
			w.flags |= FIDO_VERIFY;
			break;
		default:
			fail("usage", "see its source");
		}
	}
	if (argc - optind != 3)
		fail("usage", "type, device and file are wanted");
	w.type = strcmp(argv[optind], "ecdsa") == 0 ? COSE_ES256 : COSE_EDDSA;
	path = argv[optind + 1];
	if (strncmp(path, PCSC_PREFIX, strlen(PCSC_PREFIX)) == 0 &&
	    (card_open(path + strlen(PCSC_PREFIX), &card) != ERR_OK ||
		card_attach(card, dev) != ERR_OK))
		fail(path, "there is no security key");
	require(fido_dev_open(dev, path), path);
	cred = make(dev, &w);
	save(cred, &w, argv[optind + 2]);
	fido_cred_free(&cred);
	fido_dev_close(dev);
	fido_dev_free(&dev);
	card_close(card);
	return 0;
}
