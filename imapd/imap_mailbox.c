/* What is told of a mailbox. */
#include "imapd/imap_mailbox.h"

#include "common/scan.h"
#include "imapd/imap_name.h"
#include "imapd/imap_reply.h"

/* clang-format off */
static const struct {
	enum store_role role;
	const char *attribute;	/* RFC 6154 */
	const char *in_xlist;	/* what Gmail said before there was an RFC */
	bool given;		/* a client may give it; the others name what no one mailbox holds */
} uses[] = {
	{ STORE_DRAFTS,  "\\Drafts",  "\\Drafts",  true },
	{ STORE_SENT,    "\\Sent",    "\\Sent",    true },
	{ STORE_JUNK,    "\\Junk",    "\\Spam",    true },
	{ STORE_TRASH,   "\\Trash",   "\\Trash",   true },
	{ STORE_ARCHIVE, "\\Archive", "\\Archive", true },
	{ STORE_FLAGGED, "\\Flagged", "\\Starred", false },
	{ STORE_ALL,     "\\All",     "\\AllMail", false },
};

static const char *const words[] = {
	[IMAP_LIST]  = "* LIST (",
	[IMAP_LSUB]  = "* LSUB (",
	[IMAP_XLIST] = "* XLIST (",
};
/* clang-format on */

bool
imap_special_use(struct span attribute, enum store_role *role)
{
	for (size_t i = 0; i < COUNT_OF(uses); i++)
		if (uses[i].given &&
		    span_is_nocase(attribute, uses[i].attribute)) {
			*role = uses[i].role;
			return true;
		}
	return false;
}

static const char *
use_of(const struct imap_list_line *l, const struct store_mailbox *mb)
{
	bool xlist = l->kind == IMAP_XLIST;

	if (xlist && mb->exists && span_is(l->name, "INBOX"))
		return "\\Inbox";
	for (size_t i = 0; i < COUNT_OF(uses); i++)
		if (uses[i].role == mb->role)
			return xlist ? uses[i].in_xlist : uses[i].attribute;
	return NULL;
}

void
imap_put_list(struct buf *out, const struct imap_list_line *l,
    const struct store_mailbox *mb)
{
	const char *use = use_of(l, mb);

	buf_text(out, words[l->kind]);
	if (l->only_parent || (!mb->exists && l->kind != IMAP_LSUB))
		buf_text(out, l->extended && !l->only_parent ? "\\NonExistent "
							     : "\\Noselect ");
	if (l->subscribed && mb->subscribed)
		buf_text(out, "\\Subscribed ");
	buf_text(out, mb->has_children ? "\\HasChildren" : "\\HasNoChildren");
	if (use != NULL) {
		buf_byte(out, ' ');
		buf_text(out, use);
	}
	buf_text(out, ") \"/\" ");
	imap_name_put(out, l->name, l->utf8);
	if (l->child_info)
		buf_text(out, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	if (l->said.len > 0) {
		buf_text(out, " (\"OLDNAME\" (");
		imap_name_put(out, l->said, l->utf8);
		buf_text(out, "))");
	}
	buf_text(out, "\r\n");
}
