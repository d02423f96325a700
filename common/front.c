/*
 * The life of a front: what its parent gives it, and its end.
 */
#include "common/front.h"

#include <sys/resource.h>

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/front_private.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"

enum {
	PEM_MAX = 64 * 1024,
	DESCRIPTORS_KEPT =
	    96, /* channels, and connections that say their last words */
	DRAIN_MS = 5 * 1000,
	DRAIN_TICK_MS = 20,
	IDLE_MS = 60 * 1000,
};

/* ---- certificates and limits ---- */

/* One read into one place, so that no copy of a key is left behind. */
static bool
read_memory(int fd, struct buf *out)
{
	char *room = buf_want(out, PEM_MAX);
	size_t have = 0;
	ssize_t n = 1;

	while (have < PEM_MAX && n > 0) {
		n = pread(fd, room + have, PEM_MAX - have, (off_t)have);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			have += (size_t)n;
	}
	buf_grew(out, have);
	return n == 0;
}

static void
take_tls(struct front *f, const struct channel_msg *m)
{
	struct buf certificate = BUF_INIT(PEM_MAX), key = BUF_INIT(PEM_MAX);
	struct tls_server *fresh = NULL;
	const char *why = "it cannot be read";

	if (m->fd[0] >= 0 && m->fd[1] >= 0 &&
	    read_memory(m->fd[0], &certificate) && read_memory(m->fd[1], &key))
		fresh = tls_server_new(buf_span(&certificate), buf_span(&key),
		    f->protocol->alpn, &why);
	if (fresh != NULL) {
		/* Connections keep the one they began with. */
		tls_server_unref(&f->tls);
		f->tls = fresh;
	} else
		log_event(LOG_ERROR, "certificate", why);
	if (key.ptr != NULL)
		mem_wipe(key.ptr, key.room);
	buf_free(&key);
	buf_free(&certificate);
}

static void
take_limits(struct front *f, struct span payload)
{
	struct settings *fresh = mem_alloc(sizeof(*fresh));

	if (!settings_get(payload, fresh))
		PANIC("the parent sent limits that are none");
	f->settings = fresh;
	if (f->reloaded != NULL) {
		settings_release(f->reloaded);
		mem_free(&f->reloaded);
	}
	f->reloaded = fresh;
}

static void
take_listener(struct front *f, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint8_t kind = wire_u8(&w);

	if (!wire_end(&w) || kind < LISTEN_SMTP || kind > LISTEN_POP3S ||
	    m->fd[0] < 0)
		PANIC("the parent sent a listener that is none");
	front_listen(f, (enum listener_kind)kind, m->fd[0]);
	m->fd[0] = -1;
}

static void
take_log_out(struct front *f, const struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint64_t account = wire_u64(&w);

	if (!wire_end(&w))
		PANIC("the parent's word about an account makes no sense");
	front_client_log_out(f, account);
}

static void
parent_said(void *arg, struct channel_msg *m)
{
	struct front *f = arg;

	switch (m->type) {
	case IPC_LISTENER: take_listener(f, m); break;
	case IPC_TLS: take_tls(f, m); break;
	case IPC_LIMITS: take_limits(f, m->payload); break;
	case IPC_DIRECTORY: front_ask_forget(f); break;
	case IPC_LOG_OUT: take_log_out(f, m); break;
	case IPC_LOGGED_IN: front_auth_logged_in(f, m); break;
	default: PANIC("the parent sent what is not for a front");
	}
}

/* ---- the end ---- */

static void
drain_list(struct client *c)
{
	while (c != NULL) {
		struct client *next = c->next;

		front_client_drain(c);
		c = next;
	}
}

static void
drain(void *arg)
{
	struct front *f = arg;

	f->draining = true;
	f->drain_until = clock_mono_ms() + DRAIN_MS;
	front_stop_listening(f);
	/* Those who are relayed hear it from the account role. */
	drain_list(f->strangers);
	drain_list(f->users);
	timer_set(f->tick, DRAIN_TICK_MS);
}

/* Draining: is everybody gone?  Else: there may be descriptors again. */
static void
tick(void *arg)
{
	struct front *f = arg;

	if (!f->draining) {
		front_accept_again(f);
		return;
	}
	if ((f->nstrangers == 0 && f->nusers == 0 && conn_finishing() == 0) ||
	    clock_mono_ms() >= f->drain_until)
		role_exit(f->role);
	timer_set(f->tick, DRAIN_TICK_MS);
}

static void
idle(void *arg)
{
	struct front *f = arg;

	if (f->nstrangers == 0 && f->nusers == 0)
		role_idle(f->role);
	timer_set(f->idle, IDLE_MS);
}

/* ---- the beginning ---- */

/* As many descriptors as the system allows, and what of them clients may have.
 */
static size_t
raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		PANIC("getrlimit");
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0 &&
	    getrlimit(RLIMIT_NOFILE, &r) != 0)
		PANIC("setrlimit");
	return r.rlim_cur > 2 * DESCRIPTORS_KEPT
	           ? (size_t)r.rlim_cur - DESCRIPTORS_KEPT
	           : DESCRIPTORS_KEPT;
}

/* Ids that no other front of these daemons, and none before it, is likely to
 * have used: log lines are found by them. */
static uint64_t
first_id(void)
{
	return ((uint64_t)clock_wall() << 24) | ((uint64_t)getpid() & 0xff)
	                                            << 16;
}

void
front_main(const struct front_protocol *protocol)
{
	static const struct role_handler handler = { parent_said, drain };
	static struct front front;
	struct front *f = &front;

	f->protocol = protocol;
	f->reserve = -1;
	f->next_id = first_id();
	f->descriptors = raise_descriptors();
	f->rate = rate_new();
	f->role = role_begin(protocol->daemon, protocol->role, &handler, f);
	f->loop = role_loop(f->role);
	f->settings = role_settings(f->role);
	f->auth_timer = timer_new(f->loop, front_auth_unused, f);
	f->ask_timer = timer_new(f->loop, front_ask_tick, f);
	f->tick = timer_new(f->loop, tick, f);
	if (protocol->on_demand) {
		f->idle = timer_new(f->loop, idle, f);
		timer_set(f->idle, IDLE_MS);
	}
	if (protocol->ready != NULL)
		protocol->ready(f);
	role_lock_in(f->role);
	role_run(f->role);
	role_exit(f->role);
}

/* ---- what a protocol may ask ---- */

const struct settings *
front_settings(const struct front *f)
{
	return f->settings;
}

struct role *
front_role(struct front *f)
{
	return f->role;
}

struct loop *
front_loop(struct front *f)
{
	return f->loop;
}

bool
front_has_tls(const struct front *f)
{
	return f->tls != NULL;
}
