#include "proto/signdata.h"

#include <string.h>

enum { MSG_USERAUTH_REQUEST = 50 }; /* RFC 4252, section 6 */

#define SERVICE          "ssh-connection" /* what a login is for: RFC 4254, section 1 */
#define METHOD_PLAIN     "publickey"
#define METHOD_HOSTBOUND "publickey-hostbound-v00@openssh.com"

/* byte number, string user, string service, string method, boolean TRUE */
static enum err read_head(struct reader *r, struct sign_login *m)
{
	uint8_t number = 0;
	bool has_signature = false;
	enum err e = reader_string(r, &m->session);

	if (e == ERR_OK)
		e = reader_u8(r, &number);
	if (e == ERR_OK && (m->session.len == 0 || number != MSG_USERAUTH_REQUEST))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text(r, &m->user);
	if (e == ERR_OK)
		e = reader_text(r, &m->service);
	if (e == ERR_OK && !bytes_is(m->service, SERVICE))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text(r, &m->method);
	if (e == ERR_OK)
		e = reader_bool(r, &has_signature);
	return e == ERR_OK && !has_signature ? ERR_FORMAT : e;
}

/* string algorithm, string key, and the host's key where the method has it */
static enum err read_login(struct reader *r, struct sign_login *m)
{
	enum err e = read_head(r, m);

	if (e == ERR_OK)
		e = reader_text(r, &m->algorithm);
	if (e == ERR_OK)
		e = reader_string(r, &m->key);
	if (e != ERR_OK)
		return e;
	if (bytes_is(m->method, METHOD_HOSTBOUND)) {
		e = reader_string(r, &m->host_key);
		if (e == ERR_OK && m->host_key.len == 0)
			e = ERR_FORMAT;
	} else if (!bytes_is(m->method, METHOD_PLAIN)) {
		e = ERR_FORMAT;
	}
	return e == ERR_OK ? reader_end(r) : e;
}

/* magic, string namespace, string reserved, string hash algorithm, string hash */
static enum err read_sshsig(struct reader *r, struct sign_sshsig *m)
{
	static const char magic[] = "SSHSIG";
	struct bytes start, reserved, hash;
	enum err e = reader_take(r, sizeof(magic) - 1, &start);

	if (e == ERR_OK && !bytes_is(start, magic))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_text(r, &m->name_space);
	if (e == ERR_OK && m->name_space.len == 0)
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_string(r, &reserved);
	if (e == ERR_OK)
		e = reader_text(r, &m->hash);
	if (e == ERR_OK && !bytes_is(m->hash, "sha256") && !bytes_is(m->hash, "sha512"))
		e = ERR_FORMAT;
	if (e == ERR_OK)
		e = reader_string(r, &hash);
	return e == ERR_OK ? reader_end(r) : e;
}

void sign_data_read(struct bytes data, struct sign_data *out)
{
	struct reader r = reader_of(data);

	memset(out, 0, sizeof(*out));
	if (read_login(&r, &out->login) == ERR_OK) {
		out->kind = SIGN_LOGIN;
		return;
	}
	memset(out, 0, sizeof(*out));
	r = reader_of(data);
	if (read_sshsig(&r, &out->sshsig) == ERR_OK) {
		out->kind = SIGN_SSHSIG;
		return;
	}
	memset(out, 0, sizeof(*out));
}
