/* The socket of whoever started a helper. */
#ifndef SIGNET_TOKENS_ASKER_H
#define SIGNET_TOKENS_ASKER_H

/*
 * The asker's socket goes where no library finds it by the number that helpers are known to have;
 * what one prints goes nowhere: standard input and output are /dev/null from here on.  The new
 * descriptor, close-on-exec; -1 with errno when that cannot be had.
 */
int asker_hide(void);

#endif
