// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The shortest loop that echoes through family 25: sendto(2), recv(2), nothing
 * else. `nltest bench` is measured against it.
 *
 * usage: echo_loop COUNT SIZE
 * prints: one line of JSON with the time that the loop took
 */
#include <linux/netlink.h>
#include <sys/socket.h>

#include "loop.h"

#define NETLINK_TESTFAMILY	25
#define NLTEST_CMD_ECHO		0x10
#define NLTEST_A_PAYLOAD	1
#define NLTEST_PAYLOAD_MAX	32768

int main(int argc, char **argv)
{
	static union {
		struct nlmsghdr header;
		char bytes[NLMSG_HDRLEN + NLA_HDRLEN + NLTEST_PAYLOAD_MAX];
	} request, answer;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlattr *payload = (struct nlattr *)(request.bytes + NLMSG_HDRLEN);
	uint64_t start, elapsed;
	unsigned long count, size;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: echo_loop COUNT SIZE\n");
		return 2;
	}
	count = number(argv[1], 1, UINT32_MAX);
	size = number(argv[2], 0, NLTEST_PAYLOAD_MAX);

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_TESTFAMILY);
	if (fd < 0)
		die("socket");
	request.header.nlmsg_len = NLMSG_HDRLEN + NLA_HDRLEN + NLA_ALIGN(size);
	request.header.nlmsg_type = NLTEST_CMD_ECHO;
	request.header.nlmsg_flags = NLM_F_REQUEST;
	payload->nla_len = NLA_HDRLEN + size;
	payload->nla_type = NLTEST_A_PAYLOAD;
	memset(request.bytes + NLMSG_HDRLEN + NLA_HDRLEN, 'x', size);

	start = now_ns();
	for (unsigned long i = 0; i < count; i++) {
		request.header.nlmsg_seq++;
		if (sendto(fd, &request, request.header.nlmsg_len, 0, (struct sockaddr *)&kernel,
			   sizeof(kernel)) < 0)
			die("sendto");
		if (recv(fd, &answer, sizeof(answer), 0) < 0)
			die("recv");
	}
	elapsed = now_ns() - start;

	/* Outside of the loop: that what was timed did what it should. */
	if (answer.header.nlmsg_type != NLTEST_CMD_ECHO ||
	    answer.header.nlmsg_seq != request.header.nlmsg_seq ||
	    answer.header.nlmsg_len != request.header.nlmsg_len ||
	    memcmp(answer.bytes + NLMSG_HDRLEN, request.bytes + NLMSG_HDRLEN,
		   request.header.nlmsg_len - NLMSG_HDRLEN)) {
		fprintf(stderr, "echo_loop: the last answer is not an echo\n");
		return 1;
	}
	printf("{\"count\":%lu,\"size\":%lu,\"elapsed_ns\":%llu,\"ns_per_message\":%.1f}\n", count, size,
	       (unsigned long long)elapsed, (double)elapsed / (double)count);
	return 0;
}
