/* The dummy daemon: a configuration of three lines, and roles that answer
 * lines. */
#include "parent_dummy.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "common/file.h"
#include "common/ipc.h"
#include "common/mem.h"
#include "common/parent.h"
#include "common/sessions.h"
#include "common/wire.h"

enum { LINE_ROOM = 256 };

/* ---- the configuration: state, a listener, one for the front on demand;
 * stands in for common/conf.c ---- */

enum herr
conf_load(const char *file, struct conf **out)
{
	struct buf b = BUF_INIT(4096);
	struct conf *c = mem_alloc(sizeof(*c));
	char *line[4], *rest;

	if (file_read(file, &b) != H_OK)
		return H_NOTFOUND;
	buf_byte(&b, '\0');
	rest = b.ptr;
	for (size_t i = 0; i < COUNT_OF(line); i++)
		if ((line[i] = strsep(&rest, "\n")) == NULL)
			return H_INVALID;
	c->file = mem_string(span_of(file));
	c->state = mem_string(span_of(line[0]));
	c->hostname = mem_string(SPAN("mail.example.test"));
	c->user = mem_string(SPAN("nobody"));
	c->imapd.nlisteners = 2;
	c->imapd.listeners = mem_array(2, sizeof(*c->imapd.listeners));
	c->imapd.listeners[0].kind = LISTEN_IMAP;
	c->imapd.listeners[0].text = mem_string(span_of(line[1]));
	c->imapd.listeners[1].kind = LISTEN_IMAPS;
	c->imapd.listeners[1].text = mem_string(span_of(line[2]));
	c->imapd.max_connections = (uint32_t)strtoul(line[3], NULL, 10);
	c->imapd.max_connections_per_minute = 1000;
	buf_free(&b);
	*out = c;
	return H_OK;
}

void
conf_free(struct conf **c)
{
	if (*c == NULL)
		return;
	mem_free(&(*c)->file);
	mem_free(&(*c)->state);
	mem_free(&(*c)->hostname);
	mem_free(&(*c)->user);
	for (size_t i = 0; i < (*c)->imapd.nlisteners; i++)
		mem_free(&(*c)->imapd.listeners[i].text);
	mem_free(&(*c)->imapd.listeners);
	mem_free(c);
}

/* ---- the front: one client at a time ---- */

static struct front {
	struct role *role;
	struct watch *listener, *client;
	struct channel *auth;
	int client_fd;
	unsigned limits, max_connections;
	bool ends;
} front = { .client_fd = -1 };

static void PRINTF_LIKE(1, 2) answer(const char *format, ...)
{
	char line[LINE_ROOM];
	va_list ap;
	int len;

	va_start(ap, format);
	len = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (write(front.client_fd, line, (size_t)len) != len)
		abort();
}

static void
drop_client(void)
{
	watch_free(&front.client);
	if (front.client_fd >= 0)
		close(front.client_fd);
	front.client_fd = -1;
}

static void
auth_said(void *arg, struct channel *c, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);

	(void)arg;
	(void)c;
	answer("auth %" PRIu64 "\n", wire_u64(&w));
}

static void
auth_gone(void *arg, struct channel *c)
{
	(void)arg;
	(void)c;
	channel_free(&front.auth);
}

/* What is to be said to auth when the channel is there. */
static uint64_t wanted_account;

static void
ask_auth(void)
{
	struct buf b = BUF_INIT(16);

	wire_put_u64(&b, wanted_account);
	channel_send(front.auth, IPC_AUTH_START, 7, buf_span(&b));
	buf_free(&b);
}

static void
got_auth(void *arg, enum herr err, int fd)
{
	static const struct channel_handler handler = { auth_said, auth_gone };

	(void)arg;
	if (err != H_OK) {
		answer("auth refused %d\n", (int)err);
		return;
	}
	front.auth = channel_new(role_loop(front.role), fd, &handler, NULL);
	ask_auth();
}

static void
want_auth(uint64_t account)
{
	wanted_account = account;
	if (front.auth != NULL)
		ask_auth();
	else
		role_want_peer(front.role, PEER_AUTH, 0, got_auth, NULL);
}

static void
got_peer(void *arg, enum herr err, int fd)
{
	(void)arg;
	answer("peer %d\n", (int)err);
	if (fd >= 0)
		close(fd);
}

static void
command(char *line)
{
	char *word = strsep(&line, " ");
	uint64_t n = line != NULL ? strtoull(line, NULL, 10) : 0;

	if (strcmp(word, "pid") == 0)
		answer("%ld\n", (long)getpid());
	else if (strcmp(word, "peer") == 0)
		role_want_peer(front.role, (uint8_t)n, 1, got_peer, NULL);
	else if (strcmp(word, "auth") == 0)
		want_auth(0);
	else if (strcmp(word, "login") == 0)
		want_auth(n);
	else if (strcmp(word, "verb") == 0)
		channel_send(role_parent(front.role), (uint16_t)n, 1, NO_SPAN);
	else if (strcmp(word, "idle") == 0)
		role_idle(front.role);
	else if (strcmp(word, "limits") == 0)
		answer("limits %u %u\n", front.limits, front.max_connections);
	else if (strcmp(word, "die") == 0)
		_exit(3);
}

static void
client_ready(void *arg, unsigned events)
{
	static char line[LINE_ROOM];
	ssize_t got = read(front.client_fd, line, sizeof(line) - 1);
	char *rest = line, *one;

	(void)arg;
	(void)events;
	if (got <= 0) {
		drop_client();
		if (front.ends)
			role_exit(front.role);
		return;
	}
	line[got] = '\0';
	while ((one = strsep(&rest, "\n")) != NULL && rest != NULL)
		command(one);
}

static void
accept_one(void *arg, unsigned events)
{
	int *listener = arg;
	int fd = accept4(*listener, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	drop_client();
	front.client_fd = fd;
	front.client =
	    watch_new(role_loop(front.role), fd, LOOP_READ, client_ready, NULL);
}

/* The rest is between the client and the account role. */
static void
pass_on(int stream)
{
	char line[LINE_ROOM];
	ssize_t got;

	fcntl(stream, F_SETFL, 0);
	got = read(stream, line, sizeof(line));
	if (got > 0 && write(front.client_fd, line, (size_t)got) != got)
		abort();
}

static void
front_hears(void *arg, struct channel_msg *m)
{
	static int listener;
	struct settings s;
	struct wire w = wire_over(m->payload);
	unsigned err;

	(void)arg;
	if (m->type == IPC_LISTENER) {
		listener = m->fd[0];
		m->fd[0] = -1;
		front.listener = watch_new(role_loop(front.role), listener,
		    LOOP_READ, accept_one, &listener);
	} else if (m->type == IPC_LIMITS && settings_get(m->payload, &s)) {
		front.limits++;
		front.max_connections = s.max_connections;
		settings_release(&s);
	} else if (m->type == IPC_LOGGED_IN) {
		err = wire_u8(&w);
		answer("login %u\n", err);
		if (err == H_OK && m->fd[0] >= 0)
			pass_on(m->fd[0]);
	}
}

static void
front_drains(void *arg)
{
	(void)arg;
	if (front.client_fd < 0)
		role_exit(front.role);
	front.ends = true;
	answer("ends\n");
}

static void
play_front(enum role_kind kind)
{
	static const struct role_handler handler = { front_hears,
		front_drains };

	front.role = role_begin("imapd", kind, &handler, NULL);
	role_lock_in(front.role);
	role_run(front.role);
}

/* ---- auth: everybody may log in; account 0 asks for its pid ---- */

static struct role *auth_role;
static uint64_t auth_peer;

static void
asked(void *arg, struct channel *c, struct channel_msg *m)
{
	struct wire w = wire_over(m->payload);
	uint64_t account = wire_u64(&w);
	struct buf b = BUF_INIT(64);

	(void)arg;
	if (account == 0) {
		wire_put_u64(&b, (uint64_t)getpid());
		channel_send(c, IPC_AUTH_CHALLENGE, m->id, buf_span(&b));
	} else {
		wire_put_u64(&b, auth_peer);
		wire_put_u64(&b, account);
		wire_put_u64(&b, 0);
		wire_put_u64(&b, 1);
		channel_send(
		    role_parent(auth_role), IPC_LOGIN, m->id, buf_span(&b));
	}
	buf_free(&b);
}

static void
asker_gone(void *arg, struct channel *c)
{
	(void)arg;
	channel_free(&c);
}

static void
auth_hears(void *arg, struct channel_msg *m)
{
	static const struct channel_handler handler = { asked, asker_gone };

	(void)arg;
	if (m->type != IPC_PEER)
		return;
	auth_peer = m->id;
	(void)channel_new(role_loop(auth_role), m->fd[0], &handler, NULL);
	m->fd[0] = -1;
}

static void
auth_drains(void *arg)
{
	(void)arg;
	role_exit(auth_role);
}

static void
play_auth(void)
{
	static const struct role_handler handler = { auth_hears, auth_drains };

	auth_role = role_begin("imapd", ROLE_AUTH, &handler, NULL);
	role_lock_in(auth_role);
	role_run(auth_role);
}

/* ---- account ---- */

static uint64_t own_account;

static int
account_open(struct sessions *s, const char *folder, uint64_t account)
{
	(void)s;
	if (account == DUMMY_SICK_ACCOUNT || access(folder, F_OK) != 0)
		_exit(1);
	own_account = account;
	return -1;
}

static enum herr
account_begin(struct sessions *s, uint64_t id, int fd, int ahead)
{
	(void)ahead;
	char line[LINE_ROOM];
	int len = snprintf(line, sizeof(line), "account %" PRIu64 " %ld\n",
	    own_account, (long)getpid());

	(void)s;
	(void)id;
	return write(fd, line, (size_t)len) == len ? H_OK : H_IO;
}

static void
nothing(struct sessions *s)
{
	(void)s;
}

static void
account_goodbye(struct sessions *s)
{
	(void)s;
	_exit(0);
}

/* ---- the daemon ---- */

static const struct conf_daemon *
section(const struct conf *c)
{
	return &c->imapd;
}

void
dummy_main(int argc, char **argv)
{
	/* clang-format off */
	static const struct parent_role roles[] = {
		{ ROLE_IMAP_FRONT, "test_parent", .listeners = 1U << LISTEN_IMAP, .may_ask = 1U << PEER_AUTH },
		{ ROLE_POP3_FRONT, "test_parent", .listeners = 1U << LISTEN_IMAPS, .on_demand = true },
		{ ROLE_AUTH, "test_parent", .on_demand = true },
		{ ROLE_IMAP_ACCOUNT, "test_parent", .per_account = true, .on_demand = true },
	};
	/* clang-format on */
	static const struct parent_daemon daemon = {
		.name = "imapd",
		.roles = roles,
		.nroles = COUNT_OF(roles),
		.session_role = ROLE_IMAP_ACCOUNT,
		.section = section,
	};
	static const struct sessions_protocol account = { "imapd",
		ROLE_IMAP_ACCOUNT, account_open, account_begin, nothing,
		nothing, account_goodbye };

	if (argc < 3)
		return;
	if (strcmp(argv[1], "-c") == 0)
		exit(parent_main(argc, argv, &daemon));
	if (strcmp(argv[1], "front") == 0)
		play_front(ROLE_IMAP_FRONT);
	if (strcmp(argv[1], "auth") == 0)
		play_auth();
	if (strcmp(argv[1], "account") == 0)
		sessions_main(&account);
}
