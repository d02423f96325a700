/*
 * First the header is held back (at most HEADER_MAX), looked at, and mended if
 * it is a submission's; from then on bytes go straight to the MIME scanner and
 * into the content.  A message that will be refused is read on, and forgotten.
 */
#include "smtpd/smtp_body.h"

#include "common/header.h"
#include "common/mem.h"
#include "common/mime.h"
#include "smtpd/smtp_dot.h"
#include "smtpd/smtp_header.h"

enum {
	HEADER_MAX = 256 * 1024,
	RECEIVED_MAX = 100, /* more: RFC 5321, 6.3 */
	FIRST_ROOM = 8192,
};

struct smtp_body {
	struct smtp_body_rules rules;
	struct smtp_dot dot;
	struct content content;
	struct mime *mime;
	uint64_t came; /* bytes from the client, without the stuffed dots */
	size_t received_len; /* of our trace field */
	bool in_header;
	enum smtp_reply verdict; /* REPLY_STORED: nothing is wrong so far */
};

struct smtp_body *
smtp_body_new(const struct smtp_body_rules *rules, struct span received)
{
	struct smtp_body *b = mem_alloc(sizeof(*b));

	b->rules = *rules;
	b->dot.mend_lf = rules->submission;
	b->mime = mime_new();
	b->in_header = true;
	b->verdict = REPLY_STORED;
	content_init(&b->content);
	buf_want(&b->content.bytes, FIRST_ROOM);
	buf_add(&b->content.bytes, received);
	b->received_len = received.len;
	return b;
}

void
smtp_body_free(struct smtp_body **bp)
{
	if (*bp == NULL)
		return;
	content_release(&(*bp)->content);
	mime_free(&(*bp)->mime);
	mem_free(bp);
}

/*
 * The first fault is the one that is answered; nothing of the message is kept.
 */
static void
refuse(struct smtp_body *b, enum smtp_reply why)
{
	if (b->verdict != REPLY_STORED)
		return;
	b->verdict = why;
	content_release(&b->content);
	mime_free(&b->mime);
}

static void
keep(struct smtp_body *b, size_t from)
{
	size_t len = b->content.bytes.len - from;
	enum herr err;

	mime_feed(b->mime, (struct span){ b->content.bytes.ptr + from, len });
	if ((err = content_grew(&b->content, len)) != H_OK)
		refuse(b, smtp_reply_for(err));
}

/* Where the held header ends, behind its empty line; 0: not there yet. */
static size_t
header_end(const struct smtp_body *b, size_t looked)
{
	const struct buf *bytes = &b->content.bytes;
	size_t from = b->received_len;
	const char *end;

	if (bytes->len >= from + 2 && memcmp(bytes->ptr + from, "\r\n", 2) == 0)
		return from + 2;
	if (looked > from + 3)
		from = looked - 3;
	end = memmem(bytes->ptr + from, bytes->len - from, "\r\n\r\n", 4);
	return end == NULL ? 0 : (size_t)(end - bytes->ptr) + 4;
}

/* Puts it between our trace field and what the client sent, as far as it goes.
 */
static void
mend_header(struct smtp_body *b, struct span header)
{
	struct buf *bytes = &b->content.bytes;
	struct buf whole = BUF_INIT(bytes->limit);
	size_t rest = b->received_len + header.len;

	buf_add(&whole, (struct span){ bytes->ptr, b->received_len });
	if (b->rules.submission)
		smtp_header_complete(&whole, header, b->rules.hostname,
		    b->rules.trace, b->rules.now);
	else {
		buf_text(&whole, "\r\n");
		buf_add(&whole, header);
	}
	buf_add(&whole, (struct span){ bytes->ptr + rest, bytes->len - rest });
	buf_free(bytes);
	*bytes = whole;
}

/* The header is here (up to `end`), or all that will be looked at of it. */
static void
header_done(struct smtp_body *b, size_t end)
{
	struct span header = { b->content.bytes.ptr + b->received_len,
		end - b->received_len };

	b->in_header = false;
	if (b->rules.is_loop(b->rules.arg, header)) {
		refuse(b, REPLY_LOOP);
		return;
	}
	if (b->rules.submission || !smtp_header_is_one(header))
		mend_header(b, header);
	keep(b, 0);
}

static void
take(void *arg, struct span bytes)
{
	struct smtp_body *b = arg;

	b->came += bytes.len;
	if (b->came > b->rules.size_limit)
		refuse(b, REPLY_TOO_BIG);
	if (b->verdict == REPLY_STORED)
		buf_add(&b->content.bytes, bytes);
}

static void
after_feed(struct smtp_body *b, size_t had)
{
	unsigned refused =
	    DOT_BARE_CR | DOT_NUL | (b->rules.submission ? 0 : DOT_BARE_LF);
	size_t end;

	if (b->dot.faults & refused)
		refuse(b, REPLY_BAD_DATA);
	if (b->verdict != REPLY_STORED)
		return;
	if (!b->in_header) {
		keep(b, had);
	} else if ((end = header_end(b, had)) != 0) {
		header_done(b, end);
	} else if (b->content.bytes.len > b->received_len + HEADER_MAX) {
		/* A Bcc might stand behind what is looked at. */
		if (b->rules.submission)
			refuse(b, REPLY_HEADER_TOO_BIG);
		else
			header_done(b, b->content.bytes.len);
	}
}

size_t
smtp_body_feed(struct smtp_body *b, struct span bytes)
{
	size_t had = b->content.bytes.len, taken;

	if (smtp_body_wants_file(b))
		return 0;
	taken = smtp_dot_feed(&b->dot, bytes, take, b);
	after_feed(b, had);
	return taken;
}

bool
smtp_body_wants_file(const struct smtp_body *b)
{
	return b->verdict == REPLY_STORED && !b->in_header &&
	       content_wants_file(&b->content);
}

void
smtp_body_file(struct smtp_body *b, enum herr err, int fd)
{
	if (err == H_OK)
		err = content_set_file(&b->content, fd);
	if (err != H_OK)
		refuse(b, smtp_reply_for(err));
}

bool
smtp_body_done(const struct smtp_body *b)
{
	return b->dot.done;
}

enum smtp_reply
smtp_body_end(struct smtp_body *b, size_t others)
{
	enum herr err;

	/* A message may be nothing but a header. */
	if (b->verdict == REPLY_STORED && b->in_header)
		header_done(b, b->content.bytes.len);
	if (b->verdict != REPLY_STORED)
		return b->verdict;
	if (mime_summary(b->mime)->received > RECEIVED_MAX + 1)
		return REPLY_LOOP;
	mime_end(b->mime, &b->content.record);
	mime_free(&b->mime);
	if ((err = content_seal(&b->content, others)) != H_OK)
		return smtp_reply_for(err);
	return REPLY_STORED;
}

const struct content *
smtp_body_content(const struct smtp_body *b)
{
	return &b->content;
}

uint64_t
smtp_body_size(const struct smtp_body *b)
{
	return b->came;
}
