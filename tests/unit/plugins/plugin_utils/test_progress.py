# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines that show the progress of a task."""

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._progress import Reading
from ansible_collections.courier.filedrop.plugins.plugin_utils._progress import Teller, clock

MIB = 1024**2


@pytest.mark.parametrize(
    ("readings", "line"),
    [
        ([Reading(0, 0, 0, 0, 0)], "looking for files"),
        ([Reading(0, 1, 0, 0, 0)], "0 of 1 file, 0 B of 0 B"),
        (
            [Reading(5000, 1000, 120, 16 * 1024 * MIB, 225 * MIB)],
            "120 of 1,000 files, 225.0 MiB of 16.0 GiB, 45.0 MiB/s, 5:59 left",
        ),
        # The rate is that of the last half minute.
        (
            [Reading(1000 * n, 9, 0, 100 * MIB, moved * MIB) for n, moved in ((10, 60), (40, 61), (60, 70), (71, 80))],
            "0 of 9 files, 80.0 MiB of 100.0 MiB, 627.6 KiB/s, 0:32 left",
        ),
        # All bytes are there, and files remain to be deleted.
        ([Reading(9000, 9, 3, MIB, MIB)], "3 of 9 files, 1.0 MiB of 1.0 MiB"),
        ([Reading(9000, 9, 3, MIB, 900)] * 4, "3 of 9 files, 900 B of 1.0 MiB, no data for 0:15"),
        ([Reading(9000, 9, 3, MIB, 0)], "3 of 9 files, 0 B of 1.0 MiB"),
        # A new attempt plans less than the last one.
        ([Reading(9000, 9, 3, 9 * MIB, MIB), Reading(9500, 9, 3, 2 * MIB, MIB)], "3 of 9 files, 1.0 MiB of 2.0 MiB"),
    ],
)
def test_a_reading_in_words(readings: list[Reading], line: str) -> None:
    teller = Teller("erp1: dropoff amili: ")
    lines = [teller.line(reading, 5.0 * number) for number, reading in enumerate(readings)]
    assert lines[-1] == f"erp1: dropoff amili: {line}"


@pytest.mark.parametrize(("seconds", "text"), [(0.9, "0:00"), (312, "5:12"), (3912, "1:05:12"), (360000, "100:00:00")])
def test_a_duration_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
