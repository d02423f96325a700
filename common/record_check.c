/*
 * Whether a record keeps the promises of record.h.  This is what stands between
 * a process that reads hostile mail and the store: one pass, no recursion, and
 * every field of every entry is looked at.
 */
#include "common/record.h"

#include "common/scan.h"

/* A part whose descendants are being read. */
struct open_part {
	unsigned last; /* index of its last descendant */
	enum record_kind kind;
	unsigned children;
	uint64_t next,
	    end; /* where its next child may begin, and must have ended */
};

struct check {
	struct open_part open[RECORD_DEPTH_MAX + 1];
	unsigned depth;
	unsigned parts;
};

/* ---- strings and lists ---- */

static bool
good_string(struct span s)
{
	return s.len <= RECORD_STRING_MAX &&
	       (s.len == 0 || (memchr(s.ptr, '\r', s.len) == NULL &&
				  memchr(s.ptr, '\n', s.len) == NULL &&
				  memchr(s.ptr, '\0', s.len) == NULL));
}

/* Present, not empty, upper case. */
static bool
good_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] >= 'a' && s.ptr[i] <= 'z')
			return false;
	}
	return s.len > 0 && good_string(s);
}

static bool
good_params(struct span list)
{
	struct span name, value;
	unsigned n = 0;

	while (list.len > 0) {
		if (!record_list_next(&list, &name, &value) ||
		    ++n > RECORD_PARAMS_MAX || !good_name(name) ||
		    value.ptr == NULL || !good_string(value))
			return false;
	}
	return true;
}

static bool
good_languages(struct span list)
{
	struct span name, value;
	unsigned n = 0;

	while (list.len > 0) {
		if (!record_list_next(&list, &name, &value) ||
		    ++n > RECORD_PARAMS_MAX || name.ptr != NULL ||
		    value.len == 0 || !good_string(value))
			return false;
	}
	return true;
}

/* Groups begin and end in turn; `*n` counts over all lists of an envelope. */
static bool
good_addresses(struct span list, unsigned *n)
{
	struct record_address a;
	bool in_group = false;

	while (list.len > 0) {
		if (!record_address_next(&list, &a) ||
		    ++*n > RECORD_ADDRESSES_MAX || !good_string(a.name) ||
		    !good_string(a.mailbox) || !good_string(a.host))
			return false;
		if (a.host.ptr != NULL) {
			if (a.mailbox.ptr == NULL)
				return false;
			continue;
		}
		if (in_group == (a.mailbox.ptr != NULL) || a.name.ptr != NULL)
			return false;
		in_group = !in_group;
	}
	return !in_group;
}

static bool
good_envelope(const struct record_part *part)
{
	struct record_envelope e;
	unsigned n = 0;

	if (!part->has_envelope)
		return true;
	if (!record_envelope(part, &e) || !good_string(e.date) ||
	    !good_string(e.subject) || !good_string(e.in_reply_to) ||
	    !good_string(e.message_id))
		return false;
	for (int i = 0; i < RECORD_ADDRESS_FIELDS; i++) {
		/* The defaults are the list of from itself, and counted there.
		 */
		if (i != RECORD_FROM &&
		    e.addresses[i].ptr == e.addresses[RECORD_FROM].ptr)
			continue;
		if (!good_addresses(e.addresses[i], &n))
			return false;
	}
	return true;
}

static bool
good_texts(const struct record_part *part)
{
	return good_name(part->type) && good_name(part->subtype) &&
	       good_name(part->encoding) && good_string(part->id) &&
	       good_string(part->description) && good_string(part->md5) &&
	       good_string(part->disposition) && good_string(part->location) &&
	       good_params(part->params) &&
	       good_params(part->disposition_params) &&
	       (part->disposition.ptr != NULL ||
		   part->disposition_params.ptr == NULL) &&
	       good_languages(part->languages) && good_envelope(part);
}

/* ---- numbers and nesting ---- */

/* What the kind promises about the type; what is a leaf may call itself
 * anything. */
static bool
good_kind(const struct record_part *part)
{
	switch (part->kind) {
	case RECORD_LEAF: return part->descendants == 0;
	case RECORD_MULTIPART:
		return part->descendants > 0 &&
		       span_is(part->type, "MULTIPART");
	case RECORD_MESSAGE:
		return part->descendants > 0 &&
		       span_is(part->type, "MESSAGE") &&
		       (span_is(part->subtype, "RFC822") ||
			   span_is(part->subtype, "GLOBAL"));
	}
	return false;
}

/* Where the part ends, if that is a number and not beyond `limit`. */
static bool
good_extent(const struct record_part *part, uint64_t limit, uint64_t *end)
{
	uint64_t body;

	return !__builtin_add_overflow(
		   part->header_start, part->header_len, &body) &&
	       !__builtin_add_overflow(body, part->body_len, end) &&
	       *end <= limit && part->body_lines <= part->body_len;
}

/* Leaves the parts that end before the one with that index. */
static bool
leave(struct check *c, unsigned index)
{
	while (c->depth > 0 && c->open[c->depth - 1].last < index) {
		const struct open_part *p = &c->open[--c->depth];

		if (p->kind == RECORD_MESSAGE && p->children != 1)
			return false;
	}
	return true;
}

static bool
inside_parent(
    struct open_part *parent, const struct record_part *part, uint64_t end)
{
	bool content = parent->kind == RECORD_MESSAGE;

	if (part->has_envelope != content ||
	    part->header_start < parent->next ||
	    part->index + part->descendants > parent->last)
		return false;
	/* A message is its content, from the first byte to the last. */
	if (content &&
	    (part->header_start != parent->next || end != parent->end))
		return false;
	parent->children++;
	parent->next = end;
	return true;
}

static bool
good_place(struct check *c, const struct record_part *part, uint64_t size)
{
	uint64_t end;

	if (!leave(c, part->index) || part->depth != c->depth ||
	    part->depth > RECORD_DEPTH_MAX || !good_kind(part) ||
	    part->descendants >= c->parts - part->index)
		return false;
	if (c->depth == 0) {
		/* The message itself, and nothing beside it. */
		if (part->index != 0 || part->header_start != 0 ||
		    part->descendants != c->parts - 1 || !part->has_envelope ||
		    !good_extent(part, size, &end) || end != size)
			return false;
	} else {
		struct open_part *parent = &c->open[c->depth - 1];

		if (!good_extent(part, parent->end, &end) ||
		    !inside_parent(parent, part, end))
			return false;
	}
	if (part->kind != RECORD_LEAF) {
		if (c->depth > RECORD_DEPTH_MAX)
			return false;
		c->open[c->depth++] = (struct open_part){
			.last = part->index + part->descendants,
			.kind = part->kind,
			.next = part->body_start,
			.end = end,
		};
	}
	return true;
}

bool
record_check(struct span bytes, uint64_t message_size)
{
	struct record r;
	struct record_cursor at = { 0 };
	struct record_part part;
	struct check c = { 0 };

	if (bytes.len > RECORD_MAX || !record_open(bytes, &r) ||
	    r.size != message_size || r.parts > RECORD_PARTS_MAX)
		return false;
	c.parts = r.parts;
	while (record_next(&r, &at, &part)) {
		if (!good_texts(&part) || !good_place(&c, &part, r.size))
			return false;
	}
	return at.index == r.parts && at.at == bytes.len && leave(&c, r.parts);
}
