# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold what is wrong with a job, and judge it by the ledger and by the job's schedule."""

from __future__ import annotations

import calendar
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...config.calendar import NotExpressible, cron_time, last_time, next_time
from ...config.schedule import DAY, HOUR, MINUTE, format_duration
from ...errors import FiledropError
from ...ledger.alarms import RUN, STATUS
from ...ledger.history import delivered_between
from ...text import iso_time
from ..console import count_of
from ..context import key_of
from ..exit_status import NEEDS_A_PERSON, SOME_FAILED, WELL, status_of_past

if TYPE_CHECKING:
    from ...config.files import ConfiguredJob
    from ...config.schedule import Schedule
    from ...ledger.ledger import Ledger
    from ...ledger.waiting import Waiting
    from ...run.last_run import PastRun

GRACE = 5 * MINUTE
"""Seconds by which a run may be late, in addition to the spread of the job's timer or of its line for cron."""


@dataclass(frozen=True)
class Problem:
    """Hold one thing that is wrong with a job.

    :ivar reason: a stable code for programs.
    :ivar status: the exit status that it stands for.
    :ivar seen_by: what finds it: each run, or `status` alone.
    """

    reason: str
    finding: str
    way_out: str
    status: int = NEEDS_A_PERSON
    seen_by: str = STATUS

    @classmethod
    def of(cls, error: FiledropError) -> Problem:
        """Return the problem of a job whose files cannot be used."""
        return cls(error.reason, error.finding, error.way_out)

    def __str__(self) -> str:
        return f"{self.reason}: {self.finding} {self.way_out}"

    def as_dict(self) -> Mapping[str, Any]:
        return {"reason": self.reason, "message": self.finding, "way_out": self.way_out, "status": self.status}


def of_last_run(job: str, past: PastRun | None) -> Iterator[Problem]:
    """Tell why the last run was not well, unless a held file was the only reason: the ledger has its present state."""
    status = WELL if past is None else status_of_past(past)
    if past is None or status == WELL:
        return
    when = iso_time(past.ended)
    if past.reason:
        yield Problem(past.reason, f"The run of {when} ended early: {past.message}", _look(job), status, RUN)
    elif past.failed:
        finding = f"In the run of {when}, some files failed: {past.failed}."
        way_out = f"Run: filedrop run {job}. It tries them again and tells why."
        yield Problem("files_failed", finding, way_out, SOME_FAILED, RUN)
    if past is not None and past.lying:
        yield _not_taken(job, past)


def of_waiting(job: ConfiguredJob, waiting: Waiting) -> Iterator[Problem]:
    """Tell which files wait for a name that is taken, or for too long. Others that wait are well."""
    stuck = count_of(waiting.stuck, "file")
    if waiting.stuck:
        finding = (
            f"{stuck} waited longer than {format_duration(job.max_age)} (max_age), the first since {_since(waiting)}."
        )
        way_out = f"See what they wait for: filedrop check {job.name}."
        yield Problem("files_stuck", finding, way_out, seen_by=RUN)
    blocked = waiting.only_blocked
    if blocked:
        finding = f"Waiting for a name that another file has on the server: {count_of(blocked, 'file')}."
        way_out = f"See which: filedrop check {job.name}. Ask the provider about the others, or rename yours."
        yield Problem("files_blocked", finding, way_out, SOME_FAILED, RUN)


def of_expectation(job: ConfiguredJob, ledger: Ledger, written_at: float | None) -> Iterator[Problem]:
    """Tell whether fewer files than expected were delivered before the latest moment of `expect`.

    Files that come later end the problem.

    :param written_at: when the job's file was written, in seconds since 1970. What should have come before then was not
        expected.
    """
    expected, now = job.watch.expect, time.time()
    due = None if expected is None else last_time(expected.event, now)
    if expected is None or due is None or (written_at is not None and written_at > due):
        return
    start = last_time(expected.event, due - 1) or 0.0
    if delivered_between(ledger, key_of(job), start, now) >= expected.files:
        return
    found = delivered_between(ledger, key_of(job), start, due)
    finding = (
        f"Fewer files than expected were delivered from {iso_time(start)} to {iso_time(due)}: {found}, and not "
        f"{expected.files} ({expected.by})."
    )
    way_out = f"Find out what keeps them. See what came: filedrop history {job.name}."
    yield Problem("expectation_missed", finding, way_out, seen_by=RUN)


def _not_taken(job: str, past: PastRun) -> Problem:
    finding = f"Delivered files still lie on the server (taken_within): {past.lying}."
    way_out = f"Ask the provider why it does not take them. See which: filedrop history {job}."
    return Problem("files_not_taken", finding, way_out, seen_by=RUN)


def _since(waiting: Waiting) -> str:
    return "an unknown time" if waiting.oldest_since is None else iso_time(waiting.oldest_since)


def _look(job: str) -> str:
    return f"Try: filedrop check {job}."


def of_schedule(job: ConfiguredJob, past: PastRun | None, written_at: float | None, spread: float) -> Iterator[Problem]:
    """Tell whether a job that is due has not run, or has not ended well for more than a day.

    :param written_at: when the job's file was written, in seconds since 1970. A new schedule counts from then.
    :param spread: the seconds by which its timer or cron may start it later.
    """
    now, grace = time.time(), GRACE + spread
    if past is not None and past.ended > now + grace:
        finding = f"The last run ended in the future, {iso_time(past.ended)}: a clock is or was wrong."
        yield Problem("clock_wrong", finding, f"Correct the clock (timedatectl), then run: filedrop run {job.name}.")
    if written_at is not None and written_at > now + grace:
        if past is None:
            finding = f"The job's file was written in the future, {iso_time(written_at)}: a clock is or was wrong."
            yield Problem("clock_wrong", finding, "Correct the clock (timedatectl), then run: touch, with the file.")
        written_at = None
    due = next_due(job, past, written_at)
    if due is not None and now > max(due, _booted_at()) + grace:
        last = f"The last run ended {iso_time(past.ended)}" if past else "It has never run"
        finding = f"The job is overdue: it was due {iso_time(due)} ({job.schedule}). {last}."
        yield Problem("overdue", finding, f"Look at what starts it, and run it now: filedrop run {job.name}.")
    if past is None or not (past.reason or past.failed):
        return
    well = _latest(past.well_at, written_at)
    due = None if well is None else due_after(job.schedule, well)
    if due is not None and now > due + grace + DAY:
        since = "never" if past.well_at is None else f"for the last time {iso_time(past.well_at)}"
        finding = f"The job has failed for more than {format_duration(DAY)}: it ended well {since}."
        yield Problem("failing", finding, _look(job.name))


def of_long_run(job: ConfiguredJob, began: float) -> Iterator[Problem]:
    """Tell whether the run that is in progress goes on for so long that it probably hangs.

    :param began: the start of the run, in seconds since 1970.
    """
    began = max(began, _booted_at())  # the clock of a host may be wrong until it is set after the boot
    if job.time_limit is not None:
        limit = began + job.time_limit + HOUR
    else:
        limit = (due_after(job.schedule, began) or began) + DAY
    if job.schedule.on_arrival:
        limit += job.job.settle  # a unit that a file started may wait before its run
    if time.time() > limit:
        finding = f"The run that is in progress began {iso_time(began)}, and probably hangs: no other can begin."
        unit = f"filedrop@{job.name}.service"
        way_out = f"See what it does (systemctl status {unit}, or ps), and end it: systemctl kill {unit}, or kill."
        yield Problem("hangs", finding, way_out)


def _latest(*moments: float | None) -> float | None:
    return max((moment for moment in moments if moment is not None), default=None)


def next_due(job: ConfiguredJob, past: PastRun | None, written_at: float | None) -> float | None:
    """Return when a job is due after its last run, and after its file was written; None if that is unknown."""
    began = _latest(past.ended if past else None, written_at)
    return None if began is None else due_after(job.schedule, began)


def due_after(schedule: Schedule, moment: float) -> float | None:
    """Return the first time after a moment at which a job is due, in seconds since 1970; None if that is unknown."""
    try:
        if schedule.every is not None:
            return _after(moment, schedule.every)
        if schedule.on_calendar is None:
            return None
        return next_time(cron_time(schedule.on_calendar), moment)
    except NotExpressible:
        return _asked_of_systemd(schedule.on_calendar or "", moment)
    except (OverflowError, ValueError, OSError):  # no calendar has this moment: a clock was wrong
        return None


def _after(moment: float, seconds: int) -> float:
    """Add seconds to a moment. If summer time ends in between, count them by the clock on the wall, as systemd does."""
    due = moment + seconds
    return due + max(0, time.localtime(moment).tm_gmtoff - time.localtime(due).tm_gmtoff)


def _asked_of_systemd(event: str, moment: float) -> float | None:
    """Let systemd compute when a calendar event is due, where there is systemd."""
    answer = asked(["systemd-analyze", "calendar", f"--base-time=@{moment:.0f}", event])
    found = dict(line.split(": ", 1) for line in (answer or "").splitlines() if ": " in line)
    by_name = {name.strip(): value for name, value in found.items()}
    text = by_name.get("(in UTC)", by_name.get("Next elapse", ""))
    try:
        return _in_utc(text)
    except ValueError:  # it is never due, or this systemd has other words
        return None


def _in_utc(text: str) -> float:
    """Convert a time as systemd prints it, such as ``Mon 2026-11-30 06:00:00 UTC``."""
    return float(calendar.timegm(time.strptime(text.strip(), "%a %Y-%m-%d %H:%M:%S UTC")))


def asked(command: Sequence[str]) -> str | None:
    """Return the output of a program of the system; None if it is missing, fails, or does not answer."""
    try:
        # pylint: disable-next=ansible-bad-function  # Ansible's run_command is for its modules
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return ended.stdout


def _booted_at() -> float:
    """Return when this host was started, in seconds since 1970: what was due before could not run."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
