/*
 * The one idiom for errors: a function that can fail returns enum err, ERR_OK
 * (0) for success, and gives results through pointers that it leaves alone
 * when it fails.  The list is the only place where codes and their words are
 * written; the words are whole clauses that can follow "FILE: " or "refused: ".
 */
#ifndef SIGNET_ERR_H
#define SIGNET_ERR_H

#define ERR_LIST(X)                                                                                \
	X(ERR_OK, "success")                                                                       \
	X(ERR_MEMORY, "out of memory")                                                             \
	X(ERR_SYSTEM, "a system call failed")                                                      \
	X(ERR_CRYPTO, "the cryptographic library reported an error")                               \
	X(ERR_TRUNCATED, "data ends too early")                                                    \
	X(ERR_SURPLUS, "there are surplus bytes after the end")                                    \
	X(ERR_TOO_LONG, "a length is over its limit")                                              \
	X(ERR_FORMAT, "the data is malformed")                                                     \
	X(ERR_NUMBER, "a number is negative or not in its shortest form")                          \
	X(ERR_TEXT, "a name holds a NUL or is not UTF-8")                                          \
	X(ERR_MESSAGE, "unknown message number")                                                   \
	X(ERR_KEY_TYPE, "the key type is not known or not supported")                              \
	X(ERR_KEY_TYPE_OFF, "the key type is turned off: AllowDSS turns it on")                    \
	X(ERR_KEY_INVALID, "the key's numbers do not fit together")                                \
	X(ERR_KEY_MISMATCH, "the public half does not belong to the private key")                  \
	X(ERR_KEY_CURVE, "the curve is none that SSH knows by name, or the point is not on it")    \
	X(ERR_KEY_SHORT, "the RSA key is shorter than 1024 bits")                                  \
	X(ERR_KEY_LONG, "the RSA key is longer than 16384 bits")                                   \
	X(ERR_KEY_PUBLIC_ONLY, "this is a public key; the private key is needed")                  \
	X(ERR_CERT, "the certificate is malformed")                                                \
	X(ERR_CERT_MISMATCH, "the certificate belongs to another key")                             \
	X(ERR_CERT_EXPIRED, "the certificate has expired")                                         \
	X(ERR_CERT_HOST, "the certificate is for a host, not for a user")                          \
	X(ERR_CONSTRAINT, "unknown or unsupported constraint")                                     \
	X(ERR_SIGN_FLAGS, "unsupported signature flags for this key type")                         \
	X(ERR_SIGN_ALGORITHM, "this signature algorithm is turned off")                            \
	X(ERR_NOT_FOUND, "no such key")                                                            \
	X(ERR_LOCKED, "the agent is locked")                                                       \
	X(ERR_NOT_LOCKED, "the agent is not locked")                                               \
	X(ERR_DENIED, "the person said no")                                                        \
	X(ERR_TIMEOUT, "nobody answered in time")                                                  \
	X(ERR_CANCELLED, "the request was cancelled")                                              \
	X(ERR_NO_PROMPT, "nobody can be asked: no askpass program, display or terminal")           \
	X(ERR_LIMIT, "a limit was reached")                                                        \
	X(ERR_UNSUPPORTED, "not supported")                                                        \
	X(ERR_PASSPHRASE_NEEDED, "a passphrase is needed")                                         \
	X(ERR_PASSPHRASE, "the passphrase is wrong")                                               \
	X(ERR_FILE_FORMAT, "not a private key in a format that Signet reads")                      \
	X(ERR_FILE_CIPHER, "encrypted with a cipher that Signet does not know")                    \
	X(ERR_FILE_KDF, "encrypted with a key derivation that Signet does not know")               \
	X(ERR_FILE_EMPTY, "the file is empty")                                                     \
	X(ERR_FILE_TOO_BIG, "the file is too big for a key file")                                  \
	X(ERR_FILE_TAMPERED, "the file's checksum (MAC) is wrong: it was changed or damaged")      \
	X(ERR_LEGACY, "needs OpenSSL's legacy provider, which is not installed")                   \
	X(ERR_CONNECT, "cannot connect to the agent")                                              \
	X(ERR_CLOSED, "the other side closed the connection")                                      \
	X(ERR_REFUSED, "the agent refused")                                                        \
	X(ERR_REPLY, "the reply makes no sense")                                                   \
	X(ERR_VERSION, "what is installed is of another version than the agent that runs: "        \
		       "restart the agent, and add its keys again")                                \
	X(ERR_FILE_COST, "opening it would take minutes or over 1 GiB: save it with fewer rounds") \
	X(ERR_FILE_SEVERAL, "the file holds several private keys: give each a file of its own")    \
	X(ERR_BIND, "the signature or the certificate of the session's host key is not good")      \
	X(ERR_BIND_TWICE, "the session is bound to another host key already")                      \
	X(ERR_BIND_OVER, "the connection is bound to a login already")                             \
	X(ERR_BIND_FAILED, "an earlier session bind on this connection failed")                    \
	X(ERR_UNBOUND,                                                                             \
	    "the key is limited to destinations, and the client did not prove its host")           \
	X(ERR_ROUTE, "the key may not be used on this route")                                      \
	X(ERR_NOT_LOGIN, "the key is limited to destinations, and this is no login with it")       \
	X(ERR_OTHER_SESSION, "the login is not for the host that the client proved")               \
	X(ERR_REMOTE_TOKEN, "tokens are not added from another host (-O allow-remote-pkcs11)")     \
	X(ERR_NO_TOKEN, "no such token")                                                           \
	X(ERR_MODULE, "the PKCS#11 module cannot be loaded or is none")                            \
	X(ERR_MODULE_NAME, "no PKCS#11 module has this name in p11-kit's configuration")           \
	X(ERR_URI, "the pkcs11: or card: address is malformed")                                    \
	X(ERR_URI_MODULE, "the pkcs11: address names no module: put ?module-name=NAME or "         \
			  "?module-path=PATH at its end (signet-add --tokens lists names)")        \
	X(ERR_TOKEN, "the token or its module reported an error")                                  \
	X(ERR_TOKEN_GONE, "the token was pulled out")                                              \
	X(ERR_TOKEN_ABSENT, "the token that holds it is not there")                                \
	X(ERR_TOKEN_BUSY, "the card is in use by another program")                                 \
	X(ERR_TOKEN_TIMEOUT, "the token did not answer in time")                                   \
	X(ERR_TOKEN_KEYS, "the token shows no key that SSH can use")                               \
	X(ERR_TOKEN_SIGN, "the token cannot make signatures of this kind with the key")            \
	X(ERR_NO_READER, "no card can be seen: the service pcscd does not run, or polkit keeps "   \
			 "this session from it")                                                   \
	X(ERR_PIN_LOCKED,                                                                          \
	    "the PIN is locked after too many wrong ones: unlock it with the token's own tools "   \
	    "and its PUK")                                                                         \
	X(ERR_PIN_NOT_SET, "the token has no PIN yet: set one with the token's own tools")         \
	X(ERR_PAD, "no PIN was entered on the reader's keypad")                                    \
	X(ERR_LOCAL_ONLY, "this key may be used on this machine only")                             \
	X(ERR_VARIABLE, "not a display variable, or one that is named twice")                      \
	X(ERR_WEBSAFE,                                                                             \
	    "the security key's application is not for SSH, and neither is what would be signed")  \
	X(ERR_NO_DEVICE, "the security key that holds it is not plugged in")                       \
	X(ERR_DEVICE_GONE, "the security key was pulled out")                                      \
	X(ERR_DEVICE_BUSY, "the security key is in use by another program")                        \
	X(ERR_DEVICE, "the security key or its library reported an error")                         \
	X(ERR_TOUCH_TIMEOUT, "the device was not touched in time")                                 \
	X(ERR_PIN_NEEDED, "a PIN is needed")                                                       \
	X(ERR_PIN, "the PIN is wrong")                                                             \
	X(ERR_PIN_AUTH_BLOCKED,                                                                    \
	    "three wrong PINs in a row: pull the security key out and plug it in again")           \
	X(ERR_PIN_BLOCKED, "the PIN is blocked after too many wrong ones: only a reset, which "    \
			   "erases the security "                                                  \
			   "key, helps")                                                           \
	X(ERR_PIN_UNSET, "the security key has no PIN yet: set one, e.g. with fido2-token -S")     \
	X(ERR_UV, "the security key did not recognise its user")                                   \
	X(ERR_PROVIDER, "the security key library cannot be loaded or is none")                    \
	X(ERR_PROVIDER_DENIED, "the library is not on the list of those allowed (-P)")             \
	X(ERR_REMOTE_PROVIDER,                                                                     \
	    "libraries are not loaded for another host (-O allow-remote-pkcs11)")                  \
	X(ERR_HELPER, "the helper program ended without an answer")                                \
	X(ERR_HELPER_MISSING, "the helper program could not be started: see the agent's log")      \
	X(ERR_ASKER, "the program that asks the person (askpass, pinentry) cannot be started")     \
	X(ERR_ASKER_ENDED, "the program that asks the person ended without an answer")             \
	X(ERR_ASKER_FLOOD, "the program that asks the person wrote more than any answer has")      \
	X(ERR_ASKER_REPLY, "the program that asks the person gave an answer that makes no sense")  \
	X(ERR_ASKER_SHOW, "the program that asks the person could not show the question")          \
	X(ERR_DISPLAY, "the display where the person is asked does not answer: tell another with " \
		       "signet-add --update-environment")                                          \
	X(ERR_TERMINAL, "the terminal was closed or taken away before anybody answered")           \
	X(ERR_ASKPASS_PATH, "SSH_ASKPASS is not an absolute path: give the whole path")            \
	X(ERR_SCREEN, "the screen is locked")                                                      \
	X(ERR_FILE_GONE, "the key file is gone")                                                   \
	X(ERR_FILE_CHANGED, "the key file holds another key than it did")                          \
	X(ERR_FILE_OPEN, "other users may read or write the key file: chmod 600 mends it")         \
	X(ERR_FILE_OWNER, "the key file belongs to another user: chown mends it")                  \
	X(ERR_FILE_OUTSIDE, "the file is a link that leads out of the key directories: name that " \
			    "directory, too (KeyDirectory)")                                       \
	X(ERR_FILE_HIDDEN, "its public half is not known before it was unlocked once: do so with " \
			   "signet-add, or put its .pub file beside it")                           \
	X(ERR_RELOCKED,                                                                            \
	    "the key was locked again meanwhile (its time was over, or SIGUSR1 came): try again")  \
	X(ERR_FILE_MANY,                                                                           \
	    "no list of keys has room for it, since OpenSSH reads no more than 2048: "             \
	    "move some to another directory, or offer fewer (Offer no, or a View)")                \
	X(ERR_DIRECTORY, "the key directory cannot be read: chmod u+rx mends it")                  \
	X(ERR_DIRECTORY_GONE, "there is no such key directory: make it, or take it out of the "    \
			      "configuration (KeyDirectory)")                                      \
	X(ERR_UNLOCK_FORWARDED, "keys are not unlocked for another host (UnlockForwarded)")        \
	X(ERR_NO_KEYRING, "no keyring (Secret Service) answers")                                   \
	X(ERR_KEYRING_LOCKED, "the keyring was not unlocked")                                      \
	X(ERR_KEYRING, "the keyring reported an error")                                            \
	X(ERR_VIEW, "this socket does not offer the key")                                          \
	X(ERR_VIEW_WHOLE, "it would reach keys that this socket does not show: use the agent's "   \
			  "own socket")                                                            \
	X(ERR_VIEW_READ_ONLY, "keys cannot be changed through this socket")                        \
	X(ERR_RULES_CHANGED,                                                                       \
	    "the key's rules changed meanwhile, and its use is to be confirmed now: try again")

enum err {
#define ERR_ENUM(name, words) name,
	ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

/* The words for e: a constant string, never NULL, also for an unknown value. */
const char *err_text(enum err e);

#endif
