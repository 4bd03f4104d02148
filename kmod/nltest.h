/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of nltest share. */
#ifndef _NLTEST_H
#define _NLTEST_H

#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <linux/u64_stats_sync.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

#include "include/uapi/nltest.h"

/* Attributes above this one come in answers only. */
#define NLTEST_A_REQUEST_MAX	NLTEST_A_TEXT

/* The counters are numbered as their attributes are. */
#define NLTEST_COUNTERS		(NLTEST_A_UNDELIVERED - NLTEST_A_RECEIVED + 1)
#define NLTEST_COUNTER(name)	(NLTEST_A_##name - NLTEST_A_RECEIVED)

/* What is counted apart: plain text, each command, everything else. */
enum nltest_slot {
	NLTEST_SLOT_PLAIN,
	NLTEST_SLOT_CMD,
	NLTEST_SLOT_OTHER = NLTEST_SLOT_CMD + NLTEST_CMD_MAX - NLTEST_CMD_MIN + 1,
	NLTEST_SLOTS,
};

/**
 * struct nltest_counters - the counters of one processor
 * @syncp: lets 32-bit readers see whole values
 * @value: by slot and counter
 */
struct nltest_counters {
	struct u64_stats_sync	syncp;
	u64_stats_t		value[NLTEST_SLOTS][NLTEST_COUNTERS];
};

/**
 * struct nltest_net - the family in one network namespace
 * @sk: the kernel's socket
 * @counters: what crossed it
 */
struct nltest_net {
	struct sock				*sk;
	struct nltest_counters __percpu		*counters;
};

/**
 * struct nltest_ctx - one datagram while it is handled
 * @skb: the datagram
 * @sk: the kernel's socket that received it
 * @nn: the namespace of both
 * @portid: of the sender, as netlink knows it
 * @rest: bytes of the datagram from the current message on
 * @nlh: the current message
 * @slot: what @nlh counts as
 * @attrs: of @nlh, by number; entries above the command's policy are not set
 * @extack: what an error of @nlh explains itself with
 * @text: extended-ACK text to free once @nlh is answered
 * @answer: answers that are not sent yet
 * @answers: how many
 * @answer_bytes: how long, without the padding between them
 * @answer_slot: what they count as; only ECHO's answers wait
 */
struct nltest_ctx {
	struct sk_buff		*skb;
	struct sock		*sk;
	struct nltest_net	*nn;
	u32			portid;
	int			rest;
	struct nlmsghdr		*nlh;
	enum nltest_slot	slot;
	struct nlattr		**attrs;
	struct netlink_ext_ack	*extack;
	char			*text;
	struct sk_buff		*answer;
	unsigned int		answers;
	unsigned int		answer_bytes;
	enum nltest_slot	answer_slot;
};

/* A handler's result: the answer is on its way and tells all, send no ACK. */
#define NLTEST_NO_ACK	1

/* main.c */
struct nltest_net *nltest_pernet(const struct net *net);

/* receive.c */
void test_nl_receive_message(struct sk_buff *skb);

/* answer.c */
struct nlmsghdr *nltest_answer(struct nltest_ctx *ctx, int type, int len,
			       int attrlen);
void nltest_answer_end(struct nltest_ctx *ctx, const struct nlmsghdr *nlh);
void nltest_answer_send(struct nltest_ctx *ctx);
int test_nl_send_user(struct sock *sk, struct sk_buff *skb, u32 group);

static inline bool nltest_gathers(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_type == NLTEST_CMD_ECHO &&
	       nlh->nlmsg_flags & NLTEST_F_GATHER;
}

/* commands.c */
int nltest_command(struct nltest_ctx *ctx);

/* stats.c */
int nltest_stats_init(struct nltest_net *nn);
void nltest_stats_exit(struct nltest_net *nn);
enum nltest_slot nltest_slot(u16 type);
void nltest_count(struct nltest_net *nn, enum nltest_slot slot,
		  unsigned int counter, unsigned int n,
		  unsigned int counter2, unsigned int n2);
int nltest_stats(struct nltest_ctx *ctx);

#endif /* _NLTEST_H */
