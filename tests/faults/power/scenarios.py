# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is recorded: jobs, the files that they move, and the places where all that happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.retention import Retention
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import folder as engine_disk
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.capabilities import RENAME
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.ledgers import plant

from .. import plain, variants
from ..runs import YESTERDAY, Stage
from ..variants import KIB, ONE, Variant
from ..world import Picture, World, fast_folder

TWO = {**ONE, "report.xml": variants.content("report", 40 * KIB)}
FEW = {**TWO, "empty.xml": b""}

_DIRECT_HOLDS = frozenset({"name_taken"})


NOTHING = ""


@dataclass(frozen=True)
class Scenario:
    """One thing to record, and to cut.

    :param nowhere: the folder of the ledger, and the one above that, are not there yet.
    :param near: an archive folder of one's own is on the same file system.
    :param by_links: the file system knows no rename that replaces nothing, so links do its work.
    :param retention: a second run follows the first, and forgets what that has done.
    :param copied: somebody has put a copy of the file into the archive, by hand and a moment ago.
    :param half_done: of two files, one that an earlier run has delivered, and one that it had only closed there.
    :param killed: runs that follow a killed one are recorded and cut as well; :param cut: and those that follow a cut.
    """

    name: str
    variant: Variant
    copied: bool = False
    half_done: bool = False
    nowhere: bool = False
    near: bool = False
    by_links: bool = False
    retention: bool = False
    killed: bool = False
    cut: bool = False

    @property
    def meanwhile(self) -> tuple[str, ...]:
        """What may happen on the other side before the next run, if it is not nothing."""
        if self.variant.direction == "dropoff":
            return (NOTHING, "take")
        # Who takes away one of two names of a part leaves the other: docs/guarantees.md, P3.
        return (NOTHING,) if self.by_links else (NOTHING, "consume")


def _scenario(
    name: str, options: Mapping[str, object], files: Mapping[str, bytes] | None = None, **more: bool
) -> Scenario:
    direction = "dropoff" if "upload" in options else "pickup"
    holds = _DIRECT_HOLDS if options.get("upload") == "direct" else frozenset()
    fresh = more.get("nowhere", False)
    return Scenario(name, Variant(f"power-{name}", direction, options, files or ONE, "openssh", holds, fresh), **more)


_RENAME, _DIRECT = {"upload": "rename"}, {"upload": "direct"}
_ARCHIVE, _DELETE, _KEEP = {"after": "archive"}, {"after": "delete"}, {"after": "keep"}
_ELSEWHERE = {**_ARCHIVE, "other_disk": True}
_SHARE = {"share": {"index": 0, "count": 1}}

_SCENARIOS = (
    _scenario("rename-archive", {**_RENAME, **_ARCHIVE}, killed=True, cut=True),
    _scenario("rename-delete", {**_RENAME, **_DELETE}),
    _scenario("rename-keep", {**_RENAME, **_KEEP}),
    _scenario("rename-elsewhere", {**_RENAME, **_ELSEWHERE}, killed=True, cut=True),
    _scenario("rename-elsewhere-copied", {**_RENAME, **_ELSEWHERE}, copied=True),
    _scenario("rename-archive-links", {**_RENAME, **_ARCHIVE}, killed=True, by_links=True),
    _scenario("rename-near-links", {**_RENAME, **_ELSEWHERE}, killed=True, near=True, by_links=True),
    _scenario("direct-archive", {**_DIRECT, **_ARCHIVE}, killed=True, cut=True),
    _scenario("direct-delete", {**_DIRECT, **_DELETE}),
    _scenario("direct-keep", {**_DIRECT, **_KEEP}),
    _scenario("direct-elsewhere", {**_DIRECT, **_ELSEWHERE}),
    _scenario("first-run", {**_RENAME, **_KEEP}, nowhere=True, killed=True),
    _scenario("retention", {**_RENAME, **_DELETE}, retention=True),
    _scenario("retention-archive", {**_RENAME, **_ARCHIVE}, retention=True),
    _scenario("pickup-delete", _DELETE, killed=True, cut=True),
    _scenario("pickup-move", {"after": "move"}),
    _scenario("pickup-keep", _KEEP),
    _scenario("share-delete", {**_DELETE, **_SHARE}, killed=True, cut=True),
    _scenario("share-move", {"after": "move", **_SHARE}),
    _scenario("pickup-delete-links", _DELETE, killed=True, by_links=True),
    _scenario("few-rename-archive", {**_RENAME, **_ARCHIVE}, FEW, killed=True),
    _scenario("half-done", {**_RENAME, **_ARCHIVE}, TWO, half_done=True),
    _scenario("few-rename-delete", {**_RENAME, **_DELETE}, FEW),
    _scenario("few-rename-elsewhere", {**_RENAME, **_ELSEWHERE}, FEW),
    _scenario("few-direct-archive", {**_DIRECT, **_ARCHIVE}, TWO),
    _scenario("few-pickup-delete", _DELETE, FEW, killed=True),
    _scenario("few-pickup-move", {"after": "move"}, FEW),
)

ALL = {scenario.name: scenario for scenario in _SCENARIOS}


@dataclass(frozen=True)
class Place(World):
    """A world whose ledger lies two folders down, and which is asked the same things a hundred thousand times."""

    _known: dict[object, list[dict[str, object]]] = field(default_factory=dict)

    @cached_property
    def ledger(self) -> Path:
        return self.here / "state" / "filedrop" / "ledger.sqlite3"

    def rows(self, picture: Picture) -> list[dict[str, object]]:
        ledger = str(self.ledger)
        key = tuple((path, picture.get(path)) for path in (ledger, f"{ledger}-wal"))
        if key not in self._known:
            self._known[key] = super().rows(picture)
        return self._known[key]


class PowerStage(Stage):
    """A stage on which the scenario's peculiarities are at work."""

    def __init__(self, scenario: Scenario, world: World, server: plain.PlainServer) -> None:
        super().__init__(scenario.variant, world, server)
        self.scenario = scenario
        self.retention: Retention | None = None

    def begin(self) -> None:
        """What an earlier run has done: the first file is delivered, the second is at least on the server."""
        world, account = self.world, self._account().name
        rows = [
            Row(
                account=account, direction="dropoff", folder=str(world.outbox), name=name, size=len(content),
                mtime_ns=YESTERDAY, job="job", remote_path=f"input/{name}", sha256=sha256(content).hexdigest(),
                temporary="input/.00000000.part",
            )
            for name, content in sorted(self.variant.files.items())
        ]  # fmt: skip
        rows[0].state, rows[1].state = State.DELIVERED, State.CLOSED
        with contextlib.closing(Ledger(str(world.ledger))) as ledger:
            ledger.learn(account, RENAME, allowed=True)
            plant(ledger, *rows)
        for name, content in self.variant.files.items():
            world.put(world.input / name, content, mtime_ns=YESTERDAY)

    def copy_by_hand(self) -> None:
        """Copy the files to where they are going to be moved."""
        for name, content in self.variant.files.items():
            self.world.put(self.world.shelf / name, content, mtime_ns=YESTERDAY)

    def work(self) -> None:
        """The run that is recorded, to be done in a child. :raises FiledropError: what ended it early."""
        if self.retention is None:
            result = self._work(check=False)
        else:
            job, account = self._job(), self._account()
            result = runner.run(job, account, ledger=str(self.world.ledger), retention=self.retention)
        if result.error is not None:
            raise result.error

    def _work(self, check: bool) -> RunResult:
        if self.scenario.by_links:
            engine_disk._renameat2 = None
        return super()._work(check)


@contextlib.contextmanager
def opened(scenario: Scenario, base: Path | None = None) -> Iterator[PowerStage]:
    """A stage for a scenario, with everything in its place.

    :param base: the folder for all of it, which is not there yet; the paths in it are part of what is recorded.
    """
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(_folder(base))
        shelf = base / "shelf"
        if "other_disk" in scenario.variant.options and not scenario.near:
            shelf = stack.enter_context(_folder(Path(tempfile.gettempdir()) / f"{base.name}-elsewhere"))
        world = Place(base / "here", base / "there", base / "kept", shelf).make()
        server = stack.enter_context(contextlib.closing(plain.PlainServer(base / "socket", plain.openssh(world.there))))
        stage = PowerStage(scenario, world, server)
        stage.fill()
        if scenario.nowhere:
            shutil.rmtree(world.here / "state")
        if scenario.half_done:
            stage.begin()
        yield stage


@contextlib.contextmanager
def _folder(path: Path | None) -> Iterator[Path]:
    if path is None:
        path = Path(tempfile.mkdtemp(prefix="filedrop-power-", dir=fast_folder()))
    else:
        os.mkdir(path)
    try:
        yield path
    finally:
        shutil.rmtree(path)
