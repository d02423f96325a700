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

enum {
	LINE_LEN_MAX = 4096,
	LINES_MAX = 1000 * 1000,
	ARGUMENTS_MAX = 2,
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

static enum herr
open_account(const char *folder)
{
	return store_open(&store, folder);
}

static enum herr
open_queue(const char *folder)
{
	return spool_open(&spool, folder);
}

static enum herr
verify_account(const uint64_t *argument)
{
	enum herr err = H_OK;

	(void)argument;
	(void)store_verify(store, say, NULL, &err);
	return err;
}

static enum herr
set_quota(const uint64_t *argument)
{
	struct store_txn *t = store_begin(store, STORE_WRITE);
	enum herr err = store_set_quota(t, argument[0]);

	if (err == H_OK)
		return store_commit(&t);
	store_abort(&t);
	return err;
}

static enum herr
verify_queue(const uint64_t *argument)
{
	(void)argument;
	(void)spool_verify(spool, say, NULL);
	return H_OK;
}

/* As the queue role answers the same question. */
static enum herr
report_queue(const uint64_t *argument)
{
	struct buf text = BUF_INIT(CHANNEL_PAYLOAD_MAX - 64);
	struct spool_txn *t = spool_begin(spool, false);
	struct scan s;

	spool_report(t, (uint8_t)argument[0], argument[1], &text);
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
	enum herr (*open)(const char *folder);
	enum herr (*run)(const uint64_t *argument);
} works[] = {
	/* clang-format off */
	{ "verify",       open_account, verify_account },
	{ "quota",        open_account, set_quota },
	{ "verify-queue", open_queue,   verify_queue },
	{ "report-queue", open_queue,   report_queue },
	/* clang-format on */
};

int
tool_child_main(int argc, char **argv)
{
	uint64_t argument[ARGUMENTS_MAX] = { 0 };
	const struct work *work = NULL;
	enum herr err;

	if (argc < 2 || argc > 2 + ARGUMENTS_MAX)
		return TOOL_USAGE;
	for (size_t i = 0; i < COUNT_OF(works); i++)
		if (strcmp(argv[0], works[i].name) == 0)
			work = &works[i];
	if (work == NULL)
		return TOOL_USAGE;
	for (int i = 2; i < argc; i++)
		argument[i - 2] = strtoull(argv[i], NULL, 10);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	log_open("hearth", "child", LOG_WARN);
	err = work->open(argv[1]);
	sandbox_enter(ROLE_TOOL_CHILD);
	if (err == H_OK)
		err = work->run(argument);
	printf("= %d\n", (int)err);
	/* Without exit handlers, as a role. */
	_exit(fflush(stdout) == 0 ? TOOL_DONE : TOOL_REFUSED);
}

/* ---- in the tool ---- */

NORETURN static void
become_child(int program, int out, char **argv)
{
	int null = open("/dev/null", O_RDONLY);

	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(out, STDOUT_FILENO) >= 0 &&
	    syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		syscall(
		    SYS_execveat, program, "", argv, environ, AT_EMPTY_PATH);
	_exit(127);
}

/* Nothing that a terminal would act on. */
static void
make_harmless(char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < 0x20 && *text != '\t') ||
		    *text == 0x7f)
			*text = '?';
}

/* Its lines, to the last one, which says how it went. */
static enum herr
listen_to(FILE *from, void (*line)(void *arg, const char *text), void *arg)
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
		make_harmless(text);
		if (strncmp(text, "- ", 2) == 0)
			line(arg, text + 2);
		else if (strncmp(text, "= ", 2) == 0) {
			unsigned long number = strtoul(text + 2, NULL, 10);

			err = number <= H_IO ? (enum herr)number : H_IO;
			break;
		}
	}
	return err;
}

enum herr
tool_child(const struct tool *t, const char *work, const char *folder,
    const char *first, const char *second,
    void (*line)(void *arg, const char *text), void *arg)
{
	const char *words[] = { "hearth", TOOL_CHILD_WORD, work, folder, first,
		second };
	char *argv[COUNT_OF(words) + 1] = { NULL };
	int fds[2], status;
	FILE *from;
	pid_t pid;
	enum herr err;

	for (size_t i = 0; i < COUNT_OF(words) && words[i] != NULL; i++)
		argv[i] = mem_string(span_of(words[i]));
	fflush(NULL);
	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		log_errno(LOG_ERROR, "child", work);
		return H_IO;
	}
	if (pid == 0)
		become_child(t->program, fds[1], argv);
	close(fds[1]);
	for (size_t i = 0; i < COUNT_OF(argv); i++)
		mem_free(&argv[i]);
	if ((from = fdopen(fds[0], "r")) == NULL)
		PANIC("out of memory");
	err = listen_to(from, line, arg);
	fclose(from);
	/* If it is still there it has said too much. */
	if (err == H_IO)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return err;
}
