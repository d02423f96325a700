/* An address of the envelope: what is taken for one is within its limits, and
 * its canonical form is stable. */
#include "common/addr.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"

static void
check_address(const struct addr *a)
{
	struct buf once = BUF_INIT(1024), twice = BUF_INIT(1024);
	struct addr again;
	struct span tag;

	assert(
	    a->local.len <= ADDR_LOCAL_MAX && a->domain.len <= ADDR_DOMAIN_MAX);
	(void)addr_without_tag(a->local, &tag);
	addr_canonical(&once, a);
	assert(!once.bad);
	for (size_t i = 0; i < once.len; i++)
		assert(
		    (unsigned char)once.ptr[i] >= ' ' && once.ptr[i] != 0x7F);
	if (addr_parse(buf_span(&once), true, &again)) {
		addr_canonical(&twice, &again);
		assert(span_same(buf_span(&once), buf_span(&twice)));
	}
	buf_free(&once);
	buf_free(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct addr ascii, utf8;
	bool is_ascii = addr_parse(text, false, &ascii),
	     is_utf8 = addr_parse(text, true, &utf8);

	assert(!is_ascii || is_utf8);
	if (is_utf8)
		check_address(&utf8);
	return 0;
}
