# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `interface.Remote` promises, checked for every Remote. A new protocol adds a `Mailbox` here, and no test."""

from __future__ import annotations

import gc
import json
import os
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    ConnectionLost,
    FiledropError,
    RemoteDenied,
    RemoteError,
    RemoteMissing,
    RemoteUnsupported,
    RunEnded,
    TransferError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.deadline import Interruption
from ansible_collections.courier.filedrop.plugins.module_utils._engine.loop.loop import Loop
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.interface import (
    Entry,
    Found,
    Received,
    Remote,
    Uploaded,
    entries_in,
    try_look,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.registry import connect
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account as sandbox_account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import Rights
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from support.ftpd import KINDS as FTP_SERVERS
from support.ftpd import FtpServer
from support.memory_remote import MemoryRemote, MemoryServer
from support.odd_server import Memory, Sink
from support.sandbox_client import USERNAME, make_key
from support.sshd import SshServer

T = TypeVar("T")

CONTENT = random.Random(7).randbytes(700_001)
LARGE = CONTENT * 13  # enough for several connections, where a remote has them
PATH = "input/a.xml"


# --- the mailboxes


class Mailbox(Protocol):
    """A server, seen from its own side.

    :ivar denied: a path where the server denies an upload.
    """

    denied: str

    def connect(self) -> Remote:
        """Connect to it."""

    def put(self, path: str, content: bytes) -> None:
        """Put a file there, without the remote."""

    def content(self, path: str) -> bytes | None:
        """The content of a file; None if there is none."""

    def names(self, folder: str) -> list[str]:
        """The names in a folder."""


class InMemory:
    denied = "closed/a.xml"

    def __init__(self) -> None:
        self._server = MemoryServer("input", "pickup", "closed")
        self._server.denied.add("closed")
        self.put, self.content, self.names = self._server.put, self._server.content, self._server.names

    def connect(self) -> Remote:
        return MemoryRemote(self._server)


class OnDisk:
    """A mailbox whose files are on this host."""

    def __init__(self, root: Path, options: dict[str, Any], denied: str, give: Callable[[Path], object]) -> None:
        self.denied = denied
        self._root = root
        self._options = options
        self._give = give

    def connect(self) -> Remote:
        return connect(account_from_options({**self._options, "timeout": 60}))

    def put(self, path: str, content: bytes) -> None:
        (self._root / path).write_bytes(content)
        self._give(self._root / path)

    def content(self, path: str) -> bytes | None:
        with suppress(FileNotFoundError):
            return (self._root / path).read_bytes()
        return None

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self._root / folder).iterdir())


def _in_memory(_folder: Path, _stack: ExitStack) -> Mailbox:
    return InMemory()


def _folder(folder: Path, _stack: ExitStack) -> Mailbox:
    root = folder / "root"
    for name in ("input", "pickup"):
        (root / name).mkdir(parents=True)
    return OnDisk(root, {"protocol": "folder", "root": str(root)}, "../a.xml", lambda _path: None)


def _sandbox(folder: Path, stack: ExitStack) -> Mailbox:
    key = make_key(folder / "keys")
    everything = Rights(read=True, write=True, rename=True, remove=True)
    sandbox = stack.enter_context(
        Sandbox(
            folder / "sandbox",
            accounts=[sandbox_account(USERNAME, public_keys=[key.public])],
            folders={"input": everything, "pickup": everything},
            import_delay=3600,
        )
    )
    options = {
        "host": sandbox.host,
        "port": sandbox.port,
        "username": USERNAME,
        "private_key_file": str(key.path),
        "host_keys": list(sandbox.host_keys),
    }
    return OnDisk(sandbox.folders(USERNAME).root, options, "a.xml", lambda _path: None)


def _openssh(connections: int, transport: str = "paramiko") -> Callable[[Path, ExitStack], Mailbox]:
    def start(_folder: Path, stack: ExitStack) -> Mailbox:
        server = stack.enter_context(SshServer())
        closed = server.root / "closed"
        closed.mkdir(mode=0o500 if server.chrooted else 0o000)
        stack.callback(closed.chmod, 0o700)
        options = {**server.account_options(), "connections": connections, "transport": transport}
        return OnDisk(server.root, options, "closed/a.xml", server.give)

    return start


def _ftp(kind: str, tls: str | None, connections: int = 1) -> Callable[[Path, ExitStack], Mailbox]:
    def start(_folder: Path, stack: ExitStack) -> Mailbox:
        server = stack.enter_context(FtpServer(kind, tls=tls))
        options = {**server.account_options(), "connections": connections}
        return OnDisk(server.root, options, "closed/a.xml", server.give)

    return start


MAILBOXES: dict[str, Callable[[Path, ExitStack], Mailbox]] = {
    "memory": _in_memory,
    "folder": _folder,
    "sandbox": _sandbox,
    "openssh": _openssh(1),
    "openssh-3": _openssh(3),
    "openssh-by-ssh": _openssh(1, "openssh"),
    "openssh-by-ssh-3": _openssh(3, "openssh"),
    **{f"{kind}-ftp": _ftp(kind, None) for kind in FTP_SERVERS},
    **{f"{kind}-ftps": _ftp(kind, "explicit", 3) for kind in FTP_SERVERS},
}


@pytest.fixture(params=MAILBOXES)
def mailbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mailbox]:
    with ExitStack() as stack:
        yield MAILBOXES[request.param](tmp_path, stack)


@pytest.fixture
def remote(mailbox: Mailbox) -> Iterator[Remote]:
    remote = mailbox.connect()
    yield remote
    remote.close()


# --- driving it


def drive(remote: Remote, coroutine: Coroutine[Any, Any, T]) -> T:
    return Loop(remote, remote.batches).run(coroutine)


def failure(remote: Remote, coroutine: Coroutine[Any, Any, Any]) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        drive(remote, coroutine)
    return caught.value


async def answer(request: Any) -> Any:
    """What a request that is no coroutine answers."""
    return await request


class Watch:
    """The durable point of one upload."""

    def __init__(self, at_the_moment: Callable[[], object] = lambda: None) -> None:
        self.upload: Uploaded | None = None
        self._at_the_moment = at_the_moment

    async def created(self, upload: Uploaded) -> None:
        self.upload = upload
        self._at_the_moment()

    @property
    def the_upload(self) -> Uploaded:
        if self.upload is None:
            raise AssertionError("nothing was created")
        return self.upload


async def upload(
    remote: Remote,
    path: str,
    source: Memory | bytes,
    watch: Watch | None = None,
    *,
    over: bool = False,
    temporary: bool = False,
) -> Uploaded:
    memory = Memory(source) if isinstance(source, bytes) else source
    created = (watch or Watch()).created
    return await remote.upload(path, memory, over=over, temporary=temporary, created=created)


async def complete(remote: Remote, path: str, content: bytes, **options: Any) -> int | None:
    uploaded = await upload(remote, path, content, **options)
    size = await uploaded.size()
    await uploaded.close()
    if size is None and not remote.features.stat_while_open:
        entry = await remote.stat(path)
        size = entry.size if entry else None
    return size


async def fetch(remote: Remote, path: str, size: int) -> tuple[int, bytes, Entry | None]:
    sink = Sink()
    received: Received = await remote.download(path, sink, size=size)
    return received.size, bytes(sink.content), await received.entry


# --- what it says of itself


def test_its_features_and_its_info_are_data(remote: Remote) -> None:
    assert remote.features.max_in_flight >= 1
    assert remote.features.partial_uploads in (True, False, None)
    assert isinstance(json.loads(json.dumps(remote.info())), dict)


# --- names


def test_a_file_is_told_as_it_is(mailbox: Mailbox, remote: Remote) -> None:
    mailbox.put(PATH, b"content")
    found = drive(remote, answer(remote.stat(PATH)))
    assert (found.name, found.path, found.size, found.kind) == ("a.xml", PATH, 7, "file")
    assert isinstance(found.mtime, int)
    assert drive(remote, answer(remote.stat("input"))).kind == "folder"


@pytest.mark.parametrize("path", ["input/b.xml", "nowhere/b.xml"])
def test_what_is_not_there_is_none(remote: Remote, path: str) -> None:
    assert drive(remote, answer(remote.stat(path))) is None


async def sized(remote: Remote, listing: Coroutine[Any, Any, Sequence[Entry]]) -> Sequence[Entry]:
    """A listing, in which each file that was listed without a size was looked at, and is still there."""
    looks = [entry if entry.size is not None else remote.stat(entry.path) for entry in await listing]
    found = [look if isinstance(look, Entry) else await look for look in looks]
    return [entry for entry in found if entry is not None]


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_a_folder_is_listed_to_its_end(mailbox: Mailbox, remote: Remote, count: int) -> None:
    names = [f"{number}.xml" for number in range(count)]
    for number, name in enumerate(names):
        mailbox.put(f"pickup/{name}", bytes(number % 7))
    found = drive(remote, sized(remote, entries_in(remote, "pickup")))
    assert sorted(entry.name for entry in found) == sorted(names)
    assert {(entry.path, entry.size) for entry in found} == {
        (f"pickup/{name}", number % 7) for number, name in enumerate(names)
    }


def test_a_folder_that_is_not_there_is_missing(remote: Remote) -> None:
    assert isinstance(failure(remote, entries_in(remote, "nowhere")), RemoteMissing)


NAMES = ["two words.xml", 'it\'s "quoted".xml', "räksmörgås.xml", os.fsdecode(b"caf\xe9.xml"), "-rf", "a\\b", "%41;x"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_may_be_any(mailbox: Mailbox, remote: Remote, name: str) -> None:
    if "pyftpdlib" in str(remote.info().get("server_version")) and not name.isprintable():
        pytest.skip("pyftpdlib replaces bytes that are not UTF-8")
    mailbox.put(f"pickup/{name}", b"x")

    async def there_and_back() -> None:
        assert [entry.name for entry in await entries_in(remote, "pickup")] == [name]
        assert (await fetch(remote, f"pickup/{name}", 1))[:2] == (1, b"x")
        assert await complete(remote, f"input/{name}", b"yz") == 2
        await remote.rename(f"input/{name}", f"pickup/2{name}")
        await remote.remove(f"pickup/{name}")

    drive(remote, there_and_back())
    assert mailbox.content(f"pickup/2{name}") == b"yz"
    assert mailbox.names("pickup") == [f"2{name}"]


# --- folders


@pytest.mark.parametrize("path", ["input/2026-11-29", "pickup/two words"])
def test_a_folder_is_made_or_refused(mailbox: Mailbox, remote: Remote, path: str) -> None:
    try:
        drive(remote, answer(remote.make_folder(path)))
    except (RemoteDenied, RemoteUnsupported):
        assert drive(remote, answer(remote.stat(path))) is None
        return
    assert drive(remote, answer(remote.stat(path))).kind == "folder"
    assert drive(remote, complete(remote, f"{path}/a.xml", b"x")) == 1
    drive(remote, answer(remote.rename(f"{path}/a.xml", f"{path}/b.xml")))
    assert mailbox.content(f"{path}/b.xml") == b"x"


@pytest.mark.parametrize("path", ["input", PATH, "nowhere/folder"])
def test_a_folder_that_cannot_be_made_is_an_error(mailbox: Mailbox, remote: Remote, path: str) -> None:
    mailbox.put(PATH, b"content")
    assert isinstance(failure(remote, answer(remote.make_folder(path))), RemoteError)
    assert mailbox.content(PATH) == b"content"
    assert drive(remote, answer(remote.stat("nowhere"))) is None


# --- uploads


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize("size", [0, 1, len(CONTENT)])
def test_a_file_is_uploaded_whole(mailbox: Mailbox, remote: Remote, size: int, temporary: bool) -> None:
    assert drive(remote, complete(remote, PATH, CONTENT[:size], temporary=temporary)) == size
    assert mailbox.content(PATH) == CONTENT[:size]


def test_a_large_file_is_uploaded_whole(mailbox: Mailbox, remote: Remote) -> None:
    assert drive(remote, complete(remote, PATH, LARGE, temporary=True)) == len(LARGE)
    assert mailbox.content(PATH) == LARGE


@pytest.mark.parametrize("temporary", [False, True])
def test_the_durable_point_is_after_the_name_and_before_the_first_byte(
    mailbox: Mailbox, remote: Remote, temporary: bool
) -> None:
    source = Memory(CONTENT)
    seen: list[tuple[bytes | None, int]] = []
    watch = Watch(lambda: seen.append((mailbox.content(PATH), source.position)))
    uploaded = drive(remote, upload(remote, PATH, source, watch, temporary=temporary))
    assert uploaded is watch.upload
    hidden = remote.features.partial_uploads is not True
    assert seen in ([(b"", 0)], [(None, 0)] if hidden else [(b"", 0)])


def test_what_the_durable_point_raises_is_raised_and_can_be_discarded(mailbox: Mailbox, remote: Remote) -> None:
    def fail() -> None:
        raise TransferError("no_ledger", "The ledger is full.")

    watch, source = Watch(fail), Memory(CONTENT)
    assert failure(remote, upload(remote, PATH, source, watch)).reason == "no_ledger"
    assert source.position == 0
    assert drive(remote, watch.the_upload.discard())
    assert mailbox.names("input") == []


@pytest.mark.parametrize("temporary", [False, True])
def test_a_file_that_is_there_is_never_replaced(mailbox: Mailbox, remote: Remote, temporary: bool) -> None:
    if temporary and not remote.features.exclusive_create:
        pytest.skip("a name with a random part is not looked at before it is written")
    mailbox.put(PATH, b"theirs")
    watch = Watch()
    assert isinstance(failure(remote, upload(remote, PATH, b"ours", watch, temporary=temporary)), RemoteError)
    assert watch.upload is None
    assert mailbox.content(PATH) == b"theirs"
    assert drive(remote, complete(remote, "input/b.xml", b"ours")) == 4  # the session goes on


def test_our_own_part_is_written_anew(mailbox: Mailbox, remote: Remote) -> None:
    mailbox.put(PATH, CONTENT)
    seen: list[bytes | None] = []
    watch = Watch(lambda: seen.append(mailbox.content(PATH)))
    assert drive(remote, complete(remote, PATH, b"anew", watch=watch, over=True)) == 4
    assert seen == [b""]
    assert mailbox.content(PATH) == b"anew"


def test_a_part_that_is_gone_is_not_made_again(mailbox: Mailbox, remote: Remote) -> None:
    watch = Watch()
    assert isinstance(failure(remote, upload(remote, PATH, b"anew", watch, over=True)), RemoteMissing)
    assert watch.upload is None
    assert mailbox.names("input") == []


def test_a_folder_that_is_not_there_takes_nothing(remote: Remote) -> None:
    watch = Watch()
    assert isinstance(failure(remote, upload(remote, "nowhere/a.xml", b"x", watch)), RemoteMissing)
    assert watch.upload is None


def test_what_is_denied_is_denied(mailbox: Mailbox, remote: Remote) -> None:
    watch = Watch()
    assert isinstance(failure(remote, upload(remote, mailbox.denied, b"x", watch)), RemoteDenied)
    assert watch.upload is None


class Failing(Memory):
    """A file that cannot be read beyond a point."""

    point = 300_000

    def read(self, length: int) -> bytes:
        if self.position >= self.point:
            raise TransferError("changed_while_read", "It has become shorter.")
        return super().read(length)


class Changed(Memory):
    """A file that is another one at its end."""

    def check_unchanged(self) -> None:
        assert self.position == self.size
        raise TransferError("changed_while_read", "Its time is another.")


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize("kind", [Failing, Changed])
def test_what_the_source_raises_is_raised_and_the_part_can_be_discarded(
    mailbox: Mailbox, remote: Remote, kind: type[Memory], temporary: bool
) -> None:
    watch = Watch()
    error = failure(remote, upload(remote, PATH, kind(CONTENT), watch, temporary=temporary))
    assert error.reason == "changed_while_read"
    assert drive(remote, watch.the_upload.discard())
    assert mailbox.names("input") == []
    assert drive(remote, complete(remote, PATH, b"x")) == 1  # the session goes on


def test_what_is_asked_after_an_upload_comes_after_its_bytes(mailbox: Mailbox, remote: Remote) -> None:
    async def ask_at_once() -> tuple[Found, int | None]:
        uploaded = await upload(remote, PATH, CONTENT)
        asked = remote.stat(PATH)
        size = await uploaded.size()
        entry = await try_look(asked)
        await uploaded.close()
        return entry, size

    entry, size = drive(remote, ask_at_once())
    if not remote.features.stat_while_open:
        assert (type(entry), size) == (RemoteUnsupported, None)
        return
    assert size == len(CONTENT)
    if remote.features.partial_uploads:
        assert entry is not None  # over another connection, perhaps before all its bytes


def test_closing_twice_is_closing_once(remote: Remote) -> None:
    async def close_twice() -> bool:
        uploaded = await upload(remote, PATH, b"x")
        await uploaded.size()
        first, second = uploaded.close(), uploaded.close()
        await first
        return first is second

    assert drive(remote, close_twice())


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize("closed", [False, True])
def test_an_upload_can_be_discarded(mailbox: Mailbox, remote: Remote, closed: bool, temporary: bool) -> None:
    async def discard() -> bool:
        uploaded = await upload(remote, PATH, CONTENT, temporary=temporary)
        await uploaded.size()
        if closed:
            await uploaded.close()
        return await uploaded.discard()

    assert drive(remote, discard())
    assert mailbox.names("input") == []


def test_what_somebody_has_taken_is_not_discarded(mailbox: Mailbox, remote: Remote) -> None:
    async def discard() -> bool:
        uploaded = await upload(remote, PATH, b"x", temporary=not remote.features.stat_while_open)
        await uploaded.size()
        await remote.rename(PATH, "input/taken")
        return await uploaded.discard()

    assert not drive(remote, discard())
    assert mailbox.names("input") == ["taken"]


# --- downloads


@pytest.mark.parametrize("size", [0, 1, len(CONTENT)])
def test_a_file_comes_whole(mailbox: Mailbox, remote: Remote, size: int) -> None:
    mailbox.put("pickup/a.xml", CONTENT[:size])
    received, content, entry = drive(remote, fetch(remote, "pickup/a.xml", size))
    assert (received, content) == (size, CONTENT[:size])
    assert entry is not None
    assert (entry.name, entry.path, entry.size) == ("a.xml", "pickup/a.xml", size)


@pytest.mark.parametrize("actual", [0, 1, 300_000, len(CONTENT) - 1])
def test_a_file_that_ends_too_early_is_told_by_what_came(mailbox: Mailbox, remote: Remote, actual: int) -> None:
    mailbox.put("pickup/a.xml", CONTENT[:actual])
    assert drive(remote, fetch(remote, "pickup/a.xml", len(CONTENT)))[:2] == (actual, CONTENT[:actual])


@pytest.mark.parametrize("listed", [0, 1, 300_000, len(CONTENT) - 1])
def test_a_file_that_goes_on_is_told_and_what_comes_beyond_is_not_taken(
    mailbox: Mailbox, remote: Remote, listed: int
) -> None:
    mailbox.put("pickup/a.xml", CONTENT)
    assert drive(remote, fetch(remote, "pickup/a.xml", listed))[:2] == (listed + 1, CONTENT[:listed])


def test_a_download_leaves_nothing_to_the_garbage_collector(mailbox: Mailbox, remote: Remote) -> None:
    """Circles of objects would pile up: a run of 100,000 files needed 20 MiB for them."""
    mailbox.put("pickup/a.xml", CONTENT)
    times = 50

    async def fetch() -> None:
        for _time in range(times):
            await (await remote.download("pickup/a.xml", Sink(), size=len(CONTENT))).entry

    def left() -> int:
        drive(remote, fetch())
        gc.collect()
        gc.disable()
        try:
            drive(remote, fetch())
            return gc.collect()
        finally:
            gc.enable()

    assert min(left() for _time in range(3)) < times  # a session of an earlier test may end in one of them


def test_the_entry_is_that_after_the_last_byte(mailbox: Mailbox, remote: Remote) -> None:
    """A file that grows while it is read is seen to have grown.

    It is larger than what is asked for at once, so the end was not asked for when it grows.
    """
    small, grown = LARGE * 6, LARGE * 6 + b"x"
    mailbox.put("pickup/a.xml", small)

    class Growing(Sink):
        def write(self, data: bytes | memoryview) -> None:
            if not self.content:
                mailbox.put("pickup/a.xml", grown)
            super().write(data)

    async def last_look() -> Entry | None:
        return await (await remote.download("pickup/a.xml", Growing(), size=len(small))).entry

    entry = drive(remote, last_look())
    assert entry is not None
    assert entry.size == len(grown)


def test_a_file_that_is_not_there_does_not_come(remote: Remote) -> None:
    assert isinstance(failure(remote, fetch(remote, "pickup/a.xml", 1)), RemoteMissing)


def test_what_the_target_raises_is_raised_and_the_session_goes_on(mailbox: Mailbox, remote: Remote) -> None:
    mailbox.put("pickup/a.xml", CONTENT)

    class Full(Sink):
        def write(self, data: bytes | memoryview) -> None:
            raise TransferError("disk_full", "The disk is full.")

    assert failure(remote, remote.download("pickup/a.xml", Full(), size=len(CONTENT))).reason == "disk_full"
    assert drive(remote, fetch(remote, "pickup/a.xml", len(CONTENT)))[:2] == (len(CONTENT), CONTENT)


# --- renames and removals


def test_a_file_gets_another_name_but_none_that_exists(mailbox: Mailbox, remote: Remote) -> None:
    mailbox.put("input/a", b"a")
    mailbox.put("input/b", b"b")
    drive(remote, answer(remote.rename("input/a", "pickup/c")))
    assert isinstance(failure(remote, answer(remote.rename("input/b", "pickup/c"))), RemoteError)
    assert isinstance(failure(remote, answer(remote.rename("input/x", "pickup/y"))), RemoteMissing)
    assert isinstance(failure(remote, answer(remote.rename("input/b", "nowhere/y"))), RemoteMissing)
    assert (mailbox.names("input"), mailbox.names("pickup")) == (["b"], ["c"])
    assert mailbox.content("pickup/c") == b"a"


def test_a_file_is_removed(mailbox: Mailbox, remote: Remote) -> None:
    mailbox.put(PATH, b"x")
    drive(remote, answer(remote.remove(PATH)))
    assert mailbox.names("input") == []
    assert isinstance(failure(remote, answer(remote.remove(PATH))), RemoteMissing)


# --- many at once, and ends


def test_many_files_go_and_come_at_once_and_none_is_taken_for_another(mailbox: Mailbox, remote: Remote) -> None:
    contents = {f"{number}.xml": CONTENT[number * 7 :][: number * 331] for number in range(150)}
    came: dict[str, bytes] = {}

    async def there_and_back(name: str) -> None:
        content = contents[name]
        assert await complete(remote, f"input/{name}.part", content, temporary=True) == len(content)
        await remote.rename(f"input/{name}.part", f"input/{name}")
        received, came[name], _entry = await fetch(remote, f"input/{name}", len(content))
        assert received == len(content)
        await remote.remove(f"input/{name}")

    loop = Loop(remote, remote.batches)
    loop.run(loop.each(there_and_back, contents, width=min(100, remote.features.max_in_flight)))
    assert came == contents
    assert mailbox.names("input") == []


def test_it_owes_what_it_was_asked_until_it_has_answered(remote: Remote) -> None:
    assert remote.pending == 0
    asked = [remote.stat("input"), remote.stat("pickup")]
    assert remote.pending == 2
    deadline = time.monotonic() + 30
    while remote.pending and time.monotonic() < deadline:
        remote.poll(1.0)
    assert remote.pending == 0
    for request in asked:
        assert drive(remote, answer(request)) is not None
    assert remote.poll(0.0) in (True, False)  # nothing is there to be waited for


def test_what_is_asked_of_a_closed_session_fails(remote: Remote) -> None:
    asked = remote.stat("input")
    remote.close()
    assert isinstance(failure(remote, answer(asked)), ConnectionLost)
    assert isinstance(failure(remote, answer(remote.stat("input"))), ConnectionLost)
    assert isinstance(failure(remote, upload(remote, PATH, b"x")), ConnectionLost)


def test_an_interruption_in_the_middle_ends_at_once(mailbox: Mailbox) -> None:
    mailbox.put("pickup/a.xml", CONTENT)
    remote = mailbox.connect()
    cleaned: list[str] = []

    class Interrupting(Memory):
        def read(self, length: int) -> bytes:
            if self.position:
                raise Interruption(RunEnded("signal", "It is over."))
            return super().read(length)

    async def one(number: int) -> None:
        try:
            if number == 5:
                await upload(remote, PATH, Interrupting(LARGE))
            while True:
                await fetch(remote, "pickup/a.xml", len(CONTENT))
        finally:
            cleaned.append(str(number))

    loop = Loop(remote, remote.batches)
    began = time.monotonic()
    with pytest.raises(Interruption):
        loop.run(loop.each(one, range(6), width=6))
    remote.close()
    assert time.monotonic() - began < 10
    assert sorted(cleaned) == list("012345")
