// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Requests of many message types through many sockets, for what tracing costs
 * then. No command of family 25 has these types, so that each request is
 * refused with an error, which is read.
 *
 * usage: spread_loop COUNT TYPES SOCKETS
 * prints: one line of JSON with the time that the loop took
 */
#include <linux/netlink.h>
#include <sys/socket.h>

#include "loop.h"

#define NETLINK_TESTFAMILY	25
#define FIRST_TYPE		0x100
#define SOCKETS_MAX		1024

int main(int argc, char **argv)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[4096];
	} answer;
	struct nlmsghdr request = { .nlmsg_len = sizeof(request), .nlmsg_flags = NLM_F_REQUEST };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	static int sockets[SOCKETS_MAX];
	unsigned long count, types, socket_count;
	uint64_t start, elapsed;

	if (argc != 4) {
		fprintf(stderr, "usage: spread_loop COUNT TYPES SOCKETS\n");
		return 2;
	}
	count = number(argv[1], 1, UINT32_MAX);
	types = number(argv[2], 1, UINT16_MAX - FIRST_TYPE);
	socket_count = number(argv[3], 1, SOCKETS_MAX);
	for (unsigned long i = 0; i < socket_count; i++) {
		sockets[i] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_TESTFAMILY);
		if (sockets[i] < 0)
			die("socket");
	}

	start = now_ns();
	for (unsigned long i = 0; i < count; i++) {
		int fd = sockets[i % socket_count];

		request.nlmsg_seq++;
		request.nlmsg_type = FIRST_TYPE + i % types;
		if (sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&kernel,
			   sizeof(kernel)) < 0)
			die("sendto");
		if (recv(fd, &answer, sizeof(answer), 0) < 0)
			die("recv");
	}
	elapsed = now_ns() - start;

	/* Outside of the loop: that what was timed did what it should. */
	if (answer.header.nlmsg_type != NLMSG_ERROR || answer.header.nlmsg_seq != request.nlmsg_seq ||
	    answer.error.error == 0) {
		fprintf(stderr, "spread_loop: the last answer is not an error\n");
		return 1;
	}
	printf("{\"count\":%lu,\"types\":%lu,\"sockets\":%lu,\"elapsed_ns\":%llu,\"ns_per_message\":%.1f}\n", count,
	       types, socket_count, (unsigned long long)elapsed, (double)elapsed / (double)count);
	return 0;
}
