/* ID (RFC 2971). */
#include "imapd/imap_id.h"

#include "common/log.h"

enum { FIELDS_MAX = 30 }; /* RFC 2971, 3.3 */

struct who {
	struct span name, version;
};

static void
parse_fields(struct imap_args *a, struct who *who)
{
	unsigned n = 0;

	scan_need(&a->scan, '(');
	while (scan_more(&a->scan) && !scan_try(&a->scan, ')')) {
		struct span key, value;

		if (n > 0)
			imap_sp(a);
		key = imap_string(a);
		imap_sp(a);
		value = imap_nstring(a);
		if (++n > FIELDS_MAX)
			scan_fail(&a->scan);
		if (span_is_nocase(key, "name"))
			who->name = value;
		else if (span_is_nocase(key, "version"))
			who->version = value;
	}
}

bool
imap_id(struct imap_args *a, uint64_t session, bool *logged, struct buf *out)
{
	struct who who = { NO_SPAN, NO_SPAN };
	struct log_line l;

	imap_sp(a);
	if (!scan_try_word(&a->scan, "NIL"))
		parse_fields(a, &who);
	if (!imap_end(a))
		return false;
	if (who.name.len > 0 && !*logged) {
		*logged = true;
		log_begin(&l, LOG_INFO, "client");
		log_hex(&l, "session", session);
		log_span(&l, "name", who.name);
		log_span(&l, "version", who.version);
		log_end(&l);
	}
	buf_text(out, "* ID (\"name\" \"Hearth\" \"version\" \"" HEARTH_VERSION
		      "\")\r\n");
	return true;
}
