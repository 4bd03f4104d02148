/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Modules that come and go. Needs root. */
#ifndef _NLTEST_MODULE_H
#define _NLTEST_MODULE_H

#include "tap.h"

#include <sys/syscall.h>

/* False, with errno, if the kernel refuses. */
static bool load_module(const char *path, const char *parameters)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	int result, error;

	if (file < 0)
		bail_out("%s", path);
	result = syscall(SYS_finit_module, file, parameters, 0);
	error = errno;
	close(file);
	errno = error;
	return result == 0;
}

/* False, with errno, if the kernel refuses. */
static bool unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) == 0;
}

#endif /* _NLTEST_MODULE_H */
