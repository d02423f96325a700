/*
 * Runs a fuzz target over the files of its corpus, tests/fuzz/corpus/TARGET, or
 * over the files and folders that are named: each whole, cut short at every
 * place (of long ones at some), and with bytes changed at random.
 */
#include "tests/fuzz/fuzz.h"

#include "common/mem.h"

#include <dirent.h>
#include <err.h>
#include <sys/stat.h>

enum {
	FILE_MAX = 1 << 20,
	CUTS = 300,     /* of each file */
	CHANGES = 2000, /* of each file */
};

static uint32_t seed = 1;

static uint32_t
next_random(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

/* In memory of that size, so that a sanitizer sees a read behind it. */
static void
run(const unsigned char *data, size_t size)
{
	unsigned char *copy = mem_array(1, size > 0 ? size : 1);

	if (size > 0)
		memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	mem_free(&copy);
}

static void
run_changed(const unsigned char *data, size_t size)
{
	static const unsigned char telling[] = { 0, '\r', '\n', ' ', '"', '(',
		')', '<', '-', ':', ';', '=', 0x7F, 0x80, 0xFF };
	unsigned char *copy = mem_array(1, size);

	memcpy(copy, data, size);
	for (unsigned n = 1 + next_random() % 4; n > 0; n--) {
		size_t at = next_random() % size;

		switch (next_random() % 3) {
		case 0:
			copy[at] = telling[next_random() % COUNT_OF(telling)];
			break;
		case 1: copy[at] = (unsigned char)next_random(); break;
		default: copy[at] = copy[next_random() % size]; break;
		}
	}
	(void)LLVMFuzzerTestOneInput(copy, size);
	mem_free(&copy);
}

static void
run_file(const char *path)
{
	unsigned char *data = mem_array(1, FILE_MAX);
	FILE *f = fopen(path, "r");
	size_t size;

	if (f == NULL)
		err(1, "%s", path);
	size = fread(data, 1, FILE_MAX, f);
	if (ferror(f) || !feof(f))
		errx(1, "%s: cannot be read, or is too long", path);
	(void)fclose(f);
	run(data, size);
	for (size_t i = 0; i < CUTS && i < size; i++)
		run(data, size <= CUTS ? i : next_random() % size);
	for (size_t i = 0; i < CHANGES && size > 0; i++)
		run_changed(data, size);
	mem_free(&data);
}

static unsigned run_path(const char *path);

/* How many files there were. */
static unsigned
run_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	if (dir == NULL)
		err(1, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		struct buf name = BUF_INIT(4096);

		if (entry->d_name[0] == '.')
			continue;
		buf_format(&name, "%s/%s", path, entry->d_name);
		buf_byte(&name, '\0');
		n += run_path(name.ptr);
		buf_free(&name);
	}
	(void)closedir(dir);
	return n;
}

static unsigned
run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		err(1, "%s", path);
	if (S_ISDIR(st.st_mode))
		return run_folder(path);
	run_file(path);
	return 1;
}

/* Where the corpus of the program of that name lies: fuzz_mime -> corpus/mime.
 */
static void
corpus_of(struct buf *path, const char *program)
{
	const char *top = getenv("srcdir"), *name = strrchr(program, '/');

	name = name != NULL ? name + 1 : program;
	if (strncmp(name, "fuzz_", 5) == 0)
		name += 5;
	buf_format(
	    path, "%s/tests/fuzz/corpus/%s", top != NULL ? top : ".", name);
	buf_byte(path, '\0');
}

int
main(int argc, char **argv)
{
	unsigned n = 0;

	run((const unsigned char *)"", 0);
	for (int i = 1; i < argc; i++)
		n += run_path(argv[i]);
	if (argc == 1) {
		struct buf path = BUF_INIT(4096);

		corpus_of(&path, argv[0]);
		n = run_path(path.ptr);
		buf_free(&path);
	}
	if (n == 0)
		errx(1, "no corpus");
	(void)printf("%u files, each cut short and changed\n", n);
	return 0;
}
