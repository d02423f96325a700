/* What a FETCH asks for (RFC 9051, 6.4.5; RFC 3501, 3516; RFC 7162, 3.1.4). */
#include "imapd/imap_fetch.h"

#include "common/mem.h"
#include "imapd/imap_limits.h"

/* clang-format off */
static const struct {
	const char *name;
	enum imap_item_kind kind;
	enum imap_section_kind section;
	bool seen;
} items[] = {
	{ "UID",           IMAP_ITEM_UID,           0, false },
	{ "FLAGS",         IMAP_ITEM_FLAGS,         0, false },
	{ "INTERNALDATE",  IMAP_ITEM_INTERNALDATE,  0, false },
	{ "RFC822.SIZE",   IMAP_ITEM_SIZE,          0, false },
	{ "ENVELOPE",      IMAP_ITEM_ENVELOPE,      0, false },
	{ "BODY",          IMAP_ITEM_BODY,          0, false },
	{ "BODYSTRUCTURE", IMAP_ITEM_BODYSTRUCTURE, 0, false },
	{ "MODSEQ",        IMAP_ITEM_MODSEQ,        0, false },
	{ "RFC822",        IMAP_ITEM_SECTION,       IMAP_SECTION_WHOLE,  true },
	{ "RFC822.HEADER", IMAP_ITEM_SECTION,       IMAP_SECTION_HEADER, false },
	{ "RFC822.TEXT",   IMAP_ITEM_SECTION,       IMAP_SECTION_TEXT,   true },
};

/* With a section in brackets behind them. */
static const struct {
	const char *name;
	enum imap_item_kind kind;
	bool seen;
} sections[] = {
	{ "BODY",        IMAP_ITEM_SECTION,     true },
	{ "BODY.PEEK",   IMAP_ITEM_SECTION,     false },
	{ "BINARY",      IMAP_ITEM_BINARY,      true },
	{ "BINARY.PEEK", IMAP_ITEM_BINARY,      false },
	{ "BINARY.SIZE", IMAP_ITEM_BINARY_SIZE, false },
};

static const struct span section_label[] = {
	[IMAP_ITEM_SECTION]     = { "BODY", 4 },
	[IMAP_ITEM_BINARY]      = { "BINARY", 6 },
	[IMAP_ITEM_BINARY_SIZE] = { "BINARY.SIZE", 11 },
};

static const struct {
	const char *name, *items;
} macros[] = {
	{ "ALL",  "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE" },
	{ "FAST", "FLAGS INTERNALDATE RFC822.SIZE" },
	{ "FULL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY" },
};
/* clang-format on */

void
imap_fetch_free(struct imap_fetch *f)
{
	for (size_t i = 0; i < f->len; i++)
		imap_section_free(&f->item[i].section);
	mem_free(&f->item);
	buf_free(&f->labels);
	*f = (struct imap_fetch){ 0 };
}

static bool
same_item(const struct imap_item *a, const struct imap_item *b)
{
	if (a->kind != b->kind || a->partial != b->partial ||
	    a->offset != b->offset || a->most != b->most)
		return false;
	return imap_section_same(&a->section, &b->section);
}

/* RFC822 is BODY[] by another name, and answered by the name it was asked by.
 */
static bool
is_called(
    const struct imap_fetch *f, const struct imap_item *item, struct span name)
{
	return memcmp(f->labels.ptr + item->label, name.ptr, name.len) == 0;
}

/* Adds the item, unless it is there; its label is `name`, section, and where a
 * part of it begins. */
static void
add_item(struct imap_fetch *f, struct imap_item *item, struct span name,
    bool brackets)
{
	for (size_t i = 0; i < f->len; i++) {
		if (!same_item(&f->item[i], item) ||
		    !is_called(f, &f->item[i], name))
			continue;
		imap_section_free(&item->section);
		return;
	}
	f->labels.limit = 1024 * 1024;
	item->label = f->labels.len;
	buf_add(&f->labels, name);
	if (brackets)
		imap_section_put(&f->labels, &item->section);
	if (item->partial) {
		buf_byte(&f->labels, '<');
		buf_number(&f->labels, item->offset);
		buf_byte(&f->labels, '>');
	}
	buf_byte(&f->labels, ' ');
	item->label_len = f->labels.len - item->label;
	f->item = mem_resize(f->item, f->len + 1, sizeof(f->item[0]));
	f->item[f->len++] = *item;
	f->kinds |= 1U << item->kind;
}

/* "[" section "]" ["<" number "." nz-number ">"], from behind "[" */
static void
parse_section(
    struct imap_args *a, struct imap_fetch *f, enum imap_item_kind kind)
{
	struct imap_item item = { .kind = kind, .most = UINT64_MAX };

	imap_section_parse(a, &item.section);
	/* Headers and texts have no transfer encoding. */
	if (kind != IMAP_ITEM_SECTION &&
	    item.section.kind != IMAP_SECTION_WHOLE)
		scan_fail(&a->scan);
	if (kind != IMAP_ITEM_BINARY_SIZE && scan_try(&a->scan, '<')) {
		item.partial = true;
		item.offset = imap_number(a);
		scan_need(&a->scan, '.');
		item.most = imap_number(a);
		if (item.most == 0)
			scan_fail(&a->scan);
		scan_need(&a->scan, '>');
	}
	if (a->scan.bad) {
		imap_section_free(&item.section);
		return;
	}
	add_item(f, &item, section_label[kind], true);
}

static void
parse_item(struct imap_args *a, struct imap_fetch *f)
{
	struct span name = scan_until(&a->scan, " ()[]<", 32);

	for (size_t i = 0; i < COUNT_OF(sections); i++)
		if (span_is_nocase(name, sections[i].name) &&
		    scan_try(&a->scan, '[')) {
			f->sets_seen |= sections[i].seen;
			parse_section(a, f, sections[i].kind);
			return;
		}
	for (size_t i = 0; i < COUNT_OF(items); i++) {
		struct imap_item item = { .kind = items[i].kind,
			.most = UINT64_MAX };

		if (!span_is_nocase(name, items[i].name))
			continue;
		item.section.kind = items[i].section;
		f->sets_seen |= items[i].seen;
		add_item(f, &item, span_of(items[i].name), false);
		return;
	}
	scan_fail(&a->scan);
}

static bool
parse_macro(struct imap_args *a, struct imap_fetch *f)
{
	for (size_t i = 0; i < COUNT_OF(macros); i++) {
		struct imap_args words = *a;
		struct span list = span_of(macros[i].items);

		if (!scan_try_word(&words.scan, macros[i].name) ||
		    (scan_more(&words.scan) && scan_peek(&words.scan) != ' '))
			continue;
		a->scan = words.scan;
		words.scan = scan_over(list);
		do
			parse_item(&words, f);
		while (scan_try(&words.scan, ' '));
		return true;
	}
	return false;
}

/* "(" "CHANGEDSINCE" SP modseq | "VANISHED" ... ")" */
static void
parse_modifiers(struct imap_args *a, struct imap_fetch *f)
{
	if (!scan_try_word(&a->scan, " ("))
		return;
	do {
		struct span name = imap_atom(a);

		if (span_is_nocase(name, "CHANGEDSINCE") && !f->has_since) {
			f->has_since = true;
			imap_sp(a);
			f->since = imap_modseq(a);
		} else if (span_is_nocase(name, "VANISHED")) {
			f->vanished = true;
		} else {
			scan_fail(&a->scan);
		}
	} while (scan_try(&a->scan, ' '));
	scan_need(&a->scan, ')');
}

/* UID FETCH tells UIDs, asked or not (RFC 3501, 6.4.8). */
static void
put_uid_first(struct imap_fetch *f)
{
	struct imap_item uid = { .kind = IMAP_ITEM_UID, .most = UINT64_MAX };

	if (f->kinds & 1U << IMAP_ITEM_UID)
		return;
	add_item(f, &uid, SPAN("UID"), false);
	uid = f->item[f->len - 1];
	memmove(f->item + 1, f->item, (f->len - 1) * sizeof(f->item[0]));
	f->item[0] = uid;
}

bool
imap_fetch_parse(struct imap_args *a, bool by_uid, struct imap_fetch *f)
{
	struct imap_item modseq = { .kind = IMAP_ITEM_MODSEQ,
		.most = UINT64_MAX };

	if (scan_try(&a->scan, '(')) {
		do
			parse_item(a, f);
		while (
		    f->len < IMAP_FETCH_ITEMS_MAX && scan_try(&a->scan, ' '));
		if (f->len >= IMAP_FETCH_ITEMS_MAX && !a->scan.bad)
			return false;
		scan_need(&a->scan, ')');
	} else if (!parse_macro(a, f)) {
		parse_item(a, f);
	}
	parse_modifiers(a, f);
	if (by_uid)
		put_uid_first(f);
	if (f->has_since)
		add_item(f, &modseq, SPAN("MODSEQ"), false);
	return true;
}
