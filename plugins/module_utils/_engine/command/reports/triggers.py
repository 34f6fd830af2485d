# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at what starts the jobs: the units of systemd, or the lines for cron."""

from __future__ import annotations

import os
import re
import stat as modes
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...config.files import DEFAULT_FOLDER
from ...config.options import LABEL
from ...config.paths import COMMAND
from ...text import iso_time
from .problems import Problem, asked

if TYPE_CHECKING:
    from ...config.files import ConfiguredJob
    from ...run.last_run import PastRun

CRONTAB = "/etc/cron.d/filedrop"
_ROLE_S_MODE = 0o750
"""Permissions of the folder of jobs on a host where the role deployed them."""
_STARTING = ("timer", "path")
_STARTING_UNIT = re.compile(r"filedrop@(.+)\.(?:timer|path)")
_BOOTED_BY_SYSTEMD = "/run/systemd/system"
_PROC = "/proc"
_CRON_OF_SYSTEMD = "/usr/lib/systemd/system-generators/systemd-crontab-generator"
"""systemd-cron has no process: it makes timers of the lines for cron."""
_CRONS = ("cron", "crond", "fcron", "bcron-sched")

_PROPERTIES = (
    *("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus"),
    *("ExecMainStartTimestampMonotonic", "StateChangeTimestampMonotonic", "RandomizedDelayUSec"),
)
_STATUSES = {
    127: "its interpreter is missing",
    200: "CHDIR: its working folder cannot be entered",
    203: "EXEC: the command or its interpreter is missing, or is not a program",
    216: "GROUP: its group does not exist",
    217: "USER: its user does not exist",
    226: "NAMESPACE: a folder that the unit names cannot be mounted",
    238: "STATE_DIRECTORY: the folder of the ledger cannot be used",
    243: "CREDENTIALS: a secret of the account is missing",
}
"""Exit statuses of systemd for a process that it could not start (systemd.exec(5)), and what they mean here."""

_UNITS = {"usec": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


class Triggers:
    """Hold what systemd and cron say about jobs.

    :param folder: the configuration. If the role deployed it, either systemd or cron has to start each job.
    :ivar notes: what could not be found out.
    """

    def __init__(self, names: Iterable[str], folder: str = "") -> None:
        self._is_deployed = _is_deployed(folder)
        valid = [name for name in names if LABEL.fullmatch(name)]  # systemctl answers nothing if one name is invalid
        self._units = _shown([f"filedrop@{name}.{kind}" for name in valid for kind in ("service", *_STARTING)])
        self._crontab = _Crontab()
        self.notes: list[str] = []
        if self._units is None and os.path.isdir(_BOOTED_BY_SYSTEMD):
            self.notes.append("systemctl does not answer, so it is not known whether the jobs' timers are active.")

    def spread(self, job: str) -> float:
        """Return the seconds by which a job may be started later than its schedule says."""
        return _in_seconds(self._unit(job, "timer").get("RandomizedDelayUSec", "")) + self._crontab.delay(job)

    def started(self) -> set[str]:
        """Return the names of all jobs that systemd or cron starts, whether they have a file or not."""
        active = [name for name, unit in (self._units or {}).items() if unit.get("ActiveState") == "active"]
        by_systemd = {found[1] for name in active if (found := _STARTING_UNIT.fullmatch(name))}
        return by_systemd | self._crontab.jobs()

    def running_since(self, job: str) -> float | None:
        """Return since when systemd executes the job's service, in seconds since 1970; None if it does not."""
        unit = self._unit(job, "service")
        if unit.get("ActiveState") not in ("activating", "active", "reloading", "deactivating"):
            return None
        known = "ExecMainStartTimestampMonotonic" if int(unit.get("ExecMainStartTimestampMonotonic") or 0) else ""
        return _moment(unit, known) if known else time.time()

    def problems(self, job: ConfiguredJob, past: PastRun | None) -> Iterator[Problem]:
        """Tell what prevents the runs of an enabled job."""
        has_schedule = job.schedule.every is not None or job.schedule.on_calendar is not None
        service = self._unit(job.name, "service")
        by_systemd = _is_there(service) or _is_there(self._unit(job.name, "timer"))
        if has_schedule and by_systemd:
            yield from self._of_trigger(job.name, "timer")
            if job.schedule.on_arrival:
                yield from self._of_trigger(job.name, "path")
        elif has_schedule and self._crontab.is_there:
            yield from self._crontab.problems(job.name)
        elif has_schedule and self._is_deployed and not self.notes:
            yield from self._of_nothing(job.name)
        if by_systemd:
            yield from _of_service(job.name, service, past)

    def _unit(self, job: str, kind: str) -> Mapping[str, str]:
        return (self._units or {}).get(f"filedrop@{job}.{kind}", {})

    def _of_nothing(self, job: str) -> Iterator[Problem]:
        """Tell that neither systemd nor cron starts a job. The jobs beside it tell which of them should."""
        if any(_STARTING_UNIT.fullmatch(name) and _is_there(unit) for name, unit in (self._units or {}).items()):
            yield from self._of_trigger(job, "timer")
        else:
            finding = f"There is neither {CRONTAB} nor a timer of the job, so nothing starts it by its schedule."
            yield Problem("crontab_line_missing", finding, "Deploy the job again, or add what starts it.")

    def _of_trigger(self, job: str, kind: str) -> Iterator[Problem]:
        name, unit = f"filedrop@{job}.{kind}", self._unit(job, kind)
        load, active, file = (unit.get(key, "") for key in ("LoadState", "ActiveState", "UnitFileState"))
        what = "timer" if kind == "timer" else "path unit"
        start = f"Run: systemctl enable --now {name}."
        if load == "masked" or file.startswith("masked"):
            unmask = f"Run: systemctl unmask {name}; systemctl enable --now {name}."
            yield Problem(f"{kind}_masked", f"The {what} {name} is masked, so it does not start the job.", unmask)
        elif load == "not-found":
            finding = f"The {what} {name} does not exist, so nothing starts the job by its schedule."
            yield Problem(f"{kind}_missing", finding, "Deploy the job again, or add the unit.")
        elif load != "loaded":
            finding = f"systemd cannot load the {what} {name}: {load}."
            yield Problem(f"{kind}_broken", finding, f"Run: systemctl status {name}.")
        elif active == "failed":
            finding = f"The {what} {name} has failed ({unit.get('Result') or 'unknown'}), so it does not start the job."
            restart = f"Run: systemctl status {name}; then: systemctl restart {name}."
            yield Problem(f"{kind}_failed", finding, restart)
        elif active not in ("active", "activating", "reloading"):
            yield Problem(f"{kind}_stopped", f"The {what} {name} is stopped, so it does not start the job.", start)
        elif unit.get("SubState") == "elapsed":
            finding = f"The {what} {name} is active, but will not start the job again."
            yield Problem(f"{kind}_elapsed", finding, f"Run: systemctl list-timers {name}; and look at OnCalendar.")
        elif file == "disabled":
            finding = f"The {what} {name} is active, but disabled: it does not start with the host."
            yield Problem(f"{kind}_disabled", finding, start)


def _is_deployed(folder: str) -> bool:
    """Return whether the role deployed a configuration. One that was made by hand may be started by anything."""
    try:
        mode = os.stat(os.path.join(folder, "jobs")).st_mode
    except OSError:
        return False
    is_default = os.path.realpath(folder) == os.path.realpath(DEFAULT_FOLDER)
    return is_default and modes.S_IMODE(mode) == _ROLE_S_MODE and os.path.exists(COMMAND)


def _is_there(unit: Mapping[str, str]) -> bool:
    return unit.get("LoadState", "not-found") != "not-found"


def _of_service(job: str, unit: Mapping[str, str], past: PastRun | None) -> Iterator[Problem]:
    """Tell whether the job's service cannot be started, or has failed without a run that the ledger knows."""
    name, load = f"filedrop@{job}.service", unit.get("LoadState")
    if load == "masked":
        finding = f"The unit {name} is masked, so nothing can start the job."
        yield Problem("service_masked", finding, f"Run: systemctl unmask {name}.")
    elif load == "not-found":
        finding = f"The unit {name} does not exist, so its timer starts nothing."
        yield Problem("service_missing", finding, "Deploy the job again, or add the unit filedrop@.service.")
    elif load != "loaded":
        yield Problem(
            "service_broken", f"systemd cannot load the unit {name}: {load}.", f"Run: systemctl status {name}."
        )
    elif unit.get("ActiveState") == "failed":
        result, status = unit.get("Result", ""), int(unit.get("ExecMainStatus") or 0)
        has_process = result not in ("resources", "start-limit-hit", "condition", "exec-condition", "protocol")
        when = _moment(unit, "ExecMainStartTimestampMonotonic" if has_process else "StateChangeTimestampMonotonic")
        if past is None or past.ended < when - 1:
            why = f"exit status {status}" if result == "exit-code" else result
            meaning = f": {_STATUSES[status]}" if result == "exit-code" and status in _STATUSES else ""
            finding = f"The unit {name} failed at {iso_time(when)}, and no run was recorded ({why}{meaning})."
            mend = f"See why: journalctl -u {name} -n 50. Then run: systemctl start {name}."
            yield Problem("unit_failed", finding, mend)


def _moment(unit: Mapping[str, str], name: str) -> float:
    """Convert a time of systemd, in µs of the monotonic clock, to seconds since 1970."""
    return time.time() - time.clock_gettime(time.CLOCK_MONOTONIC) + int(unit.get(name) or 0) / 1e6


def _shown(names: list[str]) -> Mapping[str, Mapping[str, str]] | None:
    """Ask systemd for all units at once; None if there is no systemd."""
    patterns = [f"filedrop@*.{kind}" for kind in _STARTING]  # also those of jobs that have no file any more
    answer = asked(["systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *names, *patterns])
    if answer is None:
        return None
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in answer.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def _in_seconds(text: str) -> float:
    """Convert a stretch of time as systemd prints it, such as ``5min 30s``."""
    return sum(float(number) * _UNITS.get(unit, 0.0) for number, unit in re.findall(r"([0-9.]+)([a-z]+)", text))


class _Crontab:
    """Hold the lines for cron; none if the file does not exist or cannot be read.

    :ivar is_there: whether the file exists.
    """

    def __init__(self) -> None:
        self.is_there = os.path.lexists(CRONTAB)
        self._lines: list[str] | None = None
        self._refused = ""
        try:
            with open(CRONTAB, encoding="utf-8", errors="replace") as file:
                status = os.fstat(file.fileno())
                self._lines = [line for line in file if not line.lstrip().startswith("#")]
        except OSError:
            return
        if status.st_uid != 0:
            self._refused = "it does not belong to root"
        elif status.st_mode & (modes.S_IWGRP | modes.S_IWOTH):
            self._refused = "others than root can write it"

    def _line(self, job: str) -> str | None:
        called = re.compile(rf"\srun {job}(\s|$)")
        return next((line for line in self._lines or () if called.search(line)), None)

    def jobs(self) -> set[str]:
        """Return the names of the jobs that have a line."""
        return {found[1] for line in self._lines or () if (found := re.search(r"\srun (\S+)", line))}

    def delay(self, job: str) -> float:
        found = re.search(r"\bsleep ([0-9]+);", self._line(job) or "")
        return float(found[1]) if found else 0.0

    def problems(self, job: str) -> Iterator[Problem]:
        if self._lines is None:
            return
        if self._refused:
            mend = f"Run: chown root: {CRONTAB}; chmod 644 {CRONTAB}."
            yield Problem("crontab_refused", f"cron ignores {CRONTAB}: {self._refused}.", mend)
        elif self._line(job) is None:
            finding = f"{CRONTAB} has no line for the job, so cron does not start it."
            yield Problem("crontab_line_missing", finding, "Deploy the job again, or add a line that runs it.")
        elif not _cron_runs():
            finding = f"No process of cron is running, so nothing executes {CRONTAB}."
            yield Problem("cron_stopped", finding, "Run: systemctl enable --now cron, or crond where that is its name.")


def _cron_runs() -> bool:
    """Return whether cron is running, or may be: this user may not be allowed to see the processes of others."""
    if os.path.exists(_CRON_OF_SYSTEMD) or _name_of_process("1") is None:
        return True
    return any(name.isdigit() and _name_of_process(name) in _CRONS for name in os.listdir(_PROC))


def _name_of_process(pid: str) -> str | None:
    try:
        with open(os.path.join(_PROC, pid, "comm"), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None
