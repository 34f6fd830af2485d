# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox as a process of its own. It is always started from a child process: as from a module, which then ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError, InputError
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import daemon, hostkeys, state
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import folders_of
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.state import Lock, Serving, Settings
from support.ports import free_port
from support.sandbox_client import USERNAME, Key, begin, connect, text

# What a module does, without Ansible: settings come from the folder's own format.
STARTER = """
import json, sys
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import daemon, state
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
path, wanted, fixed = sys.argv[1:]
settings = state.load_settings(wanted)
try:
    serving = daemon.start(path, settings, fixed_port=bool(fixed))
    print(json.dumps({"pid": serving.pid, "port": serving.port}))
except FiledropError as error:
    print(json.dumps({"reason": error.reason, "text": str(error)}))
"""


class Daemons:
    """Starts sandboxes, and sees to it that all of them are gone in the end."""

    def __init__(self, scratch: Path, import_path: Path) -> None:
        self._scratch = scratch
        self._import_path = str(import_path)
        self._paths: set[Path] = set()

    def begin(
        self, path: Path, settings: Settings, *, fixed: bool = False, import_path: Path | None = None
    ) -> subprocess.Popen[str]:
        self._paths.add(path)
        wanted = self._scratch / f"wanted-{len(list(self._scratch.iterdir()))}"
        wanted.mkdir()
        state.save_settings(str(wanted), settings)
        return subprocess.Popen(
            [sys.executable, "-c", STARTER, str(path), str(wanted), "fixed" if fixed else ""],
            env={**os.environ, "PYTHONPATH": str(import_path or self._import_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self, path: Path, settings: Settings, **options: object) -> SimpleNamespace:
        """Start, and wait for the starter to end and for its output to be closed by everybody who has it."""
        begun = self.begin(path, settings, **options)  # type: ignore[arg-type]
        said, _errors = begun.communicate(timeout=180)
        return SimpleNamespace(**json.loads(said))

    def stop_all(self) -> None:
        for path in self._paths:
            with contextlib.suppress(DiskError):
                daemon.stop(str(path))


@pytest.fixture
def daemons(tmp_path: Path, import_path: Path) -> Iterator[Daemons]:
    (tmp_path / "scratch").mkdir()
    made = Daemons(tmp_path / "scratch", import_path)
    yield made
    made.stop_all()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "provider"


@pytest.fixture
def settings(key: Key) -> Settings:
    return Settings(accounts=(account(USERNAME, public_keys=[key.public]),), lifetime=300.0)


def login(path: Path, port: int, key: Key, username: str = USERNAME) -> paramiko.Transport:
    keys = hostkeys.stored_lines(str(path / "host_keys"))
    return connect(SimpleNamespace(host="127.0.0.1", port=port, host_keys=keys), key, username)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    """Whether the process is there; one that ended and was not waited for by its parent is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(true: Callable[[], bool], seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_it_outlives_its_starter_and_serves(daemons: Daemons, path: Path, settings: Settings, key: Key) -> None:
    began = daemons.start(path, settings)
    with login(path, began.port, key) as transport:
        client = paramiko.SFTPClient.from_transport(transport)
        with client.open("input/a.xml", "wx") as file:  # type: ignore[union-attr]
            file.write(b"content")
    folders = folders_of(path, USERNAME)
    assert (folders.imported / "a.xml").read_bytes() == b"content"
    assert eventually(lambda: os.listdir(folders.pickup) == ["report-a.json"])
    assert daemon.look(str(path)).serving == state.load_serving(str(path))
    assert daemon.stop(str(path))
    assert not alive(began.pid)
    assert not daemon.stop(str(path))


def test_it_keeps_nothing_of_its_starter_open(daemons: Daemons, path: Path, settings: Settings) -> None:
    began = daemons.start(path, settings)
    opened = {os.readlink(link) for link in Path(f"/proc/{began.pid}/fd").iterdir()}
    assert {name for name in opened if not name.startswith(("socket:", "anon_inode:"))} == {
        os.devnull,
        str(path / "lock"),
        str(path / "sandbox.log"),
    }
    assert os.getsid(began.pid) != os.getsid(0)
    assert os.readlink(f"/proc/{began.pid}/cwd") == "/"


def test_what_it_keeps_is_for_its_owner_alone(daemons: Daemons, path: Path, key: Key) -> None:
    secret = "correct horse"
    daemons.start(path, Settings(accounts=(account("alice", password=secret),)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    files = [file for file in path.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert not [file.name for file in files if secret in file.read_text(errors="replace")]


def test_it_needs_nothing_of_the_archive_that_it_came_from(
    daemons: Daemons, path: Path, settings: Settings, key: Key, checkout: Path, tmp_path: Path
) -> None:
    archive = tmp_path / "module.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        top = "ansible_collections/courier/filedrop/plugins/module_utils"
        folder = top
        while folder:
            packed.writestr(f"{folder}/__init__.py", "")
            folder = os.path.dirname(folder)
        for part in ("_engine", "_sandbox"):
            for file in (checkout / "plugins" / "module_utils" / part).rglob("*.py"):
                packed.write(file, f"{top}/{file.relative_to(checkout / 'plugins' / 'module_utils')}")
    began = daemons.start(path, settings, import_path=archive)
    archive.unlink()
    more = replace(settings, accounts=(*settings.accounts, account("bob", password="correct horse")))
    assert daemons.start(path, more).pid == began.pid
    with paramiko.Transport(("127.0.0.1", began.port)) as transport:
        transport.start_client(timeout=10)
        transport.auth_password("bob", "correct horse")
        client = paramiko.SFTPClient.from_transport(transport)
        assert client
        with client.open("input/a.part", "wx") as upload:
            upload.write(b"content")
        client.rename("input/a.part", "input/a")
        assert client.listdir(".") != []
    pickup = folders_of(path, "bob").pickup
    assert eventually(lambda: os.listdir(pickup) == ["report-a.json"])
    # Even an error that has to be told works without the source.
    shutil.rmtree(pickup)
    with login(path, began.port, key) as transport:
        begin(transport)
    assert daemon.stop(str(path))
    log = (path / "sandbox.log").read_text()
    assert "Error" not in log
    assert "New settings taken over" in log


def test_started_again_it_is_the_same(daemons: Daemons, path: Path, settings: Settings) -> None:
    first = daemons.start(path, settings)
    keys = hostkeys.stored_lines(str(path / "host_keys"))
    assert vars(daemons.start(path, settings)) == vars(first)
    kept = daemon.look(str(path)).settings
    assert kept is not None
    assert kept.port == first.port
    daemon.stop(str(path))
    second = daemons.start(path, kept)
    assert (second.port, hostkeys.stored_lines(str(path / "host_keys"))) == (first.port, keys)
    assert second.pid != first.pid


def test_one_that_was_killed_is_noticed(daemons: Daemons, path: Path, settings: Settings, key: Key) -> None:
    first = daemons.start(path, settings)
    os.kill(first.pid, signal.SIGKILL)
    # The kernel lets go of the lock when the last of its threads is gone.
    assert eventually(lambda: not daemon.look(str(path)).held)
    assert daemon.look(str(path)).serving is None
    assert not daemon.stop(str(path))
    second = daemons.start(path, replace(settings, port=first.port))
    login(path, second.port, key).close()
    assert second.port == first.port


def test_one_that_was_killed_this_instant_is_replaced(
    daemons: Daemons, path: Path, settings: Settings, key: Key
) -> None:
    first = daemons.start(path, settings)
    os.kill(first.pid, signal.SIGKILL)
    second = daemons.start(path, replace(settings, port=first.port))
    assert (second.port, second.pid == first.pid) == (first.port, False)
    login(path, second.port, key).close()


def test_new_accounts_are_taken_over_without_cutting_anybody(
    daemons: Daemons, path: Path, settings: Settings, key: Key
) -> None:
    first = daemons.start(path, settings)
    with login(path, first.port, key) as transport:
        raw = begin(transport)
        wanted = replace(settings, accounts=(account("bob", public_keys=[key.public]),), import_delay=7.0)
        second = daemons.start(path, wanted)
        login(path, second.port, key, "bob").close()
        with pytest.raises(paramiko.AuthenticationException):
            login(path, second.port, key)
        assert raw.ask(16, text(b".")).kind == 104
    assert vars(first) == vars(second)
    assert daemon.look(str(path)).settings == replace(wanted, port=first.port)


def test_a_new_port_makes_it_start_again(daemons: Daemons, path: Path, settings: Settings, key: Key) -> None:
    first, port = daemons.start(path, settings), free_port()
    second = daemons.start(path, replace(settings, port=port), fixed=True)
    assert (second.port, alive(first.pid)) == (port, False)
    login(path, port, key).close()


def test_a_port_that_was_asked_for_and_is_taken_is_refused(daemons: Daemons, path: Path, settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = daemons.start(path, replace(settings, port=port), fixed=True)
        assert refused.reason == "port_taken"
        assert str(port) in refused.text
        found = daemon.look(str(path))
        assert (found.held, found.settings) == (False, None)
        with pytest.raises(InputError):
            daemon.check_start(str(path), replace(settings, port=port), found, fixed_port=True)
        # One that runs already goes on where it was.
        began = daemons.start(path, settings)
        assert daemons.start(path, replace(settings, port=port), fixed=True).reason == "port_taken"
        assert daemons.start(path, settings).pid == began.pid
        daemon.stop(str(path))
        # One that is only kept from the last time gives way.
        assert daemons.start(path, replace(settings, port=port)).port != port


def test_started_twice_at_once_there_is_one(daemons: Daemons, path: Path, settings: Settings, key: Key) -> None:
    begun = [daemons.begin(path, settings) for _each in range(3)]
    said = [json.loads(one.communicate(timeout=180)[0]) for one in begun]
    serving = daemon.look(str(path)).serving
    assert serving is not None
    assert said == [{"pid": serving.pid, "port": serving.port}] * 3
    login(path, serving.port, key).close()


def test_whoever_starts_or_stops_it_waits_for_the_other(daemons: Daemons, path: Path, settings: Settings) -> None:
    path.mkdir()
    with daemon.changing(str(path)):
        begun = daemons.begin(path, settings)
        with pytest.raises(subprocess.TimeoutExpired):
            begun.wait(timeout=2)
        assert not Lock.held(str(path))
    assert "pid" in json.loads(begun.communicate(timeout=180)[0])
    stopped = []
    stopper = threading.Thread(target=lambda: stopped.append(daemon.stop(str(path))))
    with daemon.changing(str(path)):
        stopper.start()
        stopper.join(timeout=0.5)
        assert Lock.held(str(path))
    stopper.join(timeout=60)
    assert stopped == [True]


def test_it_ends_when_nobody_uses_it(daemons: Daemons, path: Path, settings: Settings, key: Key) -> None:
    began = daemons.start(path, replace(settings, lifetime=3.0))
    with login(path, began.port, key) as transport:
        raw = begin(transport)
        for _each in range(8):
            time.sleep(0.5)
            raw.ask(16, text(b"."))
        assert alive(began.pid)
    assert eventually(lambda: not alive(began.pid))
    found = daemon.look(str(path))
    assert (found.serving, found.held) == (None, False)
    assert state.load_serving(str(path)) is None


def test_it_ends_when_its_folder_is_gone(daemons: Daemons, path: Path, settings: Settings) -> None:
    began = daemons.start(path, settings)
    shutil.rmtree(path)
    assert eventually(lambda: not alive(began.pid))
    assert not path.exists()


def test_one_that_hangs_is_ended_and_replaced(
    daemons: Daemons, path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_PROBE_TIME", 0.5)
    monkeypatch.setattr(daemon, "_STOP_TIME", 0.5)
    began = daemons.start(path, settings)
    os.kill(began.pid, signal.SIGSTOP)
    found = daemon.look(str(path))
    assert (found.serving, found.held) == (None, True)
    assert daemon.stop(str(path))
    assert not alive(began.pid)


def test_stopping_imports_what_is_complete(daemons: Daemons, path: Path, settings: Settings, key: Key) -> None:
    began = daemons.start(path, replace(settings, import_delay=3600.0))
    with login(path, began.port, key) as transport:
        client = paramiko.SFTPClient.from_transport(transport)
        client.open("input/a", "wx").close()  # type: ignore[union-attr]
        assert client.listdir("input") == ["a"]  # type: ignore[union-attr]
        daemon.stop(str(path))
    folders = folders_of(path, USERNAME)
    assert [os.listdir(folder) for folder in (folders.input, folders.imported, folders.pickup)] == [
        [],
        ["a"],
        ["report-a.json"],
    ]


def test_a_folder_of_something_else_is_refused(daemons: Daemons, path: Path, settings: Settings) -> None:
    path.mkdir()
    (path / "payroll.xlsx").touch()
    refused = daemons.start(path, settings)
    assert (refused.reason, "payroll.xlsx" in refused.text) == ("path_not_sandbox", True)
    assert os.listdir(path) == ["payroll.xlsx"]
    with pytest.raises(InputError):
        daemon.check_start(str(path), settings, daemon.look(str(path)))


def test_a_folder_that_cannot_be_is_refused(daemons: Daemons, tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "file").touch()
    inside = tmp_path / "file" / "provider"
    refused = daemons.start(inside, settings)
    assert (refused.reason, str(inside) in refused.text) == ("path_unusable", True)
    with pytest.raises(DiskError):
        daemon.look(str(inside))


def test_damaged_settings_are_told(path: Path) -> None:
    path.mkdir()
    for content in ("{", "[]", '{"format": 99}', '{"format": 1, "accounts": [{"username": "a"}]}'):
        (path / "settings.json").write_text(content)
        with pytest.raises(InputError, match=str(path)):
            daemon.look(str(path))


def test_looking_changes_nothing(tmp_path: Path) -> None:
    found = daemon.look(str(tmp_path / "none"))
    assert (found.settings, found.serving, found.held) == (None, None, False)
    assert list(tmp_path.iterdir()) == []
    assert not daemon.stop(str(tmp_path / "none"))


def test_a_lock_is_one_processes(tmp_path: Path) -> None:
    lock = Lock.take(str(tmp_path))
    assert lock is not None
    assert Lock.held(str(tmp_path))
    assert Lock.take(str(tmp_path)) is None
    assert lock.still_there()
    (tmp_path / "lock").unlink()
    assert not lock.still_there()
    lock.release()


def test_what_serving_says_survives_its_file(tmp_path: Path) -> None:
    serving = Serving(1, 2, "3")
    state.save_serving(str(tmp_path), serving)
    assert state.load_serving(str(tmp_path)) == serving
    (tmp_path / "serving.json").write_text("{}")
    assert state.load_serving(str(tmp_path)) is None
    state.save_serving(str(tmp_path), None)
    state.save_serving(str(tmp_path), None)
    assert list(tmp_path.iterdir()) == []
