// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Messages that no honest program sends, and what each of them must bring: an
 * error, or silence and a count. Needs root.
 */
#include "health.h"

#include <sched.h>
#include <sys/uio.h>

static struct datagram out;
static struct received in;

#define SILENCE		{ 0 }
#define ANSWER(type)	{ .answers = 1, .answer = { { type, 0 } } }
#define REFUSAL(error)	{ .answers = 1, .answer = { { NLMSG_ERROR, error } } }
#define BOTH(type1, error1, type2, error2) \
	{ .answers = 2, .answer = { { type1, error1 }, { type2, error2 } } }

/* What must come back. */
struct outcome {
	int answers;
	struct {
		uint16_t type;
		int error;
	} answer[2];
};

/* Sends what has been built, and compares what comes back and what is counted. */
static void expect(const char *what, struct outcome outcome, int malformed)
{
	static struct counters before, after;
	int fd = open_family();

	get_counters(&before);
	send_datagram(fd, &out);
	in.len = in.at = 0;
	for (int i = 0; i < outcome.answers; i++) {
		struct nlmsghdr *nlh = next_answer(fd, &in);
		struct refusal refusal;

		if (!nlh) {
			CHECK(false, "%s: answer %d is missing", what, i);
			break;
		}
		CHECK(nlh->nlmsg_type == outcome.answer[i].type, "%s: answer %d has type %#x", what, i,
		      nlh->nlmsg_type);
		if (nlh->nlmsg_type == NLMSG_ERROR && read_refusal(nlh, &refusal))
			CHECK(refusal.error == outcome.answer[i].error, "%s: answer %d is error %d", what,
			      i, refusal.error);
	}
	CHECK(silent(fd), "%s: more answers than expected", what);
	get_counters(&after);
	CHECK(COUNTER(&after, WHOLE, MALFORMED) - COUNTER(&before, WHOLE, MALFORMED) ==
	      (uint64_t)malformed, "%s: not counted as malformed as often as expected", what);
	CHECK(alive(), "%s: the module does not answer any more", what);
	close(fd);
}

static void echo(uint32_t seq)
{
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, seq);
	attr_append(&out, NLTEST_A_PAYLOAD, "1234", 4);
}

/* A header that says a length of its own, in a datagram of another. */
static void header_of(uint32_t says, size_t sent)
{
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | NLM_F_ACK, 1)->nlmsg_len = says;
	memset(out.bytes + NLMSG_HDRLEN, 0, 64);
	out.len = sent;
}

static void lengths_below_a_header(void)
{
	static const uint32_t lengths[] = { 0, 1, 4, 12, 15 };
	char what[64];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		snprintf(what, sizeof(what), "nlmsg_len %u", lengths[i]);
		header_of(lengths[i], NLMSG_HDRLEN);
		expect(what, (struct outcome)SILENCE, 1);
		header_of(lengths[i], NLMSG_HDRLEN + 20);
		expect(what, (struct outcome)SILENCE, 1);
	}
}

static void lengths_above_the_datagram(void)
{
	static const uint32_t lengths[] = {
		17, 20, 24, 4096, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffd, 0xffffffff,
	};
	char what[64];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		snprintf(what, sizeof(what), "nlmsg_len %#x of 16", lengths[i]);
		header_of(lengths[i], NLMSG_HDRLEN);
		expect(what, (struct outcome)SILENCE, 1);
	}
	header_of(24, 23);
	expect("nlmsg_len 24 of 23", (struct outcome)SILENCE, 1);
}

static void datagrams_shorter_than_a_header(void)
{
	char what[64];

	for (size_t len = 1; len < NLMSG_HDRLEN; len++) {
		snprintf(what, sizeof(what), "%zu bytes", len);
		header_of(len, len);
		expect(what, (struct outcome)SILENCE, 1);
	}
}

static void an_empty_datagram(void)
{
	int fd = open_family();

	CHECK(send_bytes(fd, "", 0) < 0 && errno == ENODATA, "sent: %s", strerror(errno));
	CHECK(alive(), "the module does not answer any more");
	close(fd);
}

static void what_stands_before_the_malformed_part_is_answered(void)
{
	echo(1);
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 2)->nlmsg_len = 8;
	expect("good, bad", (struct outcome)ANSWER(NLTEST_CMD_ECHO), 1);

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1)->nlmsg_len = 8;
	echo(2);
	expect("bad, good", (struct outcome)SILENCE, 1);

	echo(1);
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 2)->nlmsg_len = 0x10000;
	echo(3);
	expect("good, bad, good", (struct outcome)ANSWER(NLTEST_CMD_ECHO), 1);
}

static void bytes_after_the_last_message(void)
{
	char what[64];

	for (size_t extra = 1; extra < NLMSG_HDRLEN; extra++) {
		snprintf(what, sizeof(what), "%zu bytes after the message", extra);
		echo(1);
		memset(out.bytes + out.len, 0xff, extra);
		out.len += extra;
		expect(what, (struct outcome)ANSWER(NLTEST_CMD_ECHO), 1);
	}
}

static void messages_of_odd_length(void)
{
	/* The next message begins at the next boundary. */
	message_begin(&out, 0, 0, 1);
	message_append(&out, "odd", 3);
	echo(2);
	expect("padded", (struct outcome)BOTH(NLMSG_DONE, 0, NLTEST_CMD_ECHO, 0), 0);

	/* The last one need not be padded. */
	echo(1);
	message_begin(&out, 0, 0, 2);
	message_append(&out, "odd", 3);
	out.len--;
	expect("not padded", (struct outcome)BOTH(NLTEST_CMD_ECHO, 0, NLMSG_DONE, 0), 0);
}

/* An ECHO with one attribute that says a length of its own. */
static void attribute_of(uint16_t says, size_t has)
{
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1);
	attr_append(&out, NLTEST_A_PAYLOAD, "12345678", has);
	((struct nlattr *)(out.bytes + NLMSG_HDRLEN))->nla_len = says;
}

static void attributes_whose_length_lies(void)
{
	static const uint16_t lengths[] = { 0, 1, 3, 13, 16, 0x100, 0x7fff, 0x8000, 0xffff };
	char what[64];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		snprintf(what, sizeof(what), "nla_len %#x of 12", lengths[i]);
		attribute_of(lengths[i], 8);
		expect(what, (struct outcome)REFUSAL(-EINVAL), 0);
	}

	/* Shorter than what follows: the rest is no attribute. */
	attribute_of(8, 8);
	memset(out.bytes + NLMSG_HDRLEN + 8, 0, 4);
	expect("nla_len 8 of 12", (struct outcome)REFUSAL(-EINVAL), 0);

	/* Into the next message. */
	attribute_of(12 + 20, 8);
	echo(2);
	expect("into the next message", (struct outcome)BOTH(NLMSG_ERROR, -EINVAL, NLTEST_CMD_ECHO, 0), 0);
}

static void bytes_after_the_last_attribute(void)
{
	char what[64];

	for (size_t extra = 1; extra < NLA_HDRLEN; extra++) {
		snprintf(what, sizeof(what), "%zu bytes after the attribute", extra);
		echo(1);
		message_append(&out, "\377\377\377", extra);
		expect(what, (struct outcome)REFUSAL(-EINVAL), 0);
	}

	/* An odd attribute at the end need not be padded. */
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1);
	attr_append(&out, NLTEST_A_PAYLOAD, "12345", 5);
	((struct nlmsghdr *)out.bytes)->nlmsg_len -= 3;
	out.len -= 3;
	expect("not padded", (struct outcome)ANSWER(NLTEST_CMD_ECHO), 0);
}

static void numbers_of_another_size(void)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 5, 8 };
	char what[64];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(what, sizeof(what), "a u32 of %zu bytes", sizes[i]);
		message_begin(&out, NLTEST_CMD_DELAY, NLM_F_REQUEST, 1);
		attr_append(&out, NLTEST_A_DELAY_US, "\0\0\0\0\0\0\0\0", sizes[i]);
		expect(what, (struct outcome)REFUSAL(-EINVAL), 0);
	}
}

static void texts_without_a_letter(void)
{
	message_begin(&out, NLTEST_CMD_FAIL, NLM_F_REQUEST, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	attr_append(&out, NLTEST_A_TEXT, "", 0);
	expect("a text without even a NUL", (struct outcome)REFUSAL(-ERANGE), 0);

	message_begin(&out, NLTEST_CMD_FAIL, NLM_F_REQUEST, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	attr_append(&out, NLTEST_A_TEXT, "", 1);
	expect("an empty text", (struct outcome)REFUSAL(-EPERM), 0);

	message_begin(&out, NLTEST_CMD_FAIL, NLM_F_REQUEST, 1);
	attr_append_u32(&out, NLTEST_A_ERRNO, EPERM);
	attr_append(&out, NLTEST_A_TEXT, "a\0b\0c", 6);
	expect("a text with NULs inside", (struct outcome)REFUSAL(-EPERM), 0);
}

static void flags_in_an_attributes_type(void)
{
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1);
	attr_append(&out, NLTEST_A_PAYLOAD | NLA_F_NESTED, "1234", 4);
	expect("a payload that claims to be a nest", (struct outcome)REFUSAL(-EINVAL), 0);

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1);
	attr_append(&out, NLTEST_A_PAYLOAD | NLA_F_NET_BYTEORDER, "1234", 4);
	expect("a payload in network byte order", (struct outcome)ANSWER(NLTEST_CMD_ECHO), 0);
}

static void the_same_attribute_twice(void)
{
	int fd = open_family();
	struct nlmsghdr *nlh;
	const struct nlattr *nla;

	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST, 1);
	attr_append(&out, NLTEST_A_PAYLOAD, "first", 5);
	attr_append(&out, NLTEST_A_PAYLOAD, "last", 4);
	send_datagram(fd, &out);
	in.len = in.at = 0;
	nlh = next_answer(fd, &in);
	NEED(nlh && nlh->nlmsg_type == NLTEST_CMD_ECHO, "no answer");
	nla = find_attr(nlh, NLTEST_A_PAYLOAD);
	CHECK(nla && attr_len(nla) == 4 && !memcmp(attr_data(nla), "last", 4), "not the last one");
	close(fd);
}

static void types_that_nobody_knows(void)
{
	static const uint16_t types[] = { NLTEST_CMD_MAX + 1, 0x40, 0x8000, 0xffff };
	char what[64];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(what, sizeof(what), "type %#x", types[i]);
		message_begin(&out, types[i], NLM_F_REQUEST, 1);
		attr_append(&out, 0x1fff, "garbage", 7);
		expect(what, (struct outcome)REFUSAL(-EOPNOTSUPP), 0);
		message_begin(&out, types[i], 0, 1);
		expect(what, (struct outcome)SILENCE, 0);
	}
	for (uint16_t type = 1; type < NLMSG_MIN_TYPE; type++) {
		snprintf(what, sizeof(what), "control type %#x", type);
		message_begin(&out, type, NLM_F_REQUEST, 1);
		message_append(&out, "garbage", 7);
		expect(what, (struct outcome)SILENCE, 0);
	}
}

static void every_flag_at_once(void)
{
	message_begin(&out, NLTEST_CMD_ECHO, 0xffff, 1);
	expect("ECHO", (struct outcome)REFUSAL(-EOPNOTSUPP), 0);
	message_begin(&out, 0, 0xffff, 1);
	expect("plain text", (struct outcome)BOTH(NLMSG_DONE, 0, NLMSG_ERROR, 0), 0);
}

static void text_without_an_end(void)
{
	static char text[60000];

	message_begin(&out, 0, 0, 1);
	message_append(&out, "Hello", 5);
	out.len = out.message + NLMSG_LENGTH(5);
	expect("without a NUL", (struct outcome)ANSWER(NLMSG_DONE), 0);

	memset(text, 0xff, sizeof(text));
	message_begin(&out, 0, 0, 1);
	message_append(&out, text, sizeof(text));
	expect("60,000 bytes without a NUL", (struct outcome)ANSWER(NLMSG_DONE), 0);
}

static void ten_thousand_messages_in_a_datagram(void)
{
	static struct counters before, after;

	get_counters(&before);
	for (int i = 0; i < 10000; i++)
		message_begin(&out, NLMSG_NOOP, 0, i);
	echo(1);
	expect("10,000 of no effect, one ECHO", (struct outcome)ANSWER(NLTEST_CMD_ECHO), 0);
	get_counters(&after);
	CHECK(COUNTER(&after, WHOLE, RECEIVED) - COUNTER(&before, WHOLE, RECEIVED) > 10000,
	      "not all were counted");
}

static void a_datagram_in_many_pieces(void)
{
	struct iovec pieces[64];
	int fd = open_family();
	struct nlmsghdr *nlh;
	size_t count;

	echo(1);
	count = out.len;
	for (size_t i = 0; i < count; i++)
		pieces[i] = (struct iovec) { out.bytes + i, 1 };
	out.len = 0;
	CHECK(writev(fd, pieces, count) == (ssize_t)count, "writev: %s", strerror(errno));
	in.len = in.at = 0;
	nlh = next_answer(fd, &in);
	CHECK(nlh && nlh->nlmsg_type == NLTEST_CMD_ECHO, "no answer");
	close(fd);
}

static int log_fd;

static void the_kernel_has_not_complained(void)
{
	check_log(log_fd);
}

#define TEST(name)	{ #name, name }

static const struct test tests[] = {
	TEST(lengths_below_a_header),
	TEST(lengths_above_the_datagram),
	TEST(datagrams_shorter_than_a_header),
	TEST(an_empty_datagram),
	TEST(what_stands_before_the_malformed_part_is_answered),
	TEST(bytes_after_the_last_message),
	TEST(messages_of_odd_length),
	TEST(attributes_whose_length_lies),
	TEST(bytes_after_the_last_attribute),
	TEST(numbers_of_another_size),
	TEST(texts_without_a_letter),
	TEST(flags_in_an_attributes_type),
	TEST(the_same_attribute_twice),
	TEST(types_that_nobody_knows),
	TEST(every_flag_at_once),
	TEST(text_without_an_end),
	TEST(ten_thousand_messages_in_a_datagram),
	TEST(a_datagram_in_many_pieces),
	TEST(the_kernel_has_not_complained),
};

int main(void)
{
	if (unshare(CLONE_NEWNET))
		bail_out("a network namespace of its own (root is needed)");
	log_fd = open_log();
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
