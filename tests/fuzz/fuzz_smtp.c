/* Lines of an SMTP client, and the end of its data: pieces make no difference,
 * nothing but CRLF.CRLF ends it. */
#include "common/scan.h"
#include "smtpd/smtp_dot.h"
#include "smtpd/smtp_header.h"
#include "smtpd/smtp_parse.h"
#include "tests/fuzz/fuzz.h"

static void
read_line(struct span line, unsigned flags)
{
	struct smtp_mail_args mail;
	struct smtp_rcpt_args rcpt;
	struct smtp_auth_args auth;
	struct span verb, args, name;

	smtp_parse_line(line, &verb, &args);
	assert(verb.len + args.len <= line.len);
	(void)!smtp_parse_helo(args, &name);
	(void)!smtp_parse_auth(args, &auth);
	if (smtp_parse_mail(args, flags, &mail) == REPLY_SENDER_OK)
		assert(mail.path.len <= ADDR_PATH_MAX &&
		       memchr(args.ptr, '<', args.len) != NULL);
	if (smtp_parse_rcpt(args, flags, &rcpt) == REPLY_RCPT_OK)
		assert(rcpt.path.len > 0 && rcpt.path.len <= ADDR_PATH_MAX);
}

struct data {
	struct smtp_dot dot;
	size_t taken;
	struct buf content;
};

static void
take_content(void *arg, struct span s)
{
	struct data *d = arg;

	buf_add(&d->content, s);
}

static void
feed(void *arg, struct span piece)
{
	struct data *d = arg;

	if (!d->dot.done)
		d->taken += smtp_dot_feed(&d->dot, piece, take_content, d);
}

static void
read_data(struct data *d, struct span input, uint8_t how)
{
	*d = (struct data){ .dot = { .mend_lf = (how & 0x80) != 0 },
		.content = BUF_INIT(2 * input.len + 8) };
	fuzz_pieces(input, how & 0x7F, feed, d);
	assert(d->taken <= input.len);
	assert(d->dot.done || d->taken == input.len);
}

static void
check_data(struct span input, uint8_t how)
{
	struct data whole, pieces;

	read_data(&whole, input, how & 0x80);
	read_data(&pieces, input, how);
	assert(whole.taken == pieces.taken &&
	       whole.dot.done == pieces.dot.done &&
	       whole.dot.faults == pieces.dot.faults);
	assert(span_same(buf_span(&whole.content), buf_span(&pieces.content)));
	if (whole.dot.done) {
		assert(whole.taken >= 3 &&
		       memcmp(input.ptr + whole.taken - 3, ".\r\n", 3) == 0);
		assert(whole.taken == 3 ||
		       memcmp(input.ptr + whole.taken - 5, "\r\n", 2) == 0);
	}
	buf_free(&whole.content);
	buf_free(&pieces.content);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };
	uint8_t how = fuzz_take_byte(&input);
	struct buf header = BUF_INIT(input.len + 4096);
	struct scan s;

	smtp_header_complete(
	    &header, input, "mail.example.test", "id", 1000000000);
	assert(!header.bad);
	(void)smtp_header_was_delivered(input, &SPAN("alice@example.test"), 1);
	buf_free(&header);
	check_data(input, how);
	for (s = scan_over(input); scan_more(&s); (void)scan_try(&s, '\n'))
		read_line(span_trim(scan_until(&s, "\n", SIZE_MAX)), how);
	return 0;
}
