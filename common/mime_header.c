/*
 * From header fields to the strings of a record's entry: Content-Type and its
 * kin (RFC 2045, 2183, 3282, 2557), and ENVELOPE (RFC 9051, 7.5.2).
 *
 * Parameters are kept as they stand in the message, RFC 2231 forms included,
 * but without quotes.  Only the boundary is put together from its pieces, since
 * the scanner needs it.
 */
#include "common/mime_header.h"

#include "common/addr.h"
#include "common/header.h"
#include "common/mime_param.h"

/* clang-format off */
#define TEXT(word) { word, sizeof(word) - 1 }
static const struct {
	struct span	 name;
	enum mime_field	 field;
} names[] = {
	{ TEXT("Received"),			MIME_FIELD_RECEIVED },
	{ TEXT("Content-Type"),			MIME_FIELD_TYPE },
	{ TEXT("Content-Transfer-Encoding"),	MIME_FIELD_ENCODING },
	{ TEXT("Content-ID"),			MIME_FIELD_ID },
	{ TEXT("Content-Description"),		MIME_FIELD_DESCRIPTION },
	{ TEXT("Content-MD5"),			MIME_FIELD_MD5 },
	{ TEXT("Content-Disposition"),		MIME_FIELD_DISPOSITION },
	{ TEXT("Content-Location"),		MIME_FIELD_LOCATION },
	{ TEXT("Content-Language"),		MIME_FIELD_LANGUAGE },
	{ TEXT("Date"),				MIME_FIELD_DATE },
	{ TEXT("Subject"),			MIME_FIELD_SUBJECT },
	{ TEXT("In-Reply-To"),			MIME_FIELD_IN_REPLY_TO },
	{ TEXT("Message-ID"),			MIME_FIELD_MESSAGE_ID },
	{ TEXT("From"),				MIME_FIELD_FROM },
	{ TEXT("Sender"),			MIME_FIELD_SENDER },
	{ TEXT("Reply-To"),			MIME_FIELD_REPLY_TO },
	{ TEXT("To"),				MIME_FIELD_TO },
	{ TEXT("Cc"),				MIME_FIELD_CC },
	{ TEXT("Bcc"),				MIME_FIELD_BCC },
};
#undef TEXT
/* clang-format on */

enum mime_field
mime_field_named(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (name.len == names[i].name.len &&
		    span_same_nocase(name, names[i].name))
			return names[i].field;
	}
	return MIME_FIELD_OTHER;
}

enum {
	SCRATCH_MAX = 4 * MIME_FIELD_MAX, /* the strings of one address list */
	EMPTY_LIST = 4,                   /* bytes */
};
/* Pieces of a boundary that was given in one. */
static const uint32_t whole = UINT32_MAX;

/* One header on its way into one entry. */
struct put {
	struct buf *record;
	struct mime_header *header;
	struct span fields;
	struct span first[MIME_FIELDS]; /* raw values; ptr NULL = absent */
	struct buf text;                /* the field at hand, on one line */
	struct buf value;   /* of a parameter; strings of addresses */
	struct buf decoded; /* a piece of the boundary */
	uint32_t pieces;    /* of the boundary, so far */
	unsigned addresses; /* in all lists of this envelope */
	bool in_group;
};

/* ---- strings ---- */

static void
put_string(struct put *p, struct span s)
{
	if (s.len > RECORD_STRING_MAX)
		p->header->cut = true;
	record_put_string(p->record, s);
}

/* Present even if there is nothing in it. */
static void
put_present(struct put *p, struct span s)
{
	put_string(p, s.ptr != NULL ? s : SPAN(""));
}

static void
put_upper(struct put *p, struct span s)
{
	size_t start = p->record->len;

	put_present(p, s);
	for (size_t i = start; i < p->record->len; i++) {
		char *c = &p->record->ptr[i];

		/* The two bytes of length are not text. */
		if (i >= start + 2 && *c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
}

/* The first field of that name on one line; false if there is none. */
static bool
unfold(struct put *p, enum mime_field field, struct span *text)
{
	buf_clear(&p->text);
	*text = NO_SPAN;
	if (p->first[field].ptr == NULL)
		return false;
	header_unfold(&p->text, p->first[field]);
	*text = p->text.len > 0 ? buf_span(&p->text) : SPAN("");
	return true;
}

static void
put_field(struct put *p, enum mime_field field)
{
	struct span text;

	(void)unfold(p, field, &text);
	put_string(p, text);
}

/* ---- parameters ---- */

/* `each` sees every parameter that is kept; NULL: nobody asks. */
static void
put_params(struct put *p, struct scan *s,
    void (*each)(struct put *, struct span name, struct span value))
{
	size_t list = record_list_begin(p->record);
	struct span name, value;
	unsigned n = 0;

	while (mime_param_next(s, &p->value, &name, &value)) {
		if (n++ == RECORD_PARAMS_MAX) {
			p->header->cut = true;
			break;
		}
		put_upper(p, name);
		put_present(p, value);
		if (each != NULL)
			each(p, name, value);
	}
	record_list_end(p->record, list);
}

/* ---- the boundary ---- */

/* One byte too many is enough to tell that it is too long. */
static void
add_to_boundary(struct mime_header *h, struct span s)
{
	size_t room = sizeof(h->boundary) - h->boundary_len;

	if (s.len > room)
		s.len = room;
	if (s.len > 0)
		memcpy(h->boundary + h->boundary_len, s.ptr, s.len);
	h->boundary_len += s.len;
}

/*
 * BOUNDARY=, or RFC 2231: BOUNDARY*=, BOUNDARY*0=, BOUNDARY*1*=, ...  Pieces
 * are taken in the order in which they stand; one out of order is passed over.
 * The form that comes first decides.
 */
static void
take_boundary(struct put *p, struct span name, struct span value)
{
	struct scan s = scan_over(name);
	bool encoded = false;
	uint64_t number = 0;

	if (!scan_try_word(&s, "BOUNDARY") || p->pieces == whole)
		return;
	if (!scan_more(&s)) {
		if (p->pieces == 0)
			add_to_boundary(p->header, value);
		p->pieces = whole;
		return;
	}
	scan_need(&s, '*');
	if (scan_more(&s)) {
		number = scan_number(&s, RECORD_PARAMS_MAX);
		encoded = scan_try(&s, '*');
	} else {
		encoded = true;
	}
	if (!scan_done(&s) || number != p->pieces)
		return;
	if (encoded) {
		buf_clear(&p->decoded);
		mime_param_decode(&p->decoded, value, number == 0);
		value = buf_span(&p->decoded);
	}
	add_to_boundary(p->header, value);
	p->pieces++;
}

/* ---- fields of a part ---- */

static void
put_default_charset(struct put *p)
{
	size_t list = record_list_begin(p->record);

	record_put_string(p->record, SPAN("CHARSET"));
	record_put_string(p->record, SPAN("US-ASCII"));
	record_list_end(p->record, list);
}

/* Without a type that can be read a part is plain text (RFC 2045, 5.2), in a
 * digest a message (RFC 2046, 5.1.5). */
static void
put_type(struct put *p, bool in_digest)
{
	struct mime_header *h = p->header;
	struct span text, type, subtype;
	bool given = unfold(p, MIME_FIELD_TYPE, &text);
	struct scan s = scan_over(text);
	bool known = mime_param_type(&s, &type, &subtype);

	if (!known) {
		bool message = in_digest && !given;

		(void)scan_until(&s, ";", SIZE_MAX);
		type = message ? SPAN("MESSAGE") : SPAN("TEXT");
		subtype = message ? SPAN("RFC822") : SPAN("PLAIN");
	}
	put_upper(p, type);
	put_upper(p, subtype);
	if (!scan_more(&s) && !known && span_is(type, "TEXT"))
		put_default_charset(p);
	else
		put_params(p, &s, take_boundary);

	/* It never ends in a blank (RFC 2046, 5.1.1). */
	while (h->boundary_len > 0 &&
	       memchr(" \t", h->boundary[h->boundary_len - 1], 2) != NULL)
		h->boundary_len--;
	if (h->boundary_len > MIME_BOUNDARY_MAX) {
		h->boundary_len = 0;
		h->cut = true;
	}
	h->digest = span_is_nocase(subtype, "DIGEST");
	if (span_is_nocase(type, "MULTIPART") && h->boundary_len > 0)
		h->kind = RECORD_MULTIPART;
	else if (span_is_nocase(type, "MESSAGE") &&
		 (span_is_nocase(subtype, "RFC822") ||
		     span_is_nocase(subtype, "GLOBAL")))
		h->kind = RECORD_MESSAGE;
}

/* What is encoded cannot be looked into; a multipart may not be encoded, so one
 * that says so lies (RFC 2045, 6.4). */
static void
put_encoding(struct put *p)
{
	struct span text, name;
	struct scan s;

	(void)unfold(p, MIME_FIELD_ENCODING, &text);
	s = scan_over(text);
	mime_param_skip(&s);
	name = mime_param_item(&s);
	put_upper(p, name.len > 0 ? name : SPAN("7BIT"));
	if (p->header->kind == RECORD_MESSAGE &&
	    (span_is_nocase(name, "BASE64") ||
		span_is_nocase(name, "QUOTED-PRINTABLE")))
		p->header->kind = RECORD_LEAF;
}

static void
put_disposition(struct put *p)
{
	struct span text;
	struct scan s;

	if (unfold(p, MIME_FIELD_DISPOSITION, &text) && text.len > 0) {
		s = scan_over(text);
		mime_param_skip(&s);
		put_present(p, mime_param_item(&s));
		put_params(p, &s, NULL);
	} else {
		record_put_string(p->record, NO_SPAN);
		record_list_end(p->record, record_list_begin(p->record));
	}
}

/* RFC 3282: tags with commas between them. */
static void
put_languages(struct put *p)
{
	size_t list = record_list_begin(p->record);
	unsigned n = 0;
	struct span text;
	struct scan s;

	(void)unfold(p, MIME_FIELD_LANGUAGE, &text);
	s = scan_over(text);
	while (scan_more(&s)) {
		struct span tag;

		mime_param_skip(&s);
		tag = span_trim(scan_until(&s, ",(", SIZE_MAX));
		mime_param_skip(&s);
		(void)scan_until(&s, ",", SIZE_MAX);
		(void)scan_try(&s, ',');
		if (tag.len == 0)
			continue;
		if (n++ == RECORD_PARAMS_MAX) {
			p->header->cut = true;
			break;
		}
		record_put_string(p->record, NO_SPAN);
		put_string(p, tag);
	}
	record_list_end(p->record, list);
}

/* ---- the envelope ---- */

static void
put_address(
    struct put *p, struct span name, struct span mailbox, struct span host)
{
	put_string(p, name);
	put_string(p, mailbox);
	put_string(p, host);
	p->addresses++;
}

/* RFC 9051, 7.5.2: no host marks the ends of a group, no mailbox either its
 * last. */
static void
put_entry(void *arg, const struct addr_entry *e)
{
	struct put *p = arg;
	unsigned room = RECORD_ADDRESSES_MAX - p->addresses - p->in_group;

	switch (e->kind) {
	case ADDR_MAILBOX:
		if (room < 1)
			break;
		put_address(p, e->name.len > 0 ? e->name : NO_SPAN,
		    e->mailbox.len > 0 ? e->mailbox : SPAN(""),
		    e->host.len > 0 ? e->host : SPAN(""));
		return;
	case ADDR_GROUP_START:
		if (room < 2 || p->in_group)
			break;
		put_address(
		    p, NO_SPAN, e->name.len > 0 ? e->name : SPAN(""), NO_SPAN);
		p->in_group = true;
		return;
	case ADDR_GROUP_END:
		if (p->in_group) {
			p->in_group = false;
			put_address(p, NO_SPAN, NO_SPAN, NO_SPAN);
		}
		return;
	}
	p->header->cut = true;
}

/* Several fields of one name are read as one: what a client shows must be all
 * that a filter sees. */
static void
put_addresses(struct put *p, enum mime_field field)
{
	static const struct addr_entry end = { .kind = ADDR_GROUP_END };
	size_t list = record_list_begin(p->record), pos = 0;
	struct header_field f;
	unsigned before;

	while (
	    p->first[field].ptr != NULL && header_next(p->fields, &pos, &f)) {
		if (mime_field_named(f.name) != field)
			continue;
		buf_clear(&p->text);
		header_unfold(&p->text, f.value);
		before = p->addresses;
		addr_list(buf_span(&p->text), &p->value, put_entry, p);
		put_entry(p, &end);
		/* It stops without a word, one before its own limit. */
		if (p->addresses - before >= ADDR_LIST_MAX - 1)
			p->header->cut = true;
	}
	record_list_end(p->record, list);
}

static void
put_envelope(struct put *p)
{
	put_field(p, MIME_FIELD_DATE);
	put_field(p, MIME_FIELD_SUBJECT);
	put_field(p, MIME_FIELD_IN_REPLY_TO);
	put_field(p, MIME_FIELD_MESSAGE_ID);
	for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++) {
		bool defaults = i == RECORD_SENDER || i == RECORD_REPLY_TO;
		size_t list = p->record->len;

		put_addresses(p, (enum mime_field)(MIME_FIELD_FROM + i));
		if (defaults && p->record->len == list + EMPTY_LIST &&
		    !p->record->bad) {
			p->record->len = list;
			record_put_as_from(p->record);
		}
	}
}

void
mime_header_put(struct buf *record, struct span fields, bool envelope,
    bool in_digest, struct mime_header *header)
{
	struct put p = {
		.record = record,
		.header = header,
		.fields = fields,
		.text = BUF_INIT(MIME_FIELD_MAX),
		.value = BUF_INIT(SCRATCH_MAX),
		.decoded = BUF_INIT(MIME_FIELD_MAX),
	};
	struct header_field f;
	size_t pos = 0;

	*header = (struct mime_header){ .kind = RECORD_LEAF };
	while (header_next(fields, &pos, &f)) {
		enum mime_field field = mime_field_named(f.name);

		if (p.first[field].ptr == NULL)
			p.first[field] = f.value.len > 0 ? f.value : SPAN("");
	}
	put_type(&p, in_digest);
	put_encoding(&p);
	put_field(&p, MIME_FIELD_ID);
	put_field(&p, MIME_FIELD_DESCRIPTION);
	put_field(&p, MIME_FIELD_MD5);
	put_disposition(&p);
	put_field(&p, MIME_FIELD_LOCATION);
	put_languages(&p);
	if (envelope)
		put_envelope(&p);
	buf_free(&p.text);
	buf_free(&p.value);
	buf_free(&p.decoded);
}
