// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The smallest program that talks to family 25: a plain-text message as any
 * textbook builds it. No bind(), no flags, one sendmsg().
 *
 * Prints the kernel's answer. Arguments: TEXT, default "Hello"; PROTOCOL,
 * default 25.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "../../kmod/include/uapi/nltest.h"

#define MAX_PAYLOAD	1024

int main(int argc, char **argv)
{
	const char *text = argc > 1 ? argv[1] : "Hello";
	int protocol = argc > 2 ? atoi(argv[2]) : NETLINK_TESTFAMILY;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *nlh = calloc(1, NLMSG_SPACE(MAX_PAYLOAD));
	struct iovec iov = { .iov_base = nlh };
	struct msghdr msg = {
		.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	struct timeval limit = { .tv_sec = 5 };
	ssize_t len;
	int fd;

	if (!nlh) {
		perror("calloc");
		return 1;
	}
	if (strlen(text) >= MAX_PAYLOAD) {
		fprintf(stderr, "the text is too long: at most %d bytes\n", MAX_PAYLOAD - 1);
		return 2;
	}

	fd = socket(AF_NETLINK, SOCK_RAW, protocol);
	if (fd < 0) {
		perror("socket (is the module loaded?)");
		return 1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));

	nlh->nlmsg_len = NLMSG_SPACE(MAX_PAYLOAD);
	nlh->nlmsg_pid = getpid();
	strcpy(NLMSG_DATA(nlh), text);
	iov.iov_len = nlh->nlmsg_len;
	if (sendmsg(fd, &msg, 0) < 0) {
		perror("sendmsg");
		return 1;
	}

	memset(nlh, 0, NLMSG_SPACE(MAX_PAYLOAD));
	len = recvmsg(fd, &msg, 0);
	if (len < 0) {
		perror("recvmsg");
		return 1;
	}
	if (!NLMSG_OK(nlh, (unsigned int)len) || nlh->nlmsg_type != NLMSG_DONE) {
		fprintf(stderr, "the kernel sent something else\n");
		return 1;
	}
	printf("%s\n", (char *)NLMSG_DATA(nlh));

	free(nlh);
	close(fd);
	return 0;
}
