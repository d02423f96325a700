/* Sets of message numbers. */
#include "imapd/imap_set.h"

#include "common/mem.h"

void
imap_set_free(struct imap_set *set)
{
	mem_free(&set->range);
	*set = (struct imap_set){ 0 };
}

void
imap_set_clear(struct imap_set *set)
{
	set->len = 0;
}

static void
push(struct imap_set *set, struct imap_range r)
{
	if (set->len == set->room) {
		set->room = set->room == 0 ? 4 : set->room * 2;
		set->range =
		    mem_resize(set->range, set->room, sizeof(set->range[0]));
	}
	set->range[set->len++] = r;
}

/* Whether b begins inside a or right behind it; a begins first. */
static bool
touches(struct imap_range a, struct imap_range b)
{
	return a.last == UINT32_MAX || b.first <= a.last + 1;
}

static int
by_first(const void *a, const void *b)
{
	const struct imap_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void
imap_set_sort(struct imap_set *set)
{
	size_t to = 0;

	if (set->len < 2)
		return;
	qsort(set->range, set->len, sizeof(set->range[0]), by_first);
	for (size_t i = 1; i < set->len; i++) {
		struct imap_range *last = &set->range[to], r = set->range[i];

		if (!touches(*last, r))
			set->range[++to] = r;
		else if (r.last > last->last)
			last->last = r.last;
	}
	set->len = to + 1;
}

void
imap_set_collect(struct imap_set *set, uint32_t first, uint32_t last)
{
	push(set, (struct imap_range){ first, last });
}

/* True if it went in at the end, in order. */
static bool
append(struct imap_set *set, struct imap_range r)
{
	struct imap_range *last;

	if (set->len > 0) {
		last = &set->range[set->len - 1];
		if (r.first < last->first)
			return false;
		if (touches(*last, r)) {
			if (r.last > last->last)
				last->last = r.last;
			return true;
		}
	}
	push(set, r);
	return true;
}

void
imap_set_add(struct imap_set *set, uint32_t first, uint32_t last)
{
	struct imap_range r = { first, last };

	assert(first != 0 && first <= last);
	if (append(set, r))
		return;
	push(set, r);
	imap_set_sort(set);
}

/* seq-number = nz-number / "*"; 0 stands for "*" */
static uint32_t
parse_number(struct scan *s)
{
	uint32_t n;

	if (scan_try(s, '*'))
		return 0;
	n = (uint32_t)scan_number(s, UINT32_MAX);
	if (n == 0)
		scan_fail(s);
	return n;
}

/* seq-range = seq-number ":" seq-number; either end may be the larger. */
static bool
parse_range(struct scan *s, uint32_t star, uint32_t most, struct imap_range *r)
{
	uint32_t a = parse_number(s), b = a;

	if (scan_try(s, ':'))
		b = parse_number(s);
	if (s->bad)
		return false;
	if (a == 0 || b == 0) {
		uint32_t n = a == 0 ? b : a;

		*r = (struct imap_range){ n == 0 || n > star ? star : n, star };
		return star != 0;
	}
	if (a > most || b > most) {
		scan_fail(s);
		return false;
	}
	*r = a < b ? (struct imap_range){ a, b } : (struct imap_range){ b, a };
	return true;
}

void
imap_set_parse(
    struct scan *s, uint32_t star, uint32_t most, struct imap_set *set)
{
	bool sorted = true;

	do {
		struct imap_range r;

		if (!parse_range(s, star, most, &r))
			continue;
		if (!append(set, r)) {
			push(set, r);
			sorted = false;
		}
	} while (scan_try(s, ','));
	if (!sorted)
		imap_set_sort(set);
}

void
imap_set_and(struct imap_set *set, const struct imap_set *other)
{
	struct imap_set both = { 0 };
	size_t i = 0, j = 0;

	while (i < set->len && j < other->len) {
		struct imap_range a = set->range[i], b = other->range[j];
		uint32_t first = a.first > b.first ? a.first : b.first;
		uint32_t last = a.last < b.last ? a.last : b.last;

		if (first <= last)
			push(&both, (struct imap_range){ first, last });
		if (a.last < b.last)
			i++;
		else
			j++;
	}
	imap_set_free(set);
	*set = both;
}

/* The first range that ends at n or later; len if there is none. */
static size_t
find(const struct imap_set *set, uint32_t n)
{
	size_t low = 0, high = set->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->range[middle].last < n)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
imap_set_has(const struct imap_set *set, uint32_t n)
{
	size_t i = find(set, n);

	return i < set->len && set->range[i].first <= n;
}

bool
imap_set_from(const struct imap_set *set, uint32_t from, struct imap_range *r)
{
	size_t i = find(set, from);

	if (i == set->len)
		return false;
	*r = set->range[i];
	if (r->first < from)
		r->first = from;
	return true;
}

uint64_t
imap_set_count(const struct imap_set *set)
{
	uint64_t n = 0;

	for (size_t i = 0; i < set->len; i++)
		n += (uint64_t)set->range[i].last - set->range[i].first + 1;
	return n;
}

uint32_t
imap_set_last(const struct imap_set *set)
{
	return set->len == 0 ? 0 : set->range[set->len - 1].last;
}

void
imap_set_put(struct buf *out, const struct imap_set *set)
{
	for (size_t i = 0; i < set->len; i++) {
		struct imap_range r = set->range[i];

		if (i > 0)
			buf_byte(out, ',');
		buf_number(out, r.first);
		if (r.last != r.first) {
			buf_byte(out, ':');
			buf_number(out, r.last);
		}
	}
}
