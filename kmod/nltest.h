/* SPDX-License-Identifier: GPL-2.0 */
/* A datagram while it is handled, and what the files of nltest do with it. */
#ifndef _NLTEST_H
#define _NLTEST_H

#include <linux/netlink.h>
#include <linux/skbuff.h>
#include <net/netlink.h>

#include "net.h"

/* Attributes above this one are in answers only. */
#define NLTEST_A_REQUEST_MAX	NLTEST_A_STALL

/**
 * struct nltest_gather - answers that share a datagram
 * @skb: the answers that are not sent yet, or NULL
 * @room: bytes that @skb still takes
 * @answers: how many are in @skb
 */
struct nltest_gather {
	struct sk_buff		*skb;
	int			room;
	unsigned int		answers;
};

/**
 * struct nltest_ctx - one datagram while it is handled
 * @skb: the datagram
 * @sk: the kernel's socket that received it
 * @nn: the namespace of both
 * @portid: of the sender, as netlink knows it
 * @rest: bytes of the datagram from the current message on
 * @nlh: the current message
 * @slot: what @nlh is, and is counted as; in bounds under speculation too
 * @extack: the reason, if @nlh is refused
 * @text: the text in @extack if it was allocated; freed when @nlh is answered
 * @gather: answers that are not sent yet
 * @attrs: of @nlh, by number; only those in the command's policy are set, all
 *	others are whatever lay there
 */
struct nltest_ctx {
	struct sk_buff		*skb;
	struct sock		*sk;
	struct nltest_net	*nn;
	u32			portid;
	int			rest;
	struct nlmsghdr		*nlh;
	enum nltest_slot	slot;
	struct netlink_ext_ack	extack;
	char			*text;
	struct nltest_gather	gather;
	struct nlattr		*attrs[NLTEST_A_REQUEST_MAX + 1];
};

/* A handler returns this if its answer ends in NLMSG_DONE: no ACK follows. */
#define NLTEST_NO_ACK	1

/* receive.c */
void test_nl_receive_message(struct sk_buff *skb);

/* commands.c */
int nltest_command(struct nltest_ctx *ctx);

/* burst.c */
int nltest_burst(struct nltest_ctx *ctx);

/* parts.c */
int nltest_parts(struct nltest_ctx *ctx);

/* stats.c */
int nltest_stats(struct nltest_ctx *ctx);

/* gather.c */
/* Whether the answer to a message may share a datagram with others. */
static inline bool nltest_gathers(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_type == NLTEST_CMD_ECHO &&
	       nlh->nlmsg_flags & NLTEST_F_GATHER;
}

struct nlmsghdr *nltest_gather_answer(struct nltest_ctx *ctx, int len);
void nltest_gather_send(struct nltest_ctx *ctx);

/* answer.c */
void nltest_send(struct nltest_ctx *ctx, struct sk_buff *skb,
		 enum nltest_slot slot, unsigned int answers, unsigned int len);
struct sk_buff *nltest_answer(struct nltest_ctx *ctx, int type, int len,
			      int attrlen);
void nltest_answer_send(struct nltest_ctx *ctx, struct sk_buff *skb);
int test_nl_send_user(struct sock *sk, struct sk_buff *skb, u32 group);
int nltest_multicast(struct nltest_ctx *ctx, struct sk_buff *skb, u32 group);
int nltest_start_dump(struct nltest_ctx *ctx, struct netlink_dump_control *control);

#endif /* _NLTEST_H */
