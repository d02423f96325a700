/*
 * What roles ask of their parent: a channel to another role, a file for a large
 * message, a session for somebody who logged in.  Who may ask what stands in
 * the daemon's table; whatever else is said ends the one who said it.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/parent_int.h"
#include "common/wire.h"

/* ---- answers ---- */

static void
send_error(struct process *to, uint16_t type, uint64_t id, enum herr err)
{
	char byte = (char)err;

	if (to->channel != NULL)
		channel_send(to->channel, type, id, (struct span){ &byte, 1 });
}

static void
send_peer(struct process *to, uint64_t id, enum ipc_peer peer, uint64_t account,
    uint64_t connection, int fd)
{
	char bytes[17];

	bytes[0] = (char)peer;
	put_le64(bytes + 1, account);
	put_le64(bytes + 9, connection);
	to->given_ms = clock_mono_ms();
	if (to->channel != NULL)
		channel_send_fds(to->channel, IPC_PEER, id,
		    (struct span){ bytes, sizeof(bytes) }, &fd, 1);
}

/* ---- peers ---- */

static bool
account_exists(uint64_t account)
{
	char path[64];

	snprintf(path, sizeof(path), "accounts/%016llx/data.mdb",
	    (unsigned long long)account);
	return account != 0 && access(path, F_OK) == 0;
}

static enum role_kind
kind_of_peer(uint8_t peer)
{
	return peer == PEER_AUTH      ? ROLE_AUTH
	       : peer == PEER_DELIVER ? ROLE_SMTP_DELIVER
	                              : ROLE_SMTP_QUEUE;
}

/* A process is given `r` as its peer, and is given to it; H_BUSY: perhaps
 * later. */
static enum herr
connect_to(struct process *r, uint64_t id, uint8_t peer, uint64_t account)
{
	struct process *other = NULL;
	enum herr err;
	int fds[2];

	if (peer == PEER_AUTH)
		control_look_at_directory(r->parent);
	if (peer == PEER_DELIVER && !account_exists(account))
		err = H_NOTFOUND;
	else
		err =
		    process_get(r->parent, kind_of_peer(peer), account, &other);
	if (err == H_OK)
		err = channel_pair(fds);
	if (err != H_OK)
		return err;
	send_peer(other, r->number,
	    r->staff->role->kind == ROLE_SMTP_QUEUE ? PEER_QUEUE_ROLE
						    : PEER_FRONT,
	    account, 0, fds[0]);
	send_peer(r, id, (enum ipc_peer)peer, account, 0, fds[1]);
	close(fds[0]);
	close(fds[1]);
	return H_OK;
}

/* Who does not run when the daemon ends will not run again: not worth asking
 * for. */
static void
refuse_peer(struct process *r, uint64_t id, enum herr err)
{
	if (err == H_BUSY && r->parent->ending)
		err = H_LIMIT;
	send_error(r, IPC_NO_PEER, id, err);
}

static void
want_peer(struct process *r, const struct channel_msg *m)
{
	struct parent *p = r->parent;
	struct wire w = wire_over(m->payload);
	uint8_t peer = wire_u8(&w);
	uint64_t account = wire_u64(&w);
	struct waiting *q;
	enum herr err;

	if (!wire_end(&w) || peer > PEER_QUEUE ||
	    !(r->staff->role->may_ask & (1U << peer))) {
		process_misbehaved(r, "asked for a peer it may not have");
		return;
	}
	err = connect_to(r, m->id, peer, account);
	if (err == H_OK)
		return;
	if (err != H_BUSY || p->ending || p->nwaiting >= WAITING_MAX) {
		refuse_peer(r, m->id, err);
		return;
	}
	q = mem_alloc(sizeof(*q));
	*q = (struct waiting){
		.next = p->waiting,
		.asker = r->number,
		.id = m->id,
		.account = account,
		.peer = peer,
		.until_ms = clock_mono_ms() + PATIENCE_MS,
	};
	p->waiting = q;
	if (p->nwaiting++ == 0)
		timer_set(p->retry, RETRY_MS);
}

/* True if that is over, one way or the other. */
static bool
ask_again(struct parent *p, const struct waiting *q)
{
	struct process *r = process_numbered(p, q->asker);
	enum herr err;

	if (r == NULL)
		return true;
	err = connect_to(r, q->id, q->peer, q->account);
	if (err == H_BUSY && !p->ending && clock_mono_ms() < q->until_ms)
		return false;
	if (err != H_OK)
		refuse_peer(r, q->id, err);
	return true;
}

void
serve_waiting(struct parent *p)
{
	struct waiting **at = &p->waiting, *q;

	while ((q = *at) != NULL) {
		if (!ask_again(p, q)) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		p->nwaiting--;
		mem_free(&q);
	}
	if (p->nwaiting > 0)
		timer_set(p->retry, RETRY_MS);
}

/* ---- spool ---- */

static int
unlinked_file(void)
{
	char name[] = "spool-XXXXXX";
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (fd = mkostemp(name, O_CLOEXEC)) >= 0)
		unlink(name); /* a file system without O_TMPFILE */
	return fd;
}

static void
want_spool(struct process *r, const struct channel_msg *m)
{
	char answer = H_OK;
	int fd;

	if (!r->staff->role->may_spool) {
		process_misbehaved(r, "asked for a spool file");
		return;
	}
	if ((fd = unlinked_file()) < 0) {
		log_errno(LOG_ERROR, "spool-failed", "state");
		send_error(
		    r, IPC_SPOOL, m->id, errno == ENOSPC ? H_FULL : H_IO);
		return;
	}
	if (r->channel != NULL)
		channel_send_fds(r->channel, IPC_SPOOL, m->id,
		    (struct span){ &answer, 1 }, &fd, 1);
	close(fd);
}

/* ---- logins ---- */

static void
close_both(const int fd[2])
{
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

/* Tells a front how a login ended; `fd` (each may be -1) stays the caller's. */
static void
tell_front(struct parent *p, uint64_t front, uint64_t connection,
    uint64_t account, uint64_t without, enum herr err, const int fd[2])
{
	size_t nfds = err != H_OK ? 0 : (size_t)(fd[0] >= 0) + (fd[1] >= 0);
	struct process *r = process_numbered(p, front);
	char bytes[17];

	if (r == NULL)
		return; /* the client went with it */
	bytes[0] = (char)err;
	put_le64(bytes + 1, account);
	put_le64(bytes + 9, without);
	channel_send_fds(r->channel, IPC_LOGGED_IN, connection,
	    (struct span){ bytes, sizeof(bytes) }, fd, nfds);
}

static void
settle(struct parent *p, struct login **at, enum herr err)
{
	struct login *l = *at;

	*at = l->next;
	p->nlogins--;
	tell_front(
	    p, l->front, l->connection, l->account, l->without, err, l->fd);
	close_both(l->fd);
	mem_free(&l);
}

/* The role's ends and the front's of what a session takes. */
static enum herr
session_pairs(const struct parent *p, int role[2], int front[2])
{
	int stream[2], channel[2] = { -1, -1 };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		stream) != 0)
		return H_BUSY;
	if (p->daemon->answers_ahead && channel_pair(channel) != H_OK) {
		close_both(stream);
		return H_BUSY;
	}
	role[0] = stream[0];
	front[0] = stream[1];
	role[1] = channel[0];
	front[1] = channel[1];
	return H_OK;
}

/* imapd, pop3d: a stream to the account role, which may refuse. */
static enum herr
begin_session(struct parent *p, uint64_t front, uint64_t connection,
    uint64_t account, uint64_t without)
{
	char left_out[8];
	struct process *role;
	struct login *l;
	enum herr err;
	int ends[2], fds[2];

	if (p->nlogins >= LOGINS_MAX)
		return H_BUSY;
	if (!account_exists(account))
		return H_NOTFOUND;
	if ((err = process_get(p, p->daemon->session_role, account, &role)) !=
	    H_OK)
		return err;
	if ((err = session_pairs(p, ends, fds)) != H_OK)
		return err;
	role->given_ms = clock_mono_ms();
	put_le64(left_out, without);
	channel_send_fds(role->channel, IPC_SESSION, connection,
	    (struct span){ left_out, sizeof(left_out) }, ends,
	    p->daemon->answers_ahead ? 2 : 1);
	close_both(ends);
	l = mem_alloc(sizeof(*l));
	*l = (struct login){
		.next = p->logins,
		.front = front,
		.account_process = role->number,
		.connection = connection,
		.account = account,
		.without = without,
		.fd = { fds[0], fds[1] },
		.deadline_ms = clock_mono_ms() + ANSWER_MS,
	};
	p->logins = l;
	if (p->nlogins++ == 0)
		timer_set(p->tick, TICK_MS);
	return H_OK;
}

/* smtpd: a channel to the queue that may name outside recipients. */
static enum herr
open_queue(
    struct parent *p, uint64_t front, uint64_t connection, uint64_t account)
{
	struct process *queue;
	enum herr err;
	int fds[2];

	if ((err = process_get(p, ROLE_SMTP_QUEUE, 0, &queue)) != H_OK ||
	    (err = channel_pair(fds)) != H_OK)
		return err;
	send_peer(queue, front, PEER_QUEUE_LOGIN, account, connection, fds[0]);
	tell_front(
	    p, front, connection, account, 0, H_OK, (int[2]){ fds[1], -1 });
	close(fds[0]);
	close(fds[1]);
	return H_OK;
}

static void
logged_in(struct process *auth, const struct channel_msg *m)
{
	struct parent *p = auth->parent;
	struct wire w = wire_over(m->payload);
	uint64_t front = wire_u64(&w), account = wire_u64(&w);
	struct process *r = process_numbered(p, front);
	uint64_t without = wire_u64(&w), credential = wire_u64(&w);
	enum herr err;

	if (!wire_end(&w) || auth->staff->role->kind != ROLE_AUTH ||
	    (r != NULL && !process_is_front(r))) {
		process_misbehaved(auth, "told of a login it cannot know");
		return;
	}
	/* Nobody logs in on port 25, whatever mx has found to say to auth. */
	if (r != NULL && r->staff->role->kind == ROLE_SMTP_MX)
		err = H_DENIED;
	else if ((err = members_add(p, account, credential)) == H_OK)
		err = p->daemon->session_role != 0
		          ? begin_session(p, front, m->id, account, without)
		          : open_queue(p, front, m->id, account);
	if (err != H_OK)
		tell_front(
		    p, front, m->id, account, 0, err, (int[2]){ -1, -1 });
}

static void
session_taken(struct process *r, const struct channel_msg *m)
{
	struct parent *p = r->parent;
	struct wire w = wire_over(m->payload);
	uint8_t err = wire_u8(&w);

	if (!wire_end(&w) || err > H_IO ||
	    r->staff->role->kind != p->daemon->session_role) {
		process_misbehaved(r, "an answer to no session");
		return;
	}
	for (struct login **at = &p->logins; *at != NULL; at = &(*at)->next)
		if ((*at)->account_process == r->number &&
		    (*at)->connection == m->id) {
			settle(p, at, (enum herr)err);
			return;
		}
}

void
serve_gone(struct process *r)
{
	struct login **at = &r->parent->logins;

	while (*at != NULL)
		if ((*at)->account_process == r->number)
			settle(r->parent, at, H_BUSY);
		else
			at = &(*at)->next;
}

void
serve_expire(struct parent *p)
{
	struct login **at = &p->logins;
	int64_t now = clock_mono_ms();

	while (*at != NULL)
		if ((*at)->deadline_ms < now)
			settle(p, at, H_BUSY);
		else
			at = &(*at)->next;
}

/* ---- the rest ---- */

/*
 * It may leave, unless something was given to it lately that it may not have
 * seen when it said so; then it will say so again.
 */
static void
idle(struct process *r)
{
	if (r->staff->role->on_demand &&
	    clock_mono_ms() - r->given_ms > ANSWER_MS)
		process_drain(r);
}

static void
ready(struct process *r)
{
	struct parent *p = r->parent;

	if (r->ready) {
		process_misbehaved(r, "got ready twice");
		return;
	}
	r->ready = true;
	if (p->told_ready)
		return;
	for (size_t i = 0; i < p->nstaff; i++) {
		struct process *other = NULL;

		if (!p->staff[i].role->on_demand &&
		    (process_get(p, p->staff[i].role->kind, 0, &other) !=
			    H_OK ||
			!other->ready))
			return;
	}
	p->told_ready = true;
	control_tell_systemd("READY=1");
	log_event(LOG_INFO, "ready", p->daemon->name);
}

void
serve_message(struct process *r, struct channel_msg *m)
{
	switch (m->type) {
	case IPC_READY: ready(r); break;
	case IPC_PONG: break; /* hearing it is enough */
	case IPC_IDLE: idle(r); break;
	case IPC_WANT_PEER: want_peer(r, m); break;
	case IPC_WANT_SPOOL: want_spool(r, m); break;
	case IPC_LOGIN: logged_in(r, m); break;
	case IPC_CREDENTIAL_IS: members_answer(r, m); break;
	case IPC_SESSION_TAKEN: session_taken(r, m); break;
	case IPC_SESSION_OVER:
		if (r->staff->role->kind != r->parent->daemon->session_role)
			process_misbehaved(r, "has no sessions");
		break;
	case IPC_CTL_QUEUE_IS:
	case IPC_CTL_OK: control_queue_says(r, m); break;
	default: process_misbehaved(r, "said what no role says"); break;
	}
}
