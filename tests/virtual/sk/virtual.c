/*
 * sk-virtual.so: security key middleware whose device is the virtual authenticator, in this
 * process, so that stock ssh-keygen makes keys on it and whatever loads middleware signs with it.
 * It works on the files beside it, since helpers get few variables of the environment:
 *
 *   LIBRARY.state     the authenticator (tests/virtual/authenticator.h), made when it is not there;
 *                     SK_VIRTUAL_STATE names another file.  A card can be started on it afterwards.
 *   LIBRARY.mode      one word, what to do wrong (enum mode); none: nothing.
 *
 * SK_VIRTUAL_OPTIONS (NAME=VALUE, with spaces between) and SK_VIRTUAL_PIN are for making it.
 * Touches come by themselves.
 */
#include "tests/virtual/sk/sk_api.h"

#include <dlfcn.h>
#include <fido.h>
#include <fido/credman.h>
#include <openssl/ecdsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/virtual/authenticator.h"
#include "tests/virtual/crypto.h"
#include "tests/virtual/fido_dev.h"

enum { PATH = 1024, WORD = 32, USER_ID = 32, PRINTED = 1 << 20, POINT_LEN = 65, FIELD_LEN = 32 };

/* --- misbehaviour --------------------------------------------------------- */

static bool beside(const char *ending, char out[PATH])
{
	Dl_info info;
	int n;

	if (dladdr((void *)(uintptr_t)sk_api_version, &info) == 0 || info.dli_fname == NULL)
		return false;
	n = snprintf(out, PATH, "%s%s", info.dli_fname, ending);
	return n > 0 && n < PATH;
}

static bool mode_is(const char *name)
{
	char path[PATH], word[WORD] = "";
	FILE *f;
	bool same;

	if (!beside(".mode", path) || (f = fopen(path, "r")) == NULL)
		return false;
	same = fscanf(f, "%31s", word) == 1 && strcmp(word, name) == 0;
	fclose(f);
	return same;
}

static void print_much(void)
{
	static const char line[] = "middleware says what nobody asked it\n";

	for (size_t n = 0; n < PRINTED; n += 2 * (sizeof line - 1)) {
		if (write(STDOUT_FILENO, line, sizeof line - 1) < 0 ||
		    write(STDERR_FILENO, line, sizeof line - 1) < 0)
			return;
	}
}

/* At the start of every operation: may not come back. */
static void misbehave(void)
{
	if (mode_is("crash"))
		abort();
	if (mode_is("exit"))
		_exit(0);
	while (mode_is("hang"))
		usleep(20000);
	if (mode_is("print"))
		print_much();
}

__attribute__((constructor)) static void loaded(void)
{
	if (mode_is("crash-loading"))
		abort();
	while (mode_is("hang-loading"))
		usleep(20000);
}

uint32_t sk_api_version(void)
{
	return mode_is("version") ? 0x00630000 : SK_VERSION;
}

/* --- the authenticator ---------------------------------------------------- */

struct session {
	char state[PATH];
	struct authenticator *authenticator;
	fido_dev_t *dev;
};

static bool state_path(char out[PATH])
{
	const char *named = getenv("SK_VIRTUAL_STATE");

	if (named == NULL)
		return beside(".state", out);
	return snprintf(out, PATH, "%s", named) < PATH;
}

static enum err make(struct authenticator **out)
{
	struct authenticator_options options;
	const char *pin = getenv("SK_VIRTUAL_PIN");
	const char *list = getenv("SK_VIRTUAL_OPTIONS");
	char copy[PATH], *rest = NULL;
	enum err e;

	authenticator_options_default(&options);
	snprintf(copy, sizeof copy, "%s", list == NULL ? "" : list);
	for (char *word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		e = authenticator_option(&options, word);
		if (e != ERR_OK)
			return e;
	}
	e = authenticator_new(&options, out);
	if (e == ERR_OK && pin != NULL)
		e = authenticator_set_pin(*out, pin);
	return e;
}

/* SK_ERR_DEVICE_NOT_FOUND, or 0 with a device that session_close ends. */
static int session_open(struct session *s)
{
	enum err e = ERR_FORMAT;

	memset(s, 0, sizeof *s);
	if (state_path(s->state))
		e = access(s->state, F_OK) == 0 ? authenticator_load(s->state, &s->authenticator)
						: make(&s->authenticator);
	if (e != ERR_OK) {
		fprintf(stderr, "sk-virtual: %s: %s\n", s->state, err_text(e));
		return SK_ERR_DEVICE_NOT_FOUND;
	}
	authenticator_set_auto(s->authenticator, true);
	fido_init(FIDO_DISABLE_U2F_FALLBACK);
	s->dev = virtual_dev_open(s->authenticator);
	if (s->dev == NULL) {
		authenticator_free(s->authenticator);
		return SK_ERR_DEVICE_NOT_FOUND;
	}
	return 0;
}

static void session_close(struct session *s)
{
	fido_dev_close(s->dev);
	fido_dev_free(&s->dev);
	if (authenticator_save(s->authenticator, s->state) != ERR_OK)
		fprintf(stderr, "sk-virtual: %s cannot be written\n", s->state);
	authenticator_free(s->authenticator);
}

static int status_of(int fido)
{
	switch (fido) {
	case FIDO_OK:
		return 0;
	case FIDO_ERR_UNSUPPORTED_OPTION:
	case FIDO_ERR_UNSUPPORTED_ALGORITHM:
		return SK_ERR_UNSUPPORTED;
	case FIDO_ERR_PIN_REQUIRED:
	case FIDO_ERR_PIN_INVALID:
	case FIDO_ERR_OPERATION_DENIED:
		return SK_ERR_PIN_REQUIRED;
	case FIDO_ERR_NO_CREDENTIALS:
		return SK_ERR_DEVICE_NOT_FOUND;
	case FIDO_ERR_CREDENTIAL_EXCLUDED:
		return SK_ERR_CREDENTIAL_EXISTS;
	default:
		fprintf(stderr, "sk-virtual: %s\n", fido_strerr(fido));
		return SK_ERR_GENERAL;
	}
}

static bool copy(const void *from, size_t n, uint8_t **to, size_t *len)
{
	if (from == NULL || n == 0)
		return true;
	*to = malloc(n);
	if (*to == NULL)
		return false;
	memcpy(*to, from, n);
	*len = n;
	return true;
}

static void response_clear(struct sk_enroll_response *r)
{
	free(r->public_key);
	free(r->key_handle);
	free(r->signature);
	free(r->attestation_cert);
	free(r->authdata);
}

/* libfido2 keeps P-256 as x ‖ y. */
static bool copy_public(const fido_cred_t *cred, struct sk_enroll_response *r)
{
	const unsigned char *key = fido_cred_pubkey_ptr(cred);
	const size_t n = fido_cred_pubkey_len(cred);
	uint8_t point[POINT_LEN] = {4};

	if (key == NULL || fido_cred_type(cred) == COSE_EDDSA)
		return copy(key, n, &r->public_key, &r->public_key_len);
	if (n != POINT_LEN - 1)
		return false;
	memcpy(point + 1, key, n);
	return copy(point, sizeof point, &r->public_key, &r->public_key_len);
}

static bool copy_response(const fido_cred_t *cred, struct sk_enroll_response *r)
{
	return copy_public(cred, r) &&
	       copy(fido_cred_id_ptr(cred), fido_cred_id_len(cred), &r->key_handle,
		   &r->key_handle_len) &&
	       copy(fido_cred_sig_ptr(cred), fido_cred_sig_len(cred), &r->signature,
		   &r->signature_len) &&
	       copy(fido_cred_x5c_ptr(cred), fido_cred_x5c_len(cred), &r->attestation_cert,
		   &r->attestation_cert_len) &&
	       copy(fido_cred_authdata_ptr(cred), fido_cred_authdata_len(cred), &r->authdata,
		   &r->authdata_len);
}

static int cose_of(uint32_t alg)
{
	return alg == SK_ED25519 ? COSE_EDDSA : COSE_ES256;
}

/* --- making keys ---------------------------------------------------------- */

/* The user of OpenSSH's own middleware: 32 bytes, the option "user" and zeros. */
static bool set_user(fido_cred_t *cred, struct sk_option **options)
{
	unsigned char id[USER_ID] = {0};
	const char *name = "openssh";

	for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
		if (strcmp(options[i]->name, "user") == 0) {
			name = options[i]->value;
			memcpy(id, name, strnlen(name, sizeof id));
		} else if (options[i]->required != 0) {
			return false;
		}
	}
	return fido_cred_set_user(cred, id, sizeof id, name, name, NULL) == FIDO_OK;
}

static bool set_wish(
    fido_cred_t *cred, uint32_t alg, struct bytes challenge, const char *application, uint8_t flags)
{
	uint8_t hash[HASH_LEN];

	if (vcrypto_sha256(challenge, hash) != ERR_OK ||
	    fido_cred_set_type(cred, cose_of(alg)) != FIDO_OK ||
	    fido_cred_set_clientdata_hash(cred, hash, sizeof hash) != FIDO_OK ||
	    fido_cred_set_rp(cred, application, NULL) != FIDO_OK)
		return false;
	if ((flags & SK_RESIDENT) != 0 && fido_cred_set_rk(cred, FIDO_OPT_TRUE) != FIDO_OK)
		return false;
	if ((flags & (SK_RESIDENT | SK_VERIFICATION)) == 0)
		return true;
	return fido_cred_set_prot(cred, (flags & SK_VERIFICATION) != 0
					    ? FIDO_CRED_PROT_UV_REQUIRED
					    : FIDO_CRED_PROT_UV_OPTIONAL_WITH_ID) == FIDO_OK;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application,
    uint8_t flags, const char *pin, struct sk_option **options, struct sk_enroll_response **out)
{
	struct session s;
	fido_cred_t *cred = fido_cred_new();
	struct sk_enroll_response *r = calloc(1, sizeof *r);
	int status = SK_ERR_GENERAL;

	misbehave();
	if (cred == NULL || r == NULL || session_open(&s) != 0)
		goto out;
	if (!set_wish(cred, alg, BYTES(challenge, challenge_len), application, flags)) {
		status = SK_ERR_GENERAL;
	} else if (!set_user(cred, options)) {
		status = SK_ERR_UNSUPPORTED;
	} else if ((flags & SK_VERIFICATION) != 0 && pin == NULL && !fido_dev_has_uv(s.dev)) {
		status = SK_ERR_PIN_REQUIRED;
	} else {
		status = status_of(fido_dev_make_cred(s.dev, cred, pin));
		if (status == 0 && !copy_response(cred, r))
			status = SK_ERR_GENERAL;
	}
	session_close(&s);
	if (status == 0) {
		r->flags = flags;
		*out = r;
		r = NULL;
	}
out:
	if (r != NULL)
		response_clear(r);
	free(r);
	fido_cred_free(&cred);
	return status;
}

/* --- signing -------------------------------------------------------------- */

static bool copy_signature(uint32_t alg, const fido_assert_t *a, struct sk_sign_response *r)
{
	const unsigned char *der = fido_assert_sig_ptr(a, 0);
	ECDSA_SIG *sig;
	uint8_t r_bytes[FIELD_LEN], s_bytes[FIELD_LEN];
	int r_len, s_len;

	if (alg == SK_ED25519)
		return copy(der, fido_assert_sig_len(a, 0), &r->sig_r, &r->sig_r_len);
	sig = d2i_ECDSA_SIG(NULL, &der, (long)fido_assert_sig_len(a, 0));
	if (sig == NULL)
		return false;
	r_len = BN_bn2bin(ECDSA_SIG_get0_r(sig), r_bytes);
	s_len = BN_bn2bin(ECDSA_SIG_get0_s(sig), s_bytes);
	ECDSA_SIG_free(sig);
	return copy(r_bytes, (size_t)r_len, &r->sig_r, &r->sig_r_len) &&
	       copy(s_bytes, (size_t)s_len, &r->sig_s, &r->sig_s_len);
}

static void spoil(struct sk_sign_response *r)
{
	if (mode_is("wrong"))
		r->sig_r[0] ^= 1;
	if (mode_is("long")) {
		/* Says more than there is, as far as it can be read. */
		free(r->sig_r);
		r->sig_r_len = PRINTED;
		r->sig_r = calloc(1, PRINTED);
	}
	if (mode_is("empty"))
		r->sig_r_len = 0;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application,
    const uint8_t *handle, size_t handle_len, uint8_t flags, const char *pin,
    struct sk_option **options, struct sk_sign_response **out)
{
	struct session s;
	fido_assert_t *a = fido_assert_new();
	struct sk_sign_response *r = calloc(1, sizeof *r);
	uint8_t hash[HASH_LEN];
	int status = SK_ERR_GENERAL;

	(void)options;
	misbehave();
	if (a == NULL || r == NULL || session_open(&s) != 0)
		goto out;
	if (vcrypto_sha256(BYTES(data, data_len), hash) == ERR_OK &&
	    fido_assert_set_clientdata_hash(a, hash, sizeof hash) == FIDO_OK &&
	    fido_assert_set_rp(a, application) == FIDO_OK &&
	    fido_assert_allow_cred(a, handle, handle_len) == FIDO_OK &&
	    fido_assert_set_up(a, (flags & SK_PRESENCE) != 0 ? FIDO_OPT_TRUE : FIDO_OPT_FALSE) ==
		FIDO_OK) {
		if ((flags & SK_VERIFICATION) != 0 && pin == NULL) {
			status = SK_ERR_PIN_REQUIRED;
			if (fido_dev_has_uv(s.dev)) {
				fido_assert_set_uv(a, FIDO_OPT_TRUE);
				status = status_of(fido_dev_get_assert(s.dev, a, NULL));
			}
		} else {
			status = status_of(fido_dev_get_assert(s.dev, a, pin));
		}
		if (status == 0 && !copy_signature(alg, a, r))
			status = SK_ERR_GENERAL;
	}
	session_close(&s);
	if (status == 0) {
		r->flags = fido_assert_flags(a, 0);
		r->counter = fido_assert_sigcount(a, 0);
		spoil(r);
		*out = r;
		r = NULL;
	}
out:
	if (r != NULL) {
		free(r->sig_r);
		free(r->sig_s);
	}
	free(r);
	fido_assert_free(&a);
	return status;
}

/* --- resident keys -------------------------------------------------------- */

static struct sk_resident_key *resident(const fido_cred_t *cred, const char *application)
{
	struct sk_resident_key *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	k->alg = fido_cred_type(cred) == COSE_EDDSA ? SK_ED25519 : SK_ECDSA;
	k->application = strdup(application);
	if (fido_cred_prot(cred) == FIDO_CRED_PROT_UV_REQUIRED)
		k->flags |= SK_VERIFICATION;
	if (k->application == NULL || !copy_response(cred, &k->key) ||
	    !copy(fido_cred_user_id_ptr(cred), fido_cred_user_id_len(cred), &k->user_id,
		&k->user_id_len)) {
		response_clear(&k->key);
		free(k->application);
		free(k->user_id);
		free(k);
		return NULL;
	}
	return k;
}

/* All of one application, appended. */
static int residents_of(struct session *s, const char *application, const char *pin,
    struct sk_resident_key ***list, size_t *n)
{
	fido_credman_rk_t *rk = fido_credman_rk_new();
	int status = rk == NULL ? SK_ERR_GENERAL
				: status_of(fido_credman_get_dev_rk(s->dev, application, rk, pin));

	for (size_t i = 0; status == 0 && i < fido_credman_rk_count(rk); i++) {
		struct sk_resident_key **more = realloc(*list, (*n + 1) * sizeof *more);

		if (more == NULL)
			status = SK_ERR_GENERAL;
		else
			*list = more;
		if (status == 0 &&
		    ((*list)[*n] = resident(fido_credman_rk(rk, i), application)) == NULL)
			status = SK_ERR_GENERAL;
		if (status == 0)
			(*n)++;
	}
	fido_credman_rk_free(&rk);
	return status;
}

int sk_load_resident_keys(
    const char *pin, struct sk_option **options, struct sk_resident_key ***out, size_t *n)
{
	struct session s;
	fido_credman_rp_t *rp = fido_credman_rp_new();
	int status = SK_ERR_GENERAL;

	(void)options;
	misbehave();
	*out = NULL;
	*n = 0;
	if (rp == NULL || session_open(&s) != 0)
		goto out;
	status =
	    pin == NULL ? SK_ERR_PIN_REQUIRED : status_of(fido_credman_get_dev_rp(s.dev, rp, pin));
	for (size_t i = 0; status == 0 && i < fido_credman_rp_count(rp); i++) {
		if (strncmp(fido_credman_rp_id(rp, i), "ssh:", 4) == 0)
			status = residents_of(&s, fido_credman_rp_id(rp, i), pin, out, n);
	}
	session_close(&s);
out:
	fido_credman_rp_free(&rp);
	return status;
}
