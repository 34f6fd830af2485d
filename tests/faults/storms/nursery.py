# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of the engine in processes of their own, hundreds of them, without waiting for Python to start each time.

A process that has everything imported, and no threads, forks one child for each run. The child may be told to kill
itself with SIGKILL at the step of a number: a request, an answer, or something done to the disk or to the ledger.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
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
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import folder as folder_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.api import remote as api_remote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.api.envelope import Request
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.api.https import HttpsClient
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import sessions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp.session import Session
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.loaded import load_all
from support.pipe import PipeConnection, unix_socket

HUNG = 60.0  # seconds; nothing waits for this, it only ends a run that hangs

_TESTS = Path(__file__).resolve().parents[2]


class Run:
    """A run under way.

    :ivar pid: whose it is; to be killed, if at all, before ``end`` is called.
    :ivar memory: how much it has used at most, in KiB, once it has ended.
    """

    def __init__(self, nursery: Nursery, pid: int, result: Path) -> None:
        self.pid = pid
        self.memory = 0
        self._nursery = nursery
        self._result = result

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self, *, patience: float = HUNG) -> RunResult | None:
        """Wait for its end; return what came of it, or None if it was killed.

        :param patience: seconds after which it hangs.
        :raises RuntimeError: it hung, or it broke: no FiledropError was the reason of its end.
        """
        status, self.memory = self._nursery.wait(self.pid, patience)
        if status == -signal.SIGKILL:
            return None
        if status != 0:
            raise RuntimeError(f"a run ended with status {status}")
        with self._result.open("rb") as file:
            found: RunResult = pickle.load(file)  # noqa: S301 (our own child)
        self._result.unlink()
        return found


class Nursery:
    """Where runs come from.

    :param folder: for what they hand over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        path = os.pathsep.join((str(_TESTS), str(_TESTS.parent / "build" / "tree")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.storms.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def start(
        self, job: Mapping[str, Any], account: Mapping[str, Any], ledger: Path, *, step: int | None = None
    ) -> Run:
        """Begin a run.

        :param job: options by their public names, and ``direction``.
        :param account: options by their public names; or ``socket``, where a server listens that does without SSH.
        :param step: where it kills itself; None: it does not.
        """
        result = self._folder / f"result-{next(self._numbers)}"
        spec = {"job": dict(job), "account": dict(account), "ledger": str(ledger), "step": step, "result": str(result)}
        return Run(self, self._ask({"start": spec})[0], result)

    def wait(self, pid: int, patience: float) -> tuple[int, int]:
        """The exit status of a run, negative for the signal that killed it, and its memory in KiB."""
        hung = threading.Timer(patience, os.kill, (pid, signal.SIGABRT))
        hung.start()
        try:
            status, memory = self._ask({"wait": pid})
            return status, memory
        finally:
            hung.cancel()

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, what: Mapping[str, Any]) -> list[int]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes to the nursery")
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        found: list[int] = json.loads(self._process.stdout.readline())
        return found


class _Death:
    """Counts steps in a child, and ends it at one."""

    def __init__(self, step: int) -> None:
        self._left = step

    def pass_by(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with a step before it and one after it."""

        def stepped(*arguments: Any, **options: Any) -> Any:
            self._step()
            found = function(*arguments, **options)
            self._step()
            return found

        return stepped

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _lie_in_wait(step: int) -> None:
    death = _Death(step)
    for name in ("fsync", "link", "mkdir", "open", "rename", "rmdir", "unlink", "write"):
        setattr(os, name, death.pass_by(getattr(os, name)))
    folder_module._renameat2 = folder_module._renameat2 and death.pass_by(folder_module._renameat2)
    of_session = ((Session, "_send_piece"), (Session, "_answered"))
    of_requests = ((HttpsClient, "send"), (Request, "_read"), (Request, "approve"))
    for owner, name in (*of_session, *of_requests, (Ledger, "_write_all")):
        setattr(owner, name, death.pass_by(getattr(owner, name)))


def _live(spec: Mapping[str, Any]) -> None:
    """A child's whole life."""
    runner.PAUSES = tuple(0.0 for _pause in runner.PAUSES)
    api_remote.PATIENCE = 0.001
    options, account = dict(spec["job"]), dict(spec["account"])
    readers: dict[str, Callable[..., Any]] = {"dropoff": dropoff_from_options, "pickup": pickup_from_options}
    from_options = readers[options.pop("direction")]
    address = account.pop("socket", None)
    if address is not None:
        engine: Any = sessions
        engine.open_connection = lambda who: PipeConnection(lambda: unix_socket(address), timeout=who.timeout)
        account.update(host="127.0.0.1", username="nobody", password="none", host_keys=[])
    if spec["step"] is not None:
        _lie_in_wait(spec["step"])
    try:
        job = from_options(options, preset_named(None), name="storm")
        result = runner.run(job, account_from_options(account), ledger=spec["ledger"], create_ledger=True)
    except FiledropError as error:
        result = RunResult(error=error)
    with Path(spec["result"]).open("wb") as file:
        pickle.dump(result, file)


def _fork(spec: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.dup2(2, 1)  # what a run says is no answer of ours
            _live(spec)
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return pid


def main() -> None:
    load_all()
    for line in sys.stdin:
        what = json.loads(line)
        found = [_fork(what["start"])] if "start" in what else _wait(what["wait"])
        print(json.dumps(found), flush=True)


def _wait(pid: int) -> list[int]:
    _pid, status, used = os.wait4(pid, 0)
    return [os.waitstatus_to_exitcode(status), used.ru_maxrss]


if __name__ == "__main__":
    main()
