/*
 * Who is let in.  Everybody is accepted; whoever is too many hears one line and
 * is closed.  When no descriptor is left, a reserved one is given up for that.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/front_private.h"
#include "common/log.h"

enum {
	ACCEPTS_A_TURN = 16,
	AGAIN_MS = 500,
	LOG_EVERY_MS = 1000,
	UNHEARD_MS =
	    2 * 60 * 1000, /* what is not acknowledged so long goes to nobody */
};

size_t
front_strangers_max(const struct front *f)
{
	size_t most = f->settings->max_connections;

	return most < f->descriptors / 4 ? most : f->descriptors / 4;
}

/* A user has two descriptors: to the client, and to the account role or the
 * queue. */
size_t
front_users_max(const struct front *f)
{
	size_t left = (f->descriptors - front_strangers_max(f)) / 2;

	return f->settings->max_connections < left
	           ? f->settings->max_connections
	           : left;
}

/* At most one line a second: a flood must not fill the log. */
static void
log_refusal(struct front *f, const char *why, const char *address)
{
	int64_t now = clock_mono_ms();
	struct log_line l;

	f->refused++;
	if (f->refusal_logged != 0 && now - f->refusal_logged < LOG_EVERY_MS)
		return;
	f->refusal_logged = now;
	log_begin(&l, LOG_WARN, "refused");
	log_text(&l, "why", why);
	log_text(&l, "peer", address);
	log_number(&l, "times", f->refused);
	log_end(&l);
	f->refused = 0;
}

bool
front_implicit_tls(enum listener_kind kind)
{
	return kind == LISTEN_SUBMISSIONS || kind == LISTEN_IMAPS ||
	       kind == LISTEN_POP3S;
}

static void
nobody(void *arg, struct conn *c, enum conn_event event)
{
	(void)arg;
	(void)c;
	(void)event;
}

/* One line in clear, in one write, and away: a conn that lingers would keep the
 * descriptor. */
static void
refuse(struct front *f, int fd, enum listener_kind kind, enum front_refusal why)
{
	struct conn *c = conn_new(f->loop, fd, nobody, NULL);

	if (!front_implicit_tls(kind)) {
		f->protocol->refuse(c, why);
		conn_flush(c);
	}
	conn_free(&c);
}

/* An IPv4 client of a socket that takes both is shown, and counted, as IPv4. */
static void
read_address(struct front_peer *p, const struct sockaddr_storage *from)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa;
	unsigned char *net = p->net;

	*p = (struct front_peer){ 0 };
	memcpy(&sa, from, sizeof(sa));
	if (from->ss_family == AF_INET6 &&
	    !IN6_IS_ADDR_V4MAPPED(&sa.v6.sin6_addr)) {
		memcpy(net, &sa.v6.sin6_addr, 8); /* a household's /64 */
		p->loopback = IN6_IS_ADDR_LOOPBACK(&sa.v6.sin6_addr);
		inet_ntop(
		    AF_INET6, &sa.v6.sin6_addr, p->address, sizeof(p->address));
		return;
	}
	net[10] = net[11] = 0xff;
	memcpy(net + 12,
	    from->ss_family == AF_INET6
		? (const void *)(sa.v6.sin6_addr.s6_addr + 12)
		: (const void *)&sa.v4.sin_addr,
	    4);
	p->loopback = net[12] == 127;
	inet_ntop(AF_INET, net + 12, p->address, sizeof(p->address));
}

static size_t
strangers_from(const struct front *f, const struct front_peer *p)
{
	size_t n = 0;

	for (const struct client *c = f->strangers; c != NULL; c = c->next)
		n += memcmp(c->peer.net, p->net, sizeof(p->net)) == 0;
	return n;
}

static void
admit(struct front *f, int fd, enum listener_kind kind,
    const struct sockaddr_storage *from)
{
	struct front_peer p;

	read_address(&p, from);
	if (f->nstrangers >= front_strangers_max(f)) {
		log_refusal(f, "too many connections", p.address);
		refuse(f, fd, kind, FRONT_TOO_MANY);
	} else if (strangers_from(f, &p) >=
		   f->settings->max_connections_per_address) {
		log_refusal(f, "too many from one address", p.address);
		refuse(f, fd, kind, FRONT_TOO_MANY_FROM_ADDRESS);
	} else if (!rate_take(f->rate, p.net,
		       f->settings->max_connections_per_minute,
		       clock_mono_ms())) {
		log_refusal(f, "too often from one address", p.address);
		refuse(f, fd, kind, FRONT_TOO_OFTEN);
	} else if (front_implicit_tls(kind) && f->tls == NULL) {
		log_refusal(f, "no certificate", p.address);
		close(fd);
	} else
		front_client_new(f, fd, kind, &p);
}

static void
out_of_descriptors(struct front_listener *li)
{
	struct front *f = li->front;
	int fd = -1;

	log_refusal(f, "out of descriptors", "");
	if (f->reserve >= 0) {
		close(f->reserve);
		fd = accept4(li->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	if (fd >= 0)
		refuse(f, fd, li->kind, FRONT_TOO_MANY);
	f->reserve = fcntl(li->fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && f->reserve >= 0)
		return;
	/* Not even that: the loop would spin on what cannot be accepted. */
	for (size_t i = 0; i < f->nlisteners; i++)
		if (f->listener[i].watch != NULL)
			watch_set(f->listener[i].watch, 0);
	timer_set(f->tick, AGAIN_MS);
}

void
front_accept_again(struct front *f)
{
	for (size_t i = 0; i < f->nlisteners; i++)
		if (f->listener[i].watch != NULL)
			watch_set(f->listener[i].watch, LOOP_READ);
}

static void
acceptable(void *arg, unsigned events)
{
	struct front_listener *li = arg;

	(void)events;
	for (int n = 0; n < ACCEPTS_A_TURN; n++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(li->fd, (struct sockaddr *)&from, &len,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			admit(li->front, fd, li->kind, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE)
			out_of_descriptors(li);
		/* What else there is concerns a connection that is gone
		 * already. */
		return;
	}
}

void
front_listen(struct front *f, enum listener_kind kind, int fd)
{
	struct front_listener *li;
	int yes = 1, timeout = UNHEARD_MS;

	if (f->nlisteners == FRONT_LISTENERS_MAX) {
		log_event(LOG_ERROR, "listener", "too many listeners");
		close(fd);
		return;
	}
	/* Inherited by what is accepted; a locked-in front may not set it. */
	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes)) != 0)
		log_errno(LOG_WARN, "listener", "SO_KEEPALIVE");
	if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout,
		sizeof(timeout)) != 0)
		log_errno(LOG_WARN, "listener", "TCP_USER_TIMEOUT");
	if (f->reserve < 0)
		f->reserve = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	li = &f->listener[f->nlisteners++];
	li->front = f;
	li->fd = fd;
	li->kind = kind;
	li->watch = watch_new(f->loop, fd, LOOP_READ, acceptable, li);
}

void
front_stop_listening(struct front *f)
{
	for (size_t i = 0; i < f->nlisteners; i++) {
		watch_free(&f->listener[i].watch);
		close(f->listener[i].fd);
	}
	f->nlisteners = 0;
}
