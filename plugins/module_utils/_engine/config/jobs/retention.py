# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read how long archived files and history are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .. import options as read
from ..schedule import DAY, LONGEST, duration

OPTION = "retention"

_EXAMPLE = "such as 90d or {age: 90d, files: 100000}"


@dataclass(frozen=True)
class Retention:
    """How much history a job keeps. What is beyond one of the limits is removed. None: no limit.

    :ivar age: in seconds.
    :ivar files: how many of the newest files.
    """

    age: float | None
    files: int | None = None


def retention_from_options(options: Mapping[str, object]) -> Retention | None:
    """Read ``retention``: a duration, or a dictionary with a duration and a number of files.

    :raises InputError: it is invalid.
    """
    given = options.get(OPTION)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return Retention(_age(options, OPTION))
    found = read.dictionary(options, OPTION, ("age", "files"), _EXAMPLE) or {}
    limits = Retention(_age(found, f"{OPTION}.age"), read.limit(found, f"{OPTION}.files"))
    if limits == Retention(None):
        raise read.invalid(OPTION, {}, "sets no limit", f"Set age, files or both, {_EXAMPLE}.")
    return limits


def _age(options: Mapping[str, object], name: str) -> int | None:
    return duration(options, name, low=DAY, high=LONGEST)
