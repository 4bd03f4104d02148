// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Requests of many message types through many sockets, for what tracing costs
 * then. No command of family 25 has these types, so that each request is
 * refused with an error, which is read.
 *
 * usage: spread_loop COUNT TYPES SOCKETS
 * prints: one line of JSON with the time that the loop took
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define NETLINK_TESTFAMILY	25
#define FIRST_TYPE		0x100
#define SOCKETS_MAX		1024

static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || value < 1 || value > max) {
		fprintf(stderr, "spread_loop: %s is not a number from 1 to %lu\n", text, max);
		exit(2);
	}
	return value;
}

static void die(const char *what)
{
	fprintf(stderr, "spread_loop: %s: %s\n", what, strerror(errno));
	exit(1);
}

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
	struct timespec start, end;
	uint64_t elapsed;

	if (argc != 4) {
		fprintf(stderr, "usage: spread_loop COUNT TYPES SOCKETS\n");
		return 2;
	}
	count = number(argv[1], UINT32_MAX);
	types = number(argv[2], UINT16_MAX - FIRST_TYPE);
	socket_count = number(argv[3], SOCKETS_MAX);
	for (unsigned long i = 0; i < socket_count; i++) {
		sockets[i] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_TESTFAMILY);
		if (sockets[i] < 0)
			die("socket");
	}

	clock_gettime(CLOCK_MONOTONIC, &start);
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
	clock_gettime(CLOCK_MONOTONIC, &end);

	/* Outside of the loop: that what was timed did what it should. */
	if (answer.header.nlmsg_type != NLMSG_ERROR || answer.header.nlmsg_seq != request.nlmsg_seq ||
	    answer.error.error == 0) {
		fprintf(stderr, "spread_loop: the last answer is not an error\n");
		return 1;
	}
	elapsed = (uint64_t)(end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec;
	printf("{\"count\":%lu,\"types\":%lu,\"sockets\":%lu,\"elapsed_ns\":%llu,\"ns_per_message\":%.1f}\n", count,
	       types, socket_count, (unsigned long long)elapsed, (double)elapsed / (double)count);
	return 0;
}
