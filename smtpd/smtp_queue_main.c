/* hearth-smtp-queue: the role that owns the queue. */
#include "common/channel.h"
#include "common/file.h"
#include "common/ipc.h"
#include "common/mem.h"
#include "common/role.h"
#include "common/wire.h"
#include "smtpd/queue.h"

struct main {
	struct role *role;
	struct queue *queue;
};

static void
take_peer(struct main *self, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint8_t peer = wire_u8(&w);
	uint64_t account = wire_u64(&w);

	(void)wire_u64(&w); /* connection */
	if (!wire_end(&w) || m->fd[0] < 0)
		return;
	/*
	 * Only what the parent opened for a login may name the outside; an
	 * account that a receiver asked with means nothing.
	 */
	queue_add_peer(
	    self->queue, m->fd[0], peer == PEER_QUEUE_LOGIN ? account : 0);
	m->fd[0] = -1;
}

static void
answer_tool(struct main *self, const struct channel_msg *m)
{
	struct buf payload = BUF_INIT(CHANNEL_PAYLOAD_MAX);
	struct wire w = wire_over(m->payload);
	uint8_t verb = wire_u8(&w);
	uint64_t id = wire_u64(&w);

	if (!wire_end(&w))
		return;
	queue_report(self->queue, verb, id, &payload);
	channel_send(role_parent(self->role), IPC_CTL_QUEUE_IS, m->id,
	    buf_span(&payload));
	buf_free(&payload);
}

static void
message(void *arg, struct channel_msg *m)
{
	struct main *self = arg;

	if (m->type == IPC_PEER)
		take_peer(self, m);
	else if (m->type == IPC_CTL_QUEUE)
		answer_tool(self, m);
}

static void
drain(void *arg)
{
	struct main *self = arg;

	queue_end(self->queue);
	role_exit(self->role);
}

int
main(void)
{
	static const struct role_handler handler = { message, drain };
	static struct main self;
	struct spool *spool = NULL;
	char *folder;

	self.role = role_begin("smtpd", ROLE_SMTP_QUEUE, &handler, &self);
	folder = file_path(role_settings(self.role)->state, "queue");
	if (spool_open(&spool, folder) != H_OK)
		return 1; /* (the log says why) */
	mem_free(&folder);
	self.queue = queue_new(self.role, spool);
	role_lock_in(self.role);
	queue_start(self.queue);
	role_run(self.role);
	return 0;
}
