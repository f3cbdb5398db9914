#include "tests/virtual/cbor.h"
#include "tests/virtual/impl.h"

static void put_versions(const struct authenticator_options *o, struct builder *out)
{
	ctap_cbor_put_int(out, 1);
	ctap_cbor_put_array(out, o->u2f ? 3 : 2);
	if (o->u2f)
		ctap_cbor_put_text(out, "U2F_V2");
	ctap_cbor_put_text(out, "FIDO_2_0");
	ctap_cbor_put_text(out, o->preview ? "FIDO_2_1_PRE" : "FIDO_2_1");
}

static void put_extensions(const struct authenticator_options *o, struct builder *out)
{
	if (!o->cred_protect && !o->hmac_secret)
		return;
	ctap_cbor_put_int(out, 2);
	ctap_cbor_put_array(out, o->cred_protect + o->hmac_secret);
	if (o->cred_protect)
		ctap_cbor_put_text(out, "credProtect");
	if (o->hmac_secret)
		ctap_cbor_put_text(out, "hmac-secret");
}

/* Canonical order of text keys: the shorter first, then by bytes. */
static void put_options(const struct authenticator *a, struct builder *out)
{
	const struct authenticator_options *o = &a->options;
	const bool manage = o->credential_management && !o->preview;
	const struct {
		const char *name;
		bool there;
		bool value;
	} rows[] = {
	    {"rk", true, o->rk},
	    {"up", true, o->up},
	    {"uv", o->uv, true},
	    {"plat", true, false},
	    {"alwaysUv", o->always_uv, true},
	    {"credMgmt", manage, true},
	    {"clientPin", o->pin, a->memory.pin_set},
	    {"pinUvAuthToken", !o->preview && (o->pin || o->uv), true},
	    {"makeCredUvNotRqd", !o->preview, !o->always_uv},
	    {"credentialMgmtPreview", o->credential_management, true},
	};
	const size_t n = sizeof rows / sizeof *rows;
	size_t there = 0;

	for (size_t i = 0; i < n; i++)
		there += rows[i].there;
	ctap_cbor_put_int(out, 4);
	ctap_cbor_put_map(out, there);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].there)
			continue;
		ctap_cbor_put_text(out, rows[i].name);
		ctap_cbor_put_bool(out, rows[i].value);
	}
}

static size_t count_protocols(const struct authenticator_options *o)
{
	if (!o->pin && !o->uv)
		return 0;
	return o->pin_protocols[0] == 0 ? 0 : o->pin_protocols[1] == 0 ? 1 : 2;
}

static void put_algorithm(enum algorithm alg, struct builder *out)
{
	ctap_cbor_put_map(out, 2);
	ctap_cbor_put_text(out, "alg");
	ctap_cbor_put_int(out, alg);
	ctap_cbor_put_text(out, "type");
	ctap_cbor_put_text(out, "public-key");
}

enum ctap command_info(struct authenticator *a, struct bytes body, struct builder *out)
{
	const struct authenticator_options *o = &a->options;
	const size_t protocols = count_protocols(o);
	const bool extensions = o->cred_protect || o->hmac_secret;

	if (body.len != 0)
		return CTAP_INVALID_LENGTH;
	ctap_cbor_put_map(
	    out, 7 + (size_t)extensions + (protocols > 0) + (o->max_list > 0) + (o->min_pin > 0));
	put_versions(o, out);
	put_extensions(o, out);
	ctap_cbor_put_int(out, 3);
	ctap_cbor_put_bytes(out, BYTES(o->aaguid, sizeof o->aaguid));
	put_options(a, out);
	ctap_cbor_put_int(out, 5);
	ctap_cbor_put_int(out, o->max_message);
	if (protocols > 0) {
		ctap_cbor_put_int(out, 6);
		ctap_cbor_put_array(out, protocols);
		for (size_t i = 0; i < protocols; i++)
			ctap_cbor_put_int(out, o->pin_protocols[i]);
	}
	if (o->max_list > 0) {
		ctap_cbor_put_int(out, 7);
		ctap_cbor_put_int(out, o->max_list);
	}
	ctap_cbor_put_int(out, 8); /* maxCredentialIdLength */
	ctap_cbor_put_int(out, AUTHENTICATOR_ID_MAX);
	ctap_cbor_put_int(out, 9); /* transports */
	ctap_cbor_put_array(out, 2);
	ctap_cbor_put_text(out, "nfc");
	ctap_cbor_put_text(out, "usb");
	ctap_cbor_put_int(out, 10); /* algorithms */
	ctap_cbor_put_array(out, (size_t)o->es256 + o->eddsa);
	if (o->es256)
		put_algorithm(ALG_ES256, out);
	if (o->eddsa)
		put_algorithm(ALG_EDDSA, out);
	if (o->min_pin > 0) {
		ctap_cbor_put_int(out, 13);
		ctap_cbor_put_int(out, o->min_pin);
	}
	return CTAP_OK;
}
