// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Many messages in few datagrams: dumps of routes, batches of rules.
 *
 * usage: message_loop COUNT dump	dumps of 10,000 routes, until COUNT messages were read
 *        message_loop COUNT batch	batches of 1,000 nftables rules, until COUNT were made
 * prints: one line of JSON with the time that the loop took
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

#define ROUTES		10000
#define RULES		1000
#define LOOPBACK	1
#define TABLE		"t"
#define CHAIN		"c"

static char out[1 << 18], in[1 << 16];
static size_t used;
static unsigned int sequence;

static struct nlmsghdr *begin(unsigned short type, unsigned short flags)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(out + used);

	memset(message, 0, NLMSG_HDRLEN);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++sequence;
	used += NLMSG_HDRLEN;
	return message;
}

static void append(const void *bytes, size_t len)
{
	memcpy(out + used, bytes, len);
	memset(out + used + len, 0, NLMSG_ALIGN(len) - len);
	used += NLMSG_ALIGN(len);
}

static void attribute(unsigned short type, const void *bytes, unsigned short len)
{
	struct nlattr head = { .nla_len = NLA_HDRLEN + len, .nla_type = type };

	append(&head, sizeof(head));
	append(bytes, len);
}

static void end(struct nlmsghdr *message)
{
	message->nlmsg_len = out + used - (char *)message;
}

static int open_socket(int family)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family), bytes = 4 * sizeof(out);

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
		die("netlink socket");
	return fd;
}

static void flush(int fd)
{
	if (send(fd, out, used, 0) != (ssize_t)used)
		die("send");
	used = 0;
}

/* Reads until a message of this type, which an error may take the place of. Returns how many messages were read. */
static unsigned long read_until(int fd, unsigned short type)
{
	unsigned long count = 0;

	for (;;) {
		ssize_t got = recv(fd, in, sizeof(in), 0);

		if (got < 0)
			die("recv");
		for (struct nlmsghdr *message = (void *)in; NLMSG_OK(message, (size_t)got);
		     message = NLMSG_NEXT(message, got)) {
			count++;
			if (message->nlmsg_type == NLMSG_ERROR) {
				errno = -*(int *)NLMSG_DATA(message);
				if (errno)
					die("answer");
			}
			if (message->nlmsg_type == type)
				return count;
		}
	}
}

static void up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		die("lo");
	close(fd);
}

static void add_routes(int fd)
{
	struct rtmsg route = {
		.rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST,
	};
	int loopback = LOOPBACK;

	for (unsigned int i = 0; i < ROUTES; i++) {
		struct nlmsghdr *message = begin(RTM_NEWROUTE, NLM_F_CREATE | (i + 1 == ROUTES ? NLM_F_ACK : 0));
		unsigned int to = htonl(0x0a000000 + i);

		append(&route, sizeof(route));
		attribute(RTA_DST, &to, sizeof(to));
		attribute(RTA_OIF, &loopback, sizeof(loopback));
		end(message);
		if (used > sizeof(out) / 2 || i + 1 == ROUTES)
			flush(fd);
	}
	read_until(fd, NLMSG_ERROR);
}

static unsigned long dump(int fd)
{
	struct nlmsghdr *message = begin(RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg route = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN };

	append(&route, sizeof(route));
	end(message);
	flush(fd);
	return read_until(fd, NLMSG_DONE);
}

static struct nlmsghdr *begin_nft(unsigned short type, unsigned short flags)
{
	struct nlmsghdr *message = begin(NFNL_SUBSYS_NFTABLES << 8 | type, flags);
	struct nfgenmsg family = { .nfgen_family = NFPROTO_IPV4, .version = NFNETLINK_V0 };

	append(&family, sizeof(family));
	return message;
}

static void border(unsigned short type)
{
	struct nlmsghdr *message = begin(type, 0);
	struct nfgenmsg family = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	append(&family, sizeof(family));
	end(message);
}

static void table(unsigned short type)
{
	struct nlmsghdr *message = begin_nft(type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

	attribute(NFTA_TABLE_NAME, TABLE, sizeof(TABLE));
	end(message);
}

/* A table of 1,000 rules in the place of the one before. */
static unsigned long batch(int fd)
{
	struct nlmsghdr *message;

	border(NFNL_MSG_BATCH_BEGIN);
	table(NFT_MSG_NEWTABLE);
	table(NFT_MSG_DELTABLE);
	table(NFT_MSG_NEWTABLE);
	message = begin_nft(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	attribute(NFTA_CHAIN_TABLE, TABLE, sizeof(TABLE));
	attribute(NFTA_CHAIN_NAME, CHAIN, sizeof(CHAIN));
	end(message);
	for (int i = 0; i < RULES; i++) {
		message = begin_nft(NFT_MSG_NEWRULE,
				    NLM_F_CREATE | NLM_F_APPEND | (i + 1 == RULES ? NLM_F_ACK : 0));
		attribute(NFTA_RULE_TABLE, TABLE, sizeof(TABLE));
		attribute(NFTA_RULE_CHAIN, CHAIN, sizeof(CHAIN));
		end(message);
	}
	border(NFNL_MSG_BATCH_END);
	flush(fd);
	read_until(fd, NLMSG_ERROR);
	return RULES;
}

int main(int argc, char **argv)
{
	unsigned long count, done = 0;
	bool dumps;
	uint64_t start;
	int fd;

	if (argc != 3 || (strcmp(argv[2], "dump") && strcmp(argv[2], "batch"))) {
		fprintf(stderr, "usage: message_loop COUNT dump|batch\n");
		return 2;
	}
	count = number(argv[1], 1, UINT32_MAX);
	dumps = !strcmp(argv[2], "dump");
	if (unshare(CLONE_NEWNET))
		die("network namespace");
	up();
	fd = open_socket(dumps ? NETLINK_ROUTE : NETLINK_NETFILTER);
	if (dumps)
		add_routes(fd);

	start = now_ns();
	while (done < count)
		done += dumps ? dump(fd) : batch(fd);
	report(done, now_ns() - start);
	return 0;
}
