#include <stdio.h>

#include "add/add.h"
#include "add/command.h"

int cmd_add(struct run *r)
{
	const struct options *o = r->options;
	bool well = true;

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
