/*
 * hearth-run WHO FILE DAEMON...: starts daemons, passes signals on, ends with
 * them.  What `hearth run` becomes; WHO is "UID:GID", or "" to stay who we are.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { DAEMONS_MAX = 4 };

static struct {
	pid_t pid[DAEMONS_MAX];
	int count, running;
} daemons;

static void
start(char *program, char *file, const sigset_t *signals)
{
	char flag[] = "-c";
	char *argv[] = { program, flag, file, NULL };
	pid_t here = getpid(), pid = fork();

	if (pid == 0) {
		/* Whatever ends this program, they end in good order. */
		prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
		if (getppid() != here)
			_exit(1);
		sigprocmask(SIG_UNBLOCK, signals, NULL);
		execv(program, argv);
		perror(program);
		_exit(1);
	}
	if (pid < 0) {
		perror("fork");
		return;
	}
	daemons.pid[daemons.count++] = pid;
	daemons.running++;
}

/* The daemons bind their ports as root; this process has no use for it. */
static void
become(const char *who)
{
	unsigned uid, gid;

	if (who[0] == '\0')
		return;
	if (sscanf(who, "%u:%u", &uid, &gid) != 2 || uid == 0 ||
	    setgroups(0, NULL) != 0 || setgid(gid) != 0 || setuid(uid) != 0) {
		fprintf(stderr, "hearth-run: cannot become %s\n", who);
		exit(1);
	}
}

/* A daemon that is still root, just started, cannot be told yet: again then. */
static void
tell(int signo)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (int i = 0; i < daemons.count; i++)
		for (int tries = 0;
		     tries < 200 && daemons.pid[i] > 0 &&
		     kill(daemons.pid[i], signo) != 0 && errno == EPERM;
		     tries++)
			nanosleep(&pause, NULL);
}

/* Returns true if one ended that was not asked to, or ended badly. */
static int
reap(int asked)
{
	int status, bad = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < daemons.count; i++)
			if (daemons.pid[i] == pid) {
				daemons.pid[i] = 0;
				daemons.running--;
				bad |= !asked || !WIFEXITED(status) ||
				       WEXITSTATUS(status) != 0;
			}
	return bad;
}

int
main(int argc, char **argv)
{
	sigset_t signals;
	int asked = 0, bad = 0;

	if (argc < 4 || argc > 3 + DAEMONS_MAX) {
		fprintf(stderr, "This program is started by \"hearth run\".\n");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* for the daemons, too */
	for (int i = 3; i < argc; i++)
		start(argv[i], argv[2], &signals);
	become(argv[1]);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);

	while (daemons.running > 0) {
		int signo = 0;

		if (sigwait(&signals, &signo) != 0)
			continue;
		if (signo == SIGHUP) {
			tell(SIGHUP);
		} else if (signo == SIGCHLD) {
			int failed = reap(asked);

			bad |= failed;
			if (!failed || asked)
				continue;
			asked = 1; /* one is gone: the others go with it */
			tell(SIGTERM);
		} else {
			asked = 1;
			tell(SIGTERM);
		}
	}
	return bad;
}
