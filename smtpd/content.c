#include "smtpd/content.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/file.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/record.h"
#include "smtpd/delivery.h"

enum {
	SLACK = 512 *
	        1024, /* one read and a held header beyond CONTENT_MEMORY_MAX */
	WRITE_AT_ONCE = 64 * 1024,
	PIECE = 64 * 1024,
	MEMORY_HELD_MAX =
	    32 * 1024 * 1024, /* by all messages of a process: beyond it only
	                         small ones stay in memory */
	SMALL = 64 * 1024,
	PACKET_SPARE = 1024,
};

/*
 * What all contents of this process hold in memory: many slow senders of large
 * messages must not add up.
 */
static size_t memory_held;

void
content_init(struct content *c)
{
	*c = (struct content){
		.bytes = BUF_INIT(CONTENT_MEMORY_MAX + SLACK),
		.record = BUF_INIT(RECORD_MAX),
		.fd = -1,
	};
}

static void
count_held(struct content *c)
{
	memory_held += c->bytes.len - c->held;
	c->held = c->bytes.len;
}

static void
drop_bytes(struct content *c)
{
	buf_free(&c->bytes);
	count_held(c);
}

void
content_release(struct content *c)
{
	drop_bytes(c);
	buf_free(&c->record);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->size = 0;
}

static enum herr
write_bytes(struct content *c)
{
	enum herr err = file_write(c->fd, buf_span(&c->bytes));

	buf_clear(&c->bytes);
	count_held(c);
	return err;
}

enum herr
content_grew(struct content *c, size_t len)
{
	c->size += len;
	count_held(c);
	if (c->bytes.bad)
		return H_LIMIT;
	if (c->fd >= 0 && c->bytes.len >= WRITE_AT_ONCE)
		return write_bytes(c);
	return H_OK;
}

bool
content_wants_file(const struct content *c)
{
	size_t most =
	    memory_held > MEMORY_HELD_MAX ? SMALL : CONTENT_MEMORY_MAX;

	return c->fd < 0 && c->bytes.len > most;
}

enum herr
content_set_file(struct content *c, int fd)
{
	c->fd = fd;
	return write_bytes(c);
}

static enum herr
make_memory_file(struct content *c)
{
	if ((c->fd = memfd_create(
		 "message", MFD_CLOEXEC | MFD_ALLOW_SEALING)) >= 0)
		return H_OK;
	log_errno(LOG_ERROR, "content", "memfd_create");
	return H_IO;
}

static bool
fits_packet(const struct content *c, size_t others)
{
	size_t len = c->bytes.len + c->record.len;

	return len <= DELIVERY_INLINE_MAX &&
	       len + others + PACKET_SPARE <= CHANNEL_PAYLOAD_MAX;
}

enum herr
content_seal(struct content *c, size_t others)
{
	bool in_memory = c->fd < 0;
	enum herr err = H_OK;

	if (in_memory && fits_packet(c, others))
		return H_OK;
	if (in_memory)
		err = make_memory_file(c);
	if (err == H_OK)
		err = write_bytes(c);
	if (err == H_OK)
		err = file_write(c->fd, buf_span(&c->record));
	/*
	 * A reader reads what it is given; the seal only keeps it from
	 * changing under its hands.
	 */
	if (err == H_OK && in_memory &&
	    fcntl(c->fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) !=
		0) {
		log_errno(LOG_ERROR, "content", "F_ADD_SEALS");
		err = H_IO;
	}
	drop_bytes(c);
	buf_free(&c->record);
	return err;
}

enum herr
content_read(int fd, uint64_t from, uint64_t most,
    enum herr (*each)(void *arg, struct span piece), void *arg, uint64_t *got)
{
	char *piece = mem_alloc(PIECE);
	enum herr err = H_OK;
	ssize_t n = 1;

	*got = 0;
	while (*got < most && n > 0 && err == H_OK) {
		size_t want =
		    most - *got < PIECE ? (size_t)(most - *got) : PIECE;

		n = pread(fd, piece, want, (off_t)(from + *got));
		if (n < 0) {
			log_errno(LOG_ERROR, "content", "pread");
			err = H_IO;
		} else if (n > 0) {
			*got += (uint64_t)n;
			err = each(arg, (struct span){ piece, (size_t)n });
		}
	}
	mem_free(&piece);
	return err;
}

struct span
content_inline_message(const struct content *c)
{
	return c->fd < 0 ? buf_span(&c->bytes) : SPAN("");
}

struct span
content_inline_record(const struct content *c)
{
	return c->fd < 0 ? buf_span(&c->record) : SPAN("");
}
