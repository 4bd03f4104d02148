/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that nltest builds for, from 6.1 on. All
 * conditions on the kernel version are in this file.
 */
#ifndef _NLTEST_COMPAT_H
#define _NLTEST_COMPAT_H

#include <linux/version.h>

/* Since 6.7 a policy points to a constant range, before that to a variable one. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define nltest_range	static struct netlink_range_validation
#else
#define nltest_range	static const struct netlink_range_validation
#endif

#endif /* _NLTEST_COMPAT_H */
