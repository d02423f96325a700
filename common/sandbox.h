/*
 * A role locks itself in: no new privileges, not dumpable, no capabilities,
 * rlimits, Landlock where the kernel has it (nothing may be opened), and a
 * seccomp allow-list.  What each role may still do is one row of a table in
 * sandbox.c.  No role may map memory executable, open a path, exec, ptrace or
 * signal another process.  A call that is not listed fails with EPERM and is
 * logged; in builds with --enable-trap it ends the process.
 *
 * Threads (auth has some) are made afterwards: Landlock and capabilities belong
 * to a thread and those it makes.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include "common/base.h"
#include "common/role.h"

/* Ends the process if the role cannot be locked in (Landlock may be missing: the parent logs that). */
void sandbox_enter(enum role_kind);

/*
 * A parent opens files, binds and starts its roles, and whatever it may not do
 * its roles cannot do from their first instruction on: so it has a list of what
 * is refused.  No program but these (descriptors, for the roles) can be executed
 * where the kernel has Landlock, and none by its path; no socket is made but
 * local ones; no namespace, no look into other processes, no page that is both
 * written and executed, nothing of what kernels were broken by.
 */
void sandbox_enter_parent(const int *programs, size_t n);

#endif
