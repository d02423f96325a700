/* Dates: what is read and written again reads the same. */
#include "common/date.h"
#include "tests/fuzz/fuzz.h"

/* Years of four digits, which are all that the two forms can write. */
#define FIRST_YEAR INT64_C(-62135596800)
#define LAST_YEAR  INT64_C(253402300799)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct buf out = BUF_INIT(100);
	int64_t seconds, again, days;
	int zone;

	if (date_get_imap(text, &seconds)) {
		date_put_imap(&out, seconds);
		assert(
		    date_get_imap(buf_span(&out), &again) && again == seconds);
	}
	buf_clear(&out);
	if (date_get_5322(text, &seconds, &zone) && seconds >= FIRST_YEAR &&
	    seconds <= LAST_YEAR) {
		date_put_5322(&out, seconds);
		assert(date_get_5322(buf_span(&out), &again, &zone) &&
		       again == seconds && zone == 0);
	}
	(void)!date_get_imap_day(text, &days);
	buf_free(&out);
	return 0;
}
