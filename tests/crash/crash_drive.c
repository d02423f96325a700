/*
 * The writer of a play, and who looks after it was cut short.
 *
 * The ledger is a file of letters, one written as each thing is known:
 *	C  the account is made (acknowledged)
 *	B  a step begins	A  it is committed (acknowledged), or was found
 *to be F  it failed, and was found not to be there
 */
#include "tests/crash/crash_drive.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/crash/crash_inject.h"
#include "tests/crash/crash_play.h"
#include "tests/unit/store_help.h"

enum { TIDY_EVERY = 5, STUCK_AFTER = 60 /* seconds */ };

static int ledger = -1;

static void
note(char letter)
{
	if (write(ledger, &letter, 1) != 1)
		_exit(DRIVE_BROKEN);
}

/* After a failure only a new look says what holds. */
static enum herr
found(struct store *st, uint64_t modseq, bool *there)
{
	struct store_txn *t = store_begin(st, STORE_READ);
	enum herr err = store_error(t);

	*there = err == H_OK && store_modseq(t) >= modseq;
	store_abort(&t);
	return err;
}

/* A full disk may refuse mail that arrives, before anything is changed; all
 * else goes on. */
static bool
may_be_refused(enum herr err, bool at_commit)
{
	const char *mode = getenv("CRASH_MODE");

	return mode == NULL || strcmp(mode, "full") != 0 ||
	       (err == H_FULL && !at_commit);
}

static int
step(struct play *p, struct store *st, unsigned n, bool early)
{
	struct store_txn *t;
	uint64_t modseq;
	enum herr err;
	bool there, at_commit;

	note('B');
	play_clock(n);
	if (play_prepare(p, n, st) != H_OK) {
		note('F');
		return 0;
	}
	t = store_begin(st, STORE_WRITE);
	modseq = store_error(t) == H_OK ? store_modseq(t) : UINT64_MAX;
	err = play_step(p, n, st, t);
	if (err == H_OK && early) { /* what must never be done */
		note('A');
		inject_acknowledged();
	}
	at_commit = err == H_OK;
	if (at_commit)
		err = store_commit(&t);
	else
		store_abort(&t);
	if (err == H_OK) {
		if (!early) {
			note('A');
			inject_acknowledged();
		}
		return 0;
	}
	if (!may_be_refused(err, at_commit))
		return DRIVE_REFUSED;
	if (found(st, modseq, &there) != H_OK)
		return DRIVE_UNKNOWN;
	note(there ? 'A' : 'F');
	if (!there)
		play_undo(p);
	return 0;
}

/* The account, made if it is not there. */
static struct store *
opened(const char *folder)
{
	struct store *st = NULL;
	enum herr err = store_create(folder, 1);

	if (err == H_OK)
		note('C');
	if ((err == H_OK || err == H_EXISTS) && store_open(&st, folder) != H_OK)
		st = NULL;
	return st;
}

int
crash_drive(const char *folder, const char *ledger_path, uint64_t seed,
    unsigned steps, bool early)
{
	struct play *p = play_new(seed);
	struct store *st;
	int status = 0;

	alarm(STUCK_AFTER);
	ledger =
	    open(ledger_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (ledger < 0)
		return DRIVE_BROKEN;
	play_clock(0);
	inject_arm(folder);
	if ((st = opened(folder)) == NULL)
		status = DRIVE_UNKNOWN;
	for (unsigned n = 0; n < steps && status == 0; n++) {
		status = step(p, st, n, early);
		if (n % TIDY_EVERY == TIDY_EVERY - 1)
			store_tidy(st);
	}
	store_close(&st);
	inject_disarm();
	play_free(&p);
	play_end();
	close(ledger);
	if (status != 0)
		return status;
	return inject_hit() ? DRIVE_DONE : DRIVE_NOT_HIT;
}

/* ---- looking ---- */

static void
fault(void *arg, const char *text)
{
	(void)arg;
	printf("\tverify: %s\n", text);
}

static const char *
look(const char *folder, struct play *p, bool uncertain, unsigned next)
{
	struct store *st;
	const char *what;
	enum herr err = store_open(&st, folder);

	if (err != H_OK)
		return herr_text(err);
	if (store_verify(st, fault, NULL, &err) > 0 || err != H_OK)
		what = "verification";
	else {
		what = play_compare(p, st);
		if (what != NULL && uncertain) {
			play_step(p, next, NULL, NULL);
			what = play_compare(p, st) == NULL ? NULL : what;
		}
	}
	store_close(&st);
	return what;
}

const char *
crash_check(const char *folder, struct span letters, uint64_t seed)
{
	struct play *p = play_new(seed);
	unsigned n = 0;
	bool created = false, open_step = false;
	enum herr err;

	alarm(STUCK_AFTER);
	for (size_t i = 0; i < letters.len; i++)
		switch (letters.ptr[i]) {
		case 'C': created = true; break;
		case 'B': open_step = true; break;
		default:
			if (letters.ptr[i] == 'A')
				play_step(p, n, NULL, NULL);
			open_step = false;
			n++;
			break;
		}
	play_clock(n);
	/* Making an account that was cut short can be taken up again. */
	if (!created) {
		err = store_create(folder, 1);
		if (err != H_OK && err != H_EXISTS)
			return herr_text(err);
	}
	return look(folder, p, open_step, n);
}
