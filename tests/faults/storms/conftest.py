# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many storms, which ones, and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from faults.storms.nursery import Nursery
from support.sandbox_client import Key, make_key
from support.sshd import SshServer

STORMS = 200  # in CI
MASSES = 3000

_COUNTS = pytest.StashKey["Counter[str]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--storms", type=int, default=STORMS, help="how many storms to let rage")
    parser.addoption("--storms-from", type=int, default=1, help="the seed of the first")
    parser.addoption("--masses", type=int, default=MASSES, help="how many files to fetch between interruptions")
    parser.addoption("--storm-seed", type=int, default=None, help="let this one storm rage")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "storm_seed" in metafunc.fixturenames:
        config = metafunc.config
        one = config.getoption("--storm-seed", None)
        first = config.getoption("--storms-from", 1)
        seeds = range(first, first + config.getoption("--storms", STORMS)) if one is None else [one]
        metafunc.parametrize("storm_seed", seeds)


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    found = Nursery(tmp_path_factory.mktemp("results"))
    yield found
    found.close()


@pytest.fixture
def masses(request: pytest.FixtureRequest) -> int:
    """How many files are many."""
    return int(request.config.getoption("--masses", MASSES))


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
    found = config.stash.get(_COUNTS, None)
    if found:
        terminalreporter.section("storms")
        terminalreporter.write_line(", ".join(f"{number} {what}" for what, number in found.most_common()))
