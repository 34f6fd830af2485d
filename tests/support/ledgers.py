# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ledgers that tests start from."""

from __future__ import annotations

from contextlib import closing

from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names


def plant(ledger: Ledger, *rows: Row) -> None:
    """Write rows in the states that they have, as if earlier runs had taken every step to them."""
    ledger._write_all(rows)


def part_prefix(ledger: str, account: str, job: str) -> str:
    """How the parts of a job begin. The ledger is made if there is none."""
    with closing(Ledger(ledger, create=True)) as opened:
        return names.part_prefix(opened.identity, account, job)
