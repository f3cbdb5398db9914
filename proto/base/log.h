/*
 * Log lines for people.  A line says what happened and, for a refusal, why.
 * No secret is ever given to these functions; text that came from outside goes
 * through text_escape() (text.h) first.
 */
#ifndef SIGNET_LOG_H
#define SIGNET_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Takes one line, without a line end. */
typedef void (*log_sink)(enum log_level level, const char *line);

/*
 * Lines above most are dropped, and so are those beyond a hundred a second, whose number is told
 * afterwards.  The default: warnings and worse to standard error, after "name: ".
 */
void log_start(const char *name, enum log_level most);

/* Send lines elsewhere (the core sends them to its supervisor); NULL is standard error. */
void log_to(log_sink sink);

/* For standard output of the system logger; call in the process that may open its socket. */
void log_syslog(enum log_level level, const char *line);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
