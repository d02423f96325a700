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

#endif
