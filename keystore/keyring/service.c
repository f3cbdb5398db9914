#include "keystore/keyring/service.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/log.h"

/* --- what goes wrong ---------------------------------------------------------------------------
 */

/* The bus has nobody of this name, and cannot start anybody. */
static bool is_absence(const GError *error)
{
	static const gint codes[] = {
	    G_DBUS_ERROR_SERVICE_UNKNOWN,
	    G_DBUS_ERROR_NAME_HAS_NO_OWNER,
	    G_DBUS_ERROR_SPAWN_EXEC_FAILED,
	    G_DBUS_ERROR_SPAWN_FORK_FAILED,
	    G_DBUS_ERROR_SPAWN_CHILD_EXITED,
	    G_DBUS_ERROR_SPAWN_CHILD_SIGNALED,
	    G_DBUS_ERROR_SPAWN_FAILED,
	    G_DBUS_ERROR_SPAWN_SETUP_FAILED,
	    G_DBUS_ERROR_SPAWN_CONFIG_INVALID,
	    G_DBUS_ERROR_SPAWN_SERVICE_INVALID,
	    G_DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND,
	    G_DBUS_ERROR_SPAWN_PERMISSIONS_INVALID,
	    G_DBUS_ERROR_SPAWN_FILE_INVALID,
	    G_DBUS_ERROR_ACCESS_DENIED,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
		if (g_error_matches(error, G_DBUS_ERROR, codes[i]))
			return true;
	}
	return false;
}

/* The service's own words are not shown: it knows secrets, and may put them anywhere. */
enum err service_fault(const struct service *s, GError *error)
{
	enum err e = patience_end(s->patience);

	if (e == ERR_OK && error != NULL && is_absence(error))
		e = ERR_NO_KEYRING;
	else if (e == ERR_OK && g_error_matches(error, SECRET_ERROR, SECRET_ERROR_IS_LOCKED))
		e = ERR_KEYRING_LOCKED;
	else if (e == ERR_OK) {
		e = ERR_KEYRING;
		if (error != NULL)
			log_info("the Secret Service failed: %s, number %d",
			    g_quark_to_string(error->domain), error->code);
	}
	g_clear_error(&error);
	return e;
}

/* --- the bus ------------------------------------------------------------------------------------
 */

/* Sockets only: other addresses would have a program started, or lead out of the machine. */
static void take_sockets(GString *out, const char *addresses)
{
	char **list = g_strsplit(addresses, ";", -1);

	for (char **a = list; *a != NULL; a++) {
		if (g_str_has_prefix(*a, "unix:"))
			g_string_append_printf(out, "%s%s", out->len != 0 ? ";" : "", *a);
	}
	g_strfreev(list);
}

/* Where no variable says it, the bus is where systemd has it; nobody starts one. */
static enum err find_bus(void)
{
	const char *addresses = getenv("DBUS_SESSION_BUS_ADDRESS");
	const char *dir = getenv("XDG_RUNTIME_DIR");
	GString *found = g_string_new(NULL);
	enum err e = ERR_OK;

	if (addresses != NULL && addresses[0] != '\0') {
		take_sockets(found, addresses);
	} else if (dir != NULL && dir[0] == '/') {
		char *path = g_build_filename(dir, "bus", NULL);
		char *escaped = g_dbus_address_escape_value(path);
		struct stat st;

		if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
			g_string_append_printf(found, "unix:path=%s", escaped);
		g_free(escaped);
		g_free(path);
	}
	if (found->len == 0)
		e = ERR_NO_KEYRING;
	else if (setenv("DBUS_SESSION_BUS_ADDRESS", found->str, 1) != 0)
		e = ERR_MEMORY;
	g_string_free(found, TRUE);
	return e;
}

enum err service_open(struct service *s)
{
	GError *error = NULL;
	GDBusConnection *bus;
	enum err e = find_bus();

	if (e != ERR_OK)
		return e;
	bus = g_bus_get_sync(G_BUS_TYPE_SESSION, s->cancel, &error);
	if (bus == NULL) {
		g_clear_error(&error);
		e = patience_end(s->patience);
		return e == ERR_OK ? ERR_NO_KEYRING : e;
	}
	g_dbus_connection_set_exit_on_close(bus, FALSE);
	s->proxy = secret_service_get_sync(SECRET_SERVICE_OPEN_SESSION, s->cancel, &error);
	g_object_unref(bus);
	return s->proxy != NULL ? ERR_OK : service_fault(s, error);
}
