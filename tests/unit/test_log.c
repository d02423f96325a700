/* One line per event, whatever is in it: nothing from outside makes a line or a
 * field. */
#include "common/log.h"

#include "common/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINE_LIMIT = 2000 };

static int ends[2] = { -1, -1 };
static int saved = -1;
static char said[8192];
static size_t nsaid;

/* Standard error is a socket of packets: one read gives what one write wrote.
 */
static void
listen_begin(void)
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
}

static void
listen_end(void)
{
	ssize_t got;

	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	close(ends[1]);
	got = read(ends[0], said, sizeof(said) - 1);
	nsaid = got > 0 ? (size_t)got : 0;
	said[nsaid] = '\0';
	close(ends[0]);
}

/* Opened while standard error is no terminal, also when this is run by hand. */
static void
open_log(const char *daemon, const char *role, enum log_level most)
{
	listen_begin();
	log_open(daemon, role, most);
	listen_end();
	assert_int_equal(nsaid, 0);
}

static void
assert_said(const char *behind_pid)
{
	struct buf want = BUF_INIT(8192);

	buf_format(
	    &want, "<6>imapd/front[%ld]: %s\n", (long)getpid(), behind_pid);
	buf_byte(&want, '\0');
	assert_string_equal(said, want.ptr);
	buf_free(&want);
}

static void
test_fields(void **state)
{
	struct log_line l;

	(void)state;
	open_log("imapd", "front", LOG_INFO);
	listen_begin();
	log_begin(&l, LOG_INFO, "login");
	log_number(&l, "account", 3);
	log_number(&l, "least", INT64_MIN);
	log_hex(&l, "session", 0x5f3a);
	log_hex(&l, "most", UINT64_MAX);
	log_text(&l, "user", "alice@example.test");
	log_text(&l, "nobody", NULL);
	log_span(&l, "empty", NO_SPAN);
	log_end(&l);
	listen_end();
	assert_said(
	    "event=login account=3 least=-9223372036854775808 session=5f3a"
	    " most=ffffffffffffffff user=alice@example.test nobody=\"\" "
	    "empty=\"\"");
}

/* clang-format off */
static const struct {
	struct span value;
	const char *shown;
} values[] = {
	{ { "plain=x", 7 }, "plain=x" },
	{ { "two words", 9 }, "\"two words\"" },
	{ { "a\nb", 3 }, "\"a\\x0ab\"" },
	{ { "a\r\n<0>forged: event=x", 21 }, "\"a\\x0d\\x0a<0>forged: event=x\"" },
	{ { "x\" user=root", 12 }, "\"x\\x22 user=root\"" },
	{ { "\\x41", 4 }, "\"\\x5cx41\"" },
	{ { "\0\x1b[2J\x7f", 6 }, "\"\\x00\\x1b[2J\\x7f\"" },
	{ { "\xc3\xa4\xff", 3 }, "\"\\xc3\\xa4\\xff\"" },
	{ { "%s%n%d", 6 }, "%s%n%d" },
	{ { "\t", 1 }, "\"\\x09\"" },
};
/* clang-format on */

static void
test_escaping(void **state)
{
	(void)state;
	open_log("imapd", "front", LOG_INFO);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct buf want = BUF_INIT(1000);
		struct log_line l;

		listen_begin();
		log_begin(&l, LOG_INFO, "e");
		log_span(&l, "v", values[i].value);
		log_number(&l, "n", 1);
		log_end(&l);
		listen_end();
		buf_format(&want, "event=e v=%s n=1", values[i].shown);
		buf_byte(&want, '\0');
		assert_said(want.ptr);
		buf_free(&want);
	}
}

/* Every byte in a value: exactly one line, of visible ASCII. */
static void
test_every_byte(void **state)
{
	(void)state;
	open_log("imapd", "front", LOG_INFO);
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		struct log_line l;

		listen_begin();
		log_begin(&l, LOG_INFO, "e");
		log_span(&l, "v", (struct span){ &byte, 1 });
		log_end(&l);
		listen_end();
		assert_int_equal(said[nsaid - 1], '\n');
		for (size_t i = 0; i < nsaid - 1; i++)
			assert_true(said[i] >= ' ' && said[i] < 0x7f);
	}
}

/* Whatever the length of the value, before a field or behind: one line, within
 * the limit, quotes closed. */
static void
test_limit(void **state)
{
	static char plain[3000], hostile[3000];

	(void)state;
	open_log("imapd", "front", LOG_INFO);
	memset(plain, 'a', sizeof(plain));
	memset(hostile, '\n', sizeof(hostile));
	for (size_t len = 400; len < sizeof(plain);
	     len += len < 2100 ? 1 : 300) {
		const char *of[] = { plain, hostile };

		for (size_t k = 0; k < COUNT_OF(of); k++) {
			size_t quotes = 0;
			struct log_line l;

			listen_begin();
			log_begin(&l, LOG_INFO, "e");
			log_span(&l, "v", (struct span){ of[k], len });
			log_text(&l, "behind", "\"");
			log_number(&l, "n", INT64_MIN);
			log_hex(&l, "h", UINT64_MAX);
			log_span(&l, "again", (struct span){ of[k], len });
			log_end(&l);
			listen_end();
			assert_true(nsaid <= LINE_LIMIT);
			assert_ptr_equal(strchr(said, '\n'), said + nsaid - 1);
			for (size_t i = 0; i < nsaid; i++)
				quotes += said[i] == '"';
			assert_int_equal(quotes % 2, 0);
			if (len > 2000)
				assert_true(nsaid > LINE_LIMIT - 8);
		}
	}
}

/* Long names of events and keys are ours, but must not break a line either. */
static void
test_long_names(void **state)
{
	static char name[3000];
	struct log_line l;

	(void)state;
	memset(name, 'k', sizeof(name) - 1);
	open_log(name, name, LOG_INFO);
	listen_begin();
	log_begin(&l, LOG_INFO, name);
	log_number(&l, name, 1);
	log_text(&l, name, "x");
	log_number(&l, "n", 1);
	log_end(&l);
	listen_end();
	assert_true(nsaid < 300);
	assert_non_null(strstr(said, "k n=1\n"));
}

static void
test_levels(void **state)
{
	(void)state;
	open_log("imapd", "front", LOG_WARN);
	listen_begin();
	log_event(LOG_INFO, "quiet", "x");
	log_event(LOG_DEBUG, "quiet", "x");
	listen_end();
	assert_int_equal(nsaid, 0);
	listen_begin();
	errno = ENOENT;
	log_errno(LOG_WARN, "loud", "/some file");
	assert_int_equal(errno, ENOENT);
	listen_end();
	assert_non_null(strstr(said, "<4>imapd/front["));
	assert_non_null(strstr(said, "event=loud what=\"/some file\" "
				     "error=\"No such file or directory\"\n"));
	listen_begin();
	log_event(LOG_ERROR, "loud", "why not");
	listen_end();
	assert_non_null(strstr(said, "<3>"));
	assert_non_null(strstr(said, "event=loud why=\"why not\"\n"));
}

/* A log that nobody takes stops nothing. */
static void
test_closed(void **state)
{
	int keep = dup(STDERR_FILENO);

	(void)state;
	open_log("imapd", "front", LOG_INFO);
	close(STDERR_FILENO);
	errno = EINTR;
	log_event(LOG_ERROR, "lost", "x");
	assert_int_equal(errno, EINTR);
	assert_int_equal(dup2(keep, STDERR_FILENO), STDERR_FILENO);
	close(keep);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
