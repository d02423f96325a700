/*
 * The scanner: lines in, a tree out.
 *
 * Bytes are cut into lines by memchr().  A line is judged by its first
 * LINE_HEAD bytes, which are gathered only if the line came in several pieces;
 * the rest of a longer line can neither be a boundary nor change what the line
 * is.  In a body only lines that begin with "--" are looked at, and only while
 * a multipart is open.
 *
 * Parts are written to the record as soon as their header has ended, which is
 * preorder; what is known only at their end (length, lines, descendants) is
 * filled in then.  Of the parts that have not ended there is a stack, never
 * deeper than RECORD_DEPTH_MAX.
 */
#include "common/mime.h"

#include "common/header.h"
#include "common/mem.h"
#include "common/mime_header.h"
#include "common/record.h"
#include "common/scan.h"

enum {
	LINE_HEAD = 1000, /* RFC 5322, 2.1.1: no legal line is longer */
	FIRST_LEVELS = 4,
};

static const uint32_t hash_start = 2166136261U;

/* A part that has not ended. */
struct level {
	size_t entry; /* where it stands in the record */
	unsigned index;
	enum record_kind kind;
	bool has_envelope, digest;
	uint64_t header_start, header_len;
	uint64_t lines; /* LF before its body */
	/* Of a multipart whose last part has not been seen; key 0: none. */
	uint32_t boundary_key;
	size_t boundary_at, boundary_len;
};

/* What the end of this line brings. */
enum line {
	LINE_TEXT,
	LINE_END_OF_HEADER,
	LINE_NEW_PART, /* after a boundary */
};

struct mime {
	struct mime_summary summary;

	/* The line at hand. */
	enum line line;
	bool judged;           /* the rest of it changes nothing */
	bool last_cr;          /* its last byte so far */
	unsigned previous_end; /* length of the line end before it: 0, 1 or 2 */
	uint64_t line_start, line_len;
	uint64_t lines; /* LF before it */
	struct buf head;

	/* The header at hand. */
	bool in_header;
	bool has_field, has_other, storing;
	uint64_t header_start, header_lines;
	size_t field_len; /* stored of the field at hand */
	uint32_t seen;    /* fields of which the first is stored, a bit each */
	struct buf fields;

	/* The tree. */
	struct level *levels;
	unsigned depth, room; /* levels in use, and got */
	unsigned open;        /* levels with a boundary */
	struct buf boundaries;
	struct buf record; /* entries, without the head */
	unsigned parts;
	bool full; /* no part is added any more */
	bool cut;
};

static void header_begin(struct mime *);

struct mime *
mime_new(void)
{
	struct mime *m = mem_alloc(sizeof(*m));

	m->head = BUF_INIT(LINE_HEAD);
	m->fields = BUF_INIT(MIME_HEADER_MAX);
	m->boundaries = BUF_INIT((RECORD_DEPTH_MAX + 1) * MIME_BOUNDARY_MAX);
	m->record = BUF_INIT(RECORD_MAX - RECORD_HEAD);
	header_begin(m);
	return m;
}

void
mime_free(struct mime **mp)
{
	struct mime *m = *mp;

	if (m == NULL)
		return;
	buf_free(&m->head);
	buf_free(&m->fields);
	buf_free(&m->boundaries);
	buf_free(&m->record);
	mem_free(&m->levels);
	mem_free(mp);
}

const struct mime_summary *
mime_summary(const struct mime *m)
{
	return &m->summary;
}

/* ---- the tree ---- */

static struct level *
top(struct mime *m)
{
	return m->depth > 0 ? &m->levels[m->depth - 1] : NULL;
}

/* Fills in what is known now that the part ends at `end`, with `lines` LF
 * before. */
static void
level_end(struct mime *m, const struct level *l, uint64_t end, uint64_t lines)
{
	struct record_part part = {
		.depth = (unsigned)(l - m->levels),
		.kind = l->kind,
		.descendants = m->parts - l->index - 1,
		.header_start = l->header_start,
		.header_len = l->header_len,
		.body_len = end - l->header_start - l->header_len,
		.has_envelope = l->has_envelope,
	};

	lines -= l->lines;
	part.body_lines = lines < UINT32_MAX ? (uint32_t)lines : UINT32_MAX;
	/* A multipart whose boundary never came has nothing to list. */
	if (part.descendants == 0)
		part.kind = RECORD_LEAF;
	record_entry_numbers(&m->record, l->entry, &part);
}

static void
leave_levels(struct mime *m, unsigned depth, uint64_t end, uint64_t lines)
{
	while (m->depth > depth) {
		struct level *l = top(m);

		level_end(m, l, end, lines);
		if (l->boundary_key != 0)
			m->open--;
		m->boundaries.len = l->boundary_at;
		m->depth--;
	}
}

static uint32_t
hash_more(uint32_t hash, struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.ptr[i]) * 16777619U;
	return hash;
}

/* Never 0. */
static uint32_t
hash_key(uint32_t hash)
{
	return hash | 1U << 31;
}

static struct level *
new_level(struct mime *m)
{
	if (m->depth == m->room) {
		m->room = m->room == 0 ? FIRST_LEVELS : m->room * 2;
		m->levels = mem_resize(m->levels, m->room, sizeof(*m->levels));
	}
	return &m->levels[m->depth++];
}

/* Adds the part whose header is at hand, with so many bytes of header and LF
 * before its body; false if it does not fit. */
static bool
add_part(struct mime *m, uint64_t header_len, uint64_t lines)
{
	const struct level *parent = top(m);
	struct level l = {
		.entry = record_entry_begin(&m->record),
		.index = m->parts,
		.header_start = m->header_start,
		.header_len = header_len,
		.lines = lines,
		.boundary_at = m->boundaries.len,
		.has_envelope =
		    parent == NULL || parent->kind == RECORD_MESSAGE,
	};
	struct mime_header h;

	mime_header_put(&m->record, buf_span(&m->fields), l.has_envelope,
	    parent != NULL && parent->digest && header_len > 0, &h);
	record_entry_end(&m->record, l.entry);
	if (m->record.bad) {
		m->record.len = l.entry;
		m->record.bad = false;
		m->full = m->cut = true;
		return false;
	}
	m->cut = m->cut || h.cut;
	m->parts++;
	if (h.kind != RECORD_LEAF &&
	    (m->depth == RECORD_DEPTH_MAX || m->parts == RECORD_PARTS_MAX)) {
		h.kind = RECORD_LEAF;
		m->cut = true;
	}
	l.kind = h.kind;
	if (h.kind == RECORD_MULTIPART) {
		struct span boundary = { h.boundary, h.boundary_len };

		l.digest = h.digest;
		l.boundary_len = boundary.len;
		l.boundary_key = hash_key(hash_more(hash_start, boundary));
		buf_add(&m->boundaries, boundary);
		m->open++;
	}
	*new_level(m) = l;
	return true;
}

/* ---- headers ---- */

static void
header_begin(struct mime *m)
{
	m->in_header = true;
	m->has_field = m->has_other = m->storing = false;
	m->header_start = m->line_start;
	m->header_lines = m->lines;
	m->seen = 0;
}

/*
 * The header ends where the line at hand begins.  One without a single field
 * is none: people send text without header, and it shall not vanish.
 */
static void
header_end(struct mime *m)
{
	bool none = !m->has_field && m->has_other;
	uint64_t len = none ? 0 : m->line_start - m->header_start;
	bool added;

	m->in_header = false;
	if (m->depth == 0)
		m->summary.header_len = len;
	added = add_part(m, len, none ? m->header_lines : m->lines);
	buf_free(&m->fields);
	if (added && top(m)->kind == RECORD_MESSAGE)
		header_begin(m);
}

static void
count_field(struct mime_summary *s, enum mime_field field)
{
	if (field == MIME_FIELD_RECEIVED)
		s->received++;
	else if (field == MIME_FIELD_FROM)
		s->froms++;
	else if (field == MIME_FIELD_DATE)
		s->dates++;
	else if (field == MIME_FIELD_MESSAGE_ID)
		s->message_ids++;
	else if (field == MIME_FIELD_BCC)
		s->bccs++;
}

/* Whether this field goes into the record.  Of those that are not joined only
 * the first counts. */
static bool
wanted(struct mime *m, enum mime_field field)
{
	uint32_t bit = 1U << field;
	bool first = (m->seen & bit) == 0;
	bool message = m->depth == 0 || top(m)->kind == RECORD_MESSAGE;

	if (field < MIME_FIELD_TYPE || (field >= MIME_FIELD_DATE && !message))
		return false;
	m->seen |= bit;
	return first || field >= MIME_FIELD_FROM;
}

/*
 * Only fields that go into the record are kept, and only they count towards
 * the limits: what a server puts in front of a message must not change what is
 * read of it (record_shift).
 */
static void
store(struct mime *m, struct span s)
{
	size_t used = m->fields.len + 1; /* 1: for an LF behind what is cut */
	size_t room = used < MIME_HEADER_MAX ? MIME_HEADER_MAX - used : 0;

	if (room > MIME_FIELD_MAX - m->field_len)
		room = MIME_FIELD_MAX - m->field_len;
	if (s.len > room) {
		s.len = room;
		m->cut = true;
	}
	buf_add(&m->fields, s);
	m->field_len += s.len;
}

static void
store_field(struct mime *m, struct span s)
{
	if (m->fields.len > 0 && m->fields.ptr[m->fields.len - 1] != '\n')
		buf_byte(&m->fields, '\n'); /* the one before was cut */
	m->field_len = 0;
	store(m, s);
}

/* The name of the field that the line begins; empty if it begins none (RFC
 * 5322, 2.2; blanks before the colon: 4.5). */
static struct span
field_name(struct span line)
{
	size_t len = 0, end;

	while (len < line.len && line.ptr[len] > ' ' && line.ptr[len] <= '~' &&
	       line.ptr[len] != ':')
		len++;
	for (end = len;
	     end < line.len && (line.ptr[end] == ' ' || line.ptr[end] == '\t');)
		end++;
	if (end == line.len || line.ptr[end] != ':')
		return NO_SPAN;
	return (struct span){ line.ptr, len };
}

static bool
has_eight_bit(struct span s)
{
	uint64_t word, seen = 0;
	size_t i = 0;

	for (; i + sizeof(word) <= s.len; i += sizeof(word)) {
		memcpy(&word, s.ptr + i, sizeof(word));
		seen |= word;
	}
	for (; i < s.len; i++)
		seen |= (unsigned char)s.ptr[i];
	return (seen & 0x8080808080808080U) != 0;
}

/* `head`: the line, or its beginning if it is longer than LINE_HEAD. */
static void
header_line(struct mime *m, struct span head)
{
	struct span name;
	enum mime_field field;

	if (head.ptr[0] == '\n' ||
	    (head.len == 2 && head.ptr[0] == '\r' && head.ptr[1] == '\n')) {
		m->line = LINE_END_OF_HEADER;
		return;
	}
	if (head.ptr[0] == ' ' || head.ptr[0] == '\t') {
		m->has_other = true;
		if (m->storing)
			store(m, head);
		return;
	}
	name = field_name(head);
	if (name.len == 0) {
		m->has_other = true;
		m->storing = false;
		return;
	}
	field = mime_field_named(name);
	m->has_field = true;
	m->storing = wanted(m, field);
	if (m->depth == 0)
		count_field(&m->summary, field);
	if (m->storing)
		store_field(m, head);
}

/* ---- boundaries ---- */

/* Ends what lies inside level `i`, whose boundary begins the line at hand. */
static void
at_boundary(struct mime *m, unsigned i, bool last)
{
	uint64_t end = m->line_start, lines = m->lines;
	const struct level *l;

	/* Several: a message without an empty line holds one without a byte. */
	while (m->in_header)
		header_end(m);
	/*
	 * The line end before a boundary belongs to it (RFC 2046, 5.1.1),
	 * unless it already ended a header.
	 */
	l = top(m);
	if (l->header_start + l->header_len < end) {
		end -= m->previous_end;
		lines--;
	}
	leave_levels(m, i + 1, end, lines);
	if (last) {
		m->levels[i].boundary_key = 0;
		m->open--;
	} else if (m->full || m->parts == RECORD_PARTS_MAX) {
		m->cut = true;
	} else {
		m->line = LINE_NEW_PART;
	}
}

/*
 * Whether the line is a boundary of an open multipart; the innermost wins.  It
 * must be the whole line but for blanks at its end: boundaries that begin with
 * one another are common.
 */
static bool
is_boundary(struct mime *m, struct span line)
{
	struct span text = { line.ptr + 2, line.len - 2 }, cut;
	uint32_t key, cut_key = 0;

	while (text.len > 0 &&
	       strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL &&
	       text.ptr[text.len - 1] != '\0')
		text.len--;
	if (text.len == 0 || text.len > MIME_BOUNDARY_MAX + 2)
		return false;
	cut = text;
	if (text.len > 2 && memcmp(text.ptr + text.len - 2, "--", 2) == 0) {
		cut.len -= 2;
		key = hash_more(hash_start, cut);
		cut_key = hash_key(key);
		key = hash_key(hash_more(key, SPAN("--")));
	} else {
		key = hash_key(hash_more(hash_start, text));
	}
	for (unsigned i = m->depth; i-- > 0;) {
		const struct level *l = &m->levels[i];
		struct span boundary = { m->boundaries.ptr + l->boundary_at,
			l->boundary_len };

		if (l->boundary_key == 0)
			continue;
		if (l->boundary_key == key && span_same(boundary, text)) {
			at_boundary(m, i, false);
			return true;
		}
		if (l->boundary_key == cut_key && span_same(boundary, cut)) {
			at_boundary(m, i, true);
			return true;
		}
	}
	return false;
}

/* ---- lines ---- */

/* `whole`: the line is not longer than its head. */
static void
judge(struct mime *m, struct span head, bool whole)
{
	if (m->open > 0 && whole && head.len > 2 && head.ptr[0] == '-' &&
	    head.ptr[1] == '-' && is_boundary(m, head))
		return;
	if (m->in_header)
		header_line(m, head);
}

/* Whether nothing that follows in this line can matter. */
static bool
dull(const struct mime *m, struct span s)
{
	return !m->in_header && (m->open == 0 || s.ptr[0] != '-');
}

static void
line_bytes(struct mime *m, struct span s, bool ends)
{
	size_t take;

	if (m->line_len == 0 && dull(m, s)) {
		m->judged = true;
	} else if (m->line_len == 0 && (ends || s.len >= LINE_HEAD)) {
		take = s.len < LINE_HEAD ? s.len : LINE_HEAD;
		judge(m, (struct span){ s.ptr, take }, ends && take == s.len);
		m->judged = true;
		s.ptr += take;
		s.len -= take;
	} else if (!m->judged) {
		take = LINE_HEAD - m->head.len;
		take = s.len < take ? s.len : take;
		buf_add(&m->head, (struct span){ s.ptr, take });
		s.ptr += take;
		s.len -= take;
		if (ends || m->head.len == LINE_HEAD) {
			judge(m, buf_span(&m->head), ends && s.len == 0);
			m->judged = true;
			buf_clear(&m->head);
		}
	}
	if (m->judged && m->storing && m->in_header)
		store(m, s);
}

/* After the last byte of a line. */
static void
line_end(struct mime *m, unsigned end_len)
{
	uint64_t text = m->line_len - end_len;

	if (m->summary.longest_line < text)
		m->summary.longest_line = text;
	m->line_start += m->line_len;
	m->lines += end_len > 0;
	m->previous_end = end_len;
	m->line_len = 0;
	m->last_cr = m->judged = false;
	if (m->line == LINE_END_OF_HEADER)
		header_end(m);
	else if (m->line == LINE_NEW_PART)
		header_begin(m);
	m->line = LINE_TEXT;
}

/* Notes carriage returns that stand alone, and whether the last byte is one;
 * `s` without LF. */
static void
note_cr(struct mime *m, struct span s)
{
	const char *cr;

	if (s.len == 0)
		return;
	if (!m->summary.bare_cr) {
		cr = memchr(s.ptr, '\r', s.len);
		if (m->last_cr || (cr != NULL && cr != s.ptr + s.len - 1))
			m->summary.bare_cr = true;
	}
	m->last_cr = s.ptr[s.len - 1] == '\r';
}

void
mime_feed(struct mime *m, struct span piece)
{
	struct mime_summary *sum = &m->summary;

	sum->size += piece.len;
	sum->eight_bit = sum->eight_bit || has_eight_bit(piece);
	sum->nul = sum->nul || (piece.len > 0 &&
				   memchr(piece.ptr, '\0', piece.len) != NULL);
	while (piece.len > 0) {
		const char *lf = memchr(piece.ptr, '\n', piece.len);
		struct span s = { piece.ptr,
			lf != NULL ? (size_t)(lf - piece.ptr) + 1 : piece.len };

		note_cr(m, (struct span){ s.ptr, s.len - (lf != NULL) });
		if (m->in_header && m->depth == 0 && !sum->eight_bit_header)
			sum->eight_bit_header = has_eight_bit(s);
		line_bytes(m, s, lf != NULL);
		m->line_len += s.len;
		if (lf != NULL) {
			sum->bare_lf = sum->bare_lf || !m->last_cr;
			line_end(m, m->last_cr ? 2 : 1);
		}
		piece.ptr += s.len;
		piece.len -= s.len;
	}
}

void
mime_end(struct mime *m, struct buf *record)
{
	struct record head;

	if (m->line_len > 0) {
		if (!m->judged)
			judge(m, buf_span(&m->head), true);
		m->summary.bare_cr = m->summary.bare_cr || m->last_cr;
		line_end(m, 0);
	}
	while (m->in_header)
		header_end(m);
	leave_levels(m, 0, m->line_start, m->lines);
	head = (struct record){
		.parts = m->parts, .size = m->summary.size, .cut = m->cut
	};
	record_put_head(record, &head);
	buf_add(record, buf_span(&m->record));
}
