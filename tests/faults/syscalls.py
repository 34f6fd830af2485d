# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which system calls leave the world outside a process as it was.

All others are steps: the list says what is left out, so that a call which nobody thought of is a step too. Receiving
from a socket is a step, for it is an answer arriving; opening a file is one if it may make or empty the file.
"""

from __future__ import annotations

import platform

# Name, number on x86_64, number on aarch64 ("-": not there).
_HARMLESS = """
read 0 63, pread64 17 67, readv 19 65, preadv 295 69, preadv2 327 286, lseek 8 62
close 3 57, close_range 436 436, dup 32 23, dup2 33 -, dup3 292 24, fcntl 72 25, ioctl 16 29, flock 73 32
stat 4 -, fstat 5 80, lstat 6 -, newfstatat 262 79, statx 332 291, statfs 137 43, fstatfs 138 44
access 21 -, faccessat 269 48, faccessat2 439 439, readlink 89 -, readlinkat 267 78, getcwd 79 17
getdents 78 -, getdents64 217 61
pipe 22 -, pipe2 293 59, eventfd2 290 19, socket 41 198, socketpair 53 199, bind 49 200
getsockname 51 204, getpeername 52 205, getsockopt 55 209, setsockopt 54 208
poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72
epoll_create1 291 20, epoll_ctl 233 21, epoll_wait 232 -, epoll_pwait 281 22, epoll_pwait2 441 441
mmap 9 222, munmap 11 215, mprotect 10 226, mremap 25 216, madvise 28 233, brk 12 214, mlock 149 228, munlock 150 229
membarrier 324 283, futex 202 98, set_robust_list 273 99, rseq 334 293
rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132, restart_syscall 219 128
clone 56 220, clone3 435 435, exit 60 93, exit_group 231 94, wait4 61 260, set_tid_address 218 96, prctl 157 167
arch_prctl 158 -, getpid 39 172, getppid 110 173, gettid 186 178, getpgrp 111 -, getpgid 121 155, getsid 124 156
getuid 102 174, geteuid 107 175, getgid 104 176, getegid 108 177
getrusage 98 165, getrlimit 97 163, prlimit64 302 261, uname 63 160, sysinfo 99 179, umask 95 166
sched_yield 24 124, sched_getaffinity 204 123, sched_getparam 143 121, sched_getscheduler 145 120
clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, nanosleep 35 101, gettimeofday 96 169
time 201 -, times 100 153, getrandom 318 278
"""

# Names for reports only.
_KNOWN_STEPS = """
write 1 64, pwrite64 18 68, writev 20 66, pwritev 296 70, pwritev2 328 287, copy_file_range 326 285, splice 275 76
sendto 44 206, sendmsg 46 211, sendmmsg 307 269, sendfile 40 71, recvfrom 45 207, recvmsg 47 212, recvmmsg 299 243
connect 42 203, shutdown 48 210, fsync 74 82, fdatasync 75 83, sync_file_range 277 84, syncfs 306 267, sync 162 81
msync 26 227, truncate 76 45, ftruncate 77 46, fallocate 285 47
open 2 -, openat 257 56, openat2 437 437, creat 85 -, mknodat 259 33, mkdir 83 -, mkdirat 258 34, rmdir 84 -
rename 82 -, renameat 264 38, renameat2 316 276, link 86 -, linkat 265 37, symlink 88 -, symlinkat 266 36
unlink 87 -, unlinkat 263 35, chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452
chown 92 -, fchown 93 55, fchownat 260 54, utime 132 -, utimes 235 -, utimensat 280 88
setxattr 188 5, fsetxattr 190 7, kill 62 129, tkill 200 130, tgkill 234 131, execve 59 221, io_uring_enter 426 426
"""

_MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""The machines whose numbers stand above, and how the kernel calls them (AUDIT_ARCH_* in linux/audit.h)."""


def _numbers(table: str) -> dict[str, int]:
    column = 1 + list(_MACHINES).index(platform.machine())
    entries = (entry.split() for line in table.strip().splitlines() for entry in line.split(","))
    return {entry[0]: int(entry[column]) for entry in entries if entry[column] != "-"}


def machine() -> int:
    """:raises RuntimeError: the numbers for this machine are not known."""
    found = _MACHINES.get(platform.machine())
    if found is None:
        raise RuntimeError(f"the numbers of the system calls on {platform.machine()} are missing in {__file__}")
    return found


def harmless() -> dict[str, int]:
    """The calls that are no steps, by name. Opening a file is not among them."""
    machine()
    return _numbers(_HARMLESS)


def steps() -> dict[str, int]:
    """The calls that are steps, as far as they have a name here."""
    machine()
    return _numbers(_KNOWN_STEPS)


def name_of(number: int) -> str:
    """The name of a step, for people."""
    return _NAMES.get(number, f"call {number}")


_NAMES = {number: name for name, number in steps().items()} if platform.machine() in _MACHINES else {}
