// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The protocol as docs/protocol.md says it, byte by byte. Needs root; makes a
 * network namespace of its own, so that nobody else's messages are counted.
 */
#include "health.h"

#include <sched.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

static struct datagram out;
static struct received in;

/* A request with the flags that every request has. */
static void request(uint16_t type, uint32_t seq)
{
	message_begin(&out, type, NLM_F_REQUEST, seq);
}

static struct nlmsghdr *expect(int fd, uint16_t type, uint32_t seq)
{
	struct nlmsghdr *nlh = next_answer(fd, &in);

	if (!nlh)
		return NULL;
	CHECK(nlh->nlmsg_type == type, "type %#x, not %#x", nlh->nlmsg_type, type);
	CHECK(nlh->nlmsg_seq == seq, "sequence number %u, not %u", nlh->nlmsg_seq, seq);
	return nlh->nlmsg_type == type && nlh->nlmsg_seq == seq ? nlh : NULL;
}

static int open_quiet(void)
{
	int fd = open_family();

	in.len = in.at = out.len = 0;
	return fd;
}

/* With extended ACKs, and without a copy of the request in them. */
static int open_explained(void)
{
	int fd = open_quiet();

	set_option(fd, NETLINK_EXT_ACK, 1);
	set_option(fd, NETLINK_CAP_ACK, 1);
	return fd;
}

static void fill(unsigned char *bytes, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = 1 + (i * 7 + seed) % 255;
}

/* ---- plain text ---- */

static void check_plain_answer(int fd, uint32_t seq)
{
	struct nlmsghdr *nlh = expect(fd, NLMSG_DONE, seq);

	if (!nlh)
		return;
	CHECK_EQUAL(nlh->nlmsg_len, NLMSG_LENGTH(KERNEL_TEXT_LEN));
	CHECK_EQUAL(nlh->nlmsg_flags, 0);
	CHECK_EQUAL(nlh->nlmsg_pid, portid_of(fd));
	CHECK(!memcmp(NLMSG_DATA(nlh), NLTEST_UNICAST_TEXT, KERNEL_TEXT_LEN), "another text");
	check_padding(&in);
}

static void plain_text_is_answered_without_any_flag(void)
{
	char text[1024] = "Hello";
	int fd = open_quiet();

	message_begin(&out, 0, 0, 77);
	message_append(&out, text, sizeof(text));
	send_datagram(fd, &out);
	check_plain_answer(fd, 77);
	CHECK_EQUAL(in.len, NLMSG_SPACE(KERNEL_TEXT_LEN));
	CHECK(silent(fd), "more than one answer");
	close(fd);
}

static void plain_text_needs_neither_nul_nor_text(void)
{
	int fd = open_quiet();

	for (size_t len = 0; len < 9; len++) {
		message_begin(&out, 0, len % 2 ? NLM_F_REQUEST : 0, len);
		message_append(&out, "no end!!", len);
		/* The last one is cut where its text ends: no padding follows. */
		out.len = out.message + NLMSG_LENGTH(len);
		send_datagram(fd, &out);
		check_plain_answer(fd, len);
	}
	close(fd);
}

static void plain_text_is_acknowledged_after_its_answer(void)
{
	int fd = open_quiet();

	message_begin(&out, 0, NLM_F_ACK, 5);
	message_append(&out, "x", 2);
	send_datagram(fd, &out);
	check_plain_answer(fd, 5);
	expect_refusal(fd, &in, 0, NULL);
	CHECK(silent(fd), "more than answer and ACK");
	close(fd);
}

/* ---- the kernel's log ---- */

/* Waits for a record that ends in this text; records are lines of "…;TEXT". */
static bool logged(int log, const char *text)
{
	static char record[8192];
	uint64_t end = now_us() + SOON * 1000ULL;

	do {
		ssize_t len = read(log, record, sizeof(record) - 1);
		char *line;

		if (len < 0 && errno == EPIPE)
			continue;
		if (len < 0) {
			usleep(1000);
			continue;
		}
		record[len] = 0;
		record[strcspn(record, "\n")] = 0;
		line = strchr(record, ';');
		if (line && !strcmp(line + 1, text))
			return true;
	} while (now_us() < end);
	return false;
}

static void plain_text_is_logged(void)
{
	/* /dev/kmsg writes a backslash as \x5c. */
	static const struct {
		const char *text, *line;
	} cases[] = {
		{ "Hello", "Hello" },
		{ "", "" },
		{ "tab\tbell\aesc\033[31mline\nfeed\rreturn", "tab\\x5ctbell\\x5caesc\\x5ce[31mline\\x5cnfeed\\x5crreturn" },
		{ "del\177nel\205", "del\\x5c177nel\\x5c205" },
		{ "%s%n", "%s%n" },
	};
	char line[1024], text[300], shown[241];
	int fd = open_quiet(), log = open_log();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		message_begin(&out, 0, 0, i);
		message_append(&out, cases[i].text, strlen(cases[i].text));
		send_datagram(fd, &out);
		CHECK(logged(log, "nltest: Entering: test_nl_receive_message"), "no first line for %zu", i);
		snprintf(line, sizeof(line), "nltest: Received message: %s", cases[i].line);
		CHECK(logged(log, line), "no line %s", line);
	}

	/* Long texts are cut. */
	memset(text, 'x', sizeof(text));
	memset(shown, 'x', sizeof(shown));
	shown[240] = 0;
	message_begin(&out, 0, 0, 0);
	message_append(&out, text, sizeof(text));
	send_datagram(fd, &out);
	snprintf(line, sizeof(line), "nltest: Received message: %s...", shown);
	CHECK(logged(log, line), "no line for a long text");

	close(log);
	close(fd);
}

static int count_logged(int log)
{
	static char record[8192];
	int count = 0;
	ssize_t len;

	while ((len = read(log, record, sizeof(record) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		if (len < 0)
			continue;
		record[len] = 0;
		count += strstr(record, "nltest: Received message: ") != NULL;
	}
	return count;
}

static void the_log_can_be_switched_off_and_is_never_flooded(void)
{
	int fd = open_quiet(), log = open_log();
	int count;

	write_file("/sys/module/nltest/parameters/log_text", "N");
	message_begin(&out, 0, 0, 1);
	message_append(&out, "quiet", 6);
	send_datagram(fd, &out);
	check_plain_answer(fd, 1);
	CHECK_EQUAL(count_logged(log), 0);

	write_file("/sys/module/nltest/parameters/log_text", "Y");
	for (int i = 0; i < 200; i++) {
		message_begin(&out, 0, 0, i);
		message_append(&out, "flood", 6);
		send_datagram(fd, &out);
		check_plain_answer(fd, i);
	}
	/* 40 in 5 seconds: this loop may take a while where the machine is emulated. */
	count = count_logged(log);
	CHECK(count < 200, "%d of 200 texts were logged", count);
	close(log);
	close(fd);
}

/* ---- ECHO ---- */

static void check_echo(int fd, uint32_t seq, const unsigned char *payload, size_t len)
{
	struct nlmsghdr *nlh = expect(fd, NLTEST_CMD_ECHO, seq);
	const struct nlattr *nla;

	if (!nlh)
		return;
	nla = find_attr(nlh, NLTEST_A_PAYLOAD);
	CHECK_EQUAL(nlh->nlmsg_flags, 0);
	CHECK_EQUAL(nlh->nlmsg_pid, portid_of(fd));
	NEED(nla, "no payload");
	CHECK_EQUAL(attr_len(nla), len);
	CHECK(attr_len(nla) == len && !memcmp(attr_data(nla), payload, len), "another payload");
	CHECK_EQUAL(nlh->nlmsg_len, NLMSG_HDRLEN + NLA_HDRLEN + NLA_ALIGN(len));
}

static void echo_returns_every_length_with_zero_padding(void)
{
	static const size_t more[] = { 100, 1023, 1024, 4095, 4096, 16384, 32767, NLTEST_PAYLOAD_MAX };
	static unsigned char payload[NLTEST_PAYLOAD_MAX];
	int fd = open_quiet();

	for (size_t i = 0; i < 65 + sizeof(more) / sizeof(more[0]); i++) {
		size_t len = i < 65 ? i : more[i - 65];

		fill(payload, len, i);
		request(NLTEST_CMD_ECHO, i);
		attr_append(&out, NLTEST_A_PAYLOAD, payload, len);
		/* What pads the request is not what pads the answer. */
		memset(out.bytes + NLMSG_HDRLEN + NLA_HDRLEN + len, 0xff, NLA_ALIGN(len) - len);
		send_datagram(fd, &out);
		check_echo(fd, i, payload, len);
		check_padding(&in);
	}
	CHECK(silent(fd), "more answers than requests");
	close(fd);
}

static void echo_without_payload_comes_back_bare(void)
{
	int fd = open_quiet();
	struct nlmsghdr *nlh;

	request(NLTEST_CMD_ECHO, 3);
	send_datagram(fd, &out);
	nlh = expect(fd, NLTEST_CMD_ECHO, 3);
	NEED(nlh, "no answer");
	CHECK_EQUAL(nlh->nlmsg_len, NLMSG_HDRLEN);
	close(fd);
}

static void echo_is_acknowledged_after_its_answer(void)
{
	struct refusal ack;
	int fd = open_quiet();

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | NLM_F_ACK, 9);
	attr_append(&out, NLTEST_A_PAYLOAD, "abc", 3);
	send_datagram(fd, &out);
	check_echo(fd, 9, (const unsigned char *)"abc", 3);
	if (expect_refusal(fd, &in, 0, &ack)) {
		CHECK(ack.capped, "an ACK without NLM_F_CAPPED");
		CHECK_EQUAL(ack.request.nlmsg_seq, 9);
		CHECK_EQUAL(ack.request.nlmsg_type, NLTEST_CMD_ECHO);
		CHECK_EQUAL(in.len, NLMSG_LENGTH(sizeof(struct nlmsgerr)));
	}
	close(fd);
}

static void the_senders_claim_of_who_it_is_counts_for_nothing(void)
{
	int fd = open_quiet(), other = open_family();

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1);
	attr_append(&out, NLTEST_A_PAYLOAD, "me", 2);
	/* Gives both sockets their port numbers. */
	send_datagram(fd, &out);
	check_echo(fd, 1, (const unsigned char *)"me", 2);
	message_begin(&out, 0, 0, 2);
	send_datagram(other, &out);
	check_plain_answer(other, 2);

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 3)->nlmsg_pid = portid_of(other);
	attr_append(&out, NLTEST_A_PAYLOAD, "me", 2);
	send_datagram(fd, &out);
	check_echo(fd, 3, (const unsigned char *)"me", 2);
	CHECK(silent(other), "somebody else got the answer");
	close(other);
	close(fd);
}

/* ---- several messages in one datagram ---- */

static void a_batch_is_answered_in_order_one_datagram_each(void)
{
	unsigned char payload[32];
	int fd = open_quiet();

	for (int i = 0; i < 64; i++) {
		fill(payload, sizeof(payload), i);
		request(NLTEST_CMD_ECHO, i);
		attr_append(&out, NLTEST_A_PAYLOAD, payload, sizeof(payload));
	}
	send_datagram(fd, &out);
	for (int i = 0; i < 64; i++) {
		fill(payload, sizeof(payload), i);
		check_echo(fd, i, payload, sizeof(payload));
		CHECK_EQUAL(in.at, in.len);
	}
	CHECK(silent(fd), "more answers than requests");
	close(fd);
}

static void gathered_answers_share_datagrams_up_to_a_limit(void)
{
	static const struct {
		size_t count, len, datagrams;
	} cases[] = {
		{ 64, 32, 1 },
		{ 1, 32, 1 },
		{ 32, 1001, 1 },	/* of 1024 bytes each: exactly NLTEST_GATHER_MAX */
		{ 33, 1001, 2 },
		{ 100, 1001, 4 },
		{ 3, NLTEST_PAYLOAD_MAX, 3 },
	};
	static unsigned char payload[NLTEST_PAYLOAD_MAX];
	int fd = open_quiet();

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		size_t datagrams = 0, len = cases[c].len;

		for (size_t i = 0; i < cases[c].count; i++) {
			fill(payload, len, i);
			message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | NLTEST_F_GATHER, i);
			attr_append(&out, NLTEST_A_PAYLOAD, payload, len);
		}
		send_datagram(fd, &out);
		in.len = in.at = 0;
		for (size_t i = 0; i < cases[c].count; i++) {
			datagrams += in.at == in.len;
			fill(payload, len, i);
			check_echo(fd, i, payload, len);
			if (len < NLTEST_PAYLOAD_MAX)
				CHECK(in.len <= NLTEST_GATHER_MAX, "a datagram of %zu bytes", in.len);
			check_padding(&in);
		}
		CHECK_EQUAL(in.at, in.len);
		CHECK_EQUAL(datagrams, cases[c].datagrams);
	}
	CHECK(silent(fd), "more answers than requests");
	close(fd);
}

static void gathering_changes_neither_order_nor_counts(void)
{
	const uint16_t gather = NLM_F_REQUEST | NLTEST_F_GATHER;
	static struct counters before, after;
	struct refusal refusal;
	int fd = open_explained();

	get_counters(&before);
	message_begin(&out, NLTEST_CMD_ECHO, gather, 1);
	attr_append(&out, NLTEST_A_PAYLOAD, "1", 1);
	message_begin(&out, NLTEST_CMD_ECHO, gather | NLM_F_ACK, 2);
	attr_append(&out, NLTEST_A_PAYLOAD, "2", 1);
	message_begin(&out, 0, 0, 3);
	message_append(&out, "plain", 6);
	message_begin(&out, NLTEST_CMD_ECHO, gather, 4);
	attr_append(&out, NLTEST_A_PAYLOAD, "4", 1);
	request(NLTEST_CMD_FAIL, 5);
	attr_append_u32(&out, NLTEST_A_ERRNO, ENOENT);
	message_begin(&out, NLTEST_CMD_ECHO, gather, 6);
	attr_append(&out, NLTEST_A_PAYLOAD, "6", 1);
	request(NLTEST_CMD_ECHO, 7);
	attr_append(&out, NLTEST_A_PAYLOAD, "7", 1);
	message_begin(&out, NLTEST_CMD_ECHO, gather, 8);
	attr_append(&out, NLTEST_A_PAYLOAD, "8", 1);
	message_begin(&out, NLTEST_CMD_DELAY, gather, 9);
	attr_append_u32(&out, NLTEST_A_DELAY_US, 1);
	send_datagram(fd, &out);

	check_echo(fd, 1, (const unsigned char *)"1", 1);
	check_echo(fd, 2, (const unsigned char *)"2", 1);
	if (expect_refusal(fd, &in, 0, &refusal))
		CHECK_EQUAL(refusal.request.nlmsg_seq, 2);
	check_plain_answer(fd, 3);
	check_echo(fd, 4, (const unsigned char *)"4", 1);
	if (expect_refusal(fd, &in, -ENOENT, &refusal))
		CHECK_EQUAL(refusal.request.nlmsg_seq, 5);
	check_echo(fd, 6, (const unsigned char *)"6", 1);
	check_echo(fd, 7, (const unsigned char *)"7", 1);
	check_echo(fd, 8, (const unsigned char *)"8", 1);
	expect(fd, NLTEST_CMD_DELAY, 9);
	CHECK(silent(fd), "more answers than requests");
	get_counters(&after);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_ECHO, RECEIVED) -
		    COUNTER(&before, NLTEST_CMD_ECHO, RECEIVED), 6);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_ECHO, REPLIED) -
		    COUNTER(&before, NLTEST_CMD_ECHO, REPLIED), 6);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_DELAY, REPLIED) -
		    COUNTER(&before, NLTEST_CMD_DELAY, REPLIED), 1);
	close(fd);
}

static void only_one_flag_gathers(void)
{
	int fd = open_quiet();

	for (uint16_t flag = 1; flag; flag <<= 1) {
		bool gathers = flag == NLTEST_F_GATHER;

		/* These mean something in every request. */
		if (flag & (NLM_F_ACK | NLM_F_DUMP))
			continue;
		for (int i = 0; i < 3; i++) {
			message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | flag, i);
			attr_append(&out, NLTEST_A_PAYLOAD, "alone?", 6);
		}
		send_datagram(fd, &out);
		for (int i = 0; i < 3; i++) {
			check_echo(fd, i, (const unsigned char *)"alone?", 6);
			CHECK((in.at < in.len) == (gathers && i < 2), "flag %#x: answer %d", flag, i);
		}
	}
	CHECK(silent(fd), "more answers than requests");
	close(fd);
}

/* ---- DELAY ---- */

static void delay_sleeps_and_answers(void)
{
	static const uint32_t delays[] = { 0, 1, 2000, 200000 };
	int fd = open_quiet();

	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		uint64_t start = now_us(), took;
		struct nlmsghdr *nlh;

		request(NLTEST_CMD_DELAY, i);
		attr_append_u32(&out, NLTEST_A_DELAY_US, delays[i]);
		if (i % 2)
			attr_append(&out, NLTEST_A_PAYLOAD, "back", 4);
		send_datagram(fd, &out);
		took = now_us() - start;
		CHECK(took >= delays[i], "%u us took %llu", delays[i], (unsigned long long)took);
		nlh = expect(fd, NLTEST_CMD_DELAY, i);
		NEED(nlh, "no answer");
		CHECK_EQUAL(attr_value(find_attr(nlh, NLTEST_A_DELAY_US), 4), delays[i]);
		CHECK(!find_attr(nlh, NLTEST_A_PAYLOAD) == !(i % 2), "payload: not as asked");
		check_padding(&in);
	}
	close(fd);
}

static void delay_holds_up_nobody_else(void)
{
	uint64_t start;
	pid_t child;
	int status;

	fflush(stdout);
	child = fork_child();
	if (!child) {
		int fd = open_quiet();

		request(NLTEST_CMD_DELAY, 1);
		attr_append_u32(&out, NLTEST_A_DELAY_US, NLTEST_DELAY_MAX_US);
		_exit(!send_datagram(fd, &out));
	}
	usleep(100000);
	start = now_us();
	for (int i = 0; i < 10; i++)
		CHECK(alive(), "no answer while somebody else sleeps");
	CHECK(waitpid(child, &status, WNOHANG) == 0, "the sleeper was done before 10 answers came (%llu us)",
	      (unsigned long long)(now_us() - start));
	waitpid(child, &status, 0);
	CHECK_EQUAL(status, 0);
}

static volatile sig_atomic_t signal_noted;

static void note_signal(int number)
{
	signal_noted = number;
}

static void a_sleeping_handler_yields_to_a_kill_only(void)
{
	struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	struct sigaction noting = { .sa_handler = note_signal, .sa_flags = SA_RESTART };
	uint64_t start, took;
	pid_t child;
	int status;
	int fd = open_quiet();

	signal_noted = 0;
	sigaction(SIGALRM, &noting, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	start = now_us();
	request(NLTEST_CMD_DELAY, 1);
	attr_append_u32(&out, NLTEST_A_DELAY_US, 100000);
	send_datagram(fd, &out);
	took = now_us() - start;
	CHECK(signal_noted, "no signal came");
	CHECK(took >= 100000, "a signal cut the sleep to %llu us", (unsigned long long)took);
	expect(fd, NLTEST_CMD_DELAY, 1);
	close(fd);

	fflush(stdout);
	child = fork_child();
	if (!child) {
		fd = open_quiet();
		/* Three times as long as the test waits. */
		for (int i = 0; i < 30; i++) {
			request(NLTEST_CMD_DELAY, i);
			attr_append_u32(&out, NLTEST_A_DELAY_US, NLTEST_DELAY_MAX_US);
		}
		send_datagram(fd, &out);
		_exit(0);
	}
	usleep(100000);
	start = now_us();
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status), "the sleeper ended by itself");
	CHECK(now_us() - start < SOON * 1000ULL, "the sleeper took its time to die");
	CHECK(alive(), "no answer afterwards");
}

/* ---- NOTIFY ---- */

static void check_notification(int fd, const char *text)
{
	struct nlmsghdr *nlh = expect(fd, NLTEST_CMD_NOTIFY, 0);
	const struct nlattr *nla;

	if (!nlh)
		return;
	CHECK_EQUAL(nlh->nlmsg_pid, 0);
	CHECK_EQUAL(nlh->nlmsg_flags, 0);
	nla = find_attr(nlh, NLTEST_A_PAYLOAD);
	NEED(nla, "no payload");
	CHECK_EQUAL(attr_len(nla), strlen(text));
	CHECK(!memcmp(attr_data(nla), text, strlen(text)), "another text");
	check_padding(&in);
}

static void notify_reaches_every_listener_and_nobody_else(void)
{
	int fd = open_quiet(), first = open_listener(), second = open_listener(), deaf = open_family();
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (bind(deaf, (struct sockaddr *)&address, sizeof(address)))
		bail_out("bind");
	message_begin(&out, NLTEST_CMD_NOTIFY, NLM_F_REQUEST | NLM_F_ACK, 1);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, 0, NULL);
	check_notification(first, NLTEST_MULTICAST_TEXT);
	check_notification(second, NLTEST_MULTICAST_TEXT);

	/* Without NLM_F_ACK the asker hears nothing; a listener hears its own. */
	request(NLTEST_CMD_NOTIFY, 2);
	attr_append(&out, NLTEST_A_PAYLOAD, "news", 4);
	send_datagram(first, &out);
	check_notification(first, "news");
	check_notification(second, "news");
	CHECK(silent(fd), "who does not listen heard something");
	CHECK(silent(deaf), "who does not listen heard something");
	close(deaf);
	close(second);
	close(first);
	close(fd);
}

static void notify_that_nobody_hears_is_no_error(void)
{
	int fd = open_quiet();

	message_begin(&out, NLTEST_CMD_NOTIFY, NLM_F_REQUEST | NLM_F_ACK, 1);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, 0, NULL);
	close(fd);
}

static void notify_tells_of_a_loss_that_a_listener_wants_told(void)
{
	int fd = open_explained(), listener = open_listener(), size = 1;
	unsigned char payload[1000] = { 0 };
	struct refusal refusal = { .error = 0 };

	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	set_option(listener, NETLINK_BROADCAST_ERROR, 1);
	for (int i = 0; i < 100 && !refusal.error; i++) {
		struct nlmsghdr *nlh;

		message_begin(&out, NLTEST_CMD_NOTIFY, NLM_F_REQUEST | NLM_F_ACK, i);
		attr_append(&out, NLTEST_A_PAYLOAD, payload, sizeof(payload));
		send_datagram(fd, &out);
		nlh = next_answer(fd, &in);
		NEED(nlh && read_refusal(nlh, &refusal), "no ACK");
	}
	CHECK_EQUAL(refusal.error, -ENOBUFS);
	CHECK(refusal.text, "no explanation");
	close(listener);
	close(fd);
}

/* ---- BURST ---- */

static void ask_burst(int fd, uint32_t seq, uint32_t count, uint32_t size, bool group)
{
	request(NLTEST_CMD_BURST, seq);
	attr_append_u32(&out, NLTEST_A_COUNT, count);
	attr_append_u32(&out, NLTEST_A_SIZE, size);
	if (group)
		attr_append_u32(&out, NLTEST_A_GROUP, NETLINK_MYGROUP);
	send_datagram(fd, &out);
}

/* Reads messages first..count of a burst, and says how many came. */
static uint32_t read_burst(int fd, uint32_t seq, uint32_t count, uint32_t size)
{
	for (uint32_t number = 1; number <= count; number++) {
		struct nlmsghdr *nlh = expect(fd, NLTEST_CMD_BURST, seq);
		const struct nlattr *nla;
		const unsigned char *bytes;

		if (!nlh)
			return number - 1;
		nla = find_attr(nlh, NLTEST_A_PAYLOAD);
		if (!nla || attr_len(nla) != size) {
			CHECK(false, "message %u: not %u bytes of payload", number, size);
			return number - 1;
		}
		bytes = attr_data(nla);
		for (uint32_t i = 0; i < size; i++)
			CHECK(!bytes[i], "message %u: byte %u is %#x", number, i, bytes[i]);
		CHECK_EQUAL(attr_value(find_attr(nlh, NLTEST_A_COUNT), 4), number);
		check_padding(&in);
	}
	return count;
}

static void check_burst_answer(int fd, uint32_t seq, uint64_t delivered, uint64_t undelivered)
{
	struct nlmsghdr *nlh = expect(fd, NLTEST_CMD_BURST, seq);

	NEED(nlh, "no answer to the burst");
	CHECK(!find_attr(nlh, NLTEST_A_PAYLOAD), "the answer has a payload");
	CHECK_EQUAL(attr_value(find_attr(nlh, NLTEST_A_DELIVERED), 8), delivered);
	CHECK_EQUAL(attr_value(find_attr(nlh, NLTEST_A_UNDELIVERED), 8), undelivered);
}

static void burst_to_the_caller(void)
{
	static const uint32_t sizes[] = { 0, 1, 100, 4096, NLTEST_PAYLOAD_MAX };
	int fd = open_quiet();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t count = sizes[i] > 4096 ? 2 : 10;

		ask_burst(fd, 50 + i, count, sizes[i], false);
		CHECK_EQUAL(read_burst(fd, 50 + i, count, sizes[i]), count);
		check_burst_answer(fd, 50 + i, count, 0);
	}
	CHECK(silent(fd), "more messages than asked for");
	close(fd);
}

/* A burst to another socket; with the numbers from the answer. */
static void ask_portid_burst(int fd, uint32_t seq, uint32_t count, uint32_t portid)
{
	request(NLTEST_CMD_BURST, seq);
	attr_append_u32(&out, NLTEST_A_COUNT, count);
	attr_append_u32(&out, NLTEST_A_SIZE, 64);
	attr_append_u32(&out, NLTEST_A_PORTID, portid);
	send_datagram(fd, &out);
}

/* A portid that nobody has: sockets get process numbers, or negative ones. */
#define NOBODYS_PORTID	0x7fffffff

static void burst_to_another_socket(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = open_quiet(), other = open_family();
	static struct counters before, after;
	struct nlmsghdr *nlh;

	if (bind(other, (struct sockaddr *)&address, sizeof(address)))
		bail_out("bind");
	ask_portid_burst(fd, 5, 20, portid_of(other));
	check_burst_answer(fd, 5, 20, 0);
	/* It is no answer to anything. */
	CHECK_EQUAL(read_burst(other, 0, 19, 64), 19);
	nlh = expect(other, NLTEST_CMD_BURST, 0);
	NEED(nlh, "no message 20");
	CHECK_EQUAL(nlh->nlmsg_pid, portid_of(other));
	CHECK(silent(other), "more messages than asked for");
	close(other);

	get_counters(&before);
	ask_portid_burst(fd, 6, 20, NOBODYS_PORTID);
	check_burst_answer(fd, 6, 0, 20);
	get_counters(&after);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_BURST, UNDELIVERED) -
		    COUNTER(&before, NLTEST_CMD_BURST, UNDELIVERED), 20);
	close(fd);
}

static void a_burst_has_one_destination(void)
{
	struct refusal refusal;
	int fd = open_explained();

	request(NLTEST_CMD_BURST, 1);
	attr_append_u32(&out, NLTEST_A_COUNT, 1);
	attr_append_u32(&out, NLTEST_A_GROUP, NETLINK_MYGROUP);
	attr_append_u32(&out, NLTEST_A_PORTID, NOBODYS_PORTID);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -EINVAL, &refusal)) {
		CHECK(refusal.text, "no text");
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN + 16);
	}
	close(fd);
}

static void burst_to_the_group(void)
{
	int fd = open_quiet(), listener = open_listener();

	ask_burst(fd, 3, 20, 64, true);
	check_burst_answer(fd, 3, 20, 0);
	CHECK_EQUAL(read_burst(listener, 0, 20, 64), 20);
	CHECK(silent(listener), "more messages than asked for");
	close(listener);

	ask_burst(fd, 4, 20, 64, true);
	check_burst_answer(fd, 4, 0, 20);
	close(fd);
}

/* The column Drops of /proc/net/netlink for a socket of this family. */
static long drops_of(int fd)
{
	uint32_t portid = portid_of(fd);
	FILE *table = fopen("/proc/net/netlink", "r");
	long drops, result = -1;
	unsigned int family, port;
	char line[256];

	while (table && fgets(line, sizeof(line), table))
		if (sscanf(line, "%*x %u %u %*x %*d %*d %*d %*d %ld", &family, &port, &drops) == 3 &&
		    family == NETLINK_TESTFAMILY && port == portid)
			result = drops;
	if (table)
		fclose(table);
	return result;
}

static void an_overrun_is_counted_exactly(void)
{
	static struct counters before, after;
	uint32_t count = 5000, came = 0, last = 0;
	uint64_t delivered, undelivered;
	int fd = open_quiet();
	bool answered = false;

	get_counters(&before);
	ask_burst(fd, 8, count, 100, false);
	get_counters(&after);
	delivered = COUNTER(&after, NLTEST_CMD_BURST, DELIVERED) -
		    COUNTER(&before, NLTEST_CMD_BURST, DELIVERED);
	undelivered = COUNTER(&after, NLTEST_CMD_BURST, UNDELIVERED) -
		      COUNTER(&before, NLTEST_CMD_BURST, UNDELIVERED);
	CHECK(undelivered > 0, "nothing was lost");
	/* The answer was lost too. */
	CHECK_EQUAL(delivered + undelivered, count + 1);
	CHECK_EQUAL(drops_of(fd), undelivered);

	CHECK(!receive_within(fd, &in, SOON) && errno == ENOBUFS, "no ENOBUFS: %s", strerror(errno));
	while (!answered && receive_within(fd, &in, NEVER)) {
		struct nlmsghdr *nlh = next_message(&in);

		came++;
		last = attr_value(find_attr(nlh, NLTEST_A_COUNT), 4);
		CHECK_EQUAL(last, came);
	}
	CHECK_EQUAL(came, delivered);

	/* The socket has recovered. */
	request(NLTEST_CMD_ECHO, 99);
	attr_append(&out, NLTEST_A_PAYLOAD, "on", 2);
	send_datagram(fd, &out);
	check_echo(fd, 99, (const unsigned char *)"on", 2);
	close(fd);
}

/* ---- PARTS ---- */

static void ask_parts(uint32_t seq, uint32_t count, uint32_t size)
{
	message_begin(&out, NLTEST_CMD_PARTS, NLM_F_REQUEST | NLM_F_DUMP | NLM_F_ACK, seq);
	attr_append_u32(&out, NLTEST_A_COUNT, count);
	attr_append_u32(&out, NLTEST_A_SIZE, size);
}

/* Reads the parts of a dump, each a datagram of one message; whether all came. */
static bool read_parts(int fd, uint32_t seq, uint32_t count, uint32_t size)
{
	for (uint32_t number = 1; number <= count; number++) {
		struct nlmsghdr *nlh = expect(fd, NLTEST_CMD_PARTS, seq);
		const struct nlattr *nla;

		if (!nlh)
			return false;
		CHECK_EQUAL(in.at, in.len);
		CHECK_EQUAL(nlh->nlmsg_flags, NLM_F_MULTI);
		CHECK_EQUAL(nlh->nlmsg_pid, portid_of(fd));
		CHECK_EQUAL(attr_value(find_attr(nlh, NLTEST_A_COUNT), 4), number);
		nla = find_attr(nlh, NLTEST_A_PAYLOAD);
		CHECK(nla && attr_len(nla) == size, "part %u: not %u bytes of payload", number, size);
		for (uint32_t i = 0; nla && i < attr_len(nla); i++)
			CHECK(!((const char *)attr_data(nla))[i], "part %u: byte %u is not 0", number, i);
		check_padding(&in);
	}
	return true;
}

static void a_dump_has_the_parts_and_the_end_that_it_was_asked_for(void)
{
	static const struct {
		uint32_t count, size;
		int error;
	} cases[] = {
		{ 1, 0, 0 },
		{ 3, 100, EIO },
		{ 40, 4096, 0 },
		{ 2, NLTEST_PAYLOAD_MAX, ENOBUFS },
		{ 5, 1, EMSGSIZE },
		{ 5, 1, 4095 },
	};
	static struct counters before, after;
	int fd = open_explained();
	uint64_t parts = 0;

	get_counters(&before);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nlmsghdr *nlh;

		ask_parts(i, cases[i].count, cases[i].size);
		if (cases[i].error)
			attr_append_u32(&out, NLTEST_A_ERRNO, cases[i].error);
		send_datagram(fd, &out);
		NEED(read_parts(fd, i, cases[i].count, cases[i].size), "case %zu: parts are missing", i);
		parts += cases[i].count;
		nlh = expect(fd, NLMSG_DONE, i);
		NEED(nlh, "case %zu: no end", i);
		CHECK_EQUAL(*(int *)NLMSG_DATA(nlh), -cases[i].error);
		CHECK(!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) == !cases[i].error, "case %zu: flags %#x", i,
		      nlh->nlmsg_flags);
		CHECK(silent(fd), "case %zu: something follows the end of the dump", i);
	}
	get_counters(&after);
	CHECK_EQUAL(COUNTER(&after, NLTEST_CMD_PARTS, REPLIED) - COUNTER(&before, NLTEST_CMD_PARTS, REPLIED),
		    parts);
	CHECK_EQUAL(drops_of(fd), 0);
	close(fd);
}

static void a_dump_that_stalls_fails_its_reader_and_drops_nothing(void)
{
	int fd = open_explained();
	struct refusal refusal;

	ask_parts(1, 5, 100);
	attr_append(&out, NLTEST_A_STALL, NULL, 0);
	send_datagram(fd, &out);
	NEED(read_parts(fd, 1, 5, 100), "parts are missing");
	CHECK(!receive_within(fd, &in, SOON) && errno == ENOBUFS, "no ENOBUFS: %s", strerror(errno));
	CHECK(silent(fd), "something follows");
	CHECK_EQUAL(drops_of(fd), 0);

	/* It has no end: another one has to wait, and the wait is told again. */
	ask_parts(2, 1, 0);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, -EBUSY, &refusal);
	CHECK(!receive_within(fd, &in, SOON) && errno == ENOBUFS, "no ENOBUFS: %s", strerror(errno));
	close(fd);
	CHECK(alive(), "no answer");
}

static void a_dump_has_one_end(void)
{
	struct refusal refusal;
	int fd = open_explained();

	ask_parts(1, 1, 0);
	attr_append_u32(&out, NLTEST_A_ERRNO, EIO);
	attr_append(&out, NLTEST_A_STALL, NULL, 0);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -EINVAL, &refusal)) {
		CHECK(refusal.text, "no text");
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN + 24);
	}

	/* A flag has no value. */
	ask_parts(2, 1, 0);
	attr_append_u32(&out, NLTEST_A_STALL, 1);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -ERANGE, &refusal))
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN + 16);
	close(fd);
}

/* ---- SET_ERR ---- */

static void ask_set_err(int fd, uint32_t error)
{
	message_begin(&out, NLTEST_CMD_SET_ERR, NLM_F_REQUEST | NLM_F_ACK, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, error);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, 0, NULL);
}

static void listeners_are_told_an_error_once_and_miss_nothing(void)
{
	static const int codes[] = { EIO, ENOBUFS, 4095 };
	int fd = open_quiet(), first = open_listener(), quiet = open_listener(), deaf = open_family();
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (bind(deaf, (struct sockaddr *)&address, sizeof(address)))
		bail_out("bind");
	set_option(quiet, NETLINK_NO_ENOBUFS, 1);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		ask_burst(fd, 2, 1, 8, true);
		check_burst_answer(fd, 2, 1, 0);
		ask_set_err(fd, codes[i]);
		CHECK(!receive_within(first, &in, SOON) && errno == codes[i], "not errno %d: %s", codes[i],
		      strerror(errno));
		/* Who asked not to be told is not. */
		if (codes[i] != ENOBUFS)
			CHECK(!receive_within(quiet, &in, SOON) && errno == codes[i], "not errno %d: %s",
			      codes[i], strerror(errno));
		in.len = in.at = 0;
		CHECK_EQUAL(read_burst(first, 0, 1, 8), 1);
		CHECK_EQUAL(read_burst(quiet, 0, 1, 8), 1);
		CHECK(silent(first), "the error is told twice");
	}
	CHECK(silent(deaf), "who does not listen was told");
	CHECK_EQUAL(drops_of(first), 0);
	close(deaf);
	close(quiet);
	close(first);
	close(fd);
}

/* ---- FAIL and what is wrong with a request ---- */

static void fail_says_what_it_is_told(void)
{
	static const int codes[] = { 1, EINTR, EAGAIN, ENOBUFS, 133, 4095 };
	struct refusal refusal;
	int fd = open_explained();

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		request(NLTEST_CMD_FAIL, i);
		/* Every second text lacks its NUL. */
		attr_append(&out, NLTEST_A_TEXT, "because", i % 2 ? 7 : 8);
		attr_append_u32(&out, NLTEST_A_ERRNO, codes[i]);
		send_datagram(fd, &out);
		if (!expect_refusal(fd, &in, -codes[i], &refusal))
			continue;
		CHECK(refusal.text && !strcmp(refusal.text, "because"), "text: %s", refusal.text);
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN + NLA_HDRLEN + 8);
		CHECK_EQUAL(refusal.request.nlmsg_seq, i);
		CHECK(refusal.capped, "not capped, though asked to be");
		check_padding(&in);
	}

	request(NLTEST_CMD_FAIL, 7);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -EPERM, &refusal)) {
		CHECK(refusal.text, "no text of its own");
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN);
	}
	close(fd);
}

static void fail_takes_texts_up_to_its_limit(void)
{
	char text[NLTEST_TEXT_MAX + 2];
	struct refusal refusal;
	int fd = open_explained();

	memset(text, 't', sizeof(text));
	text[NLTEST_TEXT_MAX] = 0;
	request(NLTEST_CMD_FAIL, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	attr_append(&out, NLTEST_A_TEXT, text, NLTEST_TEXT_MAX + 1);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -EPERM, &refusal))
		CHECK(refusal.text && !strcmp(refusal.text, text), "another text");

	text[NLTEST_TEXT_MAX] = 't';
	request(NLTEST_CMD_FAIL, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	attr_append(&out, NLTEST_A_TEXT, text, NLTEST_TEXT_MAX + 1);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -ERANGE, &refusal))
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN + NLA_HDRLEN + 4);
	close(fd);
}

static void acks_are_as_long_as_the_socket_wants_them(void)
{
	struct refusal refusal;
	int fd = open_quiet();

	/* The whole request comes back, without any TLV. */
	request(NLTEST_CMD_FAIL, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	attr_append(&out, NLTEST_A_TEXT, "why", 4);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -EPERM, &refusal)) {
		CHECK(!refusal.capped && !refusal.text, "capped, or explained, without being asked to be");
		CHECK_EQUAL(refusal.repeated, NLMSG_HDRLEN + 8 + 8);
		CHECK_EQUAL(in.len, NLMSG_HDRLEN + 4 + refusal.repeated);
		CHECK(!memcmp(in.bytes + NLMSG_HDRLEN + 4, out.bytes, refusal.repeated), "another request");
	}

	/* The request, then TLVs. */
	set_option(fd, NETLINK_EXT_ACK, 1);
	request(NLTEST_CMD_FAIL, 2);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	attr_append(&out, NLTEST_A_TEXT, "why", 4);
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -EPERM, &refusal)) {
		CHECK(!refusal.capped, "capped without being asked to be");
		CHECK(refusal.text && !strcmp(refusal.text, "why"), "text: %s", refusal.text);
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN);
	}
	close(fd);
}

/* A request with one u32 attribute, or none if attr is 0. */
static void ask_u32(int fd, uint16_t type, uint16_t attr, uint32_t value)
{
	request(type, 1);
	if (type == NLTEST_CMD_BURST && attr != NLTEST_A_COUNT)
		attr_append_u32(&out, NLTEST_A_COUNT, 1);
	if (attr)
		attr_append_u32(&out, attr, value);
	send_datagram(fd, &out);
}

static void values_out_of_range_are_refused_with_their_policy(void)
{
	static const struct {
		uint16_t type, attr;
		uint32_t value;
	} cases[] = {
		{ NLTEST_CMD_DELAY, NLTEST_A_DELAY_US, NLTEST_DELAY_MAX_US + 1 },
		{ NLTEST_CMD_DELAY, NLTEST_A_DELAY_US, 0xffffffff },
		{ NLTEST_CMD_BURST, NLTEST_A_COUNT, 0 },
		{ NLTEST_CMD_BURST, NLTEST_A_COUNT, NLTEST_BURST_MAX + 1 },
		{ NLTEST_CMD_BURST, NLTEST_A_SIZE, NLTEST_PAYLOAD_MAX + 1 },
		{ NLTEST_CMD_BURST, NLTEST_A_GROUP, 0 },
		{ NLTEST_CMD_BURST, NLTEST_A_GROUP, 2 },
		{ NLTEST_CMD_BURST, NLTEST_A_PORTID, 0 },
		{ NLTEST_CMD_SET_ERR, NLTEST_A_ERRNO, 0 },
		{ NLTEST_CMD_SET_ERR, NLTEST_A_ERRNO, 4096 },
		{ NLTEST_CMD_FAIL, NLTEST_A_ERRNO, 0 },
		{ NLTEST_CMD_FAIL, NLTEST_A_ERRNO, 4096 },
	};
	int fd = open_explained();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool second = cases[i].type == NLTEST_CMD_BURST && cases[i].attr != NLTEST_A_COUNT;
		struct refusal refusal;

		ask_u32(fd, cases[i].type, cases[i].attr, cases[i].value);
		if (!expect_refusal(fd, &in, -ERANGE, &refusal))
			continue;
		CHECK(refusal.text, "case %zu: no text", i);
		CHECK(refusal.offset == NLMSG_HDRLEN + (second ? 8 : 0), "case %zu: offset %lld", i,
		      (long long)refusal.offset);
		CHECK(refusal.policy, "case %zu: no policy", i);
	}
	close(fd);
}

static void a_payload_above_the_limit_is_refused(void)
{
	static unsigned char payload[NLTEST_PAYLOAD_MAX + 1];
	struct refusal refusal;
	int fd = open_explained();

	request(NLTEST_CMD_ECHO, 1);
	attr_append(&out, NLTEST_A_PAYLOAD, payload, sizeof(payload));
	send_datagram(fd, &out);
	if (expect_refusal(fd, &in, -ERANGE, &refusal))
		CHECK_EQUAL(refusal.offset, NLMSG_HDRLEN);
	close(fd);
}

static void a_missing_attribute_is_named(void)
{
	static const uint16_t needs[][2] = {
		{ NLTEST_CMD_DELAY, NLTEST_A_DELAY_US },
		{ NLTEST_CMD_BURST, NLTEST_A_COUNT },
		{ NLTEST_CMD_FAIL, NLTEST_A_ERRNO },
		{ NLTEST_CMD_SET_ERR, NLTEST_A_ERRNO },
		{ NLTEST_CMD_PARTS, NLTEST_A_COUNT },
	};
	int fd = open_explained();

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct refusal refusal;

		message_begin(&out, needs[i][0],
			      NLM_F_REQUEST | (needs[i][0] == NLTEST_CMD_PARTS ? NLM_F_DUMP : 0), i);
		send_datagram(fd, &out);
		if (!expect_refusal(fd, &in, -EINVAL, &refusal))
			continue;
		CHECK(refusal.text, "no text");
		CHECK_EQUAL(refusal.missing, needs[i][1]);
	}
	close(fd);
}

static void attributes_that_a_command_does_not_take_are_refused(void)
{
	static const uint16_t wrong[][2] = {
		{ NLTEST_CMD_ECHO, NLTEST_A_DELAY_US },
		{ NLTEST_CMD_ECHO, NLTEST_A_RECEIVED },
		{ NLTEST_CMD_ECHO, 0x3fff },
		{ NLTEST_CMD_DELAY, NLTEST_A_COUNT },
		{ NLTEST_CMD_NOTIFY, NLTEST_A_GROUP },
		{ NLTEST_CMD_BURST, NLTEST_A_ERRNO },
		{ NLTEST_CMD_BURST, NLTEST_A_PAD },
		{ NLTEST_CMD_FAIL, NLTEST_A_SIZE },
		{ NLTEST_CMD_SET_ERR, NLTEST_A_GROUP },
		{ NLTEST_CMD_DELAY, NLTEST_A_DELAY_US | NLA_F_NESTED },
	};
	int fd = open_explained();

	request(NLTEST_CMD_ECHO, 1);
	attr_append(&out, NLTEST_A_UNSPEC, "", 0);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, -EINVAL, NULL);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool second = wrong[i][0] == NLTEST_CMD_BURST;
		struct refusal refusal;

		ask_u32(fd, wrong[i][0], wrong[i][1], 1);
		if (!expect_refusal(fd, &in, -EINVAL, &refusal))
			continue;
		CHECK(refusal.text, "case %zu: no text", i);
		CHECK(refusal.offset == NLMSG_HDRLEN + (second ? 8 : 0), "case %zu: offset %lld", i,
		      (long long)refusal.offset);
	}
	close(fd);
}

static void unknown_commands_are_refused(void)
{
	static const uint16_t types[] = { NLTEST_CMD_MAX + 1, 0x20, 0x100, 0x7fff, 0xffff };
	int fd = open_explained();

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct refusal refusal;

		request(types[i], i);
		send_datagram(fd, &out);
		if (expect_refusal(fd, &in, -EOPNOTSUPP, &refusal))
			CHECK(refusal.text, "no text");
	}
	close(fd);
}

static void what_is_no_request_is_acknowledged_at_most(void)
{
	int fd = open_quiet();

	for (uint16_t type = 1; type < NLMSG_MIN_TYPE; type++) {
		message_begin(&out, type, NLM_F_REQUEST, type);
		send_datagram(fd, &out);
	}
	message_begin(&out, NLTEST_CMD_FAIL, 0, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	send_datagram(fd, &out);
	CHECK(silent(fd), "an answer to what is no request");

	message_begin(&out, NLMSG_NOOP, NLM_F_ACK, 2);
	message_begin(&out, NLTEST_CMD_FAIL, NLM_F_ACK, 3);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, 0, NULL);
	expect_refusal(fd, &in, 0, NULL);
	CHECK(silent(fd), "more than the ACKs");
	close(fd);
}

static void dumps_are_dumped_and_nothing_else_is(void)
{
	int fd = open_explained();

	request(NLTEST_CMD_STATS, 1);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, -EOPNOTSUPP, NULL);
	request(NLTEST_CMD_PARTS, 1);
	attr_append_u32(&out, NLTEST_A_COUNT, 1);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, -EOPNOTSUPP, NULL);
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | NLM_F_DUMP, 2);
	send_datagram(fd, &out);
	expect_refusal(fd, &in, -EOPNOTSUPP, NULL);
	/* One of the two bits is not NLM_F_DUMP. */
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | NLM_F_ROOT, 3);
	send_datagram(fd, &out);
	expect(fd, NLTEST_CMD_ECHO, 3);
	close(fd);
}

/* ---- STATS ---- */

static void counters_are_exact(void)
{
	static struct counters c;
	uint64_t sum;
	pid_t child;
	int fd, status;

	/* A namespace that nobody has used. */
	fflush(stdout);
	child = fork_child();
	if (child) {
		waitpid(child, &status, 0);
		CHECK(!status, "see above");
		return;
	}
	if (unshare(CLONE_NEWNET))
		bail_out("unshare");
	test_failed = false;
	fd = open_quiet();
	for (int i = 0; i < 10; i++) {
		request(NLTEST_CMD_ECHO, i);
		attr_append(&out, NLTEST_A_PAYLOAD, "12345", 5);
		send_datagram(fd, &out);
		check_echo(fd, i, (const unsigned char *)"12345", 5);
	}
	message_begin(&out, 0, NLM_F_ACK, 0);
	message_append(&out, "text", 5);
	send_datagram(fd, &out);
	check_plain_answer(fd, 0);
	expect_refusal(fd, &in, 0, NULL);
	request(NLTEST_CMD_NOTIFY, 0);
	attr_append(&out, NLTEST_A_PAYLOAD, "12345678", 8);
	send_datagram(fd, &out);
	request(NLTEST_CMD_FAIL, 0);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	request(NLTEST_CMD_MAX + 1, 0);
	message_begin(&out, NLMSG_NOOP, 0, 0);
	out.len += 3;
	send_datagram(fd, &out);
	expect_refusal(fd, &in, -EPERM, NULL);
	expect_refusal(fd, &in, -EOPNOTSUPP, NULL);

	get_counters(&c);
	CHECK(!c.interrupted, "a quiet namespace, and yet NLM_F_DUMP_INTR");
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_ECHO, RECEIVED), 10);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_ECHO, REPLIED), 10);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_ECHO, RX_BYTES), 10 * 28);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_ECHO, TX_BYTES), 10 * 28);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_ECHO, REFUSED), 0);
	CHECK_EQUAL(COUNTER(&c, 0, RECEIVED), 1);
	CHECK_EQUAL(COUNTER(&c, 0, REPLIED), 1);
	CHECK_EQUAL(COUNTER(&c, 0, RX_BYTES), NLMSG_HDRLEN + 5);
	CHECK_EQUAL(COUNTER(&c, 0, TX_BYTES), NLMSG_HDRLEN + KERNEL_TEXT_LEN);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_NOTIFY, NOTIFIED), 1);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_NOTIFY, TX_BYTES), 28);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_NOTIFY, REPLIED), 0);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_FAIL, REFUSED), 1);
	CHECK_EQUAL(COUNTER(&c, NLTEST_CMD_STATS, RECEIVED), 1);
	/* 10 ECHO, text, NOTIFY, FAIL, unknown, NOOP, STATS. */
	CHECK_EQUAL(COUNTER(&c, WHOLE, RECEIVED), 16);
	CHECK_EQUAL(COUNTER(&c, WHOLE, REFUSED), 2);
	CHECK_EQUAL(COUNTER(&c, WHOLE, MALFORMED), 1);
	CHECK_EQUAL(COUNTER(&c, WHOLE, UNDELIVERED), 0);

	/* The dump before this one had messages of its own. */
	sum = COUNTER(&c, WHOLE, RECEIVED);
	get_counters(&c);
	CHECK_EQUAL(COUNTER(&c, WHOLE, RECEIVED), sum + 1);
	CHECK(COUNTER(&c, NLTEST_CMD_STATS, REPLIED) >= COUNTER_ROWS, "a dump's messages are not counted");
	close(fd);
	fflush(stdout);
	_exit(test_failed);
}

/* ECHOs that have been received and have no answer yet, lost answers and errors included. */
static int64_t echoes_in_hand(void)
{
	static struct counters c;

	get_counters(&c);
	return COUNTER(&c, NLTEST_CMD_ECHO, RECEIVED) - COUNTER(&c, NLTEST_CMD_ECHO, REPLIED) -
	       COUNTER(&c, NLTEST_CMD_ECHO, UNDELIVERED) - COUNTER(&c, NLTEST_CMD_ECHO, REFUSED);
}

/* Gathered answers wait for each other, and meanwhile the counters can be read from another processor. */
static void requests_are_counted_when_they_come(void)
{
	uint64_t end = now_us() + SOON * 1000ULL;
	int64_t before = echoes_in_hand();
	bool ahead = false;
	pid_t child;

	fflush(stdout);
	child = fork_child();
	if (!child) {
		int fd = open_quiet();

		for (;;) {
			for (int i = 0; i < 10000; i++)
				message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | NLTEST_F_GATHER, i);
			send_datagram(fd, &out);
			while (receive_within(fd, &in, 0))
				;
		}
	}
	/* An answer on its way makes no difference of more than one. */
	while (!ahead && now_us() < end)
		ahead = echoes_in_hand() > before + 1;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK(ahead, "no request was counted before its answer left");
}

/* Begins a dump with a payload that makes it take many datagrams; reads the first. */
static bool begin_long_dump(int fd, uint32_t seq, uint32_t size)
{
	message_begin(&out, NLTEST_CMD_STATS, NLM_F_REQUEST | NLM_F_DUMP | NLM_F_ACK, seq);
	attr_append_u32(&out, NLTEST_A_SIZE, size);
	return send_datagram(fd, &out) && receive_within(fd, &in, SOON);
}

static void a_dump_takes_as_many_datagrams_as_it_needs(void)
{
	static const uint32_t sizes[] = { 0, 1, 3000, NLTEST_PAYLOAD_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = open_quiet(), messages = 0, datagrams = 1;
		struct nlmsghdr *nlh;

		receive_size = sizes[i] <= 3000 ? 4096 : sizeof(in.bytes);
		NEED(begin_long_dump(fd, i, sizes[i]), "no answer");
		for (;;) {
			check_padding(&in);
			while ((nlh = next_message(&in)) && nlh->nlmsg_type == NLTEST_CMD_STATS) {
				const struct nlattr *nla = find_attr(nlh, NLTEST_A_PAYLOAD);

				messages++;
				CHECK_EQUAL(nlh->nlmsg_seq, i);
				CHECK_EQUAL(nlh->nlmsg_pid, portid_of(fd));
				CHECK_EQUAL(nlh->nlmsg_flags, NLM_F_MULTI);
				CHECK(!sizes[i] == !nla, "payload: not as asked");
				if (nla)
					CHECK_EQUAL(attr_len(nla), sizes[i]);
				for (size_t b = 0; nla && b < attr_len(nla); b++)
					CHECK(!((const char *)attr_data(nla))[b], "byte %zu is not 0", b);
			}
			if (nlh)
				break;
			datagrams++;
			NEED(receive_within(fd, &in, SOON), "the dump stopped: %s", strerror(errno));
		}
		CHECK_EQUAL(nlh->nlmsg_type, NLMSG_DONE);
		CHECK_EQUAL(*(int *)NLMSG_DATA(nlh), 0);
		CHECK_EQUAL(messages, COUNTER_ROWS);
		if (sizes[i] >= 3000)
			CHECK(datagrams >= COUNTER_ROWS, "only %d datagrams", datagrams);
		/* NLM_F_ACK adds nothing to a dump. */
		CHECK(silent(fd), "something follows the end of the dump");
		close(fd);
	}
	receive_size = sizeof(in.bytes);
}

static bool rest_is_interrupted(int fd)
{
	bool interrupted = false;
	struct nlmsghdr *nlh;

	in.at = in.len;
	do {
		nlh = next_answer(fd, &in);
		interrupted |= nlh && nlh->nlmsg_flags & NLM_F_DUMP_INTR;
	} while (nlh && nlh->nlmsg_type != NLMSG_DONE);
	return interrupted;
}

static void a_dump_says_when_its_parts_do_not_fit_together(void)
{
	static struct received saved;
	int fd = open_quiet();

	NEED(begin_long_dump(fd, 1, NLTEST_PAYLOAD_MAX), "no answer");
	CHECK(!rest_is_interrupted(fd), "NLM_F_DUMP_INTR, though nothing happened");

	NEED(begin_long_dump(fd, 2, NLTEST_PAYLOAD_MAX), "no answer");
	saved = in;
	CHECK(alive(), "no answer");
	in = saved;
	CHECK(rest_is_interrupted(fd), "no NLM_F_DUMP_INTR, though the counters moved");
	close(fd);
}

static void one_dump_at_a_time(void)
{
	struct refusal refusal;
	int fd = open_explained();
	bool refused = false;
	struct nlmsghdr *nlh;

	NEED(begin_long_dump(fd, 1, NLTEST_PAYLOAD_MAX), "no answer");
	message_begin(&out, NLTEST_CMD_STATS, NLM_F_REQUEST | NLM_F_DUMP, 2);
	send_datagram(fd, &out);
	do {
		nlh = next_answer(fd, &in);
		if (nlh && nlh->nlmsg_type == NLMSG_ERROR && read_refusal(nlh, &refusal)) {
			refused = true;
			CHECK_EQUAL(refusal.error, -EBUSY);
			CHECK_EQUAL(refusal.request.nlmsg_seq, 2);
			CHECK(refusal.text, "no text");
		}
	} while (nlh && nlh->nlmsg_type != NLMSG_DONE);
	CHECK(refused, "two dumps at a time");
	close(fd);
}

/* ---- tracepoints ---- */

#define TRACING "/sys/kernel/tracing/"

static void tracepoints_name_their_fields(void)
{
	static char trace[65536];
	char wanted[256];
	int fd = open_quiet(), file;
	ssize_t len;

	if (access(TRACING "events/nltest", F_OK))
		bail_out(TRACING "events/nltest");
	write_file(TRACING "trace", "");
	write_file(TRACING "events/nltest/enable", "1");
	request(NLTEST_CMD_ECHO, 4242);
	attr_append(&out, NLTEST_A_PAYLOAD, "12345678", 8);
	send_datagram(fd, &out);
	request(NLTEST_CMD_DELAY, 4243);
	send_datagram(fd, &out);
	write_file(TRACING "events/nltest/enable", "0");

	file = open(TRACING "trace", O_RDONLY | O_CLOEXEC);
	len = 0;
	for (ssize_t part; (part = read(file, trace + len, sizeof(trace) - 1 - len)) > 0;)
		len += part;
	trace[len] = 0;
	close(file);
	snprintf(wanted, sizeof(wanted), "portid=%u type=0x10 flags=0x1 seq=4242 len=28\n", portid_of(fd));
	CHECK(strstr(trace, wanted), "no %sin: %s", wanted, trace);
	snprintf(wanted, sizeof(wanted),
		 "portid=%u type=0x10 flags=0x1 seq=4242 len=28 messages=1 ret=0 latency_ns=", portid_of(fd));
	CHECK(strstr(trace, wanted), "no %s in: %s", wanted, trace);
	CHECK(!strstr(trace, "latency_ns=0\n"), "no latency in: %s", trace);
	snprintf(wanted, sizeof(wanted), "seq=4243 len=16 messages=1 ret=-%d latency_ns=", EINVAL);
	CHECK(strstr(trace, wanted), "no %s in: %s", wanted, trace);
	write_file(TRACING "trace", "");
	close(fd);
}

#define TEST(name)	{ #name, name }

static const struct test tests[] = {
	TEST(plain_text_is_answered_without_any_flag),
	TEST(plain_text_needs_neither_nul_nor_text),
	TEST(plain_text_is_acknowledged_after_its_answer),
	TEST(plain_text_is_logged),
	TEST(echo_returns_every_length_with_zero_padding),
	TEST(echo_without_payload_comes_back_bare),
	TEST(echo_is_acknowledged_after_its_answer),
	TEST(the_senders_claim_of_who_it_is_counts_for_nothing),
	TEST(a_batch_is_answered_in_order_one_datagram_each),
	TEST(gathered_answers_share_datagrams_up_to_a_limit),
	TEST(gathering_changes_neither_order_nor_counts),
	TEST(only_one_flag_gathers),
	TEST(delay_sleeps_and_answers),
	TEST(delay_holds_up_nobody_else),
	TEST(a_sleeping_handler_yields_to_a_kill_only),
	TEST(notify_reaches_every_listener_and_nobody_else),
	TEST(notify_that_nobody_hears_is_no_error),
	TEST(notify_tells_of_a_loss_that_a_listener_wants_told),
	TEST(burst_to_the_caller),
	TEST(burst_to_the_group),
	TEST(burst_to_another_socket),
	TEST(a_burst_has_one_destination),
	TEST(an_overrun_is_counted_exactly),
	TEST(a_dump_has_the_parts_and_the_end_that_it_was_asked_for),
	TEST(a_dump_that_stalls_fails_its_reader_and_drops_nothing),
	TEST(a_dump_has_one_end),
	TEST(listeners_are_told_an_error_once_and_miss_nothing),
	TEST(fail_says_what_it_is_told),
	TEST(fail_takes_texts_up_to_its_limit),
	TEST(acks_are_as_long_as_the_socket_wants_them),
	TEST(values_out_of_range_are_refused_with_their_policy),
	TEST(a_payload_above_the_limit_is_refused),
	TEST(a_missing_attribute_is_named),
	TEST(attributes_that_a_command_does_not_take_are_refused),
	TEST(unknown_commands_are_refused),
	TEST(what_is_no_request_is_acknowledged_at_most),
	TEST(dumps_are_dumped_and_nothing_else_is),
	TEST(counters_are_exact),
	TEST(requests_are_counted_when_they_come),
	TEST(a_dump_takes_as_many_datagrams_as_it_needs),
	TEST(a_dump_says_when_its_parts_do_not_fit_together),
	TEST(one_dump_at_a_time),
	TEST(tracepoints_name_their_fields),
	TEST(the_log_can_be_switched_off_and_is_never_flooded),
};

/* Where the kernel zeroes all memory that it allocates, nothing would show. */
static void warn_of_zeroed_memory(void)
{
	char line[4096] = "";
	FILE *file = fopen("/proc/cmdline", "r");

	if (file && fgets(line, sizeof(line), file) && !strstr(line, "init_on_alloc=0"))
		printf("# boot with init_on_alloc=0 slub_debug=P for bytes to show that were never written\n");
	if (file)
		fclose(file);
}

int main(void)
{
	warn_of_zeroed_memory();
	if (unshare(CLONE_NEWNET))
		bail_out("a network namespace of its own (root is needed)");
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
