/* What can be left out, and what is written then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/capability.h"
#include "common/scan.h"
#include "imapd/imap_capability.h"

static void
test_put(void **state)
{
	static const struct {
		const char *text, *between, *without, *want;
	} cases[] = {
		{ "IDLE MOVE ID", " ", "", "IDLE MOVE ID" },
		{ "IDLE MOVE ID", " ", "move", "IDLE ID" },
		{ "IDLE MOVE ID", " ", "IDLE", "MOVE ID" },
		{ "IDLE MOVE ID", " ", "ID", "IDLE MOVE " },
		{ "IDLE", " ", "IDLE", "" },
		{ "X CONDSTORE QRESYNC Y", " ", "CONDSTORE", "X Y" },
		{ "X CONDSTORE QRESYNC Y", " ", "QRESYNC", "X CONDSTORE Y" },
		{ "UTF8=ACCEPT STATUS=SIZE", " ", "UTF8",
		    "UTF8=ACCEPT STATUS=SIZE" },
		{ "TOP\r\nEXPIRE NEVER\r\nUIDL\r\n", "\r\n", "EXPIRE",
		    "TOP\r\nUIDL\r\n" },
		{ "TOP\r\nUIDL\r\n", "\r\n", "UIDL", "TOP\r\n" },
		{ "TOP\r\nUIDL\r\n", "\r\n", "", "TOP\r\nUIDL\r\n" },
		{ "", " ", "ID", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buf b = BUF_INIT(1000);

		capability_put(&b, span_of(cases[i].text), cases[i].between,
		    capability_bit(span_of(cases[i].without)));
		buf_byte(&b, '\0');
		assert_string_equal(b.ptr, cases[i].want);
		buf_free(&b);
	}
}

static void
test_names(void **state)
{
	uint64_t all = 0;

	(void)state;
	for (unsigned n = 0; capability_name(n) != NULL; n++) {
		uint64_t bit = capability_bit(span_of(capability_name(n)));

		assert_true(bit == UINT64_C(1) << n && !(all & bit));
		all |= bit;
	}
	assert_null(capability_name(CAPABILITIES_MAX));
	assert_int_equal(capability_bit(SPAN("IMAP4rev1")), 0);
	assert_int_equal(capability_bit(SPAN("")), 0);
}

/* Who adds a capability to IMAP adds it to the table too. */
static void
test_imap_has_no_others(void **state)
{
	static const char *const fixed[] = { "IMAP4rev1", "SASL-IR",
		"APPENDLIMIT=" };
	struct scan s = scan_over(SPAN(IMAP_CAPABILITY_CORE));

	(void)state;
	while (scan_more(&s)) {
		struct span word = scan_until(&s, " ", SIZE_MAX);
		bool known = capability_bit(word) != 0;

		for (size_t i = 0; i < COUNT_OF(fixed); i++)
			known = known || span_is(word, fixed[i]);
		if (!known)
			fail_msg("%.*s is not in common/capability.c",
			    (int)word.len, word.ptr);
		(void)scan_try(&s, ' ');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_imap_has_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
