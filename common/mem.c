/* Allocation; the only file that calls malloc's family. */
#include "common/mem.h"

#include <unistd.h>

static NORETURN void
out_of_memory(void)
{
	static const char text[] = "<2>event=out-of-memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(EXIT_FAILURE); /* there is nobody left to tell */
	_exit(EXIT_FAILURE);
}

void *
mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *
mem_array(size_t count, size_t size)
{
	/* Zero bytes are one byte, so that NULL always means failure. */
	void *got =
	    (count == 0 || size == 0) ? calloc(1, 1) : calloc(count, size);

	if (got == NULL)
		out_of_memory();
	return got;
}

void *
mem_resize(void *old, size_t count, size_t size)
{
	size_t total;
	void *got;

	if (__builtin_mul_overflow(count, size, &total))
		out_of_memory();
	got = realloc(old, total == 0 ? 1 : total);
	if (got == NULL)
		out_of_memory();
	return got;
}

char *
mem_string(struct span s)
{
	size_t room;
	char *copy;

	if (__builtin_add_overflow(s.len, 1, &room))
		out_of_memory();
	copy = mem_array(1, room);
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	return copy;
}

void
mem_wipe(void *secret, size_t len)
{
	explicit_bzero(secret, len);
}

void
mem_release(void *pointer)
{
	free(pointer);
}
