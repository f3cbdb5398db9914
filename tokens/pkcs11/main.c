/* signet-pkcs11: see proto/tokenmsg.h. */
#include "proto/helperio.h"

int main(void)
{
	return helper_started() ? 1 : 2;
}
