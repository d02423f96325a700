/* Addresses: strict in the envelope, tolerant in header fields. */
#include "common/addr.h"

#include "common/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#define X16 "xxxxxxxxxxxxxxxx"
#define X63 X16 X16 X16 "xxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define X189            \
	X63 "." X63 "." \
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* clang-format off */
static const struct {
	const char *text, *local, *domain, *canonical;
} good[] = {
	{ "alice@example.test", "alice", "example.test", "alice@example.test" },
	{ "Alice@Example.TEST", "Alice", "Example.TEST", "alice@example.test" },
	{ "a.b-c+d/e=f?g^h_i`j{k|l}m~n!o#p$q%r&s'*@x", "a.b-c+d/e=f?g^h_i`j{k|l}m~n!o#p$q%r&s'*", "x", "a.b-c+d/e=f?g^h_i`j{k|l}m~n!o#p$q%r&s'*@x" },
	{ "\"Alice\"@x.y", "\"Alice\"", "x.y", "alice@x.y" },
	{ "\"a\\li.ce\"@x.y", "\"a\\li.ce\"", "x.y", "ali.ce@x.y" },
	{ "\"a b\"@x.y", "\"a b\"", "x.y", "\"a b\"@x.y" },
	{ "\"a\\\"\\\\\\b@c\"@x.y", "\"a\\\"\\\\\\b@c\"", "x.y", "\"a\\\"\\\\b@c\"@x.y" },
	{ "\"a..b\"@x.y", "\"a..b\"", "x.y", "\"a..b\"@x.y" },
	{ "\"\"@x.y", "\"\"", "x.y", "\"\"@x.y" },
	{ "a@[192.0.2.1]", "a", "[192.0.2.1]", "a@[192.0.2.1]" },
	{ "a@[IPv6:2001:DB8::1]", "a", "[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]" },
	{ "a@1.2.3.4", "a", "1.2.3.4", "a@1.2.3.4" },
	{ X64 "@x", X64, "x", X64 "@x" },
	{ "a@" X63 ".x", "a", X63 ".x", "a@" X63 ".x" },
	{ X64 "@" X189, X64, X189, X64 "@" X189 }, /* 254 in all */
	{ "", "", "", "" },
	{ "PostMaster", "PostMaster", "", "postmaster" },
	{ "postmaster@x", "postmaster", "x", "postmaster@x" },
};

static const char *const bad[] = {
	"alice", "@x", "a@", "@", "a@@x", "a@b@x", ".a@x", "a.@x", "a..b@x", "a b@x", " a@x", "a@x ",
	"a@x.", "a@.x", "a@x..y", "a@-x", "a@x-", "a@x-.y", "a@x_y", "a@x y", "a@x\r", "a\r@x", "a\n@x",
	"a@x\n", "a\t@x", "<a@x>", "a@x>", "@r:a@x", "\"a@x", "a\"@x", "\"a\"b@x", "\"a\"", "\"a\\\"@x",
	"a\"b\"@x", "\"\r\"@x", "\"a\x7f\"@x", "a\x7f@x", "a,b@x", "a(b)@x", "a@[1.2.3]", "a@[1.2.3.4", "a@1.2.3.4]",
	"a@[1.2.3.256]", "a@[IPv6:1.2.3.4]", "a@[IPv6:::g]", "a@[::1]", "a@[]", "a@[x:y]", "a@[01.2.3.4]",
	"\303\244@x", "a@\303\244.x", "\"\303\244\"@x",
	X64 "x@x", "a@" X63 "x.x", X64 "@x" X189, "postmasters", "a@[1.2.3.4]x",
};

static const struct {
	const char *text;
	bool good;
} utf8[] = {
	{ "\303\244@x", true },
	{ "\"\303\244 b\"@x", true },
	{ "a@b\303\274cher.test", true },
	{ "\360\237\230\200@x", true },
	{ "\364\217\277\277@x", true },
	{ "\340\240\200@x", true },
	{ "\355\237\277@x", true },
	{ "\303@x", false },
	{ "\244@x", false },
	{ "\300\200@x", false },
	{ "\301\277@x", false },
	{ "\340\237\277@x", false },
	{ "\355\240\200@x", false },
	{ "\360\217\277\277@x", false },
	{ "\364\220\200\200@x", false },
	{ "\365\200\200\200@x", false },
	{ "\360\237\230@x", false },
	{ "a@x\303", false },
	{ "a@x\342\202", false },
	{ "\"\377\"@x", false },
	{ "a\n@x", false },
};

static const struct {
	const char *local, *base, *tag;
} tags[] = {
	{ "alice", "alice", "" },
	{ "alice+tag", "alice", "tag" },
	{ "alice+a+b", "alice", "a+b" },
	{ "alice+", "alice", "" },
	{ "+alice", "+alice", "" },
	{ "+a+b", "+a", "b" },
	{ "\"a+b c\"", "\"a+b c\"", "" },
	{ "", "", "" },
	{ "+", "+", "" },
};

/* Each entry as name<mailbox@host>, a group as name:{ ... } */
static const struct {
	const char *field, *entries;
} lists[] = {
	{ "", "" },
	{ "alice@example.test", "<alice@example.test>" },
	{ "Alice Liddell <alice@example.test>, \"B, ob\" <bob@x>", "Alice Liddell<alice@example.test>B, ob<bob@x>" },
	{ "alice@x (Alice A)", "Alice A<alice@x>" },
	{ "(first) alice@x (second)", "second<alice@x>" },
	{ "<alice@x> (Alice)", "Alice<alice@x>" },
	{ "Al <alice@x> (Alice)", "Al<alice@x>" },
	{ "alice@x (a (b) \\) c)", "a (b) ) c<alice@x>" },
	{ "alice@x ()", "<alice@x>" },
	{ "undisclosed-recipients:;", "undisclosed-recipients:{}" },
	{ "A Group:a@b, C <c@d>;, e@f", "A Group:{<a@b>C<c@d>}<e@f>" },
	{ "g: a@b", "g:{<a@b>}" },
	{ "g: a@b, h: c@d;", "g:{<a@b><h: c@d>}" },
	{ ":;", ":{}" },
	{ "g:;;,", "g:{}" },
	{ "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete<pete@silly.test>" },
	{ "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
	  "A Group:{Chris Jones<c@public.example><joe@example.org>John<jdoe@one.test>}" },
	{ "Joe Q. Public <john.q.public@example.com>", "Joe Q. Public<john.q.public@example.com>" },
	{ "\"Joe \\\"Q\\\\\" <j@x>", "Joe \"Q\\<j@x>" },
	{ "\"quoted\" and bare \"again\" <j@x>", "quoted and bare again<j@x>" },
	{ "\"  blanks  \" <j@x>", "blanks<j@x>" },
	{ "a . b @ c . d", "<a.b@c.d>" },
	{ "a.b(x).c@d", "x<a.b.c@d>" },
	{ "\"john \\\"q\\\" doe\"@x", "<john \"q\" doe@x>" },
	{ "<\"a,b\"@c>", "<a,b@c>" },
	{ "u@[192.0.2.1], v@[IPv6:::1]", "<u@[192.0.2.1]><v@[IPv6:::1]>" },
	{ "<@r1,@r2:u@h>, <v@h>", "<u@h><v@h>" },
	{ "<@r1:u@h", "<u@h>" },
	{ "<@h>", "<@h>" },
	{ "=?utf-8?q?a?= =?utf-8?q?b?= <x@y>", "=?utf-8?q?a?= =?utf-8?q?b?=<x@y>" },
	{ "J\303\244ger <j@x>", "J\303\244ger<j@x>" },
	/* what cannot be read */
	{ "foo@bar <foo@bar>", "foo@bar<foo@bar>" },
	{ "Foo <a@b, c@d", "Foo<a@b><c@d>" },
	{ "\"Foo <a@b>, c@d", "\"Foo<a@b><c@d>" },
	{ "(Foo <a@b>, c@d", "(Foo<a@b><c@d>" },
	{ "[Foo <a@b>, c@d", "[Foo<a@b><c@d>" },
	{ "[List] Foo <a@b>", "[List] Foo<a@b>" },
	{ "a@b; c@d", "<a@b><c@d>" },
	{ "a@b@c", "<a@b@c>" },
	{ "<<a@b>>", "<a@b>" },
	{ "a@b>", "<a@b>" },
	{ "MAILER-DAEMON <>", "MAILER-DAEMON<>" },
	{ "<>", "" },
	{ "()", "" },
	{ ",,;,", "" },
	{ "alice", "<alice>" },
	{ "John Doe", "<John Doe>" },
	{ "Foo <a@b> bar, c@d", "Foo<a@b><c@d>" },
	{ "Foo <a@b> <c@d>", "Foo<a@b>" },
	{ "a@", "<a>" },
	{ "\\", "<\\>" },
	{ "\"", "<\">" },
	{ "a\\", "<a\\>" },
};
/* clang-format on */

static void
test_envelope(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		if (!addr_parse(span_of(good[i].text), false, &a) ||
		    !addr_parse(span_of(good[i].text), true, &a) ||
		    !span_is(a.local, good[i].local) ||
		    !span_is(a.domain, good[i].domain))
			fail_msg("\"%s\"", good[i].text);
		buf_clear(&b);
		addr_canonical(&b, &a);
		if (!span_is(buf_span(&b), good[i].canonical))
			fail_msg("\"%s\": \"%.*s\"", good[i].text, (int)b.len,
			    b.ptr);
		/* What is canonical is an address, and its own canonical form.
		 */
		assert_true(addr_parse(buf_span(&b), false, &a));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (addr_parse(span_of(bad[i]), false, &a))
			fail_msg("\"%s\" was taken", bad[i]);
	assert_false(addr_parse(SPAN("a\0b@x"), true, &a));
	assert_false(addr_parse(SPAN("\"a\0b\"@x"), true, &a));
	assert_false(addr_parse(SPAN("a@x\0"), true, &a));
	buf_free(&b);
}

static void
test_utf8(void **state)
{
	struct addr a;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(utf8); i++) {
		if (addr_parse(span_of(utf8[i].text), true, &a) != utf8[i].good)
			fail_msg("case %zu", i);
		assert_false(addr_parse(span_of(utf8[i].text), false, &a));
	}
}

static void
test_canonical(void **state)
{
	struct buf b = BUF_INIT(2000), small = BUF_INIT(5);
	char quoted[302];

	(void)state;
	addr_canonical(&b, &(struct addr){ SPAN("A"), SPAN("X.Y.") });
	assert_true(span_is(buf_span(&b), "a@x.y"));
	/* Never parsed, too long, and still harmless. */
	memset(quoted, 'q', sizeof(quoted));
	quoted[0] = quoted[sizeof(quoted) - 1] = '"';
	buf_clear(&b);
	addr_canonical(
	    &b, &(struct addr){ { quoted, sizeof(quoted) }, SPAN("x") });
	assert_int_equal(b.len, sizeof(quoted) + 2);
	addr_canonical(&small, &(struct addr){ SPAN("alice"), SPAN("x") });
	assert_true(small.bad);
	buf_free(&b);
	buf_free(&small);
}

static void
test_tags(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(tags); i++) {
		struct span tag,
		    base = addr_without_tag(span_of(tags[i].local), &tag);

		if (!span_is(base, tags[i].base) || !span_is(tag, tags[i].tag))
			fail_msg("\"%s\"", tags[i].local);
	}
}

static void
show(void *arg, const struct addr_entry *e)
{
	struct buf *out = arg;

	buf_add(out, e->name);
	switch (e->kind) {
	case ADDR_GROUP_START: buf_text(out, ":{"); break;
	case ADDR_GROUP_END: buf_text(out, "}"); break;
	case ADDR_MAILBOX:
		buf_byte(out, '<');
		buf_add(out, e->mailbox);
		if (e->host.len > 0)
			buf_byte(out, '@');
		buf_add(out, e->host);
		buf_byte(out, '>');
		break;
	}
}

static void
test_lists(void **state)
{
	struct buf scratch = BUF_INIT(1000), out = BUF_INIT(1000);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		buf_clear(&out);
		addr_list(span_of(lists[i].field), &scratch, show, &out);
		if (!span_is(buf_span(&out), lists[i].entries))
			fail_msg("\"%s\": \"%.*s\"", lists[i].field,
			    (int)out.len, out.ptr);
	}
	addr_list(NO_SPAN, &scratch, show, &out);
	buf_free(&scratch);
	buf_free(&out);
}

struct tally {
	size_t entries, starts, ends, bytes;
};

static void
count(void *arg, const struct addr_entry *e)
{
	const struct span *parts[] = { &e->name, &e->mailbox, &e->host };
	struct tally *t = arg;

	t->entries++;
	t->starts += e->kind == ADDR_GROUP_START;
	t->ends += e->kind == ADDR_GROUP_END;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		t->bytes += parts[i]->len;
		for (size_t j = 0; j < parts[i]->len; j++)
			assert_null(memchr("\r\n", parts[i]->ptr[j], 3));
	}
}

/* Every pair of bytes that mean something, repeated: finite, well nested, one
 * line, and soon done. */
static void
test_hostile(void **state)
{
	static const char marks[] = "\"()<>[]@,;:\\. a\r\n";
	static char text[60000];
	struct buf scratch = BUF_INIT(sizeof(text) + 10);
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < sizeof(marks); i++)
		for (size_t j = 0; j < sizeof(marks); j++) {
			struct tally t = { 0 };

			for (size_t k = 0; k < sizeof(text); k += 2) {
				text[k] = marks[i];
				text[k + 1] = marks[j];
			}
			addr_list((struct span){ text, sizeof(text) }, &scratch,
			    count, &t);
			assert_int_equal(t.starts, t.ends);
			assert_true(t.entries <= ADDR_LIST_MAX);
			assert_true(t.bytes <= 2 * sizeof(text));
		}
	/* 289 fields of 60,000 bytes; in quadratic time they would take
	 * minutes. */
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 30);
	buf_free(&scratch);
}

static void
test_limits(void **state)
{
	struct buf field = BUF_INIT(1 << 20), scratch = BUF_INIT(20);
	struct tally t = { 0 };

	(void)state;
	buf_text(&field, "g:");
	for (int i = 0; i < 2 * ADDR_LIST_MAX; i++)
		buf_text(&field, "a@b,");
	addr_list(buf_span(&field), &scratch, count, &t);
	assert_int_equal(t.entries, ADDR_LIST_MAX);
	assert_int_equal(t.ends, 1);
	/* An entry too large for the scratch is passed over, the next is not.
	 */
	t = (struct tally){ 0 };
	addr_list(
	    SPAN("averyverylongname@example.test, a@b"), &scratch, count, &t);
	assert_int_equal(t.entries, 1);
	assert_int_equal(t.bytes, 2);
	buf_free(&field);
	buf_free(&scratch);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
