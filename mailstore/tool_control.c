/* The tool's questions to running daemons, over state/control. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
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

/* `kept`, if it is wanted, gets a descriptor that keeps the connection open. */
static enum herr
ask(const char *daemon, uint16_t type, struct span payload, struct buf *answer,
    int *kept)
{
	static const struct channel_handler handler = { answered, hung_up };
	struct question q = { .answer = answer, .result = H_BUSY };
	struct channel *c;
	struct timer *limit;
	int fd = reach(daemon);

	if (fd < 0)
		return errno == ENOENT || errno == ECONNREFUSED ? H_NOTFOUND
		                                                : H_IO;
	if (kept != NULL)
		*kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
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

enum herr
tool_ask_daemon(
    const char *daemon, uint16_t type, struct span payload, struct buf *answer)
{
	return ask(daemon, type, payload, answer, NULL);
}

/* ---- holding an account ---- */

/* Whoever has an environment open has a lock on the first byte of its lock
 * file. */
static bool
is_open(const char *folder)
{
	char path[128];
	struct flock lock = { .l_type = F_WRLCK, .l_len = 1 };
	bool open_somewhere;
	int fd;

	snprintf(path, sizeof(path), "%s/lock.mdb", folder);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return false;
	open_somewhere =
	    fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return open_somewhere;
}

void
tool_release(struct tool_hold *h)
{
	for (size_t i = 0; i < COUNT_OF(h->fds); i++) {
		if (h->fds[i] >= 0)
			close(h->fds[i]);
		h->fds[i] = -1;
	}
}

bool
tool_hold(uint64_t account, struct tool_hold *h)
{
	static const char *const daemons[] = { "smtpd", "imapd", "pop3d" };
	struct buf payload = BUF_INIT(16), nothing = BUF_INIT(64);
	enum herr err = H_OK;
	char folder[64];

	for (size_t i = 0; i < COUNT_OF(daemons); i++)
		h->fds[i] = -1;
	wire_put_u64(&payload, account);
	for (size_t i = 0; i < COUNT_OF(daemons) && err == H_OK; i++) {
		err = ask(daemons[i], IPC_CTL_HOLD, buf_span(&payload),
		    &nothing, &h->fds[i]);
		if (err == H_NOTFOUND)
			err = H_OK;
		else if (err != H_OK)
			tool_refuse("%s does not let go of the account; see "
				    "its log, and try again",
			    daemons[i]);
	}
	buf_free(&payload);
	buf_free(&nothing);
	tool_folder_of(account, folder);
	if (err == H_OK && is_open(folder)) {
		tool_refuse("another command is at work on the account; try "
			    "again when it has ended");
		err = H_BUSY;
	}
	if (err != H_OK)
		tool_release(h);
	return err == H_OK;
}
