# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault of the sandbox's catalogue against every way to move files: a run under it, then runs without it until
all is done; and then every byte is accounted for. What a run under each fault tells is what docs/faults.md says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import catalogue
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.fault_listings import HOSTILE
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from support.desk import MODES, busy_way
from support.faulty import TIMEOUT, UNSEEN, USER, World, check_dropoff, check_pickup, documented, told
from support.sshd import user_key

# With the smallest bytes that do harm to files of 20,000 bytes; each kind of value once.
VARIANTS = {
    "answer_delayed": ["seconds=0.05"],
    "answer_missing": ["request=close,after=2", "request=init", "request=open"],
    "connection_cut": ["bytes=0", "bytes=3000", "bytes=40000", "bytes=60000,times=1"],
    "connection_stalled": ["bytes=50000", "bytes=1000"],
    "garbage": ["kind=packet", "kind=bytes", "kind=packet,after=10,request=any", "kind=bytes,after=12,bytes=1000"],
    "file_replaced": ["moment=closed", "moment=looked", "moment=removed"],
    "login_slow": ["seconds=0.3", "seconds=30"],
    "name_hostile": [f"kind={kind}" for kind in (*HOSTILE, "twice")],
    "request_cuts": ["request=close,after=2,times=1", "request=rename,moment=before,times=1", "request=rename,times=1",
                     "request=remove,times=1,after=1", "request=write,times=1,after=3"],
    "size_wrong": ["difference=1", "difference=-1"],
    "size_absurd": ["", "bytes=18446744073709551615"],
    "write_fails": ["bytes=0", "bytes=10000"],
}  # fmt: skip

#: Of these, drop-offs try the first variant only: the others are no news to them, or take seconds each.
ONE_FOR_DROPOFFS = (
    "answer_missing",
    "connection_stalled",
    "file_replaced",
    "login_slow",
    "name_hostile",
    "size_absurd",
)

CASES = [
    (mode, f"{name}:{variant}" if variant else name)
    for mode in MODES
    for name in sorted(catalogue.CATALOGUE)
    if catalogue.CATALOGUE[name].over not in ("ftp", "api")
    for variant in VARIANTS.get(name, [""])[: 1 if mode != "pickup" and name in ONE_FOR_DROPOFFS else None]
]

#: Faults that only matter where the name is taken.
ABOUT_TAKEN_NAMES = ("exclusive_ignored", "rename_free_only", "rename_overwrites")
THEIRS = b"somebody else's"

#: Where the table names several outcomes and the parameters decide between them.
EXACTLY = {
    ("pickup", "file_replaced:moment=closed"): {"failed changed_while_read"},
    ("pickup", "file_replaced:moment=looked"): {"delivered changed_before_delete"},
    ("pickup", UNSEEN): {"delivered"},
    ("pickup", "size_wrong:difference=1"): {"failed incomplete"},
    ("pickup", "size_wrong:difference=-1"): {"failed longer_than_listed"},
    ("pickup", "name_hostile:kind=link"): {"delivered"},
    ("pickup", "name_hostile:kind=folder"): {"delivered"},
    ("pickup", "name_hostile:kind=parent"): {"delivered", "failed name_refused"},
    ("pickup", "name_hostile:kind=absolute"): {"delivered", "failed name_refused"},
    ("pickup", "login_slow:seconds=0.3"): {"delivered"},
    ("pickup", "login_slow:seconds=30"): {"ends no_answer"},
}


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(runner, "PAUSES", (0.0,))
    users = [account(USER, public_keys=[user_key().public])]
    with Sandbox(tmp_path / "provider", accounts=users, import_delay=3600) as sandbox:
        yield sandbox


@pytest.mark.parametrize(("mode", "fault"), CASES)
def test_under_every_fault_every_byte_is_accounted_for(
    tmp_path: Path, provider: Sandbox, mode: str, fault: str
) -> None:
    name = fault.partition(":")[0]
    if name.startswith("connection"):
        fault += f",direction={busy_way(mode)}"
    world = World(tmp_path, mode, provider)
    theirs = world.there.input / "invoice-00000.xml"
    if name in ABOUT_TAKEN_NAMES:
        theirs.write_bytes(THEIRS)
    around = {path for path in tmp_path.rglob("*") if provider.path not in path.parents}
    provider.set_faults([fault])
    result = world.run(TIMEOUT)
    provider.set_faults([])

    assert told(result) <= documented(name, mode) | {"delivered"}
    assert told(result) & documented(name, mode)
    assert told(result) == EXACTLY.get((mode, fault), told(result))
    if name in ABOUT_TAKEN_NAMES:
        assert theirs.read_bytes() == THEIRS
        theirs.unlink()
    (check_pickup if mode == "pickup" else check_dropoff)(world, fault)

    mine = {world.desk.outbox, world.desk.archive, world.desk.inbox, tmp_path / "ledger.sqlite3.locks"}
    new = {path for path in tmp_path.rglob("*") if provider.path not in path.parents} - around
    assert [path for path in new if path.parent not in mine and not path.name.startswith("ledger.")] == []
    assert not Path(HOSTILE["absolute"][0].decode()).exists()
