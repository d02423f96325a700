/* What BODY[...] names. */
#include "imapd/imap_section.h"

#include "common/header.h"
#include "common/mem.h"
#include "common/record.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_reply.h"

/* clang-format off */
static const struct {
	const char *name;
	bool of_message; /* of a whole message only, or one that is a part */
} kinds[] = {
	[IMAP_SECTION_WHOLE]      = { "", false },
	[IMAP_SECTION_HEADER]     = { "HEADER", true },
	[IMAP_SECTION_TEXT]       = { "TEXT", true },
	[IMAP_SECTION_MIME]       = { "MIME", false },
	[IMAP_SECTION_FIELDS]     = { "HEADER.FIELDS", true },
	[IMAP_SECTION_FIELDS_NOT] = { "HEADER.FIELDS.NOT", true },
};
/* clang-format on */

void
imap_section_free(struct imap_section *sec)
{
	mem_free(&sec->number);
	mem_free(&sec->field);
	*sec = (struct imap_section){ 0 };
}

static bool
wants_fields(const struct imap_section *sec)
{
	return sec->kind == IMAP_SECTION_FIELDS ||
	       sec->kind == IMAP_SECTION_FIELDS_NOT;
}

/* ---- parsing ---- */

static void
parse_fields(struct imap_args *a, struct imap_section *sec)
{
	imap_sp(a);
	scan_need(&a->scan, '(');
	do {
		struct span name = imap_astring(a);

		if (a->scan.bad || name.len == 0 ||
		    sec->nfields == IMAP_FIELDS_MAX) {
			scan_fail(&a->scan);
			return;
		}
		/* Grows by doubling: 1, 2, 4, ... */
		if ((sec->nfields & (sec->nfields - 1)) == 0)
			sec->field = mem_resize(sec->field,
			    sec->nfields == 0 ? 1 : 2 * sec->nfields,
			    sizeof(sec->field[0]));
		sec->field[sec->nfields++] = name;
	} while (scan_try(&a->scan, ' '));
	scan_need(&a->scan, ')');
}

/* nz-number *("." nz-number), and the "." behind it if there is one */
static void
parse_numbers(struct imap_args *a, struct imap_section *sec)
{
	uint32_t number[IMAP_SECTION_DEPTH_MAX];
	int c = scan_peek(&a->scan);

	while (c >= '0' && c <= '9') {
		if (sec->depth == COUNT_OF(number) ||
		    (number[sec->depth] = imap_number(a)) == 0) {
			scan_fail(&a->scan);
			return;
		}
		sec->depth++;
		if (!scan_try(&a->scan, '.'))
			break;
		c = scan_peek(&a->scan);
		if (c == ']')
			scan_fail(&a->scan);
	}
	if (sec->depth == 0)
		return;
	sec->number = mem_array(sec->depth, sizeof(sec->number[0]));
	memcpy(sec->number, number, sec->depth * sizeof(number[0]));
}

void
imap_section_parse(struct imap_args *a, struct imap_section *sec)
{
	struct span name;

	parse_numbers(a, sec);
	if (scan_try(&a->scan, ']'))
		return;
	name = imap_atom(a);
	for (size_t i = IMAP_SECTION_HEADER; i < COUNT_OF(kinds); i++)
		if (span_is_nocase(name, kinds[i].name))
			sec->kind = (enum imap_section_kind)i;
	if (sec->kind == IMAP_SECTION_WHOLE ||
	    (sec->kind == IMAP_SECTION_MIME && sec->depth == 0))
		scan_fail(&a->scan);
	if (wants_fields(sec))
		parse_fields(a, sec);
	scan_need(&a->scan, ']');
}

void
imap_section_put(struct buf *out, const struct imap_section *sec)
{
	buf_byte(out, '[');
	for (size_t i = 0; i < sec->depth; i++) {
		if (i > 0)
			buf_byte(out, '.');
		buf_number(out, sec->number[i]);
	}
	if (sec->depth > 0 && sec->kind != IMAP_SECTION_WHOLE)
		buf_byte(out, '.');
	buf_text(out, kinds[sec->kind].name);
	for (size_t i = 0; i < sec->nfields; i++) {
		buf_text(out, i == 0 ? " (" : " ");
		imap_put_astring(out, sec->field[i]);
	}
	if (sec->nfields > 0)
		buf_byte(out, ')');
	buf_byte(out, ']');
}

bool
imap_section_same(const struct imap_section *a, const struct imap_section *b)
{
	if (a->kind != b->kind || a->depth != b->depth ||
	    a->nfields != b->nfields)
		return false;
	for (size_t i = 0; i < a->depth; i++)
		if (a->number[i] != b->number[i])
			return false;
	for (size_t i = 0; i < a->nfields; i++)
		if (!span_same_nocase(a->field[i], b->field[i]))
			return false;
	return true;
}

/* ---- finding ---- */

/* The part that the numbers name; HEADER and TEXT of a part are those of the
 * message in it. */
static bool
find_part(const struct imap_section *sec, const struct record *r,
    struct record_part *part)
{
	struct record_cursor at = { 0 };
	unsigned child;

	if (!record_find(r, sec->number, sec->depth, part))
		return false;
	if (sec->depth == 0 || !kinds[sec->kind].of_message)
		return true;
	if (part->kind != RECORD_MESSAGE || part->descendants == 0)
		return false;
	child = part->index + 1;
	while (record_next(r, &at, part))
		if (part->index == child)
			return true;
	return false;
}

bool
imap_section_find(const struct imap_section *sec, struct store_txn *txn,
    const struct store_row *row, uint64_t *start, uint64_t *len,
    struct span *encoding)
{
	struct record_part part;
	struct record r;

	*start = 0;
	*len = row->size;
	if (encoding != NULL)
		*encoding = SPAN("8BIT");
	if (sec->depth == 0 && sec->kind == IMAP_SECTION_WHOLE)
		return true;
	if (!record_open(store_record(txn, row->message), &r) ||
	    !find_part(sec, &r, &part))
		return false;
	/* What has parts of its own is not encoded (RFC 2045, 6.4). */
	if (encoding != NULL && part.kind == RECORD_LEAF)
		*encoding = part.encoding;
	if (sec->kind == IMAP_SECTION_WHOLE || sec->kind == IMAP_SECTION_TEXT) {
		*start = part.body_start;
		*len = part.body_len;
	} else {
		*start = part.header_start;
		*len = part.header_len;
	}
	/* The record was checked when it came in; bounds cost nothing. */
	return *start <= row->size && *len <= row->size - *start;
}

/* ---- header fields ---- */

static bool
is_wanted(const struct imap_section *sec, struct span name)
{
	char first = (char)(name.len > 0 ? name.ptr[0] | 0x20 : 0);

	for (size_t i = 0; i < sec->nfields; i++)
		if (sec->field[i].len == name.len &&
		    (sec->field[i].ptr[0] | 0x20) == first &&
		    span_same_nocase(sec->field[i], name))
			return sec->kind == IMAP_SECTION_FIELDS;
	return sec->kind != IMAP_SECTION_FIELDS;
}

void
imap_pieces_free(struct imap_pieces *p)
{
	mem_free(&p->piece);
	*p = (struct imap_pieces){ 0 };
}

static void
add_piece(struct imap_pieces *p, struct span piece)
{
	struct span *last = p->len > 0 ? &p->piece[p->len - 1] : NULL;

	p->total += piece.len;
	if (last != NULL && last->ptr + last->len == piece.ptr) {
		last->len += piece.len;
		return;
	}
	if (p->len == p->room) {
		p->room = p->room == 0 ? 16 : 2 * p->room;
		p->piece = mem_resize(p->piece, p->room, sizeof(p->piece[0]));
	}
	p->piece[p->len++] = piece;
}

size_t
imap_section_pick(
    const struct imap_section *sec, struct span header, struct imap_pieces *p)
{
	struct header_field f;
	size_t pos = 0;

	p->len = 0;
	p->total = 0;
	while (header_next(header, &pos, &f))
		if (is_wanted(sec, f.name))
			add_piece(p, f.whole);
	if (p->len > 0) { /* a message may end without a line end */
		struct span last = p->piece[p->len - 1];

		if (last.ptr[last.len - 1] != '\n')
			add_piece(p, SPAN("\r\n"));
	}
	/* The empty line, as if these were all the fields there are. */
	add_piece(p, SPAN("\r\n"));
	return pos;
}

void
imap_pieces_put(
    struct buf *out, const struct imap_pieces *p, uint64_t skip, uint64_t most)
{
	for (size_t i = 0; i < p->len && most > 0; i++) {
		struct span piece = p->piece[i];

		if (skip >= piece.len) {
			skip -= piece.len;
			continue;
		}
		piece.ptr += skip;
		piece.len -= (size_t)skip;
		skip = 0;
		if (piece.len > most)
			piece.len = (size_t)most;
		most -= piece.len;
		imap_put_bytes(out, piece);
	}
}
