# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many storms, which ones, and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from faults import books
from faults.conftest import share_of
from faults.storms.nursery import Nursery
from faults.storms.storm import WRONG
from support.sandbox_client import Key, make_key
from support.sshd import SshServer

STORMS, MASSES = 80, 3000  # in CI
STORMS_IN_FULL, MASSES_IN_FULL = 2000, 100_000

_COUNTS = pytest.StashKey["Counter[str]"]()
_TOLD = pytest.StashKey["list[str]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--storms", type=int, default=None, help=f"how many storms to let rage, if not {STORMS}")
    parser.addoption("--storms-from", type=int, default=1, help="the seed of the first")
    parser.addoption(
        "--masses", type=int, default=None, help=f"how many files to fetch between interruptions, if not {MASSES}"
    )
    parser.addoption("--storm-seed", type=int, default=None, help="let this one storm rage")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "storm_seed" in metafunc.fixturenames:
        config = metafunc.config
        one = config.getoption("--storm-seed")
        first = config.getoption("--storms-from")
        number = config.getoption("--storms") or (STORMS_IN_FULL if config.getoption("--full") else STORMS)
        metafunc.parametrize("storm_seed", range(first, first + number) if one is None else [one])


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    found = Nursery(tmp_path_factory.mktemp("results"))
    yield found
    found.close()


@pytest.fixture
def masses(request: pytest.FixtureRequest, full: bool) -> int:
    """How many files are many."""
    return int(request.config.getoption("--masses") or (MASSES_IN_FULL if full else MASSES))


@pytest.fixture
def told(request: pytest.FixtureRequest) -> list[str]:
    """What is to be told at the end, beside the storms."""
    return request.config.stash.setdefault(_TOLD, [])


@pytest.fixture(scope="session")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def stormy_sshd() -> Iterator[SshServer]:
    with SshServer(config=["MaxSessions 1", "MaxStartups 100"]) as server:
        yield server


@pytest.fixture(scope="session")
def counts(request: pytest.FixtureRequest) -> Counter[str]:
    return request.config.stash.setdefault(_COUNTS, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    found, told = config.stash.get(_COUNTS, Counter()), config.stash.get(_TOLD, [])
    if found or told:
        terminalreporter.section(f"storms{share_of(config)}")
    for line in (*(_lines(found) if found else ()), *told):
        terminalreporter.write_line(line)


def _lines(counts: Counter[str]) -> Iterator[str]:
    verdicts = {kind: counts.pop(f"{WRONG}{kind}", 0) for kind in books.KINDS if kind != "limit"}
    yield ", ".join(f"{number} {what}" for what, number in counts.most_common())
    yield f"{counts['storms']} storms: " + ", ".join(f"{number} {kind}" for kind, number in verdicts.items())
