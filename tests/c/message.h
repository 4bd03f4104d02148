/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Messages built and read by hand.
 *
 * Nothing here goes through a netlink library: a library would hide the very
 * bytes that the tests are about.
 */
#ifndef _NLTEST_MESSAGE_H
#define _NLTEST_MESSAGE_H

#include "tap.h"

#include <linux/netlink.h>

#include "../../kmod/include/uapi/nltest.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

/* Since Linux 6.1; older C libraries' headers lack them. */
#define ATTR_MISS_TYPE	5

#define KERNEL_TEXT_LEN	sizeof(NLTEST_UNICAST_TEXT)

/* How long to wait for what must come, and for what must not, in ms. */
#define SOON	10000
#define NEVER	50

/* ---- messages out ---- */

/* One datagram that is being built. */
struct datagram {
	_Alignas(4) unsigned char bytes[256 * 1024];
	size_t len;
	size_t message;		/* where the current message begins */
};

__attribute__((unused))
static struct nlmsghdr *message_begin(struct datagram *out, uint16_t type, uint16_t flags,
				      uint32_t seq)
{
	struct nlmsghdr *nlh = (void *)(out->bytes + out->len);

	out->message = out->len;
	*nlh = (struct nlmsghdr) {
		.nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = type, .nlmsg_flags = flags,
		.nlmsg_seq = seq,
	};
	out->len += NLMSG_HDRLEN;
	return nlh;
}

/* Appends bytes to the current message, and zeroes up to the next boundary. */
__attribute__((unused))
static void message_append(struct datagram *out, const void *data, size_t len)
{
	struct nlmsghdr *nlh = (void *)(out->bytes + out->message);
	unsigned char *to = out->bytes + out->message + nlh->nlmsg_len;

	memset(to, 0, NLMSG_ALIGN(len));
	if (len)
		memcpy(to, data, len);
	nlh->nlmsg_len += len;
	out->len = out->message + NLMSG_ALIGN(nlh->nlmsg_len);
}

/* Appends an attribute; the message's length counts its padding, as the kernel's own do. */
__attribute__((unused))
static void attr_append(struct datagram *out, uint16_t type, const void *data, size_t len)
{
	struct nlmsghdr *nlh = (void *)(out->bytes + out->message);
	struct nlattr nla = { .nla_len = NLA_HDRLEN + len, .nla_type = type };

	message_append(out, &nla, sizeof(nla));
	message_append(out, data, len);
	nlh->nlmsg_len = NLMSG_ALIGN(nlh->nlmsg_len);
}

__attribute__((unused))
static void attr_append_u32(struct datagram *out, uint16_t type, uint32_t value)
{
	attr_append(out, type, &value, sizeof(value));
}

__attribute__((unused))
static int open_family(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_TESTFAMILY);

	if (fd < 0)
		bail_out("cannot open a socket of family %d; is the module loaded?",
			 NETLINK_TESTFAMILY);
	return fd;
}

__attribute__((unused))
static void set_option(int fd, int option, int value)
{
	if (setsockopt(fd, SOL_NETLINK, option, &value, sizeof(value)))
		bail_out("setsockopt %d", option);
}

__attribute__((unused))
static uint32_t portid_of(int fd)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len))
		bail_out("getsockname");
	return address.nl_pid;
}

/* Sends to the kernel without an address: to whom an unconnected socket sends. */
__attribute__((unused))
static ssize_t send_bytes(int fd, const void *bytes, size_t len)
{
	return send(fd, bytes, len, 0);
}

__attribute__((unused))
static bool send_datagram(int fd, struct datagram *out)
{
	ssize_t sent = send_bytes(fd, out->bytes, out->len);
	bool whole = sent == (ssize_t)out->len;

	CHECK(whole, "sending %zu bytes: %zd, %s", out->len, sent, strerror(errno));
	out->len = 0;
	return whole;
}

/* ---- messages in ---- */

/* One datagram that was received, and where its reader stands. */
struct received {
	_Alignas(4) unsigned char bytes[128 * 1024];
	size_t len;
	size_t at;
};

/* How much room to give the kernel: a dump's parts are as long as the room that its reader gave before. */
static size_t receive_size = sizeof(((struct received *)0)->bytes);

/* Reads a datagram within ms; false, with errno, if none comes. */
__attribute__((unused))
static bool receive_within(int fd, struct received *in, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t len;

	in->len = in->at = 0;
	if (poll(&ready, 1, ms) <= 0) {
		errno = ETIMEDOUT;
		return false;
	}
	/* What the kernel does not write shall be seen. */
	memset(in->bytes, 0xa5, receive_size);
	len = recv(fd, in->bytes, receive_size, MSG_TRUNC | MSG_DONTWAIT);
	if (len < 0)
		return false;
	if ((size_t)len > receive_size) {
		errno = EMSGSIZE;
		return false;
	}
	in->len = len;
	return true;
}

/* The next message of the datagram, or NULL at its end. */
__attribute__((unused))
static struct nlmsghdr *next_message(struct received *in)
{
	struct nlmsghdr *nlh = (void *)(in->bytes + in->at);
	size_t rest = in->len - in->at;

	if (!rest)
		return NULL;
	if (rest < NLMSG_HDRLEN || nlh->nlmsg_len < NLMSG_HDRLEN || nlh->nlmsg_len > rest) {
		fail_at(__FILE__, __LINE__, "a message that cannot be followed at %zu of %zu",
			in->at, in->len);
		return NULL;
	}
	in->at += NLMSG_ALIGN(nlh->nlmsg_len);
	if (in->at > in->len)
		in->at = in->len;
	return nlh;
}

/* The next message, from this datagram or, at its end, from the next one. */
__attribute__((unused))
static struct nlmsghdr *next_answer(int fd, struct received *in)
{
	if (in->at == in->len && !receive_within(fd, in, SOON)) {
		fail_at(__FILE__, __LINE__, "no answer: %s", strerror(errno));
		return NULL;
	}
	return next_message(in);
}

__attribute__((unused))
static bool silent(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, NEVER) == 0;
}

/*
 * A socket that listens. It must be bound: the kernel takes port number 0, which
 * an unbound socket still has, for its own and sends it no multicast.
 */
__attribute__((unused))
static int open_listener(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = open_family();

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
		bail_out("bind");
	set_option(fd, NETLINK_ADD_MEMBERSHIP, NETLINK_MYGROUP);
	return fd;
}

/* The attribute of this type in len bytes of attributes, or NULL. */
__attribute__((unused))
static const struct nlattr *find_in(const void *attrs, size_t len, uint16_t type)
{
	const unsigned char *at = attrs;

	while (len >= NLA_HDRLEN) {
		const struct nlattr *nla = (const void *)at;
		size_t step = NLA_ALIGN(nla->nla_len);

		if (nla->nla_len < NLA_HDRLEN || nla->nla_len > len) {
			fail_at(__FILE__, __LINE__, "an attribute that cannot be followed");
			return NULL;
		}
		if ((nla->nla_type & NLA_TYPE_MASK) == type)
			return nla;
		if (step >= len)
			break;
		at += step;
		len -= step;
	}
	return NULL;
}

__attribute__((unused))
static const struct nlattr *find_attr(const struct nlmsghdr *nlh, uint16_t type)
{
	return find_in((const unsigned char *)nlh + NLMSG_HDRLEN, nlh->nlmsg_len - NLMSG_HDRLEN, type);
}

__attribute__((unused))
static const void *attr_data(const struct nlattr *nla)
{
	return (const unsigned char *)nla + NLA_HDRLEN;
}

__attribute__((unused))
static size_t attr_len(const struct nlattr *nla)
{
	return nla->nla_len - NLA_HDRLEN;
}

/* The value of a u32 or u64 attribute; a failure and 0 when it is not there or has another size. */
__attribute__((unused))
static uint64_t attr_value(const struct nlattr *nla, size_t size)
{
	uint64_t wide = 0;
	uint32_t narrow = 0;

	if (!nla || attr_len(nla) != size) {
		fail_at(__FILE__, __LINE__, nla ? "an attribute has another size" : "an attribute is missing");
		return 0;
	}
	if (size == sizeof(narrow)) {
		memcpy(&narrow, attr_data(nla), sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, attr_data(nla), sizeof(wide));
	return wide;
}

/* What an NLMSG_ERROR says. */
struct refusal {
	int error;
	struct nlmsghdr request;	/* the header that it repeats */
	size_t repeated;		/* bytes of the request that it repeats */
	bool capped;
	const char *text;		/* NULL if there is none */
	int64_t offset;			/* of the attribute at fault; -1: none */
	int64_t missing;		/* the attribute that is missing; -1: none */
	bool policy;
};

__attribute__((unused))
static bool read_refusal(const struct nlmsghdr *nlh, struct refusal *refusal)
{
	const struct nlmsgerr *err = NLMSG_DATA(nlh);
	const unsigned char *tail;
	const struct nlattr *nla;
	size_t fixed, tlvs;

	*refusal = (struct refusal) { .offset = -1, .missing = -1 };
	if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*err))) {
		fail_at(__FILE__, __LINE__, "type %#x, %u bytes: not an NLMSG_ERROR",
			nlh->nlmsg_type, nlh->nlmsg_len);
		return false;
	}
	refusal->error = err->error;
	refusal->request = err->msg;
	refusal->capped = nlh->nlmsg_flags & NLM_F_CAPPED;
	refusal->repeated = refusal->capped ? NLMSG_HDRLEN : err->msg.nlmsg_len;
	fixed = NLMSG_HDRLEN + sizeof(err->error) + NLMSG_ALIGN(refusal->repeated);
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return true;
	if (fixed > nlh->nlmsg_len) {
		fail_at(__FILE__, __LINE__, "NLM_F_ACK_TLVS without room for a TLV");
		return false;
	}
	tail = (const unsigned char *)nlh + fixed;
	tlvs = nlh->nlmsg_len - fixed;
	nla = find_in(tail, tlvs, NLMSGERR_ATTR_MSG);
	if (nla)
		refusal->text = attr_data(nla);
	nla = find_in(tail, tlvs, NLMSGERR_ATTR_OFFS);
	if (nla)
		refusal->offset = attr_value(nla, sizeof(uint32_t));
	nla = find_in(tail, tlvs, ATTR_MISS_TYPE);
	if (nla)
		refusal->missing = attr_value(nla, sizeof(uint32_t));
	refusal->policy = find_in(tail, tlvs, NLMSGERR_ATTR_POLICY);
	return true;
}

/* Expects an NLMSG_ERROR with this error next. refusal->text points into `in`. */
__attribute__((unused))
static bool expect_refusal(int fd, struct received *in, int error, struct refusal *refusal)
{
	struct refusal own;
	struct nlmsghdr *nlh = next_answer(fd, in);

	if (!nlh || !read_refusal(nlh, refusal ? refusal : &own))
		return false;
	if (!refusal)
		refusal = &own;
	CHECK(refusal->error == error, "error %d (%s), not %d (%s)", refusal->error,
	      strerror(-refusal->error), error, strerror(-error));
	return refusal->error == error;
}

/* Whether every byte that pads a message or an attribute is zero. */
__attribute__((unused))
static void check_padding(const struct received *in)
{
	size_t at = 0;

	CHECK(in->len % NLMSG_ALIGNTO == 0, "a datagram of %zu bytes", in->len);
	while (at < in->len) {
		const struct nlmsghdr *nlh = (const void *)(in->bytes + at);
		size_t end = at + nlh->nlmsg_len, next = at + NLMSG_ALIGN(nlh->nlmsg_len);

		if (nlh->nlmsg_len < NLMSG_HDRLEN || next > in->len) {
			CHECK(false, "a message of %u bytes at %zu of %zu", nlh->nlmsg_len, at, in->len);
			return;
		}
		for (size_t i = end; i < next; i++)
			CHECK(!in->bytes[i], "padding byte %zu is %#x", i, in->bytes[i]);
		if (nlh->nlmsg_type >= NLMSG_MIN_TYPE)
			for (size_t a = at + NLMSG_HDRLEN; a + NLA_HDRLEN <= end;) {
				const struct nlattr *nla = (const void *)(in->bytes + a);
				size_t attr_end = a + nla->nla_len, attr_next = a + NLA_ALIGN(nla->nla_len);

				if (nla->nla_len < NLA_HDRLEN || attr_next > next) {
					CHECK(false, "an attribute of %u bytes at %zu", nla->nla_len, a);
					return;
				}
				for (size_t i = attr_end; i < attr_next; i++)
					CHECK(!in->bytes[i], "padding byte %zu is %#x", i, in->bytes[i]);
				a = attr_next;
			}
		at = next;
	}
}

#endif /* _NLTEST_MESSAGE_H */
