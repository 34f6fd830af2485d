# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The local side of a test against a server whose answers the test can change."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.odd_server import OddServer


class Desk:
    """An outbox, an inbox and a ledger, and jobs between them and a server."""

    def __init__(self, folder: Path, server: OddServer) -> None:
        self.folder = folder / "desk"
        self.outbox = self.folder / "outbox"
        self.inbox = self.folder / "inbox"
        self.ledger = str(self.folder / "ledger" / "ledger.sqlite3")
        self.server = server
        self.outbox.mkdir(parents=True)
        self.inbox.mkdir()

    def dropoff(self, **options: Any) -> Dropoff:
        job = Dropoff(name="invoices", sources=(str(self.outbox),), remote_dir="input", settle=0, upload="direct")
        return replace(job, **options)

    def pickup(self, **options: Any) -> Pickup:
        job = Pickup(name="reports", dest=str(self.inbox), remote_dir="pickup", settle=0, min_free=0)
        return replace(job, **options)

    def run(self, job: Dropoff | Pickup, account: Account | None = None, *, check: bool = False) -> RunResult:
        account = account or self.server.account()
        return runner.run(job, account, ledger=self.ledger, check=check, create_ledger=True)

    def fill(self, count: int, *, folder: Path | None = None, size: int = 100) -> set[str]:
        """Files in a folder, the outbox unless another is named."""
        names = {f"{number:03}.xml" for number in range(count)}
        for name in names:
            ((folder or self.outbox) / name).write_bytes(os.urandom(size))
        return names

    def snapshot(self) -> dict[str, object]:
        """Everything that a run might change, on both sides, with its time and its content.

        Only SQLite's memory that those who have the ledger open share is nobody's business.
        """
        found: dict[str, object] = {}
        for root in (self.folder, self.server.sandbox.path):
            for where, folders, files in os.walk(root):
                for name in (*folders, *files, "."):
                    if name.endswith("-shm"):
                        continue
                    path = os.path.join(where, name)
                    status = os.lstat(path)
                    content = Path(path).read_bytes() if name in files else b""
                    found[path] = (status.st_ino, status.st_mtime_ns, status.st_mode, content)
        return found
