/*
 * What the configuration wants of the core from the start, and how another one takes the place of
 * the one that it has: a reload, which loses no key.
 */
#ifndef SIGNET_CONFIGURED_H
#define SIGNET_CONFIGURED_H

#include "agent/config.h"

struct core;
struct configured_token;

/* Tokens that the configuration names (PKCS11Module, Cards): offered as an addition without a PIN
 * would, now and whenever they are plugged in.  The core's; zero-initialised. */
struct configured {
	struct configured_token *first;
};

/* Are keys in the key directories offered?  By the command line, else the configuration, else where
 * the service manager gave the sockets or the command line has it as the default. */
bool core_offers(const struct core *core);

/* core->settings are what the command line and the configuration say together; before all else. */
void core_settle(struct core *core);

/* Serving begins: offer what is to be offered. */
void core_configured(struct core *core);

/* All offers were ended, as SIGUSR1 does: what the configuration names is offered again; resident
 * keys that are known, too. */
void core_offer_tokens(struct core *core);

/*
 * CHANNEL_RELOAD: fd holds what config_pack made, and is taken over.  Nothing changes where it
 * makes no sense.  Keys that were added stay with the rules that they have; those of files and
 * tokens that are to be offered no longer go.
 */
void core_reload(struct core *core, int fd);

#endif
