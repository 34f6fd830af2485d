# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare a host with a plan: the files and triggers of its jobs, and the permissions of the jobs' user.

Nothing is changed here. The keys may be in a folder of the jobs' user. So files are opened by descriptor, and no link
is followed.
"""

from __future__ import annotations

import errno
import glob
import grp
import os
import pwd
import stat as modes
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._engine.local.walk import FOLDER, open_folder

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

SYSTEMD = "/run/systemd/system"
UNITS = "/etc/systemd/system"
TRIGGERS = (".timer", ".path")
DROP_IN = ".service.d/filedrop.conf"
OWNER_ONLY = 0o600
TEMPORARY = ".filedrop-new-"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # never wait for a named pipe


@dataclass(frozen=True)
class Planned:
    path: str
    owner: str
    group: str
    mode: int
    content: bytes | None = None  # None for a folder, and for a file that keeps its content
    secret: bool = False
    kept: bool = False

    @property
    def is_folder(self) -> bool:
        return self.content is None and not self.kept


@dataclass(frozen=True)
class Found:
    owner: str
    group: str
    mode: int
    content: bytes | None


@dataclass(frozen=True)
class Triggers:
    """Say what to do with the units that start jobs.

    :ivar active: those in ``stop`` that are running.
    :ivar reload: systemd uses outdated files, because an earlier call was interrupted.
    """

    start: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    active: list[str] = field(default_factory=list)
    reload: bool = False


@dataclass(frozen=True)
class Comparison:
    """Say what differs between a host and a plan.

    :ivar leftovers: temporary files of a call that was killed. They may contain secrets.
    :ivar obstacles: why files and folders of the plan cannot be put in place, one line each.
    """

    wanted: list[Planned]
    before: dict[str, Found | None]
    changed: list[Planned]
    superfluous: list[str]
    triggers: Triggers
    leftovers: list[str]
    obstacles: list[str]

    @property
    def differs(self) -> bool:
        triggers = self.triggers
        found = (self.changed, self.superfluous, triggers.start, triggers.stop, triggers.reload, self.leftovers)
        return any(found)


def compare(module: AnsibleModule, given: Mapping[str, Any]) -> Comparison:
    """Compare the host with a plan, in the form of the options of the module ``apply_plan``."""
    wanted = planned(given)
    before: dict[str, Found | None] = {}
    obstacles: dict[str, str] = {}
    for each in wanted:
        try:
            before[each.path] = found_at(each)
        except Obstacle as error:
            if not any(each.path.startswith(f"{above}/") for above in obstacles):
                obstacles[each.path] = str(error)
    changed = [each for each in wanted if each.path in before and not as_wanted(each, before[each.path])]
    superfluous = superfluous_files(given["exclusive"], wanted)
    triggers = compare_triggers(module, given["triggers"], wanted, superfluous)
    return Comparison(wanted, before, changed, superfluous, triggers, list(_leftovers(wanted)), [*obstacles.values()])


def _leftovers(wanted: Iterable[Planned]) -> Iterator[str]:
    """Look where the plan has files, and in its folders. Where a group may write, a file can be a partner's upload."""
    folders = {each.path for each in wanted if each.is_folder and not each.mode & 0o022}
    for path in sorted(folders | {os.path.dirname(each.path) for each in wanted if not each.is_folder}):
        with suppress(OSError), folder_of(os.path.join(path, "any")) as folder:
            yield from (os.path.join(path, name) for name in os.listdir(folder) if name.startswith(TEMPORARY))


def planned(given: Mapping[str, Any]) -> list[Planned]:
    found = [Planned(each["path"], each["owner"], each["group"], int(each["mode"], 8)) for each in given["folders"]]
    for each in given["files"]:
        content = each["content"].encode("utf-8")
        found.append(Planned(each["path"], each["owner"], each["group"], int(each["mode"], 8), content))
    for each in given["secrets"]:
        content = each["content"].encode("utf-8")
        found.append(Planned(each["path"], each["owner"], each["group"], OWNER_ONLY, content, secret=True))
    found += [
        Planned(each["path"], each["owner"], each["group"], int(each["mode"], 8), kept=True)
        for each in given["kept"]
        if os.path.lexists(each["path"])  # a missing file is not created
    ]
    return found


class Obstacle(Exception):
    """A file or folder of the plan cannot be read, or something else is in its place."""


def found_at(wanted: Planned) -> Found | None:
    """Return the state of a file or folder; None if it does not exist.

    :raises Obstacle: it cannot be compared.
    """
    try:
        with opened(wanted) as fd:
            status = os.fstat(fd)
            if not (modes.S_ISDIR if wanted.is_folder else modes.S_ISREG)(status.st_mode):
                raise NotRegular
            content = None if wanted.content is None else content_of(fd)
    except FileNotFoundError:
        return None
    except NotRegular as error:
        raise Obstacle(_in_place_of(wanted)) from error
    except OSError as error:
        raise Obstacle(f"{wanted.path} cannot be read: {error.strerror}. Check it, and run again.") from error
    return Found(user_name(status.st_uid), group_name(status.st_gid), modes.S_IMODE(status.st_mode), content)


def _in_place_of(wanted: Planned) -> str:
    """Say what is in the place of a file or folder."""
    with suppress(OSError):
        if os.path.dirname(wanted.path) == UNITS and os.readlink(wanted.path) == os.devnull:
            unit = os.path.basename(wanted.path)
            return f"{wanted.path} is a link to {os.devnull}, so the unit is masked. Unmask it: systemctl unmask {unit}"
    kind = "folder" if wanted.is_folder else "file"
    return f"{wanted.path} exists, but is not a regular {kind}. Move it away."


class NotRegular(Exception):
    """There is a link, or another special file, in the place of a file or folder."""


@contextmanager
def opened(wanted: Planned) -> Iterator[int]:
    """Open an existing file or folder of the plan; follow no link in its place."""
    with folder_of(wanted.path) as folder:
        name = os.path.basename(wanted.path)
        try:
            fd = os.open(name, FOLDER if wanted.is_folder else _READ, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                raise NotRegular from error
            raise
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def folder_of(path: str) -> Iterator[int]:
    fd = open_folder(os.path.dirname(path))
    try:
        yield fd
    finally:
        os.close(fd)


def as_wanted(wanted: Planned, found: Found | None) -> bool:
    return found == Found(wanted.owner, wanted.group, wanted.mode, wanted.content)


def superfluous_files(patterns: Iterable[str], wanted: Iterable[Planned]) -> list[str]:
    keep = {each.path for each in wanted}
    return sorted(path for pattern in patterns for path in glob.glob(pattern) if path not in keep)


def compare_triggers(
    module: AnsibleModule, triggers: Mapping[str, bool], wanted: Iterable[Planned], superfluous: Iterable[str]
) -> Triggers:
    names = {unit: bool(enabled) for unit, enabled in triggers.items()}
    names.update({os.path.basename(path): False for path in superfluous if path.endswith(TRIGGERS)})
    services = {service_of(each.path) for each in wanted if each.path.endswith(DROP_IN)}
    if not (names or services) or not os.path.isdir(SYSTEMD):
        return Triggers()
    shown = ["--property=Id,ActiveState,UnitFileState,NeedDaemonReload"]
    _status, out, _error = module.run_command(["systemctl", "show", *shown, "--", *sorted({*names, *services})])
    units = [dict(line.split("=", 1) for line in block.splitlines()) for block in out.split("\n\n") if block.strip()]
    state = {unit.get("Id", ""): unit for unit in units}
    found = Triggers(reload=any(unit.get("NeedDaemonReload") == "yes" for unit in units))
    for name, enabled in sorted(names.items()):
        unit = state.get(name, {})
        active = unit.get("ActiveState") == "active"
        linked = unit.get("UnitFileState") == "enabled"
        if enabled and not (active and linked):
            found.start.append(name)
        if not enabled and (active or linked):
            found.stop.append(name)
            found.active.extend([name] if active else [])
    return found


def service_of(drop_in: str) -> str:
    return os.path.basename(os.path.dirname(drop_in))[: -len(".d")]


def content_of(fd: int) -> bytes:
    with os.fdopen(fd, "rb", closefd=False) as file:
        return file.read()


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
