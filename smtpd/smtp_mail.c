#include "smtpd/smtp_mail.h"

#include "common/addr.h"
#include "common/clock.h"
#include "common/header.h"
#include "common/mem.h"
#include "common/scan.h"
#include "smtpd/smtp_header.h"

enum { PER_RCPT = 64 /* bytes of a packet beside the addresses */ };

struct smtp_mail *
smtp_mail_new(struct smtp_session *session, struct span reverse_path)
{
	struct smtp_mail *m = mem_alloc(sizeof(*m));

	m->session = session;
	m->reverse_path = mem_string(reverse_path);
	m->now = clock_wall();
	delivery_new_id(m->id);
	delivery_new_trace(m->trace);
	return m;
}

static void
free_mail(struct smtp_mail *m)
{
	smtp_mail_cut_rcpts(m, 0);
	mem_free(&m->rcpts);
	smtp_body_free(&m->body);
	mem_free(&m->reverse_path);
	mem_free(&m->asked);
	mem_free(&m);
}

void
smtp_mail_leave(struct smtp_mail **mp)
{
	struct smtp_mail *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	m->session = NULL;
	if (m->parcel.outlet != NULL && m->parcel.kind == PARCEL_ROOM)
		parcel_cancel(&m->parcel);
	if (m->parcel.outlet == NULL && !m->wants_file)
		free_mail(m);
}

/* ---- the envelope ---- */

static bool
is_known(const struct smtp_mail *m, uint64_t account, struct span address)
{
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct smtp_rcpt *r = &m->rcpts[i];

		if (r->account == account &&
		    (account != 0 || span_same(span_of(r->address), address)))
			return true;
	}
	return false;
}

size_t
smtp_mail_envelope(const struct smtp_mail *m)
{
	size_t len = strlen(m->reverse_path) + PER_RCPT;

	for (size_t i = 0; i < m->nrcpts; i++)
		len += strlen(m->rcpts[i].address) + strlen(m->rcpts[i].said) +
		       PER_RCPT;
	return len;
}

bool
smtp_mail_add_rcpt(struct smtp_mail *m, uint64_t account, struct span address,
    struct span said)
{
	if (is_known(m, account, address))
		return true;
	if (m->nrcpts >= DELIVERY_RECIPIENTS_MAX ||
	    smtp_mail_envelope(m) + address.len + said.len > SMTP_ENVELOPE_MAX)
		return false;
	if (m->nrcpts == m->room) {
		m->room = m->room == 0 ? 1 : 2 * m->room;
		m->rcpts = mem_resize(m->rcpts, m->room, sizeof(*m->rcpts));
	}
	m->rcpts[m->nrcpts++] = (struct smtp_rcpt){
		.account = account,
		.address = mem_string(address),
		.said = mem_string(said),
	};
	return true;
}

void
smtp_mail_cut_rcpts(struct smtp_mail *m, size_t n)
{
	while (m->nrcpts > n) {
		struct smtp_rcpt *r = &m->rcpts[--m->nrcpts];

		mem_free(&r->address);
		mem_free(&r->said);
	}
}

/* The recipients in the form that is compared, one behind the other. */
static struct span *
canonical_rcpts(const struct smtp_mail *m, struct buf *text)
{
	struct span *spans = mem_array(m->nrcpts, sizeof(*spans));
	size_t at = 0;

	for (size_t i = 0; i < m->nrcpts; i++) {
		struct addr addr;

		if (addr_parse(span_of(m->rcpts[i].said), true, &addr))
			addr_canonical(text, &addr);
		spans[i].len = text->len - at;
		at = text->len;
	}
	/* Only now: the buffer moved while it grew. */
	for (size_t i = 0, from = 0; i < m->nrcpts; from += spans[i++].len)
		spans[i].ptr = text->ptr + from;
	return spans;
}

bool
smtp_mail_is_loop(void *arg, struct span header)
{
	struct smtp_mail *m = arg;
	struct buf text = BUF_INIT(SMTP_ENVELOPE_MAX);
	struct header_field field;
	struct span *canonical;
	bool loop;

	/* Nearly no message has one, and then nothing need be compared. */
	if (!header_find(header, "Delivered-To", &field))
		return false;
	canonical = canonical_rcpts(m, &text);
	loop = smtp_header_was_delivered(header, canonical, m->nrcpts);
	mem_free(&canonical);
	buf_free(&text);
	return loop;
}

/* ---- as packets ---- */

static void
put_delivered_to(struct buf *b, const struct smtp_rcpt *r)
{
	buf_text(b, "Delivered-To: ");
	buf_text(b, r->said);
	buf_text(b, "\r\n");
}

static void
pack_delivery(void *arg, unsigned flags, struct buf *payload)
{
	struct smtp_mail *m = arg;
	const struct content *content = smtp_body_content(m->body);
	struct buf prefix = BUF_INIT(DELIVERY_PREFIX_MAX);
	struct delivery d = {
		.flags = flags,
		.trace = span_of(m->trace),
		.mailbox = SPAN(""),
		.record = content_inline_record(content),
		.message = content_inline_message(content),
		.internaldate = m->now,
		.size = content->size,
	};

	/* RFC 5321, 4.4: the delivery is final. */
	buf_text(&prefix, "Return-Path: <");
	buf_text(&prefix, m->reverse_path);
	buf_text(&prefix, ">\r\n");
	put_delivered_to(&prefix, &m->rcpts[0]);
	d.prefix = buf_span(&prefix);
	memcpy(d.id, m->id, sizeof(d.id));
	delivery_put(payload, &d);
	buf_free(&prefix);
}

static void
pack_enqueue(void *arg, unsigned flags, struct buf *payload)
{
	struct smtp_mail *m = arg;
	const struct content *content = smtp_body_content(m->body);
	struct buf prefixes = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	struct enqueue e = {
		.flags = flags,
		.trace = span_of(m->trace),
		.reverse_path = span_of(m->reverse_path),
		.record = content_inline_record(content),
		.message = content_inline_message(content),
		.internaldate = m->now,
		.size = content->size,
		.recipients = mem_array(m->nrcpts, sizeof(*e.recipients)),
		.nrecipients = m->nrcpts,
	};
	size_t at = 0;

	/*
	 * First all texts, then their places: the buffer moves while it grows.
	 */
	for (size_t i = 0; i < m->nrcpts; i++)
		put_delivered_to(&prefixes, &m->rcpts[i]);
	for (size_t i = 0; i < m->nrcpts; i++) {
		size_t len =
		    strlen("Delivered-To: \r\n") + strlen(m->rcpts[i].said);

		e.recipients[i] = (struct enqueue_recipient){
			.account = m->rcpts[i].account,
			.address = span_of(m->rcpts[i].address),
			.prefix = { prefixes.ptr + at, len },
		};
		at += len;
	}
	memcpy(e.id, m->id, sizeof(e.id));
	enqueue_put(payload, &e);
	enqueue_release(&e);
	buf_free(&prefixes);
}

bool
smtp_mail_is_direct(const struct smtp_mail *m)
{
	return m->nrcpts == 1 && m->rcpts[0].account != 0;
}

void
smtp_mail_store(struct smtp_mail *m, struct outlets *all, struct outlet *login,
    void (*done)(void *arg, enum herr, uint64_t))
{
	bool one = smtp_mail_is_direct(m);
	struct outlet *way;

	if (one)
		way = outlet_deliver(all, m->rcpts[0].account);
	else
		way = login != NULL ? login : outlet_queue(all);
	m->parcel = (struct parcel){
		.kind = one ? PARCEL_DELIVER : PARCEL_ENQUEUE,
		.id = m->id,
		.content = smtp_body_content(m->body),
		.pack = one ? pack_delivery : pack_enqueue,
		.done = done,
		.arg = m,
	};
	parcel_send(way, &m->parcel);
}
