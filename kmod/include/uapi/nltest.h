/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * nltest: the custom netlink family 25.
 *
 * This header defines the wire format. docs/protocol.md explains it,
 * docs/nltest.yaml is the same for YNL, netlink-wire/ for Rust, and tests compare
 * both with this file.
 */
#ifndef _UAPI_NLTEST_H
#define _UAPI_NLTEST_H

/* Default protocol number; the module parameter `protocol` changes it. */
#define NETLINK_TESTFAMILY	25

/* The multicast group of notifications. */
#define NETLINK_MYGROUP		1

/* Answer to a plain-text message (nlmsg_type 0), with its NUL. */
#define NLTEST_UNICAST_TEXT	"Hello from kernel unicast"

/* Payload of a notification whose request has none, without a NUL. */
#define NLTEST_MULTICAST_TEXT	"Hello from kernel multicast"

/* Longest NLTEST_A_DELAY_US, in microseconds. */
#define NLTEST_DELAY_MAX_US	1000000

/* Longest payload of a message, in bytes (ECHO, NOTIFY, BURST's size). */
#define NLTEST_PAYLOAD_MAX	32768

/* Longest NLTEST_A_TEXT, in bytes without the NUL. */
#define NLTEST_TEXT_MAX		127

/* Most messages of one BURST, and of one PARTS. */
#define NLTEST_BURST_MAX	1000000

/*
 * In nlmsg_flags of an ECHO request: its answer may share a datagram with the
 * answers to the ECHOs before and after it that came in the same datagram and
 * have the flag too. One of the bits whose meaning netlink leaves to the kind of
 * request; those below 0x100 are its own.
 */
#define NLTEST_F_GATHER		0x800

/* Most bytes of a shared datagram; a longer answer has one of its own. */
#define NLTEST_GATHER_MAX	32768

/**
 * enum nltest_cmd - message types; a reply has its request's type
 * @NLTEST_CMD_ECHO: the payload comes back, if there was one
 * @NLTEST_CMD_DELAY: sleep %NLTEST_A_DELAY_US inside the receive function,
 *	then answer with the same attribute and the payload, if there was one
 * @NLTEST_CMD_NOTIFY: multicast the payload to %NETLINK_MYGROUP; notifications
 *	have this type and sequence number 0; needs CAP_NET_ADMIN
 * @NLTEST_CMD_BURST: send %NLTEST_A_COUNT messages of %NLTEST_A_SIZE payload
 *	bytes to the sender, to the socket with %NLTEST_A_PORTID, or to
 *	%NLTEST_A_GROUP, then answer with %NLTEST_A_DELIVERED and
 *	%NLTEST_A_UNDELIVERED; needs CAP_NET_ADMIN. The messages of a burst have
 *	type %NLTEST_CMD_BURST, the request's sequence number (0 to a portid or
 *	a group), %NLTEST_A_PAYLOAD of zero bytes, and their own number in
 *	%NLTEST_A_COUNT, from 1; the answer is the one without a payload. A
 *	burst that overruns the sender's receive buffer loses the answer too.
 * @NLTEST_CMD_FAIL: refuse with %NLTEST_A_ERRNO and, as extended ACK,
 *	%NLTEST_A_TEXT
 * @NLTEST_CMD_STATS: with %NLM_F_DUMP, the counters of this network
 *	namespace: one message for the namespace, one for plain text and one
 *	for each command. With %NLTEST_A_SIZE each message carries that many
 *	zero bytes of payload, so that the dump takes many datagrams.
 *	%NLM_F_DUMP_INTR: a counter changed between the first message and the
 *	one that has the flag.
 * @NLTEST_CMD_PARTS: with %NLM_F_DUMP, %NLTEST_A_COUNT parts, each a datagram of
 *	one message with %NLTEST_A_PAYLOAD of %NLTEST_A_SIZE zero bytes and its
 *	own number in %NLTEST_A_COUNT, from 1; then NLMSG_DONE, which says
 *	%NLTEST_A_ERRNO if the request has one. With %NLTEST_A_STALL there is no
 *	NLMSG_DONE: netlink cannot make another part, and recvmsg() fails with
 *	ENOBUFS.
 * @NLTEST_CMD_SET_ERR: have the next recvmsg() of each socket in
 *	%NETLINK_MYGROUP fail with %NLTEST_A_ERRNO, though nothing is dropped;
 *	needs CAP_NET_ADMIN
 */
enum nltest_cmd {
	NLTEST_CMD_ECHO		= 0x10,
	NLTEST_CMD_DELAY	= 0x11,
	NLTEST_CMD_NOTIFY	= 0x12,
	NLTEST_CMD_BURST	= 0x13,
	NLTEST_CMD_FAIL		= 0x14,
	NLTEST_CMD_STATS	= 0x15,
	NLTEST_CMD_PARTS	= 0x16,
	NLTEST_CMD_SET_ERR	= 0x17,
	/* private: */
	__NLTEST_CMD_MAX,
};

#define NLTEST_CMD_MIN		NLTEST_CMD_ECHO
#define NLTEST_CMD_MAX		(__NLTEST_CMD_MAX - 1)

/**
 * enum nltest_attr - attributes, the same numbers in every command
 * @NLTEST_A_UNSPEC: not used
 * @NLTEST_A_PAYLOAD: binary, at most %NLTEST_PAYLOAD_MAX bytes
 * @NLTEST_A_DELAY_US: u32, microseconds, at most %NLTEST_DELAY_MAX_US
 * @NLTEST_A_COUNT: u32, messages or parts, 1 to %NLTEST_BURST_MAX
 * @NLTEST_A_SIZE: u32, bytes, at most %NLTEST_PAYLOAD_MAX
 * @NLTEST_A_GROUP: u32, %NETLINK_MYGROUP
 * @NLTEST_A_ERRNO: u32, positive errno, 1 to 4095; the attribute at fault in
 *	the error of a FAIL
 * @NLTEST_A_TEXT: string, at most 127 bytes without the NUL
 * @NLTEST_A_PAD: padding before a u64, where the machine needs it aligned
 * @NLTEST_A_COMMAND: u32, the command that the counters of this STATS message
 *	belong to (0: plain text); absent in the namespace's own message, which
 *	also counts messages that are no command
 * @NLTEST_A_PORTID: u32, of a socket, not 0
 * @NLTEST_A_STALL: flag, without a value: no part follows the last one
 * @NLTEST_A_RECEIVED: u64, messages received, each before it is handled
 * @NLTEST_A_REPLIED: u64, answers queued to the sender, without errors and ACKs
 * @NLTEST_A_NOTIFIED: u64, multicasts sent
 * @NLTEST_A_REFUSED: u64, messages answered with an error
 * @NLTEST_A_MALFORMED: u64, datagrams dropped in whole or in part because of a
 *	length in a header; counted for the namespace only
 * @NLTEST_A_RX_BYTES: u64, bytes received, by nlmsg_len
 * @NLTEST_A_TX_BYTES: u64, bytes sent to sockets and bytes multicast, by
 *	nlmsg_len, without errors and ACKs
 * @NLTEST_A_DELIVERED: u64, messages of bursts that somebody got; to a single
 *	socket, also those that its socket filter refused, which netlink does
 *	not tell from success
 * @NLTEST_A_UNDELIVERED: u64, messages of bursts, and answers, that nobody got:
 *	the receive buffer was full, nobody listens to the group or has the
 *	portid, or every listener's socket filter refused them
 */
enum nltest_attr {
	NLTEST_A_UNSPEC		= 0,
	NLTEST_A_PAYLOAD	= 1,
	NLTEST_A_DELAY_US	= 2,
	NLTEST_A_COUNT		= 3,
	NLTEST_A_SIZE		= 4,
	NLTEST_A_GROUP		= 5,
	NLTEST_A_ERRNO		= 6,
	NLTEST_A_TEXT		= 7,
	NLTEST_A_PAD		= 8,
	NLTEST_A_COMMAND	= 9,
	NLTEST_A_PORTID		= 10,
	NLTEST_A_STALL		= 11,

	NLTEST_A_RECEIVED	= 16,
	NLTEST_A_REPLIED	= 17,
	NLTEST_A_NOTIFIED	= 18,
	NLTEST_A_REFUSED	= 19,
	NLTEST_A_MALFORMED	= 20,
	NLTEST_A_RX_BYTES	= 21,
	NLTEST_A_TX_BYTES	= 22,
	NLTEST_A_DELIVERED	= 23,
	NLTEST_A_UNDELIVERED	= 24,
	/* private: */
	__NLTEST_A_MAX,
};

#define NLTEST_A_MAX		(__NLTEST_A_MAX - 1)

#endif /* _UAPI_NLTEST_H */
