/* hearth-smtp-deliver: one for each account with mail arriving. */
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/role.h"
#include "common/wire.h"
#include "smtpd/deliver.h"

struct main {
	struct role *role;
	struct deliver *deliver;
};

static void
message(void *arg, struct channel_msg *m)
{
	struct main *self = arg;

	if (m->type != IPC_PEER || m->fd[0] < 0)
		return;
	deliver_add_peer(self->deliver, m->fd[0]);
	m->fd[0] = -1;
}

static void
drain(void *arg)
{
	struct main *self = arg;

	deliver_free(&self->deliver);
	role_exit(self->role);
}

static char *
account_folder(const struct role *role)
{
	struct buf b = BUF_INIT(4096);
	char *folder;

	buf_format(&b, "%s/accounts/%016llx", role_settings(role)->state,
	    (unsigned long long)role_account(role));
	folder = mem_string(buf_span(&b));
	buf_free(&b);
	return folder;
}

int
main(void)
{
	static const struct role_handler handler = { message, drain };
	static struct main self;
	struct store *store = NULL;
	char *folder;

	self.role = role_begin("smtpd", ROLE_SMTP_DELIVER, &handler, &self);
	folder = account_folder(self.role);
	if (store_open(&store, folder) != H_OK)
		return 1; /* (the log says why) */
	mem_free(&folder);
	self.deliver = deliver_new(self.role, store);
	role_lock_in(self.role);
	role_run(self.role);
	return 0;
}
