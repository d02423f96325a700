/* ENVELOPE, BODY and BODYSTRUCTURE of tricky messages, through the scanner. */
#include "imapd/imap_structure.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "common/mime.h"
#include "common/scan.h"

enum { ENVELOPE, BODY, BODYSTRUCTURE };

static struct buf
written(struct span message, int what)
{
	struct buf record = BUF_INIT(RECORD_MAX),
		   out = BUF_INIT(8 * RECORD_MAX);
	struct mime *m = mime_new();

	mime_feed(m, message);
	mime_end(m, &record);
	mime_free(&m);
	assert_true(record_check(buf_span(&record), message.len));
	if (what == ENVELOPE)
		imap_put_envelope(&out, buf_span(&record));
	else
		imap_put_structure(&out, buf_span(&record), message.len,
		    what == BODYSTRUCTURE);
	buf_free(&record);
	return out;
}

static const struct {
	int what;
	const char *message, *text;
} cases[] = {
	/* ---- ENVELOPE ---- */
	{ ENVELOPE, "\r\nbody\r\n",
	    "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ ENVELOPE, "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ ENVELOPE,
	    "Date: Sun, 22 Nov 2026\r\n 20:53:10 +0000\r\nSubject: a \"b\" "
	    "\\c\r\n"
	    "From: \"Doe, John\" <j@x.y>\r\nTo: a@b, c@d\r\nMessage-ID: "
	    "<1@x>\r\n"
	    "In-Reply-To: <0@x>\r\n\r\n",
	    "(\"Sun, 22 Nov 2026 20:53:10 +0000\" \"a \\\"b\\\" \\\\c\" "
	    "((\"Doe, John\" NIL \"j\" \"x.y\")) ((\"Doe, John\" NIL \"j\" "
	    "\"x.y\")) "
	    "((\"Doe, John\" NIL \"j\" \"x.y\")) ((NIL NIL \"a\" \"b\")(NIL "
	    "NIL \"c\" \"d\")) "
	    "NIL NIL \"<0@x>\" \"<1@x>\")" },
	{ ENVELOPE,
	    "From: a@b\r\nSender: s@t\r\nReply-To: r@u\r\nBcc: "
	    "\r\nSubject:\r\n\r\n",
	    "(NIL \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"s\" \"t\")) "
	    "((NIL NIL \"r\" \"u\")) NIL NIL NIL NIL NIL)" },
	{ ENVELOPE, "To: Friends: a@b, c@d;, e@f\r\n\r\n",
	    "(NIL NIL NIL NIL NIL ((NIL NIL \"Friends\" NIL)(NIL NIL \"a\" "
	    "\"b\")"
	    "(NIL NIL \"c\" \"d\")(NIL NIL NIL NIL)(NIL NIL \"e\" \"f\")) NIL "
	    "NIL NIL NIL)" },
	{ ENVELOPE, "Subject: \xc3\xa4\r\n\r\n",
	    "(NIL {2}\r\n\xc3\xa4 NIL NIL NIL NIL NIL NIL NIL NIL)" },
	{ ENVELOPE, "Subject: =?utf-8?q?=C3=A4?=\r\n\r\n",
	    "(NIL \"=?utf-8?q?=C3=A4?=\" NIL NIL NIL NIL NIL NIL NIL NIL)" },

	/* ---- single parts ---- */
	{ BODY, "",
	    "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 0 "
	    "0)" },
	{ BODY, "\r\none\r\ntwo\r\n",
	    "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" "
	    "10 2)" },
	{ BODYSTRUCTURE,
	    "Content-Type: text/html; charset=\"x\\\"y\"; format=flowed\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\nContent-ID: "
	    "<i@d>\r\n"
	    "Content-Description: some (text)\r\nContent-MD5: Q2hlY2s=\r\n"
	    "Content-Disposition: inline\r\nContent-Language: de, en\r\n"
	    "Content-Location: http://a/b\r\n\r\nx\r\n",
	    "(\"TEXT\" \"HTML\" (\"CHARSET\" \"x\\\"y\" \"FORMAT\" \"flowed\") "
	    "\"<i@d>\" "
	    "\"some (text)\" \"QUOTED-PRINTABLE\" 3 1 \"Q2hlY2s=\" (\"inline\" "
	    "NIL) "
	    "(\"de\" \"en\") \"http://a/b\")" },
	{ BODYSTRUCTURE, "Content-Type: application/pdf\r\n\r\nx\r\n",
	    "(\"APPLICATION\" \"PDF\" NIL NIL NIL \"7BIT\" 3 NIL NIL NIL "
	    "NIL)" },

	/* ---- multiparts ---- */
	{ BODY,
	    "Content-Type: multipart/alternative; "
	    "boundary=x\r\n\r\n--x\r\n\r\na\r\n"
	    "--x\r\nContent-Type: text/html\r\n\r\n<b>\r\n--x--\r\n",
	    "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" "
	    "1 0)"
	    "(\"TEXT\" \"HTML\" NIL NIL NIL \"7BIT\" 3 0) \"ALTERNATIVE\")" },
	{ BODYSTRUCTURE,
	    "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	    "Content-Type: multipart/related; "
	    "boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b--\r\n"
	    "--a\r\nContent-Type: image/gif\r\n\r\n2\r\n--a--\r\n",
	    "(((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" "
	    "1 0 NIL NIL NIL NIL) "
	    "\"RELATED\" (\"BOUNDARY\" \"b\") NIL NIL NIL)"
	    "(\"IMAGE\" \"GIF\" NIL NIL NIL \"7BIT\" 1 NIL NIL NIL NIL) "
	    "\"MIXED\" (\"BOUNDARY\" \"a\") NIL NIL NIL)" },

	/* ---- messages in messages ---- */
	{ BODY,
	    "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\ny\r\n",
	    "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 21 "
	    "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	    "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 6 "
	    "2) 4)" },
	{ BODY,
	    "Content-Type: multipart/digest; "
	    "boundary=d\r\n\r\n--d\r\n\r\nSubject: 1\r\n"
	    "\r\nx\r\n--d\r\n\r\nSubject: 2\r\n\r\ny\r\n--d--\r\n",
	    "((\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 15 "
	    "(NIL \"1\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	    "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1 "
	    "0) 2)"
	    "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 15 "
	    "(NIL \"2\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	    "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1 "
	    "0) 2) \"DIGEST\")" },
	/* Encoded: it was not looked into, so there is no envelope to follow.
	 */
	{ BODY,
	    "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
	    "base64\r\n\r\nU3ViamVjdDogYQoKYgo=\r\n",
	    "(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"BASE64\" 22)" },
};

static void
test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf out =
		    written(span_of(cases[i].message), cases[i].what);

		if (!span_is(buf_span(&out), cases[i].text))
			fail_msg("case %zu:\n%.*s\nand not\n%s", i,
			    (int)out.len, out.ptr, cases[i].text);
		buf_free(&out);
	}
}

/* Parentheses pair up, whatever the message; strings and literals hold what
 * they hold. */
static bool
is_balanced(struct span s)
{
	size_t depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"') {
			for (i++; i < s.len && s.ptr[i] != '"'; i++)
				if (s.ptr[i] == '\\')
					i++;
		} else if (s.ptr[i] == '{') {
			size_t n = 0;

			for (i++; i < s.len && s.ptr[i] != '}'; i++)
				n = n * 10 + (size_t)(s.ptr[i] - '0');
			i += 2 + n;
		} else if (s.ptr[i] == '(') {
			depth++;
		} else if (s.ptr[i] == ')' && depth-- == 0) {
			return false;
		}
		if (i + 1 < s.len && depth == 0)
			return false;
	}
	return depth == 0;
}

static void
test_deep(void **state)
{
	struct buf m = BUF_INIT(1 << 20);

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_format(&m,
		    "Content-Type: multipart/mixed; "
		    "boundary=b%d\r\n\r\n--b%d\r\n",
		    i, i);
	for (int what = BODY; what <= BODYSTRUCTURE; what++) {
		struct buf out = written(buf_span(&m), what);

		assert_true(is_balanced(buf_span(&out)));
		buf_free(&out);
	}
	buf_clear(&m);
	for (int i = 0; i < 300; i++)
		buf_text(&m, "Content-Type: message/rfc822\r\n\r\n");
	for (int what = BODY; what <= BODYSTRUCTURE; what++) {
		struct buf out = written(buf_span(&m), what);

		assert_true(is_balanced(buf_span(&out)));
		buf_free(&out);
	}
	buf_free(&m);
}

/* A record that is cut off or bent never makes text that does not pair up. */
static void
test_damaged(void **state)
{
	static const char message[] =
	    "Content-Type: multipart/mixed; boundary=x\r\nFrom: "
	    "a@b\r\n\r\n--x\r\n\r\na\r\n"
	    "--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: "
	    "in\r\n\r\nx\r\n--x--\r\n";
	struct buf record = BUF_INIT(RECORD_MAX);
	struct mime *m = mime_new();

	(void)state;
	mime_feed(m, span_of(message));
	mime_end(m, &record);
	mime_free(&m);
	for (size_t at = 0; at < record.len; at++)
		for (int bit = 0; bit < 9; bit++) {
			struct buf bent = BUF_INIT(RECORD_MAX),
				   out = BUF_INIT(1 << 20);

			buf_add(&bent, buf_span(&record));
			if (bit == 8)
				bent.len = at;
			else
				bent.ptr[at] ^= (char)(1 << bit);
			imap_put_structure(&out, buf_span(&bent), 100, true);
			assert_true(is_balanced(buf_span(&out)));
			buf_clear(&out);
			imap_put_envelope(&out, buf_span(&bent));
			assert_true(is_balanced(buf_span(&out)));
			buf_free(&bent);
			buf_free(&out);
		}
	buf_free(&record);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
