#include "smtpd/smtp_header.h"

#include "common/addr.h"
#include "common/date.h"
#include "common/header.h"
#include "common/scan.h"

enum { DELIVERED_TO_MAX = 100 /* fields of a header that are looked at */ };

static const char *
protocol(const struct smtp_trace *t)
{
	/* clang-format off */
	static const char *const names[2][2][2] = {
		/*		  clear		  login		      TLS	    login, TLS */
		{ { "ESMTP",	 "ESMTPA" },	 { "ESMTPS",	"ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
	};
	/* clang-format on */

	return t->esmtp ? names[t->utf8][t->tls][t->login] : "SMTP";
}

void
smtp_header_received(struct buf *b, const struct smtp_trace *t)
{
	bool v6 = strchr(t->address, ':') != NULL;

	buf_text(b, "Received: from ");
	buf_add(b, t->helo);
	buf_text(b, v6 ? " ([IPv6:" : " ([");
	buf_text(b, t->address);
	buf_text(b, "])\r\n\tby ");
	buf_text(b, t->hostname);
	buf_text(b, " with ");
	buf_text(b, protocol(t));
	buf_text(b, " id ");
	buf_text(b, t->id);
	if (t->recipient.len > 0) {
		buf_text(b, "\r\n\tfor <");
		buf_add(b, t->recipient);
		buf_byte(b, '>');
	}
	buf_text(b, ";\r\n\t");
	date_put_5322(b, t->now);
	buf_text(b, "\r\n");
}

/*
 * Blind copies stay blind (RFC 5322, 3.6.3); Return-Path is for the final
 * delivery to write (RFC 5321, 4.4).
 */
static bool
is_private(struct span name)
{
	static const char *const names[] = { "Bcc", "Resent-Bcc",
		"Return-Path" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_is_nocase(name, names[i]))
			return true;
	return false;
}

bool
smtp_header_is_one(struct span header)
{
	struct header_field field;
	size_t pos = 0;

	if (header_next(header, &pos, &field))
		return header.ptr[0] != ' ' && header.ptr[0] != '\t';
	return pos == 0; /* the empty line, or not even that */
}

void
smtp_header_complete(struct buf *b, struct span header, const char *hostname,
    const char *id, int64_t now)
{
	struct header_field field;
	const char *kept = header.ptr; /* from here on nothing is copied yet */
	bool is_one = smtp_header_is_one(header);
	size_t pos = 0;

	if (!is_one || !header_find(header, "Date", &field)) {
		buf_text(b, "Date: ");
		date_put_5322(b, now);
		buf_text(b, "\r\n");
	}
	if (!is_one || !header_find(header, "Message-ID", &field)) {
		buf_text(b, "Message-ID: <");
		buf_text(b, id);
		buf_byte(b, '@');
		buf_text(b, hostname);
		buf_text(b, ">\r\n");
	}
	if (!is_one)
		buf_text(b, "\r\n");
	while (header_next(header, &pos, &field)) {
		if (!is_private(field.name))
			continue;
		buf_add(
		    b, (struct span){ kept, (size_t)(field.whole.ptr - kept) });
		kept = field.whole.ptr + field.whole.len;
	}
	buf_add(
	    b, (struct span){ kept, (size_t)(header.ptr + header.len - kept) });
}

static bool
names_one_of(struct span value, const struct span *canonical, size_t n)
{
	struct buf b = BUF_INIT(2 * ADDR_PATH_MAX);
	struct addr addr;
	bool found = false;

	if (addr_parse(span_trim(value), true, &addr)) {
		addr_canonical(&b, &addr);
		for (size_t i = 0; i < n && !found; i++)
			found = span_same(buf_span(&b), canonical[i]);
	}
	buf_free(&b);
	return found;
}

bool
smtp_header_was_delivered(
    struct span header, const struct span *canonical, size_t n)
{
	struct header_field field;
	size_t pos = 0, seen = 0;

	while (header_next(header, &pos, &field) && seen < DELIVERED_TO_MAX) {
		if (!span_is_nocase(field.name, "Delivered-To"))
			continue;
		seen++;
		if (names_one_of(field.value, canonical, n))
			return true;
	}
	return false;
}
