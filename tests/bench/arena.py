# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a contest is held: a server and a folder of the clients on one file system, and the networks between them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from cases import MEMORY
from support.peers import Target
from support.relay import RelayProcess
from support.sshd import SshServer

EMPTY = "empty"
RELAYED_BYTES = 256 << 20


class Site:
    """A running server.

    :ivar folder: for the clients.
    """

    def __init__(self, server: SshServer, folder: Path, relays: contextlib.ExitStack) -> None:
        self.server = server
        self.folder = folder
        self._relays = relays
        self._ports = {0.0: server.port}  # without a delay there is no relay either
        self._known: set[str] = set()
        self.remote_folder(EMPTY)

    def welcome(self, contestant: str) -> bool:
        """Remember a contestant, and say whether this is the first time."""
        is_new = contestant not in self._known
        self._known.add(contestant)
        return is_new

    def target(self, rtt: float, folder: Path) -> Target:
        """The server over a network of this round trip."""
        if rtt not in self._ports:
            self._ports[rtt] = self._relays.enter_context(RelayProcess(self.server.port, rtt=rtt)).port
        server = self.server
        return Target(server.host, self._ports[rtt], server.username, server.private_key_file, server.host_keys, folder)

    def remote_folder(self, name: str) -> Path:
        """A folder of the user's own on the server."""
        path = self.server.root / name
        if not path.exists():
            path.mkdir()
            self.server.give(path)
        return path

    def settle(self) -> None:
        """Let no work of the last one be done while the clock of the next one runs."""
        self.server.wait_idle()
        os.sync()


@contextlib.contextmanager
def site(place: str, folder: Path | None, config: Iterable[str]) -> Iterator[Site]:
    """Start a server, and end it with all that was made.

    :param place: ``disk`` or ``memory``.
    :param folder: where on the disk the clients' files lie; None: where temporary files do.
    :param config: lines for sshd_config.
    """
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(_in_memory()) if place == MEMORY else None
        server = stack.enter_context(SshServer(config=config, log_level="INFO", base=base))
        local = tempfile.mkdtemp(prefix="filedrop-bench-", dir=base or folder)
        stack.callback(shutil.rmtree, local)
        relays = stack.enter_context(contextlib.ExitStack())
        yield Site(server, Path(local), relays)


def relay_bandwidth(rtt: float) -> float:
    """Bytes a second that a relay lets through, so that a reader knows that it is not the limit."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        relay = stack.enter_context(RelayProcess(listener.getsockname()[1], rtt=rtt))
        source = stack.enter_context(socket.create_connection(("127.0.0.1", relay.port)))
        sink = stack.enter_context(listener.accept()[0])
        sender = threading.Thread(target=source.sendall, args=(bytes(RELAYED_BYTES),))
        started = time.perf_counter()
        sender.start()
        room = bytearray(1 << 20)
        left = RELAYED_BYTES
        while left:
            left -= sink.recv_into(room)
        sender.join()
    return RELAYED_BYTES / (time.perf_counter() - started - rtt / 2)


@contextlib.contextmanager
def _in_memory() -> Iterator[Path]:
    """A file system in memory. As root it is one of its own, for sshd wants no folder above a chroot that others may
    write to.
    """
    if os.geteuid() != 0:
        with tempfile.TemporaryDirectory(prefix="filedrop-bench-", dir="/dev/shm") as folder:
            yield Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="filedrop-bench-", dir="/var/lib") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "filedrop-bench", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
