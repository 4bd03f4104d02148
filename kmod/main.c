// SPDX-License-Identifier: GPL-2.0
/*
 * nltest: a custom netlink family to learn from and to measure with.
 *
 * This file holds the module and its socket in every network namespace.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <net/netns/generic.h>

#include "nltest.h"

/* Numbers below belong to families of the kernel itself. */
#define NLTEST_PROTOCOL_MIN	23

static unsigned int protocol = NETLINK_TESTFAMILY;
module_param(protocol, uint, 0444);
MODULE_PARM_DESC(protocol, "Netlink protocol number, 23 to 31 (default 25)");

static unsigned int nltest_net_id __read_mostly;

struct nltest_net *nltest_pernet(const struct net *net)
{
	return net_generic(net, nltest_net_id);
}

static int __net_init nltest_net_init(struct net *net)
{
	struct nltest_net *nn = nltest_pernet(net);
	/*
	 * Listening needs no privilege: sending a notification does, and who
	 * sends one means everybody. Without NL_CFG_F_NONROOT_SEND only
	 * CAP_NET_ADMIN may send to other processes past the kernel.
	 */
	struct netlink_kernel_cfg cfg = {
		.groups	= NETLINK_MYGROUP,
		.flags	= NL_CFG_F_NONROOT_RECV,
		.input	= test_nl_receive_message,
	};
	int err;

	/* Messages can arrive before netlink_kernel_create() returns. */
	err = nltest_stats_init(nn);
	if (err)
		return err;

	nn->sk = netlink_kernel_create(net, protocol, &cfg);
	if (!nn->sk) {
		pr_err("cannot open netlink protocol %u: another family holds it, or memory is short; protocol=N chooses another number\n",
		       protocol);
		err = -EADDRINUSE;
		goto err_stats;
	}

	return 0;

err_stats:
	nltest_stats_exit(nn);
	return err;
}

/*
 * No handler runs here: whoever sends holds a socket, and a socket holds the
 * namespace and, since netlink_create() took it, the module.
 */
static void __net_exit nltest_net_exit(struct net *net)
{
	struct nltest_net *nn = nltest_pernet(net);

	netlink_kernel_release(nn->sk);
	nltest_stats_exit(nn);
}

static struct pernet_operations nltest_net_ops = {
	.init	= nltest_net_init,
	.exit	= nltest_net_exit,
	.id	= &nltest_net_id,
	.size	= sizeof(struct nltest_net),
};

static int __init nltest_init(void)
{
	if (protocol < NLTEST_PROTOCOL_MIN || protocol >= MAX_LINKS) {
		pr_err("protocol=%u is out of range: %u to %u are for custom families\n",
		       protocol, NLTEST_PROTOCOL_MIN, MAX_LINKS - 1);
		return -EINVAL;
	}

	return register_pernet_subsys(&nltest_net_ops);
}

static void __exit nltest_exit(void)
{
	unregister_pernet_subsys(&nltest_net_ops);
}

module_init(nltest_init);
module_exit(nltest_exit);

/*
 * No MODULE_ALIAS_NET_PF_PROTO: a test family shall not be loaded because some
 * unprivileged process opened a socket of it.
 */
MODULE_DESCRIPTION("Netlink test family");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
