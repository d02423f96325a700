/* Packets between tool and child: see tool_talk.h. */
#include "mailstore/tool_talk.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

void
talk_init(struct talk *t, int socket)
{
	*t = (struct talk){ .socket = socket,
		.packet = mem_alloc(TALK_MAX),
		.out = BUF_INIT(TALK_MAX) };
}

void
talk_free(struct talk *t)
{
	if (t->socket >= 0)
		close(t->socket);
	t->socket = -1;
	mem_free(&t->packet);
	buf_free(&t->out);
}

struct buf *
talk_payload(struct talk *t)
{
	buf_clear(&t->out);
	buf_byte(&t->out, '\0'); /* where the word goes */
	return &t->out;
}

/* ---- sending ---- */

static ssize_t
send_packet(struct talk *t, int fd, int flags)
{
	union control control = { .bytes = { 0 } };
	struct iovec part = { t->out.ptr, t->out.len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(t->socket, &m, flags | MSG_NOSIGNAL);
}

static void
hear(struct talk *t)
{
	struct talk_packet p;

	if (!talk_receive(t, &p))
		return;
	t->meanwhile(t->arg, &p);
	if (p.fd >= 0)
		close(p.fd);
}

void
talk_send(struct talk *t, enum talk_word word, int fd)
{
	int flags = t->meanwhile != NULL ? MSG_DONTWAIT : 0;

	if (t->out.bad)
		PANIC("a packet is too long");
	t->out.ptr[0] = (char)word;
	while (!t->over) {
		struct pollfd p = { t->socket, POLLIN | POLLOUT, 0 };

		while (t->meanwhile != NULL && !t->over && talk_waits(t))
			hear(t);
		if (t->over || send_packet(t, fd, flags) >= 0)
			return;
		/* (Too many descriptors are under way: as full as full.) */
		if (errno == ETOOMANYREFS)
			p.events = POLLIN;
		else if (errno != EAGAIN && errno != EINTR) {
			t->over = true;
			return;
		}
		(void)poll(&p, 1, errno == ETOOMANYREFS ? 1 : -1);
	}
}

void
talk_done(struct talk *t, enum herr err, const char *text)
{
	struct buf *b = talk_payload(t);

	wire_put_u8(b, (uint8_t)err);
	wire_put_bytes(b, span_of(text));
	talk_send(t, TALK_DONE, -1);
}

/* ---- receiving ---- */

bool
talk_waits(const struct talk *t)
{
	struct pollfd p = { t->socket, POLLIN, 0 };

	return poll(&p, 1, 0) > 0;
}

bool
talk_receive(struct talk *t, struct talk_packet *p)
{
	union control control;
	struct iovec part = { t->packet, TALK_MAX };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c;
	ssize_t len;

	*p = (struct talk_packet){ .fd = -1 };
	if (t->over)
		return false;
	while ((len = recvmsg(t->socket, &m, MSG_CMSG_CLOEXEC)) < 0 &&
	       errno == EINTR)
		;
	c = len > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&p->fd, CMSG_DATA(c), sizeof(int));
	if (len < 1 || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		if (p->fd >= 0)
			close(p->fd);
		p->fd = -1;
		t->over = true;
		return false;
	}
	p->word = (uint8_t)t->packet[0];
	p->payload = wire_over((struct span){ t->packet + 1, (size_t)len - 1 });
	return true;
}
