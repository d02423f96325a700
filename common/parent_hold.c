/*
 * Accounts that the tool holds while it replaces their folders: no role of such
 * an account runs, and none is started.  Who asks for one is told to come back
 * later.  A hold ends with the connection that asked for it.
 */
#include <signal.h>

#include "common/mem.h"
#include "common/parent_int.h"

enum { LEAVE_MS = 5 * 1000 /* to say goodbye to clients */ };

struct hold {
	struct hold *next;
	struct parent *parent;
	uint64_t account;
	struct timer *patience;
	void (*alone)(void *arg); /* called once; NULL after that */
	void *arg;
};

bool
hold_has(const struct parent *p, uint64_t account)
{
	for (const struct hold *h = p->holds; h != NULL; h = h->next)
		if (h->account == account)
			return true;
	return false;
}

static bool
anybody_left(const struct hold *h)
{
	for (struct process *r = h->parent->processes; r != NULL; r = r->next)
		if (r->account == h->account)
			return true;
	return false;
}

static void
look(struct hold *h)
{
	void (*alone)(void *arg) = h->alone;

	if (alone == NULL || anybody_left(h))
		return;
	h->alone = NULL;
	alone(h->arg);
}

void
hold_look(struct parent *p)
{
	for (struct hold *h = p->holds; h != NULL; h = h->next)
		look(h);
}

/* What a role has committed is committed, however it ends. */
static void
no_more_patience(void *arg)
{
	const struct hold *h = arg;

	for (struct process *r = h->parent->processes; r != NULL; r = r->next)
		if (r->account == h->account)
			kill(r->pid, SIGKILL);
}

struct hold *
hold_begin(
    struct parent *p, uint64_t account, void (*alone)(void *arg), void *arg)
{
	struct hold *h = mem_alloc(sizeof(*h));

	*h = (struct hold){
		.next = p->holds,
		.parent = p,
		.account = account,
		.patience = timer_new(p->loop, no_more_patience, h),
		.alone = alone,
		.arg = arg,
	};
	p->holds = h;
	for (struct process *r = p->processes; r != NULL; r = r->next)
		if (r->account == account)
			process_drain(r);
	timer_set(h->patience, LEAVE_MS);
	look(h);
	return h;
}

void
hold_end(struct hold **hp)
{
	struct hold *h = *hp, **at;

	if (h == NULL)
		return;
	at = &h->parent->holds;
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	timer_free(&h->patience);
	mem_free(hp);
}
