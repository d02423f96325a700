/*
 * An IMAP session after login, over a store of its own: whatever a client says,
 * it is answered in whole lines, nothing breaks, and other sessions go on.
 */
#include "common/log.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/imap_harness.h"

static struct imap_harness harness;
static int
    witness; /* another session of the account, in the mailbox that is bent */

static void
say_or_die(int fd, const char *text)
{
	struct buf said = BUF_INIT(1 << 24);

	if (!imap_harness_say(&harness, fd, span_of(text), &said))
		PANIC("the session ended");
	assert(memmem(said.ptr, said.len, "\nw OK", 5) != NULL ||
	       span_starts_nocase(buf_span(&said), "w OK"));
	buf_free(&said);
}

static void
end(void)
{
	close(witness);
	imap_harness_close(&harness);
}

/* A mailbox with messages of several shapes. */
static void
begin(void)
{
	static const char *const messages[] = {
		"From: a@b\r\nSubject: one\r\n\r\ntext\r\n",
		"Subject: =?utf-8?q?=C3=A4?=\r\nContent-Type: multipart/mixed; "
		"boundary=x\r\n\r\n--x\r\n\r\na\r\n"
		"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: "
		"in\r\n\r\nx\r\n--x--\r\n",
		"Content-Type: text/plain; "
		"charset=iso-2022-jp\r\nContent-Transfer-Encoding: "
		"base64\r\n\r\nGyRCRnxLXBsoQg==\r\n",
	};

	log_open("imapd", "fuzz", LOG_ERROR);
	imap_harness_open(&harness);
	witness = imap_harness_session(&harness);
	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		struct buf b = BUF_INIT(4096);

		buf_format(&b, "w APPEND INBOX {%zu+}\r\n%s\r\n",
		    strlen(messages[i]), messages[i]);
		buf_byte(&b, '\0');
		say_or_die(witness, b.ptr);
		buf_free(&b);
	}
	say_or_die(witness, "w SELECT INBOX\r\n");
}

/* A fresh account now and then: what gathers in one makes every turn longer. */
static void
begin_sometimes(void)
{
	enum { INPUTS = 300 };
	static unsigned inputs;

	if (inputs > 0 && inputs % INPUTS == 0)
		end();
	if (inputs == 0)
		atexit(end);
	if (inputs++ % INPUTS == 0)
		begin();
}

struct client {
	int fd;
	bool open;
	struct buf said;
};

static void
feed(void *arg, struct span piece)
{
	struct client *c = arg;

	if (c->open)
		c->open = imap_harness_say(&harness, c->fd, piece, &c->said);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);
	struct client c = { .said = BUF_INIT(1 << 26) };

	begin_sometimes();
	c.fd = imap_harness_session(&harness);
	c.open = true;
	if (how & 4)
		feed(&c, SPAN("s ENABLE IMAP4rev2 QRESYNC\r\n"));
	if (how & 8)
		feed(&c, SPAN("s ENABLE UTF8=ACCEPT\r\n"));
	feed(&c, SPAN("s SELECT INBOX\r\n"));
	fuzz_pieces(input, how & 3, feed, &c);
	assert(!c.said.bad);
	assert(c.said.len == 0 || c.said.ptr[c.said.len - 1] == '\n');
	close(c.fd);
	for (int i = 0; i < 4; i++)
		imap_harness_turn(&harness);
	assert(harness.account->nsessions == 1);
	assert(harness.account->staged == 0);
	say_or_die(witness, "w NOOP\r\n");
	buf_free(&c.said);
	return 0;
}
