/* What the parts of p11bad.so share; what it is for is said in p11bad.c. */
#ifndef SIGNET_TESTS_P11BAD_H
#define SIGNET_TESTS_P11BAD_H

#include <stdbool.h>
#include <stddef.h>

#include <p11-kit/pkcs11.h>

enum { BAD_PATH = 1024, BAD_LINE = 256, BAD_LIE = 1 << 20 };

extern CK_FUNCTION_LIST *bad_real; /* the module behind this one */

/* A file beside this library, whose name is longer by ending, unless a variable names another. */
bool bad_path(const char *variable, const char *ending, char out[BAD_PATH]);

/* Is there such a command now?  arg: what stands behind its name; may be NULL. */
bool bad_told(const char *command, char arg[BAD_LINE]);

/* The same for "COMMAND WORD [N]", N of them. */
bool bad_told_of(const char *command, const char *word);

/* The same for "COMMAND N": uses one of them up; without a number there is no end of them. */
bool bad_told_once(const char *command);

/* "fail FUNCTION NUMBER [N]": CKR_OK, or the number. */
CK_RV bad_failure(const char *function);

/* "COMMAND FUNCTION [N]": does not return as long as it stands; N times. */
void bad_hang(const char *command, const char *function);

/* A line in the record of calls. */
void bad_record(const char *line);

/* C_FindObjectsInit, C_FindObjects, C_GetAttributeValue, with what is told of objects. */
CK_RV bad_find_begin(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n);
CK_RV bad_find_objects(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG most, CK_ULONG *n);
CK_RV bad_attributes(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *template, CK_ULONG n);

/* The real module's handle of an object, which may be one of those that were made up. */
CK_OBJECT_HANDLE bad_handle(CK_OBJECT_HANDLE h);

#endif
