/*
 * The tool's child, from both sides.
 *
 *	hearth --child WORK FOLDER [ARGUMENT ...]
 *
 * opens the environment in FOLDER, locks itself in, works, and writes to
 * standard output: "- TEXT" for each thing found, at the end "= NUMBER", an
 * enum herr.
 */
#include "mailstore/tool_child.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/ipc.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/sandbox.h"
#include "common/scan.h"
#include "mailstore/spool.h"
#include "mailstore/store.h"
#include "mailstore/tool_copy.h"
#include "mailstore/tool_mail.h"

enum {
	LINE_LEN_MAX = 4096,
	LINES_MAX = 1000 * 1000,
	SOON_MS = 1000, /* between looks whether a child should go on */
};

/* ---- in the child ---- */

static void
say(void *arg, const char *text)
{
	(void)arg;
	printf("- %s\n", text);
}

static struct store *store;
static struct spool *spool;

/* Every piece of work is given the folder, and behind it what else it needs, as
 * words. */

static enum herr
open_account(char **words)
{
	return store_open(&store, words[0]);
}

static enum herr
open_queue(char **words)
{
	return spool_open(&spool, words[0]);
}

static uint64_t
number(const char *word)
{
	return word != NULL ? strtoull(word, NULL, 10) : 0;
}

static enum herr
verify_account(char **words)
{
	enum herr err = H_OK;

	(void)words;
	(void)store_verify(store, say, NULL, &err);
	return err;
}

static enum herr
set_quota(char **words)
{
	struct store_txn *t = store_begin(store, STORE_WRITE);
	enum herr err = store_set_quota(t, number(words[1]));

	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	return err;
}

static enum herr
verify_queue(char **words)
{
	(void)words;
	(void)spool_verify(spool, say, NULL);
	return H_OK;
}

/* As the queue role answers the same question. */
static enum herr
report_queue(char **words)
{
	struct buf text = BUF_INIT(CHANNEL_PAYLOAD_MAX - 64);
	struct spool_txn *t = spool_begin(spool, false);
	struct scan s;

	spool_report(t, (uint8_t)number(words[1]), number(words[2]), &text);
	spool_abort(&t);
	s = scan_over(buf_span(&text));
	while (scan_more(&s)) {
		struct span line = scan_until(&s, "\n", text.limit);

		scan_need(&s, '\n');
		printf("- %.*s\n", (int)line.len, line.ptr);
	}
	buf_free(&text);
	return H_OK;
}

static const struct work {
	const char *name;
	enum role_kind role; /* how it locks itself in between the two */
	enum herr (*open)(char **words);
	enum herr (*run)(char **words);
} works[] = {
	/* clang-format off */
	{ "verify",       ROLE_TOOL_CHILD, open_account, verify_account },
	{ "quota",        ROLE_TOOL_CHILD, open_account, set_quota },
	{ "verify-queue", ROLE_TOOL_CHILD, open_queue,   verify_queue },
	{ "report-queue", ROLE_TOOL_CHILD, open_queue,   report_queue },
	{ "import",       ROLE_TOOL_CHILD, import_open,  import_run },
	{ "export",       ROLE_TOOL_CHILD, export_open,  export_run },
	{ "copy",         ROLE_TOOL_COPY,  copy_open_account,    copy_account },
	{ "copy-queue",   ROLE_TOOL_COPY,  copy_open_queue,      copy_queue },
	{ "check",        ROLE_TOOL_CHILD, copy_open_copy,       copy_check },
	{ "check-queue",  ROLE_TOOL_CHILD, copy_open_queue_copy, copy_check_queue },
	{ "renew",        ROLE_TOOL_CHILD, copy_open_account,    copy_renew },
	{ "restore",      ROLE_TOOL_CHILD, copy_open_both,       copy_restore },
	{ "bring-back",   ROLE_TOOL_CHILD, copy_open_both,       copy_bring_back },
	{ "repair",       ROLE_TOOL_CHILD, copy_open_repair,     copy_repair },
	{ "renew-queue",  ROLE_TOOL_CHILD, copy_open_queue,      copy_renew_queue },
	/* clang-format on */
};

int
tool_child_main(int argc, char **argv)
{
	static char lines[BUFSIZ];
	char *words[1 + TOOL_CHILD_WORDS + 1] = { NULL };
	const struct work *work = NULL;
	enum herr err;

	if (argc < 2 || argc > 2 + TOOL_CHILD_WORDS)
		return TOOL_USAGE;
	for (size_t i = 0; i < COUNT_OF(works); i++)
		if (strcmp(argv[0], works[i].name) == 0)
			work = &works[i];
	if (work == NULL)
		return TOOL_USAGE;
	for (int i = 1; i < argc; i++)
		words[i - 1] = argv[i];
	/* (Left to itself it would ask what /dev/null is, locked in.) */
	setvbuf(stdout, lines, _IOFBF, sizeof(lines));
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	log_open("hearth", "child", LOG_WARN);
	err = work->open(words);
	sandbox_enter(work->role);
	if (err == H_OK)
		err = work->run(words);
	printf("= %d\n", (int)err);
	/* Without exit handlers, as a role. */
	_exit(fflush(stdout) == 0 ? TOOL_DONE : TOOL_REFUSED);
}

/* ---- in the tool ---- */

/* What is handed over becomes 3, 4, ...; nothing else of ours goes along. */
NORETURN static void
become_child(int program, int out, const struct tool_job *job, char **argv)
{
	int null = open("/dev/null", O_RDONLY), fds[TOOL_CHILD_FDS];
	int first = TOOL_CHILD_FD + TOOL_CHILD_FDS;
	bool good = null >= 0;

	/* First out of the way of each other. */
	program = fcntl(program, F_DUPFD_CLOEXEC, first);
	out = fcntl(out, F_DUPFD_CLOEXEC, first);
	for (size_t i = 0; i < job->nfds; i++)
		fds[i] = fcntl(job->fds[i], F_DUPFD_CLOEXEC, first);
	good = good && program >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	       dup2(out, STDOUT_FILENO) >= 0;
	for (size_t i = 0; i < job->nfds; i++)
		good = good && dup2(fds[i], TOOL_CHILD_FD + (int)i) >= 0;
	if (good && syscall(SYS_close_range, TOOL_CHILD_FD + (int)job->nfds,
			~0U, CLOSE_RANGE_CLOEXEC) == 0)
		syscall(
		    SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
	_exit(127);
}

void
tool_child_become(
    const struct tool *t, const char *work, const char *folder, int socket)
{
	struct tool_job job = { .work = work, .fds = &socket, .nfds = 1 };
	char *argv[] = { mem_string(SPAN("hearth")),
		mem_string(SPAN(TOOL_CHILD_WORD)), mem_string(span_of(work)),
		mem_string(span_of(folder)), NULL };

	become_child(t->program, open("/dev/null", O_WRONLY), &job, argv);
}

/* While it is silent: should it go on? */
static bool
wait_for(FILE *from, const struct tool_job *job)
{
	struct pollfd ready = { .fd = fileno(from), .events = POLLIN };

	while (job->goes_on != NULL && poll(&ready, 1, SOON_MS) == 0)
		if (!job->goes_on(job->arg))
			return false;
	return true;
}

/* Its lines, to the last one, which says how it went. */
static enum herr
listen_to(FILE *from, const struct tool_job *job)
{
	char text[LINE_LEN_MAX];
	enum herr err = H_IO;

	for (int n = 0; n < LINES_MAX; n++) {
		size_t len;

		if (fgets(text, sizeof(text), from) == NULL)
			break;
		len = strlen(text);
		if (len > 0 && text[len - 1] == '\n')
			text[len - 1] = '\0';
		tool_harmless(text);
		if (strncmp(text, "- ", 2) == 0) {
			if (job->line != NULL)
				job->line(job->arg, text + 2);
		} else if (strncmp(text, "= ", 2) == 0) {
			unsigned long last = strtoul(text + 2, NULL, 10);

			err = last <= H_IO ? (enum herr)last : H_IO;
			break;
		}
	}
	return err;
}

enum herr
tool_run_child(const struct tool *t, const struct tool_job *job)
{
	char *argv[4 + TOOL_CHILD_WORDS + 1] = { NULL };
	size_t argc = 0;
	int fds[2], status;
	FILE *from;
	pid_t pid;
	enum herr err;

	assert(job->nfds <= TOOL_CHILD_FDS);
	argv[argc++] = mem_string(SPAN("hearth"));
	argv[argc++] = mem_string(SPAN(TOOL_CHILD_WORD));
	argv[argc++] = mem_string(span_of(job->work));
	argv[argc++] = mem_string(span_of(job->folder));
	for (size_t i = 0; i < TOOL_CHILD_WORDS && job->words[i] != NULL; i++)
		argv[argc++] = mem_string(span_of(job->words[i]));
	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		log_errno(LOG_ERROR, "child", job->work);
		return H_IO;
	}
	if (pid == 0)
		become_child(t->program, fds[1], job, argv);
	close(fds[1]);
	for (size_t i = 0; i < COUNT_OF(argv); i++)
		mem_free(&argv[i]);
	if ((from = fdopen(fds[0], "r")) == NULL)
		PANIC("out of memory");
	err = wait_for(from, job) ? listen_to(from, job) : H_IO;
	fclose(from);
	/* If it is still there it has said too much. */
	if (err == H_IO)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return err;
}

enum herr
tool_child(const struct tool *t, const char *work, const char *folder,
    const char *first, const char *second,
    void (*line)(void *arg, const char *text), void *arg)
{
	return tool_run_child(t, &(struct tool_job){
				     .work = work,
				     .folder = folder,
				     .words = { first, second },
				     .line = line,
				     .arg = arg,
				 });
}
