/*
 * signet-fido's operations over libfido2, on virtual authenticators behind libfido2's own device
 * interface, whose answers are bent on their way: a hostile device in a USB port.
 */
#include "tests/fuzz/hostile_card.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	hostile_start();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	hostile_run(data, size);
	return 0;
}
