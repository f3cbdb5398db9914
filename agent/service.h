/* Being a daemon or a service: readiness, standard descriptors. */
#ifndef SIGNET_SERVICE_H
#define SIGNET_SERVICE_H

/* Tell the service manager, if one asked (NOTIFY_SOCKET, sd_notify(3)). */
void service_ready(void);

/*
 * Open what is closed of standard input, output and error on /dev/null, so that no other
 * descriptor ever has their numbers.  First thing in main().
 */
void stdio_fill(void);

/* Standard input, output and error lead nowhere from now on. */
void stdio_to_null(void);

#endif
