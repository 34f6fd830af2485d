# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``status``: the age and the next step of each account's key."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from support.command import Host, prepared
from support.sshd import SshServer, make_key, user_key

DAY = 86400


@pytest.fixture
def key(system_host: Host, sshd: SshServer) -> Path:
    """The key of the account acme, among the keys of the configuration, and 120 days old."""
    prepared(system_host)
    keys = system_host.config / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    key = keys / "acme"
    shutil.copy(user_key().path, key)
    os.utime(key, (time.time() - 120 * DAY,) * 2)
    system_host.account("acme", {**sshd.account_options(), "private_key_file": "credential:acme"})
    return key


def test_each_stage_has_its_next_step(system_host: Host, key: Path) -> None:
    ours = user_key().fingerprint
    (told,) = system_host.run("status", "--json").document["keys"]
    assert (told["account"], told["stage"], told["key"]["age"]) == ("acme", "current", 120)
    assert told["key"]["fingerprint"] == ours
    assert "rotate_keys" in told["next_step"]
    line = system_host.run("status").out.splitlines()[-1]
    assert line.startswith(f"key of acme: 120 days old, ed25519 {ours}. One key is in use.")

    new = make_key(key.with_name("acme.new"))
    (told,) = system_host.run("status", "--json").document["keys"]
    assert (told["stage"], told["new"]["fingerprint"]) == ("new", new.fingerprint)
    assert "Let the provider register the new key" in system_host.run("status").out

    key.with_name("acme.new").rename(key.with_name("acme.old"))
    (told,) = system_host.run("status", "--json").document["keys"]
    assert (told["stage"], told["old"]["fingerprint"]) == ("grace", new.fingerprint)
    assert "it retires the old key" in told["next_step"]


def test_a_key_with_a_certificate_is_replaced_by_hand(system_host: Host, key: Path, sshd: SshServer) -> None:
    options = {"private_key_file": "credential:acme", "certificate_file": f"{key}-cert.pub"}
    system_host.account("acme", {**sshd.account_options(), **options})
    (told,) = system_host.run("status", "--json").document["keys"]
    assert "rotate_keys" not in told["next_step"]
    assert "filedrop keygen" in told["next_step"]


def test_what_cannot_be_read_is_said_and_no_job_is_worse_by_it(system_host: Host, key: Path) -> None:
    key.write_text("no key")
    ended = system_host.run("status", "--json")
    (told,) = ended.document["keys"]
    assert ended.status == 0
    assert (told["stage"], told["key"]) == (None, None)
    assert str(key) in told["message"]
    key.unlink()
    (told,) = system_host.run("status", "--json").document["keys"]
    assert told["stage"] == "missing"


def test_an_account_with_a_password_has_no_key(system_host: Host, key: Path, sshd: SshServer) -> None:
    options = {name: value for name, value in sshd.account_options().items() if name != "private_key_file"}
    system_host.account("acme", {**options, "password": "x"})
    assert system_host.run("status", "--json").document["keys"] == []
