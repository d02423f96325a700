/* hearth-auth: the auth role of smtpd, imapd and pop3d (see auth.h). */
#include <malloc.h>

#include "common/file.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/role.h"
#include "common/wire.h"
#include "mailstore/auth.h"
#include "mailstore/auth_sasl.h"

/* Who finds its directory outdated waits so long to be told to end: the parent
 * hears of it too. */
enum { OUTDATED_MS = 1100 };

struct process {
	struct role *role;
	struct auth *auth;
	struct timer *outdated;
	bool drained;
};

static void
take_peer(struct process *p, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint8_t kind = wire_u8(&w);

	(void)wire_u64(&w); /* account: auth belongs to none */
	(void)wire_u64(&w); /* connection */
	if (!wire_end(&w) || m->fd[0] < 0)
		return;
	auth_add_peer(p->auth, m->fd[0], m->id, kind);
	m->fd[0] = -1;
}

static void
parent_message(void *arg, struct channel_msg *m)
{
	struct process *p = arg;

	if (m->type == IPC_PEER)
		take_peer(p, m);
	else if (m->type == IPC_CREDENTIAL)
		auth_name_answer(p->auth, m->id);
}

static void
end(void *arg)
{
	struct process *p = arg;

	role_exit(p->role);
}

static void
parent_drain(void *arg)
{
	struct process *p = arg;

	p->drained = true;
	auth_leave(p->auth);
	if (p->auth->nlogins == 0)
		end(p);
}

static void
nothing_left(void *arg)
{
	struct process *p = arg;

	if (!p->auth->leaving)
		role_idle(p->role);
	else if (p->drained)
		end(p);
	else
		timer_set(p->outdated, OUTDATED_MS);
}

/* Without a directory auth answers that it is busy: there may be one later. */
static struct directory *
open_directory(const char *state)
{
	struct directory *d = NULL;
	enum herr err = directory_open_published(&d, state);

	if (err == H_NOTFOUND)
		log_event(LOG_WARN, "directory", "no account was made yet");
	return err == H_OK ? d : NULL;
}

int
main(int argc, char **argv)
{
	static const struct role_handler handler = { parent_message,
		parent_drain };
	static struct process p;
	const char *daemon = argc > 2 ? argv[2] : "auth";
	struct auth_throttle *throttle;
	const struct settings *settings;
	char *path;

	p.role = role_begin(daemon, ROLE_AUTH, &handler, &p);
	settings = role_settings(p.role);
	/* One heap for all threads: they hold next to nothing. */
	mallopt(M_ARENA_MAX, 1);
	password_warm_up();
	auth_sasl_warm_up();
	path = file_path(settings->state, "throttle");
	if (auth_throttle_open(&throttle, path) != H_OK)
		return 1;
	mem_free(&path);
	p.auth = auth_new(role_loop(p.role), settings, daemon,
	    open_directory(settings->state), throttle);
	p.auth->parent = role_parent(p.role);
	p.auth->nothing_left = nothing_left;
	p.auth->arg = &p;
	p.outdated = timer_new(role_loop(p.role), end, &p);
	role_lock_in(p.role);
	malloc_trim(0); /* what starting and locking in took */
	role_run(p.role);
	return 0;
}
