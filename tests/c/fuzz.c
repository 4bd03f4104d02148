// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A random sender that knows the protocol well enough to break it everywhere:
 * headers, attributes, nests, lengths, batches, pieces of real messages.
 *
 *	fuzz [SEED [DATAGRAMS]]
 *
 * Everything follows from the seed, which is printed. Between the bad messages
 * stand good ones, and each that the kernel can reach must be answered; the
 * module's counters must agree with what this program knows it sent. Needs root.
 */
#include "health.h"

#include <sched.h>

#define ROUNDS		10
#define DATAGRAMS	20000
#define MESSAGES_MAX	8

/* Sequence numbers of good messages have this bit, others lack it. */
#define GOOD		0x80000000

static struct datagram out;
static struct received in;
static uint64_t seed, state;
static unsigned long datagrams = DATAGRAMS / ROUNDS;
static int fd, listener, log_fd;

/* Where the good messages of the datagram begin. */
static size_t good_at[MESSAGES_MAX];
static size_t goods;

/* What the module must have counted. */
static struct {
	uint64_t datagrams, messages, bytes, malformed, good;
} sent;

/* xorshift64* */
static uint64_t draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static uint32_t below(uint32_t limit)
{
	return (draw() >> 32) % limit;
}

static bool chance(uint32_t percent)
{
	return below(100) < percent;
}

/* A number that is likely to be at the edge of something. */
static uint32_t edge(void)
{
	static const uint32_t edges[] = {
		0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 20, 127, 128, 255, 4095, 4096, 32767, 32768, 32769,
		65535, 65536, 999999, 1000000, 1000001, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
	};

	return chance(80) ? edges[below(sizeof(edges) / sizeof(edges[0]))] : draw();
}

static uint16_t any_type(void)
{
	if (chance(70))
		return NLTEST_CMD_MIN + below(NLTEST_CMD_MAX - NLTEST_CMD_MIN + 1);
	return chance(50) ? below(0x20) : edge();
}

static uint16_t any_flags(void)
{
	uint16_t flags = chance(90) ? NLM_F_REQUEST : 0;

	if (chance(30))
		flags |= NLM_F_ACK;
	if (chance(20))
		flags |= NLM_F_DUMP;
	if (chance(20))
		flags |= NLTEST_F_GATHER;
	return chance(5) ? draw() : flags;
}

static void append_random_attr(int depth)
{
	unsigned char bytes[300];
	uint16_t type = chance(80) ? below(NLTEST_A_MAX + 2) : edge();
	uint32_t value = edge();
	size_t at = out.len;
	struct nlattr *nla;

	if (chance(10) && depth < 20) {
		/* A nest; its length is set when what it holds is there. */
		attr_append(&out, type | NLA_F_NESTED, "", 0);
		for (uint32_t i = below(3); i; i--)
			append_random_attr(depth + 1);
		nla = (struct nlattr *)(out.bytes + at);
		nla->nla_len = out.len - at;
	} else if (chance(50)) {
		attr_append(&out, type, &value, sizeof(value));
	} else {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = draw();
		attr_append(&out, type, bytes, below(chance(80) ? 40 : sizeof(bytes)));
	}
	nla = (struct nlattr *)(out.bytes + at);
	if (chance(8))
		nla->nla_len = edge();
	if (chance(3))
		nla->nla_type |= NLA_F_NET_BYTEORDER;
}

/* A message that is right, with an answer that can be told from all others. */
static void append_good(uint32_t number)
{
	good_at[goods++] = out.len;
	message_begin(&out, NLTEST_CMD_ECHO, NLM_F_REQUEST | (chance(30) ? NLTEST_F_GATHER : 0),
		      GOOD | number);
	attr_append_u32(&out, NLTEST_A_PAYLOAD, ~number);
}

/* A message of the protocol with values at its edges. */
static void append_bad(void)
{
	size_t at = out.len;
	struct nlmsghdr *nlh = message_begin(&out, any_type(), any_flags(), draw() & ~GOOD);

	nlh->nlmsg_pid = chance(50) ? 0 : draw();
	for (uint32_t i = below(5); i; i--)
		append_random_attr(0);
	/* Flip bits, but keep the header's length and sequence number. */
	for (uint32_t i = chance(20) ? below(8) : 0; i && out.len > at + NLMSG_HDRLEN; i--)
		out.bytes[at + NLMSG_HDRLEN + below(out.len - at - NLMSG_HDRLEN)] ^= 1 << below(8);
	/* A piece of it only: the rest of the datagram moves up. */
	if (chance(5)) {
		out.len = at + below(out.len - at + 1);
		out.len -= chance(80) ? out.len % 4 : 0;
	}
	if (chance(4))
		nlh->nlmsg_len = edge();
}

/*
 * Walks what has been built as the kernel will. Counts it, and takes from it
 * what would only cost time: long sleeps, bursts and dumps. Puts the numbers of the
 * good messages that the kernel reaches into `good`.
 */
static size_t walk(uint32_t *good)
{
	size_t at = 0, next = 0, count = 0;

	while (out.len - at >= NLMSG_HDRLEN) {
		struct nlmsghdr *nlh = (void *)(out.bytes + at);
		size_t attr = at + NLMSG_HDRLEN, end;

		if (nlh->nlmsg_len < NLMSG_HDRLEN || nlh->nlmsg_len > out.len - at)
			break;
		end = at + nlh->nlmsg_len;
		while (end - attr >= NLA_HDRLEN) {
			struct nlattr *nla = (void *)(out.bytes + attr);
			uint32_t *value = (void *)(out.bytes + attr + NLA_HDRLEN);

			if (nla->nla_len < NLA_HDRLEN || nla->nla_len > end - attr)
				break;
			if (nla->nla_len == NLA_HDRLEN + sizeof(*value)) {
				uint16_t type = nla->nla_type & NLA_TYPE_MASK;

				if (nlh->nlmsg_type == NLTEST_CMD_DELAY && type == NLTEST_A_DELAY_US &&
				    *value <= NLTEST_DELAY_MAX_US)
					*value %= 100;
				if ((nlh->nlmsg_type == NLTEST_CMD_BURST || nlh->nlmsg_type == NLTEST_CMD_PARTS) &&
				    type == NLTEST_A_COUNT && *value <= NLTEST_BURST_MAX)
					*value %= 20;
			}
			if ((size_t)NLA_ALIGN(nla->nla_len) > end - attr)
				break;
			attr += NLA_ALIGN(nla->nla_len);
		}
		/* Garbage may look like a header, and even like a good one. */
		while (next < goods && good_at[next] < at)
			next++;
		if (next < goods && good_at[next] == at)
			good[count++] = nlh->nlmsg_seq;
		sent.messages++;
		sent.bytes += nlh->nlmsg_len;
		at += NLMSG_ALIGN(nlh->nlmsg_len);
		if (at >= out.len) {
			at = out.len;
			break;
		}
	}
	sent.malformed += at < out.len;
	sent.good += count;
	return count;
}

static void build(uint32_t number)
{
	out.len = goods = 0;
	for (uint32_t i = 1 + below(MESSAGES_MAX); i; i--) {
		/* Messages begin where the kernel looks for them. */
		if (out.len % NLMSG_ALIGNTO)
			out.len += NLMSG_ALIGNTO - out.len % NLMSG_ALIGNTO;
		if (chance(40))
			append_good(number * MESSAGES_MAX + i);
		else
			append_bad();
	}
	if (chance(5) && out.len)
		out.len -= below(out.len < 16 ? out.len : 16);
	/* Of a single message nothing may have been left. */
	if (!out.len)
		append_good(number * MESSAGES_MAX);
}

/* Reads everything there is, and compares the good answers with the good requests. */
static void read_answers(const uint32_t *good, size_t count, uint32_t number)
{
	struct nlmsghdr *nlh;
	size_t answered = 0;

	/* ENOBUFS: a dump stalls, as it was asked to; there is room for everything that comes. */
	while (receive_within(fd, &in, 0) || errno == ENOBUFS) {
		check_padding(&in);
		while ((nlh = next_message(&in))) {
			const struct nlattr *nla;

			/* Other answers may look like a good one's, as their requests do. */
			if (answered == count || nlh->nlmsg_seq != good[answered] ||
			    nlh->nlmsg_type != NLTEST_CMD_ECHO)
				continue;
			answered++;
			nla = find_attr(nlh, NLTEST_A_PAYLOAD);
			CHECK(nla && attr_value(nla, 4) == (uint32_t)~(nlh->nlmsg_seq & ~GOOD),
			      "datagram %u: answer %#x has another payload", number, nlh->nlmsg_seq);
		}
	}
	CHECK(errno == ETIMEDOUT, "datagram %u: %s", number, strerror(errno));
	CHECK(answered == count, "datagram %u: %zu of %zu good messages were answered", number, answered,
	      count);
	while (receive_within(listener, &in, 0))
		check_padding(&in);
}

static void make_room(int socket)
{
	int size = 64 << 20;

	if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		bail_out("SO_RCVBUFFORCE");
}

static void a_round_of_random_datagrams(void)
{
	uint32_t good[MESSAGES_MAX];

	printf("# seed %#llx\n", (unsigned long long)state);
	fd = open_family();
	make_room(fd);
	for (unsigned long i = 0; i < datagrams && !test_failed; i++) {
		size_t count;

		if (!(i % 50)) {
			set_option(fd, NETLINK_EXT_ACK, chance(70));
			set_option(fd, NETLINK_CAP_ACK, chance(50));
		}
		build(sent.datagrams);
		count = walk(good);
		if (send_bytes(fd, out.bytes, out.len) != (ssize_t)out.len)
			CHECK(false, "datagram %llu of %zu bytes: %s",
			      (unsigned long long)sent.datagrams, out.len, strerror(errno));
		read_answers(good, count, sent.datagrams);
		sent.datagrams++;
	}
	close(fd);
}

static void the_counters_add_up(void)
{
	static struct counters c;

	get_counters(&c);
	printf("# %llu datagrams, %llu messages, %llu of them good, %llu malformed ends\n",
	       (unsigned long long)sent.datagrams, (unsigned long long)sent.messages,
	       (unsigned long long)sent.good, (unsigned long long)sent.malformed);
	CHECK(sent.good && sent.malformed, "the generator has lost its variety");
	/* The request for the counters is counted too. */
	CHECK_EQUAL(COUNTER(&c, WHOLE, RECEIVED), sent.messages + 1);
	CHECK_EQUAL(COUNTER(&c, WHOLE, RX_BYTES), sent.bytes + NLMSG_HDRLEN);
	CHECK_EQUAL(COUNTER(&c, WHOLE, MALFORMED), sent.malformed);
	CHECK_EQUAL(COUNTER(&c, WHOLE, UNDELIVERED),
		    COUNTER(&c, NLTEST_CMD_BURST, UNDELIVERED));
	CHECK(COUNTER(&c, NLTEST_CMD_ECHO, REPLIED) >= sent.good, "fewer answers than good messages");
	for (int command = NLTEST_CMD_MIN; command <= NLTEST_CMD_MAX; command++)
		CHECK(COUNTER(&c, command, RECEIVED) && COUNTER(&c, command, REFUSED),
		      "command %#x was never sent, or never refused", command);
}

static void the_module_is_alive(void)
{
	CHECK(alive(), "no answer");
}

static void the_kernel_has_not_complained(void)
{
	check_log(log_fd);
}

#define TEST(name)	{ #name, name }
#define TIMES_10(test)	test, test, test, test, test, test, test, test, test, test

static const struct test tests[] = {
	TIMES_10(TEST(a_round_of_random_datagrams)),
	TEST(the_counters_add_up),
	TEST(the_module_is_alive),
	TEST(the_kernel_has_not_complained),
};

int main(int argc, char **argv)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : now_us();
	/* Nothing comes of 0 but 0. */
	state = seed ? seed : 1;
	if (argc > 2)
		datagrams = (strtoul(argv[2], NULL, 0) + ROUNDS - 1) / ROUNDS;
	if (unshare(CLONE_NEWNET))
		bail_out("a network namespace of its own (root is needed)");
	log_fd = open_log();
	listener = open_listener();
	make_room(listener);
	receive_size = 64 * 1024;
	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
