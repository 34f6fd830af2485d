# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stage on which a variant is run, as often as one likes, with a process that can be ended at any step."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    Account,
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
    Job,
    dropoff_from_options,
    pickup_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.api import remote as api_remote
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.sftp import sessions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.capabilities import PARTIAL_UPLOADS
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.ftpd import PASSWORD, USER, FtpServer
from support.loaded import load_all
from support.pipe import PipeConnection, unix_socket
from support.sshd import SshServer

from . import books, plain
from .api import ApiServer
from .stepper import Step, Watched
from .variants import API_SERVERS, FTP_SERVERS, SSH_SERVERS, Variant
from .world import IDS, World, fast_folder

load_all()
ACCOUNT = "matrix"
YESTERDAY = 1_750_000_000 * 10**9
"""ns since 1970: when the files of all tests were written."""


class Server(Protocol):
    """Whoever is at the other end."""

    def settle(self) -> None:
        """Wait until nothing is under way there any more."""


class NoServer:
    """Nobody: the mailbox is a folder, and what a run does there is done when it ends."""

    def settle(self) -> None:
        """Nothing is ever under way."""


class Pair(NamedTuple):
    """What came of two runs at once, and how many seconds the second one took."""

    first: RunResult
    second: RunResult
    seconds: float


class Stage:
    """A world with a server in it, and runs of a variant's job.

    :param world: its folders; made already.
    :param server: who is at the other end.
    """

    def __init__(
        self, variant: Variant, world: World, server: plain.PlainServer | SshServer | FtpServer | ApiServer | NoServer
    ) -> None:
        self.variant = variant
        self.world = world
        self.server = server
        self.puts: books.Puts = tuple(books.Put(name, content) for name, content in variant.files.items())

    def fill(self) -> None:
        """Put everybody's files where they start."""
        where = self.world.pickup if self.variant.direction == "pickup" else self.world.outbox
        for name, content in self.variant.files.items():
            self.world.put(where / name, content, mtime_ns=YESTERDAY)
        for path, content in books.bystanders(self.world).items():
            self.world.put(path, content, mtime_ns=YESTERDAY)
        if not self.variant.fresh:
            with contextlib.closing(Ledger(str(self.world.ledger), create=True)) as ledger:
                # As if there had been runs before.
                ledger.learn(ACCOUNT, PARTIAL_UPLOADS, allowed=self.variant.server != "hiding")

    def run(self, *, check: bool = False) -> RunResult:
        """A run that nobody disturbs."""
        with self.watched(check=check) as child:
            for _step in child.steps():
                pass
            result: RunResult = child.result
        self.settle()
        return result

    def count_steps(self) -> int:
        """How many steps a run has that nobody disturbs."""
        with self.watched() as child:
            number = sum(1 for _step in child.steps())
        self.settle()
        return number

    def run_until(self, number: int, *, settle: bool = True) -> tuple[Step | None, RunResult | None]:
        """A run that is killed when it is about to do the step of this number; or its result, where it has fewer.

        :param settle: wait until the server has noticed.
        """
        with self.watched() as child:
            for step in child.steps():
                if step.number == number:
                    str(step)  # while it can still be asked
                    child.kill()
                    if settle:
                        self.settle()
                    return step, None
            result: RunResult = child.result
        self.settle()
        return None, result

    def run_with(
        self, number: int, event: Callable[[], object], *, among: Callable[[Step], bool] = lambda _step: True
    ) -> tuple[Step | None, RunResult]:
        """A run in which something happens right before the step of this number, among those that are looked for; the
        step is None if there are fewer.
        """
        found, result = self._led(number, event, among=among)
        self.settle()
        return found, result

    def _led(
        self, number: int, event: Callable[[], object], *, among: Callable[[Step], bool] = lambda _step: True
    ) -> tuple[Step | None, RunResult]:
        found = None
        with self.watched() as child:
            for step in child.steps():
                number -= among(step)
                if number == 0 and found is None:
                    found = step
                    str(step)
                    event()
            result: RunResult = child.result
        return found, result

    def run_twice(self, number: int) -> tuple[Step | None, Pair]:
        """A run, and another one of the same job that begins right before the step of this number; the step is None if
        there are fewer.
        """
        others: list[tuple[threading.Thread, Watched]] = []
        seconds = 0.0

        def go_on(child: Watched, began: float) -> None:
            nonlocal seconds
            for _step in child.steps():
                pass
            seconds = time.monotonic() - began

        def begin() -> None:
            other = self.watched()
            others.append((threading.Thread(target=go_on, args=(other, time.monotonic())), other))
            others[0][0].start()

        step, first = self._led(number, begin)
        if not others:
            return None, Pair(first, first, seconds)
        others[0][0].join()
        with others[0][1] as other:
            second: RunResult = other.result
        self.settle()
        return step, Pair(first, second, seconds)

    def run_cut(self, cut: plain.Cut) -> RunResult | None:
        """A run whose first connection is cut; None where it ends before that."""
        server = self.server
        if not isinstance(server, (plain.PlainServer, ApiServer)):
            raise TypeError("the connections of this server are not cut")
        server.cut = cut
        with self.watched() as child:
            for _step in child.steps():
                pass
            result: RunResult = child.result
        return result if server.settle() else None

    @property
    def plain(self) -> plain.PlainServer:
        """The server, where it can be led like this. :raises TypeError: it is not there without SSH."""
        if not isinstance(self.server, plain.PlainServer):
            raise TypeError("this is only for servers without SSH")
        return self.server

    def watched(self, *, check: bool = False) -> Watched:
        """A run in a process of its own, to be led step by step."""
        server = self.server
        guests = {server.fileno(): server.accept} if isinstance(server, plain.PlainServer) else {}
        return Watched(lambda: self._work(check), guests=guests)

    def settle(self) -> None:
        if isinstance(self.server, (SshServer, FtpServer)):
            self.server.wait_idle()
        else:
            self.server.settle()

    def _work(self, check: bool) -> RunResult:
        """In the child."""
        runner.PAUSES = tuple(0.0 for _pause in runner.PAUSES)
        account = self._account()
        try:
            return runner.run(self._job(), account, ledger=str(self.world.ledger), check=check, create_ledger=True)
        except FiledropError as error:
            return RunResult(error=error)

    def _account(self) -> Account:
        if isinstance(self.server, ApiServer):
            api_remote.PATIENCE = 0.001
            return account_from_options({**self.server.options(), "account": ACCOUNT, "max_request_files": 2})
        if isinstance(self.server, plain.PlainServer):
            address = self.server.address
            engine: Any = sessions
            engine.open_connection = lambda who: PipeConnection(lambda: unix_socket(address), timeout=who.timeout)
            return Account(ACCOUNT, "sftp", "nowhere", 22, "nobody", timeout=60.0)
        server = self.server
        if isinstance(server, NoServer):
            return Account(ACCOUNT, "folder", "", 0, "", timeout=60.0, root=str(self.world.there))
        if isinstance(server, FtpServer):
            return Account(
                ACCOUNT, "ftps", server.host, server.port, USER,
                password=PASSWORD, ca_file=str(server.certificate.ca), timeout=60.0, connections=2,
            )  # fmt: skip
        return Account(
            ACCOUNT, "sftp", server.host, server.port, server.username, timeout=60.0,
            private_key_file=server.private_key_file, host_keys=tuple(server.host_keys),
            transport=SSH_SERVERS[self.variant.server],
        )  # fmt: skip

    def _job(self) -> Job:
        world, options = self.world, dict(self.variant.options)
        if options.pop("other_disk", False):
            options["archive_dir"] = str(world.shelf)
        if isinstance(self.server, ApiServer):
            places = {"src": str(world.outbox), "settle": 0, "file_types": {"*": "Doc"}, "protocol": "amili_api"}
            return dropoff_from_options({**places, **options}, preset_named(None), name="job")
        if self.variant.direction == "dropoff":
            places = {"src": str(world.outbox), "remote_dir": "input", "settle": 0}
            return dropoff_from_options({**places, **options}, preset_named(None), name="job")
        places = {"dest": str(world.inbox), "remote_dir": "pickup", "settle": 0, "min_free": 0}
        if options["after"] == "move":
            places["move_dir"] = "done"
        return pickup_from_options({**places, **options}, preset_named(None), name="job")


@contextlib.contextmanager
def stage(variant: Variant) -> Iterator[Stage]:
    """A stage for a variant, with everything in its place."""
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(_folder(fast_folder()))
        shelf = stack.enter_context(_folder(None)) if "other_disk" in variant.options else base / "shelf"
        server: plain.PlainServer | SshServer | FtpServer | ApiServer | NoServer
        if variant.server in SSH_SERVERS:
            server = stack.enter_context(SshServer(config=["MaxSessions 1"]))
            owner = (server.input.stat().st_uid, server.input.stat().st_gid)
            world = World(base / "here", server.root, base / "kept", shelf, owner).make()
        elif variant.server in FTP_SERVERS:
            server = stack.enter_context(FtpServer(variant.server))
            owner = (server.input.stat().st_uid, server.input.stat().st_gid)
            world = World(base / "here", server.root, base / "kept", shelf, owner).make()
        elif variant.server in API_SERVERS:
            world = World(base / "here", base / "there", base / "kept", shelf).make()
            ids = base / "there" / IDS
            ids.mkdir()
            server = stack.enter_context(contextlib.closing(ApiServer(variant.server, world.kept, ids)))
        else:
            world = World(base / "here", base / "there", base / "kept", shelf).make()
            serve = _serve(variant, world)
            server = NoServer()
            if variant.server != "folder":
                server = stack.enter_context(contextlib.closing(plain.PlainServer(base / "socket", serve)))
        found = Stage(variant, world, server)
        found.fill()
        yield found


def _serve(variant: Variant, world: World) -> Callable[[socket.socket], int]:
    if variant.server == "openssh":
        return plain.openssh(world.there)
    return plain.sandbox(world.there, world.kept, hiding=variant.server == "hiding")


@contextlib.contextmanager
def _folder(where: str | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="filedrop-faults-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
