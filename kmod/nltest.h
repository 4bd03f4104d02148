/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of nltest share. */
#ifndef _NLTEST_H
#define _NLTEST_H

#include <linux/netlink.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
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
 * @slot: what @nlh is, and counts as; speculation does not leave its bounds
 * @attrs: of @nlh, by number; only those in the command's policy are set
 * @gathers: @nlh is an ECHO whose answer may share a datagram
 * @extack: what an error of @nlh explains itself with
 * @text: extended-ACK text to free once @nlh is answered
 * @answer: answers that are not sent yet
 * @room: bytes that @answer still takes
 * @answers: how many
 * @answer_bytes: how long, without the padding between them
 * @received: ECHO requests that are counted when their answers are sent
 * @rx_bytes: how long
 */
struct nltest_ctx {
	struct sk_buff		*skb;
	struct sock		*sk;
	struct nltest_net	*nn;
	u32			portid;
	int			rest;
	struct nlmsghdr		*nlh;
	enum nltest_slot	slot;
	bool			gathers;
	struct nlattr		*attrs[NLTEST_A_REQUEST_MAX + 1];
	struct netlink_ext_ack	extack;
	char			*text;
	struct sk_buff		*answer;
	int			room;
	unsigned int		answers;
	unsigned int		answer_bytes;
	unsigned int		received;
	unsigned int		rx_bytes;
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
void nltest_flush(struct nltest_ctx *ctx);
int test_nl_send_user(struct sock *sk, struct sk_buff *skb, u32 group);

/* Whether there is something to send or to count. */
static inline bool nltest_pending(const struct nltest_ctx *ctx)
{
	return ctx->answer || ctx->received;
}

/**
 * nltest_answer_end - finish an answer, and send it unless it may wait
 * @ctx: the datagram that is handled
 * @nlh: what nltest_answer() returned, with its final length
 */
static inline void nltest_answer_end(struct nltest_ctx *ctx,
				     const struct nlmsghdr *nlh)
{
	ctx->answers++;
	ctx->answer_bytes += nlh->nlmsg_len;
	if (!ctx->gathers)
		nltest_flush(ctx);
}

/* commands.c */
int nltest_command(struct nltest_ctx *ctx);

/* stats.c */
int nltest_stats_init(struct nltest_net *nn);
void nltest_stats_exit(struct nltest_net *nn);
int nltest_stats(struct nltest_ctx *ctx);

/**
 * nltest_slot - what a message is counted as
 * @type: its type
 *
 * Return: the slot.
 */
static inline enum nltest_slot nltest_slot(u16 type)
{
	unsigned int command = type - NLTEST_CMD_MIN;

	if (!type)
		return NLTEST_SLOT_PLAIN;
	if (command > NLTEST_CMD_MAX - NLTEST_CMD_MIN)
		return NLTEST_SLOT_OTHER;
	return NLTEST_SLOT_CMD +
	       array_index_nospec(command, NLTEST_CMD_MAX - NLTEST_CMD_MIN + 1);
}

/*
 * Counting: nltest_count_begin(), nltest_add() for each counter,
 * nltest_count_end(). Process context only, and no sleep in between.
 */
static inline struct nltest_counters *nltest_count_begin(struct nltest_net *nn)
{
	struct nltest_counters *counters = get_cpu_ptr(nn->counters);

	u64_stats_update_begin(&counters->syncp);
	return counters;
}

#define nltest_add(counters, slot, name, n)				\
	u64_stats_add(&(counters)->value[slot][NLTEST_COUNTER(name)], n)

static inline void nltest_count_end(struct nltest_net *nn,
				    struct nltest_counters *counters)
{
	u64_stats_update_end(&counters->syncp);
	put_cpu_ptr(nn->counters);
}

/* All of it for one counter. */
#define nltest_count(nn, slot, name, n)					\
do {									\
	struct nltest_counters *counters_ = nltest_count_begin(nn);	\
									\
	nltest_add(counters_, slot, name, n);				\
	nltest_count_end(nn, counters_);				\
} while (0)

#endif /* _NLTEST_H */
