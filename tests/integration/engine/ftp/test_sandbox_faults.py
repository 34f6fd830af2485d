# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every fault of the sandbox that occurs over FTPS, against every way to move files; ../test_faults.py is for SFTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote import threaded
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import catalogue
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.fault_listings import HOSTILE
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from support.desk import MODES
from support.faulty import PASSWORD, TIMEOUT, USER, World, check_dropoff, check_pickup, documented, told

# With the smallest numbers that do harm to files of 20,000 bytes. Bytes are those of one control or data connection.
VARIANTS = {
    "answer_delayed": ["seconds=0.02"],
    "answer_missing": ["request=rename,after=1,times=1", "request=write,after=2,times=1"],
    "certificate_wrong": ["kind=expired"],
    "command_refused": [f"command={name}" for name in ("size", "mdtm", "mlsd", "epsv", "opts")],
    "connection_cut": ["bytes=0", "bytes=3000,direction=up", "bytes=9000,direction=up", "bytes=9000"],
    "connection_stalled": ["bytes=9000,after=2,times=2,direction=up", "bytes=9000,after=2,times=2"],
    "file_replaced": ["moment=closed", "moment=looked", "moment=removed"],
    "garbage": ["request=rename,kind=bytes", "request=read,kind=bytes", "request=lstat,kind=packet,after=5"],
    "login_slow": ["seconds=0.3", "seconds=30"],
    "name_hostile": [f"kind={kind}" for kind in (*HOSTILE, "twice") if kind != "link"],  # FTP does not tell a link
    "reply_twice": [f"command={name},after=2,times=1" for name in ("size", "stor", "retr", "rnto", "dele", "any")],
    "request_cuts": ["request=close,after=2,times=1", "request=rename,moment=before,times=1", "request=rename,times=1",
                     "request=remove,times=1,after=1", "request=write,times=1,after=3"],
    "service_closes": [f"command={name},after=1,times=1,moment={moment}"
                       for name in ("stor", "retr", "rnto", "dele", "size") for moment in ("before", "after")],
    "size_wrong": ["difference=1", "difference=-1"],
    "upload_short": ["bytes=1000,times=2"],
    "write_fails": ["bytes=0", "bytes=10000"],
}  # fmt: skip

#: Drop-offs try only the first variant of these.
ONE_FOR_DROPOFFS = ("file_replaced", "login_slow", "name_hostile")

CASES = [
    (mode, f"{name}:{variant}" if variant else name)
    for mode in MODES
    for name, known in sorted(catalogue.CATALOGUE.items())
    if known.over not in ("sftp", "api")
    for variant in VARIANTS.get(name, [""])[: 1 if mode != "pickup" and name in ONE_FOR_DROPOFFS else None]
]


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(runner, "PAUSES", (0.0,))
    monkeypatch.setattr(threaded, "LONGEST_LISTING", 20_000)
    users = [account(USER, password=PASSWORD)]
    with Sandbox(tmp_path / "provider", accounts=users, import_delay=3600, protocols=["ftps"]) as sandbox:
        yield sandbox


@pytest.mark.parametrize(("mode", "fault"), CASES)
def test_under_every_fault_every_byte_is_accounted_for(
    tmp_path: Path, provider: Sandbox, mode: str, fault: str
) -> None:
    world = World(tmp_path, mode, provider, "ftps")
    around = {path for path in tmp_path.rglob("*") if provider.path not in path.parents}
    provider.set_faults([fault])
    result = world.run(TIMEOUT)
    provider.set_faults([])
    name = fault.partition(":")[0]
    if catalogue.CATALOGUE[name].over == "ftp":
        assert told(result) <= documented(name, mode) | {"delivered"}
        assert told(result) & documented(name, mode)
    (check_pickup if mode == "pickup" else check_dropoff)(world, fault)

    mine = {world.desk.outbox, world.desk.archive, world.desk.inbox, tmp_path / "ledger.sqlite3.locks"}
    new = {path for path in tmp_path.rglob("*") if provider.path not in path.parents} - around
    assert [path for path in new if path.parent not in mine and not path.name.startswith("ledger.")] == []
    assert not Path(HOSTILE["absolute"][0].decode()).exists()
