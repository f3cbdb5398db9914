#include <stdio.h>

#include "add/add.h"
#include "add/command.h"
#include "add/control.h"
#include "add/destination.h"

/*
 * Rules that the agent protocol cannot tell go to the control socket, or the keys are not added:
 * never with weaker rules than the person wants.
 */
static bool reach_control(struct run *r)
{
	if (key_rules_none(&r->options->rules) || control_connect(&r->control))
		return true;
	fputs("No key was added: --confirm, --idle and --local-only need it.\n", stderr);
	return false;
}

bool prepare_additions(struct run *r)
{
	const struct options *o = r->options;
	struct destination_words w = {
	    o->destinations, o->ndestinations, o->hostkey_files, o->nhostkey_files};

	if (!reach_control(r))
		return false;
	return w.nspecs == 0 || destinations_find(&w, &r->destinations) == ERR_OK;
}

int cmd_add(struct run *r)
{
	const struct options *o = r->options;
	bool well = true;

	if (!prepare_additions(r))
		return EXIT_FAILED;
	if (o->noperands == 0) {
		if (default_files(r, add_file, &well))
			return well ? EXIT_DONE : EXIT_FAILED;
		fputs("None of the usual key files is in ~/.ssh.  Name a key file, "
		      "add what is there with --all, or make a key with: ssh-keygen -t ed25519\n",
		    stderr);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < o->noperands; i++) {
		if (!add_file(r, o->operands[i]))
			well = false;
	}
	return well ? EXIT_DONE : EXIT_FAILED;
}
