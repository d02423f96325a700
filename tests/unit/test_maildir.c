/* Names in a Maildir, there and back; line ends, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/mem.h"
#include "mailstore/crlf.h"
#include "mailstore/maildir.h"

static void
test_files(void **state)
{
	static const struct {
		const char *name;
		uint8_t system;
		bool passed, raw;
		uint32_t letters;
		const char *keywords;
	} files[] = {
		{ "1.M2P3.host", 0, false, false, 0, "" },
		{ "1.M2P3.host:2,", 0, false, false, 0, "" },
		{ "1.M2P3.host,S=12,W=14:2,FRS",
		    STORE_FLAGGED_FLAG | STORE_ANSWERED | STORE_SEEN, false,
		    false, 0, "" },
		{ "1.host:2,DPTac", STORE_DRAFT | STORE_DELETED, true, false, 5,
		    "" },
		{ "1.host,K=26.31,R:2,S", STORE_SEEN, false, true, 0, "26.31" },
		{ "1.host;2,S", STORE_SEEN, false, false, 0, "" },
		{ "1.host!2,Sz", STORE_SEEN, false, false, 1U << 25, "" },
		{ "1:2,S:2,F", STORE_FLAGGED_FLAG, false, false, 0, "" },
		{ "1.host:1,S", 0, false, false, 0, "" },
		{ ":2", 0, false, false, 0, "" },
		{ "", 0, false, false, 0, "" },
		{ ",R,RR,K=,", 0, false, true, 0, "" },
		{ "1.host:2,S\xff#", STORE_SEEN, false, false, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct maildir_file f;

		maildir_file(span_of(files[i].name), &f);
		if (f.system != files[i].system ||
		    f.passed != files[i].passed || f.raw != files[i].raw ||
		    f.letters != files[i].letters ||
		    f.keywords.len != strlen(files[i].keywords) ||
		    (f.keywords.len > 0 &&
			memcmp(f.keywords.ptr, files[i].keywords,
			    f.keywords.len) != 0))
			fail_msg("%s", files[i].name);
	}
}

static void
test_file_there_and_back(void **state)
{
	struct maildir_file f = { .system = 31,
		.passed = true,
		.raw = true,
		.letters = 1 | 1U << 25 };
	struct maildir_file back;
	struct buf list = BUF_INIT(100), name = BUF_INIT(300);
	struct span left;
	unsigned n;

	(void)state;
	maildir_put_keyword(&list, 26);
	maildir_put_keyword(&list, 127);
	f.keywords = buf_span(&list);
	maildir_put_file(&name, SPAN("1.V2U3.hearth"), 10, 12, &f);
	buf_byte(&name, '\0');
	assert_string_equal(
	    name.ptr, "1.V2U3.hearth,S=10,W=12,K=26.127,R:2,DFPRSTaz");
	maildir_file(span_of(name.ptr), &back);
	assert_int_equal(back.system, f.system);
	assert_true(back.passed && back.raw);
	assert_int_equal(back.letters, f.letters);
	left = back.keywords;
	assert_true(maildir_next_keyword(&left, &n));
	assert_int_equal(n, 26);
	assert_true(maildir_next_keyword(&left, &n));
	assert_int_equal(n, 127);
	assert_false(maildir_next_keyword(&left, &n));
	left = SPAN("128");
	assert_false(maildir_next_keyword(&left, &n));
	left = SPAN("x");
	assert_false(maildir_next_keyword(&left, &n));
	buf_free(&list);
	buf_free(&name);
}

static void
test_folders(void **state)
{
	static const struct {
		const char *folder, *name;
		bool back;
	} folders[] = {
		{ ".Sent", "Sent", true },
		{ ".Sent.2024", "Sent/2024", true },
		{ ".Entw&APw-rfe", "Entw\xc3\xbcrfe", true },
		{ ".a&AC4-b.c", "a.b/c", true },
		{ ".&AOQ-&AC4-&APY-", "\xc3\xa4.\xc3\xb6", true },
		{ ".A&-B", "A&B", true },
		{ ".A&B", "A&B", false },
		{ ".Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe", false },
		{ ".Entw\xfcrfe", "Entw\xc3\xbcrfe", false },
		{ "..a..b.", "a/b", false },
		{ ".100%*", "100__", false },
		{ ".a\nb", "a_b", false },
		{ ".", "", false },
		{ ".&IAo-", "\xe2\x80\x8a", true },
		{ ".&ICg-", "_", false },
		{ ".&AIU-x", "_x", false },
		{ ".Entwu\xcc\x88rfe", "Entw\xc3\xbcrfe", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		struct buf name = BUF_INIT(1000), folder = BUF_INIT(1000);

		maildir_folder(&name, span_of(folders[i].folder));
		buf_byte(&name, '\0');
		assert_string_equal(name.ptr, folders[i].name);
		maildir_put_folder(&folder, span_of(folders[i].name));
		buf_byte(&folder, '\0');
		assert_int_equal(strcmp(folder.ptr, folders[i].folder) == 0,
		    folders[i].back || i == 12);
		buf_free(&name);
		buf_free(&folder);
	}
}

static void
test_subscriptions(void **state)
{
	static const struct {
		const char *line, *name;
	} lines[] = { { "Sent.2024", "Sent/2024" }, { "INBOX", "INBOX" },
		{ "INBOX.Sent", "Sent" }, { "a.b\tc", "a.b/c" },
		{ "Entw&APw-rfe", "Entw\xc3\xbcrfe" }, { "", "" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct buf name = BUF_INIT(1000);

		maildir_subscription(&name, span_of(lines[i].line));
		buf_byte(&name, '\0');
		assert_string_equal(name.ptr, lines[i].name);
		buf_free(&name);
	}
}

static void
test_mailbox(void **state)
{
	struct maildir_mailbox m, back;
	struct buf text = BUF_INIT(10000), keywords = BUF_INIT(10000);

	(void)state;
	maildir_mailbox_init(&m);
	maildir_mailbox_init(&back);
	maildir_read_keywords(&m,
	    SPAN("0 $Forwarded\n1 a b\nx\n2\n3 \n128 no\n25 z\n26 $Label1"));
	buf_text(&m.name, "Gesendet");
	m.role = STORE_SENT;
	maildir_put_mailbox(&text, &m);
	maildir_put_keywords(&keywords, &m);
	buf_byte(&text, '\0');
	buf_byte(&keywords, '\0');
	assert_string_equal(
	    text.ptr, "name Gesendet\nrole sent\nkeyword 26 $Label1\n");
	assert_string_equal(keywords.ptr, "0 $Forwarded\n1 a b\n25 z\n");
	maildir_read_mailbox(&back, span_of(text.ptr));
	assert_int_equal(back.role, STORE_SENT);
	assert_int_equal(back.name.len, 8);
	assert_string_equal(back.keyword[26], "$Label1");
	assert_null(back.keyword[0]);
	maildir_mailbox_free(&m);
	maildir_mailbox_free(&back);
	buf_free(&text);
	buf_free(&keywords);
}

static void
in(struct span s, size_t step, struct buf *out)
{
	struct crlf_in c = { 0 };

	for (size_t i = 0; i < s.len; i += step)
		crlf_in(&c,
		    (struct span){
			s.ptr + i, s.len - i < step ? s.len - i : step },
		    out);
}

static bool
out(struct span s, size_t step, struct buf *to)
{
	struct crlf_look look = { 0 };
	struct crlf_out c = { 0 };

	for (size_t i = 0; i < s.len; i += step) {
		struct span piece = { s.ptr + i,
			s.len - i < step ? s.len - i : step };

		crlf_look(&look, piece);
		crlf_out(&c, piece, to);
	}
	crlf_out_end(&c, to);
	return !look.no;
}

static void
test_line_ends(void **state)
{
	static const struct {
		const char *file, *message;
	} cases[] = {
		{ "", "" },
		{ "a\nb\n", "a\r\nb\r\n" },
		{ "a\r\nb\r\n", "a\r\nb\r\n" },
		{ "a\r\nb\n", "a\r\nb\r\n" },
		{ "a\rb\r", "a\rb\r" },
		{ "\n\n\r\n", "\r\n\r\n\r\n" },
		{ "a\r\r\nb", "a\r\r\nb" },
		{ "a", "a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t step = 1; step < 5; step++) {
			struct buf b = BUF_INIT(100);

			in(span_of(cases[i].file), step, &b);
			buf_byte(&b, '\0');
			assert_string_equal(b.ptr, cases[i].message);
			buf_free(&b);
		}
}

/* All strings of up to eight of three letters: what says that it comes back
 * does, and what does not say so does not. */
static void
test_line_ends_come_back(void **state)
{
	unsigned yes = 0, no = 0;

	(void)state;
	for (size_t len = 0; len <= 8; len++)
		for (unsigned n = 0; n < 6561; n++) {
			struct buf file = BUF_INIT(64), back = BUF_INIT(64);
			char text[8];
			unsigned rest = n;
			struct span s = { text, len };
			bool good, same;

			for (size_t i = 0; i < len; i++, rest /= 3)
				text[i] = "\r\nx"[rest % 3];
			if (rest > 0)
				break;
			good = out(s, 1 + n % 3, &file);
			in(buf_span(&file), 1 + n % 2, &back);
			same = back.len == len &&
			       (len == 0 || memcmp(back.ptr, text, len) == 0);
			assert_int_equal(good, same);
			yes += good;
			no += !good;
			buf_free(&file);
			buf_free(&back);
		}
	assert_true(yes > 100 && no > 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_file_there_and_back),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_subscriptions),
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_line_ends_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
