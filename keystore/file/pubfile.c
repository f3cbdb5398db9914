#include "keystore/file/pubfile.h"

#include "keystore/file/armor.h"
#include "keystore/file/lines.h"
#include "proto/keyblob.h"
#include "proto/limits.h"

void pubfile_clear(struct pubfile *p)
{
	blob_clear(&p->blob);
	blob_clear(&p->comment);
}

/* The next word, with the blanks around it taken off too. */
static struct bytes take_word(struct bytes *rest)
{
	size_t n = 0;
	struct bytes word;

	while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '\t')
		n++;
	word = BYTES(rest->data, n);
	while (n < rest->len && (rest->data[n] == ' ' || rest->data[n] == '\t'))
		n++;
	*rest = BYTES(rest->data + n, rest->len - n);
	return word;
}

/* A key or certificate that reads whole, of the type that the line says. */
static enum err check_blob(struct bytes blob, struct bytes type)
{
	struct reader r = reader_of(blob);
	struct bytes inner;
	struct pubkey key;
	bool is_cert;
	enum err e = reader_string(&r, &inner);

	if (e == ERR_OK && !bytes_equal(inner, type))
		e = ERR_FORMAT;
	return e == ERR_OK ? keyblob_parse(blob, &key, &is_cert) : e;
}

static enum err read_line(struct bytes line, struct pubfile *out)
{
	struct bytes type = take_word(&line);
	struct bytes base64 = take_word(&line);
	struct pubfile p = {0};
	bool is_cert;
	enum err e = keytype_find(type, &is_cert) != NULL ? ERR_OK : ERR_KEY_TYPE;

	if (e == ERR_OK)
		e = armor_decode(base64, &p.blob);
	if (e == ERR_OK)
		e = check_blob(blob_view(&p.blob), type);
	if (e == ERR_OK)
		e = blob_copy(&p.comment, line);
	if (e == ERR_OK)
		*out = p;
	else
		pubfile_clear(&p);
	return e;
}

enum err pubfile_parse(struct bytes file, struct pubfile *out)
{
	struct bytes rest = text_without_bom(file), line;

	if (file.len > LIMIT_KEY_FILE)
		return ERR_FILE_TOO_BIG;
	while (line_next(&rest, &line)) {
		line = line_trimmed(line);
		if (line.len != 0 && line.data[0] != '#')
			return read_line(line, out);
	}
	return ERR_FILE_EMPTY;
}
