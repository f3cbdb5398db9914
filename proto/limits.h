/*
 * Every maximum of the protocol and what it bounds.  Nothing else in the tree
 * writes such a number.  Where OpenSSH has the same limit, ours is equal to
 * it, so that what one agent takes the other takes too.
 */
#ifndef SIGNET_LIMITS_H
#define SIGNET_LIMITS_H

/* A message's length field, in bytes (OpenSSH: AGENT_MAX_LEN). */
#define LIMIT_MESSAGE (256u * 1024u)

/* What a connection may make the agent keep, in bytes: requests that are not whole yet or sent
 * ahead, one that waits, an answer that is not read, and session binds.  So much each may always
 * have; what is more counts against LIMIT_BACKLOG, which is for all of them together
 * (agent/backlog.h). */
#define LIMIT_CONNECTION (8u * 1024u)
#define LIMIT_BACKLOG    (4u * 1024u * 1024u)

/* session-bind@openssh.com requests remembered on one connection. */
#define LIMIT_SESSION_BINDS 16u

/* A session identifier: the longest exchange hash, with room, in bytes. */
#define LIMIT_SESSION_ID 128u

/* Destination constraints on one key. */
#define LIMIT_DESTINATIONS 1024u

/* Certificates given with one smartcard addition. */
#define LIMIT_TOKEN_CERTS 1024u

/* A user-name pattern in a destination constraint, in bytes. */
#define LIMIT_USER_PATTERN 256u

/* Principals in one certificate (OpenSSH: SSHKEY_CERT_MAX_PRINCIPALS). */
#define LIMIT_CERT_PRINCIPALS 256u

/* RSA modulus, in bits: below is too weak to be worth holding, above stalls a core for a second. */
#define LIMIT_RSA_MIN_BITS 1024u
#define LIMIT_RSA_MAX_BITS 16384u

/* Questions shown at once, each by a helper of its own; more wait in line. */
#define LIMIT_PROMPTS 256u

/* Keys held at once: 10,000 Ed25519 keys are a supported load; this bounds a hostile local client.
 */
#define LIMIT_KEYS 65536u

/* Keys in one list: OpenSSH's programs take a longer one for an error, and have no keys then. */
#define LIMIT_LISTED 2048u

/* A key file, in bytes; also what a certificate or .pub file may have.  (The RFC's messages are
 * smaller.) */
#define LIMIT_KEY_FILE (1024u * 1024u)

/* A known_hosts file, in bytes (150,000 hosts), and one line of it. */
#define LIMIT_KNOWN_HOSTS      (16u * 1024u * 1024u)
#define LIMIT_KNOWN_HOSTS_LINE (64u * 1024u)

/* known_hosts files named with signet-add -H. */
#define LIMIT_HOSTKEY_FILES 64u

/* Names that hashed entries of known_hosts are tried with, to name one host. */
#define LIMIT_HOST_CANDIDATES 64u

/* View sockets, each a descriptor in two processes, and the name of one, in bytes. */
#define LIMIT_VIEWS     64u
#define LIMIT_VIEW_NAME 32u

/* Hosts of which the agent knows the key that last logged in there. */
#define LIMIT_LAST_LOGINS 1024u

/* A passphrase, in bytes (the protocol sets none; scrypt and bcrypt hash it anyway). */
#define LIMIT_PASSPHRASE 1024u

/* One line of text from the control protocol or a helper, in bytes. */
#define LIMIT_HELPER_MESSAGE (64u * 1024u)

/* A request to signet-fido (data to be signed and the rest), and its answer, in bytes. */
#define LIMIT_FIDO_REQUEST (LIMIT_MESSAGE + 64u * 1024u)
#define LIMIT_FIDO_ANSWER  (1024u * 1024u)

/* A message to or from signet-pkcs11 or signet-card, in bytes. */
#define LIMIT_TOKEN_MESSAGE (1024u * 1024u)

/* A message to or from signet-files or signet-unlock, in bytes: a key with all its certificates. */
#define LIMIT_FILES_MESSAGE (320u * 1024u)

/* How long a signature by a token may take that waits for nobody, in milliseconds: RSA with 4096
 * bits takes some seconds on a card, and other programs may use it in between.  And loading a
 * module. */
#define LIMIT_TOKEN_MS 30000

/* Messages that wait for a helper to read them, in bytes. */
#define LIMIT_CALL_BACKLOG (8u * 1024u * 1024u)

/* Offers of cards at once (agent/offers.h). */
#define LIMIT_OFFERS 64u

/* PKCS#11 modules loaded at once. */
#define LIMIT_MODULES 32u

/* How long a person has to touch a security key once it blinks, in milliseconds: longer than the
 * thirty seconds after which devices give up by themselves. */
#define LIMIT_TOUCH_MS 60000

/* How long an operation may take that waits for nobody, and how long a helper has to end once it
 * was told to, in milliseconds. */
#define LIMIT_DEVICE_MS 10000
#define LIMIT_CANCEL_MS 1000

/* After so long without an answer a device waits for a touch, in milliseconds. */
#define LIMIT_NOTICE_MS 500

/* How long a person has to answer a question unless told otherwise, in milliseconds. */
#define LIMIT_PROMPT_MS 60000

/* The longest time that a question may name for itself, in seconds. */
#define LIMIT_PROMPT_SECONDS 3600u

/* Variables that a question carries, and the bytes of one value. */
#define LIMIT_PROMPT_VARIABLES 16u
#define LIMIT_PROMPT_VALUE     4096u

/* How long core and helper wait for a message that the other one owes at once, in milliseconds. */
#define LIMIT_HELPER_MS 10000

/* How long the core waits for the supervisor to say who a client is, in milliseconds. */
#define LIMIT_WITNESS_MS 2000

/* How long signet-unlock may take with one file, in milliseconds: one that would take minutes is
 * refused (ERR_FILE_COST), but a machine may be busy. */
#define LIMIT_UNLOCK_MS 300000

/* How long the list of keys waits for the first look at the key directories, in milliseconds. */
#define LIMIT_FILES_MS 2000

/* Decisions that are remembered. */
#define LIMIT_DECISIONS 1000u

/* Decisions written to the journal within a second; how many more there were is written after it.
 */
#define LIMIT_JOURNAL_A_SECOND 50u

/* Connections that may follow the decision log at once. */
#define LIMIT_FOLLOWERS 16u

#endif
