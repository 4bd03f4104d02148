/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How the module is: whether it answers, what the kernel says, what it counts.
 */
#ifndef _NLTEST_HEALTH_H
#define _NLTEST_HEALTH_H

#include "message.h"

/* Whether the module still answers: one ECHO on a socket of its own. */
__attribute__((unused))
static bool alive(void)
{
	static struct datagram out;
	static struct received in;
	int fd = open_family();
	struct nlmsghdr *nlh;
	bool yes = false;

	out.len = 0;
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 4711);
	attr_append(&out, NLTEST_A_PAYLOAD, "alive", 5);
	if (send_datagram(fd, &out) && receive_within(fd, &in, SOON)) {
		nlh = next_message(&in);
		yes = nlh && nlh->nlmsg_type == NLTEST_CMD_ECHO && nlh->nlmsg_seq == 4711;
	}
	close(fd);
	return yes;
}

/* ---- the kernel's log ---- */

/* From here on. */
__attribute__((unused))
static int open_log(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0 || lseek(log, 0, SEEK_END) < 0)
		bail_out("/dev/kmsg");
	return log;
}

/* Whether the kernel has complained since the log was opened. */
__attribute__((unused))
static void check_log(int log)
{
	static const char *const complaints[] = {
		"WARNING:", "BUG:", "Oops", "general protection", "UBSAN", "KASAN", "refcount_t",
		"scheduling while atomic", "soft lockup", "hung_task", "blocked for more than",
		"unregister_netdevice", "Call Trace",
	};
	static char record[8192];
	ssize_t len;

	while ((len = read(log, record, sizeof(record) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		if (len < 0)
			continue;
		record[len] = 0;
		for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
			/* The first one says enough. */
			NEED(!strstr(record, complaints[i]), "the kernel says: %s", record);
	}
}

/* ---- counters ---- */

#define COUNTERS	(NLTEST_A_UNDELIVERED - NLTEST_A_RECEIVED + 1)
#define WHOLE		(-1)

/* Messages of a dump of them: [0] in all, [1] of plain text, then of each command. */
#define COUNTER_ROWS	(2 + NLTEST_CMD_MAX - NLTEST_CMD_MIN + 1)

/* The counters of a namespace. */
struct counters {
	uint64_t value[COUNTER_ROWS][COUNTERS];
	bool interrupted;
};

#define COUNTER(counters, command, name)						\
	((counters)->value[(command) == WHOLE ? 0 : (command) ? 2 + (command) - NLTEST_CMD_MIN : 1] \
			  [NLTEST_A_##name - NLTEST_A_RECEIVED])

/* Reads one message of a dump. */
__attribute__((unused))
static void read_counters(const struct nlmsghdr *nlh, struct counters *counters)
{
	const struct nlattr *command = find_attr(nlh, NLTEST_A_COMMAND);
	uint64_t number = command ? attr_value(command, sizeof(uint32_t)) : 0;
	size_t row = !command ? 0 : !number ? 1 : 2 + number - NLTEST_CMD_MIN;

	if (row >= COUNTER_ROWS) {
		fail_at(__FILE__, __LINE__, "counters of command %llu", (unsigned long long)number);
		return;
	}
	for (int i = 0; i < COUNTERS; i++)
		counters->value[row][i] =
			attr_value(find_attr(nlh, NLTEST_A_RECEIVED + i), sizeof(uint64_t));
	counters->interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
}

/* Asks for all counters on a socket of its own, and reads them. */
__attribute__((unused))
static bool get_counters(struct counters *counters)
{
	static struct datagram out;
	static struct received in;
	int fd = open_family();
	struct nlmsghdr *nlh;
	int messages = 0;

	memset(counters, 0, sizeof(*counters));
	in.len = in.at = out.len = 0;
	message_begin(&out, NLTEST_CMD_STATS, NLM_F_REQUEST | NLM_F_DUMP, 1);
	send_datagram(fd, &out);
	while ((nlh = next_answer(fd, &in)) && nlh->nlmsg_type == NLTEST_CMD_STATS) {
		read_counters(nlh, counters);
		messages++;
	}
	close(fd);
	CHECK(nlh && nlh->nlmsg_type == NLMSG_DONE, "the dump does not end in NLMSG_DONE");
	CHECK_EQUAL(messages, COUNTER_ROWS);
	return nlh && nlh->nlmsg_type == NLMSG_DONE;
}

#endif /* _NLTEST_HEALTH_H */
