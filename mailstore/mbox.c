/* Reading an mbox: see mbox.h. */
#include "mailstore/mbox.h"

#include "common/date.h"
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/mbox_header.h"

enum {
	WINDOW = 64 * 1024,
	LINE_PIECE = 16 * 1024, /* a longer line comes in pieces */
	FROM_LINE_MAX = 1024,
	WORDS_MAX = 16,
};

struct line {
	struct span text; /* with its end */
	uint64_t at;
	bool first, last; /* pieces of the line */
};

struct mbox {
	mbox_source *source;
	void *arg;
	char *window;
	uint64_t window_at;
	size_t window_len;
	uint64_t pos;
	bool within_line; /* the last piece did not end its line */

	struct mbox_header header;
	struct buf raw; /* the header as it stands in the file */
	uint64_t body, end,
	    next; /* next: the From_ line behind; UINT64_MAX: not known yet */
	bool by_length;   /* the body is all up to `end` */
	bool header_ends; /* by an empty line */
	bool header_given, done;
	bool blank_before, blank_held;
	struct buf held; /* that blank line */
};

struct mbox *
mbox_new(mbox_source *source, void *arg)
{
	struct mbox *m = mem_alloc(sizeof(*m));

	m->source = source;
	m->arg = arg;
	m->window = mem_alloc(WINDOW);
	m->raw = BUF_INIT(MBOX_HEADER_MAX);
	m->held = BUF_INIT(2);
	m->done = true;
	mbox_header_init(&m->header);
	return m;
}

void
mbox_free(struct mbox **mp)
{
	if (*mp == NULL)
		return;
	mbox_header_free(&(*mp)->header);
	buf_free(&(*mp)->raw);
	buf_free(&(*mp)->held);
	mem_free(&(*mp)->window);
	mem_free(mp);
}

uint64_t
mbox_position(const struct mbox *m)
{
	return m->pos;
}

/* ---- bytes and lines ---- */

/* What is there from `at` on, `want` bytes or more unless the file ends. */
static struct span
look(struct mbox *m, uint64_t at, size_t want)
{
	size_t skip;

	if (at < m->window_at || at > m->window_at + m->window_len ||
	    at + want > m->window_at + WINDOW) {
		/* (what is there already is moved, not read anew) */
		skip = at >= m->window_at && at <= m->window_at + m->window_len
		           ? (size_t)(at - m->window_at)
		           : m->window_len;
		memmove(m->window, m->window + skip, m->window_len - skip);
		m->window_len -= skip;
		m->window_at = at;
	}
	skip = (size_t)(at - m->window_at);
	while (m->window_len - skip < want) {
		size_t got = m->source(m->arg, m->window_at + m->window_len,
		    m->window + m->window_len, WINDOW - m->window_len);

		if (got == 0)
			break;
		m->window_len += got;
	}
	return (struct span){ m->window + skip, m->window_len - skip };
}

static bool
next_line(struct mbox *m, struct line *l)
{
	struct span s = look(m, m->pos, LINE_PIECE);
	const char *lf;

	if (s.len > LINE_PIECE)
		s.len = LINE_PIECE;
	if (s.len == 0)
		return false;
	lf = memchr(s.ptr, '\n', s.len);
	if (lf != NULL)
		s.len = (size_t)(lf - s.ptr) + 1;
	*l = (struct line){ .text = s,
		.at = m->pos,
		.first = !m->within_line,
		.last = lf != NULL };
	m->within_line = lf == NULL;
	m->pos += s.len;
	return true;
}

static void
go_to(struct mbox *m, uint64_t at)
{
	m->pos = at;
	m->within_line = false;
}

static struct span
without_end(struct span s)
{
	if (s.len > 0 && s.ptr[s.len - 1] == '\n')
		s.len--;
	if (s.len > 0 && s.ptr[s.len - 1] == '\r')
		s.len--;
	return s;
}

/* ---- From_ lines ---- */

static bool
is_one_of(struct span word, const char *names)
{
	for (; *names != '\0'; names += 3)
		if (word.len == 3 &&
		    span_same_nocase(word, (struct span){ names, 3 }))
			return true;
	return false;
}

static bool
is_year(struct span word)
{
	return word.len == 4 && word.ptr[0] >= '1' && word.ptr[0] <= '2';
}

/* "Sun Nov 22 20:53:10 [CET] 2026 [+0100]", as a date of RFC 5322. */
static bool
read_asctime(const struct span *word, size_t n, int64_t *date)
{
	struct buf text = BUF_INIT(128);
	struct span year, zone = SPAN("+0000");
	bool good;
	int minutes;

	if (n < 5 || !is_one_of(word[0], "SunMonTueWedThuFriSat") ||
	    !is_one_of(word[1], "JanFebMarAprMayJunJulAugSepOctNovDec"))
		return false;
	if (is_year(word[4])) {
		year = word[4];
		if (n > 5 && (word[5].ptr[0] == '+' || word[5].ptr[0] == '-'))
			zone = word[5];
	} else if (n > 5 && is_year(word[5])) {
		zone = word[4];
		year = word[5];
	} else {
		return false;
	}
	buf_add(&text, word[2]);
	buf_byte(&text, ' ');
	buf_add(&text, word[1]);
	buf_byte(&text, ' ');
	buf_add(&text, year);
	buf_byte(&text, ' ');
	buf_add(&text, word[3]);
	buf_byte(&text, ' ');
	buf_add(&text, zone);
	good = !text.bad && date_get_5322(buf_span(&text), date, &minutes);
	buf_free(&text);
	return good;
}

bool
mbox_is_from(struct span line, bool *has_date, int64_t *date)
{
	struct span word[WORDS_MAX];
	size_t n = 0;
	struct scan s = scan_over(line);
	int zone;

	*has_date = false;
	if (line.len < 5 || memcmp(line.ptr, "From ", 5) != 0)
		return false;
	(void)scan_take(&s, 5);
	scan_spaces(&s);
	while (scan_more(&s) && n < WORDS_MAX) {
		word[n++] = scan_until(&s, " \t", SIZE_MAX);
		scan_spaces(&s);
	}
	for (size_t i = 0; i < n && !*has_date; i++) {
		struct span rest = { word[i].ptr,
			(size_t)(line.ptr + line.len - word[i].ptr) };

		*has_date = read_asctime(word + i, n - i, date) ||
		            (i > 0 && word[i].ptr[word[i].len - 1] == ',' &&
				date_get_5322(rest, date, &zone));
	}
	return *has_date || n == 0 || (n == 1 && span_is(word[0], "-"));
}

static bool
is_from(struct span line)
{
	bool has_date;
	int64_t date;

	return mbox_is_from(without_end(line), &has_date, &date);
}

/* ---- one message ---- */

/* Does a message that long end where one can?  Then `next` is the line behind.
 */
static bool
length_leads(struct mbox *m, uint64_t length, uint64_t *next)
{
	uint64_t at = m->body + length;
	struct span s;
	size_t blank = 0;
	const char *lf;

	if (length > INT64_MAX)
		return false;
	/* A line must end there (the header's, if there is no body). */
	s = look(m, at - 1, FROM_LINE_MAX + 3);
	if (s.len == 0 || s.ptr[0] != '\n')
		return false;
	s.ptr++;
	s.len--;
	if (s.len > 0 && s.ptr[0] == '\n')
		blank = 1;
	else if (s.len > 1 && s.ptr[0] == '\r' && s.ptr[1] == '\n')
		blank = 2;
	*next = at + blank;
	s.ptr += blank;
	s.len -= blank;
	if (s.len == 0)
		return true;
	lf = memchr(s.ptr, '\n', s.len);
	if (lf != NULL)
		s.len = (size_t)(lf - s.ptr) + 1;
	return is_from(s);
}

/* Up to the empty line, with it. */
static void
read_header(struct mbox *m)
{
	struct line l;

	buf_clear(&m->raw);
	m->header_ends = false;
	while (next_line(m, &l)) {
		if (l.text.len > MBOX_HEADER_MAX - m->raw.len) {
			/* The rest is taken for the body. */
			go_to(m, l.at);
			break;
		}
		buf_add(&m->raw, l.text);
		if (l.first && l.last && without_end(l.text).len == 0) {
			m->header_ends = true;
			break;
		}
	}
	m->body = m->pos;
}

static void
begin(struct mbox *m)
{
	go_to(m, m->body);
	m->header_given = m->done = m->blank_held = false;
	buf_clear(&m->held);
	m->blank_before = m->header_ends;
}

void
mbox_again(struct mbox *m)
{
	begin(m);
}

bool
mbox_next(struct mbox *m, struct mbox_message *message)
{
	struct buf waste = BUF_INIT(SIZE_MAX);
	struct line l;

	while (!m->done && mbox_read(m, &waste))
		buf_clear(&waste);
	buf_free(&waste);
	go_to(m, m->next);
	if (!next_line(m, &l))
		return false;
	*message = (struct mbox_message){ .at = l.at };
	(void)mbox_is_from(
	    without_end(l.text), &message->has_date, &message->date);
	while (!l.last && next_line(m, &l))
		;
	read_header(m);
	mbox_header_read(&m->header, buf_span(&m->raw), false, message);
	m->by_length = false;
	if (m->header.length.len > 0) {
		m->by_length =
		    m->header_ends &&
		    length_leads(m, m->header.content_length, &m->next);
		m->end = m->body + m->header.content_length;
		if (!m->by_length)
			mbox_header_read(
			    &m->header, buf_span(&m->raw), true, message);
	}
	begin(m);
	return true;
}

/* ">From " was "From ". */
static struct span
unquote(struct span line)
{
	size_t n = 0;

	while (n < line.len && line.ptr[n] == '>')
		n++;
	if (n > 0 && line.len - n >= 5 &&
	    memcmp(line.ptr + n, "From ", 5) == 0) {
		line.ptr++;
		line.len--;
	}
	return line;
}

static bool
read_by_length(struct mbox *m, struct buf *out)
{
	struct span s = look(m, m->pos, 1);

	if (s.len > m->end - m->pos)
		s.len = (size_t)(m->end - m->pos);
	if (s.len == 0) {
		m->done = true;
		return false;
	}
	buf_add(out, s);
	m->pos += s.len;
	return true;
}

bool
mbox_read(struct mbox *m, struct buf *out)
{
	struct line l;

	if (m->done)
		return false;
	if (!m->header_given) {
		m->header_given = true;
		buf_add(out, buf_span(&m->header.kept));
		return true;
	}
	if (m->by_length)
		return read_by_length(m, out);
	if (!next_line(m, &l)) {
		m->done = true;
		m->next = m->pos;
		return false;
	}
	if (l.first && m->blank_before && is_from(l.text)) {
		m->done = true;
		m->next = l.at;
		return false;
	}
	if (m->blank_held)
		buf_add(out, buf_span(&m->held));
	m->blank_held = l.first && l.last && without_end(l.text).len == 0;
	m->blank_before = m->blank_held;
	buf_clear(&m->held);
	/* The empty line before a From_ line belongs to that. */
	if (m->blank_held)
		buf_add(&m->held, l.text);
	else
		buf_add(out, l.first ? unquote(l.text) : l.text);
	return true;
}
