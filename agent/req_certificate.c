/* CTL_CERTIFICATE: a certificate for a key that is held, for signet-add --certificate. */
#include "agent/attach.h"
#include "agent/dispatch.h"
#include "proto/ctlmsg.h"

enum outcome req_certificate(struct request *r)
{
	struct identity *id;
	struct bytes cert;
	enum err e = ctl_certificate_parse(r->body, &cert);

	if (e == ERR_OK) {
		r->about.blob = cert;
		e = attach_certificate(r->core->store, cert, &id);
	}
	if (e != ERR_OK)
		return refuse(r, e);
	r->about.print = id->print;
	r->about.comment = id->comment;
	return succeed(r);
}
