/*
 * Who has logged in since we started, and by which credential.  When the
 * published directory changes, auth is asked of each whether that still holds;
 * whose password was changed, or who was removed, is logged out: the fronts are
 * told, and the account's role says goodbye and ends.
 */
#include "common/log.h"
#include "common/mem.h"
#include "common/parent_int.h"
#include "common/wire.h"

struct member {
	struct member *next;
	uint64_t account, credential;
	bool asked; /* the answer is still to come */
};

static void
log_out(struct parent *p, uint64_t account)
{
	struct log_line l;
	char bytes[8];

	log_begin(&l, LOG_INFO, "logged-out");
	log_number(&l, "account", (int64_t)account);
	log_text(&l, "why", "password changed, or account removed");
	log_end(&l);
	put_le64(bytes, account);
	for (struct process *r = p->processes; r != NULL; r = r->next)
		if (process_is_front(r) && r->channel != NULL)
			channel_send(r->channel, IPC_LOG_OUT, 0,
			    (struct span){ bytes, sizeof(bytes) });
		else if (r->staff->role->kind == p->daemon->session_role &&
			 r->account == account)
			process_drain(r);
}

static struct member **
place_of(struct parent *p, uint64_t account)
{
	struct member **at = &p->members;

	while (*at != NULL && (*at)->account != account)
		at = &(*at)->next;
	return at;
}

enum herr
members_add(struct parent *p, uint64_t account, uint64_t credential)
{
	struct member **at = place_of(p, account), *m = *at;

	if (m == NULL) {
		if (p->nmembers >= MEMBERS_MAX)
			return H_BUSY;
		p->nmembers++;
		*at = m = mem_alloc(sizeof(*m));
		m->account = account;
	} else if (m->credential != credential) {
		log_out(p, account); /* the others */
	}
	m->credential = credential;
	return H_OK;
}

/* Of this auth, if there is one now; else of the next. */
static void
ask(struct parent *p)
{
	struct process *auth;

	p->members_asked = 0;
	timer_set(p->tick, TICK_MS);
	if (process_get(p, ROLE_AUTH, 0, &auth) != H_OK)
		return;
	p->members_asked = auth->number;
	for (const struct member *m = p->members; m != NULL; m = m->next)
		if (m->asked)
			channel_send(
			    auth->channel, IPC_CREDENTIAL, m->account, NO_SPAN);
}

void
members_ask(struct parent *p)
{
	for (struct member *m = p->members; m != NULL; m = m->next)
		m->asked = true;
	if (p->members != NULL && !p->ending)
		ask(p);
}

bool
members_wait(struct parent *p)
{
	const struct member *m = p->members;

	while (m != NULL && !m->asked)
		m = m->next;
	if (m == NULL || p->ending)
		return false;
	/* Whoever was asked may have died of something else. */
	if (process_numbered(p, p->members_asked) == NULL)
		ask(p);
	return true;
}

void
members_answer(struct process *auth, const struct channel_msg *msg)
{
	struct parent *p = auth->parent;
	struct wire w = wire_over(msg->payload);
	uint64_t credential = wire_u64(&w);
	struct member **at = place_of(p, msg->id), *m = *at;

	if (!wire_end(&w) || auth->staff->role->kind != ROLE_AUTH) {
		process_misbehaved(auth, "told of a credential it cannot know");
		return;
	}
	if (m == NULL)
		return;
	if (auth->number == p->members_asked)
		m->asked = false;
	if (m->credential == credential)
		return;
	log_out(p, m->account);
	*at = m->next;
	p->nmembers--;
	mem_free(&m);
}
