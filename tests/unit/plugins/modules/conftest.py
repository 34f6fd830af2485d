# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from support.stage import as_on_a_host


@pytest.fixture(autouse=True)
def _modules_run_on_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    as_on_a_host(monkeypatch)
