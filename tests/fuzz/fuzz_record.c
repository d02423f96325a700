/* Any bytes as a record: the reader survives them, and what passes the check
 * keeps its promises. */
#include "common/record.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"

static void
read_strings(struct span s, bool checked)
{
	if (!checked || s.ptr == NULL)
		return;
	assert(s.len <= RECORD_STRING_MAX);
	for (size_t i = 0; i < s.len; i++)
		assert(
		    s.ptr[i] != '\r' && s.ptr[i] != '\n' && s.ptr[i] != '\0');
}

static void
read_list(struct span list, bool checked)
{
	struct span name, value;
	unsigned n = 0;

	while (record_list_next(&list, &name, &value)) {
		read_strings(name, checked);
		read_strings(value, checked);
		n++;
	}
	assert(!checked || (n <= RECORD_PARAMS_MAX && list.len == 0));
}

static void
read_part(const struct record_part *p, bool checked)
{
	struct record_envelope e;
	struct record_address a;

	read_strings(p->type, checked);
	read_strings(p->description, checked);
	read_list(p->params, checked);
	read_list(p->disposition_params, checked);
	read_list(p->languages, checked);
	if (!record_envelope(p, &e)) {
		assert(!checked || !p->has_envelope);
		return;
	}
	read_strings(e.subject, checked);
	for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++) {
		struct span list = e.addresses[i];

		while (record_address_next(&list, &a)) {
			read_strings(a.name, checked);
			assert(!checked || a.host.ptr == NULL ||
			       a.mailbox.ptr != NULL);
		}
		assert(!checked || list.len == 0);
	}
}

/* Each part has a number under which it is found, and no other part is. */
static void
find_parts(const struct record *r)
{
	uint32_t number[3];
	struct record_part p;

	for (uint32_t i = 0; i < 64; i++) {
		number[0] = i & 3;
		number[1] = (i >> 2) & 3;
		number[2] = i >> 4;
		for (size_t n = 0; n <= COUNT_OF(number); n++) {
			if (record_find(r, number, n, &p))
				assert(p.index < r->parts);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = { (const char *)data, size };
	struct buf shifted = BUF_INIT(size + 100);
	struct record_cursor c = { 0 };
	struct record_part p;
	struct record r;
	bool checked;

	if (!record_open(bytes, &r)) {
		assert(!record_check(bytes, 0));
		return 0;
	}
	checked = record_check(bytes, r.size);
	while (record_next(&r, &c, &p)) {
		read_part(&p, checked);
		if (checked)
			assert(p.header_start <= p.body_start &&
			       p.body_start <= r.size &&
			       p.body_len <= r.size - p.body_start);
	}
	assert(!checked || c.index == r.parts);
	find_parts(&r);
	record_shift(&shifted, bytes, 5);
	assert(shifted.len == size);
	if (r.size < UINT64_MAX - 5)
		assert(record_check(buf_span(&shifted), r.size + 5) == checked);
	buf_free(&shifted);
	return 0;
}
