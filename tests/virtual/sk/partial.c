/* sk-partial.so: middleware that tells its version, and lacks everything else. */
#include "tests/virtual/sk/sk_api.h"

uint32_t sk_api_version(void)
{
	return SK_VERSION;
}
