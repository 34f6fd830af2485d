# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test what the jobs' user may do in the folders of the jobs, with the groups that the role is about to give.

A process becomes that user, so ACLs and network shares are taken into account. The user need not exist yet.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat as modes
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ._host_state import group_name, user_name

_GRANT_HINT = (
    "Give a group that permission, and add the group to filedrop_groups; each folder above needs permission x."
)
_UNUSED = 2**31 - 2
_CANNOT_BECOME = 2


class User(NamedTuple):
    """The user of the jobs as it will be after the deployment."""

    name: str
    uid: int
    gid: int
    groups: list[int]


def future_user(name: str, groups: Iterable[str]) -> User:
    """Return the jobs' user with all its groups. A user or group that does not exist yet gets an unused number."""
    given = [found for found in map(_number_of_group, groups) if found is not None]
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        own = _number_of_group(name)
        gid = _UNUSED if own is None else own
        return User(name, _UNUSED, gid, sorted({gid, *given}))
    return User(name, entry.pw_uid, entry.pw_gid, sorted({*os.getgrouplist(name, entry.pw_gid), *given}))


def _number_of_group(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def folder_problems(place: Mapping[str, Any], user: User) -> list[tuple[str, bool]]:
    """Return why the user cannot use a folder, and whether that is because it is missing."""
    path, variable = place["path"], place["variable"]
    try:
        status = os.stat(path)
    except OSError as error:
        text = f"{variable}: {path} is missing: {error.strerror}. Create it, with permissions for the jobs' user."
        return [(text, isinstance(error, FileNotFoundError))]
    if not modes.S_ISDIR(status.st_mode):
        return [(f"{variable}: {path} is not a folder. Set the folder here, and the file's name in include.", False)]
    rights = os.R_OK | os.X_OK | (os.W_OK if place["write"] else 0)
    if _as_user(user, lambda: os.access(path, rights)):
        return []
    need = "read and write" if place["write"] else "read"
    owner, group = user_name(status.st_uid), group_name(status.st_gid)
    there = f"owner {owner}, group {group}, mode {status.st_mode & 0o7777:04o}"
    return [(f"{variable}: the user {user.name} is not permitted to {need} in {path} ({there}). {_GRANT_HINT}", False)]


def group_problems(given: Mapping[str, Any], user: User) -> list[tuple[str, bool]]:
    """Return why the user cannot give files to a group, and whether that is because the group is missing."""
    name, variable = str(given["group"]), given["variable"]
    number = int(name) if name.isdigit() else _number_of_group(name)
    if number is None:
        text = f"{variable}: the group {name} is missing on this host. Create it first, or correct the name."
        return [(text, True)]
    if number in user.groups:
        return []
    text = f"{variable}: the user {user.name} is not in the group {name}, so it cannot give files to that group."
    return [(f"{text} Add the group to filedrop_groups.", False)]


def secret_problems(secret: Mapping[str, Any], user: User) -> list[tuple[str, bool]]:
    """Return why an existing file with a secret cannot be used, and whether that is because it is missing."""
    path, variable = secret["path"], secret["variable"]
    try:
        status = os.stat(path)
    except OSError as error:
        text = f"{variable}: {path} is missing: {error.strerror}. Create it first."
        return [(text, isinstance(error, FileNotFoundError))]
    if not modes.S_ISREG(status.st_mode):
        return [(f"{variable}: {path} is not a file. Set the path of a file.", False)]
    if secret["handed_over"] or _as_user(user, lambda: os.access(path, os.R_OK)):
        return []
    owner, mode = user_name(status.st_uid), status.st_mode & 0o7777
    way_out = f"Give it to that user, with mode 0600. On this host, systemd cannot pass it on from {owner}."
    reason = f"the user {user.name} is not permitted to read {path} (owner {owner}, mode {mode:04o})"
    return [(f"{variable}: {reason}. {way_out}", False)]


def _as_user(user: User, check: Callable[[], bool]) -> bool:
    """Run a check in a process of that user. Where the system does not let us become that user, it passes."""
    child = os.fork()
    if child == 0:
        status = _CANNOT_BECOME
        try:
            os.setgroups(user.groups)
            os.setgid(user.gid)
            os.setuid(user.uid)
            status = 1
            status = 0 if check() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 1
