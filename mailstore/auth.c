/* The peers of an auth role, and what each kind of them may ask. */
#include "mailstore/auth.h"

#include "common/clock.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"

#include <unistd.h>

/* The whole of what is answered: everything else ends the channel. */
static const struct request {
	uint16_t type;
	unsigned peers; /* bit set of 1 << enum ipc_peer */
	bool fresh;     /* must be answered from the newest directory */
	bool (*handle)(struct auth_peer *, struct channel_msg *);
} requests[] = {
	/* clang-format off */
	{ IPC_AUTH_START,    1 << PEER_FRONT,                        true,  auth_login_start },
	{ IPC_AUTH_STEP,     1 << PEER_FRONT,                        false, auth_login_step },
	{ IPC_AUTH_CANCEL,   1 << PEER_FRONT,                        false, auth_login_cancel },
	{ IPC_LOOKUP_RCPT,   1 << PEER_FRONT,                        true,  auth_lookup_rcpt },
	{ IPC_LOOKUP_SENDER, 1 << PEER_FRONT | 1 << PEER_QUEUE_ROLE, true,  auth_lookup_sender },
	/* clang-format on */
};

/* ---- coming and going ---- */

static void
drop_peer(struct auth_peer *p)
{
	struct auth *a = p->auth;
	struct auth_peer **at = &a->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	a->npeers--;
	auth_login_forget(p);
	channel_free(&p->channel);
	mem_free(&p);
	if (a->npeers == 0)
		timer_set(a->idle, AUTH_IDLE_MS);
}

/* Nobody has been there for a while: stay only as long as a password is
 * remembered. */
static void
idle(void *arg)
{
	struct auth *a = arg;
	int64_t left = auth_cache_until(a->cache) - clock_mono_ms();

	if (a->npeers > 0)
		return;
	if (left > 0 && !a->leaving)
		timer_set(a->idle, left);
	else
		a->nothing_left(a->arg);
}

static void
leave_if_done(void *arg)
{
	struct auth *a = arg;

	if (a->leaving && a->nlogins == 0)
		a->nothing_left(a->arg);
}

void
auth_login_ended(struct auth *a)
{
	a->nlogins--;
	if (a->leaving && a->nlogins == 0)
		loop_later(a->loop, leave_if_done, a);
}

/* What it asks from now on, the next auth answers. */
static void
dismiss(struct auth_peer *p)
{
	channel_pause(p->channel, true);
	auth_login_hurry(p);
	if (p->kind == PEER_FRONT)
		channel_send(p->channel, IPC_AUTH_LEAVING, 0, NO_SPAN);
}

void
auth_leave(struct auth *a)
{
	if (a->leaving)
		return;
	a->leaving = true;
	for (struct auth_peer *p = a->peers; p != NULL; p = p->next)
		dismiss(p);
	loop_later(a->loop, leave_if_done, a);
}

/* ---- requests ---- */

static void
peer_message(void *arg, struct channel *c, struct channel_msg *m)
{
	struct auth_peer *p = arg;
	struct auth *a = p->auth;

	(void)c;
	for (size_t i = 0; i < COUNT_OF(requests); i++) {
		const struct request *r = &requests[i];

		if (r->type != m->type || !(r->peers & 1U << p->kind))
			continue;
		/* A new password or alias holds as soon as it is published. */
		if (r->fresh && a->directory != NULL &&
		    directory_is_stale(a->directory))
			auth_leave(a);
		/* Asked again by the front, and answered by the next auth. */
		if (a->leaving)
			return;
		if (r->handle(p, m))
			return;
		break;
	}
	log_event(LOG_WARN, "peer", "a request that cannot be");
	drop_peer(p);
}

static void
peer_closed(void *arg, struct channel *c)
{
	(void)c;
	drop_peer(arg);
}

static const struct channel_handler peer_handler = { peer_message,
	peer_closed };

void
auth_add_peer(struct auth *a, int fd, uint64_t id, uint8_t kind)
{
	struct auth_peer *p;

	if (a->npeers >= AUTH_PEERS_MAX ||
	    (kind != PEER_FRONT && kind != PEER_QUEUE_ROLE)) {
		log_event(LOG_WARN, "peer", "refused");
		close(fd);
		return;
	}
	p = mem_alloc(sizeof(*p));
	p->auth = a;
	p->id = id;
	p->kind = kind;
	p->channel = channel_new(a->loop, fd, &peer_handler, p);
	if (a->leaving)
		dismiss(p);
	p->next = a->peers;
	a->peers = p;
	a->npeers++;
	timer_stop(a->idle);
}

/* ---- the whole ---- */

struct auth *
auth_new(struct loop *loop, const struct settings *settings,
    const char *service, struct directory *directory,
    struct auth_throttle *throttle)
{
	struct auth *a = mem_alloc(sizeof(*a));

	a->loop = loop;
	a->settings = settings;
	a->service = service;
	a->throttle = throttle;
	a->directory = directory;
	if (directory != NULL) {
		directory_domains(
		    directory, settings->domains, settings->ndomains);
		if (directory_secret(directory, a->secret) != H_OK)
			directory_close(&a->directory);
	}
	a->targets = mem_array(DIRECTORY_TARGETS_MAX, sizeof(*a->targets));
	a->cache = auth_cache_new();
	a->work = auth_work_new(loop, throttle, auth_login_done, a);
	a->idle = timer_new(loop, idle, a);
	timer_set(a->idle, AUTH_IDLE_MS);
	return a;
}

void
auth_free(struct auth **ap)
{
	struct auth *a = *ap;

	if (a == NULL)
		return;
	while (a->peers != NULL)
		drop_peer(a->peers);
	auth_work_free(&a->work);
	auth_cache_free(&a->cache);
	auth_throttle_close(&a->throttle);
	directory_close(&a->directory);
	timer_free(&a->idle);
	mem_free(&a->targets);
	mem_wipe(a->secret, sizeof(a->secret));
	mem_free(ap);
}
