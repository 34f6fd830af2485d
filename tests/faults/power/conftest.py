# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of the power cuts, at the end."""

from __future__ import annotations

import pytest
from faults.conftest import share_of
from faults.power.laboratory import Report
from faults.power.report import lines

_REPORTS = pytest.StashKey["list[Report]"]()


@pytest.fixture
def power_reports(request: pytest.FixtureRequest) -> list[Report]:
    """Where each test puts what it did."""
    return request.config.stash.setdefault(_REPORTS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = config.stash.get(_REPORTS, [])
    if reports:
        terminalreporter.section(f"power cuts{share_of(config)}")
        for line in lines(reports):
            terminalreporter.write_line(line)
