/*
 * Dates.  The calendar is computed here, by days since 1970, for the years 0 to
 * 9999, which is what four digits can say; times beyond are written as the
 * nearest that can be.
 */
#include "common/date.h"

#include "common/scan.h"

#include <inttypes.h>

enum { DAY = 86400, ZONE_MAX = 24 * 60 - 1 };

#define FIRST_SECOND (INT64_C(-62167219200)) /* 0000-01-01 00:00:00 */
#define LAST_SECOND  (INT64_C(253402300799)) /* 9999-12-31 23:59:59 */

static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May",
	"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
	"Sat" };

/* A moment as people write it; month and day count from 1. */
struct parts {
	int year, month, day, hour, minute, second;
};

/*
 * The year is taken to begin in March, so that the leap day is its last one;
 * then the days before month m are (153 m + 2) / 5.
 */
static int64_t
days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       (153 * m + 2) / 5 + day - 1 - 719468;
}

static struct parts
parts_of(int64_t seconds)
{
	int64_t days, rest, era, day, year, month;
	struct parts p;

	if (seconds < FIRST_SECOND)
		seconds = FIRST_SECOND;
	if (seconds > LAST_SECOND)
		seconds = LAST_SECOND;
	days = seconds / DAY - (seconds % DAY < 0);
	rest = seconds - days * DAY;
	p.hour = (int)(rest / 3600);
	p.minute = (int)(rest / 60 % 60);
	p.second = (int)(rest % 60);

	days += 719468; /* since 1 March of the year 0 */
	era = (days >= 0 ? days : days - 146096) / 146097;
	day = days - era * 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	p.day = (int)(day - (153 * month + 2) / 5 + 1);
	p.month = (int)(month < 10 ? month + 3 : month - 9);
	p.year = (int)(year + era * 400 + (p.month <= 2));
	return p;
}

static int
days_in(int year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* A 60th second is a leap second; it counts as the next one. */
static bool
parts_valid(const struct parts *p)
{
	return p->month >= 1 && p->month <= 12 && p->day >= 1 &&
	       p->day <= days_in(p->year, p->month) && p->hour < 24 &&
	       p->minute < 60 && p->second <= 60;
}

static int64_t
seconds_of(const struct parts *p, int zone)
{
	return days_of(p->year, p->month, p->day) * DAY + p->hour * 3600 +
	       p->minute * 60 + p->second - (int64_t)zone * 60;
}

void
date_put_5322(struct buf *b, int64_t seconds)
{
	struct parts p = parts_of(seconds);
	int64_t days = days_of(p.year, p.month, p.day);

	/* 1 January 1970 was a Thursday. */
	buf_format(b, "%s, %02d %s %04d %02d:%02d:%02d +0000",
	    day_names[((days + 4) % 7 + 7) % 7], p.day,
	    month_names[p.month - 1], p.year, p.hour, p.minute, p.second);
}

void
date_put_imap(struct buf *b, int64_t seconds)
{
	struct parts p = parts_of(seconds);

	buf_format(b, "%2d-%s-%04d %02d:%02d:%02d +0000", p.day,
	    month_names[p.month - 1], p.year, p.hour, p.minute, p.second);
}

/* Exactly so many digits. */
static int
digits(struct scan *s, size_t count)
{
	struct scan number = scan_over(scan_take(s, count));
	int value = (int)scan_number(&number, 9999);

	if (!scan_done(&number))
		scan_fail(s);
	return value;
}

/* 1 to 12, or 0 if these three letters begin no month's name. */
static int
month_named(struct span word)
{
	for (int i = 0; i < 12; i++)
		if (span_starts_nocase(word, month_names[i]))
			return i + 1;
	return 0;
}

/* "-Feb-2026": what both IMAP forms have behind the day. */
static void
imap_month_and_year(struct scan *s, struct parts *p)
{
	scan_need(s, '-');
	p->month = month_named(scan_take(s, 3));
	scan_need(s, '-');
	p->year = digits(s, 4);
}

bool
date_get_imap(struct span text, int64_t *seconds)
{
	struct scan s = scan_over(text);
	struct parts p;
	int zone;
	bool west;

	p.day = scan_try(&s, ' ') ? digits(&s, 1) : digits(&s, 2);
	imap_month_and_year(&s, &p);
	scan_need(&s, ' ');
	p.hour = digits(&s, 2);
	scan_need(&s, ':');
	p.minute = digits(&s, 2);
	scan_need(&s, ':');
	p.second = digits(&s, 2);
	scan_need(&s, ' ');
	west = scan_try(&s, '-');
	if (!west)
		scan_need(&s, '+');
	zone = digits(&s, 4);
	if (!scan_done(&s) || !parts_valid(&p) || zone % 100 > 59 ||
	    zone > 2359)
		return false;
	zone = zone / 100 * 60 + zone % 100;
	*seconds = seconds_of(&p, west ? -zone : zone);
	return true;
}

bool
date_get_imap_day(struct span text, int64_t *days)
{
	struct scan s = scan_over(text);
	struct parts p = { 0 };

	p.day = digits(&s, text.len == sizeof("1-Feb-2026") - 1 ? 1 : 2);
	imap_month_and_year(&s, &p);
	if (!scan_done(&s) || !parts_valid(&p))
		return false;
	*days = days_of(p.year, p.month, p.day);
	return true;
}

/*
 * A Date field is read word by word, in whatever order they come: a name of a
 * month, a number with colons, a sign with digits can mean one thing only, and
 * of the other numbers the day comes before the year.
 */
struct reading {
	struct parts parts; /* year, month, day, hour: -1 while not met */
	int zone;
	bool has_zone;
};

/* RFC 5322, 4.3; other names say nothing ("-0000"), military ones included. */
/* clang-format off */
static const struct {
	char name[5];
	int minutes;
} zones[] = {
	{ "EST", -5 * 60 }, { "EDT", -4 * 60 },
	{ "CST", -6 * 60 }, { "CDT", -5 * 60 },
	{ "MST", -7 * 60 }, { "MDT", -6 * 60 },
	{ "PST", -8 * 60 }, { "PDT", -7 * 60 },
	{ "CET", 1 * 60 },  { "CEST", 2 * 60 },
};
/* clang-format on */

/* Blanks and comments, which nest and may lack their end. */
static void
skip_comments(struct scan *s)
{
	size_t depth = 0;

	for (; scan_more(s); s->pos++) {
		char c = *s->pos;

		if (c == '(')
			depth++;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth > 0 && c == '\\' && s->end - s->pos > 1)
			s->pos++;
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' &&
			 c != '\n')
			return;
	}
}

static bool
is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static struct span
take_while(struct scan *s, bool (*kind)(int))
{
	const char *start = s->pos;

	while (kind(scan_peek(s)))
		s->pos++;
	return (struct span){ start, (size_t)(s->pos - start) };
}

static void
read_word(struct scan *s, struct reading *r)
{
	struct span word = take_while(s, is_letter);
	int month = word.len >= 3 ? month_named(word) : 0;

	if (month != 0 && r->parts.month < 0) {
		r->parts.month = month;
		return;
	}
	/* Before the time a word is the day of the week, behind it the zone. */
	if (r->parts.hour < 0 || r->has_zone)
		return;
	for (size_t i = 0; i < COUNT_OF(zones); i++)
		if (span_is_nocase(word, zones[i].name))
			r->zone = zones[i].minutes;
}

/* "+0100", and what people make of it: "+01:00", "+1", behind "GMT" too. */
static void
read_zone(struct scan *s, struct reading *r)
{
	bool west = *s->pos == '-';
	struct span hours;
	int64_t value, minutes = 0;

	s->pos++;
	hours = take_while(s, is_digit);
	if (hours.len == 0 || hours.len > 4)
		return;
	value = (int64_t)scan_number(
	    &(struct scan){ hours.ptr, hours.ptr + hours.len, false }, 9999);
	if (scan_try(s, ':')) {
		struct scan rest = scan_over(take_while(s, is_digit));

		minutes = (int64_t)scan_number(&rest, 59);
	} else if (hours.len > 2) {
		minutes = value % 100;
		value /= 100;
	}
	value = value * 60 + minutes;
	if (minutes > 59 || value > ZONE_MAX)
		return;
	r->zone = (int)(west ? -value : value);
	r->has_zone = true;
}

/* RFC 5322, 4.3: what years of two and three digits mean. */
static int
full_year(int year, size_t ndigits)
{
	if (ndigits >= 4)
		return year;
	if (ndigits == 3 || year >= 50)
		return year + 1900;
	return year + 2000;
}

/* Over a colon, with whatever may stand around it; then the number behind it.
 */
static bool
colon_and_number(struct scan *s, int *value, uint64_t most)
{
	struct scan ahead = *s, number;

	skip_comments(&ahead);
	if (!scan_try(&ahead, ':'))
		return false;
	skip_comments(&ahead);
	number = scan_over(take_while(&ahead, is_digit));
	*value = (int)scan_number(&number, most);
	*s = ahead;
	if (number.bad)
		scan_fail(s);
	return !number.bad;
}

static void
read_number(struct scan *s, struct reading *r)
{
	struct span text = take_while(s, is_digit);
	struct scan number = scan_over(text);
	struct parts *p = &r->parts;
	int value = (int)scan_number(&number, 9999);

	if (number.bad) {
		scan_fail(s);
	} else if (p->hour < 0 && colon_and_number(s, &p->minute, 59)) {
		p->hour = value;
		colon_and_number(s, &p->second, 60);
	} else if (p->day < 0 && text.len <= 2) {
		p->day = value;
	} else if (p->year < 0) {
		p->year = full_year(value, text.len);
	}
}

bool
date_get_5322(struct span text, int64_t *seconds, int *zone)
{
	struct scan s = scan_over(text);
	struct reading r = {
		.parts = { .year = -1, .month = -1, .day = -1, .hour = -1 }
	};

	for (skip_comments(&s); scan_more(&s); skip_comments(&s)) {
		int c = scan_peek(&s);

		if (is_letter(c))
			read_word(&s, &r);
		else if (is_digit(c))
			read_number(&s, &r);
		else if ((c == '+' || c == '-') && r.parts.hour >= 0 &&
			 !r.has_zone)
			read_zone(&s, &r);
		else
			s.pos++;
	}
	if (r.parts.hour < 0)
		r.parts.hour = 0;
	if (s.bad || r.parts.year < 0 || !parts_valid(&r.parts))
		return false;
	*seconds = seconds_of(&r.parts, r.zone);
	*zone = r.zone;
	return true;
}
