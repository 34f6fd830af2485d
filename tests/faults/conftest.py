# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far to go, and the report at the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from faults.explorer import Report

_REPORTS = pytest.StashKey["list[Report]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--claims", help="a folder: processes side by side that share it take each test once (in_three)")
    parser.addoption("--seed", type=int, default=1, help="for what is drawn by chance")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_REPORTS] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests that no process beside this one has taken: to deal them out before, they differ too much."""
    folder = session.config.getoption("--claims")
    if folder is None or session.config.option.collectonly:
        return None
    items = _claimed(session.items, folder)
    item = next(items, None)
    while item is not None and not (session.shouldfail or session.shouldstop):
        following = next(items, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        item = following
    return True


def _claimed(items: Sequence[pytest.Item], folder: str) -> Iterator[pytest.Item]:
    """Yield the tests that this process is the first to take."""
    for number, item in enumerate(items):
        with suppress(FileExistsError):
            os.close(os.open(f"{folder}/{number}", os.O_CREAT | os.O_EXCL))
            yield item


def share_of(config: pytest.Config) -> str:
    """What to add to the title of a report that is not the whole one."""
    return ", the tests of this process" if config.getoption("--claims") else ""


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed"))


@pytest.fixture
def reports(request: pytest.FixtureRequest) -> list[Report]:
    """Where each test puts what it did, for the report at the end."""
    return request.config.stash[_REPORTS]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = config.stash[_REPORTS]
    if reports:
        terminalreporter.section(f"crash matrix{share_of(config)}")
        for line in _lines(reports):
            terminalreporter.write_line(line)


def _lines(reports: list[Report]) -> Iterator[str]:
    yield f"{'variant':36} {'steps':>9} {'crashes':>8} {'cuts':>6} {'pairs':>6} {'states':>7} {'completed':>10}  held"
    for one in reports:
        held = ", ".join(f"{number} {reason}" for reason, number in sorted(one.held.items()))
        steps = f"{one.drawn} of {one.steps}" if one.drawn else str(one.steps or "")
        numbers = f"{steps:>9} {one.crashes:>8} {one.cuts:>6} {one.pairs or '':>6} {one.states or '':>7}"
        yield f"{one.variant:36} {numbers} {one.completed:>10}  {held}".rstrip()
    kinds = sum((one.kinds for one in reports), Counter[str]())
    yield "crashed before: " + ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    yield _extent(reports)
    found = Counter(what.partition(":")[0] for one in reports for what in one.findings)
    verdict = [f"{found[kind]} {words}" for kind, words in _VERDICT.items()]
    yield (
        f"{sum(one.crashes for one in reports)} crashes, {sum(one.cuts for one in reports)} cuts, "
        f"{sum(one.pairs for one in reports)} pairs of runs at once: {', '.join(verdict)}"
    )
    for what, number in Counter(what for one in reports for what in one.limits).most_common():
        yield f"stated limit, met in {number} variants: {what.removeprefix('limit: ')}"


def _extent(reports: list[Report]) -> str:
    """What of all there is was tried, for nobody should take a sample for the whole."""
    drawn = [one for one in reports if one.drawn]
    text = "every step of a run that nobody disturbed: none skipped"
    if drawn:
        text += (
            f", but over SSH, where {sum(one.drawn for one in drawn)} of {sum(one.steps for one in drawn)} were drawn"
        )
    states = sum(one.states for one in reports)
    gone_on = sum(one.gone_on for one in reports)
    return f"{text}; the next run crashed at every step, too, from {gone_on} of {states} states"


_VERDICT = {
    "lost": "lost", "duplicated": "duplicated", "corrupt": "corrupt", "partial name": "partial names",
    "not told": "not told", "left over": "left over", "touched": "of others touched", "unrecorded": "unrecorded",
    "restless": "restless",
}  # fmt: skip
