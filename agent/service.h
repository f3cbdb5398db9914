/* Being a daemon or a service: readiness, standard descriptors. */
#ifndef SIGNET_SERVICE_H
#define SIGNET_SERVICE_H

/* Tell the service manager, if one asked (NOTIFY_SOCKET, sd_notify(3)). */
void service_ready(void);

/* Standard input, output and error lead nowhere from now on. */
void stdio_to_null(void);

#endif
