/*
 * Faults of the store's disk, played through.
 *
 *	crash drive FOLDER LEDGER SEED STEPS [early]
 *	crash sweep FOLDER SEED STEPS MODE STRIDE	every STRIDEth call
 *fails in its turn crash replay FOLDER SEED STEPS none|early FLAGS	power
 *cuts at every flush and acknowledgement
 *
 * Exit status 0: nothing was lost, doubled or damaged.  1: something was.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "tests/crash/crash_drive.h"
#include "tests/crash/crash_inject.h"
#include "tests/unit/store_help.h"

static struct {
	char account[256], ledger[256], log[256];
	const char *seed, *steps;
	uint64_t seed_number;
	uint64_t rng;
} job;

static void
set_number(const char *name, unsigned long value)
{
	char text[24];

	snprintf(text, sizeof text, "%lu", value);
	setenv(name, text, 1);
}

/* The writer in a process of its own; how it ended. */
static int
drive(const char *steps, const char *early)
{
	pid_t pid;
	int status;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		execl("/proc/self/exe", "crash", "drive", job.account,
		    job.ledger, job.seed, steps, early, (char *)NULL);
		_exit(DRIVE_BROKEN);
	}
	if (waitpid(pid, &status, 0) != pid)
		return DRIVE_BROKEN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Looks in a process of its own (an environment never outlives a fork); true if
 * all is right. */
static bool
check(struct span letters, bool quiet)
{
	pid_t pid;
	int status;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		int null = open("/dev/null", O_WRONLY);
		const char *what;

		dup2(null, STDERR_FILENO);
		if (quiet)
			dup2(null, STDOUT_FILENO);
		what = crash_check(job.account, letters, job.seed_number);
		if (what != NULL)
			printf("\tfound: %s; ledger %.*s\n", what,
			    (int)letters.len, letters.ptr);
		fflush(stdout);
		_exit(what == NULL ? 0 : 1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void
clean(void)
{
	help_remove(job.account);
	unlink(job.ledger);
	unlink(job.log);
}

/* ---- every call fails once ---- */

static int
sweep(const char *mode, unsigned long stride)
{
	unsigned long tried = 0, wrong = 0, ends[4] = { 0 };

	setenv("CRASH_MODE", mode, 1);
	for (unsigned long at = 1;; at += stride) {
		struct buf letters = BUF_INIT(1 << 20);
		int end;

		clean();
		set_number("CRASH_AT", at);
		end = drive(job.steps, NULL);
		if (end == DRIVE_BROKEN || end == DRIVE_REFUSED ||
		    (end > 128 && end != 128 + SIGKILL) ||
		    file_read(job.ledger, &letters) != H_OK ||
		    !check(buf_span(&letters), false)) {
			printf("\tcall %lu, mode %s: writer ended %d\n", at,
			    mode, end);
			wrong++;
		}
		buf_free(&letters);
		tried++;
		ends[end == DRIVE_DONE      ? 0
		     : end == DRIVE_RESTART ? 1
		     : end == DRIVE_UNKNOWN ? 2
					    : 3]++;
		if (end == DRIVE_NOT_HIT)
			break;
	}
	clean();
	printf("%s: %lu calls tried (%lu went on, %lu restarted, %lu gave up, "
	       "%lu killed), %lu wrong\n",
	    mode, tried, ends[0], ends[1], ends[2], ends[3] - 1, wrong);
	return wrong > 0;
}

/* ---- power cuts ---- */

enum { PAGE = 4096, SECTOR = 512 };

struct image {
	char *bytes;
	size_t len, room;
};

struct cut {
	struct image disk; /* what is surely there */
	struct image work;
	struct span
	    pending[4096]; /* writes that were not flushed: their records */
	size_t npending;
	unsigned long acks, points, images, wrong;
	bool quiet;
};

static void
image_put(struct image *i, uint64_t offset, const char *bytes, size_t len)
{
	if (offset + len > i->room) {
		size_t room = (size_t)(offset + len) * 2;

		i->bytes = mem_resize(i->bytes, room, 1);
		memset(i->bytes + i->room, 0, room - i->room);
		i->room = room;
	}
	if (offset + len > i->len)
		i->len = (size_t)(offset + len);
	memcpy(i->bytes + offset, bytes, len);
}

static void
image_copy(struct image *to, const struct image *from)
{
	if (to->len > 0)
		memset(to->bytes, 0, to->len);
	to->len = 0;
	image_put(to, 0, from->bytes, from->len);
}

static struct inject_record
head_of(struct span record)
{
	struct inject_record head;

	memcpy(&head, record.ptr, sizeof head);
	return head;
}

static void
apply(struct image *i, struct span record, size_t most)
{
	struct inject_record head = head_of(record);

	image_put(i, head.offset, record.ptr + sizeof head,
	    head.len < most ? head.len : most);
}

static bool
looks_right(struct cut *c)
{
	char *data = file_path(job.account, "data.mdb");
	struct buf letters = BUF_INIT(1 << 20);
	int fd;
	bool right;

	help_remove(job.account);
	mkdir(job.account, 0700);
	fd = open(data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 ||
	    file_write(fd, (struct span){ c->work.bytes, c->work.len }) != H_OK)
		PANIC("cannot write the image of a disk");
	close(fd);
	buf_byte(&letters, 'C');
	for (unsigned long i = 0; i < c->acks; i++)
		buf_text(&letters, "BA");
	buf_byte(&letters, 'B'); /* the next may or may not be there */
	right = check(buf_span(&letters), c->quiet);
	buf_free(&letters);
	mem_free(&data);
	return right;
}

static void
try_image(struct cut *c, const char *variant)
{
	c->images++;
	if (looks_right(c))
		return;
	c->wrong++;
	if (!c->quiet)
		printf("\tafter %lu acknowledgements, %s of what was pending\n",
		    c->acks, variant);
}

/* The power fails now: none of what is pending is there, a random half of its
 * pages, or all but a piece of the last write. */
static void
power_fails(struct cut *c)
{
	c->points++;
	image_copy(&c->work, &c->disk);
	try_image(c, "none");
	if (c->npending == 0)
		return;
	image_copy(&c->work, &c->disk);
	for (size_t i = 0; i < c->npending; i++) {
		struct inject_record head = head_of(c->pending[i]);
		const char *bytes = c->pending[i].ptr + sizeof head;

		for (size_t at = 0; at < head.len; at += PAGE)
			if (help_random(&job.rng) >> 33 & 1)
				image_put(&c->work, head.offset + at,
				    bytes + at,
				    head.len - at < PAGE ? head.len - at
							 : PAGE);
	}
	try_image(c, "half");
	image_copy(&c->work, &c->disk);
	for (size_t i = 0; i + 1 < c->npending; i++)
		apply(&c->work, c->pending[i], SIZE_MAX);
	struct span last = c->pending[c->npending - 1];
	size_t sectors = (head_of(last).len + SECTOR - 1) / SECTOR;
	apply(&c->work, last, help_random(&job.rng) % sectors * SECTOR);
	try_image(c, "a torn end");
}

static void
keep_pending(struct cut *c, struct span record)
{
	if (c->npending ==
	    COUNT_OF(c->pending)) { /* old ones reach the disk by themselves */
		apply(&c->disk, c->pending[0], SIZE_MAX);
		memmove(&c->pending[0], &c->pending[1],
		    --c->npending * sizeof c->pending[0]);
	}
	c->pending[c->npending++] = record;
}

static void
one_record(struct cut *c, struct span record)
{
	switch (head_of(record).type) {
	case RECORD_WRITE: keep_pending(c, record); break;
	case RECORD_DURABLE:
		/* While it is on its way it is pending like others; then it
		 * alone is there. */
		keep_pending(c, record);
		power_fails(c);
		c->npending--;
		apply(&c->disk, record, SIZE_MAX);
		break;
	case RECORD_FLUSH:
		power_fails(c);
		for (size_t i = 0; i < c->npending; i++)
			apply(&c->disk, c->pending[i], SIZE_MAX);
		c->npending = 0;
		break;
	case RECORD_ACK:
		c->acks++;
		power_fails(c);
		break;
	}
}

/* The account as it was made, then the play, recorded. */
static bool
recorded(
    const char *early, const char *flags, struct buf *base, struct buf *log)
{
	char *data = file_path(job.account, "data.mdb");
	int end;

	clean();
	unsetenv("CRASH_MODE");
	end = drive("0", NULL);
	if (end != DRIVE_NOT_HIT || file_read(data, base) != H_OK)
		end = DRIVE_BROKEN;
	mem_free(&data);
	if (end == DRIVE_BROKEN)
		return false;
	setenv("CRASH_MODE", "record", 1);
	setenv("CRASH_LOG", job.log, 1);
	setenv("CRASH_FLAGS", flags, 1);
	end = drive(job.steps, strcmp(early, "none") == 0 ? NULL : early);
	unsetenv("CRASH_MODE");
	unsetenv("CRASH_FLAGS");
	return end == DRIVE_NOT_HIT && file_read(job.log, log) == H_OK;
}

static void
cut_at_every_point(struct cut *c, struct span log)
{
	for (size_t at = 0; at + sizeof(struct inject_record) <= log.len;) {
		struct span record = { log.ptr + at,
			sizeof(struct inject_record) };

		record.len += head_of(record).len;
		one_record(c, record);
		at += record.len;
	}
}

static int
replay(const char *early, const char *flags)
{
	struct buf base = BUF_INIT(1 << 30), log = BUF_INIT(1 << 30);
	struct cut *c = mem_alloc(sizeof *c);
	bool control = strcmp(early, "none") != 0 || strcmp(flags, "0") != 0;
	bool right = false;

	if (recorded(early, flags, &base, &log)) {
		c->quiet = control;
		image_put(&c->disk, 0, base.ptr, base.len);
		cut_at_every_point(c, buf_span(&log));
		right = c->acks > 0 && (c->wrong > 0) == control;
	}
	clean();
	printf("power cuts (%s, flags %s): %lu acknowledged, %lu points, %lu "
	       "disks, %lu wrong%s\n",
	    early, flags, c->acks, c->points, c->images, c->wrong,
	    !control ? ""
	    : right  ? ": caught, as it must be"
		     : ": NOT CAUGHT");
	buf_free(&base);
	buf_free(&log);
	mem_free(&c->disk.bytes);
	mem_free(&c->work.bytes);
	mem_free(&c);
	return right ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc >= 6 && strcmp(argv[1], "drive") == 0)
		return crash_drive(argv[2], argv[3],
		    strtoull(argv[4], NULL, 10),
		    (unsigned)strtoul(argv[5], NULL, 10), argc > 6);
	if (argc != 7) {
		fprintf(stderr,
		    "usage: crash sweep FOLDER SEED STEPS MODE STRIDE\n"
		    "       crash replay FOLDER SEED STEPS none|early FLAGS\n");
		return 2;
	}
	snprintf(job.account, sizeof job.account, "%s/account", argv[2]);
	snprintf(job.ledger, sizeof job.ledger, "%s/ledger", argv[2]);
	snprintf(job.log, sizeof job.log, "%s/log", argv[2]);
	job.seed = argv[3];
	job.seed_number = strtoull(argv[3], NULL, 10);
	job.rng = job.seed_number * 2 + 1;
	job.steps = argv[4];
	return strcmp(argv[1], "sweep") == 0
	           ? sweep(argv[5], strtoul(argv[6], NULL, 10))
	           : replay(argv[5], argv[6]);
}
