/*
 * One line per event on standard error, in one write(2):
 *
 *   <6>imapd/front[812]: event=login account=3 user=alice@example.test peer=192.0.2.7 session=5f3a
 *
 * (the <n> is the syslog level that systemd reads, and is left out on a
 * terminal).  A line is an event name and key=value fields.  Values that hold
 * anything but visible ASCII without space, quote, backslash are written in
 * quotes with \xHH escapes, so nothing from outside can forge a line or a field.
 * Lines are cut at 2,000 bytes.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/base.h"

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

void log_open(const char *daemon, const char *role, enum log_level most);

struct log_line {
	char text[2048];
	size_t len;
	enum log_level level;
};

/*
 * Straight down:
 *	struct log_line l;
 *	log_begin(&l, LOG_INFO, "login");
 *	log_number(&l, "account", id);
 *	log_span(&l, "user", name);
 *	log_end(&l);
 */
void log_begin(struct log_line *, enum log_level, const char *event);
void log_number(struct log_line *, const char *key, int64_t);
void log_hex(struct log_line *, const char *key, uint64_t);
void log_text(struct log_line *, const char *key, const char *);
void log_span(struct log_line *, const char *key, struct span);
void log_end(struct log_line *);

/* The common case of trouble: event, what was tried, errno as words ("error=..."). */
void log_errno(enum log_level, const char *event, const char *what);
/* An event with one text field "why". */
void log_event(enum log_level, const char *event, const char *why);

#endif
