/*
 * Deliveries as typed values: written by receivers and the queue, read by
 * deliver roles and the queue, which believe nothing of them.
 */
#include "smtpd/delivery.h"

#include <sys/random.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/record.h"
#include "common/wire.h"

enum { MAILBOX_MAX = 1000, ADDRESS_MAX = 512 };

static void
random_bytes(uint8_t *to, size_t len)
{
	/*
	 * Up to 256 bytes come whole or, before the pool is ready, late:
	 * getrandom(2).
	 */
	if (getrandom(to, len, 0) != (ssize_t)len)
		PANIC("getrandom");
}

void
delivery_new_id(uint8_t id[DELIVERY_ID_LEN])
{
	put_be64(id, (uint64_t)clock_wall_ms());
	random_bytes(id + 8, DELIVERY_ID_LEN - 8);
}

void
delivery_new_trace(char trace[DELIVERY_TRACE_LEN + 1])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint8_t random[4];
	/*
	 * 50 bits of milliseconds last until the year 37648; 30 random bits
	 * beside them.
	 */
	uint64_t ms = (uint64_t)clock_wall_ms();
	uint32_t rest;

	random_bytes(random, sizeof(random));
	rest = le32(random);
	for (int i = 9; i >= 0; i--, ms >>= 5)
		trace[i] = digits[ms & 31];
	for (int i = 15; i >= 10; i--, rest >>= 5)
		trace[i] = digits[rest & 31];
	trace[DELIVERY_TRACE_LEN] = '\0';
}

/* ---- writing ---- */

static void
put_id(struct buf *b, const uint8_t id[DELIVERY_ID_LEN])
{
	buf_add(b, (struct span){ (const char *)id, DELIVERY_ID_LEN });
}

static void
put_content(
    struct buf *b, struct span record, uint64_t size, struct span message)
{
	wire_put_bytes(b, record);
	wire_put_u64(b, size);
	wire_put_bytes(b, message);
}

void
delivery_put(struct buf *b, const struct delivery *d)
{
	put_id(b, d->id);
	wire_put_u8(b, (uint8_t)d->flags);
	wire_put_bytes(b, d->trace);
	wire_put_bytes(b, d->mailbox);
	wire_put_u64(b, (uint64_t)d->internaldate);
	wire_put_bytes(b, d->prefix);
	put_content(b, d->record, d->size, d->message);
}

void
enqueue_put(struct buf *b, const struct enqueue *e)
{
	put_id(b, e->id);
	wire_put_u8(b, (uint8_t)e->flags);
	wire_put_bytes(b, e->trace);
	wire_put_u64(b, (uint64_t)e->internaldate);
	wire_put_bytes(b, e->reverse_path);
	wire_put_u16(b, (uint16_t)e->nrecipients);
	for (size_t i = 0; i < e->nrecipients; i++) {
		wire_put_u64(b, e->recipients[i].account);
		wire_put_bytes(b, e->recipients[i].address);
		wire_put_bytes(b, e->recipients[i].prefix);
	}
	put_content(b, e->record, e->size, e->message);
}

/* ---- reading ---- */

static bool
is_visible(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return false;
	return true;
}

/*
 * An address may hold UTF-8 and blanks (in a quoted local part), never what
 * would break a line or a field of one.
 */
static bool
is_one_line(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7F)
			return false;
	return true;
}

/*
 * Nothing, or whole fields: each line ends in CRLF, none is empty, the first
 * is no continuation.
 */
static bool
is_fields(struct span text)
{
	bool at_start = true;

	if (text.len == 0)
		return true;
	if (text.ptr[0] == ' ' || text.ptr[0] == '\t')
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '\0' || c == '\n')
			return false;
		if (c != '\r') {
			at_start = false;
			continue;
		}
		if (at_start || i + 1 == text.len || text.ptr[i + 1] != '\n')
			return false;
		i++;
		at_start = true;
	}
	return at_start;
}

static bool
content_fits(struct span record, uint64_t size, struct span message)
{
	bool by_descriptor = record.len == 0 && message.len == 0;

	return size > 0 && size <= DELIVERY_SIZE_MAX &&
	       (by_descriptor || message.len == size);
}

static void
get_id(struct wire *w, uint8_t id[DELIVERY_ID_LEN])
{
	for (int i = 0; i < DELIVERY_ID_LEN; i++)
		id[i] = wire_u8(w);
}

bool
delivery_get(struct span payload, struct delivery *d)
{
	struct wire w = wire_over(payload);

	get_id(&w, d->id);
	d->flags = wire_u8(&w);
	d->trace = wire_bytes(&w, DELIVERY_TRACE_LEN);
	d->mailbox = wire_bytes(&w, MAILBOX_MAX);
	d->internaldate = (int64_t)wire_u64(&w);
	d->prefix = wire_bytes(&w, DELIVERY_PREFIX_MAX);
	d->record = wire_bytes(&w, RECORD_MAX);
	d->size = wire_u64(&w);
	d->message = wire_bytes(&w, payload.len);
	return wire_end(&w) && is_visible(d->trace) && is_fields(d->prefix) &&
	       is_one_line(d->mailbox) &&
	       content_fits(d->record, d->size, d->message);
}

bool
enqueue_get(struct span payload, struct enqueue *e)
{
	struct wire w = wire_over(payload);
	bool fine = true;

	*e = (struct enqueue){ .flags = 0 };
	get_id(&w, e->id);
	e->flags = wire_u8(&w);
	e->trace = wire_bytes(&w, DELIVERY_TRACE_LEN);
	e->internaldate = (int64_t)wire_u64(&w);
	e->reverse_path = wire_bytes(&w, ADDRESS_MAX);
	e->nrecipients = wire_u16(&w);
	if (w.bad || e->nrecipients == 0 ||
	    e->nrecipients > DELIVERY_RECIPIENTS_MAX)
		return false;
	e->recipients = mem_array(e->nrecipients, sizeof(*e->recipients));
	for (size_t i = 0; i < e->nrecipients && !w.bad; i++) {
		struct enqueue_recipient *r = &e->recipients[i];

		r->account = wire_u64(&w);
		r->address = wire_bytes(&w, ADDRESS_MAX);
		r->prefix = wire_bytes(&w, DELIVERY_PREFIX_MAX);
		fine = fine && r->address.len > 0 && is_one_line(r->address) &&
		       is_fields(r->prefix);
	}
	e->record = wire_bytes(&w, RECORD_MAX);
	e->size = wire_u64(&w);
	e->message = wire_bytes(&w, payload.len);
	if (wire_end(&w) && fine && is_visible(e->trace) &&
	    is_one_line(e->reverse_path) &&
	    content_fits(e->record, e->size, e->message))
		return true;
	enqueue_release(e);
	return false;
}

void
enqueue_release(struct enqueue *e)
{
	mem_free(&e->recipients);
	e->nrecipients = 0;
}
