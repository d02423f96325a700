/* Certificate and key, read by the parent and handed to fronts as sealed
 * memory. */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/file.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/parent_int.h"

enum { TLS_FILE_MAX = 256 * 1024 };

/* The content as memory that nobody can change any more, or -1. */
static int
sealed_copy(const struct parent *p, const char *path)
{
	int from = identity_open_configured(p->conf, p->conf_folder, path),
	    to = -1;
	ssize_t n;
	size_t total = 0;
	char bytes[4096];

	if (from >= 0)
		to = memfd_create("tls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (from < 0 || to < 0) {
		log_errno(LOG_ERROR, "tls-unreadable", path);
		if (from >= 0)
			close(from);
		return -1;
	}
	while ((n = read(from, bytes, sizeof(bytes))) > 0) {
		total += (size_t)n;
		if (total > TLS_FILE_MAX ||
		    file_write(to, (struct span){ bytes, (size_t)n }) != H_OK) {
			n = -1;
			errno = EFBIG;
			break;
		}
	}
	mem_wipe(bytes, sizeof(bytes));
	if (n < 0 || fcntl(to, F_ADD_SEALS,
			 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
			     F_SEAL_SEAL) != 0) {
		log_errno(LOG_ERROR, "tls-unreadable", path);
		close(to);
		to = -1;
	}
	close(from);
	return to;
}

bool
parent_read_tls(struct parent *p)
{
	int certificate, key;

	if (p->conf->certificate == NULL || p->conf->key == NULL)
		return true;
	if ((certificate = sealed_copy(p, p->conf->certificate)) < 0)
		return false;
	if ((key = sealed_copy(p, p->conf->key)) < 0) {
		close(certificate);
		return false;
	}
	if (p->certificate >= 0)
		close(p->certificate);
	if (p->key >= 0)
		close(p->key);
	p->certificate = certificate;
	p->key = key;
	return true;
}
