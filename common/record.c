/*
 * The bytes of a record: who writes them writes here, who reads them reads
 * here.  Little endian, without gaps:
 *
 * head	 0 u8  version
 *	 1 u8  flags: bit 0, some limit cut the analysis short
 *	 2 u16 parts
 *	 4 u64 size of the message
 *
 * entry 0 u32 length of this entry, with this number
 *	 4 u8  kind (enum record_kind)
 *	 5 u8  depth
 *	 6 u16 descendants
 *	 8 u64 header_start
 *	16 u64 header_len; the body begins where the header ends
 *	24 u64 body_len
 *	32 u32 body_lines
 *	36 u8  1 if there is an envelope
 *	37     strings type, subtype; list params; strings encoding, id,
 *	       description, md5, disposition; list disposition_params; string
 *	       location; list languages
 *	       then, if there is one, the envelope to the end of the entry:
 *	       strings date, subject, in_reply_to, message_id; lists from,
 *	       sender, reply_to, to, cc, bcc
 *
 * A string is u16 length (0xFFFF: absent) and bytes.  A list is u32 length and
 * that many bytes: parameters are pairs of strings, languages pairs whose name
 * is absent, addresses triples.  The length 0xFFFFFFFF, for sender and reply_to
 * alone, stands for the list of from.
 *
 * Numbers have fixed widths so that record_shift() need not move anything.
 */
#include "common/record.h"

#include "common/scan.h"
#include "common/wire.h"

enum {
	AT_VERSION = 0,
	AT_FLAGS = 1,
	AT_PARTS = 2,
	AT_SIZE = 4,

	AT_LENGTH = 0,
	AT_KIND = 4,
	AT_DEPTH = 5,
	AT_DESCENDANTS = 6,
	AT_HEADER_START = 8,
	AT_HEADER_LEN = 16,
	AT_BODY_LEN = 24,
	AT_BODY_LINES = 32,
	AT_ENVELOPE = 36,
	ENTRY_FIXED = 37,

	FLAG_CUT = 1,
	ABSENT = 0xFFFF,
};

static const uint32_t as_from = UINT32_MAX;

/* ---- writing ---- */

void
record_put_head(struct buf *b, const struct record *r)
{
	char head[RECORD_HEAD];

	head[AT_VERSION] = RECORD_VERSION;
	head[AT_FLAGS] = r->cut ? FLAG_CUT : 0;
	put_le16(head + AT_PARTS, (uint16_t)r->parts);
	put_le64(head + AT_SIZE, r->size);
	buf_add(b, (struct span){ head, sizeof(head) });
}

/* The longest beginning of `s` that fits and does not cut a UTF-8 character. */
static struct span
cut_string(struct span s)
{
	size_t len = RECORD_STRING_MAX;

	if (s.len <= len)
		return s;
	while (len > RECORD_STRING_MAX - 4 &&
	       ((unsigned char)s.ptr[len] & 0xC0) == 0x80)
		len--;
	/* Not UTF-8 at all: no place is better than another. */
	if (((unsigned char)s.ptr[len] & 0xC0) == 0x80)
		len = RECORD_STRING_MAX;
	return (struct span){ s.ptr, len };
}

static bool
breaks_lines(char c)
{
	return c == '\r' || c == '\n' || c == '\0';
}

void
record_put_string(struct buf *b, struct span s)
{
	char len[2];
	size_t start = b->len;

	put_le16(len, ABSENT);
	buf_add(b, (struct span){ len, sizeof(len) });
	if (s.ptr == NULL || b->bad)
		return;
	s = cut_string(s);
	for (size_t from = 0, i = 0; i <= s.len; i++) {
		if (i == s.len || breaks_lines(s.ptr[i])) {
			buf_add(b, (struct span){ s.ptr + from, i - from });
			from = i + 1;
		}
	}
	if (!b->bad)
		put_le16(
		    b->ptr + start, (uint16_t)(b->len - start - sizeof(len)));
}

size_t
record_list_begin(struct buf *b)
{
	size_t list = b->len;
	char len[4] = { 0 };

	buf_add(b, (struct span){ len, sizeof(len) });
	return list;
}

void
record_list_end(struct buf *b, size_t list)
{
	if (!b->bad)
		put_le32(b->ptr + list, (uint32_t)(b->len - list - 4));
}

void
record_put_as_from(struct buf *b)
{
	char len[4];

	put_le32(len, as_from);
	buf_add(b, (struct span){ len, sizeof(len) });
}

size_t
record_entry_begin(struct buf *b)
{
	static const char zeros[ENTRY_FIXED];
	size_t entry = b->len;

	buf_add(b, (struct span){ zeros, sizeof(zeros) });
	return entry;
}

void
record_entry_end(struct buf *b, size_t entry)
{
	if (!b->bad)
		put_le32(
		    b->ptr + entry + AT_LENGTH, (uint32_t)(b->len - entry));
}

void
record_entry_numbers(
    struct buf *b, size_t entry, const struct record_part *part)
{
	char *to = b->ptr + entry;

	if (b->bad)
		return;
	to[AT_KIND] = (char)part->kind;
	to[AT_DEPTH] = (char)part->depth;
	put_le16(to + AT_DESCENDANTS, (uint16_t)part->descendants);
	put_le64(to + AT_HEADER_START, part->header_start);
	put_le64(to + AT_HEADER_LEN, part->header_len);
	put_le64(to + AT_BODY_LEN, part->body_len);
	put_le32(to + AT_BODY_LINES, part->body_lines);
	to[AT_ENVELOPE] = part->has_envelope;
}

/* ---- reading ---- */

/* Takes `len` bytes off the front; false, and nothing taken, if they are not
 * there. */
static bool
take(struct span *from, size_t len, struct span *out)
{
	if (len > from->len)
		return false;
	*out = (struct span){ from->ptr, len };
	from->ptr += len;
	from->len -= len;
	return true;
}

static bool
take_string(struct span *from, struct span *out)
{
	struct span len;

	*out = NO_SPAN;
	if (!take(from, 2, &len))
		return false;
	if (le16(len.ptr) == ABSENT)
		return true;
	return take(from, le16(len.ptr), out);
}

/* An empty list is none: all who ask want to write NIL for it. */
static bool
take_list(struct span *from, struct span *out)
{
	struct span len;

	*out = NO_SPAN;
	if (!take(from, 4, &len))
		return false;
	if (le32(len.ptr) == 0)
		return true;
	return take(from, le32(len.ptr), out);
}

bool
record_open(struct span bytes, struct record *r)
{
	*r = (struct record){ .bytes = bytes };
	if (bytes.len < RECORD_HEAD ||
	    bytes.ptr[AT_VERSION] != RECORD_VERSION ||
	    (bytes.ptr[AT_FLAGS] & ~FLAG_CUT) != 0)
		return false;
	r->parts = le16(bytes.ptr + AT_PARTS);
	r->size = le64(bytes.ptr + AT_SIZE);
	r->cut = (bytes.ptr[AT_FLAGS] & FLAG_CUT) != 0;
	return r->parts > 0;
}

static void
take_numbers(const char *at, struct record_part *part)
{
	part->kind = (enum record_kind)(unsigned char)at[AT_KIND];
	part->depth = (unsigned char)at[AT_DEPTH];
	part->descendants = le16(at + AT_DESCENDANTS);
	part->header_start = le64(at + AT_HEADER_START);
	part->header_len = le64(at + AT_HEADER_LEN);
	part->body_start = part->header_start + part->header_len;
	part->body_len = le64(at + AT_BODY_LEN);
	part->body_lines = le32(at + AT_BODY_LINES);
	part->has_envelope = at[AT_ENVELOPE] == 1;
}

static bool
take_entry(struct span entry, struct record_part *part)
{
	take_numbers(entry.ptr, part);
	entry.ptr += ENTRY_FIXED;
	entry.len -= ENTRY_FIXED;
	if (!take_string(&entry, &part->type) ||
	    !take_string(&entry, &part->subtype) ||
	    !take_list(&entry, &part->params) ||
	    !take_string(&entry, &part->encoding) ||
	    !take_string(&entry, &part->id) ||
	    !take_string(&entry, &part->description) ||
	    !take_string(&entry, &part->md5) ||
	    !take_string(&entry, &part->disposition) ||
	    !take_list(&entry, &part->disposition_params) ||
	    !take_string(&entry, &part->location) ||
	    !take_list(&entry, &part->languages))
		return false;
	if (part->has_envelope)
		part->envelope = entry;
	/* What has no envelope has nothing more; so any value but 0 and 1 is
	 * damage. */
	return part->has_envelope || entry.len == 0;
}

bool
record_next(
    const struct record *r, struct record_cursor *c, struct record_part *part)
{
	struct span rest, entry;
	size_t at = c->at == 0 ? RECORD_HEAD : c->at;
	size_t len;

	*part = (struct record_part){ .index = c->index };
	if (c->index >= r->parts || at > r->bytes.len)
		return false;
	rest = (struct span){ r->bytes.ptr + at, r->bytes.len - at };
	if (rest.len < ENTRY_FIXED)
		return false;
	len = le32(rest.ptr + AT_LENGTH);
	if (len < ENTRY_FIXED || !take(&rest, len, &entry) ||
	    !take_entry(entry, part))
		return false;
	c->at = at + len;
	c->index++;
	return true;
}

/* The `number`th child of `parent`, which the cursor has just passed. */
static bool
find_child(const struct record *r, struct record_cursor *c,
    const struct record_part *parent, uint32_t number, struct record_part *part)
{
	unsigned last = parent->index + parent->descendants;
	unsigned depth = parent->depth + 1;

	while (c->index <= last && record_next(r, c, part)) {
		if (part->depth == depth && --number == 0)
			return true;
	}
	return false;
}

bool
record_find(const struct record *r, const uint32_t *number, size_t n,
    struct record_part *part)
{
	struct record_cursor c = { 0 };
	struct record_part parent;
	bool content =
	    true; /* `part` is the content of a message, not a part of one */

	if (!record_next(r, &c, part))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!content && part->kind == RECORD_MESSAGE) {
			parent = *part;
			if (!find_child(r, &c, &parent, 1, part))
				return false;
			content = true;
		}
		if (number[i] == 0)
			return false;
		if (part->kind == RECORD_MULTIPART) {
			parent = *part;
			if (!find_child(r, &c, &parent, number[i], part))
				return false;
		} else if (!content || number[i] != 1) {
			return false;
		}
		content = false;
	}
	return true;
}

static bool
take_envelope(struct span bytes, struct record_envelope *e)
{
	*e = (struct record_envelope){ 0 };
	if (!take_string(&bytes, &e->date) ||
	    !take_string(&bytes, &e->subject) ||
	    !take_string(&bytes, &e->in_reply_to) ||
	    !take_string(&bytes, &e->message_id))
		return false;
	for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++) {
		bool may_default = i == RECORD_SENDER || i == RECORD_REPLY_TO;

		if (may_default && bytes.len >= 4 &&
		    le32(bytes.ptr) == as_from) {
			e->addresses[i] = e->addresses[RECORD_FROM];
			bytes.ptr += 4;
			bytes.len -= 4;
		} else if (!take_list(&bytes, &e->addresses[i])) {
			return false;
		}
	}
	return bytes.len == 0;
}

bool
record_envelope(const struct record_part *part, struct record_envelope *e)
{
	if (part->has_envelope && take_envelope(part->envelope, e))
		return true;
	*e = (struct record_envelope){ 0 };
	return false;
}

bool
record_address_next(struct span *list, struct record_address *a)
{
	*a = (struct record_address){ 0 };
	return list->len > 0 && take_string(list, &a->name) &&
	       take_string(list, &a->mailbox) && take_string(list, &a->host);
}

bool
record_list_next(struct span *list, struct span *name, struct span *value)
{
	*name = *value = NO_SPAN;
	return list->len > 0 && take_string(list, name) &&
	       take_string(list, value);
}

void
record_shift(struct buf *out, struct span record, uint64_t prefix_len)
{
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part part;
	size_t start = out->len, at = RECORD_HEAD;

	buf_add(out, record);
	if (out->bad || !record_open(record, &r))
		return;
	put_le64(out->ptr + start + AT_SIZE, r.size + prefix_len);
	while (record_next(&r, &c, &part)) {
		if (part.index == 0)
			part.header_len += prefix_len;
		else
			part.header_start += prefix_len;
		record_entry_numbers(out, start + at, &part);
		at = c.at;
	}
}
