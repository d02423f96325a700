/* The directory: accounts, aliases, resolution, logins, publication, damage. */
#include "mailstore/directory.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/wire.h"
#include "mailstore/directory_int.h"
#include "tests/unit/scratch.h"

static char example[] = "example.test", another[] = "other.test";
static char *domains[] = { example, another };
static char *folder;

static int
setup(void **state)
{
	(void)state;
	folder = scratch_folder();
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	scratch_remove(&folder);
	return 0;
}

static struct directory *
opened(void)
{
	struct directory *d = NULL;

	assert_int_equal(directory_open(&d, folder), H_OK);
	directory_domains(d, domains, COUNT_OF(domains));
	return d;
}

static struct directory *
published(void)
{
	struct directory *d = NULL;

	assert_int_equal(directory_open_published(&d, folder), H_OK);
	directory_domains(d, domains, COUNT_OF(domains));
	return d;
}

static const struct directory_credential credential = { .iterations = 1,
	.salt = { 1, 2, 3 },
	.stored_key = { 4, 5, 6 },
	.server_key = { 7 } };

static uint64_t
add(struct directory *d, const char *address)
{
	uint64_t id = 0, next = 0;

	assert_int_equal(directory_next_id(d, &next), H_OK);
	assert_int_equal(
	    directory_add_account(d, span_of(address), &credential, &id), H_OK);
	assert_int_equal(id, next);
	return id;
}

static enum herr
alias(struct directory *d, const char *address, const char *targets)
{
	struct span list[DIRECTORY_TARGETS_MAX + 1];
	struct scan s = scan_over(span_of(targets));
	size_t n = 0;

	while (scan_more(&s)) {
		list[n++] = scan_until(&s, " ", 320);
		scan_spaces(&s);
	}
	return directory_add_alias(d, span_of(address), list, n);
}

static void
test_accounts(void **state)
{
	struct directory *d = opened();
	struct directory_account a;
	uint64_t alice = add(d, "alice@example.test"), bob, id;

	(void)state;
	bob = add(d, "bob@example.test");
	assert_true(bob > alice);
	assert_int_equal(directory_add_account(
			     d, SPAN("bob@example.test"), &credential, &id),
	    H_EXISTS);
	assert_int_equal(
	    directory_add_account(d, SPAN("nobody"), &credential, &id),
	    H_INVALID);
	assert_int_equal(
	    directory_account_by_address(d, SPAN("bob@example.test"), &a),
	    H_OK);
	assert_int_equal(a.id, bob);
	assert_string_equal(a.address, "bob@example.test");
	assert_memory_equal(&a.credential, &credential, sizeof(credential));
	assert_int_equal(
	    directory_account_by_address(d, SPAN("Bob@example.test"), &a),
	    H_NOTFOUND);
	assert_int_equal(directory_set_without(d, bob, 9), H_OK);
	assert_int_equal(directory_set_quota(d, bob, 12345), H_OK);
	assert_int_equal(directory_account_by_id(d, bob, &a), H_OK);
	assert_int_equal(a.quota, 12345);
	assert_int_equal(a.without, 9);

	id = 0;
	assert_true(directory_next_account(d, &id, &a));
	assert_int_equal(id, alice);
	assert_true(directory_next_account(d, &id, &a));
	assert_int_equal(id, bob);
	assert_false(directory_next_account(d, &id, &a));

	/* Never the same id twice. */
	assert_int_equal(directory_remove_account(d, bob), H_OK);
	assert_int_equal(directory_remove_account(d, bob), H_NOTFOUND);
	assert_int_equal(directory_set_quota(d, bob, 1), H_NOTFOUND);
	assert_int_equal(
	    directory_set_credential(d, bob, &credential), H_NOTFOUND);
	assert_true(add(d, "bob@example.test") > bob);
	directory_close(&d);
}

static void
test_login_names(void **state)
{
	static const struct {
		const char *name;
		const char *account; /* NULL: nobody */
	} cases[] = {
		{ "alice@example.test", "alice@example.test" },
		{ "ALICE@Example.TEST", "alice@example.test" },
		{ "alice", "alice@example.test" },
		{ "Alice", "alice@example.test" },
		{ "ali", NULL },
		{ "alice@", NULL },
		{ "alice@other.test", NULL },
		{ "carol", NULL }, /* there are two */
		{ "carol@other.test", "carol@other.test" },
		{ "info", NULL }, /* an alias is nobody's login */
		{ "info@example.test", NULL },
		{ "alice+tag@example.test", NULL },
		{ "", NULL },
		{ "@example.test", NULL },
		{ "alice@example.test ", NULL },
		{ "alice\r\n", NULL },
		{ "a@b@c", NULL },
	};
	struct directory *d = opened();
	struct directory_account a;

	(void)state;
	add(d, "alice@example.test");
	add(d, "alice2@example.test");
	add(d, "carol@example.test");
	add(d, "carol@other.test");
	assert_int_equal(
	    alias(d, "info@example.test", "alice@example.test"), H_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		enum herr err =
		    directory_account_by_login(d, span_of(cases[i].name), &a);

		if (cases[i].account == NULL) {
			assert_int_equal(err, H_NOTFOUND);
			continue;
		}
		assert_int_equal(err, H_OK);
		assert_string_equal(a.address, cases[i].account);
	}
	directory_close(&d);
}

/* Targets as "address address"; outside ones with "!" in front. */
static void
resolves(struct directory *d, const char *address, const char *expected)
{
	struct directory_target t[DIRECTORY_TARGETS_MAX];
	struct buf got = BUF_INIT(64 * 1024);
	size_t n = 99;
	enum herr err = directory_resolve(d, span_of(address), t, &n);

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_byte(&got, ' ');
		if (t[i].account == 0)
			buf_byte(&got, '!');
		buf_text(&got, t[i].address);
	}
	buf_byte(&got, '\0');
	assert_string_equal(got.ptr, expected);
	assert_int_equal(err, *expected != '\0' ? H_OK : H_NOTFOUND);
	buf_free(&got);
}

static void
test_resolve(void **state)
{
	struct directory *d = opened();

	(void)state;
	resolves(d, "postmaster@example.test", "");
	add(d, "alice@example.test");
	add(d, "bob@example.test");
	assert_int_equal(alias(d, "team@example.test",
			     "alice@example.test bob@example.test "
			     "eve@far.example alice@example.test"),
	    H_OK);
	assert_int_equal(
	    alias(d, "all@example.test", "team@example.test bob@example.test"),
	    H_OK);
	assert_int_equal(
	    alias(d, "ping@example.test", "pong@example.test"), H_OK);
	assert_int_equal(
	    alias(d, "pong@example.test", "ping@example.test"), H_OK);
	assert_int_equal(alias(d, "loop@example.test",
			     "loop@example.test alice@example.test"),
	    H_OK);
	assert_int_equal(
	    alias(d, "gone@example.test", "nobody@example.test"), H_OK);
	assert_int_equal(
	    alias(d, "bob@example.test", "alice@example.test"), H_EXISTS);

	resolves(d, "alice@example.test", "alice@example.test");
	resolves(d, "alice+list@example.test", "alice@example.test");
	resolves(d, "alice+a+b@example.test", "alice@example.test");
	resolves(d, "team+x@example.test",
	    "alice@example.test bob@example.test !eve@far.example");
	resolves(d, "all@example.test",
	    "bob@example.test alice@example.test !eve@far.example");
	resolves(d, "ping@example.test", "");
	resolves(d, "loop@example.test", "alice@example.test");
	resolves(d, "gone@example.test", "");
	resolves(d, "nobody@example.test", "");
	resolves(d, "alice@other.test", "");
	resolves(d, "eve@far.example", "");
	resolves(d, "", "");

	/* RFC 5321, 4.5.1; RFC 2142, 4: the first account, until aliased. */
	resolves(d, "postmaster@example.test", "alice@example.test");
	resolves(d, "postmaster@other.test", "alice@example.test");
	resolves(d, "abuse@other.test", "alice@example.test");
	resolves(d, "postmaster@far.example", "");
	assert_int_equal(
	    alias(d, "abuse@other.test", "bob@example.test"), H_OK);
	resolves(d, "abuse@other.test", "bob@example.test");
	directory_close(&d);
}

static void
test_deep_and_wide(void **state)
{
	struct directory *d = opened();
	struct directory_target t[DIRECTORY_TARGETS_MAX];
	struct span many[DIRECTORY_TARGETS_MAX + 1];
	char name[2][64], wide[DIRECTORY_TARGETS_MAX + 1][64];
	size_t n;

	(void)state;
	add(d, "alice@example.test");
	assert_int_equal(
	    alias(d, "a1@example.test", "alice@example.test"), H_OK);
	for (int i = 2; i <= 11; i++) {
		snprintf(name[0], sizeof(name[0]), "a%d@example.test", i);
		snprintf(name[1], sizeof(name[1]), "a%d@example.test", i - 1);
		assert_int_equal(alias(d, name[0], name[1]), H_OK);
	}
	resolves(d, "a10@example.test", "alice@example.test");
	assert_int_equal(
	    directory_resolve(d, SPAN("a11@example.test"), t, &n), H_LIMIT);

	for (size_t i = 0; i < COUNT_OF(wide); i++) {
		snprintf(wide[i], sizeof(wide[i]), "u%zu@far.example", i);
		many[i] = span_of(wide[i]);
	}
	assert_int_equal(directory_add_alias(d, SPAN("wide@example.test"), many,
			     COUNT_OF(many)),
	    H_LIMIT);
	assert_int_equal(directory_add_alias(d, SPAN("wide@example.test"), many,
			     COUNT_OF(many) - 1),
	    H_OK);
	assert_int_equal(
	    directory_resolve(d, SPAN("wide@example.test"), t, &n), H_OK);
	assert_int_equal(n, DIRECTORY_TARGETS_MAX);
	assert_int_equal(alias(d, "wider@example.test",
			     "wide@example.test alice@example.test"),
	    H_OK);
	assert_int_equal(
	    directory_resolve(d, SPAN("wider@example.test"), t, &n), H_LIMIT);
	directory_close(&d);
}

static void
test_senders(void **state)
{
	struct directory *d = opened();
	uint64_t alice = add(d, "alice@example.test");
	uint64_t bob = add(d, "bob@example.test");

	(void)state;
	assert_int_equal(
	    alias(d, "team@example.test", "alice@example.test eve@far.example"),
	    H_OK);
	assert_true(
	    directory_may_send_as(d, alice, SPAN("alice@example.test")));
	assert_true(
	    directory_may_send_as(d, alice, SPAN("alice+x@example.test")));
	assert_true(directory_may_send_as(d, alice, SPAN("team@example.test")));
	assert_true(
	    directory_may_send_as(d, alice, SPAN("postmaster@other.test")));
	assert_false(directory_may_send_as(d, bob, SPAN("team@example.test")));
	assert_false(directory_may_send_as(d, bob, SPAN("alice@example.test")));
	assert_false(directory_may_send_as(d, 0, SPAN("team@example.test")));
	assert_false(directory_may_send_as(d, 99, SPAN("bob@example.test")));
	assert_false(directory_may_send_as(d, alice, SPAN("eve@far.example")));
	directory_close(&d);
}

static void
test_alias_list(void **state)
{
	struct directory *d = opened();
	struct directory_alias a;
	char at[321] = "";

	(void)state;
	add(d, "m@example.test");
	assert_false(directory_next_alias(d, at, &a));
	assert_int_equal(alias(d, "z@example.test", "m@example.test"), H_OK);
	assert_int_equal(
	    alias(d, "b@example.test", "m@example.test x@far.example"), H_OK);
	assert_int_equal(alias(d, "b@example.test", "y@far.example"), H_OK);
	assert_true(directory_next_alias(d, at, &a));
	assert_string_equal(a.address, "b@example.test");
	assert_int_equal(a.ntargets, 1);
	assert_string_equal(a.targets[0], "y@far.example");
	assert_true(directory_next_alias(d, at, &a));
	assert_string_equal(a.address, "z@example.test");
	assert_false(directory_next_alias(d, at, &a));
	assert_int_equal(
	    directory_remove_alias(d, SPAN("z@example.test")), H_OK);
	assert_int_equal(
	    directory_remove_alias(d, SPAN("z@example.test")), H_NOTFOUND);
	assert_int_equal(
	    directory_remove_alias(d, SPAN("m@example.test")), H_NOTFOUND);
	directory_close(&d);
}

/* A copy stays as it was; the next one has the change; the old one knows. */
static void
test_published(void **state)
{
	struct directory *d = opened(), *copy = published(), *next;
	struct directory_account a;
	uint8_t ours[DIRECTORY_SECRET_LEN], theirs[DIRECTORY_SECRET_LEN];

	(void)state;
	assert_int_equal(directory_secret(d, ours), H_OK);
	assert_int_equal(directory_secret(copy, theirs), H_OK);
	assert_memory_equal(ours, theirs, sizeof(ours));
	assert_false(directory_is_stale(copy));
	add(d, "alice@example.test");
	assert_true(directory_is_stale(copy));
	assert_false(directory_is_stale(d));
	assert_int_equal(
	    directory_account_by_address(copy, SPAN("alice@example.test"), &a),
	    H_NOTFOUND);
	next = published();
	assert_false(directory_is_stale(next));
	assert_int_equal(
	    directory_account_by_address(next, SPAN("alice@example.test"), &a),
	    H_OK);
	directory_close(&next);
	directory_close(&copy);
	directory_close(&d);
}

static void
test_published_later(void **state)
{
	struct directory *d, *copy;
	struct directory_account a;
	char path[256];

	(void)state;
	assert_int_equal(directory_open_published(&d, folder), H_NOTFOUND);
	assert_null(d);
	d = opened();
	add(d, "alice@example.test");
	snprintf(path, sizeof(path), "%s/published/directory", folder);
	/* As after a crash between the change and its publication. */
	assert_int_equal(unlink(path), 0);
	directory_close(&d);
	d = opened();
	copy = published();
	assert_int_equal(
	    directory_account_by_address(copy, SPAN("alice@example.test"), &a),
	    H_OK);
	directory_close(&copy);
	directory_close(&d);
}

static void
test_one_writer(void **state)
{
	struct directory *d = opened();
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		struct directory *other;

		_exit(directory_open(&other, folder));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), H_BUSY);
	directory_close(&d);
}

static char said[2000];

static void
say(void *arg, const char *fault)
{
	(void)arg;
	snprintf(
	    said + strlen(said), sizeof(said) - strlen(said), "%s\n", fault);
}

static void
test_verify(void **state)
{
	struct directory *d = opened();
	uint64_t bob;

	(void)state;
	said[0] = '\0';
	add(d, "alice@example.test");
	bob = add(d, "bob@example.test");
	assert_int_equal(alias(d, "b@example.test", "bob@example.test"), H_OK);
	assert_int_equal(directory_verify(d, say, NULL), 0);
	assert_int_equal(directory_remove_account(d, bob), H_OK);
	assert_int_equal(directory_verify(d, say, NULL), 1);
	assert_string_equal(
	    said, "directory: an alias that leads nowhere: b@example.test\n");
	directory_close(&d);
}

/* In a process of its own: a page that cannot be is its end, in good order. */
static void
read_damaged(void)
{
	struct directory *copy = NULL;
	struct directory_account a;
	uint64_t id = 0;
	pid_t child = fork();
	int status;

	if (child == 0) {
		signal(SIGBUS, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		log_open("test", "directory", 0);
		if (directory_open_published(&copy, folder) == H_OK)
			while (directory_next_account(copy, &id, &a))
				if (memcmp(a.address, "user", 4) != 0)
					_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 75);
}

/* A published file that is cut off or overwritten gives nothing that was not
 * written. */
static void
test_damaged_copy(void **state)
{
	struct directory *d = opened(), *copy = NULL;
	char path[256];
	int fd;

	(void)state;
	for (int i = 0; i < 20; i++) {
		char address[64];

		snprintf(address, sizeof(address), "user%d@example.test", i);
		add(d, address);
	}
	snprintf(path, sizeof(path), "%s/published/directory", folder);
	for (off_t at = 0; at < 20000; at += 512) {
		assert_int_equal(directory_set_quota(d, 1, 7), H_OK);
		fd = open(path, O_WRONLY);
		assert_true(pwrite(fd, "\xff\xfe\xfd", 3, at + 40) == 3);
		close(fd);
		read_damaged();
	}
	assert_int_equal(truncate(path, 5000), 0);
	log_open("test", "directory", 0);
	assert_int_equal(directory_open_published(&copy, folder), H_CORRUPT);
	log_open("test", "directory", LOG_ERROR);
	directory_close(&d);
}

/* Rows of schema 1 lack what a later one has at its end. */
static void
test_older_rows(void **state)
{
	struct directory_account a;
	struct buf row = BUF_INIT(1000);
	size_t old;

	(void)state;
	wire_put_u64(&row, 7);
	wire_put_u64(&row, 1000);
	wire_put_u32(&row, 0);
	wire_put_bytes(&row, (struct span){ "0123456789abcdef", 16 });
	for (int i = 0; i < 2; i++)
		wire_put_bytes(&row, SPAN("0123456789abcdef0123456789abcdef"));
	wire_put_bytes(&row, SPAN("alice@example.test"));
	old = row.len;
	wire_put_u64(&row, 5);
	assert_true(directory_read_account(buf_span(&row), &a));
	assert_int_equal(a.without, 5);
	for (row.len--; row.len > 0; row.len--)
		assert_int_equal(
		    directory_read_account(buf_span(&row), &a), row.len == old);
	row.len = old;
	assert_true(directory_read_account(buf_span(&row), &a));
	assert_int_equal(a.without, 0);
	assert_int_equal(a.quota, 1000);
	buf_free(&row);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_accounts, setup, teardown),
		cmocka_unit_test(test_older_rows),
		cmocka_unit_test_setup_teardown(
		    test_login_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resolve, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_deep_and_wide, setup, teardown),
		cmocka_unit_test_setup_teardown(test_senders, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_alias_list, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_published, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_published_later, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_one_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verify, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_damaged_copy, setup, teardown),
	};

	log_open("test", "directory", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
