/*
 * Which mailbox carries which role (RFC 6154): at most one each.
 *
 * Mail programs that do not look for roles make folders of their own names.  As
 * long as nothing is in the folder that we made for a role, theirs takes over,
 * so that everybody's mail meets in one folder.
 */
#include "common/scan.h"
#include "mailstore/store_int.h"

/* clang-format off */
static const struct {
	const char *name;
	enum store_role role;
	bool ours;
} known[] = {
	{ "Drafts",           STORE_DRAFTS,  true },
	{ "Draft",            STORE_DRAFTS,  false },
	{ "Draft Messages",   STORE_DRAFTS,  false },
	{ "Sent",             STORE_SENT,    true },
	{ "Sent Items",       STORE_SENT,    false }, /* Outlook */
	{ "Sent Messages",    STORE_SENT,    false }, /* Apple Mail */
	{ "Sent Mail",        STORE_SENT,    false },
	{ "sent-mail",        STORE_SENT,    false }, /* alpine */
	{ "Junk",             STORE_JUNK,    true },
	{ "Junk E-mail",      STORE_JUNK,    false }, /* Outlook */
	{ "Junk Email",       STORE_JUNK,    false },
	{ "Junk Mail",        STORE_JUNK,    false },
	{ "Spam",             STORE_JUNK,    false },
	{ "Bulk Mail",        STORE_JUNK,    false },
	{ "Trash",            STORE_TRASH,   true },
	{ "Deleted Items",    STORE_TRASH,   false }, /* Outlook */
	{ "Deleted Messages", STORE_TRASH,   false }, /* Apple Mail */
	{ "Deleted",          STORE_TRASH,   false },
	{ "Bin",              STORE_TRASH,   false },
	{ "Archive",          STORE_ARCHIVE, true },
	{ "Archives",         STORE_ARCHIVE, false }, /* Thunderbird */
};
/* clang-format on */

enum { UNKNOWN = COUNT_OF(known) };

/* Its place in the table; below INBOX it counts too, since there are clients
 * that put everything there. */
static size_t
find_known(struct span clean)
{
	size_t i = 0;

	if (clean.len > 6 && memcmp(clean.ptr, "INBOX/", 6) == 0) {
		clean.ptr += 6;
		clean.len -= 6;
	}
	while (i < UNKNOWN && !span_is_nocase(clean, known[i].name))
		i++;
	return i;
}

enum store_role
store_known_role(struct span name)
{
	size_t i = find_known(name);

	return i == UNKNOWN ? STORE_NO_ROLE : known[i].role;
}

struct name *
role_holder(struct names *names, enum store_role role)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->list[i].exists && names->list[i].role == role)
			return &names->list[i];
	return NULL;
}

bool
role_is_free(struct store_txn *t, struct names *names, enum store_role role)
{
	const struct name *n = role_holder(names, role);
	const struct box *b = n == NULL ? NULL : txn_box(t, n->id);

	return n == NULL || (b != NULL && b->row.messages == 0);
}

void
role_give(struct store_txn *t, struct names *names, struct name *n,
    enum store_role role)
{
	struct name *holder =
	    role == STORE_NO_ROLE ? NULL : role_holder(names, role);

	if (holder != NULL && holder != n) {
		holder->role = STORE_NO_ROLE;
		names_write(t, holder);
	}
	if (n->role != role) {
		n->role = role;
		names_write(t, n);
	}
}

void
role_by_name(struct store_txn *t, struct names *names, struct name *n)
{
	size_t i = find_known((struct span){ n->text, n->len });
	const struct name *holder;

	if (i == UNKNOWN || n->role != STORE_NO_ROLE || !n->exists)
		return;
	holder = role_holder(names, known[i].role);
	if (holder != NULL) {
		size_t at =
		    find_known((struct span){ holder->text, holder->len });

		if (known[i].ours || at == UNKNOWN || !known[at].ours ||
		    !role_is_free(t, names, known[i].role))
			return;
	}
	role_give(t, names, n, known[i].role);
}

void
role_pass_on(struct store_txn *t, struct names *names, enum store_role role)
{
	struct name *best = NULL;
	size_t best_at = UNKNOWN;

	if (role == STORE_NO_ROLE || role_holder(names, role) != NULL)
		return;
	for (size_t i = 0; i < names->n; i++) {
		struct name *n = &names->list[i];
		size_t at = find_known((struct span){ n->text, n->len });

		if (n->exists && n->role == STORE_NO_ROLE && at < best_at &&
		    known[at].role == role) {
			best = n;
			best_at = at;
		}
	}
	if (best != NULL)
		role_give(t, names, best, role);
}
