# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The crash matrix. Kill a run anywhere, as often as you like: nothing is lost, twice, corrupt, or seen incomplete.

``make faults`` tries every variant, and goes on from every state to which a crash leads; without ``--full`` only some.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager

import pytest
from faults.explorer import Explorer, Limits, Report
from faults.runs import stage
from faults.variants import (
    ALL,
    BATCHES,
    EVERY_DAY,
    FOLDER_BATCHES,
    FOLDERS,
    OTHERS,
    OVER_API,
    OVER_FTPS,
    OVER_SSH,
    SETS,
    SINGLES,
    TO_THE_END,
    Variant,
)


def _named(variants: tuple[Variant, ...], every_day: Container[str] = EVERY_DAY) -> list[object]:
    rare = [pytest.mark.full]
    return [pytest.param(one, id=one.name, marks=() if one.name in every_day else rare) for one in variants]


MAIN = tuple(one for one in SINGLES if one.name in TO_THE_END)
TWICE_EVERY_DAY = ("rename-archive-openssh", "direct-delete-openssh", "pickup-delete", "share-delete")


@contextmanager
def _explored(variant: Variant, title: str, reports: list[Report]) -> Iterator[Explorer]:
    """Go through a variant in the block, and report and judge what was found."""
    with stage(variant) as place:
        explorer = Explorer(place, Report(title))
        reports.append(explorer.report)
        yield explorer
    report = explorer.report
    wrong = [f"{what}\n    {len(ways)} times, such as by: {ways[0]}" for what, ways in report.findings.items()]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("variant", _named((*SINGLES, *OTHERS, *FOLDERS)))
def test_a_run_and_its_recoveries_are_killed_at_every_step(
    variant: Variant, full: bool, seed: int, reports: list[Report]
) -> None:
    with _explored(variant, variant.name, reports) as explorer:
        if full and variant.name in TO_THE_END:
            explorer.crash(Limits())
        else:
            explorer.crash(Limits(depth=2, sample=3 if full else 1, seed=seed))


@pytest.mark.parametrize("variant", _named((*BATCHES, *FOLDER_BATCHES)))
def test_a_batch_is_killed_at_every_step(variant: Variant, full: bool, seed: int, reports: list[Report]) -> None:
    with _explored(variant, variant.name, reports) as explorer:
        explorer.crash(Limits(depth=3, sample=3, seed=seed) if full else Limits(depth=1))


@pytest.mark.parametrize("variant", _named(SETS))
def test_a_set_is_killed_at_every_step(variant: Variant, full: bool, seed: int, reports: list[Report]) -> None:
    with _explored(variant, variant.name, reports) as explorer:
        explorer.crash(Limits(depth=2, sample=8 if full else 1, seed=seed))


@pytest.mark.parametrize("variant", _named(OVER_API))
def test_a_run_whose_files_go_in_requests_is_killed_at_every_step(
    variant: Variant, full: bool, seed: int, reports: list[Report]
) -> None:
    with _explored(variant, variant.name, reports) as explorer:
        explorer.crash(Limits(depth=2, sample=2, seed=seed) if full else Limits(depth=1))


@pytest.mark.parametrize("variant", _named((*OVER_SSH, *OVER_FTPS)))
def test_a_run_over_a_network_is_killed(variant: Variant, full: bool, seed: int, reports: list[Report]) -> None:
    with _explored(variant, variant.name, reports) as explorer:
        explorer.crash(Limits(depth=1) if full else Limits(depth=1, steps=12, seed=seed))


@pytest.mark.parametrize("variant", _named((*OVER_SSH, *OVER_FTPS)))
def test_the_next_run_need_not_wait_until_the_server_has_noticed(
    variant: Variant, full: bool, seed: int, reports: list[Report]
) -> None:
    with _explored(variant, f"{variant.name}, at once", reports) as explorer:
        explorer.crash_and_hurry(Limits(steps=24 if full else 6, seed=seed))


@pytest.mark.parametrize(
    "variant", _named((*SINGLES, *OTHERS, *BATCHES, *(one for one in SETS if one.server != "folder"), *OVER_API))
)
def test_a_connection_is_cut_at_every_request(variant: Variant, reports: list[Report]) -> None:
    with _explored(variant, f"{variant.name}, cut", reports) as explorer:
        explorer.cut()


ALONE = (*SINGLES, *(one for one in (*FOLDERS, *OVER_API) if "share" not in one.options and len(one.files) == 1))


@pytest.mark.parametrize("variant", _named(ALONE))
def test_between_a_crash_and_the_next_run_anything_may_happen(
    variant: Variant, full: bool, reports: list[Report]
) -> None:
    with _explored(variant, f"{variant.name}, events", reports) as explorer:
        explorer.crash(Limits(depth=1))
        explorer.meet_events(crash=full and variant.name == "pickup-delete")


@pytest.mark.parametrize("variant", _named(MAIN, every_day=TWICE_EVERY_DAY))
def test_another_run_of_the_same_job_may_begin_at_every_step(variant: Variant, reports: list[Report]) -> None:
    with _explored(variant, f"{variant.name}, twice", reports) as explorer:
        explorer.begin_twice()


def test_a_file_that_is_taken_while_it_is_written_is_not_taken_for_delivered(reports: list[Report]) -> None:
    with _explored(ALL["direct-delete-openssh"], "direct-delete-openssh, taken", reports) as explorer:
        explorer.meet_events_midway("take")
    assert explorer.report.held["maybe_incomplete"] > 0


@pytest.mark.full
@pytest.mark.parametrize("variant", _named(MAIN))
def test_in_the_middle_of_a_run_anything_may_happen(variant: Variant, reports: list[Report]) -> None:
    with _explored(variant, f"{variant.name}, midway", reports) as explorer:
        explorer.meet_events_midway()


@pytest.mark.full
@pytest.mark.parametrize("variant", _named(MAIN))
def test_what_a_lost_connection_had_asked_for_may_be_done_late(variant: Variant, reports: list[Report]) -> None:
    with _explored(variant, f"{variant.name}, late", reports) as explorer:
        explorer.be_late(every_step=False)
