/* Flags on the wire and in the store. */
#include "imapd/imap_flags.h"

#include "common/mem.h"
#include "imapd/imap_recent.h"
#include "imapd/imap_turn.h"

enum { KEYWORDS_TEXT_MAX = 64 * 1024 };

/* clang-format off */
static const struct {
	const char *name;
	uint8_t bit; /* 0: \Recent */
} system_flags[] = {
	{ "\\Answered", STORE_ANSWERED },
	{ "\\Flagged",  STORE_FLAGGED_FLAG },
	{ "\\Deleted",  STORE_DELETED },
	{ "\\Seen",     STORE_SEEN },
	{ "\\Draft",    STORE_DRAFT },
	{ "\\Recent",   0 },
};
/* clang-format on */

void
imap_flags_free(struct imap_flags *f)
{
	buf_free(&f->keywords);
	*f = (struct imap_flags){ 0 };
}

/* Behind the backslash. */
static void
parse_system(struct imap_args *a, struct imap_flags *f)
{
	struct span name = imap_atom(a);

	for (size_t i = 0; i < COUNT_OF(system_flags); i++) {
		if (!span_is_nocase(name, system_flags[i].name + 1))
			continue;
		f->system |= system_flags[i].bit;
		return;
	}
	scan_fail(&a->scan);
}

static void
parse_flag(struct imap_args *a, struct imap_flags *f)
{
	struct span name;

	if (scan_try(&a->scan, '\\')) {
		parse_system(a, f);
		return;
	}
	name = imap_atom(a);
	if (name.len > STORE_KEYWORD_LEN_MAX)
		scan_fail(&a->scan);
	if (a->scan.bad)
		return;
	f->keywords.limit = KEYWORDS_TEXT_MAX;
	buf_add(&f->keywords, name);
	buf_byte(&f->keywords, '\0');
	if (f->keywords.bad)
		scan_fail(&a->scan);
}

void
imap_flags_parse(struct imap_args *a, struct imap_flags *f)
{
	scan_need(&a->scan, '(');
	while (scan_more(&a->scan) && scan_peek(&a->scan) != ')') {
		parse_flag(a, f);
		if (scan_peek(&a->scan) != ')')
			imap_sp(a);
	}
	scan_need(&a->scan, ')');
}

void
imap_flags_parse_loose(struct imap_args *a, struct imap_flags *f)
{
	if (scan_peek(&a->scan) == '(') {
		imap_flags_parse(a, f);
		return;
	}
	do
		parse_flag(a, f);
	while (scan_try(&a->scan, ' '));
}

enum herr
imap_flags_resolve(struct store_txn *txn, const struct imap_flags *f,
    bool create, struct store_flags *out)
{
	struct span rest = buf_span(&f->keywords);

	*out = (struct store_flags){ .system = f->system };
	while (rest.len > 0) {
		struct span name = { rest.ptr, strlen(rest.ptr) };
		int number = store_keyword(txn, name, create);

		if (number >= 0 && number < STORE_KEYWORDS_MAX)
			out->keyword[number / 64] |= (uint64_t)1
			                             << (number % 64);
		else if (create && store_error(txn) == H_OK)
			return H_LIMIT;
		rest.ptr += name.len + 1;
		rest.len -= name.len + 1;
	}
	return store_error(txn);
}

int
imap_flags_keyword(struct imap_account *a, struct span name)
{
	return store_keyword(imap_read(a), name, false);
}

/* The name of a keyword, remembered: it never changes. */
static const char *
keyword_name(struct imap_account *a, unsigned number)
{
	struct span name;

	if (a->keyword[number] != NULL)
		return a->keyword[number];
	name = store_keyword_name(imap_read(a), (int)number);
	if (name.len > 0)
		a->keyword[number] = mem_string(name);
	return a->keyword[number];
}

static void
put_keywords(struct buf *out, struct imap_account *a,
    const struct store_flags *flags, bool *first)
{
	for (unsigned i = 0; i < COUNT_OF(flags->keyword); i++) {
		uint64_t left = flags->keyword[i];

		for (; left != 0; left &= left - 1) {
			const char *name = keyword_name(
			    a, i * 64 + (unsigned)__builtin_ctzll(left));

			if (name == NULL)
				continue;
			if (!*first)
				buf_byte(out, ' ');
			*first = false;
			buf_text(out, name);
		}
	}
}

void
imap_flags_put(struct imap_session *s, const struct store_row *row)
{
	struct buf *out = conn_output(s->conn);
	const struct store_flags *flags = &row->flags;
	bool first = true, recent = !s->rev2 && imap_is_recent(s, row->uid);

	buf_byte(out, '(');
	for (size_t i = 0; i < COUNT_OF(system_flags); i++) {
		uint8_t bit = system_flags[i].bit;

		if (bit == 0 ? !recent : !(flags->system & bit))
			continue;
		if (!first)
			buf_byte(out, ' ');
		first = false;
		buf_text(out, system_flags[i].name);
	}
	if ((flags->keyword[0] | flags->keyword[1]) != 0)
		put_keywords(out, s->account, flags, &first);
	buf_byte(out, ')');
}

static unsigned
count_keywords(struct imap_account *a)
{
	unsigned n = 0;

	while (n < STORE_KEYWORDS_MAX && keyword_name(a, n) != NULL)
		n++;
	return n;
}

void
imap_flags_announce(struct imap_session *s)
{
	static const char system[] =
	    "(\\Answered \\Flagged \\Deleted \\Seen \\Draft";
	struct imap_account *a = s->account;
	struct buf *out = conn_output(s->conn);

	s->keywords = count_keywords(a);
	buf_text(out, "* FLAGS ");
	buf_text(out, system);
	for (unsigned i = 0; i < s->keywords; i++) {
		buf_byte(out, ' ');
		buf_text(out, a->keyword[i]);
	}
	if (s->read_only) {
		buf_text(out, ")\r\n* OK [PERMANENTFLAGS ()] Read-only\r\n");
		return;
	}
	buf_text(out, ")\r\n* OK [PERMANENTFLAGS ");
	buf_text(out, system);
	for (unsigned i = 0; i < s->keywords; i++) {
		buf_byte(out, ' ');
		buf_text(out, a->keyword[i]);
	}
	buf_text(out, " \\*)] Flags and keywords are kept\r\n");
}

void
imap_flags_update(struct imap_session *s)
{
	if (s->keywords < STORE_KEYWORDS_MAX &&
	    keyword_name(s->account, s->keywords) != NULL)
		imap_flags_announce(s);
}
