# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ours and the peers, side by side: the same files, the same server, the same network, one after the other.

Every call is a process of its own. What it takes to start, connect and list an empty folder is measured right before
each transfer, and taken off. Every transfer is checked file by file; one that lost or changed a file does not count.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import driver
from support.desk import digests
from support.peers import PEERS, OpenSsh, Peer, Rclone, Target
from support.relay import RelayProcess
from support.sshd import SshServer

DROPOFF = "drop-off"
PICKUP = "pickup"
SHORTEST = 0.001  # seconds; what is left of a transfer when its overhead is taken off may drown in noise


@dataclasses.dataclass(frozen=True)
class Case:
    """What is moved, and over which network.

    :ivar rtt: seconds.
    """

    direction: str
    files: int
    size: int
    rtt: float

    def __str__(self) -> str:
        network = f"{self.rtt * 1000:g} ms" if self.rtt else "no delay"
        return f"{self.direction}, {self.files:,} x {_size(self.size)}, {network}"


def _size(size: int) -> str:
    units = ["B", "KiB", "MiB", "GiB"]
    while size >= 1024 and len(units) > 1:
        size //= 1024
        units.pop(0)
    return f"{size} {units[0]}"


CASES = [Case(direction, 1000, 20 * 1024, rtt) for rtt in (0.0, 0.02) for direction in (DROPOFF, PICKUP)]

MOST_FILES: dict[type[Peer], int] = {OpenSsh: 100}
"""With a delay, this one takes its time for each file in turn, so fewer files tell as much; the result is scaled."""

MOST_ROUNDS: dict[type[Peer], int] = {Rclone: 1}
"""With a delay, this one takes minutes, and does not scale."""


class Ours(Peer):
    """The engine, with its full safety: temp name and rename, size checks, fsync, ledger, archive or delete."""

    name = "filedrop"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._ledger = target.folder / "ledger.sqlite3"

    @classmethod
    def version(cls) -> str | None:
        import paramiko

        return f"this commit, on Python {sys.version.split()[0]} and paramiko {paramiko.__version__}"

    def put(self, source: Path, remote_dir: str) -> float:
        return self._run({"direction": "dropoff", "src": str(source), "remote_dir": remote_dir})

    def fetch(self, remote_dir: str, dest: Path) -> float:
        return self._run({"direction": "pickup", "dest": str(dest), "remote_dir": remote_dir})

    def idle(self, remote_dir: str) -> float:
        return self.fetch(remote_dir, self.target.folder)

    def _run(self, job: dict[str, object]) -> float:
        account = {
            "account": "bench",
            "host": self.target.host,
            "port": self.target.port,
            "username": self.target.username,
            "private_key_file": self.target.private_key_file,
            "host_keys": list(self.target.host_keys),
        }
        started = time.perf_counter()
        result = driver.finish(driver.start(driver.spec({**job, "settle": 0}, account, self._ledger)))
        seconds = time.perf_counter() - started
        if result["error"] is not None or result["summary"]["failed"] or result["summary"]["held"]:
            raise RuntimeError(f"a run that was not clean: {result['error']} {result['summary']}")
        return seconds


@dataclasses.dataclass
class Score:
    """The seconds of one contestant in one case, overhead taken off.

    :ivar files: how many files were moved; the seconds are scaled to the case's.
    """

    contestant: str
    files: int
    seconds: list[float] = dataclasses.field(default_factory=list)
    idle: list[float] = dataclasses.field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def contestants() -> list[type[Peer]]:
    """Ours, and the peers that are installed."""
    return [Ours, *(peer for peer in PEERS if peer.version() is not None)]


def hold(
    cases: Sequence[Case], *, rounds: int, folder: Path, config: Iterable[str]
) -> Iterator[tuple[Case, list[Score]]]:
    """Run every case; the contestants take turns in each round."""
    with SshServer(config=config, log_level="INFO") as server:
        for case in cases:
            with RelayProcess(server.port, rtt=case.rtt) as relay:
                port = relay.port if case.rtt else server.port
                yield case, list(_contest(case, server, port, rounds, folder))


def _contest(case: Case, server: SshServer, port: int, rounds: int, folder: Path) -> Iterator[Score]:
    peers: list[tuple[Peer, Score]] = []
    for number, kind in enumerate(contestants()):
        own = folder / f"{case.direction}-{case.rtt}-{number}"
        own.mkdir()
        target = Target(server.host, port, server.username, server.private_key_file, server.host_keys, own)
        files = min(case.files, MOST_FILES.get(kind, case.files)) if case.rtt else case.files
        peers.append((kind(target), Score(kind.name, files)))
    for number in range(rounds):
        for peer, score in peers:
            if case.rtt and number >= MOST_ROUNDS.get(type(peer), rounds):
                continue
            idle = peer.idle("pickup")
            seconds = _transfer(case, peer, score.files, server)
            score.idle.append(idle)
            score.seconds.append(max(SHORTEST, seconds - idle) * case.files / score.files)
    yield from (score for _peer, score in peers)


def _transfer(case: Case, peer: Peer, files: int, server: SshServer) -> float:
    """One transfer, from clean folders to clean folders. Raises if a file was lost or changed."""
    local = peer.target.folder / "local"
    local.mkdir()
    source, target = (local, server.input) if case.direction == DROPOFF else (server.pickup, local)
    for number in range(files):
        server.give(_written(source / f"invoice-{number:06}.xml", case.size))
    expected = digests(source)
    os.sync()  # what was made for the contest is not to be written while the clock runs
    seconds = peer.put(local, "input") if case.direction == DROPOFF else peer.fetch("pickup", local)
    if digests(target) != expected or list(server.pickup.iterdir()):
        raise RuntimeError(f"{peer.name} did not move every file: {case}")
    for folder in (server.input, server.pickup):
        for path in folder.iterdir():
            path.unlink()
    shutil.rmtree(local)
    return seconds


def _written(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        while size:
            size -= file.write(os.urandom(min(size, 1 << 20)))
    return path
