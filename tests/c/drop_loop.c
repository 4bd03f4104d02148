// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Messages that are dropped, or that listeners get: what counting drops costs.
 *
 * usage: drop_loop COUNT LISTENERS	multicasts that LISTENERS sockets read
 *        drop_loop COUNT multicast	multicasts to a listener that is full
 *        drop_loop COUNT unicast	echoes to a socket that is full
 * prints: one line of JSON with the time that the loop took
 */
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

#define NETLINK_TESTFAMILY	25
#define NLTEST_CMD_ECHO		0x10
#define GROUP			1
#define MAX_LISTENERS		8
/* More than the smallest receive buffer holds. */
#define FILL			64

static int open_socket(int family, unsigned int groups)
{
	struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)))
		die("netlink socket");
	return fd;
}

static void make_small(int fd)
{
	int bytes = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)))
		die("SO_RCVBUF");
}

static struct nlmsghdr message = {
	.nlmsg_len = NLMSG_HDRLEN,
	.nlmsg_type = NLTEST_CMD_ECHO,
	.nlmsg_flags = NLM_F_REQUEST,
};

static void send_one(int fd, unsigned int groups)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = groups };

	message.nlmsg_seq++;
	/* Nobody else has the port id 0 of user space's family: refused, after the group got it. */
	if (sendto(fd, &message, sizeof(message), 0, (struct sockaddr *)&to, sizeof(to)) < 0 &&
	    !(groups && errno == ECONNREFUSED))
		die("sendto");
}

int main(int argc, char **argv)
{
	int listeners[MAX_LISTENERS], sender;
	unsigned long count, readers = 0;
	unsigned int groups = 0;
	char bytes[256];
	uint64_t start;

	if (argc != 3) {
		fprintf(stderr, "usage: drop_loop COUNT LISTENERS|multicast|unicast\n");
		return 2;
	}
	count = number(argv[1], 1, UINT32_MAX);
	if (!strcmp(argv[2], "unicast")) {
		sender = open_socket(NETLINK_TESTFAMILY, 0);
		make_small(sender);
	} else {
		groups = 1 << (GROUP - 1);
		sender = open_socket(NETLINK_USERSOCK, 0);
		if (!strcmp(argv[2], "multicast"))
			make_small(open_socket(NETLINK_USERSOCK, groups));
		else
			readers = number(argv[2], 1, MAX_LISTENERS);
		for (unsigned long i = 0; i < readers; i++)
			listeners[i] = open_socket(NETLINK_USERSOCK, groups);
	}
	if (!readers)
		for (int i = 0; i < FILL; i++)
			send_one(sender, groups);

	start = now_ns();
	for (unsigned long i = 0; i < count; i++) {
		send_one(sender, groups);
		for (unsigned long j = 0; j < readers; j++)
			if (recv(listeners[j], bytes, sizeof(bytes), 0) != sizeof(message))
				die("recv");
	}
	report(count, now_ns() - start);
	return 0;
}
