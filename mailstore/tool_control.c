/* The tool's questions to running daemons, over state/control. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/ipc.h"
#include "common/mem.h"
#include "common/wire.h"
#include "mailstore/tool.h"

enum { ANSWER_MS = 20 * 1000 };

struct question {
	struct loop *loop;
	struct buf *answer;
	enum herr result;
};

static void
answered(void *arg, struct channel *c, struct channel_msg *m)
{
	struct question *q = arg;

	(void)c;
	q->result = H_OK;
	if (m->type == IPC_CTL_OK)
		q->result = m->payload.len == 1 && m->payload.ptr[0] == H_OK
		                ? H_OK
		                : H_BUSY;
	else
		buf_add(q->answer, m->payload);
	loop_stop(q->loop);
}

static void
hung_up(void *arg, struct channel *c)
{
	struct question *q = arg;

	(void)c;
	loop_stop(q->loop);
}

static void
too_late(void *arg)
{
	struct question *q = arg;

	loop_stop(q->loop);
}

static int
reach(const char *daemon)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "control/%s", daemon);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

enum herr
tool_ask_daemon(
    const char *daemon, uint16_t type, struct span payload, struct buf *answer)
{
	static const struct channel_handler handler = { answered, hung_up };
	struct question q = { .answer = answer, .result = H_BUSY };
	struct channel *c;
	struct timer *limit;
	int fd = reach(daemon);

	if (fd < 0)
		return errno == ENOENT || errno == ECONNREFUSED ? H_NOTFOUND
		                                                : H_IO;
	q.loop = loop_new();
	c = channel_new(q.loop, fd, &handler, &q);
	limit = timer_new(q.loop, too_late, &q);
	timer_set(limit, ANSWER_MS);
	channel_send(c, type, 1, payload);
	loop_run(q.loop);
	timer_free(&limit);
	channel_free(&c);
	loop_free(&q.loop);
	return q.result;
}
