/*
 * The scanner: lines in, a tree out.
 *
 * Bytes are cut into lines by memchr().  A line is judged by its first
 * LINE_HEAD bytes, which are gathered only if the line came in several pieces;
 * the rest of a longer line can neither be a boundary nor change what the line
 * is.  In a body only lines that begin with "--" are looked at, and only while
 * a multipart is open.
 */
#include "common/mime.h"

#include "common/mem.h"
#include "common/mime_header.h"
#include "common/mime_tree.h"

enum { LINE_HEAD = 1000 }; /* RFC 5322, 2.1.1: no legal line is longer */

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

	struct mime_tree tree;
};

static void header_begin(struct mime *);

struct mime *
mime_new(void)
{
	struct mime *m = mem_alloc(sizeof(*m));

	m->head = BUF_INIT(LINE_HEAD);
	m->fields = BUF_INIT(MIME_HEADER_MAX);
	mime_tree_init(&m->tree);
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
	mime_tree_release(&m->tree);
	mem_free(mp);
}

const struct mime_summary *
mime_summary(const struct mime *m)
{
	return &m->summary;
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
	struct mime_start start = {
		.fields = buf_span(&m->fields),
		.header_start = m->header_start,
		.header_len = none ? 0 : m->line_start - m->header_start,
		.lines = none ? m->header_lines : m->lines,
		.headless = none,
	};
	bool added;

	m->in_header = false;
	if (m->tree.depth == 0)
		m->summary.header_len = start.header_len;
	added = mime_tree_add(&m->tree, &start);
	buf_free(&m->fields);
	if (added && mime_tree_at_message(&m->tree))
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
	bool message = mime_tree_at_message(&m->tree);

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
		m->tree.cut = true;
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
	if (m->tree.depth == 0)
		count_field(&m->summary, field);
	if (m->storing)
		store_field(m, head);
}

/* ---- boundaries ---- */

/* The line at hand is a boundary of that level: what lies inside has ended. */
static void
at_boundary(struct mime *m, unsigned level, bool last)
{
	uint64_t end = m->line_start, lines = m->lines;

	/* Several: a message without an empty line holds one without a byte. */
	while (m->in_header)
		header_end(m);
	/*
	 * The line end before a boundary belongs to it (RFC 2046, 5.1.1),
	 * unless it already ended a header.
	 */
	if (mime_tree_body(&m->tree) < end) {
		end -= m->previous_end;
		lines--;
	}
	mime_tree_leave(&m->tree, level + 1, end, lines);
	if (last)
		mime_tree_close(&m->tree, level);
	else if (mime_tree_may_add(&m->tree))
		m->line = LINE_NEW_PART;
}

/* ---- lines ---- */

/* `whole`: the line is not longer than its head. */
static void
judge(struct mime *m, struct span head, bool whole)
{
	unsigned level;
	bool last;

	if (m->tree.open > 0 && whole && head.len > 2 && head.ptr[0] == '-' &&
	    head.ptr[1] == '-' &&
	    mime_tree_boundary(&m->tree, head, &level, &last)) {
		at_boundary(m, level, last);
		return;
	}
	if (m->in_header)
		header_line(m, head);
}

/* Whether nothing that follows in this line can matter. */
static bool
dull(const struct mime *m, struct span s)
{
	return !m->in_header && (m->tree.open == 0 || s.ptr[0] != '-');
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
		if (m->in_header && m->tree.depth == 0 &&
		    !sum->eight_bit_header)
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
	mime_tree_leave(&m->tree, 0, m->line_start, m->lines);
	head = (struct record){ .parts = m->tree.parts,
		.size = m->summary.size,
		.cut = m->tree.cut };
	record_put_head(record, &head);
	buf_add(record, buf_span(&m->tree.record));
}
