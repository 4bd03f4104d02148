// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The shortest loop of requests whose handler takes a lock that nobody else
 * wants: RTM_GETLINK of the loopback interface, and its answer.
 *
 * usage: lock_loop COUNT
 * prints: one line of JSON with the time that the loop took
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "loop.h"

#define LOOPBACK_INDEX	1

int main(int argc, char **argv)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.link = { .ifi_index = LOOPBACK_INDEX },
	};
	static union {
		struct nlmsghdr header;
		char bytes[32768];
	} answer;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	uint64_t start, elapsed;
	unsigned long count;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: lock_loop COUNT\n");
		return 2;
	}
	count = number(argv[1], 1, UINT32_MAX);

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		die("socket");

	start = now_ns();
	for (unsigned long i = 0; i < count; i++) {
		request.header.nlmsg_seq++;
		if (sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&kernel,
			   sizeof(kernel)) < 0)
			die("sendto");
		if (recv(fd, &answer, sizeof(answer), 0) < 0)
			die("recv");
	}
	elapsed = now_ns() - start;

	/* Outside of the loop: that what was timed did what it should. */
	if (answer.header.nlmsg_type != RTM_NEWLINK ||
	    answer.header.nlmsg_seq != request.header.nlmsg_seq) {
		fprintf(stderr, "lock_loop: the last answer is no link\n");
		return 1;
	}
	report(count, elapsed);
	return 0;
}
