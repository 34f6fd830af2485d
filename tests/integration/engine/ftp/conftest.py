# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that can be told to lie, and a desk of somebody who has an account there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.desk import Desk
from support.lying_ftp import LyingFtp


@pytest.fixture
def server() -> Iterator[LyingFtp]:
    with LyingFtp() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, server: LyingFtp) -> Desk:
    return Desk(tmp_path, server.account_options(account="lying"))
