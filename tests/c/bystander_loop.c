// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Traffic that has nothing to do with netlink, over functions that all
 * sockets share: what does tracing cost those who are not traced?
 *
 * usage: bystander_loop COUNT udp|packet
 * prints: one line of JSON with the time that the loop took
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

/* For experiments on the local network (IEEE 802). */
#define ETH_P_EXPERIMENT	0x88b5

static const char payload[64] = "bystander";

/* A datagram to itself, over loopback. */
static void udp(unsigned long count)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(self);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char bytes[sizeof(payload)];

	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) ||
	    getsockname(fd, (struct sockaddr *)&self, &len) ||
	    connect(fd, (struct sockaddr *)&self, sizeof(self)))
		die("UDP socket");
	for (unsigned long i = 0; i < count; i++) {
		if (send(fd, payload, sizeof(payload), 0) < 0)
			die("send");
		if (recv(fd, bytes, sizeof(bytes), 0) != sizeof(payload))
			die("recv");
	}
	close(fd);
}

/* A frame on loopback, read by a packet socket: skb_recv_datagram(). */
static void packet(unsigned long count)
{
	struct sockaddr_ll lo = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_EXPERIMENT),
		.sll_ifindex = if_nametoindex("lo"),
		.sll_halen = 6,
	};
	int reader = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int writer = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char bytes[sizeof(payload)];

	if (reader < 0 || writer < 0 || bind(reader, (struct sockaddr *)&lo, sizeof(lo)))
		die("packet socket");
	for (unsigned long i = 0; i < count; i++) {
		if (sendto(writer, payload, sizeof(payload), 0, (struct sockaddr *)&lo, sizeof(lo)) < 0)
			die("sendto");
		if (recv(reader, bytes, sizeof(bytes), 0) != sizeof(payload))
			die("recv");
	}
	close(reader);
	close(writer);
}

int main(int argc, char **argv)
{
	unsigned long count;
	uint64_t start;

	if (argc != 3 || (strcmp(argv[2], "udp") && strcmp(argv[2], "packet"))) {
		fprintf(stderr, "usage: bystander_loop COUNT udp|packet\n");
		return 2;
	}
	count = number(argv[1], 1, UINT32_MAX);
	start = now_ns();
	if (argv[2][0] == 'u')
		udp(count);
	else
		packet(count);
	report(count, now_ns() - start);
	return 0;
}
