#include "agent/setup/texts.h"

#include <string.h>

#include "agent/setup/files.h"
#include "proto/builder.h"

/* The files themselves are part of the program, so that one that was only built has them, too. */
#define EMBED(name, file)                                                                          \
	extern const uint8_t name[] __attribute__((visibility("hidden")));                         \
	extern const uint8_t name##_end[] __attribute__((visibility("hidden")));                   \
	__asm__(".pushsection .rodata\n"                                                           \
		".hidden " #name ", " #name "_end\n"                                               \
		".globl " #name ", " #name "_end\n" #name ": .incbin \"" file "\"\n" #name         \
		"_end: .byte 0\n"                                                                  \
		".popsection")

EMBED(text_socket, "packaging/systemd/signet-agent.socket");
EMBED(text_control, "packaging/systemd/signet-agent-control.socket");
EMBED(text_service, "packaging/systemd/signet-agent.service");
EMBED(text_desktop, "packaging/xdg/signet-agent.desktop");
EMBED(text_snippet, "packaging/shell/signet.sh");
static const uint8_t text_environment[] = "SSH_AUTH_SOCK=${XDG_RUNTIME_DIR}/signet/agent.sock\n";

static const struct text {
	const char *name;
	const uint8_t *start;
	const uint8_t *end;
	const char *special; /* characters that a path in it must not have */
} texts[] = {
    [TEXT_SOCKET] = {"signet-agent.socket", text_socket, text_socket_end, ""},
    [TEXT_CONTROL] = {"signet-agent-control.socket", text_control, text_control_end, ""},
    [TEXT_SERVICE] = {"signet-agent.service", text_service, text_service_end, "\"\\$%"},
    [TEXT_DESKTOP] = {"signet-agent.desktop", text_desktop, text_desktop_end, "\"\\$%`"},
    [TEXT_SNIPPET] = {"signet.sh", text_snippet, text_snippet_end, "\"\\$`"},
    [TEXT_ENVIRONMENT] = {"90-signet.conf", text_environment,
	text_environment + sizeof(text_environment) - 1, ""},
};

const char *text_name(enum text_id id)
{
	return texts[id].name;
}

/* A word between two @ is a path. */
static const char *filled(struct bytes word, const struct place *p, const char *snippet)
{
	if (bytes_begin(word, "@AGENT@"))
		return p->agent.text;
	return bytes_begin(word, "@SNIPPET@") ? snippet : NULL;
}

enum err text_make(enum text_id id, const struct place *p, const char *snippet, struct blob *out)
{
	const struct text *t = &texts[id];
	struct bytes rest = BYTES(t->start, (size_t)(t->end - t->start));
	struct builder b = {0};
	enum err e = ERR_OK;

	builder_put(&b, bytes_str(TEXT_MARK "\n"));
	while (rest.len > 0) {
		const char *path = rest.data[0] == '@' ? filled(rest, p, snippet) : NULL;
		size_t n = 1;

		if (path == NULL) {
			builder_u8(&b, rest.data[0]);
		} else {
			if (path[0] == '\0' || path[strcspn(path, t->special)] != '\0')
				e = ERR_TEXT;
			builder_put(&b, bytes_str(path));
			n = (size_t)((const uint8_t *)memchr(rest.data + 1, '@', rest.len - 1) + 1 -
				     rest.data);
		}
		rest = BYTES(rest.data + n, rest.len - n);
	}
	if (e == ERR_OK)
		e = builder_take(&b, out);
	builder_clear(&b);
	return e;
}
