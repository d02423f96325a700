/* hearth.conf: it is read, or refused with words; what is read is finite and
 * whole.  Its complaints go nowhere. */
#include "common/conf.h"
#include "common/conf_value.h"
#include "common/scan.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <unistd.h>

static void
load(struct span text)
{
	char path[64];
	struct conf *conf = NULL;
	int fd = memfd_create("conf", MFD_CLOEXEC), nowhere, said;

	if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len)
		PANIC("memfd");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	said = dup(STDERR_FILENO);
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (said < 0 || nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0)
		PANIC("standard error");
	if (conf_load(path, &conf) == H_OK) {
		assert(conf->hostname != NULL && conf->state != NULL);
		for (size_t i = 0; i < conf->nroutes; i++)
			assert(conf->routes[i].domain != NULL);
		conf_free(&conf);
	}
	(void)dup2(said, STDERR_FILENO);
	close(said);
	close(nowhere);
	close(fd);
}

static void
read_value(struct span text)
{
	struct buf value = fuzz_copy(text);
	struct conf_address address;
	uint64_t number;
	bool truth;
	char *domain, *again;

	value.limit = text.len + 1;
	buf_byte(&value, '\0');
	(void)!conf_value_number(value.ptr, &number);
	(void)!conf_value_size(value.ptr, &number);
	(void)!conf_value_bool(value.ptr, &truth);
	(void)!conf_value_host_port(value.ptr);
	if (conf_value_listener(value.ptr, &address))
		assert(conf_value_clash(&address, &address));
	if ((domain = conf_value_domain(value.ptr)) != NULL) {
		again = conf_value_domain(domain);
		assert(again != NULL && strcmp(again, domain) == 0);
		free(domain);
		free(again);
	}
	buf_free(&value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = { (const char *)data, size };

	if (fuzz_take_byte(&input) % 2 == 0)
		load(input);
	else
		read_value(input);
	return 0;
}
