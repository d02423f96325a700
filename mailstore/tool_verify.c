/*
 * hearth verify: one line for each fault, then a summary.  The directory is the
 * tool's own; every account and the queue are looked at by a child each.
 */
#include <inttypes.h>
#include <unistd.h>

#include "common/mem.h"
#include "mailstore/tool_child.h"

struct verify {
	struct tool *tool;
	const char *where;
	const char *between; /* of JSON's objects */
	uint64_t faults;
	unsigned accounts;
};

static void
fault(void *arg, const char *text)
{
	struct verify *v = arg;

	v->faults++;
	if (!v->tool->json) {
		printf("%s: %s\n", v->where, text);
		return;
	}
	printf("%s\n    {\"where\": ", v->between);
	tool_json(v->where);
	printf(", \"fault\": ");
	tool_json(text);
	printf("}");
	v->between = ",";
}

/* Opened and read by a child. */
static void
look(struct verify *v, const char *work, const char *folder, bool may_lack)
{
	enum herr err = tool_child(v->tool, work, folder, NULL, NULL, fault, v);
	char text[256];

	if (err == H_OK || (err == H_NOTFOUND && may_lack))
		return;
	snprintf(text, sizeof(text), "cannot be read: %s", herr_text(err));
	fault(v, text);
}

static void
look_at_account(struct verify *v, const struct directory_account *a)
{
	char folder[64];

	tool_folder_of(a->id, folder);
	v->where = a->address;
	v->accounts++;
	look(v, "verify", folder, false);
}

/* All of them, copied, so that the directory is not locked for hours. */
static struct directory_account *
all_accounts(struct directory *d, size_t *n)
{
	struct directory_account *list = NULL, a;
	size_t room = 0;
	uint64_t id = 0;

	*n = 0;
	while (directory_next_account(d, &id, &a)) {
		if (*n == room) {
			room = room * 2 + 16;
			list = mem_resize(list, room, sizeof(*list));
		}
		list[(*n)++] = a;
	}
	return list;
}

static void
begin(const struct verify *v)
{
	if (v->tool->json)
		printf("{\n  \"faults\": [");
}

static bool
verify_all(struct verify *v)
{
	struct directory *d = tool_directory(v->tool);
	struct directory_account *list;
	size_t n;

	if (d == NULL)
		return false;
	begin(v);
	v->where = "directory";
	(void)directory_verify(d, fault, v);
	list = all_accounts(d, &n);
	directory_close(&d);
	for (size_t i = 0; i < n; i++)
		look_at_account(v, &list[i]);
	mem_free(&list);
	v->where = "queue";
	if (access("queue/data.mdb", F_OK) == 0)
		look(v, "verify-queue", "queue", true);
	return true;
}

static bool
verify_one(struct verify *v, const char *address)
{
	struct directory *d = tool_directory(v->tool);
	struct directory_account a;
	bool found;

	if (d == NULL)
		return false;
	found = tool_account(d, address, &a);
	directory_close(&d);
	if (found) {
		begin(v);
		look_at_account(v, &a);
	}
	return found;
}

static void
summary(const struct verify *v, bool all)
{
	if (v->tool->json)
		printf("%s],\n  \"accounts\": %u\n}\n",
		    v->faults > 0 ? "\n  " : "", v->accounts);
	else
		printf("%u account%s%s: %" PRIu64 " fault%s\n", v->accounts,
		    v->accounts == 1 ? "" : "s",
		    all ? ", the queue and the directory" : "", v->faults,
		    v->faults == 1 ? "" : "s");
}

int
tool_verify(struct tool *t, int count, char **arguments)
{
	struct verify v = { .tool = t, .between = "" };
	bool looked;

	looked = count > 0 ? verify_one(&v, arguments[0]) : verify_all(&v);
	if (looked)
		summary(&v, count == 0);
	return looked && v.faults == 0 ? TOOL_DONE : TOOL_REFUSED;
}
