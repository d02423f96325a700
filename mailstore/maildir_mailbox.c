/* dovecot-keywords and hearth-mailbox: see maildir.h. */
#include "common/mem.h"
#include "common/scan.h"
#include "mailstore/maildir.h"

static const struct {
	enum store_role role;
	const char *name;
} roles[] = {
	{ STORE_DRAFTS, "drafts" },
	{ STORE_SENT, "sent" },
	{ STORE_JUNK, "junk" },
	{ STORE_TRASH, "trash" },
	{ STORE_ARCHIVE, "archive" },
	{ STORE_FLAGGED, "flagged" },
	{ STORE_ALL, "all" },
};

void
maildir_mailbox_init(struct maildir_mailbox *m)
{
	*m = (struct maildir_mailbox){ .name = BUF_INIT(STORE_NAME_MAX) };
}

void
maildir_mailbox_free(struct maildir_mailbox *m)
{
	for (size_t i = 0; i < COUNT_OF(m->keyword); i++)
		mem_free(&m->keyword[i]);
	buf_free(&m->name);
}

/* "26 $Label" */
static void
read_keyword(struct maildir_mailbox *m, struct span line)
{
	struct scan s = scan_over(line);
	uint64_t number = scan_number(&s, STORE_KEYWORDS_MAX - 1);
	struct span name;

	scan_need(&s, ' ');
	name = scan_rest(&s);
	if (s.bad || name.len == 0)
		return;
	mem_free(&m->keyword[number]);
	m->keyword[number] = mem_string(name);
}

static bool
next_line(struct scan *s, struct span *line)
{
	if (!scan_more(s))
		return false;
	*line = scan_until(s, "\n", SIZE_MAX);
	(void)scan_try(s, '\n');
	return true;
}

void
maildir_read_keywords(struct maildir_mailbox *m, struct span text)
{
	struct scan s = scan_over(text);
	struct span line;

	while (next_line(&s, &line))
		read_keyword(m, line);
}

static void
read_role(struct maildir_mailbox *m, struct span name)
{
	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (span_is(name, roles[i].name))
			m->role = roles[i].role;
}

void
maildir_read_mailbox(struct maildir_mailbox *m, struct span text)
{
	struct scan s = scan_over(text);
	struct span line;

	while (next_line(&s, &line)) {
		struct scan l = scan_over(line);

		if (scan_try_word(&l, "name ")) {
			buf_clear(&m->name);
			buf_add(&m->name, scan_rest(&l));
		} else if (scan_try_word(&l, "role ")) {
			read_role(m, scan_rest(&l));
		} else if (scan_try_word(&l, "keyword ")) {
			read_keyword(m, scan_rest(&l));
		}
	}
}

void
maildir_put_keywords(struct buf *out, const struct maildir_mailbox *m)
{
	for (unsigned n = 0; n < MAILDIR_LETTERS; n++)
		if (m->keyword[n] != NULL)
			buf_format(out, "%u %s\n", n, m->keyword[n]);
}

void
maildir_put_mailbox(struct buf *out, const struct maildir_mailbox *m)
{
	if (m->name.len > 0) {
		buf_text(out, "name ");
		buf_add(out, buf_span(&m->name));
		buf_byte(out, '\n');
	}
	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (m->role == roles[i].role)
			buf_format(out, "role %s\n", roles[i].name);
	for (unsigned n = MAILDIR_LETTERS; n < STORE_KEYWORDS_MAX; n++)
		if (m->keyword[n] != NULL)
			buf_format(out, "keyword %u %s\n", n, m->keyword[n]);
}
