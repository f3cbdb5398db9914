/* signet-setup: what signet-agent --setup and --doctor do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/setup/doctor.h"
#include "agent/setup/setup.h"
#include "proto/base/log.h"

/* setup|undo|replace|doctor [AGENT]: the work, and the path of the program that started us. */
int main(int argc, char *argv[])
{
	const char *word = argc >= 2 ? argv[1] : "";
	struct place place;

	log_start("signet-agent", LOG_LEVEL_INFO);
	if (argc < 2 || argc > 3) {
		fputs("signet-setup is started by: signet-agent --setup, signet-agent --doctor\n",
		    stderr);
		return EXIT_FAILURE;
	}
	if (!place_find(argv[2], &place))
		return EXIT_FAILURE;
	if (strcmp(word, "setup") == 0 || strcmp(word, "replace") == 0)
		return setup_do(&place, word[0] == 'r');
	if (strcmp(word, "undo") == 0)
		return setup_undo(&place);
	if (strcmp(word, "doctor") == 0)
		return doctor(&place);
	fputs("signet-setup is started by: signet-agent --setup, signet-agent --doctor\n", stderr);
	return EXIT_FAILURE;
}
