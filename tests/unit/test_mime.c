#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/mime_scan.h"
#include "tests/unit/record_text.h"

/* ---- trees ---- */

#define CRLF_MIXED "Content-Type: multipart/mixed; boundary=x\r\n"

/* clang-format off */
static const struct {
	const char *name, *message, *tree;
} trees[] = {
	{ "nothing", "", "TEXT/PLAIN\"\":0" },
	{ "only an empty line", "\r\n", "TEXT/PLAIN\"\":0" },
	{ "plain", "Subject: a\r\n\r\none\r\ntwo\r\n", "TEXT/PLAIN\"one\\r\\ntwo\\r\\n\":2" },
	{ "bare LF", "Subject: a\n\none\ntwo", "TEXT/PLAIN\"one\\ntwo\":1" },
	{ "no empty line", "Subject: a\r\nTo: b@c\r\n", "TEXT/PLAIN\"\":0" },
	{ "no line end", "Subject: a", "TEXT/PLAIN\"\":0" },
	{ "no header, empty line first", "\r\nbody\r\n", "TEXT/PLAIN\"body\\r\\n\":1" },
	{ "text without header", "hello\r\nworld\r\n\r\nmore\r\n", "TEXT/PLAIN\"hello\\r\\nworld\\r\\n\\r\\nmore\\r\\n\":4" },
	{ "mbox line first", "From a@b Sun Nov 22 20:53:10 2026\nSubject: a\n\nbody\n", "TEXT/PLAIN\"body\\n\":1" },
	{ "a line without a colon", "Subject: a\nthis is no field\nContent-Type: text/html\n\nbody\n", "TEXT/HTML\"body\\n\":1" },
	{ "header lines after a bad fold", " folded\nContent-Type: text/html\n\nbody\n", "TEXT/HTML\"body\\n\":1" },
	{ "blank before the colon", "Content-Type : text/html\n\nbody\n", "TEXT/HTML\"body\\n\":1" },
	{ "name in any case", "cOnTeNt-tYpE:text/HtMl\n\nbody\n", "TEXT/HTML\"body\\n\":1" },
	{ "folded type", "Content-Type:\r\n\ttext/html;\r\n charset=utf-8\r\n\r\nbody\r\n", "TEXT/HTML\"body\\r\\n\":1" },
	{ "the first type counts", "Content-Type: text/html\nContent-Type: image/png\n\nbody\n", "TEXT/HTML\"body\\n\":1" },
	{ "a CR is no line end", "Subject: a\rContent-Type: text/html\r\n\r\nbody\r\r\n", "TEXT/PLAIN\"body\\r\\r\\n\":1" },
	{ "CR CR LF is no empty line", "Subject: a\r\n\r\r\nTo: b\r\n\r\nbody", "TEXT/PLAIN\"body\":0" },

	{ "two parts", CRLF_MIXED "\r\npreamble\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: text/html\r\n\r\ntwo\r\n--x--\r\nepilogue\r\n",
	  "MULTIPART/MIXED:10([\\r\\n]TEXT/PLAIN\"one\":0 [Content-Type: text/html\\r\\n\\r\\n]TEXT/HTML\"two\":0)" },
	{ "two parts, bare LF", MIXED "\n--x\n\none\n\n--x\n\ntwo\n--x--\n", "MULTIPART/MIXED:8([\\n]TEXT/PLAIN\"one\\n\":1 [\\n]TEXT/PLAIN\"two\":0)" },
	{ "CRLF and LF mixed", CRLF_MIXED "\n--x\r\n\none\n--x\n\r\ntwo\r\n--x--", "MULTIPART/MIXED:6([\\n]TEXT/PLAIN\"one\":0 [\\r\\n]TEXT/PLAIN\"two\":0)" },
	{ "no line end after the last boundary", MIXED "\n--x\n\none\n--x--", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\":0)" },
	{ "missing close", MIXED "\n--x\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },
	{ "ends in a boundary", MIXED "\n--x\n\none\n--x\n", "MULTIPART/MIXED:4([\\n]TEXT/PLAIN\"one\":0 TEXT/PLAIN\"\":0)" },
	{ "ends in a boundary without line end", MIXED "\n--x\n\none\n--x", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\":0 TEXT/PLAIN\"\":0)" },
	{ "boundary never seen", MIXED "\nbody\n", "MULTIPART/MIXED\"body\\n\":1" },
	{ "closed before it began", MIXED "\n--x--\n--x\n\nno part\n", "MULTIPART/MIXED\"--x--\\n--x\\n\\nno part\\n\":4" },
	{ "no boundary parameter", "Content-Type: multipart/mixed\n\n--x\n\nbody\n", "MULTIPART/MIXED\"--x\\n\\nbody\\n\":3" },
	{ "empty boundary", "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nbody\n--\n", "MULTIPART/MIXED\"--\\n\\nbody\\n--\\n\":4" },
	{ "boundary that is a quote", "Content-Type: multipart/mixed; boundary=\"\\\"\"\n\n--\"\n\none\n--\"--\n", "MULTIPART/MIXED:4([\\n]TEXT/PLAIN\"one\":0)" },
	{ "empty part", MIXED "\n--x\n\n--x\n\n--x--\n", "MULTIPART/MIXED:5([\\n]TEXT/PLAIN\"\":0 [\\n]TEXT/PLAIN\"\":0)" },
	{ "part without a byte", MIXED "\n--x\n--x\n--x--\n", "MULTIPART/MIXED:3(TEXT/PLAIN\"\":0 TEXT/PLAIN\"\":0)" },
	{ "part whose body is an empty line", MIXED "\n--x\n\n\n--x--\n", "MULTIPART/MIXED:4([\\n]TEXT/PLAIN\"\":0)" },
	{ "part of header only", MIXED "\n--x\nContent-Type: text/html\n--x--\n", "MULTIPART/MIXED:3([Content-Type: text/html\\n]TEXT/HTML\"\":0)" },
	{ "part without header", MIXED "\n--x\nno field here\n--x\nnor here\n\nin two\n--x--\n",
	  "MULTIPART/MIXED:7(TEXT/PLAIN\"no field here\":0 TEXT/PLAIN\"nor here\\n\\nin two\":2)" },
	{ "blanks after the boundary", MIXED "\n--x \t\n\none\n--x--  \n--x\n", "MULTIPART/MIXED:5([\\n]TEXT/PLAIN\"one\":0)" },
	{ "blanks at the end of the parameter", "Content-Type: multipart/mixed; boundary=\"x \"\n\n--x\n\none\n--x--\n", "MULTIPART/MIXED:4([\\n]TEXT/PLAIN\"one\":0)" },
	{ "more than the boundary", MIXED "\n--xy\n\n--x\n\none\n--x-\n--x--y\n--x---\n", "MULTIPART/MIXED:8([\\n]TEXT/PLAIN\"one\\n--x-\\n--x--y\\n--x---\\n\":4)" },
	{ "boundary in the middle of a line", MIXED "\n--x\n\none --x\n --x\n--x--\n", "MULTIPART/MIXED:5([\\n]TEXT/PLAIN\"one --x\\n --x\":1)" },
	{ "boundary in another case", MIXED "\n--X\n\n--x\n\none\n--X--\n--x--\n", "MULTIPART/MIXED:7([\\n]TEXT/PLAIN\"one\\n--X--\":1)" },
	{ "boundary with dashes", "Content-Type: multipart/mixed; boundary=\"--x--\"\n\n----x--\n\none\n----x----\n", "MULTIPART/MIXED:4([\\n]TEXT/PLAIN\"one\":0)" },
	{ "boundary with equals signs, not quoted", "Content-Type: multipart/mixed; boundary=----=_Part_1=2\n\n------=_Part_1=2\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },
	{ "boundary with a comment", "Content-Type: multipart/mixed (a); boundary=x (b)\n\n--x\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },
	{ "boundary quoted without end", "Content-Type: multipart/mixed; boundary=\"x\n\n--x\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },
	{ "semicolons too many", "Content-Type: multipart/mixed;; boundary=x;\n\n--x\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },
	{ "two boundaries", "Content-Type: multipart/mixed; boundary=x; boundary=y\n\n--x\n\none\n--y\n", "MULTIPART/MIXED:4([\\n]TEXT/PLAIN\"one\\n--y\\n\":2)" },
	{ "boundary encoded", "Content-Type: multipart/mixed; boundary*=us-ascii''%78y\n\n--xy\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },
	{ "boundary in pieces", "Content-Type: multipart/mixed; boundary*0=ab;\n boundary*1*=%63; boundary*2=d\n\n--abcd\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },

	{ "nested", MIXED "\n--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\n\none\n--y\n\ntwo\n--y--\n\n--x\n\nthree\n--x--\n",
	  "MULTIPART/MIXED:15([Content-Type: multipart/alternative; boundary=y\\n\\n]MULTIPART/ALTERNATIVE:7([\\n]TEXT/PLAIN\"one\":0 [\\n]TEXT/PLAIN\"two\":0) [\\n]TEXT/PLAIN\"three\":0)" },
	{ "the outer boundary ends the inner", MIXED "\n--x\nContent-Type: multipart/mixed; boundary=y\n\n--y\n\none\n--x\n\ntwo\n--y\n--x--\n",
	  "MULTIPART/MIXED:11([Content-Type: multipart/mixed; boundary=y\\n\\n]MULTIPART/MIXED:2([\\n]TEXT/PLAIN\"one\":0) [\\n]TEXT/PLAIN\"two\\n--y\":1)" },
	{ "the outer close ends the inner", MIXED "\n--x\nContent-Type: multipart/mixed; boundary=y\n\n--y\n\none\n--x--\n--y\n",
	  "MULTIPART/MIXED:8([Content-Type: multipart/mixed; boundary=y\\n\\n]MULTIPART/MIXED:2([\\n]TEXT/PLAIN\"one\":0))" },
	{ "the outer boundary right after the inner one", MIXED "\n--x\nContent-Type: multipart/mixed; boundary=y\n\n--y\n--x--\n",
	  "MULTIPART/MIXED:5([Content-Type: multipart/mixed; boundary=y\\n\\n]MULTIPART/MIXED:1(TEXT/PLAIN\"\":0))" },
	{ "an outer boundary in a header", MIXED "\n--x\nContent-Type: multipart/mixed; boundary=y\n\n--y\nSubject: a\n--x--\n",
	  "MULTIPART/MIXED:6([Content-Type: multipart/mixed; boundary=y\\n\\n]MULTIPART/MIXED:2([Subject: a\\n]TEXT/PLAIN\"\":0))" },
	{ "the inner boundary begins with the outer", MIXED "\n--x\nContent-Type: multipart/mixed; boundary=xx\n\n--xx\n\none\n--xx--\n--x\n\ntwo\n--x--\n",
	  "MULTIPART/MIXED:11([Content-Type: multipart/mixed; boundary=xx\\n\\n]MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\":0) [\\n]TEXT/PLAIN\"two\":0)" },
	{ "one boundary for both", MIXED "\n--x\n" MIXED "\n--x\n\none\n--x--\n--x\n\ntwo\n--x--\n",
	  "MULTIPART/MIXED:11([Content-Type: multipart/mixed; boundary=x\\n\\n]MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\":0) [\\n]TEXT/PLAIN\"two\":0)" },
	{ "the inner boundary is the outer's close", MIXED "\n--x\nContent-Type: multipart/mixed; boundary=x--\n\n--x--\n\none\n--x----\n--x--\n--x\n",
	  "MULTIPART/MIXED:9([Content-Type: multipart/mixed; boundary=x--\\n\\n]MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\":0))" },
	{ "multipart that claims an encoding", "Content-Transfer-Encoding: base64\n" MIXED "\n--x\n\none\n", "MULTIPART/MIXED:3([\\n]TEXT/PLAIN\"one\\n\":1)" },

	{ "message inside", "Content-Type: message/rfc822\r\n\r\nSubject: b\r\n\r\nbody\r\n", "MESSAGE/RFC822:3([Subject: b\\r\\n\\r\\n]TEXT/PLAIN\"body\\r\\n\":1)" },
	{ "message/global inside", "Content-Type: message/global\n\n\nbody\n", "MESSAGE/GLOBAL:2([\\n]TEXT/PLAIN\"body\\n\":1)" },
	{ "other messages are leaves", "Content-Type: message/delivery-status\n\nSubject: b\n\nbody\n", "MESSAGE/DELIVERY-STATUS\"Subject: b\\n\\nbody\\n\":3" },
	{ "a message without a byte", "Content-Type: message/rfc822\n\n", "MESSAGE/RFC822:0(TEXT/PLAIN\"\":0)" },
	{ "a message without a line", "Content-Type: message/rfc822", "MESSAGE/RFC822:0(TEXT/PLAIN\"\":0)" },
	{ "encoded in base64", "Content-Type: message/rfc822\nContent-Transfer-Encoding: BASE64\n\nU3ViamVjdDogYQoK\n", "MESSAGE/RFC822\"U3ViamVjdDogYQoK\\n\":1" },
	{ "encoded in quoted-printable", "Content-Transfer-Encoding: quoted-printable\nContent-Type: message/rfc822\n\nSubject: a\n", "MESSAGE/RFC822\"Subject: a\\n\":1" },
	{ "encoded in 8bit", "Content-Transfer-Encoding: 8bit\nContent-Type: message/rfc822\n\nSubject: a\n", "MESSAGE/RFC822:1([Subject: a\\n]TEXT/PLAIN\"\":0)" },
	{ "a message in a part", MIXED "\n--x\nContent-Type: message/rfc822\n\n" "Content-Type: multipart/mixed; boundary=y\n\n--y\n\none\n--y--\n\n--x\n\ntwo\n--x--\n",
	  "MULTIPART/MIXED:14([Content-Type: message/rfc822\\n\\n]MESSAGE/RFC822:6([Content-Type: multipart/mixed; boundary=y\\n\\n]MULTIPART/MIXED:4([\\n]TEXT/PLAIN\"one\":0)) [\\n]TEXT/PLAIN\"two\":0)" },
	{ "a message cut short in its header", MIXED "\n--x\nContent-Type: message/rfc822\n\nSubject: a\n--x--\n",
	  "MULTIPART/MIXED:5([Content-Type: message/rfc822\\n\\n]MESSAGE/RFC822:1([Subject: a\\n]TEXT/PLAIN\"\":0))" },
	{ "a message cut short before it began", MIXED "\n--x\nContent-Type: message/rfc822\n--x--\n",
	  "MULTIPART/MIXED:3([Content-Type: message/rfc822\\n]MESSAGE/RFC822:0(TEXT/PLAIN\"\":0))" },
	{ "messages in messages", "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nSubject: a\n\nbody",
	  "MESSAGE/RFC822:4([Content-Type: message/rfc822\\n\\n]MESSAGE/RFC822:2([Subject: a\\n\\n]TEXT/PLAIN\"body\":0))" },

	{ "digest", "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\n\none\n--x\nContent-Type: text/plain\n\ntwo\n--x--\n",
	  "MULTIPART/DIGEST:10([\\n]MESSAGE/RFC822:2([Subject: a\\n\\n]TEXT/PLAIN\"one\":0) [Content-Type: text/plain\\n\\n]TEXT/PLAIN\"two\":0)" },
	{ "digest of text without header", "Content-Type: multipart/digest; boundary=x\n\n--x\nno field\n--x--\n", "MULTIPART/DIGEST:3(TEXT/PLAIN\"no field\":0)" },
	{ "digest with a part without a byte", "Content-Type: multipart/digest; boundary=x\n\n--x\n--x--\n", "MULTIPART/DIGEST:2(MESSAGE/RFC822:0(TEXT/PLAIN\"\":0))" },
	{ "digest with a bad type", "Content-Type: multipart/digest; boundary=x\n\n--x\nContent-Type: ?\n\none\n--x--\n", "MULTIPART/DIGEST:5([Content-Type: ?\\n\\n]TEXT/PLAIN\"one\":0)" },
	{ "a digest inside a mixed", MIXED "\n--x\nContent-Type: multipart/digest; boundary=y\n\n--y\n\nTo: a\n\n--y--\n--x\n\none\n--x--\n",
	  "MULTIPART/MIXED:12([Content-Type: multipart/digest; boundary=y\\n\\n]MULTIPART/DIGEST:4([\\n]MESSAGE/RFC822:2([To: a\\n\\n]TEXT/PLAIN\"\":0)) [\\n]TEXT/PLAIN\"one\":0)" },

	{ "type without a subtype", "Content-Type: text\n\nbody\n", "TEXT/PLAIN\"body\\n\":1" },
	{ "type with an empty subtype", "Content-Type: image/\n\nbody\n", "TEXT/PLAIN\"body\\n\":1" },
	{ "type with blanks", "Content-Type: image / png ; a=b\n\nbody\n", "IMAGE/PNG\"body\\n\":1" },
	{ "type with comments", "Content-Type: (a (b) \\) c) image (d) / (e) png (f)\n\nbody\n", "IMAGE/PNG\"body\\n\":1" },
	{ "type in quotes", "Content-Type: \"text/html\"\n\nbody\n", "TEXT/PLAIN\"body\\n\":1" },
	{ "8-bit type", "Content-Type: im\xe4ge/png\n\nbody\n", "TEXT/PLAIN\"body\\n\":1" },
	{ "empty type", "Content-Type:\n\nbody\n", "TEXT/PLAIN\"body\\n\":1" },
	{ "types with dots and plus", "Content-Type: application/vnd.a-b.c+xml\n\nbody\n", "APPLICATION/VND.A-B.C+XML\"body\\n\":1" },
};
/* clang-format on */

static void
trees_are_found(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(trees); i++) {
		struct buf record = BUF_INIT(RECORD_MAX),
			   text = BUF_INIT(1 << 20);
		struct span message = span_of(trees[i].message);
		struct mime_summary s;

		scan_all_ways(&record, message, &s);
		record_text(&text, buf_span(&record), message);
		buf_byte(&text, '\0');
		if (strcmp(text.ptr, trees[i].tree) != 0)
			print_error("%s:\n  is       %s\n  expected %s\n",
			    trees[i].name, text.ptr, trees[i].tree),
			    wrong++;
		if (strncmp(trees[i].message, "Content-T", 9) == 0 ||
		    strncmp(trees[i].message, "Subject:", 8) == 0)
			check_shift(buf_span(&record), message);
		buf_free(&record);
		buf_free(&text);
	}
	assert_int_equal(wrong, 0);
}

/* ---- what headers say ---- */

/* clang-format off */
static const struct {
	const char *name, *message, *text; /* of the last part */
} fields[] = {
	{ "defaults", "\n", "param.CHARSET=US-ASCII encoding=7BIT" },
	{ "type without parameters", "Content-Type: text/html\n\n", "encoding=7BIT" },
	{ "bad type without parameters", "Content-Type: html\n\n", "param.CHARSET=US-ASCII encoding=7BIT" },
	{ "bad type with parameters", "Content-Type: ; charset=utf-8\n\n", "param.CHARSET=utf-8 encoding=7BIT" },
	{ "parameters", "Content-Type: text/plain; charset=\"utf-8\"; Format=flowed\n\n", "param.CHARSET=utf-8 param.FORMAT=flowed encoding=7BIT" },
	{ "parameters over lines", "Content-Type: text/plain;\r\n\tcharset=\"utf\r\n -8\"\r\n ;a=b\r\n\r\n", "param.CHARSET=utf -8 param.A=b encoding=7BIT" },
	{ "a comment behind a value", "Content-Type: text/plain; charset=us-ascii (Plain text)\n\n", "param.CHARSET=us-ascii encoding=7BIT" },
	{ "comments everywhere", "Content-Type: text/plain (a;b) ; (c) charset = (d) utf-8 ; (e) x=y\n\n", "param.CHARSET=utf-8 param.X=y encoding=7BIT" },
	{ "backslashes in quotes", "Content-Type: text/plain; name=\"a\\\"b\\\\c\\d\"\n\n", "param.NAME=a\"b\\cd encoding=7BIT" },
	{ "a semicolon in quotes", "Content-Type: text/plain; name=\"a; charset=b\"; c=d\n\n", "param.NAME=a; charset=b param.C=d encoding=7BIT" },
	{ "semicolons missing", "Content-Type: text/plain charset=utf-8; a=\"b\" c=d\n\n", "param.CHARSET=utf-8 param.A=b encoding=7BIT" },
	{ "words between", "Content-Type: text/plain and so on; a=b\n\n", "param.A=b encoding=7BIT" },
	{ "an empty value", "Content-Type: text/plain; a=; b=\"\"\n\n", "param.A= param.B= encoding=7BIT" },
	{ "no value, no name", "Content-Type: text/plain; a; =b; c=d\n\n", "param.C=d encoding=7BIT" },
	{ "specials without quotes", "Content-Type: text/plain; name=Test [1] (2).txt; a=b/c:d@e\n\n", "param.NAME=Test [1] param.A=b/c:d@e encoding=7BIT" },
	{ "brackets in a word", "Content-Type: text/plain; name=Test(1).txt\n\n", "param.NAME=Test(1).txt encoding=7BIT" },
	{ "the same name twice", "Content-Type: text/plain; a=1; A=2\n\n", "param.A=1 param.A=2 encoding=7BIT" },
	{ "RFC 2231 stays as it is", "Content-Type: text/plain; name*0*=utf-8'en'%E2%82%AC; NAME*1=\" rates\"\n\n", "param.NAME*0*=utf-8'en'%E2%82%AC param.NAME*1= rates encoding=7BIT" },
	{ "RFC 2047 stays as it is", "Content-Type: text/plain; name=\"=?utf-8?q?a_b?=\"\n\n", "param.NAME==?utf-8?q?a_b?= encoding=7BIT" },
	{ "8-bit values", "Content-Type: text/plain; name=\"\xc3\xa4.txt\"; b=\xe4\n\n", "param.NAME=\\xc3\\xa4.txt param.B=\\xe4 encoding=7BIT" },
	{ "encoding", "Content-Type: a/b\nContent-Transfer-Encoding: Quoted-Printable (x)\n\n", "encoding=QUOTED-PRINTABLE" },
	{ "empty encoding", "Content-Type: a/b\nContent-Transfer-Encoding:\n\n", "encoding=7BIT" },
	{ "encoding with a semicolon", "Content-Type: a/b\nContent-Transfer-Encoding: 7bit; x\n\n", "encoding=7BIT" },
	{ "the other fields", "Content-Type: a/b\nContent-ID: <1@x>\nContent-Description: a\n b\nContent-MD5: Q2hlY2s=\nContent-Location: http://x/\n\n",
	  "encoding=7BIT id=<1@x> description=a b md5=Q2hlY2s= location=http://x/" },
	{ "disposition", "Content-Type: a/b\nContent-Disposition: attachment; filename=\"a.pdf\"; size=12\n\n", "encoding=7BIT disposition=attachment dparam.FILENAME=a.pdf dparam.SIZE=12" },
	{ "disposition without a value", "Content-Type: a/b\nContent-Disposition: ; filename=a.pdf\n\n", "encoding=7BIT disposition= dparam.FILENAME=a.pdf" },
	{ "empty disposition", "Content-Type: a/b\nContent-Disposition: \n\n", "encoding=7BIT" },
	{ "languages", "Content-Type: a/b\nContent-Language: de, en-GB (British),, fr\n\n", "encoding=7BIT language=de language=en-GB language=fr" },

	{ "envelope", "Date: now\nSubject: s\nFrom: A <a@b>\nTo: c@d, e@f\nCC: g@h\nbcc: i@j\nIn-Reply-To: <1@k>\nMessage-Id: <2@k>\nContent-Type: a/b\n\n",
	  "encoding=7BIT date=now subject=s in-reply-to=<1@k> message-id=<2@k> from=A<a@b> sender=A<a@b> reply-to=A<a@b> to=<c@d>,<e@f> cc=<g@h> bcc=<i@j>" },
	{ "sender and reply-to of their own", "From: a@b\nSender: c@d\nReply-To: e@f\nContent-Type: a/b\n\n", "encoding=7BIT from=<a@b> sender=<c@d> reply-to=<e@f>" },
	{ "empty sender and reply-to", "From: a@b\nSender:\nReply-To: \nTo:\nContent-Type: a/b\n\n", "encoding=7BIT from=<a@b> sender=<a@b> reply-to=<a@b>" },
	{ "no from", "Sender: c@d\nContent-Type: a/b\n\n", "encoding=7BIT sender=<c@d>" },
	{ "empty texts are there", "Date:\nSubject:\nContent-Type: a/b\n\n", "encoding=7BIT date= subject=" },
	{ "the first of several texts", "Subject: a\nSubject: b\nContent-Type: a/b\n\n", "encoding=7BIT subject=a" },
	{ "all of several addresses", "To: a@b\nTo: c@d,\n e@f\nContent-Type: a/b\n\n", "encoding=7BIT to=<a@b>,<c@d>,<e@f>" },
	{ "a group", "To: friends: a@b, C <c@d>;, e@f\nCc: nobody:;\nContent-Type: a/b\n\n", "encoding=7BIT to=friends:,<a@b>,C<c@d>,;,<e@f> cc=nobody:,;" },
	{ "an address without a domain", "To: root\nContent-Type: a/b\n\n", "encoding=7BIT to=<root@>" },
	{ "folded subject", "Subject: a\r\n  b\r\n\tc\r\nContent-Type: a/b\r\n\r\n", "encoding=7BIT subject=a  b\\x09c" },
	{ "a continuation of junk is junk", "Subject: a\njunk\n b\nContent-Type: a/b\n\n", "encoding=7BIT subject=a" },
	{ "a part has no envelope", MIXED "\n--x\nSubject: a\nContent-Type: a/b\n\n", "encoding=7BIT" },
	{ "a message inside has one", "Content-Type: message/rfc822\n\nSubject: a\nContent-Type: a/b\n\n", "encoding=7BIT subject=a" },
};
/* clang-format on */

/* The last part of the record as text. */
static void
last_part_text(struct buf *text, struct span bytes)
{
	struct record r;
	struct record_cursor c = { 0 };
	struct record_part p, last = { 0 };

	assert_true(record_open(bytes, &r));
	while (record_next(&r, &c, &p))
		last = p;
	part_text(text, &last);
	buf_byte(text, '\0');
}

static void
fields_are_read(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		struct buf record = BUF_INIT(RECORD_MAX),
			   text = BUF_INIT(1 << 20);
		struct mime_summary s;

		scan_all_ways(&record, span_of(fields[i].message), &s);
		last_part_text(&text, buf_span(&record));
		if (strcmp(text.ptr, fields[i].text) != 0) {
			print_error("%s:\n  is       %s\n  expected %s\n",
			    fields[i].name, text.ptr, fields[i].text);
			wrong++;
		}
		buf_free(&record);
		buf_free(&text);
	}
	assert_int_equal(wrong, 0);
}

static void
strings_hold_no_line_ends(void **state)
{
	static const char message[] =
	    "Subject: a\0b\rc\r\n\td\nContent-Type: a/b; e=\"f\0\r\n g\"\n\n";
	struct buf record = BUF_INIT(RECORD_MAX), text = BUF_INIT(1 << 20);
	struct mime_summary s;

	(void)state;
	scan_all_ways(
	    &record, (struct span){ message, sizeof(message) - 1 }, &s);
	last_part_text(&text, buf_span(&record));
	assert_string_equal(
	    text.ptr, "param.E=f g encoding=7BIT subject=abc\\x09d");
	assert_true(s.nul);
	buf_free(&record);
	buf_free(&text);
}

/* ---- the summary ---- */

/* clang-format off */
static const struct {
	const char *message;
	unsigned received, froms, dates, message_ids, bccs;
	bool bare_cr, bare_lf, eight_bit, eight_bit_header;
	uint64_t header_len, longest_line;
} summaries[] = {
	{ "", 0, 0, 0, 0, 0, false, false, false, false, 0, 0 },
	{ "From: a\r\nReceived: b\r\nRECEIVED : c\r\nDate: d\r\n\r\nReceived: no\r\n", 2, 1, 1, 0, 0, false, false, false, false, 47, 12 },
	{ "From: a\r\nFrom: b\r\nBcc: c\r\nMessage-Id: d\r\n\r\n", 0, 2, 0, 1, 1, false, false, false, false, 43, 13 },
	{ "Content-Type: message/rfc822\r\n\r\nFrom: a\r\nBcc: b\r\n\r\n", 0, 0, 0, 0, 0, false, false, false, false, 32, 28 },
	{ "a: b\n\nc\r\n", 0, 0, 0, 0, 0, false, true, false, false, 6, 4 },
	{ "a: b\r\n\r\nc\rd\r\n", 0, 0, 0, 0, 0, true, false, false, false, 8, 4 },
	{ "a: b\r\n\r\nc\r\r\n", 0, 0, 0, 0, 0, true, false, false, false, 8, 4 },
	{ "a: b\r\n\r\nc\r", 0, 0, 0, 0, 0, true, false, false, false, 8, 4 },
	{ "a: b\r\n\r\n\r\n\r\n", 0, 0, 0, 0, 0, false, false, false, false, 8, 4 },
	{ "a: b\r\n\r\nc\x80\r\n", 0, 0, 0, 0, 0, false, false, true, false, 8, 4 },
	{ "a: \xff\r\n\r\nc\r\n", 0, 0, 0, 0, 0, false, false, true, true, 8, 4 },
	{ "no header \xff\r\n\r\n", 0, 0, 0, 0, 0, false, false, true, true, 0, 11 },
	{ "a: b\r\n\r\nlonger than the rest", 0, 0, 0, 0, 0, false, false, false, false, 8, 20 },
};
/* clang-format on */

static void
summaries_are_right(void **state)
{
	struct buf record = BUF_INIT(RECORD_MAX);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(summaries); i++) {
		struct mime_summary s;

		scan_all_ways(&record, span_of(summaries[i].message), &s);
		assert_int_equal(s.received, summaries[i].received);
		assert_int_equal(s.froms, summaries[i].froms);
		assert_int_equal(s.dates, summaries[i].dates);
		assert_int_equal(s.message_ids, summaries[i].message_ids);
		assert_int_equal(s.bccs, summaries[i].bccs);
		assert_int_equal(s.bare_cr, summaries[i].bare_cr);
		assert_int_equal(s.bare_lf, summaries[i].bare_lf);
		assert_int_equal(s.eight_bit, summaries[i].eight_bit);
		assert_int_equal(
		    s.eight_bit_header, summaries[i].eight_bit_header);
		assert_false(s.nul);
		assert_int_equal(s.size, strlen(summaries[i].message));
		assert_int_equal(s.header_len, summaries[i].header_len);
		assert_int_equal(s.longest_line, summaries[i].longest_line);
	}
	buf_free(&record);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_are_found),
		cmocka_unit_test(fields_are_read),
		cmocka_unit_test(strings_hold_no_line_ends),
		cmocka_unit_test(summaries_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
