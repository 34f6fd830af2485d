# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read what is expected of a job, and who is told when it is not met."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import JobStopped
from .. import options as read
from ..accounts.provider_types import PROTOCOLS
from ..calendar import CronTime, NotExpressible, cron_time
from ..schedule import DAY, MINUTE, duration
from .job import Job

OPTIONS = ("expect", "stop_above", "notify")
"""The options that jobs of every direction have."""

STOP_ABOVE = "stop_above"
"""The reason of a run that would move too much."""

_LONGEST = 366 * DAY
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Expectation:
    """At least ``files`` files are delivered between two moments of the calendar event ``by``."""

    files: int
    by: str
    event: CronTime


@dataclass(frozen=True)
class Ceiling:
    """A run moves nothing if it would move more files or bytes; None: no limit."""

    files: int | None
    bytes: int | None

    def require(self, files: int, size: int) -> None:
        """:raises JobStopped: ``stop_above``: so many files, or so many bytes, are too many."""
        if (self.files is None or files <= self.files) and (self.bytes is None or size <= self.bytes):
            return
        limits = {"files": self.files, "bytes": self.bytes}
        allowed = ", ".join(f"{name}: {number}" for name, number in limits.items() if number is not None)
        raise JobStopped(
            STOP_ABOVE,
            f"The run would move more than stop_above allows: files: {files}, bytes: {size}. The limit is {allowed}. "
            "Nothing was moved.",
            "Find out why there is so much. To move all of it, run the job once with --force.",
        )


@dataclass(frozen=True)
class Receiver:
    """Who is told of problems: a program with its arguments, or a URL, or both."""

    command: tuple[str, ...]
    webhook: str | None


@dataclass(frozen=True)
class Watch:
    """What is expected of a job.

    :ivar taken_within: seconds after which a delivered file must be gone from the server; None: nobody looks.
    """

    expect: Expectation | None = None
    stop_above: Ceiling | None = None
    notify: Receiver | None = None
    taken_within: int | None = None


NOTHING_EXPECTED = Watch()


def watch_from_options(options: Mapping[str, object], job: Job, protocol: str) -> Watch:
    """Read what is expected of a job.

    :param protocol: of its account.
    :raises InputError: an option is invalid.
    """
    return Watch(
        expect=_expectation(options),
        stop_above=_ceiling(options),
        notify=_receiver(options),
        taken_within=_taken_within(options, job, protocol),
    )


def _expectation(options: Mapping[str, object]) -> Expectation | None:
    found = read.dictionary(options, "expect", ("files", "by"), 'such as {files: 1, by: "Mon..Fri 09:00"}')
    if found is None:
        return None
    by = read.text(found, "expect.by")
    if by is None:
        raise read.missing("expect.by", "this option is missing", "Set it to a calendar event, such as Mon..Fri 09:00.")
    try:
        event = cron_time(by)
    except NotExpressible as why:
        way_out = "Use days and times, such as Mon..Fri 09:00."
        raise read.invalid("expect.by", by, f"is not supported: {why}", way_out) from None
    return Expectation(read.integer(found, "expect.files", 1, low=1, high=1_000_000_000), by, event)


def _ceiling(options: Mapping[str, object]) -> Ceiling | None:
    example = "such as {files: 500, bytes: 2G}"
    found = read.dictionary(options, "stop_above", ("files", "bytes"), example)
    if found is None:
        return None
    size = found.get("stop_above.bytes")
    ceiling = Ceiling(
        read.limit(found, "stop_above.files"), None if size is None else read.size(size, name="stop_above.bytes")
    )
    if ceiling == Ceiling(None, None):
        raise read.invalid("stop_above", {}, "sets no limit", f"Set files, bytes or both, {example}.")
    return ceiling


def _receiver(options: Mapping[str, object]) -> Receiver | None:
    example = "such as {webhook: https://alarm.example/filedrop} or {command: [/usr/local/bin/alarm]}"
    found = read.dictionary(options, "notify", ("command", "webhook"), example)
    if found is None:
        return None
    receiver = Receiver(_command(found), _webhook(found))
    if not (receiver.command or receiver.webhook):
        raise read.invalid("notify", {}, "names no receiver", f"Set command, webhook or both, {example}.")
    return receiver


def _command(options: Mapping[str, object]) -> tuple[str, ...]:
    found = read.strings(options, "notify.command") or ()
    if found and not os.path.isabs(found[0]):
        why = "does not begin with the absolute path of a program"
        raise read.invalid("notify.command", list(found), why, "Write its whole path, such as /usr/local/bin/alarm.")
    return found


def _webhook(options: Mapping[str, object]) -> str | None:
    url = read.text(options, "notify.webhook")
    if url is None:
        return None
    try:
        parts = urllib.parse.urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urllib.parse.urlsplit("")
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not host or not is_safe or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        why = "is not the https URL of a host, without a user or a password"
        raise read.invalid("notify.webhook", url, why, "Write it such as https://alarm.example/filedrop.")
    return url


def _taken_within(options: Mapping[str, object], job: Job, protocol: str) -> int | None:
    found = duration(options, "taken_within", low=MINUTE, high=_LONGEST)
    if found is None:
        return None
    unseen = protocol in PROTOCOLS or getattr(job, "verify", None) == "close"
    if unseen:
        why = "needs to look whether a file was taken, but nothing can be looked at "
        why += f"over the protocol {protocol}" if protocol in PROTOCOLS else "with verify=close"
        raise read.invalid("taken_within", options["taken_within"], why, "Remove it.")
    return found
