# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A desk and a sandbox with faults: what a run under a fault tells, and what must be true of every byte afterwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.fault_files import REPLACED, TAKEN
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox

from .desk import Desk, fill
from .pages import unwrapped
from .sshd import user_key

USER, PASSWORD = "2001234", "correct horse"
FILES, SIZE = 5, 20_000
TIMEOUT = 2.0

# The stated limit of P2: what is put there in the moment of the deletion is deleted.
UNSEEN = "file_replaced:moment=removed"


class World:
    """A desk, a provider, and what there was to move."""

    def __init__(self, folder: Path, mode: str, sandbox: Sandbox, protocol: str = "sftp") -> None:
        self.mode = mode
        self.folder = folder
        self.sandbox = sandbox
        self.there = sandbox.folders(USER)
        self.desk = Desk(folder, account_options(sandbox, protocol))
        self.source = self.there.pickup if mode == "pickup" else self.desk.outbox
        fill(self.source, FILES, SIZE)
        self.first = contents(self.source)

    def run(self, timeout: float = 30.0) -> RunResult:
        """A run; what kept it from beginning is its error."""
        job = {**self.desk.job_of(self.mode), **({"on_duplicate": "skip"} if self.mode == "pickup" else {})}
        try:
            return self.desk.run(job, {"timeout": timeout})
        except FiledropError as error:
            return RunResult(error=error)


def account_options(sandbox: Sandbox, protocol: str) -> dict[str, object]:
    """What an account needs to reach the sandbox."""
    common = {"host": sandbox.host, "username": USER, "account": "provider", "protocol": protocol}
    if protocol == "sftp":
        key = {"private_key_file": str(user_key().path), "host_keys": list(sandbox.host_keys)}
        return {**common, "port": sandbox.port, **key}
    pin = list(sandbox.tls_fingerprints)
    return {**common, "port": sandbox.ftp_port, "password": PASSWORD, "tls_fingerprints": pin}


def contents(*folders: Path) -> Counter[bytes]:
    """How often each content is there, in files under names that are not hidden."""
    files = (path for folder in folders if folder.exists() for path in folder.iterdir() if path.is_file())
    return Counter(path.read_bytes() for path in files if not path.name.startswith("."))


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def once(*wanted: Iterable[bytes]) -> Counter[bytes]:
    return Counter(set().union(*wanted))


def told(result: RunResult) -> set[str]:
    """What a run said of itself and of its files; of files that an early end left behind it says no more than that."""
    said = {f"{one.outcome} {one.reason}".strip() for one in result.outcomes}
    if result.error is None:
        return said
    said -= {"waiting not_reached", f"failed {result.error.reason}"}
    return said | {f"ends {result.error.reason}"}


def documented(fault: str, mode: str) -> set[str]:
    """What docs/faults.md says that a run under the fault tells."""
    (entry,) = re.findall(rf"^- `{fault}`: .*\n((?:  .*\n)+)", unwrapped("faults.md"), re.MULTILINE)
    results = dict(re.findall(r"^  - (All|Drop-off.*?|Pickup): (.*)$", entry, re.MULTILINE))
    of_mode = "Pickup" if mode == "pickup" else f"Drop-off, `{mode}`"
    said, word = set(), ""
    result = next(results[key] for key in (of_mode, of_mode.partition(",")[0], "All") if key in results)
    for outcome, reason in re.findall(r"(ends|failed|held|waiting|delivered)|`(\w+)`", result):
        word = outcome or word
        said.add(f"{word} {reason}".strip())
    return said


def finish(world: World) -> None:
    """Run without a fault until there is nothing left to do, and decide what waits for a person, by what is there."""
    for _run in range(4):
        result = world.run()
        assert result.error is None
        if not result.outcomes:
            return
        assert {one.outcome for one in result.outcomes} <= {"delivered", "held", "skipped"}
        arrived = contents(world.there.input, world.there.root / TAKEN)
        for one in result.outcomes:
            if one.outcome == "held":
                content, part = (world.desk.outbox / one.name).read_bytes(), world.there.input / one.name
                known = content in arrived
                if not known and part.exists() and content.startswith(part.read_bytes()):
                    part.unlink()  # as the message asks for: over FTP, nothing proves that the part is ours
                resolve(str(world.desk.ledger), Wanted(names=(one.name,)), "delivered" if known else "resend")
    raise AssertionError(f"there is always something left to do: {told(result)}")


def check_dropoff(world: World, fault: str) -> None:
    """After the run under the fault, and again when all is done."""
    desk, there = world.desk, world.there
    arrived = contents(there.input, there.root / TAKEN)
    assert contents(desk.outbox, desk.archive) == world.first
    assert set(contents(desk.archive)) <= set(arrived)
    parts = set(arrived) - set(world.first)
    # The stated limit of P4: with direct, our own unfinished parts are there under their final names.
    assert world.mode == "direct" or not parts
    assert all(any(one.startswith(part) for one in world.first) for part in parts)
    assert max((number for one, number in arrived.items() if one not in parts), default=1) == 1
    finish(world)
    assert contents(there.input, there.root / TAKEN) == world.first
    assert contents(desk.archive) == world.first
    assert contents(desk.outbox) == Counter()
    assert hidden(there.input) == []


def check_pickup(world: World, fault: str) -> None:
    """After the run under the fault, and again when all is done."""
    desk, there = world.desk, world.there
    copies, left = contents(desk.inbox), contents(there.pickup)
    assert max(copies.values(), default=1) == 1
    whole = once(world.first, left, (one + REPLACED for one in world.first))
    assert set(copies) <= set(whole)
    if fault.startswith("file_replaced") and fault != UNSEEN:
        assert all(one + REPLACED in left for one in world.first)
    # What the provider has changed itself is there as it is now.
    assert all(any(one.startswith(old) for one in copies | left) for old in world.first)
    finish(world)
    assert contents(desk.inbox) == once(copies, left)
    assert contents(there.pickup) == Counter()
    assert hidden(desk.inbox) == []
    assert fault != UNSEEN or contents(desk.inbox) == world.first
