/*
 * A security key whose application is not for SSH ("ssh:...") may be one that logs in to web sites:
 * it must not sign whatever a forwarded host makes up.
 */
#ifndef SIGNET_WEBSAFE_H
#define SIGNET_WEBSAFE_H

#include "agent/options.h"
#include "agent/store.h"

/*
 * May this identity sign data?  ERR_WEBSAFE when its key is a security key, its application is none
 * of those allowed (-O websafe-allow; "ssh:*" without it), and data is neither a login with it nor
 * an SSHSIG.  With -O no-restrict-websafe always.
 */
enum err websafe_permit(const struct options *o, const struct identity *id, struct bytes data);

#endif
