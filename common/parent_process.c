/*
 * Roles as processes: started by exec of a program that was opened when we
 * started, told who they are, reaped, started again, watched.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/parent_int.h"
#include "common/sandbox.h"
#include "common/wire.h"

enum { PARENT_FD = 3 /* in the role */ };

static void restart_due(void *arg);
static void start_or_later(struct staff *staff);

/* ---- programs ---- */

static int
open_program(const char *folder, const char *program)
{
	const char *slash = strrchr(program, '/');
	char *path = file_path(folder, program);
	int fd = open(path, O_PATH | O_CLOEXEC);

	mem_free(&path);
	if (fd < 0) {
		path = file_path(
		    HEARTH_LIBEXEC, slash != NULL ? slash + 1 : program);
		fd = open(path, O_PATH | O_CLOEXEC);
		mem_free(&path);
	}
	if (fd < 0) {
		fprintf(stderr,
		    "the program %s is missing beside %s and in %s\n", program,
		    folder, HEARTH_LIBEXEC);
		exit(1);
	}
	return fd;
}

void
process_open_programs(struct parent *p)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *folder;

	if (n <= 0)
		PANIC("/proc is needed");
	self[n] = '\0';
	folder = dirname(self);
	p->nstaff = p->daemon->nroles;
	p->staff = mem_array(p->nstaff, sizeof(*p->staff));
	for (size_t i = 0; i < p->nstaff; i++)
		p->staff[i] = (struct staff){
			.role = &p->daemon->roles[i],
			.program =
			    open_program(folder, p->daemon->roles[i].program),
			.restart =
			    timer_new(p->loop, restart_due, &p->staff[i]),
			.parent = p,
		};
}

void
process_lock_in(struct parent *p)
{
	int *programs = mem_array(p->nstaff, sizeof(*programs));

	for (size_t i = 0; i < p->nstaff; i++)
		programs[i] = p->staff[i].program;
	sandbox_enter_parent(programs, p->nstaff);
	mem_free(&programs);
}

/* ---- opening words ---- */

void
process_settings(struct parent *p, struct buf *out)
{
	const struct conf_daemon *d = p->daemon->section(p->conf);
	struct settings s = {
		.hostname = p->conf->hostname,
		.domains = p->conf->domains,
		.ndomains = p->conf->ndomains,
		.state = (char[]){ "." },
		.message_size_limit = p->conf->message_size_limit,
		.max_connections = d->max_connections,
		.max_connections_per_address = d->max_connections_per_address,
		.max_connections_per_minute = d->max_connections_per_minute,
		.max_sessions_per_account = d->max_sessions_per_account,
		.max_recipients = p->conf->max_recipients,
		.plaintext_auth = d->plaintext_auth,
		.channel_binding = d->channel_binding,
	};

	settings_put(out, &s);
}

bool
process_is_front(const struct process *r)
{
	return r->staff->role->listeners != 0;
}

void
process_send_tls(struct process *r)
{
	int fds[2] = { r->parent->certificate, r->parent->key };

	if (fds[0] >= 0 && r->channel != NULL)
		channel_send_fds(r->channel, IPC_TLS, 0, NO_SPAN, fds, 2);
}

static void
opening_words(struct process *r)
{
	struct parent *p = r->parent;
	struct buf b = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	process_settings(p, &b);
	channel_send(r->channel, IPC_SETTINGS, r->account, buf_span(&b));
	buf_free(&b);
	if (process_is_front(r))
		process_send_tls(r);
	for (size_t i = 0; i < p->nbound; i++) {
		uint8_t kind = (uint8_t)p->bound[i].kind;

		if (r->staff->role->listeners & (1U << kind))
			channel_send_fds(r->channel, IPC_LISTENER, 0,
			    (struct span){ (const char *)&kind, 1 },
			    &p->bound[i].fd, 1);
	}
	channel_send(r->channel, IPC_START, 0, NO_SPAN);
}

/* ---- start ---- */

/* In the child, between fork and exec: nothing but system calls. */
NORETURN static void
become_role(const struct process *r, int program, int channel)
{
	char account[24], program_name[64];
	char *argv[] = { program_name, (char[]){ "                " }, NULL,
		NULL, NULL };
	static char *no_environment[] = { NULL };
	const char *role = role_name(r->staff->role->kind);
	const char *name = strrchr(r->staff->role->program, '/');
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(program_name, sizeof(program_name), "%s",
	    name != NULL ? name + 1 : r->staff->role->program);
	snprintf(argv[1], 16, "%s", role);
	snprintf(
	    account, sizeof(account), "%llu", (unsigned long long)r->account);
	argv[2] = (char *)(uintptr_t)r->parent->daemon->name;
	argv[3] = r->account != 0 ? account : NULL;
	if (dup2(channel, PARENT_FD) == PARENT_FD &&
	    syscall(SYS_close_range, PARENT_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) ==
		0)
#ifdef HEARTH_SANITIZE
		syscall(SYS_execveat, program, "", argv, environ,
		    0x1000 /* AT_EMPTY_PATH */);
	(void)no_environment;
#else
		syscall(SYS_execveat, program, "", argv, no_environment,
		    0x1000 /* AT_EMPTY_PATH */);
#endif
	_exit(127);
}

static void
heard(void *arg, struct channel *ch, struct channel_msg *m)
{
	struct process *r = arg;

	(void)ch;
	r->heard_ms = clock_mono_ms();
	serve_message(r, m);
}

static void
hung_up(void *arg, struct channel *ch)
{
	struct process *r = arg;

	(void)ch;
	channel_free(&r->channel);
	if (!r->ending)
		kill(r->pid, SIGKILL); /* it cannot serve without us */
}

static struct process *
start(struct staff *staff, uint64_t account)
{
	static const struct channel_handler handler = { heard, hung_up };
	struct parent *p = staff->parent;
	struct process *r;
	int fds[2];

	if (p->nprocesses >= PROCESSES_MAX || channel_pair(fds) != H_OK)
		return NULL;
	r = mem_alloc(sizeof(*r));
	*r = (struct process){
		.parent = p,
		.staff = staff,
		.account = account,
		.number = ++p->last_number,
		.started_ms = clock_mono_ms(),
		.heard_ms = clock_mono_ms(),
	};
	r->pid = fork();
	if (r->pid == 0)
		become_role(r, staff->program, fds[1]);
	close(fds[1]);
	if (r->pid < 0) {
		log_errno(
		    LOG_ERROR, "fork-failed", role_name(staff->role->kind));
		close(fds[0]);
		mem_free(&r);
		return NULL;
	}
	r->channel = channel_new(p->loop, fds[0], &handler, r);
	r->next = p->processes;
	p->processes = r;
	p->nprocesses++;
	opening_words(r);
	return r;
}

/* ---- who died young ---- */

static struct late **
find_late(const struct staff *staff, uint64_t account)
{
	struct late **at = &staff->parent->late;

	while (
	    *at != NULL && ((*at)->staff != staff || (*at)->account != account))
		at = &(*at)->next;
	return at;
}

static int64_t
not_before(const struct staff *staff, uint64_t account)
{
	const struct late *l = *find_late(staff, account);

	return l != NULL ? l->not_before : 0;
}

static void
forget(struct late **at)
{
	struct late *l = *at;

	*at = l->next;
	mem_free(&l);
}

/* Who dies young is started again later and later, but always again; the first
 * time at once. */
static void
learn_from_death(const struct process *r)
{
	struct late **at = &r->parent->late, *l;
	int64_t now = clock_mono_ms();
	int64_t most = r->ready ? DELAY_READY_MS : DELAY_MOST_MS;

	while (*at != NULL)
		if (now - (*at)->not_before > FORGIVEN_MS)
			forget(at);
		else
			at = &(*at)->next;
	at = find_late(r->staff, r->account);
	if (now - r->started_ms >= EARLY_MS || r->ending) {
		if (*at != NULL)
			forget(at);
		return;
	}
	if ((l = *at) == NULL) {
		*at = l = mem_alloc(sizeof(*l)); /* at the end of the list */
		l->staff = r->staff;
		l->account = r->account;
	}
	if (l->delay_ms > most)
		l->delay_ms = most;
	l->not_before = now + l->delay_ms;
	l->delay_ms = l->delay_ms == 0 ? DELAY_FIRST_MS : l->delay_ms * 2;
}

static struct process *
serving(const struct staff *staff, uint64_t account)
{
	for (struct process *r = staff->parent->processes; r != NULL;
	     r = r->next)
		if (r->staff == staff && r->account == account && !r->ending &&
		    r->channel != NULL)
			return r;
	return NULL;
}

enum herr
process_get(struct parent *p, enum role_kind kind, uint64_t account,
    struct process **out)
{
	struct staff *staff = NULL;

	for (size_t i = 0; i < p->nstaff; i++)
		if (p->staff[i].role->kind == kind)
			staff = &p->staff[i];
	if (staff == NULL)
		return H_BUSY;
	if (!staff->role->per_account)
		account = 0;
	if (hold_has(p, account))
		return H_BUSY;
	/*
	 * Who asks may have seen the old one go before we did: a process that
	 * is killed closes its channel to us first of all.
	 */
	if ((*out = serving(staff, account)) != NULL) {
		if (!channel_is_over((*out)->channel))
			return H_OK;
		hung_up(*out, (*out)->channel);
	}
	if (p->ending || clock_mono_ms() < not_before(staff, account))
		return H_BUSY;
	return (*out = start(staff, account)) != NULL ? H_OK : H_BUSY;
}

/* Somebody connects to a front that does not run: it will find the connection
 * waiting. */
static void
knocked(void *arg, unsigned events)
{
	struct staff *staff = arg;

	(void)events;
	staff->knocked = true;
	start_or_later(staff);
}

static void
listen_for_knocks(struct staff *staff, bool wanted)
{
	struct parent *p = staff->parent;

	for (size_t i = 0; i < p->nbound; i++) {
		struct bound *b = &p->bound[i];

		if ((staff->role->listeners & (1U << b->kind)) == 0)
			continue;
		if (b->knock == NULL)
			b->knock = watch_new(p->loop, b->fd, 0, knocked, staff);
		watch_set(b->knock, wanted ? LOOP_READ : 0);
	}
}

static void
start_or_later(struct staff *staff)
{
	int64_t now = clock_mono_ms(), when = not_before(staff, 0);
	bool waits = staff->role->on_demand && !staff->knocked;

	if (staff->parent->ending || staff->role->per_account ||
	    serving(staff, 0) != NULL)
		return;
	listen_for_knocks(staff, waits);
	if (waits)
		return;
	if (now < when) {
		timer_set(staff->restart, when - now);
	} else if (start(staff, 0) == NULL) {
		timer_set(staff->restart, DELAY_MOST_MS);
	} else {
		staff->knocked = false;
	}
}

static void
restart_due(void *arg)
{
	start_or_later(arg);
}

void
process_start_all(struct parent *p)
{
	for (size_t i = 0; i < p->nstaff; i++)
		start_or_later(&p->staff[i]);
}

/* ---- end ---- */

struct process *
process_numbered(struct parent *p, uint64_t number)
{
	struct process *r = p->processes;

	while (r != NULL && r->number != number)
		r = r->next;
	return r != NULL && r->channel != NULL ? r : NULL;
}

void
process_drain(struct process *r)
{
	if (r->ending)
		return;
	r->ending = true;
	r->ending_ms = clock_mono_ms();
	if (r->channel != NULL)
		channel_send(r->channel, IPC_DRAIN, 0, NO_SPAN);
	start_or_later(r->staff); /* the place is free */
}

static void
log_process(enum log_level level, const char *event, const struct process *r,
    const char *key, int64_t value)
{
	struct log_line l;

	log_begin(&l, level, event);
	log_text(&l, "role", role_name(r->staff->role->kind));
	if (r->account != 0)
		log_number(&l, "account", (int64_t)r->account);
	log_number(&l, "pid", r->pid);
	log_number(&l, key, value);
	log_end(&l);
}

void
process_misbehaved(struct process *r, const char *why)
{
	struct log_line l;

	log_begin(&l, LOG_ERROR, "role-misbehaved");
	log_text(&l, "role", role_name(r->staff->role->kind));
	log_number(&l, "account", (int64_t)r->account);
	log_number(&l, "pid", r->pid);
	log_text(&l, "why", why);
	log_end(&l);
	channel_free(&r->channel); /* nothing more is heard of it */
	kill(r->pid, SIGKILL);
}

static void
buried(struct parent *p, pid_t pid, int status)
{
	struct process **at = &p->processes, *r;

	while (*at != NULL && (*at)->pid != pid)
		at = &(*at)->next;
	if ((r = *at) == NULL)
		return;
	*at = r->next;
	p->nprocesses--;
	if (WIFSIGNALED(status))
		log_process(
		    LOG_ERROR, "role-died", r, "signal", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0 || !r->ending)
		log_process(
		    LOG_ERROR, "role-died", r, "status", WEXITSTATUS(status));
	channel_free(&r->channel);
	learn_from_death(r);
	serve_gone(r);
	start_or_later(r->staff);
	mem_free(&r);
	hold_look(p);
}

void
process_reap(struct parent *p)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		buried(p, pid, status);
}

static bool
hangs(const struct process *r, int64_t now)
{
	return now - r->heard_ms > (r->ready ? HANGS_MS : STARTS_MS) ||
	       (r->ending && now - r->ending_ms > LEAVES_MS);
}

void
process_ping(struct parent *p)
{
	int64_t now = clock_mono_ms();

	for (struct process *r = p->processes; r != NULL; r = r->next) {
		if (hangs(r, now)) {
			log_process(LOG_ERROR, "role-hangs", r, "ms",
			    now - r->heard_ms);
			kill(r->pid, SIGKILL);
		} else if (r->channel != NULL) {
			channel_send(r->channel, IPC_PING, 0, NO_SPAN);
		}
	}
}
