/* Records made by hand; for tests of record.c and record_check.c. */
#ifndef TESTS_UNIT_RECORD_MADE_H
#define TESTS_UNIT_RECORD_MADE_H

#include "common/record.h"

struct made {
	enum record_kind kind;
	unsigned depth, descendants;
	uint64_t header_start, header_len, body_len;
	uint32_t body_lines;
	bool has_envelope;
	const char *type, *subtype;
};

/* What the tests bend: a mixed of a text and a message, 100
 * bytes. */
/* clang-format off */
static const struct made good[] = {
	{ RECORD_MULTIPART, 0, 3,  0, 20, 80, 5, true,  "MULTIPART", "MIXED" },
	{ RECORD_LEAF,      1, 0, 25,  5, 10, 1, false, "TEXT", "PLAIN" },
	{ RECORD_MESSAGE,   1, 1, 45,  5, 40, 3, false, "MESSAGE", "RFC822" },
	{ RECORD_LEAF,      2, 0, 50, 10, 30, 2, true,  "TEXT", "HTML" },
};
/* clang-format on */

enum { SIZE = 100, PARTS = COUNT_OF(good) };

static inline struct span
text(const char *s)
{
	return s != NULL ? span_of(s) : NO_SPAN;
}

static inline void
put_pair(struct buf *b, const char *name, const char *value)
{
	record_put_string(b, text(name));
	record_put_string(b, text(value));
}

static inline void
put_envelope(struct buf *b)
{
	static const char *const addresses[] = { "Alice", "alice",
		"example.test", NULL, "group", NULL, NULL, "bob", "", NULL,
		NULL, NULL };
	size_t list;

	put_pair(b, "date", "subject");
	put_pair(b, NULL, "<id>");
	list = record_list_begin(b);
	for (size_t i = 0; i < COUNT_OF(addresses); i++)
		record_put_string(b, text(addresses[i]));
	record_list_end(b, list);
	record_put_as_from(b);
	record_put_as_from(b);
	for (int i = RECORD_TO; i < RECORD_ADDRESS_FIELDS; i++)
		record_list_end(b, record_list_begin(b));
}

static inline void
put_part(struct buf *b, const struct made *m)
{
	struct record_part p = {
		.kind = m->kind,
		.depth = m->depth,
		.descendants = m->descendants,
		.header_start = m->header_start,
		.header_len = m->header_len,
		.body_len = m->body_len,
		.body_lines = m->body_lines,
		.has_envelope = m->has_envelope,
	};
	size_t entry = record_entry_begin(b), list;

	put_pair(b, m->type, m->subtype);
	list = record_list_begin(b);
	put_pair(b, "CHARSET", "utf-8");
	record_list_end(b, list);
	put_pair(b, "7BIT", NULL);
	put_pair(b, "", NULL);
	record_put_string(b, SPAN("inline"));
	list = record_list_begin(b);
	put_pair(b, "FILENAME", "a");
	record_list_end(b, list);
	record_put_string(b, NO_SPAN);
	list = record_list_begin(b);
	put_pair(b, NULL, "de");
	record_list_end(b, list);
	if (m->has_envelope)
		put_envelope(b);
	record_entry_end(b, entry);
	record_entry_numbers(b, entry, &p);
}

static inline void
put_record(struct buf *b, const struct made *parts, unsigned n)
{
	struct record head = { .parts = n, .size = SIZE };

	record_put_head(b, &head);
	for (unsigned i = 0; i < n; i++)
		put_part(b, &parts[i]);
}

#endif
