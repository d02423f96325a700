/* Dates as mail writes them.  Everything is computed in UTC; no time zone file is read. */
#ifndef COMMON_DATE_H
#define COMMON_DATE_H

#include "common/buf.h"

/* "Sun, 22 Nov 2026 20:53:10 +0000", RFC 5322, 3.3. */
void date_put_5322(struct buf *, int64_t seconds);
/* "22-Nov-2026 20:53:10 +0000" (day padded with a space), RFC 9051 date-time, without quotes. */
void date_put_imap(struct buf *, int64_t seconds);
/* Reads an IMAP date-time without its quotes, strictly. */
bool date_get_imap(struct span, int64_t *seconds) MUST_USE;
/* Reads an IMAP date ("1-Feb-2026"), giving the number of days since 1970. */
bool date_get_imap_day(struct span, int64_t *days) MUST_USE;
/*
 * Reads a Date field as real mail has it (RFC 5322, 3.3 and 4.3: comments,
 * two-digit years, zone names, missing day of week, missing seconds).
 * `zone` gets the minutes east of UTC that the field said.
 */
bool date_get_5322(struct span, int64_t *seconds, int *zone) MUST_USE;

#endif
