/*
 * What a queue has around it, made up: receivers, auth, deliver roles, and a
 * parent that connects them.  For test_queue.c alone.
 */
#ifndef TESTS_UNIT_QUEUE_WORLD_H
#define TESTS_UNIT_QUEUE_WORLD_H

#include <unistd.h>

#include "common/channel.h"
#include "common/file.h"
#include "common/ipc.h"
#include "common/mem.h"
#include "common/wire.h"
#include "smtpd/delivery.h"
#include "smtpd/queue.h"
#include "tests/unit/role_dummy.h"
#include "tests/unit/scratch.h"

enum { KEPT = 64, ACCOUNTS = 8 };

static struct role role;
static char *folder;
static struct queue *queue;

/* Somebody who brings mail, and the last answer. */
static struct {
	struct channel *channel;
	bool closed;
	unsigned nanswers;
	uint64_t number, id;
	enum herr err;
} mx, login;

/* The deliver roles: what came to them, and what they say. */
static struct {
	struct channel *channel[ACCOUNTS];
	enum herr says[ACCOUNTS];
	bool hangs_up[ACCOUNTS];    /* once, without an answer */
	enum herr absent[ACCOUNTS]; /* the parent's answer; H_OK: it is there */
	unsigned ncame, wanted;
	struct {
		uint64_t account;
		uint8_t id[DELIVERY_ID_LEN];
		unsigned flags;
		char prefix[400], message[200];
		uint64_t size;
	} came[KEPT];
} roles;

static struct {
	struct channel *channel;
	enum herr says;
	unsigned asked, hangs_up; /* so often, without an answer */
	uint64_t account;
	char address[400];
} auth;

/* ---- the others ---- */

static void
auth_heard(void *arg, struct channel *c, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	char byte = (char)auth.says;
	struct span address;

	(void)arg;
	assert_int_equal(m->type, IPC_LOOKUP_SENDER);
	auth.account = wire_u64(&w);
	address = wire_bytes(&w, sizeof(auth.address) - 1);
	assert_true(wire_end(&w));
	snprintf(auth.address, sizeof(auth.address), "%.*s", (int)address.len,
	    address.ptr);
	auth.asked++;
	if (auth.hangs_up > 0) {
		auth.hangs_up--;
		channel_free(&auth.channel);
		return;
	}
	channel_send(c, IPC_SENDER_IS, m->id, (struct span){ &byte, 1 });
}

static void
auth_closed(void *arg, struct channel *c)
{
	(void)arg;
	(void)c;
	channel_free(&auth.channel);
}

static void
role_closed(void *arg, struct channel *c)
{
	(void)c;
	channel_free(arg);
}

static void
keep_delivery(uint64_t account, const struct channel_msg *m)
{
	unsigned n = roles.ncame++ % KEPT;
	struct delivery d;

	assert_true(delivery_get(m->payload, &d));
	roles.came[n].account = account;
	roles.came[n].flags = d.flags;
	roles.came[n].size = d.size;
	memcpy(roles.came[n].id, d.id, sizeof(d.id));
	snprintf(roles.came[n].prefix, sizeof(roles.came[n].prefix), "%.*s",
	    (int)d.prefix.len, d.prefix.ptr);
	snprintf(roles.came[n].message, sizeof(roles.came[n].message), "%.*s",
	    (int)d.message.len, d.message.ptr);
	if (m->fd[0] >= 0) {
		ssize_t got = pread(m->fd[0], roles.came[n].message,
		    sizeof(roles.came[n].message) - 1, 0);

		assert_true(got > 0);
		roles.came[n].message[got] = '\0';
	}
	if (roles.ncame >= roles.wanted)
		loop_stop(role.loop);
}

static void
role_heard(void *arg, struct channel *c, struct channel_msg *m)
{
	uint64_t account = (uint64_t)((struct channel **)arg - roles.channel);
	char byte = (char)roles.says[account];

	if (m->type == IPC_DELIVERED_LOOKUP) {
		byte = H_NOTFOUND;
	} else {
		assert_int_equal(m->type, IPC_DELIVER);
		keep_delivery(account, m);
	}
	if (roles.hangs_up[account]) {
		roles.hangs_up[account] = false;
		channel_free(arg);
		return;
	}
	channel_send(c, IPC_DELIVER_RESULT, m->id, (struct span){ &byte, 1 });
}

static enum herr
want_peer(uint8_t peer, uint64_t account, int *fd)
{
	static const struct channel_handler to_auth = { auth_heard,
		auth_closed };
	static const struct channel_handler to_role = { role_heard,
		role_closed };
	int fds[2];

	if (peer == PEER_DELIVER && roles.absent[account] != H_OK)
		return roles.absent[account];
	assert_int_equal(channel_pair(fds), H_OK);
	*fd = fds[1];
	if (peer == PEER_AUTH) {
		channel_free(&auth.channel);
		auth.channel = channel_new(role.loop, fds[0], &to_auth, NULL);
	} else {
		assert_int_equal(peer, PEER_DELIVER);
		channel_free(&roles.channel[account]);
		roles.channel[account] = channel_new(
		    role.loop, fds[0], &to_role, &roles.channel[account]);
	}
	return H_OK;
}

static void
mx_heard(void *arg, struct channel *c, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	enum herr err = (enum herr)wire_u8(&w);
	uint64_t id = wire_u64(&w);

	(void)arg;
	assert_int_equal(m->type, IPC_ENQUEUE_RESULT);
	assert_true(wire_end(&w));
	if (c == mx.channel) {
		mx.nanswers++;
		mx.number = m->id;
		mx.err = err;
		mx.id = id;
	} else {
		login.nanswers++;
		login.number = m->id;
		login.err = err;
		login.id = id;
	}
	loop_stop(role.loop);
}

static void
mx_closed(void *arg, struct channel *c)
{
	(void)arg;
	if (c == mx.channel) {
		mx.closed = true;
		channel_free(&mx.channel);
	} else {
		login.closed = true;
		channel_free(&login.channel);
	}
	loop_stop(role.loop);
}

static struct channel *
new_peer(uint64_t account)
{
	static const struct channel_handler handler = { mx_heard, mx_closed };
	int fds[2];

	assert_int_equal(channel_pair(fds), H_OK);
	queue_add_peer(queue, fds[1], account);
	return channel_new(role.loop, fds[0], &handler, NULL);
}

/* ---- life ---- */

static void
open_queue(void)
{
	char *path = file_path(folder, "queue");
	struct spool *spool;

	role.loop = loop_new();
	assert_int_equal(spool_open(&spool, path), H_OK);
	mem_free(&path);
	queue = queue_new(&role, spool);
	queue_start(queue);
	memset(&mx, 0, sizeof(mx));
	memset(&login, 0, sizeof(login));
	mx.channel = new_peer(0);
	login.channel = new_peer(5);
}

/*
 * What ends with a process is not freed by it, and kept here for the rest of
 * ours.
 */
static void *ended[2 * 64];
static size_t nended;

static void
close_queue(void)
{
	channel_free(&mx.channel);
	channel_free(&login.channel);
	queue_end(queue);
	ended[nended++] = queue;
	ended[nended++] = role.loop;
	queue = NULL;
	for (size_t i = 0; i < ACCOUNTS; i++)
		channel_free(&roles.channel[i]);
	channel_free(&auth.channel);
}

static int
set_up(void **state)
{
	(void)state;
	folder = scratch_folder();
	role = (struct role){ .want_peer = want_peer };
	memset(&roles, 0, sizeof(roles));
	memset(&auth, 0, sizeof(auth));
	open_queue();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close_queue();
	scratch_remove(&folder);
	return 0;
}

#endif
