/* SEARCH: combinations of keys against their definition, and text against its
 * decoding. */
#include "imapd/imap_search.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/scan.h"
#include "tests/unit/imap_harness.h"

enum { MESSAGES = 40 };

struct fixture {
	struct imap_harness h;
	int fd;
	struct buf said;
};

static void
say(struct fixture *f, const char *text)
{
	buf_clear(&f->said);
	assert_true(imap_harness_say(&f->h, f->fd, span_of(text), &f->said));
}

static void
append(struct fixture *f, const char *flags, const char *message)
{
	struct buf text = BUF_INIT(1 << 20);

	buf_format(&text, "a APPEND INBOX (%s) {%zu+}\r\n%s\r\n", flags,
	    strlen(message), message);
	buf_byte(&text, '\0');
	say(f, text.ptr);
	assert_non_null(memmem(f->said.ptr, f->said.len, "a OK", 4));
	buf_free(&text);
}

static int
open_fixture(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	imap_harness_open(&f->h);
	f->fd = imap_harness_session(&f->h);
	f->said = BUF_INIT(1 << 24);
	say(f, "s SELECT INBOX\r\n");
	*state = f;
	return 0;
}

static int
close_fixture(void **state)
{
	struct fixture *f = *state;

	close(f->fd);
	imap_harness_close(&f->h);
	buf_free(&f->said);
	mem_free(&f);
	return 0;
}

/* The numbers a search finds, as bits; a failure if it is not answered with OK.
 */
static uint64_t
search(struct fixture *f, const char *keys)
{
	struct buf text = BUF_INIT(1 << 20);
	struct scan s;
	uint64_t found = 0;

	buf_format(&text, "q SEARCH %s\r\n", keys);
	buf_byte(&text, '\0');
	say(f, text.ptr);
	buf_free(&text);
	s = scan_over(buf_span(&f->said));
	scan_word(&s, "* SEARCH");
	while (scan_try(&s, ' '))
		found |= UINT64_C(1) << scan_number(&s, 63);
	scan_word(&s, "\r\nq OK Done\r\n");
	if (!scan_done(&s))
		fail_msg("'%s': '%.*s'", keys, (int)f->said.len, f->said.ptr);
	return found;
}

/* ---- combinations ---- */

/* Leaves that are easy to judge: the flag of each bit of the number. */
static const char *const bit_key[] = { "SEEN", "FLAGGED", "ANSWERED", "DRAFT",
	"KEYWORD five" };
static const char *const bit_flag[] = { "\\Seen", "\\Flagged", "\\Answered",
	"\\Draft", "five" };

struct dice {
	uint32_t seed;
};

static unsigned throw(struct dice * d, unsigned sides)
{
	d->seed = d->seed * 1664525 + 1013904223;
	return (d->seed >> 16) % sides;
}

/* A random expression and what it must find; the test may recurse, the parser
 * may not. */
static uint64_t
grow(struct dice *d, struct buf *text, unsigned depth)
{
	uint64_t all = (UINT64_C(2) << MESSAGES) - 2, a, b;
	unsigned bit;

	switch (throw(d, depth == 0 ? 2 : 6)) {
	case 0:
		bit = throw(d, COUNT_OF(bit_key));
		buf_text(text, bit_key[bit]);
		for (a = 0, b = 1; b <= MESSAGES; b++)
			a |= (b >> bit & 1) << b;
		return a;
	case 1:
		bit = 1 + throw(d, MESSAGES);
		buf_format(text, "1:%u", bit);
		return (UINT64_C(2) << bit) - 2;
	case 2: buf_text(text, "NOT "); return all & ~grow(d, text, depth - 1);
	case 3:
		buf_text(text, "OR ");
		a = grow(d, text, depth - 1);
		buf_byte(text, ' ');
		return a | grow(d, text, depth - 1);
	case 4:
		buf_byte(text, '(');
		a = grow(d, text, depth - 1);
		buf_byte(text, ' ');
		a &= grow(d, text, depth - 1);
		buf_byte(text, ')');
		return a;
	default:
		buf_byte(text, '(');
		a = grow(d, text, depth - 1);
		buf_byte(text, ')');
		return a;
	}
}

static void
test_combinations(void **state)
{
	struct fixture *f = *state;
	struct dice d = { .seed = 11 };

	for (unsigned n = 1; n <= MESSAGES; n++) {
		struct buf flags = BUF_INIT(100);

		for (size_t bit = 0; bit < COUNT_OF(bit_flag); bit++)
			if (n >> bit & 1) {
				buf_text(&flags, flags.len > 0 ? " " : "");
				buf_text(&flags, bit_flag[bit]);
			}
		buf_byte(&flags, '\0');
		append(f, flags.ptr, "Subject: x\r\n\r\n");
		buf_free(&flags);
	}
	for (int round = 0; round < 300; round++) {
		struct buf text = BUF_INIT(1 << 16);
		uint64_t want = grow(&d, &text, 5), got;

		buf_byte(&text, '\0');
		got = search(f, text.ptr);
		if (got != want)
			fail_msg("%s: %lx, not %lx", text.ptr,
			    (unsigned long)got, (unsigned long)want);
		buf_free(&text);
	}
}

/* ---- text ---- */

static void
test_text(void **state)
{
	static const struct {
		const char *key;
		uint64_t found; /* bits */
	} cases[] = {
		/* the decoded subject, in any case, over a fold */
		{ "SUBJECT \"GR\u00dcSSE aus K\u00f6ln\"", 1 << 1 },
		{ "SUBJECT \"=?utf-8\"", 0 },
		{ "SUBJECT \"\"", 1 << 1 | 1 << 3 },
		/* addresses: decoded names, and what stands in brackets */
		{ "FROM \"j\u00fcrgen m\u00fcller <jm@\"", 1 << 1 },
		{ "FROM \"M\u00dcLLER\"", 1 << 1 },
		{ "TO undisclosed", 1 << 2 },
		{ "CC \"\"", 0 },
		/* every field of the name */
		{ "HEADER X-Many second", 1 << 2 },
		{ "HEADER x-many \"two lines\"", 1 << 2 },
		{ "HEADER X-Many third", 0 },
		/* bodies: encodings, charsets, nothing in between */
		{ "BODY \"Stra\u00dfenbahn f\u00e4hrt\"", 1 << 1 },
		{ "BODY \"STRASSENBAHN\"", 1 << 1 },
		{ "BODY \"caf\u00e9\"", 1 << 2 },
		{ "BODY \"=E9\"", 0 },
		/* no header, whose ever (RFC 9051, 6.4.4) */
		{ "BODY \"inner subject\"", 0 },
		{ "TEXT \"inner subject\"", 1 << 3 },
		{ "BODY \"inner text\"", 1 << 3 },
		{ "BODY \"report.pdf\"", 0 },
		{ "TEXT \"report.pdf\"", 1 << 3 },
		{ "BODY \"outer subject\"", 0 },
		{ "TEXT \"outer subject\"", 1 << 3 },
		{ "TEXT \"inner text\"", 1 << 3 },
		{ "BODY \"\"", 1 << 1 | 1 << 2 | 1 << 3 },
		/* several needles in one reading, and what is open is decided
		   by all */
		{ "BODY \"inner text\" TEXT report", 1 << 3 },
		{ "OR BODY caf TEXT report", 1 << 2 | 1 << 3 },
		{ "NOT BODY caf NOT TEXT report", 1 << 1 },
		{ "OR SUBJECT outer BODY caf", 1 << 2 | 1 << 3 },
	};
	struct fixture *f = *state;

	append(f, "",
	    "From: =?utf-8?Q?J=C3=BCrgen_M=C3=BCller?= <jm@example.test>\r\n"
	    "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n aus "
	    "=?iso-8859-1?Q?K=F6ln?=\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Transfer-Encoding: "
	    "base64\r\n\r\nU3RyYcOfZW5iYWhuIGbDpGhydAo=\r\n");
	append(f, "",
	    "From: x@y\r\nTo: undisclosed-recipients:;\r\nX-Many: "
	    "first\r\nX-Many: second\r\n"
	    "X-Many: two\r\n lines\r\nContent-Type: text/html; "
	    "charset=windows-1252\r\n"
	    "Content-Transfer-Encoding: "
	    "quoted-printable\r\n\r\n<p>ca=\r\nf=E9</p>\r\n");
	append(f, "",
	    "Subject: outer subject\r\nContent-Type: multipart/mixed; "
	    "boundary=x\r\n\r\n--x\r\n"
	    "Content-Type: message/rfc822\r\n\r\nSubject: inner "
	    "subject\r\n\r\ninner text\r\n--x\r\n"
	    "Content-Type: application/pdf; name=report.pdf\r\n\r\nnothing to "
	    "be read\r\n--x--\r\n");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		uint64_t got = search(f, cases[i].key);

		if (got != cases[i].found)
			fail_msg("%s: %lx", cases[i].key, (unsigned long)got);
	}
	assert_int_equal(search(f, "BODY \"nothing to be read\""), 0);
}

/* ---- grammar ---- */

static void
test_refused(void **state)
{
	static const struct {
		const char *keys, *answer;
	} cases[] = {
		{ "", "q BAD" },
		{ " ", "q BAD" },
		{ "ALL)", "q BAD" },
		{ "(ALL", "q BAD" },
		{ "()", "q BAD" },
		{ "(ALL )", "q BAD" },
		{ "NOT", "q BAD" },
		{ "NOT ", "q BAD" },
		{ "OR ALL", "q BAD" },
		{ "OR ALL ", "q BAD" },
		{ "ALLSEEN", "q BAD" },
		{ "ALL  SEEN", "q BAD" },
		{ "SINCE 31-Nov-2026", "q BAD" },
		{ "SINCE 1-Nov-26", "q BAD" },
		{ "LARGER -1", "q BAD" },
		{ "LARGER 99999999999999999999", "q BAD" },
		{ "YOUNGER 0", "q BAD" },
		{ "UID 1,", "q BAD" },
		{ "KEYWORD (a)", "q BAD" },
		{ "CHARSET", "q BAD" },
		{ "CHARSET x ALL", "q NO [BADCHARSET (US-ASCII UTF-8)]" },
		{ "MODSEQ \"/flags/a\" 7", "q BAD" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf text = BUF_INIT(1000);

		buf_format(&text, "q SEARCH %s\r\n", cases[i].keys);
		buf_byte(&text, '\0');
		say(f, text.ptr);
		if (!span_starts_nocase(buf_span(&f->said), cases[i].answer))
			fail_msg("'%s': '%.*s'", cases[i].keys,
			    (int)f->said.len, f->said.ptr);
		buf_free(&text);
		say(f,
		    "n NOOP\r\n"); /* or it would be one bad command too many */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_combinations, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(
		    test_text, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(
		    test_refused, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
