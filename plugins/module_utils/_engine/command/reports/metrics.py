# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write metrics of all jobs for node exporter's textfile collector, in Prometheus' text format.

Times are gauges in seconds since 1970, as usual for Prometheus. No sample has a time stamp of its own.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ...local.folder import disk_error
from ...run.last_run import COUNTED
from ...version import VERSION
from ..exit_status import status_of_past
from .problems import next_due
from .state import JobState, accounts_of

if TYPE_CHECKING:
    from ...ledger.ledger import Ledger

Labels = Mapping[str, str]


class _Metric(NamedTuple):
    name: str
    kind: str
    help: str


_BUILD = _Metric("filedrop_build_info", "gauge", "The version of filedrop, always 1.")
_WRITTEN = _Metric("filedrop_metrics_written_timestamp_seconds", "gauge", "When this file was written.")
_LAST_RUN = _Metric("filedrop_job_last_run_timestamp_seconds", "gauge", "When the last run of a job ended.")
_LAST_SUCCESS = _Metric(
    "filedrop_job_last_success_timestamp_seconds", "gauge", "When the last run of a job that was well ended."
)
_DUE = _Metric("filedrop_job_due_timestamp_seconds", "gauge", "When the next run of a job is due by its schedule.")
_DURATION = _Metric("filedrop_job_last_run_duration_seconds", "gauge", "How long the last run of a job took.")
_STATUS = _Metric("filedrop_job_last_run_status", "gauge", "The exit status of the last run of a job; 0 is well.")
_ENABLED = _Metric("filedrop_job_enabled", "gauge", "Whether a job is enabled.")
_PROBLEM = _Metric("filedrop_job_problem", "gauge", "A problem of a job, with the exit status that it stands for.")
_HELD = _Metric("filedrop_files_held", "gauge", "Files of a job that are held for a decision.")
_WAITING = _Metric("filedrop_files_waiting", "gauge", "Files of a job that wait for a later run.")
_UNFINISHED = _Metric("filedrop_files_unfinished", "gauge", "Files of a job that the next run completes.")
_LYING = _Metric("filedrop_files_not_taken", "gauge", "Delivered files that lie on the server for too long.")
_OLDEST = _Metric("filedrop_oldest_waiting_seconds", "gauge", "How long the oldest waiting file of a job has waited.")
_FILES = _Metric("filedrop_files_total", "counter", "Files by outcome, over all runs of a job.")
_BYTES = _Metric("filedrop_delivered_bytes_total", "counter", "Bytes of the delivered files, over all runs of a job.")
_KEY_AGE = _Metric("filedrop_key_created_timestamp_seconds", "gauge", "When the private key of an account was made.")
_KEY_STAGE = _Metric("filedrop_key_stage", "gauge", "The stage of the rotation of an account's key, always 1.")
_CERTIFICATE = _Metric(
    "filedrop_certificate_not_after_timestamp_seconds",
    "gauge",
    "When the certificate of an account's server expires, as the last run saw it.",
)

ALL = (
    *(_BUILD, _WRITTEN, _LAST_RUN, _LAST_SUCCESS, _DUE, _DURATION, _STATUS, _ENABLED, _PROBLEM, _HELD, _WAITING),
    *(_UNFINISHED, _LYING, _OLDEST, _FILES, _BYTES, _KEY_AGE, _KEY_STAGE, _CERTIFICATE),
)
"""All metrics, in the order of the file. Each host writes all of their descriptions, so that they are equal."""


class _Samples:
    """The samples of one file, by metric."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {metric.name: [] for metric in ALL}

    def add(self, metric: _Metric, value: float | None, **labels: str) -> None:
        """Add a sample, unless its value is unknown."""
        if value is None:
            return
        told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        number = repr(round(value, 3)) if isinstance(value, float) else str(value)
        self._lines[metric.name].append(f"{metric.name}{f'{{{told}}}' if told else ''} {number}")

    def text(self) -> str:
        lines = []
        for metric in ALL:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            lines += self._lines[metric.name]
        return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def metrics(ledger: Ledger, states: Sequence[JobState], keys: Iterable[Mapping[str, Any]]) -> str:
    """Return the content of the file.

    :param keys: what `keys.describe_keys` has found.
    """
    now, samples = time.time(), _Samples()
    samples.add(_BUILD, 1, version=VERSION)
    samples.add(_WRITTEN, now)
    totals = {tuple(record[:4]): record[4:] for record in ledger.look("SELECT * FROM total", ())}
    for state in states:
        _add_job(samples, state, now)
        if state.key is not None:
            _add_totals(samples, state, totals)
    for key in keys:
        if key.get("key"):
            samples.add(_KEY_AGE, now - key["key"]["age"] * 86400, account=key["account"])
            samples.add(_KEY_STAGE, 1, account=key["account"], stage=key["stage"])
    accounts = set(accounts_of(states))
    for account, expires in ledger.certificates().items():
        if account in accounts:
            samples.add(_CERTIFICATE, expires, account=account)
    return samples.text()


def _labels(state: JobState) -> dict[str, str]:
    """Return what all samples of a job have. Of a job whose file is invalid, the account may be unknown."""
    account, direction, _name = state.key or ("", "", "")
    return {"job": state.name, "account": account, "direction": direction}


def _add_job(samples: _Samples, state: JobState, now: float) -> None:
    labels, past, waiting = _labels(state), state.past, state.waiting
    if past is not None:
        samples.add(_LAST_RUN, past.ended, **labels)
        samples.add(_LAST_SUCCESS, past.well_at, **labels)
        samples.add(_DURATION, past.ended - past.began, **labels)
        samples.add(_STATUS, status_of_past(past), **labels)
        samples.add(_LYING, past.lying, **labels)
    if state.job is not None and state.job.enabled:
        samples.add(_DUE, next_due(state.job, past, state.written_at), **labels)
    if state.job is not None:
        samples.add(_ENABLED, int(state.job.enabled), **labels)
    for reason, status in sorted({(problem.reason, problem.status) for problem in state.problems}):
        samples.add(_PROBLEM, status, **labels, reason=reason)
    samples.add(_HELD, state.held, **labels)
    samples.add(_WAITING, waiting.count, **labels)
    samples.add(_UNFINISHED, state.unfinished, **labels)
    samples.add(_OLDEST, max(0.0, now - waiting.oldest_since) if waiting.oldest_since is not None else 0, **labels)


def _add_totals(samples: _Samples, state: JobState, totals: Mapping[Any, Any]) -> None:
    labels = _labels(state)
    for outcome in COUNTED:
        files, size = totals.get((*(state.key or ()), outcome), (0, 0))
        # A job's labels are the same from its first day on, so that a counter begins at 0.
        samples.add(_FILES, files, **labels, outcome=outcome)
        if outcome == "delivered":
            samples.add(_BYTES, size, **labels)


def write(path: str, text: str) -> None:
    """Write the file in one step: node exporter reads either the old content or the new one, and never a part.

    :raises DiskError: it cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    part = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")  # node exporter reads names that end in .prom
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            os.fchmod(fd, 0o644)  # whatever the umask is: another user reads it
            file.write(text)
        os.rename(part, path)
    except OSError as error:
        raise disk_error(error, f"write {path!r}") from error
    finally:
        with suppress(OSError):
            os.unlink(part)
