# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The presets for Billit, in the files of jobs: their schedules, and what a person exports."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.schedule import Schedule

from .test_files import DROPOFF, PICKUP, House

SFTP = {"preset": "billit_sftp", "host": "sftp.example.com", "username": "billit", "password_file": "/x"}


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    made.put("accounts/amili.json", SFTP)
    return made


@pytest.mark.parametrize("job", [DROPOFF, PICKUP])
def test_the_automatic_exchange_runs_every_30_minutes_and_needs_both_folders(
    house: House, job: dict[str, object]
) -> None:
    assert house.job({**job, "remote_dir": "x"}).schedule == Schedule(every=1800)
    assert house.job({**job, "remote_dir": "x", "on_calendar": "06:00"}).schedule == Schedule(on_calendar="06:00")
    assert house.job({**job, "remote_dir": "x", "every": "5m"}).schedule == Schedule(every=300)
    assert "the preset billit_sftp has no default" in house.refusal(job).finding


def test_a_drop_off_takes_what_billit_reads_and_a_pickup_takes_all(house: House) -> None:
    include = house.job({**DROPOFF, "remote_dir": "x"}).job.include
    assert {"*.[xX][mM][lL]", "*.[pP][dD][fF]", "*.[zZ][iI][pP]"} <= set(include)
    assert "*.[cC][oO][dD]" not in include
    assert house.job({**PICKUP, "remote_dir": "x"}).job.include == ()


@pytest.mark.parametrize("protocol", ["sftp", "folder"])
def test_an_export_is_by_hand_and_keeps_the_originals(house: House, protocol: str) -> None:
    place = {"preset": "billit_ftp", "protocol": protocol}
    house.put("accounts/amili.json", {**SFTP, **place} if protocol == "sftp" else {**place, "root": "/srv"})
    found = house.job({**DROPOFF, "remote_dir": "x"})
    assert (found.by_hand, found.schedule, found.job.after) == (True, Schedule(), "keep")
    assert "*.[cC][oO][dD]" in found.job.include
    scheduled = house.job({**DROPOFF, "remote_dir": "x", "by_hand": False, "every": "1h"})
    assert (scheduled.by_hand, scheduled.schedule) == (False, Schedule(every=3600))
    assert "by_hand" in house.refusal({**DROPOFF, "remote_dir": "x", "every": "1h"}).way_out
    refused = house.refusal({**PICKUP, "remote_dir": "x"})
    assert refused.finding.endswith("direction: the preset billit_ftp is for drop-offs only.")


def test_a_pickup_has_no_export(house: House) -> None:
    assert "option for jobs with direction dropoff" in house.refusal({**PICKUP, "by_hand": True}).way_out
