#include "tokens/fido/list.h"

#include <fido.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/text.h"
#include "tokens/fido/cards.h"

/* The kernel gives every node a number of its own, also one that comes back under its old name. */
static uint64_t stamp_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

static const char *or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static void add_hid(struct found_list *out, const fido_dev_info_t *info)
{
	const char *path = or_empty(fido_dev_info_path(info));
	struct found *f = &out->all[out->n];
	char name[2 * FIDO_NAME_MOST];

	if (path[0] == '\0' || strlen(path) > FIDO_PATH_MOST)
		return;
	*f = (struct found){.transport = FIDO_HID, .stamp = stamp_of(path)};
	strcpy(f->path, path);
	snprintf(name, sizeof(name), "%s %s", or_empty(fido_dev_info_manufacturer_string(info)),
	    or_empty(fido_dev_info_product_string(info)));
	text_escape(bytes_str(name), f->name, sizeof(f->name));
	out->n++;
}

enum err list_hid(struct op *op, struct found_list *out)
{
	fido_dev_info_t *all = fido_dev_info_new(FIDO_PATHS_MOST);
	size_t n = 0;
	int code;

	if (all == NULL)
		return ERR_MEMORY;
	fido_init(0);
	code = fido_dev_info_manifest(all, FIDO_PATHS_MOST, &n);
	for (size_t i = 0; i < n && out->n < FIDO_PATHS_MOST; i++)
		add_hid(out, fido_dev_info_ptr(all, i));
	fido_dev_info_free(&all, FIDO_PATHS_MOST);
	/* Where there is no hidraw device at all, libfido2 calls that an error. */
	if (code != FIDO_OK && code != FIDO_ERR_INTERNAL)
		return op_fail(op, ERR_DEVICE, "looking for devices: %s", fido_strerr(code));
	return ERR_OK;
}

void list_card(struct found_list *out, const struct pcsc_reader *r, uint64_t stamp)
{
	struct found *f = &out->all[out->n];

	if (out->n == FIDO_PATHS_MOST)
		return;
	*f = (struct found){.transport = FIDO_PCSC, .stamp = stamp};
	snprintf(f->path, sizeof(f->path), PCSC_PREFIX "%s", r->name);
	text_escape(bytes_str(r->name), f->name, sizeof(f->name));
	out->n++;
}

void list_build(struct builder *b, const struct found_list *list)
{
	struct fido_device devices[FIDO_PATHS_MOST];

	for (size_t i = 0; i < list->n; i++) {
		const struct found *f = &list->all[i];

		devices[i] = (struct fido_device){
		    .path = bytes_str(f->path),
		    .instance = f->instance,
		    .transport = f->transport,
		    .name = bytes_str(f->name),
		};
	}
	fido_devices_build(b, devices, list->n);
}

enum err op_list(struct op *op)
{
	struct found_list *list = calloc(1, sizeof(*list));
	enum err e;

	if (list == NULL)
		return ERR_MEMORY;
	e = fido_plain_parse(op->message, FIDO_LIST);
	if (e == ERR_OK)
		e = list_hid(op, list);
	if (e == ERR_OK)
		cards_list(list);
	for (size_t i = 0; i < list->n; i++)
		list->all[i].instance = list->all[i].undecided ? 0 : i + 1;
	if (e == ERR_OK)
		list_build(&op->answer, list);
	free(list);
	return e;
}
