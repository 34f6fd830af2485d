# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd is told of a host's jobs: one hardened service for all, and for each job a drop-in and a timer, and
where a file that appears starts the job, a path unit.

Pure: options in, text out. The words are those of systemd.unit(5), systemd.exec(5), systemd.timer(5) and
systemd.path(5), of systemd 247 and newer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3600, 86400
GRACE = 120
"""Seconds that systemd waits beyond a job's own limit: 30 for the files under way, the rest for a slow connection."""

_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = tuple(os.path.join(os.sep, *above, "tmp") for above in ((), ("var",)))


@dataclass(frozen=True)
class Credential:
    """A secret that systemd hands to a job's unit: its name there, and its file on the host."""

    name: str
    path: str


@dataclass(frozen=True)
class JobUnit:
    """What the unit of one job needs beyond what all have.

    :param writable: folders in which the job makes, moves or removes files.
    :param readable: folders from which it only reads.
    :param gives_group: the job gives files to a group.
    :param time_limit: seconds, or None.
    :param patience: seconds that a run which a file has started may wait for it; None if no file starts it.
    """

    name: str
    credentials: Sequence[Credential] = ()
    writable: Sequence[str] = ()
    readable: Sequence[str] = ()
    gives_group: bool = False
    time_limit: int | None = None
    patience: int | None = None


def service(*, user: str, command: str, header: str) -> str:
    """The text of ``filedrop@.service``."""
    return f"""\
{header}
[Unit]
Description=Run the filedrop job %i
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
ExecStart={command} run %i
# Another run of the job at work is no failure.
SuccessExitStatus=4
User={user}
Group={user}
UMask=0027
StateDirectory=filedrop
StateDirectoryMode=0700
# Secrets do not end up in core files.
LimitCORE=0

# A run sees the system, and changes nothing but its own folders, which its drop-in opens.
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateIPC=yes
ProtectProc=invisible
ProcSubset=pid
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
KeyringMode=private
RemoveIPC=yes

# It has no rights but its user's, and gets no others.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes

# It talks to the network, to the name service and to the journal.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""


def drop_in(unit: JobUnit, *, command: str, header: str) -> str:
    """The text of a job's ``filedrop@JOB.service.d/filedrop.conf``."""
    lines = [header]
    if unit.patience is not None:
        # However quickly files appear, the path unit does not give up. It cannot spin: runs change nothing it watches.
        lines += ["[Unit]", "StartLimitIntervalSec=0"]
    lines.append("[Service]")
    if unit.patience is not None:
        lines += ["ExecStart=", f"ExecStart={command} run %i --wait"]
    lines += [f"LoadCredential={each.name}:{each.path.replace('%', '%%')}" for each in unit.credentials]
    writable = outermost(unit.writable)
    readable = [each for each in outermost(unit.readable) if not _under_any(each, writable)]
    if any(_under_any(each, _HOMES) for each in (*writable, *readable)):
        # Other homes stay hidden: only these folders are put into an empty place.
        lines.append("ProtectHome=tmpfs")
    if any(_under_any(each, _TEMPORARY) for each in (*writable, *readable)):
        lines.append("PrivateTmp=no")
    for each in writable:
        # A folder that is missing is for the command to tell of, in its own words.
        if _under_any(each, _HOMES):
            lines.append(f"BindPaths={_bound(each)}")
        else:
            lines.append(f"ReadWritePaths={quoted('-' + each)}")
    lines += [f"BindReadOnlyPaths={_bound(each)}" for each in readable if _under_any(each, _HOMES)]
    if unit.gives_group:
        # A group can be given to a file only where it has a number, and by a call that others do not need.
        lines += ["PrivateUsers=no", "SystemCallFilter=@chown"]
    if unit.time_limit is not None:
        # With --wait, a last run may begin just before the limit is reached.
        longest = unit.time_limit if unit.patience is None else unit.patience + 2 * unit.time_limit
        lines.append(f"TimeoutStartSec={longest + GRACE}")
    return "\n".join(lines) + "\n"


def timer(name: str, calendar: Sequence[str], *, spread: int, header: str) -> str:
    """The text of ``filedrop@JOB.timer``.

    :param spread: seconds over which systemd spreads the hosts, each with a delay of its own that stays the same.
    """
    lines = [header, "[Unit]", f"Description=When the filedrop job {name} is due", "", "[Timer]"]
    lines += [f"OnCalendar={each}" for each in calendar]
    if spread:
        lines += [f"RandomizedDelaySec={spread}", "FixedRandomDelay=yes"]
    lines += ["AccuracySec=1s", "Persistent=yes", "", "[Install]", "WantedBy=timers.target"]
    return "\n".join(lines) + "\n"


def path(name: str, folders: Iterable[str], *, header: str) -> str:
    """The text of ``filedrop@JOB.path``: something is written, or comes by a rename, in one of the folders.

    Only what happens counts, not what is there (as with DirectoryNotEmpty): files that stay start nothing. And while a
    run is at work nothing is watched, so that what it does in the folders starts nothing either.
    """
    lines = [header, "[Unit]", f"Description=When a file for the filedrop job {name} appears", "", "[Path]"]
    lines += [f"PathChanged={escaped(each)}" for each in folders]
    lines += ["", "[Install]", "WantedBy=paths.target"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text as a whole value of a unit file, in which a percent sign has a meaning of its own."""
    return text.replace("%", "%%")


def offset(host: str, job: str, every: int) -> int:
    """Seconds by which a host's job starts after the round time: the same in each run, and others on other hosts."""
    return int.from_bytes(hashlib.sha256(f"{host}\n{job}".encode()).digest()[:8], "big") % every


def calendar(every: int, start: int) -> list[str]:
    """``every`` so many seconds as calendar events: whole minutes that divide an hour or a day.

    :param start: the first time after midnight, in seconds, less than ``every``.
    """
    hours, minutes, seconds = start // HOUR, start % HOUR // MINUTE, start % MINUTE
    # systemd refuses steps that are as long as what they divide.
    if every == MINUTE:
        return [f"*-*-* *:*:{seconds:02}"]
    if every == HOUR:
        return [f"*-*-* *:{minutes:02}:{seconds:02}"]
    if every == DAY:
        return [f"*-*-* {hours:02}:{minutes:02}:{seconds:02}"]
    if HOUR % every == 0:
        return [f"*-*-* *:{minutes:02}/{every // MINUTE}:{seconds:02}"]
    if every % HOUR == 0:
        return [f"*-*-* {hours:02}/{every // HOUR}:{minutes:02}:{seconds:02}"]
    times = range(start, DAY, every)
    return [f"*-*-* {at // HOUR:02}:{at % HOUR // MINUTE:02}:{at % MINUTE:02}" for at in times]


def quoted(text: str) -> str:
    """Text as one word of a unit file, in which nothing has a meaning of its own."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(character.isspace() or character in "\"'\\" for character in text) else escaped


def _bound(path: str) -> str:
    """A folder to put where it is; what follows a colon would be where else."""
    return quoted("-" + path).replace(":", "\\:")


def outermost(paths: Iterable[str]) -> list[str]:
    """The paths that lie in none of the others, in order."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not _under_any(path, found):
            found.append(path)
    return found


def _under_any(path: str, folders: Iterable[str]) -> bool:
    return any(os.path.commonpath((path, folder)) == folder for folder in folders)
