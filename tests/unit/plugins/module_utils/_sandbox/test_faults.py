# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each fault does to the answers of a session and to the files behind it, request by request."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.catalogue import made
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.fault_files import REPLACED
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.fault_listings import HOSTILE, LOOT
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Cut
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import DROP_BOX, Filesystem, Rights
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sftp_server import Session
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.wire import (
    Code,
    Data,
    Handle,
    Kind,
    Names,
    Request,
    Stats,
    Status,
)

NEW = wire.WRITE | wire.CREATE | wire.EXCLUSIVE


@dataclass
class Client:
    """Asks a session without a connection. ``pickup`` holds one file of ten bytes."""

    root: Path
    session: Session

    def ask(self, kind: Kind, path: str = "", **fields: Any) -> Any:
        return self.session.serve(Request(kind, 7, path.encode(), **fields))

    def code(self, kind: Kind, path: str = "", **fields: Any) -> int:
        answer = self.ask(kind, path, **fields)
        assert isinstance(answer, Status), answer
        return answer.code

    def open(self, path: str, flags: int = wire.READ) -> bytes:
        answer = self.ask(Kind.OPEN, path, flags=flags)
        assert isinstance(answer, Handle), answer
        return answer.handle

    def read(self, path: str = "pickup/a", length: int = 100) -> bytes:
        """All that there is to read, and the file is closed."""
        handle, found = self.open(path), b""
        while isinstance(answer := self.ask(Kind.READ, handle=handle, offset=len(found), length=length), Data):
            found += answer.data
        self.ask(Kind.CLOSE, handle=handle)
        return found

    def send(self, path: str, *pieces: bytes) -> list[int]:
        """The codes of the writes and of the close."""
        handle, offset, codes = self.open(path, NEW), 0, []
        for piece in pieces:
            codes.append(self.code(Kind.WRITE, handle=handle, offset=offset, data=piece))
            offset += len(piece)
        return [*codes, self.code(Kind.CLOSE, handle=handle)]

    def names(self) -> list[bytes]:
        handle = self.ask(Kind.OPENDIR, "pickup").handle
        answer = self.ask(Kind.READDIR, handle=handle)
        assert isinstance(answer, Names)
        return [one.name for one in answer.names if one.name not in (b".", b"..")]

    def size(self, path: str = "pickup/a") -> int | None:
        answer = self.ask(Kind.STAT, path)
        assert isinstance(answer, Stats)
        return answer.attributes.size


@pytest.fixture
def client(tmp_path: Path, request: pytest.FixtureRequest) -> Client:
    """A client of a session with the faults that the test is parametrised with."""
    rights = {**DROP_BOX, "both": Rights(read=True, write=True, remove=True, rename=True)}
    files = Filesystem(str(tmp_path / "root"), rights)
    files.create()
    root = Path(os.fsdecode(files.root))
    (root / "pickup" / "a").write_bytes(b"0123456789")
    wanted = [made(one) for one in getattr(request, "param", "").split()]
    return Client(root, Session(files, username="alice", faults=wanted))


def under(*faults: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", [" ".join(faults)], indirect=True)


@under()
def test_without_a_fault_all_is_well(client: Client) -> None:
    assert (client.read(), client.names(), client.size()) == (b"0123456789", [b"a"], 10)
    assert client.send("input/b", b"abc", b"def") == [Code.OK] * 3
    assert client.code(Kind.REMOVE, "pickup/a") == Code.OK


@under("read_short:bytes=3")
def test_short_reads(client: Client) -> None:
    handle = client.open("pickup/a")
    assert client.ask(Kind.READ, handle=handle, offset=8, length=50) == Data(b"89")
    assert client.ask(Kind.READ, handle=handle, offset=0, length=50) == Data(b"012")
    assert client.read() == b"0123456789"


@under("file_short:bytes=4")
def test_a_short_file(client: Client) -> None:
    assert (client.read(), client.read(length=3), client.size()) == (b"0123", b"0123", 10)


@pytest.mark.parametrize(
    ("client", "size"),
    [("size_wrong:difference=-3", 7), ("size_wrong:difference=-30", 0), ("size_absurd", 2**63 - 1)],
    indirect=["client"],
)
def test_wrong_sizes(client: Client, size: int) -> None:
    assert client.size() == size
    assert client.ask(Kind.STAT, "pickup").attributes.size != size
    handle = client.ask(Kind.OPENDIR, "pickup").handle
    sizes = {one.name: one.attributes.size for one in client.ask(Kind.READDIR, handle=handle).names}
    assert sizes[b"a"] == size


OLD, NEWER = b"0123456789", b"0123456789" + REPLACED


@pytest.mark.parametrize(
    ("client", "looks", "left"),
    [
        ("file_replaced", [len(NEWER), len(NEWER)], NEWER),
        ("file_replaced:moment=looked", [len(OLD), len(NEWER)], NEWER),
        ("file_replaced:moment=removed", [len(OLD), len(OLD)], OLD),
    ],
    indirect=["client"],
)
def test_a_file_is_replaced_at_its_moment_and_once(client: Client, looks: list[int], left: bytes) -> None:
    assert client.read() == OLD
    assert [client.size(), client.size()] == looks
    assert client.read() == left
    assert client.code(Kind.REMOVE, "pickup/a") == Code.OK
    assert client.names() == []


@under("file_grows:bytes=5")
def test_a_file_grows_while_it_is_read(client: Client) -> None:
    handle = client.open("pickup/a")
    client.ask(Kind.READ, handle=handle, offset=0, length=1)
    client.ask(Kind.READ, handle=handle, offset=1, length=1)
    assert client.size() == 20


@under("file_gone_at_close")
def test_a_file_is_gone_at_its_close_and_kept_aside(client: Client) -> None:
    assert client.send("input/b", b"abc") == [Code.OK, Code.OK]
    assert client.code(Kind.STAT, "input/b") == Code.NO_SUCH_FILE
    assert [path.read_bytes() for path in (client.root / "taken").iterdir()] == [b"abc"]
    assert client.code(Kind.STAT, "taken/1-b") == Code.NO_SUCH_FILE


@under("deleted_comes_back")
def test_a_deleted_file_comes_back_once(client: Client) -> None:
    os.utime(client.root / "pickup" / "a", (5, 5))
    assert client.code(Kind.REMOVE, "pickup/a") == Code.OK
    assert (client.read(), client.ask(Kind.STAT, "pickup/a").attributes.mtime) == (b"0123456789", 5)
    assert client.code(Kind.REMOVE, "pickup/a") == Code.OK
    assert client.names() == []


@under("write_fails:bytes=4")
def test_a_quota(client: Client) -> None:
    assert client.send("input/b", b"abc", b"def", b"ghi") == [Code.OK, Code.FAILURE, Code.FAILURE, Code.OK]
    assert (client.root / "input" / "b").read_bytes() == b"abcd"
    assert client.send("input/c", b"abcd") == [Code.OK, Code.OK]


@pytest.mark.parametrize(
    ("client", "plain", "posix"),
    [
        ("", Code.FAILURE, Code.OK),
        ("rename_overwrites", Code.OK, Code.OK),
        ("rename_free_only", Code.FAILURE, Code.FAILURE),
    ],
    indirect=["client"],
)
def test_renames_onto_a_name_that_is_taken(client: Client, plain: Code, posix: Code) -> None:
    client.send("both/taken", b"theirs")
    client.send("both/one", b"one")
    client.send("both/two", b"two")
    assert client.code(Kind.RENAME, "both/one", target=b"both/taken") == plain
    paths = wire.string(b"both/two") + wire.string(b"both/taken")
    assert client.code(Kind.EXTENDED, extension=wire.POSIX_RENAME, data=paths) == posix
    assert client.code(Kind.RENAME, "both/taken", target=b"both/free") == Code.OK


@under("one_file_open")
def test_one_file_at_a_time(client: Client) -> None:
    handle = client.open("pickup/a")
    assert client.code(Kind.OPEN, "pickup/a", flags=wire.READ) == Code.FAILURE
    assert client.names() == [b"a"]
    client.ask(Kind.CLOSE, handle=handle)
    client.open("pickup/a")


@under("remove_refused")
def test_nothing_can_be_deleted(client: Client) -> None:
    assert client.code(Kind.REMOVE, "pickup/a") == Code.PERMISSION_DENIED
    assert client.names() == [b"a"]


@pytest.mark.parametrize(
    ("client", "kind"), [(f"name_hostile:kind={kind}", kind) for kind in HOSTILE], indirect=["client"]
)
def test_a_hostile_name_is_listed_once_and_its_content_can_be_had(client: Client, kind: str) -> None:
    name = HOSTILE[kind][0]
    assert client.names() == [b"a", name]
    path = b"pickup/" + name
    assert isinstance(client.session.serve(Request(Kind.STAT, 1, path)), Stats)
    handle = client.session.serve(Request(Kind.OPEN, 1, path, flags=wire.READ))
    assert isinstance(handle, Handle)
    assert client.ask(Kind.READ, handle=handle.handle, offset=0, length=100) == Data(LOOT)
    assert client.code(Kind.READ, handle=handle.handle, offset=len(LOOT), length=100) == Code.EOF
    assert client.code(Kind.CLOSE, handle=handle.handle) == Code.OK
    assert client.read() == b"0123456789"


@under("name_hostile:kind=twice")
def test_names_are_listed_twice(client: Client) -> None:
    assert client.names() == [b"a", b"a"]


@under("listing_endless")
def test_a_listing_without_end(client: Client) -> None:
    first, second = client.names(), client.names()
    assert len({*first, *second}) == 1400


@under("answer_missing:request=stat,after=1,times=1")
def test_an_answer_never_comes_when_it_is_its_turn(client: Client) -> None:
    answers = [client.ask(Kind.STAT, "pickup/a") for _time in range(3)]
    assert [one is None for one in answers] == [False, True, False]
    assert client.ask(Kind.LSTAT, "pickup/a") is not None


@under("answer_delayed:seconds=0.2,request=stat,times=1")
def test_an_answer_is_late(client: Client) -> None:
    began = time.monotonic()
    client.size()
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(
    ("client", "left"),
    [("request_cuts:request=remove,moment=before", [b"a"]), ("request_cuts:request=remove,moment=after", [])],
    indirect=["client"],
)
def test_a_request_cuts_before_or_after_it_is_served(client: Client, left: list[bytes]) -> None:
    with pytest.raises(Cut):
        client.ask(Kind.REMOVE, "pickup/a")
    assert client.names() == left


@pytest.mark.parametrize(
    ("client", "head"),
    [("garbage:request=stat,bytes=9", 9), ("garbage:request=stat,kind=bytes,bytes=9", 0)],
    indirect=["client"],
)
def test_garbage_in_the_place_of_an_answer(client: Client, head: int) -> None:
    first, second = (client.ask(Kind.STAT, "pickup/a").encode(7) for _time in range(2))
    assert (len(first), len(second)) == (head + 9, head + 9)
    assert first[head:] != second[head:]
    assert not head or first[:4] == bytes([0, 0, 0, 14])
    assert client.names() == [b"a"]


@under(
    "write_fails:bytes=0,account=bob",
    "close_fails:account=bob",
    "listing_refused:account=bob",
    "file_short:account=bob,bytes=0",
)
def test_faults_of_another_account_are_none(client: Client) -> None:
    assert (client.read(), client.names()) == (b"0123456789", [b"a"])
    assert client.send("input/b", b"abc") == [Code.OK, Code.OK]
