# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the schedules of a host's jobs for cron, for hosts without systemd: one line for each time.

Pure: schedules in, text out. A schedule that cron cannot express exactly is refused (config/calendar.py), because a job
that runs at the wrong time is worse than one that is not deployed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..module_utils._engine.config.calendar import CronTime

KILL_AFTER = 30
"""Seconds between asking a run to end (SIGTERM) and killing it."""


@dataclass(frozen=True)
class CronJob:
    """Hold the schedule of one job.

    :param times: the times at which it is due.
    :param delay: seconds by which this host starts later, the same each time.
    :param time_limit: seconds after which a run is ended, or None.
    """

    name: str
    times: Sequence[CronTime]
    delay: int = 0
    time_limit: int | None = None


def crontab(
    jobs: Sequence[CronJob],
    *,
    user: str,
    command: str,
    header: str,
    metrics: str = "",
    looks: Sequence[CronTime] = (),
) -> str:
    """Build the content of a file in ``/etc/cron.d``.

    cron mails the output of a run to root, because the jobs' user reads no mail. A run prints nothing while all is
    well.

    :param metrics: the option of the command for the file of the metrics, or empty.
    :param looks: when somebody looks at all jobs, and tells their receivers. That mails nothing.
    """
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    lines = [header, "SHELL=/bin/sh", f"PATH={path}", "MAILTO=root"]
    for job in sorted(jobs, key=lambda each: each.name):
        limit = "" if job.time_limit is None else f"timeout -k {KILL_AFTER} {job.time_limit} "
        for time in job.times:
            wait = time.second + job.delay
            sleep = f"sleep {wait}; " if wait else ""
            lines.append(
                f"{time.fields} {user} umask 027; {sleep}exec {limit}{command} run {job.name} --quiet{metrics}"
            )
    for time in looks:
        sleep = f"sleep {time.second}; " if time.second else ""
        lines.append(f"{time.fields} {user} umask 027; {sleep}{command} status --notify{metrics} >/dev/null 2>&1")
    return "\n".join(lines) + "\n"
