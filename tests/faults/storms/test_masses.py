# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""More files than fit into one run, and servers that have no end.

``python -m pytest tests/faults/storms/test_masses.py --masses 100000`` for as many as one likes.
"""

from __future__ import annotations

import random
import struct
import time
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Call, Fault, Serve
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Answer,
    Attributes,
    Kind,
    Name,
    Names,
)
from faults.storms.nursery import Nursery
from faults.storms.servers import Server, openssh, plain_sandbox
from support import relay
from support.odd_server import Packet
from support.sshd import SshServer

INTERRUPTIONS = 10
MOST_MEMORY = 1024 * 1024  # KiB
MOST_SECONDS = 60.0


def job_of(server: Server) -> dict[str, Any]:
    return {"direction": "pickup", "settle": 0, "min_free": 0, "dest": str(server.world.inbox), "remote_dir": "pickup"}


def test_a_pickup_of_many_files_that_is_interrupted_ten_times_ends_complete(
    nursery: Nursery, stormy_sshd: SshServer, masses: int, told: list[str]
) -> None:
    """From OpenSSH, behind a relay that cuts connections; killed at ten moments, each after so much that less than a
    tenth of the files comes.
    """
    chance = random.Random(masses)
    patience = 60.0 + masses / 100
    with openssh(stormy_sshd) as server:
        files = {f"report-{number:06}.xml": f"content of {number}".encode() for number in range(masses)}
        for name, content in files.items():
            (server.world.pickup / name).write_bytes(content)
        began = time.monotonic()
        for _interruption in range(INTERRUPTIONS):
            way = chance.choice(("up", "down"))
            cut = relay.Fault("cut", way, chance.randrange(20_000, 20_000 + 100 * masses))
            step = chance.randrange(masses, 2 * masses)
            with server.reached([cut]) as account:
                run = nursery.start(job_of(server), account, server.world.ledger, step=step)
                assert run.end(patience=patience) is None
            server.settle()
        came = len(list(server.world.inbox.glob("report-*")))
        assert 0 < came < masses, "the interruptions came too early, or too late"
        with server.reached(()) as account:
            run = nursery.start(job_of(server), account, server.world.ledger)
            result = run.end(patience=patience)
        assert result is not None
        assert result.error is None
        assert server.world.files(server.world.inbox) == files
        assert server.world.files(server.world.pickup) == {}
    told.append(
        f"a pickup of {masses} files, killed {INTERRUPTIONS} times when {came} had come, complete after "
        f"{time.monotonic() - began:.0f} s; its last run used {run.memory // 1024} MiB at most"
    )


class Endless(Fault):
    """Every listing goes on for ever."""

    def __init__(self, name: bytes, number: int) -> None:
        size = Attributes(1, 0, 0, 0o100644, 0, 0)
        self._answer = Packet(Kind.NAME, Names([Name(name, size)] * number).encode(0)[9:])

    def serve(self, call: Call, go: Serve) -> Answer | None:
        return self._answer if call.request.kind == Kind.READDIR else go(call.request)


class Swollen(Fault):
    """Every answer to a READ is as long as a packet may be."""

    _answer = Packet(Kind.DATA, struct.pack(">I", 4_000_000) + bytes(4_000_000))

    def serve(self, call: Call, go: Serve) -> Answer | None:
        return self._answer if call.request.kind == Kind.READ else go(call.request)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Endless(b"a", 5000), "listing_endless"),
        (Endless(b"a" * 255, 1000), "listing_endless"),
        (Swollen(), "protocol_error"),
    ],
    ids=["short names", "long names", "answers"],
)
def test_a_server_without_end_costs_bounded_memory_and_time(nursery: Nursery, fault: Fault, reason: str) -> None:
    with plain_sandbox(fault) as server:
        for number in range(500):
            (server.world.pickup / f"{number}.xml").write_bytes(b"x" * 1000)
        began = time.monotonic()
        with server.reached(()) as account:
            run = nursery.start(job_of(server), account, server.world.ledger)
            result = run.end()
        assert result is not None
        assert result.error is not None
        assert result.error.reason == reason
        assert run.memory < MOST_MEMORY
        assert time.monotonic() - began < MOST_SECONDS
        assert server.world.files(server.world.inbox) == {}
