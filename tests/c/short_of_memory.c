// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What becomes of a request when memory is short: each of its allocations fails
 * in turn, until none is left to fail.
 *
 *	short_of_memory NLFAULT.ko NLTEST.ko
 *
 * Needs root, and that neither module is loaded.
 */
#include "fault.h"
#include "health.h"
#include "memory.h"
#include "module.h"

#include <sched.h>

/* Messages of a BURST, and listeners to a multicast. */
#define BURST		2
#define LISTENERS	2

/* Of a dump of the counters. */
#define DUMPED		COUNTER_ROWS

static struct datagram out;
static struct received in;
static const char *module_path;
static int log_fd;

/* ---- requests ---- */

/* What the asker notices of an allocation that fails. */
enum outcome {
	NOT_SENT,	/* sendmsg() fails with ENOBUFS */
	REFUSED,	/* an error comes, with a text */
	UNHEARD,	/* the ACK is lost, and recvmsg() fails with ENOBUFS */
	HALF_HEARD,	/* nothing, but one of two listeners: recvmsg() fails with ENOBUFS */
	DONE,		/* nothing, as none fails any more */
};

struct command {
	const char *name;
	uint16_t type;
	uint16_t flags;
	void (*append)(void);
	int shortage;		/* the error of an answer that has no memory */
	int error;		/* what it comes to with memory: FAIL fails */
	enum outcome outcomes[10];	/* of its allocations in their order */
};

static void append_payload(void)
{
	attr_append(&out, NLTEST_A_PAYLOAD, "payload", 7);
}

static void append_delay(void)
{
	attr_append_u32(&out, NLTEST_A_DELAY_US, 10);
}

static void append_burst(void)
{
	attr_append_u32(&out, NLTEST_A_COUNT, BURST);
	attr_append_u32(&out, NLTEST_A_SIZE, 100);
}

static void append_group_burst(void)
{
	append_burst();
	attr_append_u32(&out, NLTEST_A_GROUP, NETLINK_MYGROUP);
}

static void append_parts(void)
{
	attr_append_u32(&out, NLTEST_A_COUNT, 1);
	attr_append_u32(&out, NLTEST_A_SIZE, 100);
}

static void append_errno(void)
{
	attr_append_u32(&out, NLTEST_A_ERRNO, EIO);
}

static void append_failure(void)
{
	attr_append_u32(&out, NLTEST_A_ERRNO, EBUSY);
	attr_append(&out, NLTEST_A_TEXT, "as ordered", 10);
}

static void append_text(void)
{
	message_append(&out, "Hello", 6);
}

static void append_nothing(void)
{
}

/*
 * First comes the request itself, last the ACK. The copy that a multicast makes
 * is for the second listener. A dump has no ACK.
 */
static const struct command commands[] = {
	{ "plain text", 0, NLM_F_ACK, append_text, -ENOMEM, 0,
	  { NOT_SENT, REFUSED, UNHEARD, DONE } },
	{ "ECHO", NLTEST_CMD_ECHO, NLM_F_ACK, append_payload, -ENOMEM, 0,
	  { NOT_SENT, REFUSED, UNHEARD, DONE } },
	{ "gathered ECHO", NLTEST_CMD_ECHO, NLM_F_ACK | NLTEST_F_GATHER, append_payload, -ENOMEM, 0,
	  { NOT_SENT, REFUSED, UNHEARD, DONE } },
	{ "DELAY", NLTEST_CMD_DELAY, NLM_F_ACK, append_delay, -ENOMEM, 0,
	  { NOT_SENT, REFUSED, UNHEARD, DONE } },
	{ "NOTIFY", NLTEST_CMD_NOTIFY, NLM_F_ACK, append_payload, -ENOMEM, 0,
	  { NOT_SENT, REFUSED, HALF_HEARD, UNHEARD, DONE } },
	{ "BURST to the caller", NLTEST_CMD_BURST, NLM_F_ACK, append_burst, -ENOMEM, 0,
	  { NOT_SENT, REFUSED, REFUSED, REFUSED, UNHEARD, DONE } },
	{ "BURST to the group", NLTEST_CMD_BURST, NLM_F_ACK, append_group_burst, -ENOMEM, 0,
	  { NOT_SENT, REFUSED, HALF_HEARD, REFUSED, HALF_HEARD, REFUSED, UNHEARD, DONE } },
	{ "FAIL with a text", NLTEST_CMD_FAIL, 0, append_failure, -ENOMEM, -EBUSY,
	  { NOT_SENT, REFUSED, UNHEARD, DONE } },
	{ "STATS", NLTEST_CMD_STATS, NLM_F_DUMP, append_nothing, -ENOBUFS, 0,
	  { NOT_SENT, REFUSED, DONE } },
	{ "PARTS", NLTEST_CMD_PARTS, NLM_F_DUMP, append_parts, -ENOBUFS, 0,
	  { NOT_SENT, REFUSED, DONE } },
	{ "SET_ERR", NLTEST_CMD_SET_ERR, NLM_F_ACK, append_errno, -ENOMEM, 0,
	  { NOT_SENT, UNHEARD, DONE } },
};

#define COMMANDS	(sizeof(commands) / sizeof(commands[0]))

/* ---- what comes of them ---- */

/* What a socket has heard. */
struct heard {
	int losses;		/* times that recvmsg() failed with ENOBUFS */
	int answers;
	int messages;		/* of a burst, or notifications */
	uint64_t bytes;		/* of both */
	int acks;
	int error;		/* of the last error that came; 0: none */
	bool explained;
};

static void hear(const struct command *command, const struct nlmsghdr *nlh, struct heard *heard)
{
	uint16_t answer = command->type ? command->type : NLMSG_DONE;
	struct refusal refusal;

	if (nlh->nlmsg_type == NLMSG_ERROR && read_refusal(nlh, &refusal)) {
		heard->acks += !refusal.error;
		if (refusal.error) {
			heard->error = refusal.error;
			heard->explained = refusal.text;
		}
	}
	/* Of another type is what remains of a dump. */
	if (nlh->nlmsg_type != answer)
		return;
	if (command->type == NLTEST_CMD_NOTIFY ||
	    (command->type == NLTEST_CMD_BURST && find_attr(nlh, NLTEST_A_PAYLOAD)))
		heard->messages++;
	else
		heard->answers++;
	heard->bytes += nlh->nlmsg_len;
}

/* Reads everything that is there. */
static struct heard listen_to(int fd, const struct command *command)
{
	struct heard heard = { .losses = 0 };
	struct nlmsghdr *nlh;

	while (receive_within(fd, &in, 0) || errno == ENOBUFS) {
		heard.losses += !in.len;
		while ((nlh = next_message(&in)))
			hear(command, nlh, &heard);
	}
	return heard;
}

/* The sockets of a walk through the outcomes. */
struct sockets {
	int asker;
	int listeners[LISTENERS];
};

static struct sockets open_sockets(void)
{
	struct sockets sockets = { .asker = open_family() };

	set_option(sockets.asker, NETLINK_EXT_ACK, 1);
	for (int i = 0; i < LISTENERS; i++)
		sockets.listeners[i] = open_listener();
	return sockets;
}

static void close_sockets(const struct sockets *sockets)
{
	close(sockets->asker);
	for (int i = 0; i < LISTENERS; i++)
		close(sockets->listeners[i]);
}

/* Sends the request while allocations fail from the one after `pass` on; whether it went out. */
static bool ask(int fd, const struct command *command, unsigned int pass, unsigned int fail,
		unsigned int *left)
{
	ssize_t sent;
	int error;

	out.len = 0;
	message_begin(&out, command->type, NLM_F_REQUEST | command->flags, 1 + pass);
	command->append();
	arm(pass, fail);
	sent = send_bytes(fd, out.bytes, out.len);
	error = errno;
	*left = disarm();
	CHECK(sent == (ssize_t)out.len || (sent < 0 && error == ENOBUFS), "%s, %u: sent %zd, %s",
	      command->name, pass, sent, strerror(error));
	return sent >= 0;
}

static void check_next_request(int fd, const struct command *command)
{
	static const struct command echo = { .name = "ECHO", .type = NLTEST_CMD_ECHO, .append = append_payload };
	unsigned int left;
	struct heard heard;

	ask(fd, &echo, 0, 0, &left);
	heard = listen_to(fd, &echo);
	CHECK(heard.answers == 1 && !heard.losses && !heard.error, "after %s: an ECHO brings %d answers",
	      command->name, heard.answers);
}

/* The counters have grown by what was heard, and by no more. */
static void check_counters(const struct command *command, bool sent, bool refused, const struct heard *heard,
			   const struct heard *multicast, const struct counters *before,
			   const struct counters *after)
{
	/* What the first dump counts of itself after its own row, and the second before it. */
	int own = command->type == NLTEST_CMD_STATS;

#define GROWN(name)	(COUNTER(after, command->type, name) - COUNTER(before, command->type, name))
	CHECK_EQUAL(GROWN(RECEIVED), sent + own);
	CHECK_EQUAL(GROWN(REPLIED), heard->answers + own * DUMPED);
	CHECK_EQUAL(GROWN(REFUSED), refused);
	CHECK_EQUAL(GROWN(NOTIFIED), multicast->messages);
	CHECK_EQUAL(GROWN(DELIVERED),
		    command->type == NLTEST_CMD_BURST ? heard->messages + multicast->messages : 0);
	CHECK_EQUAL(GROWN(UNDELIVERED), 0);
	if (!own)
		CHECK_EQUAL(GROWN(TX_BYTES), heard->bytes + multicast->bytes);
#undef GROWN
}

/* Whether the module refuses a request of which `fail` allocations fail, after `pass` that succeed. */
static bool is_refused(const struct command *command, unsigned int pass, unsigned int fail)
{
	bool refused = command->error && pass;

	for (; pass && fail-- && command->outcomes[pass] != DONE; pass++)
		refused |= command->outcomes[pass] == REFUSED;
	return refused;
}

/*
 * One request of which `fail` allocations fail, after `pass` that succeed. The sockets are new: for one that has
 * read much before, netlink_dump() tries a large buffer first.
 */
static void step(const struct command *command, unsigned int pass, unsigned int fail, enum outcome outcome)
{
	struct sockets sockets = open_sockets();
	bool sent, done = outcome == DONE || outcome == HALF_HEARD;
	struct heard heard, multicast[LISTENERS];
	static struct counters before, after;
	unsigned int left;

	get_counters(&before);
	sent = ask(sockets.asker, command, pass, fail, &left);
	heard = listen_to(sockets.asker, command);
	for (int i = 0; i < LISTENERS; i++)
		multicast[i] = listen_to(sockets.listeners[i], command);
	get_counters(&after);

	CHECK_EQUAL(sent, outcome != NOT_SENT);
	CHECK(outcome == DONE ? left == fail : left < fail, "%u of %u have not failed", left, fail);
	CHECK_EQUAL(heard.losses, outcome == UNHEARD);
	CHECK_EQUAL(heard.error, outcome == REFUSED ? command->shortage : done ? command->error : 0);
	CHECK(!heard.error || heard.explained, "no text");
	CHECK_EQUAL(heard.acks, done && command->flags & NLM_F_ACK);
	if (fail == 1)
		CHECK_EQUAL(multicast[0].losses + multicast[1].losses, outcome == HALF_HEARD);

	check_counters(command, sent, is_refused(command, pass, fail), &heard,
		       &multicast[multicast[1].messages > multicast[0].messages], &before, &after);
	check_next_request(sockets.asker, command);
	close_sockets(&sockets);
	if (test_failed)
		printf("# that was %s with %u allocations before %u that fail\n", command->name, pass, fail);
}

static void each_allocation_fails_alone(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		for (unsigned int pass = 0; !test_failed; pass++) {
			enum outcome outcome = commands[i].outcomes[pass];

			step(&commands[i], pass, 1, outcome);
			if (outcome == DONE)
				break;
		}
}

/* Then the error that says so finds no memory, either. */
static void each_allocation_fails_with_all_after_it(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		for (unsigned int pass = 0; commands[i].outcomes[pass] != DONE && !test_failed; pass++)
			step(&commands[i], pass, 1000, pass ? UNHEARD : NOT_SENT);
}

/* Its parts are made as it is read. netlink takes it up again at the next message that the asker reads. */
static void a_dump_that_cannot_go_on_goes_on_later(void)
{
	static const struct command stats = { .name = "STATS", .type = NLTEST_CMD_STATS };
	int fd = open_family();
	struct heard heard;
	unsigned int left;

	out.len = 0;
	message_begin(&out, NLTEST_CMD_STATS, NLM_F_REQUEST | NLM_F_DUMP, 1);
	attr_append_u32(&out, NLTEST_A_SIZE, NLTEST_PAYLOAD_MAX);
	send_datagram(fd, &out);
	arm(0, 1000);
	heard = listen_to(fd, &stats);
	left = disarm();
	CHECK(left < 1000, "nothing was allocated");
	CHECK(heard.losses == 1 && heard.answers > 0 && heard.answers < DUMPED, "%d losses, %d of %d messages",
	      heard.losses, heard.answers, DUMPED);

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 2);
	send_datagram(fd, &out);
	heard.answers += listen_to(fd, &stats).answers;
	CHECK_EQUAL(heard.answers, DUMPED);
	close(fd);
}

/* A buffer that is lost in each round, 768 bytes at least, is more than noise. */
#define ROUNDS		400
#define NOISE_KIB	256

static int failures;

static void many_failures(void)
{
	struct sockets sockets = open_sockets();
	unsigned int left;

	failures = 0;
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < COMMANDS; i++)
			for (unsigned int pass = 0; commands[i].outcomes[pass] != DONE; pass++, failures++) {
				ask(sockets.asker, &commands[i], pass, round % 2 ? 1 : 1000, &left);
				listen_to(sockets.asker, &commands[i]);
				for (int j = 0; j < LISTENERS; j++)
					listen_to(sockets.listeners[j], &commands[i]);
			}
	close_sockets(&sockets);
}

static void failures_leave_nothing_behind(void)
{
	many_failures();
	check_memory(many_failures, "failures", NOISE_KIB);
	printf("# %d failures\n", failures);
}

/* ---- loading ---- */

static bool family_exists(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_TESTFAMILY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void the_module_is_loaded_whole_or_not_at_all(void)
{
	unsigned int pass, failed = 0;
	bool loaded = false;
	int error;

	if (!unload_module("nltest"))
		bail_out("unload nltest");
	for (pass = 0; pass < 1000 && !loaded; pass++) {
		arm(pass, 1);
		loaded = load_module(module_path, "");
		error = errno;
		failed += !disarm();
		if (!loaded) {
			CHECK(error == ENOMEM || error == EADDRINUSE, "errno %d (%s)", error, strerror(error));
			CHECK(!family_exists(), "not loaded, but there");
		}
	}
	NEED(loaded, "%u allocations, and not loaded", pass);
	CHECK(failed > 1, "%u allocations", failed);
	printf("# loading fails in %u ways\n", failed);
	CHECK(alive(), "no answer");
}

static void the_kernel_has_not_complained(void)
{
	check_log(log_fd);
}

#define TEST(name)	{ #name, name }

static const struct test tests[] = {
	TEST(each_allocation_fails_alone),
	TEST(each_allocation_fails_with_all_after_it),
	TEST(a_dump_that_cannot_go_on_goes_on_later),
	TEST(failures_leave_nothing_behind),
	TEST(the_module_is_loaded_whole_or_not_at_all),
	TEST(the_kernel_has_not_complained),
};

int main(int argc, char **argv)
{
	int failed;

	if (argc != 3) {
		fprintf(stderr, "usage: short_of_memory NLFAULT.ko NLTEST.ko\n");
		return 2;
	}
	module_path = argv[2];
	log_fd = open_log();
	if (!load_module(argv[1], ""))
		bail_out("load %s", argv[1]);
	begin_faults();
	if (!load_module(module_path, ""))
		bail_out("load %s", module_path);
	if (unshare(CLONE_NEWNET))
		bail_out("a network namespace of its own");
	failed = run_tests(tests, sizeof(tests) / sizeof(tests[0]));
	unload_module("nltest");
	unload_module("nlfault");
	return failed;
}
