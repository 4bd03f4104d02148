// SPDX-License-Identifier: GPL-2.0
/*
 * The least that family 25 can be: the datagram goes back as it came. Nothing
 * is checked and nothing is counted, so the difference to nltest is what
 * nltest's own work on an ECHO costs.
 *
 * For measuring only, in place of nltest: there is nobody whom it mistrusts.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <net/net_namespace.h>
#include <net/netlink.h>

static struct sock *socket;

static void nlanswer_receive(struct sk_buff *skb)
{
	struct sk_buff *answer = alloc_skb(skb->len, GFP_KERNEL);

	if (!answer)
		return;
	skb_put_data(answer, skb->data, skb->len);
	nlmsg_unicast(skb->sk, answer, NETLINK_CB(skb).portid);
}

static int __init nlanswer_init(void)
{
	struct netlink_kernel_cfg cfg = { .input = nlanswer_receive };

	socket = netlink_kernel_create(&init_net, 25, &cfg);
	return socket ? 0 : -EADDRINUSE;
}

static void __exit nlanswer_exit(void)
{
	netlink_kernel_release(socket);
}

module_init(nlanswer_init);
module_exit(nlanswer_exit);

MODULE_DESCRIPTION("What a netlink family costs that only answers");
MODULE_LICENSE("GPL");
