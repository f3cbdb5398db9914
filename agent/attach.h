/* Certificates for keys that are held, of whatever kind. */
#ifndef SIGNET_ATTACH_H
#define SIGNET_ATTACH_H

#include "agent/store.h"

/*
 * List certificate beside the key that it belongs to, as an identity of its own with the key's
 * rules and comment; an earlier one of the same key, authority and kind goes as soon as this one is
 * valid, but its rules hold on where they are stricter.  ERR_CERT: it is malformed, or not signed
 * by the authority that it names; ERR_CERT_HOST, ERR_CERT_EXPIRED: it is of no use here, and
 * nothing changes; ERR_NOT_FOUND: no such key is held; ERR_CONSTRAINT: the destinations of the key
 * and of what goes differ.  *out: the identity.
 */
enum err attach_certificate(struct store *s, struct bytes certificate, struct identity **out);

#endif
