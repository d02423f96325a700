/* The keys of SEARCH that need a message read. */
#include "imapd/imap_match.h"

#include "common/date.h"
#include "common/header.h"
#include "common/mime.h"
#include "imapd/imap_limits.h"
#include "imapd/imap_turn.h"

enum {
	TEXT_MAX = 4 * 1024 * 1024, /* of one piece, decoded and folded */
	PIECE = 16 * 1024,      /* text is looked through at about this much */
	WIDE_MAX = 1024 * 1024, /* bytes of UTF-16 at once */
	LONGEST_LINE = 64 * 1024, /* a longer one is cut, wherever that is */
};

void
imap_match_free(struct imap_match *m)
{
	buf_free(&m->charset);
	buf_free(&m->raw);
	buf_free(&m->text);
	buf_free(&m->window);
	buf_free(&m->value);
}

static void
answer(struct imap_key *k, bool matches)
{
	k->truth = matches != k->negated ? IMAP_YES : IMAP_NO;
}

static bool
is_open(const struct imap_key *k, enum imap_depth depth)
{
	return k->truth == IMAP_MAYBE && k->kind > IMAP_KEY_NOT &&
	       imap_key_depth(k->kind) == depth;
}

static bool
holds(struct span folded, const struct buf *needle)
{
	if (needle->len == 0)
		return true;
	return folded.len >= needle->len &&
	       memmem(folded.ptr, folded.len, needle->ptr, needle->len) != NULL;
}

/* The field's value as it is read, folded, in m->window. */
static struct span
fold_value(struct imap_match *m, struct span value)
{
	m->text.limit = m->window.limit = TEXT_MAX;
	buf_clear(&m->text);
	buf_clear(&m->window);
	decode_words(&m->text, value);
	decode_fold(&m->window, buf_span(&m->text));
	return buf_span(&m->window);
}

/* ---- by record ---- */

static bool
sent_matches(const struct imap_key *k, struct span date)
{
	int64_t seconds = 0, day;
	int zone = 0;

	if (date.ptr == NULL || !date_get_5322(date, &seconds, &zone))
		return false;
	/* RFC 3501, 6.4.4: the date as it is written, whatever the zone. */
	day = imap_day_of(seconds + (int64_t)zone * 60);
	if (k->kind == IMAP_KEY_SENT_BEFORE)
		return day < k->day;
	return k->kind == IMAP_KEY_SENT_ON ? day == k->day : day >= k->day;
}

/* "name <mailbox@host>" for each address. */
static bool
addresses_match(
    struct imap_match *m, const struct imap_key *k, struct span list)
{
	struct record_address a;

	m->value.limit = TEXT_MAX;
	while (record_address_next(&list, &a)) {
		buf_clear(&m->value);
		buf_add(&m->value, a.name);
		buf_text(&m->value, a.name.len > 0 ? " <" : "<");
		buf_add(&m->value, a.mailbox);
		if (a.host.len > 0)
			buf_byte(&m->value, '@');
		buf_add(&m->value, a.host);
		buf_byte(&m->value, '>');
		if (holds(fold_value(m, buf_span(&m->value)), &k->needle))
			return true;
	}
	return false;
}

static void
match_record(struct imap_session *s, struct imap_match *m,
    struct imap_search *q, const struct store_row *row)
{
	struct store_txn *txn = imap_read(s->account);
	struct record_part part = { 0 };
	struct record_envelope e;
	struct record_cursor at = { 0 };
	struct record r;

	if (!record_open(store_record(txn, row->message), &r) ||
	    !record_next(&r, &at, &part))
		part = (struct record_part){ 0 };
	(void)record_envelope(&part, &e);
	for (size_t i = 0; i < q->len; i++) {
		struct imap_key *k = &q->key[i];

		if (!is_open(k, IMAP_BY_RECORD))
			continue;
		if (k->kind == IMAP_KEY_SUBJECT)
			answer(
			    k, e.subject.ptr != NULL &&
				   holds(fold_value(m, e.subject), &k->needle));
		else if (k->kind == IMAP_KEY_ADDRESS)
			answer(
			    k, addresses_match(m, k, e.addresses[k->number]));
		else
			answer(k, sent_matches(k, e.date));
	}
}

/* ---- by header ---- */

/* The message's header: lent from the store where it lies in one block, else
 * read into m->raw. */
static struct span
header_of(
    struct imap_session *s, struct imap_match *m, const struct store_row *row)
{
	struct store_txn *txn = imap_read(s->account);
	uint64_t len =
	    row->size < MIME_HEADER_MAX ? row->size : MIME_HEADER_MAX;

	for (int i = 0; i < 2; i++) {
		struct span start =
		    i == 0 ? store_head(txn, row->message, IMAP_SHORT_HEADER)
			   : store_bytes(txn, row->message, 0);
		struct header_field f;
		size_t pos = 0;

		while (header_next(start, &pos, &f))
			continue;
		if (pos < start.len || start.len == row->size) {
			start.len = pos;
			return start;
		}
	}
	m->raw.limit = MIME_HEADER_MAX;
	buf_clear(&m->raw);
	if (store_read(txn, row->message, 0, len, &m->raw) != H_OK)
		buf_clear(&m->raw);
	return buf_span(&m->raw);
}

static void
match_header(struct imap_session *s, struct imap_match *m,
    struct imap_search *q, const struct store_row *row)
{
	struct span header = header_of(s, m, row);
	struct header_field f;
	size_t pos = 0;

	m->value.limit = MIME_HEADER_MAX;
	while (header_next(header, &pos, &f))
		for (size_t i = 0; i < q->len; i++) {
			struct imap_key *k = &q->key[i];

			if (!is_open(k, IMAP_BY_HEADER) ||
			    !span_same_nocase(k->field, f.name))
				continue;
			buf_clear(&m->value);
			header_unfold(&m->value, f.value);
			if (holds(
				fold_value(m, buf_span(&m->value)), &k->needle))
				answer(k, true);
		}
	for (size_t i = 0; i < q->len; i++)
		if (is_open(&q->key[i], IMAP_BY_HEADER))
			answer(&q->key[i], false);
}

/* ---- by text ---- */

/* Looks for the open needles; BODY sees no header (RFC 9051, 6.4.4). */
static void
look(struct imap_search *q, struct span folded, bool header)
{
	for (size_t i = 0; i < q->len; i++) {
		struct imap_key *k = &q->key[i];

		if (is_open(k, IMAP_BY_TEXT) &&
		    !(header && k->kind == IMAP_KEY_BODY) &&
		    holds(folded, &k->needle))
			answer(k, true);
	}
}

/* Every field of a header, as "name: value". */
static void
look_at_header(struct imap_match *m, struct imap_search *q, struct span header)
{
	struct header_field f;
	size_t pos = 0;

	m->value.limit = MIME_HEADER_MAX;
	while (header_next(header, &pos, &f)) {
		buf_clear(&m->value);
		buf_add(&m->value, f.name);
		buf_text(&m->value, ": ");
		header_unfold(&m->value, f.value);
		look(q, fold_value(m, buf_span(&m->value)), true);
	}
}

/* The first `len` decoded bytes become text, and are looked through. */
static void
look_at_raw(struct imap_match *m, struct imap_search *q, size_t len)
{
	m->text.limit = m->window.limit = TEXT_MAX;
	buf_clear(&m->text);
	decode_charset(
	    &m->text, buf_span(&m->charset), (struct span){ m->raw.ptr, len });
	buf_drop(&m->raw, len);
	decode_fold(&m->window, buf_span(&m->text));
	look(q, buf_span(&m->window), false);
	if (m->window.len > m->overlap)
		buf_drop(&m->window, m->window.len - m->overlap);
	m->window.bad = false;
}

/* Where the decoded bytes can be cut: behind a line, where no character and no
 * charset's shift is open; in an endless line behind a blank, which is no part
 * of a character in any charset. */
static size_t
cut_at(const struct imap_match *m)
{
	const struct buf *raw = &m->raw;
	const char *end = NULL;

	if (m->wide)
		return raw->len >= WIDE_MAX ? WIDE_MAX : 0;
	end = memrchr(raw->ptr, '\n', raw->len);
	if (end == NULL && raw->len >= LONGEST_LINE)
		end = memrchr(raw->ptr, ' ', raw->len);
	if (end != NULL)
		return (size_t)(end - raw->ptr) + 1;
	return raw->len >= LONGEST_LINE ? raw->len : 0;
}

/* On with the body of the part at hand. */
static enum imap_step
look_at_body(struct imap_session *s, struct imap_match *m,
    struct imap_search *q, const struct store_row *row)
{
	while (m->left > 0) {
		struct span got =
		    store_bytes(imap_read(s->account), row->message, m->at);

		if (got.len == 0)
			break; /* damage; the caller sees it in the transaction
			        */
		if (got.len > m->left)
			got.len = (size_t)m->left;
		decode_feed(&m->decode, got, &m->raw);
		m->at += got.len;
		m->left -= got.len;
		if (m->raw.len >= PIECE) {
			size_t cut = cut_at(m);

			if (cut > 0)
				look_at_raw(m, q, cut);
			if (imap_search_truth(q) != IMAP_MAYBE)
				return IMAP_DONE;
		}
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	decode_end(&m->decode, &m->raw);
	look_at_raw(m, q, m->raw.len);
	m->in_part = false;
	return IMAP_DONE;
}

static bool
is_text(const struct record_part *p)
{
	return p->kind == RECORD_LEAF &&
	       (p->type.ptr == NULL || span_is(p->type, "TEXT") ||
		   span_is(p->type, "MESSAGE"));
}

/* Whether anybody wants to know about headers. */
static bool
text_is_open(const struct imap_search *q)
{
	for (size_t i = 0; i < q->len; i++)
		if (q->key[i].kind == IMAP_KEY_TEXT &&
		    q->key[i].truth == IMAP_MAYBE)
			return true;
	return false;
}

/* Looks at the header of the next part, and gets ready for its body. */
static void
begin_part(struct imap_session *s, struct imap_match *m, struct imap_search *q,
    const struct store_row *row, const struct record_part *p)
{
	struct store_txn *txn = imap_read(s->account);
	struct span params = p->params, name, value;
	uint64_t len =
	    p->header_len < MIME_HEADER_MAX ? p->header_len : MIME_HEADER_MAX;

	m->part = p->index + 1;
	m->in_part = is_text(p);
	m->at = p->body_start;
	m->left = p->body_len;
	decode_begin(&m->decode, decode_encoding(p->encoding));
	m->charset.limit = RECORD_STRING_MAX;
	buf_clear(&m->charset);
	while (record_list_next(&params, &name, &value))
		if (span_is(name, "CHARSET"))
			buf_add(&m->charset, value);
	m->wide = decode_is_wide(buf_span(&m->charset));
	/* What is lent from the record is not needed from here on. */
	m->raw.limit = MIME_HEADER_MAX;
	buf_clear(&m->raw);
	if (text_is_open(q) && store_read(txn, row->message, p->header_start,
				   len, &m->raw) == H_OK)
		look_at_header(m, q, buf_span(&m->raw));
	buf_clear(&m->raw);
	m->raw.limit = TEXT_MAX;
	buf_clear(&m->window);
}

/* The part with that index, from the record. */
static bool
find_part(struct imap_session *s, const struct store_row *row, unsigned index,
    struct record_part *p)
{
	struct record_cursor at = { 0 };
	struct record r;

	if (!record_open(store_record(imap_read(s->account), row->message), &r))
		return false;
	while (record_next(&r, &at, p))
		if (p->index == index)
			return true;
	return false;
}

static void
begin_text(struct imap_match *m, struct imap_search *q)
{
	m->in_text = true;
	m->in_part = false;
	m->part = 0;
	m->overlap = 0;
	for (size_t i = 0; i < q->len; i++) {
		struct imap_key *k = &q->key[i];

		if (k->needle.len > m->overlap + 1)
			m->overlap = k->needle.len - 1;
		/* What is empty is in everything. */
		if (is_open(k, IMAP_BY_TEXT) && k->needle.len == 0)
			answer(k, true);
	}
}

static enum imap_step
match_text(struct imap_session *s, struct imap_match *m, struct imap_search *q,
    const struct store_row *row)
{
	struct record_part p;

	if (!m->in_text)
		begin_text(m, q);
	while (imap_search_truth(q) == IMAP_MAYBE) {
		if (m->in_part) {
			if (look_at_body(s, m, q, row) == IMAP_AGAIN)
				return IMAP_AGAIN;
		} else if (!find_part(s, row, m->part, &p)) {
			break;
		} else {
			begin_part(s, m, q, row, &p);
		}
		if (imap_slice_over(s->account))
			return IMAP_AGAIN;
	}
	m->in_text = false;
	for (size_t i = 0; i < q->len; i++)
		if (is_open(&q->key[i], IMAP_BY_TEXT))
			answer(&q->key[i], false);
	return IMAP_DONE;
}

enum imap_step
imap_match(struct imap_session *s, struct imap_match *m, struct imap_search *q,
    const struct store_row *row)
{
	if (m->in_text)
		return match_text(s, m, q, row);
	if (q->depths & 1U << IMAP_BY_RECORD)
		match_record(s, m, q, row);
	if (imap_search_truth(q) != IMAP_MAYBE)
		return IMAP_DONE;
	if (q->depths & 1U << IMAP_BY_HEADER)
		match_header(s, m, q, row);
	if (imap_search_truth(q) != IMAP_MAYBE)
		return IMAP_DONE;
	return match_text(s, m, q, row);
}
