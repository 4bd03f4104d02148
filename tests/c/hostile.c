// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Those who may not, those who must not hear, and those who do not read: the
 * module's privileges, its namespaces, and receivers that behave badly.
 * Needs root.
 */
#include "health.h"

#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define NOBODY	65534

static struct datagram out;
static struct received in;

/* Runs a function in a process of its own; it fails or passes for the test. */
static void in_child(void (*run)(void *), void *arg)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork_child();
	if (child < 0)
		bail_out("fork");
	if (!child) {
		alarm(60);
		test_failed = false;
		run(arg);
		fflush(stdout);
		_exit(test_failed);
	}
	waitpid(child, &status, 0);
	CHECK(!status, "the process that ran this ended with status %#x", status);
}

static void become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		bail_out("become nobody");
	/* Or else /proc/self belongs to root. */
	prctl(PR_SET_DUMPABLE, 1);
}

static void set_id_map(const char *path, unsigned int inside)
{
	char text[64];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	snprintf(text, sizeof(text), "0 %u 1", inside);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		bail_out("%s", path);
	close(fd);
}

/* Becomes root of a user namespace of its own, which nobody may do. */
static void enter_user_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWUSER))
		bail_out("unshare a user namespace");
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "deny", 4) < 0)
		bail_out("/proc/self/setgroups");
	close(fd);
	set_id_map("/proc/self/uid_map", NOBODY);
	set_id_map("/proc/self/gid_map", NOBODY);
}

/* ---- who may ---- */

static void explained(int fd)
{
	set_option(fd, NETLINK_EXT_ACK, 1);
	set_option(fd, NETLINK_CAP_ACK, 1);
	in.len = in.at = out.len = 0;
}

/* Asks for what needs CAP_NET_ADMIN and for what does not. */
static void ask_everything(int fd, bool admin)
{
	int error = admin ? 0 : -EPERM;
	struct refusal refusal;
	struct nlmsghdr *nlh;

	explained(fd);
	message_begin(&out, NLTEST_CMD_NOTIFY, NLM_F_REQUEST | NLM_F_ACK, 1);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, error, &refusal) && error)
		CHECK(refusal.text && strstr(refusal.text, "CAP_NET_ADMIN"), "text: %s", refusal.text);

	message_begin(&out, NLTEST_CMD_BURST, NLM_F_REQUEST | NLM_F_ACK, 2);
	attr_append_u32(&out, NLTEST_A_COUNT, 1);
	attr_append_u32(&out, NLTEST_A_GROUP, NETLINK_MYGROUP);
	send_datagram(fd, &out);
	if (admin) {
		nlh = next_answer(fd, &in);
		CHECK(nlh && nlh->nlmsg_type == NLTEST_CMD_BURST, "no answer to BURST");
	}
	if (expect_refusal(fd, &in, error, &refusal) && error)
		CHECK(refusal.text && strstr(refusal.text, "CAP_NET_ADMIN"), "text: %s", refusal.text);

	message_begin(&out, NLTEST_CMD_SET_ERR, NLM_F_REQUEST | NLM_F_ACK, 7);
	attr_append_u32(&out, NLTEST_A_ERRNO, EIO);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, error, &refusal) && error)
		CHECK(refusal.text && strstr(refusal.text, "CAP_NET_ADMIN"), "text: %s", refusal.text);

	/* Privileges come before attributes: who may not ask learns nothing else. */
	message_begin(&out, NLTEST_CMD_BURST, NLM_F_REQUEST | NLM_F_ACK, 3);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, admin ? -EINVAL : -EPERM, NULL);

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 4);
	message_begin(&out, 0, 0, 5);
	message_begin(&out, NLTEST_CMD_FAIL, NLM_F_REQUEST, 6);
	attr_append_u32(&out, NLTEST_A_ERRNO, ENOENT);
	send_datagram(fd, &out);
	nlh = next_answer(fd, &in);
	CHECK(nlh && nlh->nlmsg_type == NLTEST_CMD_ECHO, "no answer to ECHO");
	nlh = next_answer(fd, &in);
	CHECK(nlh && nlh->nlmsg_type == NLMSG_DONE, "no answer to plain text");
	expect_refusal(fd, &in, -ENOENT, NULL);
}

static void as_root(void *unused)
{
	(void)unused;
	ask_everything(open_family(), true);
}

static void as_nobody(void *unused)
{
	(void)unused;
	become_nobody();
	ask_everything(open_family(), false);
}

static void opened_by_root(void *unused)
{
	int fd = open_family();

	(void)unused;
	become_nobody();
	ask_everything(fd, false);
}

static void opened_by_nobody(void *unused)
{
	int fd;

	(void)unused;
	if (seteuid(NOBODY))
		bail_out("seteuid");
	fd = open_family();
	if (seteuid(0))
		bail_out("seteuid");
	ask_everything(fd, false);
}

static void in_user_namespace(void *unused)
{
	(void)unused;
	become_nobody();
	enter_user_namespace();
	/* The network namespace is still somebody else's. */
	ask_everything(open_family(), false);
}

static void in_both_namespaces(void *unused)
{
	(void)unused;
	become_nobody();
	enter_user_namespace();
	if (unshare(CLONE_NEWNET))
		bail_out("unshare a network namespace");
	ask_everything(open_family(), true);
}

static void carried_into_a_user_namespace(void *unused)
{
	int fd = open_family();

	(void)unused;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		bail_out("unshare");
	/* Root of its own namespace only; the socket stayed in the old one. */
	ask_everything(fd, false);
}

static void root_may(void)
{
	in_child(as_root, NULL);
}

static void nobody_may_not(void)
{
	in_child(as_nobody, NULL);
}

static void nobody_may_not_with_a_socket_of_roots(void)
{
	in_child(opened_by_root, NULL);
}

static void root_may_not_with_a_socket_of_nobodys(void)
{
	in_child(opened_by_nobody, NULL);
}

static void root_of_a_user_namespace_may_not_in_anothers_network(void)
{
	in_child(in_user_namespace, NULL);
}

static void root_of_a_user_namespace_may_in_its_own_network(void)
{
	in_child(in_both_namespaces, NULL);
}

static void a_socket_keeps_its_namespace(void)
{
	in_child(carried_into_a_user_namespace, NULL);
}

static void listen_as_nobody(void *unused)
{
	int fd;

	(void)unused;
	become_nobody();
	fd = open_listener();
	printf("# listening\n");
	fflush(stdout);
	CHECK(receive_within(fd, &in, SOON), "nobody heard nothing: %s", strerror(errno));
}

static void nobody_may_listen(void)
{
	int fd = open_family(), status;
	pid_t child;

	fflush(stdout);
	child = fork_child();
	if (!child) {
		test_failed = false;
		listen_as_nobody(NULL);
		_exit(test_failed);
	}
	/* Until the child has heard one. */
	for (int i = 0; i < 1000 && !waitpid(child, &status, WNOHANG); i++) {
		out.len = 0;
		message_begin(&out, NLTEST_CMD_NOTIFY, NLM_F_REQUEST, 1);
		send_datagram(fd, &out);
		usleep(10000);
	}
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "the listener ended with status %#x", status);
	close(fd);
}

static void send_to_a_process(void *portid)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = *(uint32_t *)portid };
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd;

	become_nobody();
	fd = open_family();
	CHECK(sendto(fd, "0123456789abcdef", 16, 0, (void *)&to, sizeof(to)) < 0 && errno == EPERM,
	      "nobody may send to other processes: %s", strerror(errno));
	CHECK(sendto(fd, "0123456789abcdef", 16, 0, (void *)&group, sizeof(group)) < 0 && errno == EPERM,
	      "nobody may send to the group: %s", strerror(errno));
}

static void nobody_may_not_send_past_the_kernel(void)
{
	int fd = open_listener();
	uint32_t portid = portid_of(fd);

	in_child(send_to_a_process, &portid);
	CHECK(silent(fd), "something came");
	close(fd);
}

/* ---- namespaces ---- */

static void in_another_namespace(void *unused)
{
	static struct counters c;
	int fd;

	(void)unused;
	if (unshare(CLONE_NEWNET))
		bail_out("unshare");
	CHECK(alive(), "no answer in a new namespace");
	fd = open_family();
	message_begin(&out, NLTEST_CMD_NOTIFY, NLM_F_REQUEST, 1);
	send_datagram(fd, &out);
	get_counters(&c);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_ECHO, RECEIVED), 1);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_NOTIFY, NOTIFIED), 1);
	close(fd);
}

static void namespaces_hear_and_count_nothing_of_each_other(void)
{
	static struct counters before, after;
	int fd = open_listener();

	get_counters(&before);
	in_child(in_another_namespace, NULL);
	CHECK(silent(fd), "heard another namespace's notification");
	get_counters(&after);
	/* One dump, nothing else. */
	CHECK_EQUAL(COUNTER(&after, WHOLE, RECEIVED) - COUNTER(&before, WHOLE, RECEIVED), 1);
	CHECK_EQUAL(COUNTER(&after, WHOLE, NOTIFIED), COUNTER(&before, WHOLE, NOTIFIED));
	close(fd);
}

static void new_namespace(void *unused)
{
	(void)unused;
	if (unshare(CLONE_NEWNET))
		bail_out("unshare");
	CHECK(alive(), "no answer in a new namespace");
}

static void namespaces_come_and_go(void)
{
	for (int i = 0; i < 50; i++)
		in_child(new_namespace, NULL);
}

/* ---- receivers that behave badly ---- */

static void append_echoes(int count)
{
	unsigned char payload[100] = { 0 };

	for (int i = 0; i < count; i++) {
		message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, i);
		attr_append(&out, NLTEST_A_PAYLOAD, payload, sizeof(payload));
	}
}

static void who_never_reads_harms_nobody(void)
{
	static struct counters before, after;
	int fd = open_family();

	get_counters(&before);
	for (int i = 0; i < 100; i++) {
		append_echoes(100);
		send_datagram(fd, &out);
	}
	get_counters(&after);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_ECHO, RECEIVED) -
		    COUNTER(&before, NLTEST_CMD_ECHO, RECEIVED), 10000);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_ECHO, REPLIED) +
		    COUNTER(&after, NLTEST_CMD_ECHO, UNDELIVERED) -
		    COUNTER(&before, NLTEST_CMD_ECHO, REPLIED) -
		    COUNTER(&before, NLTEST_CMD_ECHO, UNDELIVERED), 10000);
	CHECK(COUNTER(&after, NLTEST_CMD_ECHO, UNDELIVERED) >
	      COUNTER(&before, NLTEST_CMD_ECHO, UNDELIVERED), "nothing was lost");
	CHECK(alive(), "no answer to others");
	close(fd);
}

static void a_listener_that_never_reads_harms_nobody(void)
{
	int deaf = open_listener(), listener = open_listener(), fd = open_family();

	for (int i = 0; i < 5000; i++) {
		out.len = 0;
		message_begin(&out, NLTEST_CMD_NOTIFY, NLM_F_REQUEST, i);
		send_datagram(fd, &out);
		if (!receive_within(listener, &in, SOON)) {
			CHECK(false, "notification %d: %s", i, strerror(errno));
			break;
		}
	}
	close(deaf);
	close(listener);
	close(fd);
}

static void closing_in_mid_dump(void)
{
	for (int i = 0; i < 1000; i++) {
		int fd = open_family();

		out.len = 0;
		message_begin(&out, NLTEST_CMD_STATS, NLM_F_REQUEST | NLM_F_DUMP, i);
		attr_append_u32(&out, NLTEST_A_SIZE, NLTEST_PAYLOAD_MAX);
		send_datagram(fd, &out);
		if (i % 2)
			CHECK(receive_within(fd, &in, SOON), "no first part: %s", strerror(errno));
		close(fd);
	}
	CHECK(alive(), "no answer afterwards");
}

static pid_t start_burst(uint32_t count, uint32_t size)
{
	pid_t child;

	fflush(stdout);
	child = fork_child();
	if (!child) {
		int fd = open_family();

		out.len = 0;
		message_begin(&out, NLTEST_CMD_BURST, NLM_F_REQUEST, 1);
		attr_append_u32(&out, NLTEST_A_COUNT, count);
		attr_append_u32(&out, NLTEST_A_SIZE, size);
		send_datagram(fd, &out);
		_exit(0);
	}
	return child;
}

static void killed_in_mid_burst(void)
{
	for (int i = 0; i < 10; i++) {
		pid_t child = start_burst(NLTEST_BURST_MAX, NLTEST_PAYLOAD_MAX);
		uint64_t start;
		int status;

		usleep(20000);
		start = now_us();
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		CHECK(WIFSIGNALED(status), "the burst was over before the kill");
		CHECK(now_us() - start < SOON * 1000ULL, "the burst went on after the kill");
	}
	CHECK(alive(), "no answer afterwards");
}

static void a_port_number_is_used_again(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_pid = 0x70000001 };

	for (int i = 0; i < 500; i++) {
		int fd = open_family();
		struct nlmsghdr *nlh;

		if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
			bail_out("bind");
		CHECK(!receive_within(fd, &in, 0), "something came before anything was sent");
		out.len = 0;
		append_echoes(1);
		send_datagram(fd, &out);
		/* Every second one leaves its answer and half a dump behind. */
		if (i % 2) {
			message_begin(&out, NLTEST_CMD_STATS, NLM_F_REQUEST | NLM_F_DUMP, i);
			attr_append_u32(&out, NLTEST_A_SIZE, NLTEST_PAYLOAD_MAX);
			send_datagram(fd, &out);
		} else {
			in.len = in.at = 0;
			nlh = next_answer(fd, &in);
			CHECK(nlh && nlh->nlmsg_type == NLTEST_CMD_ECHO, "not the answer");
			CHECK(!receive_within(fd, &in, 0), "an answer to the one before");
		}
		close(fd);
	}
}

struct worker {
	uint32_t seed;
	int echoes;
};

static void work(void *arg)
{
	struct worker *worker = arg;
	int fd = open_family();
	uint32_t payload[8];

	receive_size = 4096;
	for (int i = 0; i < worker->echoes; i++) {
		struct nlmsghdr *nlh;
		const struct nlattr *nla;

		for (int j = 0; j < 8; j++)
			payload[j] = worker->seed + i * 8 + j;
		out.len = 0;
		message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, i);
		attr_append(&out, NLTEST_A_PAYLOAD, payload, sizeof(payload));
		if (!send_datagram(fd, &out))
			return;
		in.len = in.at = 0;
		nlh = next_answer(fd, &in);
		nla = nlh ? find_attr(nlh, NLTEST_A_PAYLOAD) : NULL;
		NEED(nla && nlh->nlmsg_seq == (uint32_t)i && attr_len(nla) == sizeof(payload) &&
		     !memcmp(attr_data(nla), payload, sizeof(payload)), "echo %d: not what was sent", i);
	}
}

static void four_senders_are_answered_and_counted_exactly(void)
{
	static struct counters before, after;
	struct worker worker = { .echoes = 25000 };
	pid_t children[4];
	int status;

	get_counters(&before);
	fflush(stdout);
	for (int i = 0; i < 4; i++) {
		children[i] = fork_child();
		if (!children[i]) {
			worker.seed = i << 24;
			test_failed = false;
			work(&worker);
			fflush(stdout);
			_exit(test_failed);
		}
	}
	for (int i = 0; i < 4; i++) {
		waitpid(children[i], &status, 0);
		CHECK(!status, "sender %d ended with status %#x", i, status);
	}
	get_counters(&after);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_ECHO, RECEIVED) -
		    COUNTER(&before, NLTEST_CMD_ECHO, RECEIVED), 100000);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_ECHO, REPLIED) -
		    COUNTER(&before, NLTEST_CMD_ECHO, REPLIED), 100000);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_ECHO, TX_BYTES) -
		    COUNTER(&before, NLTEST_CMD_ECHO, TX_BYTES), 100000 * (16 + 4 + 32));
}

static int log_fd;

static void the_kernel_has_not_complained(void)
{
	check_log(log_fd);
}

#define TEST(name)	{ #name, name }

static const struct test tests[] = {
	TEST(root_may),
	TEST(nobody_may_not),
	TEST(nobody_may_not_with_a_socket_of_roots),
	TEST(root_may_not_with_a_socket_of_nobodys),
	TEST(root_of_a_user_namespace_may_not_in_anothers_network),
	TEST(root_of_a_user_namespace_may_in_its_own_network),
	TEST(a_socket_keeps_its_namespace),
	TEST(nobody_may_listen),
	TEST(nobody_may_not_send_past_the_kernel),
	TEST(namespaces_hear_and_count_nothing_of_each_other),
	TEST(namespaces_come_and_go),
	TEST(who_never_reads_harms_nobody),
	TEST(a_listener_that_never_reads_harms_nobody),
	TEST(closing_in_mid_dump),
	TEST(killed_in_mid_burst),
	TEST(a_port_number_is_used_again),
	TEST(four_senders_are_answered_and_counted_exactly),
	TEST(the_kernel_has_not_complained),
};

int main(void)
{
	if (unshare(CLONE_NEWNET))
		bail_out("a network namespace of its own (root is needed)");
	log_fd = open_log();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
