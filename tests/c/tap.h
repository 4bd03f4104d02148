/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tests and their results, in the Test Anything Protocol.
 */
#ifndef _NLTEST_TAP_H
#define _NLTEST_TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

struct test {
	const char *name;
	void (*run)(void);
};

static bool test_failed;

__attribute__((format(printf, 3, 4), unused))
static void fail_at(const char *file, int line, const char *format, ...)
{
	va_list args;

	test_failed = true;
	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* Notes a failure and goes on. */
#define CHECK(condition, ...)						\
	do {								\
		if (!(condition))					\
			fail_at(__FILE__, __LINE__, __VA_ARGS__);	\
	} while (0)

/* Ends the test; the value of a failed test does not matter. */
#define NEED(condition, ...)						\
	do {								\
		if (!(condition)) {					\
			fail_at(__FILE__, __LINE__, __VA_ARGS__);	\
			return;						\
		}							\
	} while (0)

#define CHECK_EQUAL(got, wanted)					\
	do {								\
		long long got_ = (got), wanted_ = (wanted);		\
		CHECK(got_ == wanted_, "%s is %lld, not %s (%lld)",	\
		      #got, got_, #wanted, wanted_);			\
	} while (0)

/* Stops everything: the test's own ground is not firm. */
__attribute__((format(printf, 1, 2), noreturn, unused))
static void bail_out(const char *format, ...)
{
	va_list args;

	printf("Bail out! ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(": %s\n", strerror(errno));
	fflush(stdout);
	exit(1);
}

/* fork(2); the child dies with its parent, so that nobody who bails out leaves one behind. */
__attribute__((unused))
static pid_t fork_child(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		bail_out("fork");
	if (!child && (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent))
		_exit(1);
	return child;
}

/* To procfs, sysfs or tracefs. */
__attribute__((unused))
static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		bail_out("%s", path);
	close(fd);
}

__attribute__((unused))
static int run_tests(const struct test *tests, size_t count)
{
	size_t failures = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		test_failed = false;
		tests[i].run();
		failures += test_failed;
		printf("%s %zu - %s\n", test_failed ? "not ok" : "ok", i + 1, tests[i].name);
	}
	printf("# %zu passed, %zu failed\n", count - failures, failures);
	return failures != 0;
}

__attribute__((unused))
static uint64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000ULL + time.tv_nsec / 1000;
}

#endif /* _NLTEST_TAP_H */
