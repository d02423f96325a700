/* Payloads of messages between roles: what is accepted can be written, and read
 * again. */
#include "common/scan.h"
#include "common/settings.h"
#include "smtpd/delivery.h"
#include "tests/fuzz/fuzz.h"

static void
read_settings(struct span payload)
{
	struct buf once = BUF_INIT(payload.len), twice = BUF_INIT(payload.len);
	struct settings s, again;

	if (!settings_get(payload, &s))
		return;
	settings_put(&once, &s);
	assert(settings_get(buf_span(&once), &again));
	settings_put(&twice, &again);
	assert(span_same(buf_span(&once), buf_span(&twice)));
	(void)settings_has_domain(&s, SPAN("example.test"));
	settings_release(&s);
	settings_release(&again);
	buf_free(&once);
	buf_free(&twice);
}

static void
read_delivery(struct span payload)
{
	struct buf once = BUF_INIT(payload.len), twice = BUF_INIT(payload.len);
	struct delivery d, again;

	if (!delivery_get(payload, &d))
		return;
	delivery_put(&once, &d);
	assert(delivery_get(buf_span(&once), &again));
	delivery_put(&twice, &again);
	assert(span_same(buf_span(&once), buf_span(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

static void
read_enqueue(struct span payload)
{
	struct buf once = BUF_INIT(payload.len), twice = BUF_INIT(payload.len);
	struct enqueue e, again;

	if (!enqueue_get(payload, &e)) {
		enqueue_release(&e);
		return;
	}
	enqueue_put(&once, &e);
	assert(enqueue_get(buf_span(&once), &again));
	enqueue_put(&twice, &again);
	assert(span_same(buf_span(&once), buf_span(&twice)));
	enqueue_release(&e);
	enqueue_release(&again);
	buf_free(&once);
	buf_free(&twice);
}

/* The first byte says which. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span payload = { (const char *)data, size };

	switch (fuzz_take_byte(&payload) % 3) {
	case 0: read_settings(payload); break;
	case 1: read_delivery(payload); break;
	default: read_enqueue(payload); break;
	}
	return 0;
}
