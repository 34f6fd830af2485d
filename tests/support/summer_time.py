# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A time zone with summer time, for tests of schedules."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

_OSLO = ZoneInfo("Europe/Oslo")


@pytest.fixture
def in_oslo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let it be the host's time zone."""
    monkeypatch.setenv("TZ", _OSLO.key)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def seconds_in_oslo(text: str) -> float:
    """Convert a local time, such as ``2026-11-28 06:00:00``, to seconds since 1970."""
    return datetime.fromisoformat(text).replace(tzinfo=_OSLO).timestamp()
