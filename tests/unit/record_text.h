/*
 * A record as a line of text, so that tests can say what they expect of a
 * message in a readable way:
 *
 *	TEXT/PLAIN"body":1	a leaf, its body and the LF in it
 *	[header]TEXT/PLAIN"":0	the header of a part, but for the top one
 *	MULTIPART/MIXED:5(...)	a multipart, the LF in its body, its parts
 *	MESSAGE/RFC822:3(...)	a message, its content
 */
#ifndef TESTS_UNIT_RECORD_TEXT_H
#define TESTS_UNIT_RECORD_TEXT_H

#include "common/buf.h"
#include "common/record.h"

static inline void
put_escaped(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c == '\r')
			buf_text(b, "\\r");
		else if (c == '\n')
			buf_text(b, "\\n");
		else if (c < ' ' || c > '~')
			buf_format(b, "\\x%02x", c);
		else
			buf_byte(b, s.ptr[i]);
	}
}

static inline void
record_text(struct buf *b, struct span record, struct span message)
{
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part p;
	unsigned depth = 0;
	bool first = true;

	if (!record_open(record, &r)) {
		buf_text(b, "no record");
		return;
	}
	while (record_next(&r, &c, &p)) {
		if (p.depth > depth)
			buf_byte(b, '(');
		for (; depth > p.depth; depth--)
			buf_byte(b, ')');
		if (!first && b->ptr[b->len - 1] != '(')
			buf_byte(b, ' ');
		depth = p.depth;
		if (!first && p.header_len > 0) {
			buf_byte(b, '[');
			put_escaped(
			    b, (struct span){ message.ptr + p.header_start,
				   p.header_len });
			buf_byte(b, ']');
		}
		first = false;
		buf_add(b, p.type);
		buf_byte(b, '/');
		buf_add(b, p.subtype);
		if (p.kind == RECORD_LEAF) {
			buf_byte(b, '"');
			put_escaped(
			    b, (struct span){
				   message.ptr + p.body_start, p.body_len });
			buf_byte(b, '"');
		}
		buf_byte(b, ':');
		buf_number(b, p.body_lines);
	}
	for (; depth > 0; depth--)
		buf_byte(b, ')');
	if (r.cut)
		buf_text(b, " cut");
}

/* The strings of the parts and envelopes, one "name=value" after another. */
static inline void
put_named(struct buf *b, const char *name, struct span s)
{
	if (s.ptr == NULL)
		return;
	if (b->len > 0)
		buf_byte(b, ' ');
	buf_text(b, name);
	buf_byte(b, '=');
	put_escaped(b, s);
}

static inline void
put_list(struct buf *b, const char *name, struct span list)
{
	struct span key, value;

	while (record_list_next(&list, &key, &value)) {
		if (b->len > 0)
			buf_byte(b, ' ');
		buf_text(b, name);
		if (key.ptr != NULL) {
			buf_byte(b, '.');
			put_escaped(b, key);
		}
		buf_byte(b, '=');
		put_escaped(b, value);
	}
}

static inline void
put_addresses(struct buf *b, const char *name, struct span list)
{
	struct record_address a;
	bool any = false;

	while (record_address_next(&list, &a)) {
		if (!any && b->len > 0)
			buf_byte(b, ' ');
		if (!any)
			buf_text(b, name);
		buf_byte(b, any ? ',' : '=');
		any = true;
		if (a.host.ptr == NULL) {
			put_escaped(b, a.mailbox);
			buf_byte(b, a.mailbox.ptr != NULL ? ':' : ';');
			continue;
		}
		put_escaped(b, a.name);
		buf_byte(b, '<');
		put_escaped(b, a.mailbox);
		buf_byte(b, '@');
		put_escaped(b, a.host);
		buf_byte(b, '>');
	}
}

static inline void
part_text(struct buf *b, const struct record_part *p)
{
	static const char *const fields[RECORD_ADDRESS_FIELDS] = { "from",
		"sender", "reply-to", "to", "cc", "bcc" };
	struct record_envelope e;

	put_list(b, "param", p->params);
	put_named(b, "encoding", p->encoding);
	put_named(b, "id", p->id);
	put_named(b, "description", p->description);
	put_named(b, "md5", p->md5);
	put_named(b, "disposition", p->disposition);
	put_list(b, "dparam", p->disposition_params);
	put_named(b, "location", p->location);
	put_list(b, "language", p->languages);
	if (!record_envelope(p, &e))
		return;
	put_named(b, "date", e.date);
	put_named(b, "subject", e.subject);
	put_named(b, "in-reply-to", e.in_reply_to);
	put_named(b, "message-id", e.message_id);
	for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++)
		put_addresses(b, fields[i], e.addresses[i]);
}

#endif
