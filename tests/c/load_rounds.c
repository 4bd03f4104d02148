// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Loads and unloads the module, again and again, idle and busy, and looks for
 * what is left behind.
 *
 *	load_rounds MODULE.ko [ROUNDS]
 *
 * Needs root, and that the module is not loaded.
 */
#include "health.h"
#include "memory.h"
#include "module.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

/* Namespaces that are there in every round, so that a leak in each adds up. */
#define NAMESPACES	20

/* More than noise, less than what 100 rounds or 100,000 messages would leak. */
#define NOISE_KIB	1024

static struct datagram out;
static struct received in;
static const char *path;
static int rounds = 100;
static int log_fd;

static bool load(const char *parameters)
{
	return load_module(path, parameters);
}

static bool unload(void)
{
	return unload_module("nltest");
}

static void must_load(void)
{
	if (!load(""))
		bail_out("load the module");
}

static void must_unload(void)
{
	/* A process that is gone has closed its sockets, but the kernel may still be at it. */
	for (int i = 0; i < 1000; i++) {
		if (unload())
			return;
		usleep(1000);
	}
	bail_out("unload the module");
}

static bool family_exists(int protocol)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd >= 0)
		close(fd);
	else
		CHECK(errno == EPROTONOSUPPORT, "socket: %s", strerror(errno));
	return fd >= 0;
}

static pid_t start(void (*run)(void))
{
	pid_t child;

	fflush(stdout);
	child = fork_child();
	if (child < 0)
		bail_out("fork");
	if (!child) {
		run();
		_exit(0);
	}
	return child;
}

static void stop(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* ---- who holds the module ---- */

static void check_held(const char *by)
{
	CHECK(!unload() && errno == EWOULDBLOCK, "unloaded in spite of %s: %s", by, strerror(errno));
}

static void an_open_socket_holds_the_module(void)
{
	int fd;

	must_load();
	fd = open_family();
	check_held("an open socket");
	close(fd);
	must_unload();
	CHECK(!family_exists(NETLINK_TESTFAMILY), "the family outlives the module");
}

static void sleep_in_the_kernel(void)
{
	int fd = open_family();

	for (int i = 0; i < 100; i++) {
		message_begin(&out, NLTEST_CMD_DELAY, NLM_F_REQUEST, i);
		attr_append_u32(&out, NLTEST_A_DELAY_US, NLTEST_DELAY_MAX_US);
	}
	send_datagram(fd, &out);
}

static void a_sleeping_handler_holds_the_module(void)
{
	pid_t sleepers[10];

	must_load();
	for (int i = 0; i < 10; i++)
		sleepers[i] = start(sleep_in_the_kernel);
	usleep(200000);
	check_held("sleeping handlers");
	for (int i = 0; i < 10; i++)
		stop(sleepers[i]);
	must_unload();
}

static void a_dump_under_way_holds_the_module(void)
{
	int fd;

	must_load();
	fd = open_family();
	out.len = 0;
	message_begin(&out, NLTEST_CMD_STATS, NLM_F_REQUEST | NLM_F_DUMP, 1);
	attr_append_u32(&out, NLTEST_A_SIZE, NLTEST_PAYLOAD_MAX);
	send_datagram(fd, &out);
	check_held("a dump");
	close(fd);
	must_unload();
}

/* ---- parameters ---- */

static void a_number_that_is_not_for_us_is_refused(void)
{
	static const char *const wrong[] = {
		"protocol=0", "protocol=22", "protocol=32", "protocol=4294967295", "protocol=-1", "protocol=x",
		"log_text=perhaps",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool loaded = load(wrong[i]);

		CHECK(!loaded && (errno == EINVAL || errno == ERANGE), "%s: %s", wrong[i],
		      loaded ? "loaded" : strerror(errno));
		if (loaded)
			must_unload();
	}
}

static void another_number_is_taken(void)
{
	for (int protocol = 23; protocol <= 31; protocol++) {
		char parameter[32];

		snprintf(parameter, sizeof(parameter), "protocol=%d", protocol);
		NEED(load(parameter), "%s: %s", parameter, strerror(errno));
		CHECK(family_exists(protocol), "%s: the family is not there", parameter);
		if (protocol != NETLINK_TESTFAMILY)
			CHECK(!family_exists(NETLINK_TESTFAMILY), "%s: another family is there", parameter);
		must_unload();
	}
}

/* ---- rounds ---- */

static void send_once(int fd, uint16_t type, uint16_t flags, uint16_t attr, uint32_t value)
{
	out.len = 0;
	message_begin(&out, type, NLM_F_REQUEST | flags, 1);
	if (attr)
		attr_append_u32(&out, attr, value);
	send_datagram(fd, &out);
}

/* Everything at once; nobody reads, and half a dump stays behind. */
static void make_traffic(void)
{
	for (int i = 0; i < 20; i++) {
		int fd = open_listener();

		send_once(fd, NLTEST_CMD_ECHO, NLM_F_ACK, NLTEST_A_PAYLOAD, i);
		send_once(fd, 0, 0, 0, 0);
		send_once(fd, NLTEST_CMD_NOTIFY, 0, 0, 0);
		send_once(fd, NLTEST_CMD_FAIL, 0, NLTEST_A_ERRNO, EPERM);
		send_once(fd, NLTEST_CMD_BURST, 0, NLTEST_A_COUNT, 300);
		send_once(fd, NLTEST_CMD_SET_ERR, 0, NLTEST_A_ERRNO, EIO);
		if (i % 2)
			send_once(fd, NLTEST_CMD_STATS, NLM_F_DUMP, NLTEST_A_SIZE, NLTEST_PAYLOAD_MAX);
		else
			send_once(fd, NLTEST_CMD_PARTS, NLM_F_DUMP, NLTEST_A_COUNT, 300);
		send_once(fd, NLTEST_CMD_DELAY, 0, NLTEST_A_DELAY_US, 500);
		receive_within(fd, &in, 0);
		close(fd);
	}
}

static void a_round(bool busy)
{
	pid_t children[4];

	must_load();
	if (busy) {
		for (int i = 0; i < 4; i++)
			children[i] = start(make_traffic);
		/* Some are killed in the middle of it. */
		usleep(2000);
		stop(children[0]);
		stop(children[1]);
		waitpid(children[2], NULL, 0);
		waitpid(children[3], NULL, 0);
	}
	CHECK(alive(), "no answer");
	must_unload();
}

static void rounds_of_loading_and_unloading(void)
{
	for (int i = 0; i < rounds && !test_failed; i++)
		a_round(i % 2);
	CHECK(!family_exists(NETLINK_TESTFAMILY), "the family outlives the module");
}

/* Opens sockets of a family that comes and goes. */
static void knock(void)
{
	for (;;) {
		int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_TESTFAMILY);

		if (fd < 0)
			continue;
		out.len = 0;
		message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1);
		send_bytes(fd, out.bytes, out.len);
		close(fd);
	}
}

/* Makes and leaves namespaces, which the module enters and leaves with them. */
static void change_namespaces(void)
{
	for (;;)
		if (unshare(CLONE_NEWNET))
			bail_out("unshare");
}

static void loading_and_unloading_among_sockets_and_namespaces_that_come_and_go(void)
{
	pid_t knocker, changer;

	must_load();
	knocker = start(knock);
	changer = start(change_namespaces);
	for (int i = 0; i < 20; i++) {
		usleep(5000);
		must_unload();
		if (!load(""))
			bail_out("load the module");
	}
	stop(knocker);
	stop(changer);
	must_unload();
}

/* ---- what is left ---- */

static void rest(void)
{
	if (unshare(CLONE_NEWNET))
		bail_out("unshare");
	for (;;)
		pause();
}

static void rounds_leave_nothing_behind(void)
{
	pid_t namespaces[NAMESPACES];

	for (int i = 0; i < NAMESPACES; i++)
		namespaces[i] = start(rest);
	/* What is allocated once and kept. */
	a_round(true);
	a_round(false);
	check_memory(rounds_of_loading_and_unloading, "rounds in 21 namespaces", NOISE_KIB);
	for (int i = 0; i < NAMESPACES; i++)
		stop(namespaces[i]);
}

static void echo_and_lose(void)
{
	int fd = open_family();

	receive_size = 4096;
	for (int i = 0; i < 100000 && !test_failed; i++) {
		send_once(fd, i % 10 ? NLTEST_CMD_ECHO : NLTEST_CMD_FAIL, i % 3 ? 0 : NLM_F_ACK,
			  i % 10 ? NLTEST_A_PAYLOAD : NLTEST_A_ERRNO, 1);
		/* Now and then the receiver overflows. */
		if (i % 1000 > 500)
			receive_within(fd, &in, 0);
		if (i % 1000 == 999)
			while (receive_within(fd, &in, 0) || errno == ENOBUFS)
				;
	}
	close(fd);
}

static void messages_leave_nothing_behind(void)
{
	must_load();
	echo_and_lose();
	check_memory(echo_and_lose, "100,000 messages", NOISE_KIB);
	must_unload();
}

static void the_kernel_has_not_complained(void)
{
	check_log(log_fd);
}

#define TEST(name)	{ #name, name }

static const struct test tests[] = {
	TEST(an_open_socket_holds_the_module),
	TEST(a_sleeping_handler_holds_the_module),
	TEST(a_dump_under_way_holds_the_module),
	TEST(a_number_that_is_not_for_us_is_refused),
	TEST(another_number_is_taken),
	TEST(rounds_leave_nothing_behind),
	TEST(messages_leave_nothing_behind),
	TEST(loading_and_unloading_among_sockets_and_namespaces_that_come_and_go),
	TEST(the_kernel_has_not_complained),
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: load_rounds MODULE.ko [ROUNDS]\n");
		return 2;
	}
	path = argv[1];
	if (argc > 2)
		rounds = atoi(argv[2]);
	if (!access("/sys/module/nltest", F_OK)) {
		fprintf(stderr, "nltest is loaded: unload it first (rmmod nltest)\n");
		return 2;
	}
	log_fd = open_log();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
