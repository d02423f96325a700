/* Mailbox names on the wire. */
#include "imapd/imap_name.h"

#include "common/decode.h"
#include "common/utf7.h"
#include "imapd/imap_reply.h"

enum { NAME_MAX_BYTES = 4096 }; /* of one name before it is looked at closely */

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

static bool
has_ampersand(struct span s)
{
	return s.len > 0 && memchr(s.ptr, '&', s.len) != NULL;
}

bool
imap_name_decode(struct buf *name, struct span wire, bool utf8)
{
	struct buf plain = BUF_INIT(NAME_MAX_BYTES);
	bool good;

	if (is_ascii(wire)) {
		if (!utf8 && has_ampersand(wire))
			good = utf7_decode(&plain, wire);
		else {
			buf_add(name, wire);
			return !name->bad;
		}
	} else {
		buf_add(&plain, wire);
		good = !plain.bad;
	}
	if (good)
		good = decode_normalize(name, buf_span(&plain)) && !name->bad;
	buf_free(&plain);
	return good;
}

static struct span
without_slash(struct span name)
{
	if (name.len > 1 && name.ptr[name.len - 1] == '/')
		name.len--;
	return name;
}

bool
imap_name_get_said(struct imap_args *a, struct buf *name, struct span *said)
{
	struct span wire = without_slash(imap_astring(a));

	*said = NO_SPAN;
	if (a->scan.bad || !imap_name_decode(name, wire, a->utf8))
		return false;
	if (!is_ascii(wire) && !span_same(buf_span(name), wire))
		*said = wire;
	return true;
}

bool
imap_name_get(struct imap_args *a, struct buf *name)
{
	struct span said;

	return imap_name_get_said(a, name, &said);
}

void
imap_name_put(struct buf *out, struct span name, bool utf8)
{
	struct buf wire = BUF_INIT(8 * name.len + 8);

	if (is_ascii(name) && (utf8 || !has_ampersand(name))) {
		imap_put_astring(out, name);
		return;
	}
	if (utf8) {
		imap_put_quoted(out, name);
		return;
	}
	utf7_encode(&wire, name);
	imap_put_astring(out, buf_span(&wire));
	buf_free(&wire);
}
