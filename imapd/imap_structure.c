/*
 * ENVELOPE, BODY and BODYSTRUCTURE.  A record lists parts in preorder; what
 * stands behind the children of a part is written when the walk leaves it, so
 * the parts that are open are kept on a stack.
 */
#include "imapd/imap_structure.h"

#include "common/scan.h"
#include "imapd/imap_param.h"
#include "imapd/imap_reply.h"

struct open {
	struct record_part part;
	bool has_child;
};

struct stack {
	struct open open[RECORD_DEPTH_MAX + 1];
	unsigned len;
};

/* ---- ENVELOPE ---- */

static void
put_addresses(struct buf *out, struct span list)
{
	struct record_address a;
	bool any = false;

	while (record_address_next(&list, &a)) {
		buf_add(out, any ? SPAN("(") : SPAN("(("));
		any = true;
		imap_put_nstring(out, a.name);
		buf_add(out, SPAN(" NIL ")); /* source routes are history */
		imap_put_nstring(out, a.mailbox);
		buf_byte(out, ' ');
		imap_put_nstring(out, a.host);
		buf_byte(out, ')');
	}
	buf_add(out, any ? SPAN(")") : SPAN("NIL"));
}

static void
put_envelope(struct buf *out, const struct record_part *part)
{
	struct record_envelope e;

	(void)record_envelope(part, &e); /* all absent if it cannot be read */
	buf_byte(out, '(');
	imap_put_nstring(out, e.date);
	buf_byte(out, ' ');
	imap_put_nstring(out, e.subject);
	for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++) {
		buf_byte(out, ' ');
		put_addresses(out, e.addresses[i]);
	}
	buf_byte(out, ' ');
	imap_put_nstring(out, e.in_reply_to);
	buf_byte(out, ' ');
	imap_put_nstring(out, e.message_id);
	buf_byte(out, ')');
}

void
imap_put_envelope(struct buf *out, struct span bytes)
{
	struct record_part part = { 0 };
	struct record_cursor at = { 0 };
	struct record r;

	if (record_open(bytes, &r) && !record_next(&r, &at, &part))
		part = (struct record_part){ 0 };
	put_envelope(out, &part);
}

/* ---- BODY, BODYSTRUCTURE ---- */

static void
put_languages(struct buf *out, struct span list)
{
	struct span name, language;
	bool any = false;

	while (record_list_next(&list, &name, &language)) {
		buf_byte(out, any ? ' ' : '(');
		any = true;
		imap_put_string(out, language);
	}
	buf_add(out, any ? SPAN(")") : SPAN("NIL"));
}

/* disposition, language, location */
static void
put_extension(struct buf *out, const struct record_part *p, unsigned how)
{
	buf_byte(out, ' ');
	if (p->disposition.ptr == NULL) {
		buf_add(out, SPAN("NIL"));
	} else {
		buf_byte(out, '(');
		imap_put_string(out, p->disposition);
		buf_byte(out, ' ');
		imap_put_params(
		    out, p->disposition_params, how & IMAP_STRUCTURE_DECODED);
		buf_byte(out, ')');
	}
	buf_byte(out, ' ');
	put_languages(out, p->languages);
	buf_byte(out, ' ');
	imap_put_nstring(out, p->location);
}

static struct span
or_else(struct span s, struct span otherwise)
{
	return s.ptr != NULL ? s : otherwise;
}

/* "(" type SP subtype SP params SP id SP description SP encoding SP octets */
static void
put_basic(struct buf *out, const struct record_part *p, unsigned how)
{
	buf_byte(out, '(');
	imap_put_string(out, or_else(p->type, SPAN("TEXT")));
	buf_byte(out, ' ');
	imap_put_string(out, or_else(p->subtype, SPAN("PLAIN")));
	buf_byte(out, ' ');
	imap_put_params(out, p->params, how & IMAP_STRUCTURE_DECODED);
	buf_byte(out, ' ');
	imap_put_nstring(out, p->id);
	buf_byte(out, ' ');
	imap_put_nstring(out, p->description);
	buf_byte(out, ' ');
	imap_put_string(out, or_else(p->encoding, SPAN("7BIT")));
	buf_byte(out, ' ');
	buf_number(out, p->body_len);
}

static void
put_lines(struct buf *out, const struct record_part *p)
{
	buf_byte(out, ' ');
	buf_number(out, p->body_lines);
}

/* What stands behind the numbers of a part that is no multipart. */
static void
end_single(struct buf *out, const struct record_part *p, unsigned how)
{
	if (how & IMAP_STRUCTURE_EXTENDED) {
		buf_byte(out, ' ');
		imap_put_nstring(out, p->md5);
		put_extension(out, p, how);
	}
	buf_byte(out, ')');
}

static void
put_leaf(struct buf *out, const struct record_part *p, unsigned how)
{
	put_basic(out, p, how);
	if (p->type.ptr == NULL || span_is(p->type, "TEXT"))
		put_lines(out, p);
	end_single(out, p, how);
}

static bool
is_message(const struct record_part *p)
{
	return span_is_nocase(p->type, "MESSAGE") &&
	       (span_is_nocase(p->subtype, "RFC822") ||
		   span_is_nocase(p->subtype, "GLOBAL"));
}

/* Whoever reads MESSAGE RFC822 reads on for the envelope of the message inside
 * (RFC 9051, 9: media-message); a part that has none, or whose message nobody
 * looked into since it is encoded, is shown as what it is, bytes. */
static void
put_childless(struct buf *out, const struct record_part *p, unsigned how)
{
	static const struct record_part empty;
	struct record_part shown = *p;

	if (p->kind == RECORD_MULTIPART) {
		buf_byte(out, '(');
		put_leaf(out, &empty, how);
		buf_byte(out, ' ');
		imap_put_string(out, or_else(p->subtype, SPAN("MIXED")));
		if (how & IMAP_STRUCTURE_EXTENDED) {
			buf_byte(out, ' ');
			imap_put_params(
			    out, p->params, how & IMAP_STRUCTURE_DECODED);
			put_extension(out, p, how);
		}
		buf_byte(out, ')');
		return;
	}
	if (p->kind == RECORD_MESSAGE || is_message(p)) {
		shown.type = SPAN("APPLICATION");
		shown.subtype = SPAN("OCTET-STREAM");
	}
	put_leaf(out, &shown, how);
}

static void
close_part(struct buf *out, const struct open *o, unsigned how)
{
	static const struct record_part empty;
	const struct record_part *p = &o->part;

	if (!o->has_child) { /* the record ends before its time */
		if (p->kind == RECORD_MESSAGE) {
			put_envelope(out, &empty);
			buf_byte(out, ' ');
		}
		put_leaf(out, &empty, how);
	}
	if (p->kind == RECORD_MESSAGE) {
		put_lines(out, p);
		end_single(out, p, how);
		return;
	}
	buf_byte(out, ' ');
	imap_put_string(out, or_else(p->subtype, SPAN("MIXED")));
	if (how & IMAP_STRUCTURE_EXTENDED) {
		buf_byte(out, ' ');
		imap_put_params(out, p->params, how & IMAP_STRUCTURE_DECODED);
		put_extension(out, p, how);
	}
	buf_byte(out, ')');
}

/* Leaves the parts that do not hold the entry with that index. */
static void
leave(struct buf *out, struct stack *s, unsigned index, unsigned how)
{
	while (s->len > 0) {
		const struct open *o = &s->open[s->len - 1];

		if (index <= o->part.index + o->part.descendants)
			return;
		close_part(out, o, how);
		s->len--;
	}
}

void
imap_put_structure(
    struct buf *out, struct span bytes, uint64_t size, unsigned how)
{
	struct record_cursor at = { 0 };
	struct record_part p;
	struct record r;
	struct stack s;
	bool any = false;

	s.len = 0;
	if (!record_open(bytes, &r))
		r = (struct record){ 0 };
	while (r.parts > 0 && record_next(&r, &at, &p)) {
		leave(out, &s, p.index, how);
		if (s.len == 0 && any)
			break; /* a second root: damage */
		any = true;
		if (s.len > 0) {
			struct open *o = &s.open[s.len - 1];

			/* A message has one content. */
			if (o->part.kind == RECORD_MESSAGE && o->has_child)
				continue;
			if (o->part.kind == RECORD_MESSAGE) {
				put_envelope(out, &p);
				buf_byte(out, ' ');
			}
			o->has_child = true;
		}
		if (p.kind == RECORD_LEAF || p.descendants == 0 ||
		    s.len == COUNT_OF(s.open)) {
			put_childless(out, &p, how);
			continue;
		}
		if (p.kind == RECORD_MESSAGE) {
			put_basic(out, &p, how);
			buf_byte(out, ' ');
		} else {
			buf_byte(out, '(');
		}
		s.open[s.len++] = (struct open){ .part = p };
	}
	leave(out, &s, UINT32_MAX, how);
	if (!any) {
		p = (struct record_part){ .body_len = size };
		put_leaf(out, &p, how);
	}
}
