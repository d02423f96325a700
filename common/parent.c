/*
 * A daemon's parent from start to end.  The order of parent_main() is the order
 * of privilege: what needs root or a path comes first, then the user, then the
 * state, then the roles; from then on it only hears its roles and the tool.
 */
#include "common/parent.h"

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "common/bind.h"
#include "common/clock.h"
#include "common/identity.h"
#include "common/landlock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/parent_int.h"
#include "common/privilege.h"

enum { FILES_MAX = 65536 };

/* ---- the end ---- */

/*
 * Fronts first, so that nobody new comes; then those behind them, whom fronts
 * need to finish what they have begun.  Account roles at once: it is they who
 * say goodbye to their sessions, through the fronts.
 */
static void
go_on_ending(struct parent *p)
{
	int64_t passed = clock_mono_ms() - p->end_began;
	bool fronts = false;

	for (struct process *r = p->processes; r != NULL; r = r->next)
		if (process_is_front(r))
			fronts = true;
	for (struct process *r = p->processes; r != NULL; r = r->next)
		if (passed >= END_ALL_MS)
			kill(r->pid, SIGKILL);
		else if (process_is_front(r) || !fronts ||
			 r->staff->role->kind == p->daemon->session_role ||
			 passed >= END_FRONTS_MS)
			process_drain(r);
	if (p->processes == NULL)
		loop_stop(p->loop);
}

static void
end(void *arg)
{
	struct parent *p = arg;

	go_on_ending(p);
	timer_set(p->end, TICK_MS / 4);
}

static void
asked_to_end(struct parent *p)
{
	if (p->ending)
		return;
	p->ending = true;
	p->end_began = clock_mono_ms();
	control_tell_systemd("STOPPING=1");
	log_event(LOG_INFO, "ending", p->daemon->name);
	end(p);
}

/* ---- SIGHUP ---- */

static bool
same_listeners(const struct conf_daemon *a, const struct conf_daemon *b)
{
	if (a->nlisteners != b->nlisteners)
		return false;
	for (size_t i = 0; i < a->nlisteners; i++)
		if (a->listeners[i].kind != b->listeners[i].kind ||
		    strcmp(a->listeners[i].text, b->listeners[i].text) != 0)
			return false;
	return true;
}

static void
tell_fronts(struct parent *p)
{
	struct buf limits = BUF_INIT(CHANNEL_PAYLOAD_MAX);

	process_settings(p, &limits);
	for (struct process *r = p->processes; r != NULL; r = r->next)
		if (process_is_front(r) && r->channel != NULL) {
			channel_send(
			    r->channel, IPC_LIMITS, 0, buf_span(&limits));
			process_send_tls(r);
		}
	buf_free(&limits);
}

/* New certificates and limits go to running fronts; what is bad changes
 * nothing. */
static void
reload(struct parent *p)
{
	struct conf *fresh = NULL;

	control_tell_systemd("RELOADING=1");
	if (conf_load(p->conf_path, &fresh) != H_OK)
		log_event(LOG_ERROR, "reload-failed",
		    "the old configuration stays; what is wrong stands above");
	else {
		if (!same_listeners(p->daemon->section(p->conf),
			p->daemon->section(fresh)) ||
		    strcmp(p->conf->state, fresh->state) != 0)
			log_event(LOG_WARN, "restart-needed",
			    "listeners or state have changed");
		conf_free(&p->conf);
		p->conf = fresh;
	}
	if (!parent_read_tls(p))
		log_event(
		    LOG_ERROR, "reload-failed", "the old certificate stays");
	tell_fronts(p);
	log_event(LOG_INFO, "reloaded", p->daemon->name);
	control_tell_systemd("READY=1");
}

/* ---- signals and time ---- */

static void
caught(void *arg, int signo)
{
	struct parent *p = arg;

	if (signo == SIGCHLD) {
		process_reap(p);
		if (p->ending)
			go_on_ending(p);
	} else if (signo == SIGHUP) {
		if (!p->ending)
			reload(p);
	} else {
		asked_to_end(p);
	}
}

static void
ping(void *arg)
{
	struct parent *p = arg;

	process_ping(p);
	timer_set(p->ping, PING_MS);
}

static void
tick(void *arg)
{
	struct parent *p = arg;

	bool wait = members_wait(p);

	serve_expire(p);
	if (wait || p->nlogins > 0)
		timer_set(p->tick, TICK_MS);
}

static void
retry(void *arg)
{
	serve_waiting(arg);
}

/* ---- start ---- */

/* The roles of a parent that was killed may hold its sockets a moment longer
 * than it. */
static int
bind_patiently(const char *text)
{
	static const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	int fd = bind_listener(text);

	for (int tries = 0; fd < 0 && errno == EADDRINUSE && tries < 20;
	     tries++) {
		nanosleep(&pause, NULL);
		fd = bind_listener(text);
	}
	return fd;
}

/* Once, while ports below 1024 may be bound; roles get them by descriptor. */
static bool
bind_all(struct parent *p)
{
	const struct conf_daemon *d = p->daemon->section(p->conf);

	p->bound = mem_array(d->nlisteners + 1, sizeof(*p->bound));
	for (size_t i = 0; i < d->nlisteners; i++) {
		int fd = bind_patiently(d->listeners[i].text);

		if (fd < 0) {
			fprintf(stderr, "%s: cannot listen on %s: %s\n",
			    p->daemon->name, d->listeners[i].text,
			    errno == EADDRINUSE ? "another program does"
						: strerror(errno));
			return false;
		}
		p->bound[p->nbound++] =
		    (struct bound){ .kind = d->listeners[i].kind, .fd = fd };
	}
	if (p->nbound == 0)
		fprintf(stderr,
		    "%s: no listener in its section of the configuration\n",
		    p->daemon->name);
	return p->nbound > 0;
}

NORETURN static void
usage(const char *daemon, int status)
{
	fprintf(status == 0 ? stdout : stderr,
	    "usage: hearth-%s -c FILE | --version\n", daemon);
	exit(status);
}

static const char *
options(int argc, char **argv, const char *daemon)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("hearth-%s %s\n", daemon, HEARTH_VERSION);
		exit(0);
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		usage(daemon, 0);
	if (argc != 3 || strcmp(argv[1], "-c") != 0)
		usage(daemon, 2);
	return argv[2];
}

/* Only 0, 1, 2 are ours; roles get /dev/null as their input. */
static void
tidy_descriptors(void)
{
	struct rlimit files;
	int null = open("/dev/null", O_RDWR);

	while (null >= 0 && null <= 2)
		null = dup(null);
	if (null < 0 || dup2(null, 0) != 0) {
		fprintf(stderr, "/dev/null: %s\n", strerror(errno));
		exit(1);
	}
	close(null);
	/* A front has a descriptor for each client. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur =
		    files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void
watch_signals(struct parent *p)
{
	static const int wanted[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		(void)signal_watch_new(p->loop, wanted[i], caught, p);
}

int
parent_main(int argc, char **argv, const struct parent_daemon *daemon)
{
	static struct parent the_parent;
	struct parent *p = &the_parent;
	const char *file = options(argc, argv, daemon->name), *failed;

	p->daemon = daemon;
	p->certificate = p->key = -1;
	log_open(daemon->name, "parent", LOG_INFO);
	tidy_descriptors();
	if (conf_load(file, &p->conf) != H_OK)
		return 1;
	p->conf_path = mem_string(span_of(p->conf->file));
	if (!bind_all(p))
		return 1;
	p->loop = loop_new();
	process_open_programs(p);

	/* While root may: at a reload, `user` must be able to read them. */
	p->conf_folder = identity_open_folder(p->conf);
	if (!parent_read_tls(p))
		return 1;
	identity_take(p->conf);
	if ((failed = privilege_drop()) != NULL) {
		log_errno(LOG_ERROR, "privilege", failed);
		return 1;
	}

	process_lock_in(p);
	p->ping = timer_new(p->loop, ping, p);
	p->tick = timer_new(p->loop, tick, p);
	p->retry = timer_new(p->loop, retry, p);
	p->end = timer_new(p->loop, end, p);
	timer_set(p->ping, PING_MS);
	watch_signals(p);
	control_open(p);
	if (landlock_abi() == 0)
		log_event(LOG_WARN, "landlock-missing",
		    "this kernel has none; seccomp alone locks roles in");
	process_start_all(p);
	loop_run(p->loop);

	control_close(p);
	log_event(LOG_INFO, "ended", daemon->name);
	return 0;
}
