# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rotation that is killed again and again, while jobs log in all the time: none of them ever lacks a key."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    Account,
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import pair, rotation
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.spec import KeyPairSpec
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import access
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.access import Taken, Terms
from support.repeated import repeated
from support.sshd import SshServer

CHANGING = ("replace", "rename", "unlink", "link", "fsync", "fchmod")
NOW = Terms(grace=0, interval=10**10, now=4e9)


class Partner:
    """An account with a key of its own, and the public keys that the provider has registered for it."""

    def __init__(self, folder: Path, sshd: SshServer) -> None:
        self._sshd = sshd
        keys = folder / "keys"
        keys.mkdir(mode=0o700)
        self.wanted = KeyPairSpec(str(keys / "bank"), comment="us")
        pair.ensure(self.wanted, check=False)
        self.account: Account = account_from_options(sshd.account_options(private_key_file=self.wanted.path))
        self.register()

    def register(self, *which: str) -> None:
        """Let the provider register these public keys and no others; default: the one in use."""
        names = which or ("",)
        self._sshd.authorize([Path(f"{self.wanted.path}{name}.pub").read_text().strip() for name in names])

    def step(self, terms: Terms = NOW, **more: bool) -> Taken:
        return access.take_step(self.wanted, self.account, terms, **{"check": False, **more})

    @property
    def stage(self) -> str:
        return rotation.look(self.wanted.path).stage

    @contextmanager
    def in_use(self) -> Iterator[list[str]]:
        """Log in as the jobs do, all the time; yield what went wrong."""
        errors: list[str] = []

        def use() -> None:
            found = access.log_in(self.account)
            if found.outcome != "yes":
                errors.append(found.message)

        with repeated(use):
            yield errors


@pytest.fixture
def partner(tmp_path: Path, sshd: SshServer) -> Partner:
    return Partner(tmp_path, sshd)


def killed_at(call: Callable[[], object], number: int) -> bool:
    """Run a call in a process that ends before its nth change of a file; return whether it came to that."""
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 9)
        return status == 9
    left = number

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(9)
            return original(*args, **options)

        return run

    for name in CHANGING:
        setattr(os, name, counted(getattr(os, name)))
    try:
        call()
    except BaseException:
        os._exit(1)
    os._exit(0)


def test_no_login_lacks_a_key_while_each_step_is_killed_at_each_moment(partner: Partner) -> None:
    with partner.in_use() as errors:
        for stage, registered in (("new", ["", ".new"]), ("grace", ["", ".old"]), ("current", [""])):
            number, terms = 0, replace(NOW, grace=0 if stage == "current" else 10**10)
            while killed_at(partial(partner.step, terms), number):
                number += 1
            assert partner.stage == stage
            assert number > 0
            if stage != "current":
                partner.register(*registered)
    assert errors == []
    assert len(rotation.look(partner.wanted.path).retired) == 1


def test_each_run_takes_one_step_and_only_when_it_is_safe(partner: Partner) -> None:
    files = {path: path.read_bytes() for path in Path(partner.wanted.folder).iterdir()}
    assert partner.step(check=True).step == "make"
    assert {path: path.read_bytes() for path in Path(partner.wanted.folder).iterdir()} == files
    assert partner.step().step == "make"
    refused = partner.step()
    assert (refused.step, refused.login and refused.login.outcome) == ("", "no")
    assert all(path.read_bytes() == body for path, body in files.items())
    partner.register("", ".new")
    assert (partner.step(check=True).step, partner.stage) == ("switch", "new")
    assert partner.step().step == "switch"
    kept = partner.step(replace(NOW, grace=3600, now=time.time()))
    assert (kept.step, partner.stage) == ("", "grace")
    partner.register(".old")  # the provider has lost the new key
    lost = partner.step()
    assert (lost.step, lost.login and lost.login.outcome, partner.stage) == ("", "no", "grace")
    partner.register()
    assert partner.step().step == "retire"
    assert partner.step(replace(NOW, now=time.time())).step == ""
    assert partner.stage == "current"


@pytest.mark.parametrize(
    ("options", "outcome", "reason"),
    [
        ({"host_keys": [f"SHA256:{'A' * 43}"]}, "untrusted", "host_key_changed"),
        ({"host_keys": []}, "unknown", "host_key_unknown"),
        ({"port": 1}, "unknown", "port_closed"),
        ({"username": "nobody-there"}, "no", "user_refused"),
    ],
)
def test_a_login_that_fails_switches_nothing(
    partner: Partner, sshd: SshServer, options: dict[str, object], outcome: str, reason: str
) -> None:
    partner.step()
    partner.register("", ".new")
    before = Path(partner.wanted.path).read_bytes()
    given = {**sshd.account_options(private_key_file=partner.wanted.path), **options}
    taken = access.take_step(partner.wanted, account_from_options(given), NOW, check=False)
    assert taken.login is not None
    assert (taken.step, taken.login.outcome, taken.login.reason) == ("", outcome, reason)
    assert Path(partner.wanted.path).read_bytes() == before
