/* The vectors of tests/vectors/proto.txt and route.txt, and what mutation tests share. */
#ifndef SIGNET_TEST_PROTO_VECTORS_H
#define SIGNET_TEST_PROTO_VECTORS_H

#include "proto/base/bytes.h"

/* cmocka group fixtures: read the files, and release what was read. */
int vectors_load(void **state);
int vectors_unload(void **state);

/* The bytes, or the text, of this name until vectors_unload; the test fails when there is none. */
struct bytes vector(const char *name);

/* The same for "TYPE.what": vector_of("rsa", "add"). */
struct bytes vector_of(const char *type, const char *what);
bool vector_exists(const char *type, const char *what);

/* The key types of the vectors, NULL at the end. */
extern const char *const vector_types[];

/* Behind the message number. */
struct bytes body_of(struct bytes message);

/* The test fails unless both hold the same. */
void assert_bytes(struct bytes got, struct bytes want);

/* A parser under mutation; results beyond the error are not looked at. */
typedef enum err parse_whole(struct bytes input);

/*
 * Prove that valid parses; then cut it at every length (into memory of exactly that length, for the
 * address sanitizer), and give how many of the cuts still parse.
 */
size_t accepted_cuts(struct bytes valid, parse_whole *parse);

/* accepted_cuts is 0, and one byte more is refused. */
void assert_exact(struct bytes valid, parse_whole *parse);

/* valid parses with a zero byte behind it?  Gives the parser's word. */
enum err parse_longer(struct bytes valid, parse_whole *parse);

/* Flip each bit once; the parser may say what it wants.  Gives how many mutants were refused. */
size_t refused_flips(struct bytes valid, parse_whole *parse);

#endif
