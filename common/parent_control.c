/*
 * The parent's other neighbours: the tool, over state/control; the published
 * directory, which the tool replaces; and systemd.
 */
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/parent_int.h"
#include "common/wire.h"

enum { VISITORS_MAX = 16, STATUS_MAX = CHANNEL_PAYLOAD_MAX - 64 };

/* A tool that is connected. */
struct visitor {
	struct visitor *next;
	struct control *control;
	struct channel *channel;
	uint64_t number;   /* ties the queue's answers to it */
	uint64_t question; /* its own id for what it asked the queue */
	struct hold *hold; /* the account it replaces */
	uint64_t hold_question;
};

struct control {
	struct parent *parent;
	int lock, listener, directory;
	struct watch *watch_listener, *watch_directory;
	struct visitor *visitors;
	size_t nvisitors;
	uint64_t last_number;
	char path[64];
};

/* ---- the published directory ---- */

/* What auth has in hand is of the old copy, and what fronts heard from it; the
 * next one opens the new. */
static void
directory_replaced(struct parent *p)
{
	for (struct process *r = p->processes; r != NULL; r = r->next)
		if (r->staff->role->kind == ROLE_AUTH)
			process_drain(r);
		else if (r->staff->role->listeners != 0 && r->channel != NULL)
			channel_send(r->channel, IPC_DIRECTORY, 0, NO_SPAN);
	members_ask(p);
}

void
control_look_at_directory(struct parent *p)
{
	struct control *c = p->control;
	_Alignas(struct inotify_event) char bytes[4096];
	bool replaced = false;
	ssize_t n;

	while ((n = read(c->directory, bytes, sizeof(bytes))) > 0)
		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *e = (const void *)at;

			if (e->len > 0 && strcmp(e->name, "directory") == 0)
				replaced = true;
			at += sizeof(*e) + e->len;
		}
	if (replaced)
		directory_replaced(p);
}

static void
directory_event(void *arg, unsigned events)
{
	(void)events;
	control_look_at_directory(arg);
}

static void
watch_directory(struct control *c)
{
	if (mkdir("published", 0700) != 0 && errno != EEXIST)
		log_errno(LOG_ERROR, "control", "published");
	c->directory = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->directory < 0 ||
	    inotify_add_watch(c->directory, "published", IN_MOVED_TO) < 0)
		/* The tool also says so over the socket. */
		log_errno(LOG_WARN, "inotify-missing", "published");
	else
		c->watch_directory = watch_new(c->parent->loop, c->directory,
		    LOOP_READ, directory_event, c->parent);
}

/* ---- the tool ---- */

static void
visitor_left(void *arg, struct channel *ch)
{
	struct visitor *v = arg, **at = &v->control->visitors;

	(void)ch;
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	v->control->nvisitors--;
	hold_end(&v->hold);
	channel_free(&v->channel);
	mem_free(&v);
}

static void
put_status(struct buf *b, const struct parent *p)
{
	int64_t now = clock_mono_ms();

	buf_format(b, "daemon %s %s\n", p->daemon->name, HEARTH_VERSION);
	for (const struct process *r = p->processes; r != NULL; r = r->next)
		buf_format(b, "role %s account %llu pid %d since %lld%s\n",
		    role_name(r->staff->role->kind),
		    (unsigned long long)r->account, (int)r->pid,
		    (long long)((now - r->started_ms) / 1000),
		    r->ending  ? " ending"
		    : r->ready ? ""
			       : " starting");
}

static void
say_status(struct visitor *v, uint64_t id)
{
	struct buf text = BUF_INIT(STATUS_MAX - 8),
		   payload = BUF_INIT(STATUS_MAX);

	put_status(&text, v->control->parent);
	wire_put_bytes(&payload, buf_span(&text));
	channel_send(v->channel, IPC_CTL_STATUS_IS, id, buf_span(&payload));
	buf_free(&text);
	buf_free(&payload);
}

static void
ask_queue(struct visitor *v, const struct channel_msg *m)
{
	struct process *queue;

	if (process_get(v->control->parent, ROLE_SMTP_QUEUE, 0, &queue) !=
	    H_OK) {
		char busy = H_BUSY;

		channel_send(
		    v->channel, IPC_CTL_OK, m->id, (struct span){ &busy, 1 });
		return;
	}
	v->question = m->id;
	channel_send(queue->channel, IPC_CTL_QUEUE, v->number, m->payload);
}

void
control_queue_says(struct process *queue, struct channel_msg *m)
{
	struct control *c = queue->parent->control;

	if (queue->staff->role->kind != ROLE_SMTP_QUEUE) {
		process_misbehaved(queue, "answered for the queue");
		return;
	}
	for (struct visitor *v = c->visitors; v != NULL; v = v->next)
		if (v->number == m->id)
			channel_send(
			    v->channel, m->type, v->question, m->payload);
}

static void
account_is_held(void *arg)
{
	struct visitor *v = arg;
	char ok = H_OK;

	channel_send(
	    v->channel, IPC_CTL_OK, v->hold_question, (struct span){ &ok, 1 });
}

/* False: that was no question. */
static bool
hold_account(struct visitor *v, const struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint64_t account = wire_u64(&w);

	if (!wire_end(&w) || account == 0 || v->hold != NULL)
		return false;
	v->hold_question = m->id;
	v->hold = hold_begin(v->control->parent, account, account_is_held, v);
	return true;
}

static void
visitor_says(void *arg, struct channel *ch, struct channel_msg *m)
{
	struct visitor *v = arg;
	char ok = H_OK;

	switch (m->type) {
	case IPC_CTL_STATUS: say_status(v, m->id); break;
	case IPC_CTL_QUEUE: ask_queue(v, m); break;
	case IPC_CTL_RELOAD:
		/* Not twice: the next auth may have the new one already. */
		if (v->control->watch_directory != NULL)
			control_look_at_directory(v->control->parent);
		else
			directory_replaced(v->control->parent);
		channel_send(ch, IPC_CTL_OK, m->id, (struct span){ &ok, 1 });
		break;
	case IPC_CTL_HOLD:
		if (!hold_account(v, m))
			visitor_left(v, ch);
		break;
	default: visitor_left(v, ch); break;
	}
}

/* Only root and our own user are heard. */
static bool
is_welcome(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	       (who.uid == 0 || who.uid == getuid());
}

static void
visit(void *arg, unsigned events)
{
	static const struct channel_handler handler = { visitor_says,
		visitor_left };
	struct control *c = arg;
	struct visitor *v;
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (c->nvisitors >= VISITORS_MAX || !is_welcome(fd)) {
		close(fd);
		return;
	}
	v = mem_alloc(sizeof(*v));
	*v = (struct visitor){
		.next = c->visitors, .control = c, .number = ++c->last_number
	};
	v->channel = channel_new(c->parent->loop, fd, &handler, v);
	c->visitors = v;
	c->nvisitors++;
}

static void
only_one(struct control *c, const char *daemon)
{
	char path[64];

	if (mkdir("control", 0700) != 0 && errno != EEXIST) {
		fprintf(stderr, "%s: control: %s\n", daemon, strerror(errno));
		exit(1);
	}
	snprintf(path, sizeof(path), "control/%s.lock", daemon);
	c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->lock < 0 || flock(c->lock, LOCK_EX | LOCK_NB) != 0) {
		fprintf(stderr, "%s: %s\n", daemon,
		    errno == EWOULDBLOCK ? "already runs with this state"
					 : strerror(errno));
		exit(1);
	}
	/* (see mailstore/tool_whole.c) */
	if (access("restoring/ready", F_OK) == 0) {
		fprintf(stderr,
		    "%s: a restore was cut short; any command, such as "
		    "\"hearth status\", brings it to its end\n",
		    daemon);
		exit(1);
	}
}

void
control_open(struct parent *p)
{
	struct control *c = mem_alloc(sizeof(*c));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	c->parent = p;
	p->control = c;
	only_one(c, p->daemon->name);
	snprintf(c->path, sizeof(c->path), "control/%s", p->daemon->name);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", c->path);
	unlink(c->path);
	c->listener =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listener < 0 ||
	    bind(c->listener, (struct sockaddr *)&address, sizeof(address)) !=
		0 ||
	    listen(c->listener, VISITORS_MAX) != 0) {
		fprintf(stderr, "%s: %s: %s\n", p->daemon->name, c->path,
		    strerror(errno));
		exit(1);
	}
	c->watch_listener =
	    watch_new(p->loop, c->listener, LOOP_READ, visit, c);
	watch_directory(c);
}

void
control_close(struct parent *p)
{
	unlink(p->control->path);
}

/* ---- systemd: sd_notify(3) without its library ---- */

void
control_tell_systemd(const char *state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* abstract */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		(struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		log_errno(LOG_WARN, "sd-notify", path);
	if (fd >= 0)
		close(fd);
}
