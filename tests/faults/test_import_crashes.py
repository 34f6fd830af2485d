# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The crash matrix of imports: the run, the wrapper and the handler are killed at every step that any of them makes.

After the next run, a file was handed over once and is in `done_dir`, or it was handed over at most once and is held.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import Account
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import Preset
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import THIS_HOST
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.importing import import_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.import_desk import processes_of

from .stepper import Watched
from .world import fast_folder

HANDLER = ["/bin/sh", "-c", 'echo "$1" >>"$0/calls"', "{folder}", "{name}"]
ACCOUNT = Account(THIS_HOST, protocol="", host="", port=0, username="")
NAMES = {"a.xml", "b.xml"}


class Place:
    """The folders of an import, and its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.input, self.done, self.state = (folder / name for name in ("input", "done", "state"))
        for path in (self.input, self.done, self.state, folder / "failed"):
            path.mkdir()
        for name in NAMES:
            (self.input / name).write_text(f"content of {name}")
        (folder / "calls").touch()

    def led(self, number: int = 0, victims: str = "") -> tuple[int, RunResult | None]:
        """A run in which processes are killed before the step of this number. Return how many steps there were, and the
        result, if the run itself has survived.
        """
        count = 0
        with Watched(self._work) as child:
            for step in child.steps():
                count = step.number
                if count == number:
                    for pid in [step.process] if victims == "one" else [*processes_of(self.folder), child.pid]:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(RuntimeError):
                return count, child.result
        return count, None

    def run(self) -> dict[str, tuple[str, str]]:
        """Runs that nobody disturbs, until no file waits for what is still alive: the outcome and reason of each."""
        for _run in range(50):
            found = self._run()
            if "waiting" not in {outcome for outcome, _reason in found.values()}:
                break
            time.sleep(0.1)
        return found

    def _run(self) -> dict[str, tuple[str, str]]:
        result = self.led()[1]
        if result is None:
            raise RuntimeError("the run ended without a result")
        if result.error is not None:
            raise result.error
        return {one.name: (one.outcome, one.reason) for one in result.outcomes}

    def called(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def _work(self) -> RunResult:
        handler = [word.replace("{folder}", str(self.folder)) for word in HANDLER]
        folders = {"src": str(self.input), "done_dir": str(self.done), "failed_dir": str(self.folder / "failed")}
        options = {**folders, "handler": handler, "settle": 0, "workers": 2}
        job = import_from_options(options, Preset(), name="book")
        try:
            return runner.run(job, ACCOUNT, ledger=str(self.state / "ledger.sqlite3"), create_ledger=True)
        except FiledropError as error:
            return RunResult(error=error)


@contextlib.contextmanager
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="filedrop-faults-", dir=fast_folder()))
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("victims", ["one", "everything"])
def test_every_process_of_an_import_is_killed_at_every_step(victims: str, full: bool, seed: int) -> None:
    with place() as here:
        last = here.led()[0]
        assert sorted(here.called()) == sorted(NAMES)
    numbers = list(range(1, last + 1))
    for number in numbers if full else sorted(random.Random(f"{seed} {victims}").sample(numbers, 20)):
        with place() as here:
            here.led(number, victims)
            found = here.run()
            wrong = list(_wrong(here, found))
            called = here.called()
            assert not wrong, f"killed {victims} before step {number} of {last}: {wrong}, {found}"
            assert {name for name, (outcome, _reason) in here.run().items() if outcome != "held"} == set()
            assert here.called() == called


def _wrong(here: Place, found: dict[str, tuple[str, str]]) -> Iterator[str]:
    called = here.called()
    for name in NAMES:
        is_held = found.get(name, ("", ""))[0] == "held"
        if called.count(name) > 1 or (not is_held and not called.count(name)):
            yield f"{name} was handed over {called.count(name)} times"
        places = [path for path in (here.input / name, here.done / name) if path.exists()]
        if places != [here.input / name if is_held else here.done / name]:
            yield f"{name} is in {places}"
        elif places[0].read_text() != f"content of {name}":
            yield f"{name} has other content"
    if len(list((here.state / "handlers").iterdir())) > len(NAMES):
        yield "records are left over"
