// SPDX-License-Identifier: GPL-2.0
/*
 * nltest: a custom netlink family to learn from and to measure with.
 *
 * This file holds the module and its socket in every network namespace.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "nltest.h"

/* Lower numbers belong to the kernel's own families. */
#define NLTEST_PROTOCOL_MIN	23

static unsigned int protocol = NETLINK_TESTFAMILY;
module_param(protocol, uint, 0444);
MODULE_PARM_DESC(protocol, "Netlink protocol number, 23 to 31 (default 25)");

static int __net_init nltest_pernet_init(struct net *net)
{
	struct nltest_net *nn = nltest_pernet(net);
	/*
	 * Anybody may join the group: a notification is meant for everybody,
	 * and sending one needs CAP_NET_ADMIN. Sending to other processes
	 * directly needs it too, as there is no NL_CFG_F_NONROOT_SEND.
	 */
	struct netlink_kernel_cfg cfg = {
		.groups	= NETLINK_MYGROUP,
		.flags	= NL_CFG_F_NONROOT_RECV,
		.input	= test_nl_receive_message,
	};
	int err;

	/* Messages can arrive before netlink_kernel_create() returns. */
	err = nltest_net_init(nn);
	if (err)
		return err;

	nn->sk = netlink_kernel_create(net, protocol, &cfg);
	if (!nn->sk) {
		pr_err("cannot open netlink protocol %u: another family uses it, or memory is short; load with protocol=N for another number\n",
		       protocol);
		err = -EADDRINUSE;
		goto err_net;
	}

	return 0;

err_net:
	nltest_net_exit(nn);
	return err;
}

/*
 * No handler is running: that takes an open socket, which holds the namespace
 * and, from netlink_create() on, the module.
 */
static void __net_exit nltest_pernet_exit(struct net *net)
{
	struct nltest_net *nn = nltest_pernet(net);

	netlink_kernel_release(nn->sk);
	nltest_net_exit(nn);
}

static struct pernet_operations nltest_pernet_ops = {
	.init	= nltest_pernet_init,
	.exit	= nltest_pernet_exit,
	.id	= &nltest_net_id,
	.size	= sizeof(struct nltest_net),
};

static int __init nltest_init(void)
{
	if (protocol < NLTEST_PROTOCOL_MIN || protocol >= MAX_LINKS) {
		pr_err("protocol=%u is out of range: use %u to %u\n",
		       protocol, NLTEST_PROTOCOL_MIN, MAX_LINKS - 1);
		return -EINVAL;
	}

	return register_pernet_subsys(&nltest_pernet_ops);
}

static void __exit nltest_exit(void)
{
	unregister_pernet_subsys(&nltest_pernet_ops);
}

module_init(nltest_init);
module_exit(nltest_exit);

/*
 * No MODULE_ALIAS_NET_PF_PROTO: an unprivileged process must not load a test
 * family by opening a socket.
 */
MODULE_DESCRIPTION("Netlink test family");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
