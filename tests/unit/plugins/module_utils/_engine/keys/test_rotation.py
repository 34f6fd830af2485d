# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stages of a key. A kill at any call leaves the key in use whole, and the next call goes on."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import openssh, pair, rotation
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.spec import KeyPairSpec
from support.rights import SOMEBODY

KILLED = 9
PASSPHRASE = "correct horse"
CHANGING = ("replace", "rename", "unlink", "link", "fsync", "fchmod", "fchown", "open")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openssh, "_ROUNDS", 1)


@pytest.fixture(params=[None, PASSPHRASE], ids=["plain", "encrypted"])
def wanted(request: pytest.FixtureRequest, tmp_path: Path) -> KeyPairSpec:
    """A pair that exists, with the specification of the next one."""
    keys = tmp_path / "keys"
    keys.mkdir(0o700)
    spec = KeyPairSpec(str(keys / "amili"), comment="us", passphrase=request.param)
    pair.ensure(spec, check=False)
    return spec


def killed_at(call: Callable[[], object], number: int) -> bool:
    """Run a call in a process that ends at once before its nth change of a file. Return whether it came to that."""
    child = os.fork()
    if child == 0:
        left = number

        def counted(original: Callable[..., object]) -> Callable[..., object]:
            def run(*args: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(KILLED)
                return original(*args, **options)

            return run

        for name in CHANGING:
            setattr(os, name, counted(getattr(os, name)))
        try:
            call()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, KILLED)
    return status == KILLED


def print_of(path: str, passphrase: str | None) -> str:
    """What OpenSSH itself says of a private key: the judge of whether it is whole."""
    command = ["ssh-keygen", "-y", "-P", passphrase or "", "-f", path]
    return " ".join(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[:2])


def settled(wanted: KeyPairSpec) -> tuple[str, list[str]]:
    state = rotation.look(wanted.path, wanted.passphrase)
    return state.stage, sorted(name.split(".retired-")[0] for name in os.listdir(wanted.folder))


def test_a_rotation_ends_with_the_new_key_and_a_backup(wanted: KeyPairSpec) -> None:
    before = print_of(wanted.path, wanted.passphrase)
    assert settled(wanted) == ("current", ["amili", "amili.pub"])
    assert rotation.look(wanted.path).rotated_at is None
    rotation.make(wanted, check=False)
    rotation.make(wanted, check=False)
    assert settled(wanted) == ("new", ["amili", "amili.new", "amili.new.pub", "amili.pub"])
    new = print_of(f"{wanted.path}.new", wanted.passphrase)
    assert (print_of(wanted.path, wanted.passphrase), new == before) == (before, False)
    rotation.switch(wanted)
    assert settled(wanted) == ("grace", ["amili", "amili.old", "amili.old.pub", "amili.pub"])
    assert print_of(wanted.path, wanted.passphrase) == new
    assert print_of(f"{wanted.path}.old", wanted.passphrase) == before
    assert Path(f"{wanted.path}.pub").read_text() == f"{new} us\n"
    retired = rotation.retire(wanted)
    assert retired is not None
    assert print_of(retired, wanted.passphrase) == before
    assert Path(retired).stat().st_mode & 0o777 == 0o600
    assert settled(wanted) == ("current", ["amili", "amili", "amili", "amili.pub"])
    state = rotation.look(wanted.path, wanted.passphrase)
    assert [key.line for key in state.retired] == [f"{before} us"]
    assert state.rotated_at is not None
    assert rotation.retire(wanted) is None


@pytest.mark.parametrize("step", ["make", "switch", "retire"])
def test_a_kill_at_any_moment_leaves_a_whole_key_and_the_next_call_goes_on(wanted: KeyPairSpec, step: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "make": lambda: rotation.make(wanted, check=False),
        "switch": lambda: rotation.switch(wanted),
        "retire": lambda: rotation.retire(wanted),
    }
    ready = {"make": (), "switch": ("make",), "retire": ("make", "switch")}
    number = 0
    while True:
        for name in os.listdir(wanted.folder):
            os.unlink(os.path.join(wanted.folder, name))
        pair.ensure(wanted, check=False)
        for each in ready[step]:
            calls[each]()
        before = print_of(f"{wanted.path}{'.old' if step == 'retire' else ''}", wanted.passphrase)
        known = {print_of(wanted.path, wanted.passphrase)}
        if step == "switch":
            known.add(print_of(f"{wanted.path}.new", wanted.passphrase))
        was_killed = killed_at(calls[step], number)
        assert print_of(wanted.path, wanted.passphrase) in known
        rotation.mend(wanted)
        if rotation.look(wanted.path, wanted.passphrase).stage == {"make": "current", "switch": "new"}.get(
            step, "grace"
        ):
            calls[step]()
        stage, files = settled(wanted)
        assert stage == {"make": "new", "switch": "grace", "retire": "current"}[step]
        assert not [name for name in files if name.startswith(".")]
        state = rotation.look(wanted.path, wanted.passphrase)
        assert state.key is not None
        assert Path(f"{wanted.path}.pub").read_text().strip() == state.key.line
        if step != "make":
            old = f"{wanted.path}.old" if step == "switch" else next(iter(rotation._retired_paths(wanted.path)))
            assert print_of(old, wanted.passphrase) == before
            assert Path(f"{old}.pub").exists()
        if not was_killed:
            break
        number += 1 if wanted.passphrase is None else 4  # each key that is encrypted takes a tenth of a second
    assert number > 3


def test_an_old_key_is_never_overwritten(wanted: KeyPairSpec) -> None:
    """Somebody made a new key during the grace time of the one before."""
    first = print_of(wanted.path, wanted.passphrase)
    for _time in range(2):
        rotation.make(wanted, check=False)
        rotation.switch(wanted)
    backups = rotation._retired_paths(wanted.path)
    assert [print_of(path, wanted.passphrase) for path in backups] == [first]


def test_times_are_those_of_the_switch(wanted: KeyPairSpec) -> None:
    year_ago = time.time() - 365 * 86400
    os.utime(wanted.path, (year_ago, year_ago))
    assert rotation.look(wanted.path).as_dict(time.time())["key"]["age"] == 365
    rotation.make(wanted, check=False)
    rotation.switch(wanted)
    state = rotation.look(wanted.path, wanted.passphrase)
    now = time.time()
    assert now - 60 < state.due_at(grace=0, interval=0) <= now
    assert now + 3500 < state.due_at(grace=3600, interval=0) <= now + 3600
    rotation.retire(wanted)
    state = rotation.look(wanted.path, wanted.passphrase)
    assert now + 3500 < state.due_at(grace=0, interval=3600) <= now + 3600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_owner_and_mode_of_the_key_stay(wanted: KeyPairSpec) -> None:
    for name in ("amili", "amili.pub"):
        os.chown(os.path.join(wanted.folder, name), SOMEBODY, SOMEBODY)
    given = KeyPairSpec(wanted.path, comment="us", passphrase=wanted.passphrase, uid=SOMEBODY, gid=SOMEBODY)
    rotation.make(given, check=False)
    rotation.switch(given)
    files = [os.stat(f"{wanted.path}{suffix}") for suffix in ("", ".old", ".pub", ".old.pub")]
    assert [status.st_uid for status in files] == [SOMEBODY] * 4
    assert [status.st_mode & 0o777 for status in files] == [0o600, 0o600, 0o644, 0o644]
