# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the systemd units of a host's jobs: one hardened service for all jobs, and for each job a drop-in, a timer, and
a path unit if an arriving file starts it.

Pure: options in, text out. The syntax is that of systemd.unit(5), systemd.exec(5), systemd.timer(5) and
systemd.path(5), of systemd 247 and newer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3600, 86400
GRACE = 120
"""Seconds that systemd waits beyond a job's own limit: 30 for files in transfer, the rest for a slow connection."""

_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = tuple(os.path.join(os.sep, *above, "tmp") for above in ((), ("var",)))


@dataclass(frozen=True)
class Credential:
    """Define a secret that systemd passes to a job's unit: its name in the unit, and its file on the host."""

    name: str
    path: str


@dataclass(frozen=True)
class JobUnit:
    """Define what the unit of one job needs beyond the common service.

    :param writable: folders in which the job creates, moves or removes files.
    :param readable: folders from which it only reads.
    :param gives_group: the job changes the group of files.
    :param runs_handler: the job starts a program of the administrator's for each file.
    :param time_limit: seconds, or None.
    :param patience: seconds that a run started by a file may wait for it; None if files do not start the job.
    """

    name: str
    credentials: Sequence[Credential] = ()
    writable: Sequence[str] = ()
    readable: Sequence[str] = ()
    gives_group: bool = False
    runs_handler: bool = False
    time_limit: int | None = None
    patience: int | None = None


def service(*, user: str, command: str, header: str, metrics_file: str = "") -> str:
    """Build ``filedrop@.service``.

    :param metrics_file: where the runs write the metrics; empty: nowhere.
    """
    start = f"{command} run %i{metrics(metrics_file)}"
    # The status when another run of the job is active. This is not a failure.
    return _hardened("Run the filedrop job %i", start, "4", user, header, metrics_file)


def watch_service(*, user: str, command: str, header: str, metrics_file: str) -> str:
    """Build ``filedrop-status.service``, which notices what no run notices: that there was none."""
    start = f"{command} status --notify{metrics(metrics_file)}"
    # What it finds is told to the receivers, and is no failure of this unit.
    return _hardened("Tell what the filedrop jobs need", start, "1 2 3", user, header, metrics_file)


def metrics(path: str) -> str:
    """Return the option of a command for the file of the metrics; empty if there is none."""
    return f" --metrics {quoted(path)}" if path else ""


def _hardened(description: str, start: str, well: str, user: str, header: str, metrics_file: str) -> str:
    """Build a service that can do no more than a run needs.

    :param start: the command line.
    :param well: the exit statuses besides 0 that are no failure of the unit.
    """
    folder = f"\nReadWritePaths={quoted('-' + os.path.dirname(metrics_file))}" if metrics_file else ""
    return f"""\
{header}
[Unit]
Description={description}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
ExecStart={start}
SuccessExitStatus={well}
# An ssh that carries the connection must not be stopped before the run, which ends it.
KillMode=mixed
User={user}
Group={user}
UMask=0027
StateDirectory=filedrop
StateDirectoryMode=0700
# Secrets must not end up in core files.
LimitCORE=0
# A run needs about 100 MiB and 20 threads. More is a fault, or a server that means harm.
MemoryMax=512M
TasksMax=64

# A run can read the system, but can write only to its own folders, which its drop-in opens.
ProtectSystem=strict{folder}
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

# A run has only the permissions of its user, and cannot gain others.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes

# A run can reach only the network, the name service and the journal.
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""


def drop_in(unit: JobUnit, *, command: str, header: str, metrics_file: str = "") -> str:
    """Build a job's ``filedrop@JOB.service.d/filedrop.conf``."""
    lines = [header]
    if unit.patience is not None:
        # The path unit must not give up when files appear quickly. It cannot loop: runs change nothing that it watches.
        lines += ["[Unit]", "StartLimitIntervalSec=0"]
    lines.append("[Service]")
    if unit.patience is not None:
        lines += ["ExecStart=", f"ExecStart={command} run %i --wait{metrics(metrics_file)}"]
    lines += [f"LoadCredential={each.name}:{each.path.replace('%', '%%')}" for each in unit.credentials]
    writable = outermost(unit.writable)
    readable = [each for each in outermost(unit.readable) if not _under_any(each, writable)]
    if any(_under_any(each, _HOMES) for each in (*writable, *readable)):
        # Mount an empty folder over the homes, and only these folders into it. Other homes stay hidden.
        lines.append("ProtectHome=tmpfs")
    if any(_under_any(each, _TEMPORARY) for each in (*writable, *readable)):
        lines.append("PrivateTmp=no")
    for each in writable:
        # "-": a missing folder must not prevent the start, so that the command can report it.
        if _under_any(each, _HOMES):
            lines.append(f"BindPaths={_bound(each)}")
        else:
            lines.append(f"ReadWritePaths={quoted('-' + each)}")
    lines += [f"BindReadOnlyPaths={_bound(each)}" for each in readable if _under_any(each, _HOMES)]
    if unit.gives_group:
        # A file can get a group only if the group exists in the unit's user namespace, and by a system call for it.
        lines += ["PrivateUsers=no", "SystemCallFilter=@chown"]
    if unit.runs_handler:
        # A program that was begun may end: the next run reads how. It may write wherever its user may, and may compile
        # code. It needs more memory and processes than a run. A drop-in of the administrator's own can allow more.
        lines += [
            "KillMode=process",
            "ProtectSystem=full",
            "MemoryMax=infinity",
            "TasksMax=4096",
            "MemoryDenyWriteExecute=no",
        ]
    if unit.time_limit is not None:
        # With --wait, the last run may begin just before the limit is reached.
        longest = unit.time_limit if unit.patience is None else unit.patience + 2 * unit.time_limit
        lines.append(f"TimeoutStartSec={longest + GRACE}")
    return "\n".join(lines) + "\n"


def timer(name: str, calendar: Sequence[str], *, spread: int, header: str) -> str:
    """Build ``filedrop@JOB.timer``.

    :param spread: seconds over which systemd spreads the hosts, each with a constant delay of its own.
    """
    return _timer(f"When the filedrop job {name} is due", calendar, spread=spread, header=header)


def watch_timer(calendar: Sequence[str], *, header: str) -> str:
    """Build ``filedrop-status.timer``."""
    return _timer("When somebody looks at all filedrop jobs", calendar, spread=0, header=header)


def _timer(description: str, calendar: Sequence[str], *, spread: int, header: str) -> str:
    lines = [header, "[Unit]", f"Description={description}", "", "[Timer]"]
    lines += [f"OnCalendar={each}" for each in calendar]
    if spread:
        lines += [f"RandomizedDelaySec={spread}", "FixedRandomDelay=yes"]
    lines += ["AccuracySec=1s", "Persistent=yes", "", "[Install]", "WantedBy=timers.target"]
    return "\n".join(lines) + "\n"


def path(name: str, folders: Iterable[str], *, header: str) -> str:
    """Build ``filedrop@JOB.path``: it starts the job when a file is written in, or renamed into, one of the folders.

    It reacts to events, not to existing files (as DirectoryNotEmpty would), so files that stay do not start the job.
    systemd does not watch during a run, so the run's own changes do not start it either.
    """
    lines = [header, "[Unit]", f"Description=When a file for the filedrop job {name} appears", "", "[Path]"]
    lines += [f"PathChanged={escaped(each)}" for each in folders]
    lines += ["", "[Install]", "WantedBy=paths.target"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Escape a text as a whole value in a unit file, where a percent sign has a special meaning."""
    return text.replace("%", "%%")


def offset(host: str, job: str, every: int) -> int:
    """Return the seconds by which a host's job starts later: constant for the job, and different between hosts."""
    return int.from_bytes(hashlib.sha256(f"{host}\n{job}".encode()).digest()[:8], "big") % every


def calendar(every: int, start: int) -> list[str]:
    """Express ``every`` (seconds) as calendar events; it must be whole minutes that divide an hour or a day.

    :param start: the first time after midnight, in seconds, less than ``every``.
    """
    hours, minutes, seconds = start // HOUR, start % HOUR // MINUTE, start % MINUTE
    # systemd refuses a step that is as long as its range.
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
    """Quote a text as one word in a unit file, so that no character has a special meaning."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(character.isspace() or character in "\"'\\" for character in text) else escaped


def _bound(path: str) -> str:
    """Quote a folder for a bind mount at the same path; an unescaped colon would begin the destination."""
    return quoted("-" + path).replace(":", "\\:")


def outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths that are not inside of another one, sorted."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not _under_any(path, found):
            found.append(path)
    return found


def _under_any(path: str, folders: Iterable[str]) -> bool:
    return any(os.path.commonpath((path, folder)) == folder for folder in folders)
