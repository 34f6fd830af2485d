# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The local side of a test: an outbox, an inbox, a ledger, and runs of the engine for them in this process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
    dropoff_from_options,
    pickup_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.selection import Only

from . import driver

MODES = ("rename", "direct", "pickup")


def quiet_way(mode: str) -> str:
    """The relay's direction in which a mode moves no content, but only requests or answers."""
    return "up" if mode == "pickup" else "down"


def busy_way(mode: str) -> str:
    """The relay's direction in which a mode moves content."""
    return "down" if mode == "pickup" else "up"


class Desk:
    """Folders of one test, and jobs between them and a server's ``input`` and ``pickup``.

    The option ``job`` gives a job a name of its own.

    :param account: account options; each run may change some.
    """

    def __init__(self, folder: Path, account: Mapping[str, object]) -> None:
        self.outbox = folder / "outbox"
        self.inbox = folder / "inbox"
        self.archive = self.outbox / "archive"
        self.ledger = folder / "ledger.sqlite3"
        self.account = dict(account)
        self.outbox.mkdir()
        self.inbox.mkdir()

    def job(self, direction: str, **options: object) -> dict[str, object]:
        """A job's options: between the desk's folders and the server's, without waiting for files to settle."""
        places: dict[str, object] = {"src": str(self.outbox), "remote_dir": "input"}
        if direction == "pickup":
            places = {"dest": str(self.inbox), "remote_dir": "pickup"}
        return {"direction": direction, "settle": 0, **places, **options}

    def job_of(self, mode: str) -> dict[str, object]:
        """The job of a mode: ``pickup``, or a drop-off's ``rename`` or ``direct``."""
        return self.job("pickup") if mode == "pickup" else self.job("dropoff", upload=mode)

    def drop_off(self, *, account: Mapping[str, object] | None = None, **options: object) -> RunResult:
        return self.run(self.job("dropoff", **options), account)

    def pick_up(self, *, account: Mapping[str, object] | None = None, **options: object) -> RunResult:
        return self.run(self.job("pickup", **options), account)

    def run(
        self,
        job: Mapping[str, object],
        account: Mapping[str, object] | None = None,
        *,
        check: bool = False,
        only: Collection[str] = (),
    ) -> RunResult:
        options = dict(job)
        name: Any = options.pop("job", None)
        from_options = dropoff_from_options if options.pop("direction") == "dropoff" else pickup_from_options
        whom = account_from_options({**self.account, **(account or {})})
        wanted = from_options(options, preset_named(whom.preset), name=name)
        return runner.run(wanted, whom, ledger=str(self.ledger), check=check, create_ledger=True, only=Only(only))

    def refusal(self, job: Mapping[str, object], account: Mapping[str, object] | None = None) -> FiledropError:
        """The error that keeps a job from being done, whether at its beginning or after it."""
        try:
            result = self.run(job, account)
        except FiledropError as error:
            return error
        if result.error is None:
            raise RuntimeError(f"the job was done: {result.summary}")
        return result.error

    def spec(self, job: Mapping[str, object], **account: object) -> dict[str, object]:
        """The same job for a process of its own; see the driver."""
        return driver.spec(job, {**self.account, **account}, self.ledger)


def fill(folder: Path, count: int, size: int = 20 * 1024) -> dict[str, str]:
    """Make files with random content; return their digests by name."""
    for number in range(count):
        (folder / f"invoice-{number:05}.xml").write_bytes(os.urandom(size))
    return digests(folder)


def put(folder: Path, content: bytes, *names: str) -> None:
    """Make files with this content; by default one."""
    for name in names or ("a.xml",):
        (folder / name).write_bytes(content)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, by name; folders in it are left out."""
    files = (path for path in folder.iterdir() if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def outcomes(result: RunResult) -> dict[str, tuple[str, str]]:
    """Outcome and reason of each file, by name."""
    return {one.name: (one.outcome, one.reason) for one in result.outcomes}


def assert_delivered(result: RunResult, names: Iterable[str]) -> None:
    """Exactly these files were delivered, and nothing else happened."""
    assert result.error is None, result.error
    assert {name: outcome for name, (outcome, _reason) in outcomes(result).items()} == dict.fromkeys(
        names, "delivered"
    ), [(one.name, one.reason, one.message) for one in result.outcomes if one.outcome != "delivered"]
