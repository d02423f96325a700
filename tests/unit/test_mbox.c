/* The splitter of mboxes, given a file whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/mem.h"
#include "mailstore/mbox.h"
#include "mailstore/store.h"

struct file {
	struct span bytes;
	size_t step; /* at most so many a read */
};

static size_t
read_file(void *arg, uint64_t at, char *bytes, size_t len)
{
	const struct file *f = arg;
	size_t left = at < f->bytes.len ? f->bytes.len - (size_t)at : 0;

	if (len > left)
		len = left;
	if (len > f->step)
		len = f->step;
	if (len > 0)
		memcpy(bytes, f->bytes.ptr + at, len);
	return len;
}

/* Messages with "|" behind each; flags and keywords in front of those that have
 * some. */
static void
split(struct span bytes, size_t step, bool twice, struct buf *out)
{
	struct file f = { bytes, step };
	struct mbox *m = mbox_new(read_file, &f);
	struct mbox_message message;

	while (mbox_next(m, &message)) {
		if (message.system != 0 || message.keywords.len > 0)
			buf_format(out, "<%u %.*s>", message.system,
			    (int)message.keywords.len, message.keywords.ptr);
		if (message.internal)
			buf_text(out, "<internal>");
		if (message.expunged)
			buf_text(out, "<expunged>");
		if (twice) {
			struct buf waste = BUF_INIT(SIZE_MAX);

			while (mbox_read(m, &waste))
				;
			buf_free(&waste);
			mbox_again(m);
		}
		while (mbox_read(m, out))
			;
		buf_byte(out, '|');
	}
	mbox_free(&m);
}

#define FROM "From a@b.example Sun Nov 22 20:53:10 2026\n"

/* clang-format off */
static const struct {
	const char *name, *file, *want;
} cases[] = {
	{ "nothing", "", "" },
	{ "one", FROM "A: b\n\ntext\n\n", "A: b\n\ntext\n|" },
	{ "no empty line at the end", FROM "A: b\n\ntext\n", "A: b\n\ntext\n|" },
	{ "no line end at the end", FROM "A: b\n\ntext", "A: b\n\ntext|" },
	{ "two", FROM "A: b\n\n1\n\n" FROM "A: c\n\n2\n\n", "A: b\n\n1\n|A: c\n\n2\n|" },
	{ "empty lines are the message's, but for one", FROM "A: b\n\n1\n\n\n\n" FROM "A: c\n\n", "A: b\n\n1\n\n\n|A: c\n\n|" },
	{ "no body", FROM "A: b\n\n" FROM "A: c\n\n\n", "A: b\n\n|A: c\n\n|" },
	{ "no header", FROM "\ntext\n\n", "\ntext\n|" },
	{ "nothing but the line", FROM, "|" },
	{ "CRLF", "From a@b.example Sun Nov 22 20:53:10 2026\r\nA: b\r\n\r\n1\r\n\r\nFrom - \r\nA: c\r\n\r\n2\r\n\r\n",
	    "A: b\r\n\r\n1\r\n|A: c\r\n\r\n2\r\n|" },
	{ "prose is no separator", FROM "A: b\n\n1\n\nFrom here on it rains\n\nFrom - dash\n\n", "A: b\n\n1\n\nFrom here on it rains\n\nFrom - dash\n|" },
	{ "no empty line before it: no separator", FROM "A: b\n\n1\n" FROM "2\n\n", "A: b\n\n1\n" FROM "2\n|" },
	{ "quotes", FROM "A: b\n\n>From a\n>>From b\n> From c\n>from d\n x >From e\n>>>\n\n", "A: b\n\nFrom a\n>From b\n> From c\n>from d\n x >From e\n>>>\n|" },
	{ "Thunderbird's line", "From - Sun Nov 22 20:53:10 2026\nA: b\n\n1\n\nFrom \nA: c\n\n2\n\nFrom -\nA: d\n\n", "A: b\n\n1\n|A: c\n\n2\n|A: d\n\n|" },
	{ "a length that leads to a message", FROM "Content-Length: 44\nA: b\n\n\n" FROM "\n\n" FROM "A: c\n\n2\n\n", "A: b\n\n\n" FROM "\n|A: c\n\n2\n|" },
	{ "with a length nothing is unquoted", FROM "A: b\nContent-Length: 8\n\n>From a\n\n", "A: b\n\n>From a\n|" },
	{ "a length that leads to the end", FROM "Content-Length: 2\nA: b\n\n1\n", "A: b\n\n1\n|" },
	{ "a length of nothing", FROM "Content-Length: 0\nA: b\n\n\n" FROM "A: c\n\n", "A: b\n\n|A: c\n\n|" },
	{ "a length that leads nowhere", FROM "Content-Length: 1\nA: b\n\n1\n\n" FROM "A: c\n\n", "Content-Length: 1\nA: b\n\n1\n|A: c\n\n|" },
	{ "a length beyond the end", FROM "Content-Length: 9999999999999999999\n\n1\n\n" FROM "Content-Length: 9223372036854775807\n\n2\n",
	    "Content-Length: 9999999999999999999\n\n1\n|Content-Length: 9223372036854775807\n\n2\n|" },
	{ "Status", FROM "Status: RO\nA: b\nX-Status: AFT\n\n1\n\n" FROM "X-Status: D\nX-UID: 4\n\n", "<23 >A: b\n\n1\n|<8 >\n|" },
	{ "X-Keywords", FROM "A: b\nX-Keywords: $Label1 Junk   \n\n1\n", "<0 $Label1 Junk >A: b\n\n1\n|" },
	{ "Mozilla's", FROM "X-Mozilla-Status: 0007\nX-Mozilla-Status2: 00800000\nX-Mozilla-Keys: $label1      \nA: b\n\n1\n\n"
	    FROM "X-Mozilla-Status: 1008\nX-Mozilla-Keys: \n\n2\n", "<7 $label1 >A: b\n\n1\n|<0 $Forwarded ><expunged>\n2\n|" },
	{ "folder internal data", FROM "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\nStatus: RO\n\nThis text\n\n" FROM "A: c\n\n",
	    "<1 ><internal>Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n\nThis text\n|A: c\n\n|" },
	{ "X-IMAPbase in an ordinary one", FROM "X-IMAPbase: 1 2\nA: b\n\n1\n", "A: b\n\n1\n|" },
	{ "lines that are no fields stay", FROM ">From quoted\nA: b\nStatus: R\nno field\n folded\n\n1\n", "<1 >>From quoted\nA: b\nno field\n folded\n\n1\n|" },
	{ "folded fields go whole", FROM "X-Keywords: a\n b\n\tc\nA: b\n\n1\n", "<0 a b c >A: b\n\n1\n|" },
	{ "not an mbox", "hello\n\nworld\n", "\nworld\n|" },
};
/* clang-format on */

static void
test_cases(void **state)
{
	static const size_t steps[] = { SIZE_MAX, 1, 7 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t s = 0; s < 2 * COUNT_OF(steps); s++) {
			struct buf out = BUF_INIT(SIZE_MAX);

			split(span_of(cases[i].file), steps[s / 2], s % 2 == 1,
			    &out);
			buf_byte(&out, '\0');
			if (strcmp(out.ptr, cases[i].want) != 0)
				fail_msg("%s, %zu: \"%s\"", cases[i].name, s,
				    out.ptr);
			buf_free(&out);
		}
}

static void
test_from_lines(void **state)
{
	static const struct {
		const char *line;
		bool is, has_date;
		int64_t date;
	} lines[] = {
		{ "From a@b Sun Nov 22 20:53:10 2026", true, true, 1795380790 },
		{ "From a@b Sun Nov 22 20:53:10 CET 2026", true, true,
		    1795377190 },
		{ "From a@b Sun Nov  2 20:53:10 2026 +0100", true, true,
		    1793649190 },
		{ "From \"a b\"@c Sun Nov 22 20:53:10 2026 remote from x", true,
		    true, 1795380790 },
		{ "From a@b Sun Nov 22 20:53 2026", true, true, 1795380780 },
		{ "From - Sun Nov 22 20:53:10 2026", true, true, 1795380790 },
		{ "From a@b Sun, 22 Nov 2026 20:53:10 +0000", true, true,
		    1795380790 },
		{ "From ", true, false, 0 },
		{ "From -", true, false, 0 },
		{ "From - ", true, false, 0 },
		{ "From", false, false, 0 },
		{ "From a@b", false, false, 0 },
		{ "From: a@b", false, false, 0 },
		{ "From me to you", false, false, 0 },
		{ "From a Sun Nov 41 20:53:10 2026", false, false, 0 },
		{ "From a Sun Nov 22 2026", false, false, 0 },
		{ "From a Sun Nov", false, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		int64_t date = 0;
		bool has_date;

		if (mbox_is_from(span_of(lines[i].line), &has_date, &date) !=
			lines[i].is ||
		    has_date != lines[i].has_date ||
		    (has_date && date != lines[i].date))
			fail_msg("%s: %d %lld", lines[i].line, has_date,
			    (long long)date);
	}
}

/* Longer than the window, in every way. */
static void
test_long(void **state)
{
	struct buf file = BUF_INIT(SIZE_MAX), want = BUF_INIT(SIZE_MAX),
		   out = BUF_INIT(SIZE_MAX);

	(void)state;
	for (int n = 0; n < 5; n++) {
		buf_text(&file, FROM);
		for (int i = 0; i < 400000; i++) {
			if (i == 0)
				buf_format(&want, "Subject: %d\n\n", n);
			buf_byte(&want, n % 2 && i % 61 == 60 ? '\n' : 'x');
		}
		buf_byte(&want, '\n');
		buf_add(&file,
		    (struct span){ want.ptr + out.len, want.len - out.len });
		buf_byte(&file, '\n');
		buf_byte(&want, '|');
		out.len = want.len;
	}
	out.len = 0;
	split(buf_span(&file), 10000, true, &out);
	assert_int_equal(out.len, want.len);
	assert_memory_equal(out.ptr, want.ptr, want.len);
	buf_free(&file);
	buf_free(&want);
	buf_free(&out);
}

static void
test_a_header_without_end(void **state)
{
	struct buf file = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);

	(void)state;
	buf_text(&file, FROM);
	while (file.len < 3 * MBOX_HEADER_MAX)
		buf_text(&file, "X-Field: x\n");
	split(buf_span(&file), SIZE_MAX, true, &out);
	assert_int_equal(out.len, file.len - strlen(FROM) + 1);
	buf_free(&file);
	buf_free(&out);
}

static void
test_dates(void **state)
{
	struct file f = { SPAN("From -\nDate: Sun, 22 Nov 2026 20:53:10 +0000\n"
			       "Date: nonsense\n\n"),
		SIZE_MAX };
	struct mbox *m = mbox_new(read_file, &f);
	struct mbox_message message;

	(void)state;
	assert_true(mbox_next(m, &message));
	assert_false(message.has_date);
	assert_true(message.has_header_date);
	assert_int_equal(message.header_date, 1795380790);
	assert_false(mbox_next(m, &message));
	mbox_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_from_lines),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_a_header_without_end),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
