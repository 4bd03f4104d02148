// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a lock that netlink requests take. Who writes "rtnl MS", "genl MS" or
 * "nft MS" to /proc/nlhold has it for so many milliseconds. Reading tells since
 * when it was last held and until when, in nanoseconds of CLOCK_MONOTONIC; 0:
 * not yet.
 *
 * For tests only: it makes everybody wait.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_tables.h>
#include <net/netns/generic.h>

static unsigned long nft_id_at;
module_param(nft_id_at, ulong, 0400);
MODULE_PARM_DESC(nft_id_at, "Address of nf_tables_net_id");

static u64 since_ns, until_ns;

static struct mutex *nft_mutex(void)
{
	struct nftables_pernet *nft;

	if (!nft_id_at)
		return NULL;
	nft = net_generic(current->nsproxy->net_ns, *(unsigned int *)nft_id_at);
	return &nft->commit_mutex;
}

static void hold(unsigned int ms)
{
	WRITE_ONCE(until_ns, 0);
	WRITE_ONCE(since_ns, ktime_get_ns());
	msleep(ms);
	WRITE_ONCE(until_ns, ktime_get_ns());
}

static ssize_t nlhold_write(struct file *file, const char __user *from,
			    size_t len, loff_t *pos)
{
	struct mutex *nft;
	unsigned int ms;
	char text[32] = "";
	char lock[8];

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	if (sscanf(text, "%7s %u", lock, &ms) != 2)
		return -EINVAL;
	if (!strcmp(lock, "rtnl")) {
		rtnl_lock();
		hold(ms);
		rtnl_unlock();
	} else if (!strcmp(lock, "genl")) {
		genl_lock();
		hold(ms);
		genl_unlock();
	} else if (!strcmp(lock, "nft")) {
		nft = nft_mutex();
		if (!nft)
			return -EOPNOTSUPP;
		mutex_lock(nft);
		hold(ms);
		mutex_unlock(nft);
	} else {
		return -EINVAL;
	}
	return len;
}

static ssize_t nlhold_read(struct file *file, char __user *to, size_t len,
			   loff_t *pos)
{
	char text[48];
	int used = scnprintf(text, sizeof(text), "%llu %llu\n",
			     READ_ONCE(since_ns), READ_ONCE(until_ns));

	return simple_read_from_buffer(to, len, pos, text, used);
}

static const struct proc_ops nlhold_ops = {
	.proc_read = nlhold_read,
	.proc_write = nlhold_write,
};

static int __init nlhold_init(void)
{
	return proc_create("nlhold", 0600, NULL, &nlhold_ops) ? 0 : -ENOMEM;
}

static void __exit nlhold_exit(void)
{
	remove_proc_entry("nlhold", NULL);
}

module_init(nlhold_init);
module_exit(nlhold_exit);

MODULE_DESCRIPTION("Holds locks that netlink requests take");
MODULE_LICENSE("GPL");
