/* The words of commands, and how lines and literals become commands: whole, and
 * byte by byte. */
#include "imapd/imap_parse.h"

#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/conn.h"
#include "common/mem.h"
#include "imapd/imap_input.h"
#include "imapd/imap_name.h"

/* ---- words ---- */

struct word_case {
	const char *text, *word; /* NULL: bad */
	size_t rest;             /* bytes behind it */
};

static void
check_words(const struct word_case *c, size_t n,
    struct span (*read)(struct imap_args *))
{
	for (; n-- > 0; c++) {
		struct buf text = BUF_INIT(1000);
		struct imap_args a;
		struct span got;

		buf_text(&text, c->text);
		a = imap_args_over(&text);
		got = read(&a);
		if (c->word == NULL
			? !a.scan.bad
			: a.scan.bad || !span_is(got, c->word) ||
			      (size_t)(a.scan.end - a.scan.pos) != c->rest)
			fail_msg(
			    "'%s': '%.*s'", c->text, (int)got.len, got.ptr);
		buf_free(&text);
	}
}

static void
test_words(void **state)
{
	static const struct word_case tags[] = {
		{ "a1 x", "a1", 2 },
		{ "]~!", "]~!", 0 },
		{ "a+b", "a", 2 },
		{ "+", NULL, 0 },
		{ "", NULL, 0 },
		{ " a", NULL, 0 },
	};
	static const struct word_case atoms[] = {
		{ "BODY[x", "BODY[x", 0 },
		{ "a+b c", "a+b", 2 },
		{ "a]", "a", 1 },
		{ "a(b", "a", 2 },
		{ "a%", "a", 1 },
		{ "a\\", "a", 1 },
		{ "a\x80", "a", 1 },
		{ "\x7f", NULL, 0 },
		{ "\"a\"", NULL, 0 },
		{ "{1}\r\na", NULL, 0 },
	};
	static const struct word_case astrings[] = {
		{ "a]b", "a]b", 0 },
		{ "\"\"", "", 0 },
		{ "\"a b\" c", "a b", 2 },
		{ "\"a\\\"b\\\\c\"", "a\"b\\c", 0 },
		{ "\"p\xc3\xa4ss\"", "p\xc3\xa4ss", 0 },
		{ "{3}\r\na b c", "a b", 2 },
		{ "{3+}\r\n\"\r\n", "\"\r\n", 0 },
		{ "{0}\r\n", "", 0 },
		{ "\"a", NULL, 0 },
		{ "\"a\\b\"", NULL, 0 },
		{ "\"a\r\nb\"", NULL, 0 },
		{ "{4}\r\nabc", NULL, 0 },
		{ "{3}abc", NULL, 0 },
		{ "{}\r\n", NULL, 0 },
		{ "{-1}\r\n", NULL, 0 },
		{ "{99999999999}\r\n", NULL, 0 },
		{ "a%", "a", 1 },
		{ "", NULL, 0 },
	};
	static const struct word_case lists[] = {
		{ "*%]a b", "*%]a", 2 },
		{ "\"*\"", "*", 0 },
		{ "{1}\r\n%", "%", 0 },
		{ "(", NULL, 0 },
	};

	(void)state;
	check_words(tags, COUNT_OF(tags), imap_tag);
	check_words(atoms, COUNT_OF(atoms), imap_atom);
	check_words(astrings, COUNT_OF(astrings), imap_astring);
	check_words(lists, COUNT_OF(lists), imap_list_mailbox);
}

/* A NUL in a quoted string ends nothing and is refused. */
static void
test_nul(void **state)
{
	struct buf text = BUF_INIT(100);
	struct imap_args a;

	(void)state;
	buf_add(&text, SPAN("\"a\0b\""));
	a = imap_args_over(&text);
	(void)imap_string(&a);
	assert_true(a.scan.bad);
	buf_clear(&text);
	buf_add(&text, SPAN("{3}\r\na\0b"));
	a = imap_args_over(&text);
	assert_int_equal(imap_string(&a).len, 3);
	assert_true(imap_end(&a));
	buf_free(&text);
}

static void
test_mailbox(void **state)
{
	static const struct {
		const char *text, *name; /* NULL: no name */
	} cases[] = {
		{ "INBOX", "INBOX" },
		{ "\"Entw&APw-rfe\"", "Entw\u00fcrfe" },
		{ "Projects/", "Projects" },
		{ "\"/\"", "/" },
		{ "a&b", NULL },
		{ "\"\xc3\xa4\"", "\u00e4" },
		{ "\"a\xcc\x88&b\"", "\u00e4&b" },
		{ "\"\xc3(\"", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf text = BUF_INIT(100), name = BUF_INIT(100);
		struct imap_args a;
		bool good;

		buf_text(&text, cases[i].text);
		a = imap_args_over(&text);
		good = imap_name_get(&a, &name);
		assert_false(a.scan.bad);
		assert_int_equal(good, cases[i].name != NULL);
		if (good)
			assert_true(span_is(buf_span(&name), cases[i].name));
		buf_free(&text);
		buf_free(&name);
	}
}

/* ---- lines and literals ---- */

static const struct imap_limits limits = {
	.line = 40,
	.literal = 10,
	.total = 60,
	.waste = 100,
};

struct reader {
	struct loop *loop;
	struct conn *conn;
	struct imap_input input;
	struct buf said; /* what was made of it */
	bool ended;
};

/* Commands in brackets; "!" in front of those that were too long, "~" of those
 * with a bare LF; "+" where the client waits. */
static void
read_some(struct reader *r)
{
	for (;;) {
		switch (imap_input_read(&r->input, r->conn, &limits)) {
		case IMAP_GOT_NOTHING: return;
		case IMAP_GOT_FLOOD:
			buf_text(&r->said, "FLOOD");
			conn_consume(r->conn, conn_input(r->conn).len);
			return;
		case IMAP_GOT_LITERAL:
			if (imap_input_take(&r->input, &limits)) {
				if (r->input.sync)
					buf_byte(&r->said, '+');
				continue;
			}
			if (!imap_input_waste(&r->input))
				continue;
			buf_text(&r->said, "[!");
			break;
		case IMAP_GOT_COMMAND:
			buf_byte(&r->said, '[');
			if (r->input.wasted)
				buf_byte(&r->said, '!');
			else if (r->input.bare)
				buf_byte(&r->said, '~');
			if (!r->input.wasted)
				buf_add(&r->said, buf_span(&r->input.text));
			break;
		}
		buf_byte(&r->said, ']');
		imap_input_reset(&r->input, &limits);
	}
}

static void
event(void *arg, struct conn *c, enum conn_event what)
{
	struct reader *r = arg;

	(void)c;
	if (what == CONN_INPUT)
		read_some(r);
	if (what == CONN_EOF) {
		r->ended = true;
		loop_stop(r->loop);
	}
}

/* Sends the text in pieces of that size, each heard before the next is sent. */
static void
stop(void *arg)
{
	loop_stop(arg);
}

static void
check_input(const char *text, size_t len, size_t piece, const char *want)
{
	struct reader r = { .loop = loop_new(), .said = BUF_INIT(10000) };
	int fd[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	r.conn = conn_new(r.loop, fd[0], event, &r);
	imap_input_reset(&r.input, &limits);
	for (size_t at = 0; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;

		assert_int_equal(write(fd[1], text + at, n), n);
		loop_later(r.loop, stop, r.loop);
		loop_run(r.loop);
	}
	close(fd[1]);
	while (!r.ended)
		loop_run(r.loop);
	if (!span_is(buf_span(&r.said), want))
		fail_msg("'%s' by %zu: '%.*s'", text, piece, (int)r.said.len,
		    r.said.ptr);
	imap_input_reset(&r.input, &limits);
	conn_free(&r.conn);
	buf_free(&r.said);
	loop_free(&r.loop);
}

static void
test_input(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "a NOOP\r\n", "[a NOOP]" },
		{ "a\r\n\r\nb\r\n", "[a][][b]" },
		{ "a {3}\r\nxyz\r\n", "+[a {3}\r\nxyz]" },
		{ "a {3+}\r\nx\r\n b\r\n", "[a {3+}\r\nx\r\n b]" },
		{ "a {0+}\r\n\r\n", "[a {0+}\r\n]" },
		{ "a {1}\r\n{ {2+}\r\n}\r\r\n", "+[a {1}\r\n{ {2+}\r\n}\r]" },
		{ "a {3+}\r\n{9}\r\nb\r\n", "[a {3+}\r\n{9}][b]" },
		/* no literals */
		{ "a {}\r\n", "[a {}]" },
		{ "a {-1}\r\n", "[a {-1}]" },
		{ "a {x}\r\n", "[a {x}]" },
		{ "a 1}\r\n", "[a 1}]" },
		{ "a {1} \r\n", "[a {1} ]" },
		/* lines that end in LF alone */
		{ "a\nb\r\n", "[~a][b]" },
		{ "a {1}\nxb\r\nc\r\n", "+[~a {1}\nxb][c]" },
		/* too long: nothing in it is a command */
		{ "a 123456789012345678901234567890123456789\r\nb\r\n",
		    "[!][b]" },
		{ "a 12345678901234567890123456789012345678901 "
		  "{5+}\r\n\r\nc\r\n"
		  "\r\nb\r\n",
		    "[!][b]" },
		{ "a 12345678901234567890123456789012345678901 {5}\r\nb\r\n",
		    "[!][b]" },
		{ "a {11}\r\nb\r\n", "[!][b]" },
		{ "a {11+}\r\nx\r\nb NOOP\r\n x\r\nc\r\n", "[!][c]" },
		{ "a {8+}\r\n12345678 {8+}\r\n12345678 {8+}\r\n12345678 "
		  "{8+}\r\n12345678\r\nb\r\n",
		    "[!][b]" },
		{ "a {101+}\r\n", "FLOOD" },
		{ "a {18446744073709551616+}\r\n", "FLOOD" },
		{ "a {99999999999999999999999999999999999+}\r\n", "FLOOD" },
		{ "a {18446744073709551616}\r\nb\r\n", "[!][b]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		for (size_t piece = 1; piece <= 1000; piece *= 10)
			check_input(cases[i].text, strlen(cases[i].text), piece,
			    cases[i].want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
