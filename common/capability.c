/* The table of what can be left out: see capability.h. */
#include "common/capability.h"

#include "common/scan.h"

/* Their numbers stand in the directory: new ones come at the end. */
static const char *const names[] = {
	/* IMAP */
	"IMAP4rev2",
	"LITERAL+",
	"ID",
	"ENABLE",
	"IDLE",
	"NAMESPACE",
	"CHILDREN",
	"SPECIAL-USE",
	"CREATE-SPECIAL-USE",
	"XLIST",
	"LIST-EXTENDED",
	"LIST-STATUS",
	"STATUS=SIZE",
	"UTF8=ACCEPT",
	"ESEARCH",
	"SEARCHRES",
	"WITHIN",
	"BINARY",
	"UIDPLUS",
	"MOVE",
	"UNSELECT",
	"MULTIAPPEND",
	"CONDSTORE",
	"QRESYNC",
	/* POP3 */
	"TOP",
	"UIDL",
	"PIPELINING",
	"RESP-CODES",
	"AUTH-RESP-CODE",
	"EXPIRE",
	"UTF8",
	"LANG",
};

_Static_assert(COUNT_OF(names) <= CAPABILITIES_MAX, "one bit each");

uint64_t
capability_bit(struct span name)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_is_nocase(name, names[i]))
			return UINT64_C(1) << i;
	return 0;
}

const char *
capability_name(unsigned number)
{
	return number < COUNT_OF(names) ? names[number] : NULL;
}

void
capability_put(
    struct buf *out, struct span text, const char *between, uint64_t without)
{
	struct scan s = scan_over(text);

	/* QRESYNC is CONDSTORE and more (RFC 7162, 3.2.3). */
	if (without & capability_bit(SPAN("CONDSTORE")))
		without |= capability_bit(SPAN("QRESYNC"));
	while (scan_more(&s)) {
		const char *start = s.pos;
		struct span word = scan_until(&s, between, SIZE_MAX);
		const char *space = memchr(word.ptr, ' ', word.len);

		if (scan_more(&s))
			scan_word(&s, between);
		if (space != NULL)
			word.len = (size_t)(space - word.ptr);
		if ((capability_bit(word) & without) == 0)
			buf_add(out,
			    (struct span){ start, (size_t)(s.pos - start) });
	}
}
