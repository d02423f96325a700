#include "mailstore/tool_manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"

enum { FORMAT = 1, PIECE = 256 * 1024, FILE_NAME_MAX = 63 };

/* ---- digests ---- */

static void
put_hex(XXH128_hash_t hash, char digest[MANIFEST_DIGEST_LEN + 1])
{
	snprintf(digest, MANIFEST_DIGEST_LEN + 1, "%016" PRIx64 "%016" PRIx64,
	    (uint64_t)hash.high64, (uint64_t)hash.low64);
}

enum herr
manifest_digest(int fd, uint64_t *size, char digest[MANIFEST_DIGEST_LEN + 1])
{
	XXH3_state_t *state = XXH3_createState();
	char *piece = mem_alloc(PIECE);
	enum herr err = H_OK;
	ssize_t n;

	if (state == NULL)
		PANIC("out of memory");
	XXH3_128bits_reset(state);
	*size = 0;
	while ((n = pread(fd, piece, PIECE, (off_t)*size)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			log_errno(LOG_ERROR, "backup", "read");
			err = H_IO;
			break;
		}
		XXH3_128bits_update(state, piece, (size_t)n);
		*size += (uint64_t)n;
	}
	put_hex(XXH3_128bits_digest(state), digest);
	XXH3_freeState(state);
	mem_free(&piece);
	return err;
}

/* ---- writing ---- */

void
manifest_begin(struct buf *b, int64_t taken)
{
	buf_format(b,
	    "hearth-backup %d\nversion " HEARTH_VERSION "\ntaken %" PRId64 "\n",
	    FORMAT, taken);
}

void
manifest_add_file(
    struct buf *b, const char *name, uint64_t size, const char *digest)
{
	buf_format(b, "file %s %" PRIu64 " %s\n", name, size, digest);
}

void
manifest_add_account(struct buf *b, uint64_t id, uint64_t messages,
    uint64_t modseq, const char *address)
{
	buf_format(b, "account %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", id,
	    messages, modseq, address);
}

void
manifest_end(struct buf *b)
{
	char digest[MANIFEST_DIGEST_LEN + 1];

	put_hex(XXH3_128bits(b->ptr, b->len), digest);
	buf_format(b, "end %s\n", digest);
}

/* ---- reading ---- */

static struct span
next_line(struct span *text)
{
	struct scan s = scan_over(*text);
	struct span line = scan_until(&s, "\n", MANIFEST_MAX);

	scan_need(&s, '\n');
	*text = scan_rest(&s);
	return line;
}

/* "WORD VALUE": the value. */
static bool
is_line(struct span line, const char *word, struct scan *value)
{
	*value = scan_over(line);
	scan_word(value, word);
	scan_need(value, ' ');
	return !value->bad;
}

/* The last line says what all before it must be. */
static bool
is_whole(struct span text)
{
	char digest[MANIFEST_DIGEST_LEN + 1];
	size_t last = sizeof("end ") - 1 + MANIFEST_DIGEST_LEN + 1;
	struct span end;

	if (text.len <= last)
		return false;
	end = (struct span){ text.ptr + text.len - last, last };
	put_hex(XXH3_128bits(text.ptr, text.len - last), digest);
	return memcmp(end.ptr, "end ", 4) == 0 &&
	       memcmp(end.ptr + 4, digest, MANIFEST_DIGEST_LEN) == 0 &&
	       end.ptr[last - 1] == '\n';
}

enum herr
manifest_check(struct span text, int64_t *taken)
{
	struct scan s;
	bool whole = is_whole(text);

	if (!is_line(next_line(&text), "hearth-backup", &s))
		return H_INVALID;
	if (whole && scan_number(&s, UINT32_MAX) != FORMAT)
		return H_VERSION;
	while (whole && text.len > 0)
		if (is_line(next_line(&text), "taken", &s)) {
			*taken = (int64_t)scan_number(&s, INT64_MAX);
			return scan_done(&s) ? H_OK : H_INVALID;
		}
	return H_INVALID;
}

bool
manifest_next_file(struct span text, size_t *at, char name[64], uint64_t *size,
    char digest[MANIFEST_DIGEST_LEN + 1])
{
	struct span rest = { text.ptr + *at, text.len - *at };

	while (rest.len > 0) {
		struct scan s;
		struct span word, hex;

		if (!is_line(next_line(&rest), "file", &s))
			continue;
		word = scan_until(&s, " ", FILE_NAME_MAX);
		scan_need(&s, ' ');
		*size = scan_number(&s, INT64_MAX);
		scan_need(&s, ' ');
		hex = scan_take(&s, MANIFEST_DIGEST_LEN);
		if (!scan_done(&s) || word.len == 0)
			continue;
		memcpy(name, word.ptr, word.len);
		name[word.len] = '\0';
		memcpy(digest, hex.ptr, hex.len);
		digest[hex.len] = '\0';
		*at = text.len - rest.len;
		return true;
	}
	return false;
}

bool
manifest_find(struct span text, const char *name, uint64_t *size,
    char digest[MANIFEST_DIGEST_LEN + 1])
{
	char found[64];
	size_t at = 0;

	while (manifest_next_file(text, &at, found, size, digest))
		if (strcmp(found, name) == 0)
			return true;
	return false;
}
