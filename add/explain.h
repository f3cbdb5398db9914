/* Why an agent refused: the agent protocol has no words for it, but signet-agent's log has. */
#ifndef SIGNET_ADD_EXPLAIN_H
#define SIGNET_ADD_EXPLAIN_H

/*
 * Write the reason of the last request of ours that was refused to standard error.  Nothing when
 * the agent is another one, is on another machine, or knows of none.
 */
void explain_refusal(void);

#endif
