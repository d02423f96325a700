/*
 * Packets between roles.  What cannot be sent at once is queued, with
 * duplicates of its descriptors, up to CHANNEL_BACKLOG_MAX.
 */
#include "common/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"

enum {
	HEADER_LEN = 16,
	PACKET_MAX = HEADER_LEN + CHANNEL_PAYLOAD_MAX,
	SEND_BUFFER = 2 * PACKET_MAX,
	MESSAGES_A_TURN = 64, /* then others get their chance */
};

struct queued {
	struct queued *next;
	unsigned char header[HEADER_LEN];
	int fd[CHANNEL_FDS_MAX];
	size_t nfds, len;
	char payload[];
};

struct channel {
	int fd;
	struct watch *watch;
	const struct channel_handler *handler;
	void *arg;
	struct queued *first, **last;
	size_t backlog, backlog_bytes;
	bool paused;
	bool broken; /* nothing goes out any more; closed() is due */
	bool reset;  /* the peer went with something of ours unread */
	bool told;   /* closed() was called */
	bool *gone;  /* set if the channel is freed while it is reading */
};

static void ready(void *arg, unsigned events);

static void
update_watch(struct channel *c)
{
	unsigned events = 0;

	if (c->told)
		events = 0;
	else if (c->broken)
		events =
		    LOOP_READ; /* the shut-down socket reads as ended at once */
	else
		events = (c->paused ? 0 : LOOP_READ) |
		         (c->first != NULL ? LOOP_WRITE : 0);
	watch_set(c->watch, events);
}

struct channel *
channel_new(
    struct loop *loop, int fd, const struct channel_handler *handler, void *arg)
{
	struct channel *c = mem_alloc(sizeof(*c));

	c->fd = fd;
	c->handler = handler;
	c->arg = arg;
	c->last = &c->first;
	c->watch = watch_new(loop, fd, LOOP_READ, ready, c);
	return c;
}

static void
close_fds(int *fd, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
}

static void
drop_first(struct channel *c)
{
	struct queued *q = c->first;

	if ((c->first = q->next) == NULL)
		c->last = &c->first;
	c->backlog--;
	c->backlog_bytes -= sizeof(*q) + q->len;
	close_fds(q->fd, q->nfds);
	mem_free(&q);
}

void
channel_free(struct channel **cp)
{
	struct channel *c = *cp;

	if (c == NULL)
		return;
	if (c->gone != NULL)
		*c->gone = true;
	while (c->first != NULL)
		drop_first(c);
	watch_free(&c->watch);
	close(c->fd);
	mem_free(cp);
}

enum herr
channel_pair(int fds[2])
{
	int room = SEND_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, fds) != 0) {
		log_errno(LOG_ERROR, "channel", "socketpair");
		return H_IO;
	}
	for (int i = 0; i < 2; i++) {
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room,
			sizeof(room)) != 0) {
			log_errno(LOG_ERROR, "channel", "SO_SNDBUF");
			close_fds(fds, 2);
			return H_IO;
		}
	}
	return H_OK;
}

/* ---- sending ---- */

/* The handler hears of it from the loop, never from inside a send. */
static void
give_up(struct channel *c)
{
	c->broken = true;
	while (c->first != NULL)
		drop_first(c);
	shutdown(c->fd, SHUT_RDWR);
	update_watch(c);
}

enum sent { SENT, SENT_NOT_YET, SENT_NEVER };

static enum sent
send_packet(int sock, unsigned char *header, struct span payload, const int *fd,
    size_t nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
	} control;
	union {
		const char *from;
		void *base; /* what struct iovec wants; sendmsg() only reads */
	} bytes = { .from = payload.ptr };
	struct iovec iov[2] = {
		{ .iov_base = header, .iov_len = HEADER_LEN },
		{ .iov_base = bytes.base, .iov_len = payload.len },
	};
	struct msghdr msg = { .msg_iov = iov,
		.msg_iovlen = payload.len > 0 ? 2 : 1 };

	if (nfds > 0) {
		struct cmsghdr *cm;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cm), fd, nfds * sizeof(int));
	}
	for (;;) {
		if (sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return SENT;
		if (errno == EAGAIN)
			return SENT_NOT_YET;
		if (errno != EINTR)
			break;
	}
	if (errno != EPIPE && errno != ECONNRESET && errno != ENOTCONN)
		log_errno(LOG_WARN, "channel", "sendmsg");
	return SENT_NEVER;
}

static void
enqueue(struct channel *c, const unsigned char *header, struct span payload,
    const int *fd, size_t nfds)
{
	size_t cost = sizeof(struct queued) + payload.len;
	struct queued *q;

	if (c->backlog_bytes + cost > CHANNEL_BACKLOG_MAX) {
		log_event(LOG_WARN, "channel", "the peer does not read");
		give_up(c);
		return;
	}
	q = mem_alloc(cost);
	memcpy(q->header, header, HEADER_LEN);
	q->len = payload.len;
	if (payload.len > 0)
		memcpy(q->payload, payload.ptr, payload.len);
	for (; q->nfds < nfds; q->nfds++) {
		int copy = fcntl(fd[q->nfds], F_DUPFD_CLOEXEC, 0);

		if (copy < 0) {
			log_errno(LOG_WARN, "channel", "dup");
			close_fds(q->fd, q->nfds);
			mem_free(&q);
			give_up(c);
			return;
		}
		q->fd[q->nfds] = copy;
	}
	*c->last = q;
	c->last = &q->next;
	c->backlog++;
	c->backlog_bytes += cost;
	update_watch(c);
}

void
channel_send_fds(struct channel *c, uint16_t type, uint64_t id,
    struct span payload, const int *fds, size_t nfds)
{
	unsigned char header[HEADER_LEN] = { 0 };

	if (payload.len > CHANNEL_PAYLOAD_MAX || nfds > CHANNEL_FDS_MAX)
		PANIC("a message larger than a channel takes");
	if (c->broken)
		return;
	put_le16(header, CHANNEL_VERSION);
	put_le16(header + 2, type);
	put_le64(header + 8, id);
	if (c->first != NULL) {
		enqueue(c, header, payload, fds, nfds);
		return;
	}
	switch (send_packet(c->fd, header, payload, fds, nfds)) {
	case SENT: break;
	case SENT_NOT_YET: enqueue(c, header, payload, fds, nfds); break;
	case SENT_NEVER: give_up(c); break;
	}
}

void
channel_send(struct channel *c, uint16_t type, uint64_t id, struct span payload)
{
	channel_send_fds(c, type, id, payload, NULL, 0);
}

static void
send_queued(struct channel *c)
{
	while (c->first != NULL) {
		struct queued *q = c->first;

		switch (send_packet(c->fd, q->header,
		    (struct span){ q->payload, q->len }, q->fd, q->nfds)) {
		case SENT: drop_first(c); break;
		case SENT_NOT_YET: return;
		case SENT_NEVER: give_up(c); return;
		}
	}
	update_watch(c);
}

bool
channel_is_over(const struct channel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	return c->broken ||
	       (poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP)) != 0);
}

size_t
channel_backlog(const struct channel *c)
{
	return c->backlog;
}

void
channel_pause(struct channel *c, bool paused)
{
	c->paused = paused;
	update_watch(c);
}

/* ---- receiving ---- */

/* Takes all descriptors that came, wanted or not, so that none is left open. */
static size_t
take_fds(struct msghdr *msg, int *fd)
{
	size_t n = 0;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(msg); cm != NULL;
	     cm = CMSG_NXTHDR(msg, cm)) {
		size_t have;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		have = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < have; i++) {
			int one;

			memcpy(
			    &one, CMSG_DATA(cm) + i * sizeof(int), sizeof(one));
			if (n < CHANNEL_FDS_MAX)
				fd[n++] = one;
			else
				close(one);
		}
	}
	return n;
}

enum received { RECEIVED, RECEIVED_NOTHING, RECEIVED_END };

/* One buffer for the process: a payload is lent only until its handler returns.
 */
static unsigned char packet[PACKET_MAX + 1];

static enum received
receive(struct channel *c, struct channel_msg *m)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(CHANNEL_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = packet, .iov_len = sizeof(packet) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	ssize_t got;

	*m = (struct channel_msg){ .fd = { -1, -1 } };
	got = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return RECEIVED_NOTHING;
	/* The error comes before the peer's last words: those are read next. */
	if (got < 0 && errno == ECONNRESET && !c->reset) {
		c->reset = true;
		return RECEIVED_NOTHING;
	}
	if (got <= 0)
		return RECEIVED_END;
	take_fds(&msg, m->fd);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    (size_t)got < HEADER_LEN || (size_t)got > PACKET_MAX ||
	    le16(packet) != CHANNEL_VERSION || le32(packet + 4) != 0) {
		log_event(LOG_WARN, "channel", "a packet that cannot be");
		close_fds(m->fd, CHANNEL_FDS_MAX);
		return RECEIVED_END;
	}
	m->type = le16(packet + 2);
	m->id = le64(packet + 8);
	m->payload = (struct span){ (const char *)packet + HEADER_LEN,
		(size_t)got - HEADER_LEN };
	return RECEIVED;
}

static void
tell_closed(struct channel *c)
{
	c->told = true;
	give_up(c);
	c->handler->closed(c->arg, c);
}

static void
ready(void *arg, unsigned events)
{
	struct channel *c = arg;
	bool gone = false;

	if (c->broken) {
		tell_closed(c);
		return;
	}
	if (events & LOOP_WRITE)
		send_queued(c);
	if (!(events & LOOP_READ))
		return;
	c->gone = &gone;
	for (int n = 0; n < MESSAGES_A_TURN && !c->paused && !c->broken; n++) {
		struct channel_msg m;
		enum received got = receive(c, &m);

		if (got == RECEIVED_NOTHING)
			break;
		if (got == RECEIVED_END) {
			c->gone = NULL;
			tell_closed(c);
			return;
		}
		c->handler->message(c->arg, c, &m);
		close_fds(m.fd, CHANNEL_FDS_MAX);
		if (gone)
			return;
	}
	c->gone = NULL;
}
