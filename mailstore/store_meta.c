#include "mailstore/store_meta.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/wire.h"

/* Offsets in a meta page; LMDB's own header says the same in C structs. */
enum {
	AT_PAGE = 0,          /* u64: its own number */
	AT_FLAGS = 10,        /* u16 */
	AT_MAGIC = 16,        /* u32 */
	AT_VERSION = 20,      /* u32 */
	AT_MAP_SIZE = 32,     /* u64 */
	AT_FREE_TREE = 40,    /* the tree of free pages */
	AT_MAIN_TREE = 88,    /* the tree of everything else */
	AT_LAST_PAGE = 136,   /* u64 */
	AT_TRANSACTION = 144, /* u64: the newer page has the larger */
	META_LEN = 152,
	/* in a tree */
	TREE_PAGE_SIZE = 0, /* u32, of the free tree only */
	TREE_FLAGS = 4,     /* u16 */
	TREE_DEPTH = 6,     /* u16 */
	TREE_ROOT = 40,     /* u64 */
};

enum {
	PAGE_IS_META = 0x08,
	KEYS_ARE_INTEGERS = 0x08,
	FORMAT = 1,
	DEPTH_MAX = 32,
	LOOKS = 20, /* a writer may be at it while we read */
};
#define MAGIC   0xBEEFC0DEu
#define NO_ROOT UINT64_MAX

static void
meta_write(unsigned char *page, uint64_t number)
{
	memset(page, 0, META_PAGE);
	put_le64(page + AT_PAGE, number);
	put_le16(page + AT_FLAGS, PAGE_IS_META);
	put_le32(page + AT_MAGIC, MAGIC);
	put_le32(page + AT_VERSION, FORMAT);
	put_le64(page + AT_MAP_SIZE, 1024 * 1024);
	put_le32(page + AT_FREE_TREE + TREE_PAGE_SIZE, META_PAGE);
	put_le16(page + AT_FREE_TREE + TREE_FLAGS, KEYS_ARE_INTEGERS);
	put_le64(page + AT_FREE_TREE + TREE_ROOT, NO_ROOT);
	put_le64(page + AT_MAIN_TREE + TREE_ROOT, NO_ROOT);
	put_le64(page + AT_LAST_PAGE, 1);
}

enum herr
meta_create(const char *folder)
{
	unsigned char *pages = mem_array(2, META_PAGE);
	char *path = file_path(folder, "data.mdb");
	enum herr err = H_OK;

	if (access(path, F_OK) != 0) {
		meta_write(pages, 0);
		meta_write(pages + META_PAGE, 1);
		err = file_replace(
		    path, (struct span){ (char *)pages, 2 * META_PAGE }, 0600);
	}
	mem_free(&path);
	mem_free(&pages);
	return err;
}

static bool
tree_is_sane(const unsigned char *tree, unsigned flags, uint64_t last)
{
	uint64_t root = le64(tree + TREE_ROOT);

	return le16(tree + TREE_FLAGS) == flags &&
	       le16(tree + TREE_DEPTH) <= DEPTH_MAX &&
	       (root == NO_ROOT || (root >= 2 && root <= last));
}

/* NULL, or what is wrong.  Of both pages: */
static const char *
head_fault(const unsigned char *m, uint64_t number)
{
	if (le64(m + AT_PAGE) != number || le16(m + AT_FLAGS) != PAGE_IS_META)
		return "no meta page";
	if (le32(m + AT_MAGIC) != MAGIC || le32(m + AT_VERSION) != FORMAT)
		return "not an LMDB file of this format";
	if (le32(m + AT_FREE_TREE + TREE_PAGE_SIZE) != META_PAGE)
		return "pages are not 4 KiB";
	return NULL;
}

/* Of the newer one alone: after a write that failed LMDB leaves a mixture in
 * the other, marked as older. */
static const char *
state_fault(const unsigned char *m)
{
	uint64_t last = le64(m + AT_LAST_PAGE);

	if (last < 1 || last > (UINT64_C(1) << 47) / META_PAGE)
		return "last page is impossible";
	if (!tree_is_sane(m + AT_FREE_TREE, KEYS_ARE_INTEGERS, last) ||
	    !tree_is_sane(m + AT_MAIN_TREE, 0, last))
		return "root of a tree is impossible";
	return NULL;
}

static const char *
metas_look(int fd, struct meta_facts *facts, enum herr *err)
{
	unsigned char m[2][META_LEN];
	const char *fault;
	unsigned newer;

	for (unsigned i = 0; i < 2; i++) {
		ssize_t n = pread(fd, m[i], META_LEN, (off_t)i * META_PAGE);

		if (n < 0) {
			*err = H_IO;
			return strerror(errno);
		}
		if (n != META_LEN)
			return "too short";
		if ((fault = head_fault(m[i], i)) != NULL)
			return fault;
	}
	newer = le64(m[1] + AT_TRANSACTION) > le64(m[0] + AT_TRANSACTION);
	facts->pages = le64(m[newer] + AT_LAST_PAGE) + 1;
	return state_fault(m[newer]);
}

enum herr
meta_look(const char *path, struct meta_facts *facts)
{
	const struct timespec while_a_writer_writes = { .tv_nsec = 1000000 };
	const char *fault = NULL;
	enum herr err = H_OK;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return H_NOTFOUND;
	if (fd < 0 || fstat(fd, &st) != 0) {
		log_errno(LOG_ERROR, "store-open", path);
		if (fd >= 0)
			close(fd);
		return H_IO;
	}
	for (int look = 0; look < LOOKS; look++) {
		err = H_CORRUPT;
		fault = metas_look(fd, facts, &err);
		if (fault == NULL)
			break;
		nanosleep(&while_a_writer_writes, NULL);
	}
	close(fd);
	facts->file = (uint64_t)st.st_size;
	if (fault == NULL)
		return H_OK;

	struct log_line l;
	log_begin(&l, LOG_ERROR, "store-open");
	log_text(&l, "file", path);
	log_text(&l, "error", fault);
	log_end(&l);
	return err;
}

unsigned
meta_states(int fd, struct meta_state states[2])
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++) {
		unsigned char m[META_LEN];

		if (pread(fd, m, META_LEN, (off_t)i * META_PAGE) != META_LEN ||
		    head_fault(m, i) != NULL || state_fault(m) != NULL)
			continue;
		states[n++] = (struct meta_state){
			.transaction = le64(m + AT_TRANSACTION),
			.free_root = le64(m + AT_FREE_TREE + TREE_ROOT),
			.main_root = le64(m + AT_MAIN_TREE + TREE_ROOT),
		};
	}
	if (n == 2 && states[1].transaction > states[0].transaction) {
		struct meta_state older = states[0];

		states[0] = states[1];
		states[1] = older;
	}
	return n;
}
