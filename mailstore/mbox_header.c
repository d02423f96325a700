/* Status and keywords in mbox headers: see mbox_header.h. */
#include "mailstore/mbox_header.h"

#include "common/date.h"
#include "common/decode.h"
#include "common/header.h"
#include "common/scan.h"
#include "mailstore/store.h"

/* X-Mozilla-Status, in hexadecimal. */
enum {
	MOZILLA_READ = 0x0001,
	MOZILLA_REPLIED = 0x0002,
	MOZILLA_MARKED = 0x0004,
	MOZILLA_EXPUNGED = 0x0008,
	MOZILLA_FORWARDED = 0x1000,
};

struct reading {
	struct mbox_header *header;
	struct mbox_message *message;
	struct span value; /* trimmed */
	bool imap;         /* X-IMAP or X-IMAPbase was there */
	bool internal;     /* and that subject */
};

typedef void field_reader(struct reading *);

static void
read_letters(struct reading *r)
{
	static const struct {
		char letter;
		uint8_t flag;
	} letters[] = { { 'R', STORE_SEEN }, { 'A', STORE_ANSWERED },
		{ 'F', STORE_FLAGGED_FLAG }, { 'D', STORE_DELETED },
		{ 'T', STORE_DRAFT } };

	for (size_t i = 0; i < r->value.len; i++)
		for (size_t l = 0; l < COUNT_OF(letters); l++)
			if (r->value.ptr[i] == letters[l].letter)
				r->message->system |= letters[l].flag;
}

static void
add_keyword(struct reading *r, struct span word)
{
	buf_add(&r->header->keywords, word);
	buf_byte(&r->header->keywords, ' ');
}

/* Names between blanks (and folds). */
static void
read_keywords(struct reading *r)
{
	struct scan s = scan_over(r->value);

	while (scan_more(&s)) {
		struct span word = scan_until(&s, " \t\r\n", SIZE_MAX);

		if (word.len > 0)
			add_keyword(r, word);
		if (scan_more(&s))
			(void)scan_take(&s, 1);
	}
}

static void
read_mozilla(struct reading *r)
{
	unsigned bits = 0;

	for (size_t i = 0; i < r->value.len && i < 4; i++) {
		int digit = decode_hex(r->value.ptr[i]);

		if (digit < 0)
			return;
		bits = bits << 4 | (unsigned)digit;
	}
	if (bits & MOZILLA_READ)
		r->message->system |= STORE_SEEN;
	if (bits & MOZILLA_REPLIED)
		r->message->system |= STORE_ANSWERED;
	if (bits & MOZILLA_MARKED)
		r->message->system |= STORE_FLAGGED_FLAG;
	if (bits & MOZILLA_EXPUNGED)
		r->message->expunged = true;
	if (bits & MOZILLA_FORWARDED)
		add_keyword(r, SPAN("$Forwarded"));
}

static void
read_imap(struct reading *r)
{
	r->imap = true;
}

static void
read_nothing(struct reading *r)
{
	(void)r;
}

static const struct {
	const char *name;
	field_reader *read;
} own_fields[] = {
	{ "Status", read_letters },
	{ "X-Status", read_letters },
	{ "X-Keywords", read_keywords },
	{ "X-UID", read_nothing },
	{ "X-IMAP", read_imap },
	{ "X-IMAPbase", read_imap },
	{ "X-Mozilla-Status", read_mozilla },
	{ "X-Mozilla-Status2", read_nothing },
	{ "X-Mozilla-Keys", read_keywords },
};

/* Is it one that a mail program wrote for itself? */
static bool
is_own(struct reading *r, const struct header_field *f)
{
	for (size_t i = 0; i < COUNT_OF(own_fields); i++)
		if (span_is_nocase(f->name, own_fields[i].name)) {
			r->value = span_trim(f->value);
			own_fields[i].read(r);
			return true;
		}
	return false;
}

static void
read_date(struct mbox_message *m, struct span value)
{
	struct buf line = BUF_INIT(1024);
	int zone;

	header_unfold(&line, value);
	m->has_header_date =
	    !line.bad && date_get_5322(buf_span(&line), &m->header_date, &zone);
	buf_free(&line);
}

static bool
is_length(struct mbox_header *h, const struct header_field *f)
{
	struct scan s = scan_over(span_trim(f->value));
	uint64_t n = scan_number(&s, INT64_MAX);

	if (!span_is_nocase(f->name, "Content-Length") || !scan_done(&s))
		return false;
	h->content_length = n;
	h->length = f->whole;
	return true;
}

void
mbox_header_init(struct mbox_header *h)
{
	*h = (struct mbox_header){ .kept = BUF_INIT(MBOX_HEADER_MAX),
		.keywords = BUF_INIT(MBOX_KEYWORDS_MAX) };
}

void
mbox_header_free(struct mbox_header *h)
{
	buf_free(&h->kept);
	buf_free(&h->keywords);
}

void
mbox_header_read(struct mbox_header *h, struct span header, bool keep_length,
    struct mbox_message *m)
{
	struct reading r = { .header = h, .message = m };
	struct header_field f;
	size_t pos = 0, copied = 0;

	buf_clear(&h->kept);
	buf_clear(&h->keywords);
	h->length = NO_SPAN;
	m->system = 0;
	m->expunged = m->has_header_date = false;
	while (header_next(header, &pos, &f)) {
		bool own = is_own(&r, &f);

		if (!own && is_length(h, &f))
			own = !keep_length;
		else if (span_is_nocase(f.name, "Date") && !m->has_header_date)
			read_date(m, f.value);
		else if (span_is_nocase(f.name, "Subject") &&
			 span_is(span_trim(f.value),
			     "DON'T DELETE THIS MESSAGE -- "
			     "FOLDER INTERNAL DATA"))
			r.internal = true;
		if (own) {
			size_t start = (size_t)(f.whole.ptr - header.ptr);

			buf_add(&h->kept, (struct span){ header.ptr + copied,
					      start - copied });
			copied = start + f.whole.len;
		}
	}
	if (header.len > copied)
		buf_add(&h->kept,
		    (struct span){ header.ptr + copied, header.len - copied });
	m->internal = r.imap && r.internal;
	m->keywords = buf_span(&h->keywords);
}
