#include "mailstore/tool_copy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "common/log.h"
#include "mailstore/spool.h"
#include "mailstore/store.h"
#include "mailstore/tool_child.h"

static struct store *store, *other;
static struct spool *spool;

static void
say(void *arg, const char *text)
{
	(void)arg;
	printf("- %s\n", text);
}

/* ---- copies ---- */

enum herr
copy_open_account(char **words)
{
	return store_open(&store, words[0]);
}

enum herr
copy_account(char **words)
{
	(void)words;
	return store_copy_to(store, TOOL_CHILD_FD);
}

enum herr
copy_open_queue(char **words)
{
	return spool_open(&spool, words[0]);
}

enum herr
copy_queue(char **words)
{
	(void)words;
	return spool_copy_to(spool, TOOL_CHILD_FD);
}

/* ---- are they good ---- */

static enum herr
enter(void)
{
	if (fchdir(TOOL_CHILD_FD) == 0)
		return H_OK;
	log_errno(LOG_ERROR, "copy", "folder");
	return H_IO;
}

enum herr
copy_open_copy(char **words)
{
	enum herr err = enter();

	return err == H_OK ? store_open_copy(&store, words[0]) : err;
}

enum herr
copy_check(char **words)
{
	struct store_txn *t = store_begin(store, STORE_READ);
	struct store_usage usage = { 0 };
	enum herr err = H_OK;

	(void)words;
	store_usage(t, &usage);
	printf("- messages %" PRIu64 " modseq %" PRIu64 "\n", usage.messages,
	    store_modseq(t));
	store_abort(&t);
	(void)store_verify(store, say, NULL, &err);
	return err;
}

enum herr
copy_open_queue_copy(char **words)
{
	enum herr err = enter();

	return err == H_OK ? spool_open_copy(&spool, words[0]) : err;
}

enum herr
copy_check_queue(char **words)
{
	(void)words;
	(void)spool_verify(spool, say, NULL);
	return H_OK;
}

/* ---- copies that become what they are copies of ---- */

enum herr
copy_renew(char **words)
{
	return store_renew(
	    store, words[1] != NULL ? strtoull(words[1], NULL, 10) : 0, 0);
}

enum herr
copy_open_both(char **words)
{
	enum herr err = store_open(&store, words[0]);

	if (err == H_OK)
		err =
		    words[1] != NULL ? store_open(&other, words[1]) : H_INVALID;
	return err;
}

enum herr
copy_restore(char **words)
{
	uint64_t messages = 0;
	enum herr err = store_renew_from(store, other, &messages);

	(void)words;
	printf("- messages %" PRIu64 "\n", messages);
	return err;
}

enum herr
copy_bring_back(char **words)
{
	char as[STORE_NAME_MAX + 1] = "";
	uint64_t messages = 0;
	enum herr err;

	if (words[2] == NULL || words[3] == NULL)
		return H_INVALID;
	err = store_bring_back(
	    store, other, span_of(words[2]), span_of(words[3]), as, &messages);
	printf("- name %s\n- messages %" PRIu64 "\n", as, messages);
	return err;
}

enum herr
copy_renew_queue(char **words)
{
	uint64_t held = 0;
	enum herr err = spool_hold_outside(spool, &held);

	(void)words;
	printf("- held %" PRIu64 "\n", held);
	return err;
}

/* ---- repair ---- */

static int damaged = -1;

enum herr
copy_open_repair(char **words)
{
	char path[4096];
	enum herr err;

	if (words[1] == NULL || words[2] == NULL)
		return H_INVALID;
	snprintf(path, sizeof(path), "%s/data.mdb", words[1]);
	damaged = open(path, O_RDONLY | O_CLOEXEC);
	if (damaged < 0)
		return H_NOTFOUND;
	err = store_create_empty(words[0], strtoull(words[2], NULL, 10));
	return err == H_OK ? store_open(&store, words[0]) : err;
}

static void
say_still(void *arg, const char *text)
{
	(void)arg;
	printf("- still: %s\n", text);
}

enum herr
copy_repair(char **words)
{
	struct store_repaired result;
	enum herr err =
	    store_repair(store, damaged, TOOL_CHILD_FD, say, NULL, &result);

	(void)words;
	if (err == H_OK) {
		printf("- messages %" PRIu64 " aside %" PRIu64 "\n",
		    result.messages, result.aside);
		(void)store_verify(store, say_still, NULL, &err);
	}
	return err;
}
