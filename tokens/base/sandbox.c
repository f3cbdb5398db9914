#include "tokens/base/sandbox.h"

#include "proto/base/profiles.h"

enum err sandbox_enter(void)
{
	return profile_enter(&profile_device);
}

enum err sandbox_enter_module(bool network)
{
	return profile_enter(network ? &profile_module_network : &profile_module);
}
