# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""filedrop keygen: the key pair that an account names, as ssh-keygen and the server see it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.command import Host
from support.sshd import SshServer

SECRET = "correct horse"


def _keygen(*words: str) -> str:
    return subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, text=True).stdout.strip()


def _told(host: Host, *words: str) -> dict[str, Any]:
    ended = host.run("keygen", "bank", "--json", *words)
    found: dict[str, Any] = json.loads(ended.out)
    assert ended.status == found["status"]
    return found


def _key(host: Host) -> Path:
    return host.config / "keys" / "bank"


def _account(host: Host, sshd: SshServer, **more: Any) -> None:
    host.account("bank", {**sshd.account_options(), "private_key_file": "credential:bank", **more})


def test_a_key_is_made_shown_and_logs_in(host: Host, sshd: SshServer) -> None:
    _account(host, sshd)
    foreseen = _told(host, "--dry-run")
    assert (foreseen["action"], foreseen["changed"], foreseen["public_key"]) == ("create", True, None)
    assert not _key(host).exists()
    made = host.run("keygen", "bank", "--comment", "for the bank")
    assert made.status == 0, made.err
    line = _key(host).with_name("bank.pub").read_text().strip()
    assert made.out.splitlines()[-1] == line
    assert line.endswith(" for the bank")
    fingerprint = _keygen("-l", "-f", str(_key(host))).split()[1]
    assert f"Fingerprint: {fingerprint}\n" in made.out
    assert _keygen("-y", "-f", str(_key(host))) == line
    assert stat.S_IMODE(_key(host).stat().st_mode) == 0o600
    kept = _told(host)
    assert (kept["action"], kept["changed"], kept["fingerprint"]) == ("keep", False, fingerprint)
    assert "PRIVATE KEY" not in made.out + json.dumps(kept)

    sshd.authorize([line])
    host.dropoff(account="bank")
    assert host.run("init").status == 0
    (host.outbox / "a.xml").write_text("a")
    assert host.run("run", "invoices").status == 0


@pytest.mark.parametrize(("words", "action"), [((), "key_differs"), (("--regenerate", "never"), "keep")])
def test_another_key_is_kept(system_host: Host, sshd: SshServer, words: tuple[str, ...], action: str) -> None:
    _account(system_host, sshd)
    made = _told(system_host, "--type", "rsa", "--bits", "2048")
    told = _told(system_host, *words)
    if action == "keep":
        assert (told["action"], told["fingerprint"], told["type"]) == ("keep", made["fingerprint"], "rsa")
        assert "is kept, although it is of type rsa" in system_host.run("keygen", "bank", *words).err
    else:
        assert (told["status"], told["error"]["reason"]) == (2, action)
        assert "use --regenerate full_idempotence" in told["error"]["message"]
        assert "Correct the flags" in told["error"]["message"]


@pytest.mark.parametrize("backup", [True, False])
def test_a_key_is_replaced_on_request(system_host: Host, sshd: SshServer, backup: bool) -> None:
    _account(system_host, sshd)
    old = _told(system_host)
    words = ("--type", "ecdsa", "--regenerate", "partial_idempotence", *(() if backup else ("--no-backup",)))
    foreseen, new = _told(system_host, "--dry-run", *words), _told(system_host, *words)
    assert (foreseen["action"], new["action"], foreseen["fingerprint"]) == ("replace", "replace", None)
    assert new["fingerprint"] != old["fingerprint"]
    assert ("backup" in new) is backup
    assert len([name for name in os.listdir(_key(system_host).parent) if "bank" in name]) == (4 if backup else 2)
    if backup:
        assert _keygen("-l", "-f", new["backup"]["private_key_file"]).split()[1] == old["fingerprint"]


def test_the_passphrase_is_that_of_the_account(host: Host, sshd: SshServer) -> None:
    _account(host, sshd, passphrase_file="credential:bank.passphrase")
    _key(host).parent.mkdir(exist_ok=True)
    phrase = _key(host).with_name("bank.passphrase")
    phrase.write_text(SECRET)
    phrase.chmod(0o600)
    made = host.run("keygen", "bank", "-v")
    assert made.status == 0, made.err
    assert SECRET not in made.out + made.err
    assert _keygen("-y", "-P", SECRET, "-f", str(_key(host))).split()[:2] == made.out.splitlines()[-1].split()[:2]
    phrase.write_text("battery staple")
    refused = _told(host)
    assert refused["error"]["reason"] == "key_passphrase"
    assert "staple" not in json.dumps(refused)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_root_makes_the_key_for_the_owner_of_its_folder(system_host: Host, sshd: SshServer) -> None:
    _account(system_host, sshd)
    _key(system_host).parent.mkdir(exist_ok=True)
    os.chown(_key(system_host).parent, 12345, 54321)
    _told(system_host)
    for path in (_key(system_host), _key(system_host).with_name("bank.pub")):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)
    os.chown(_key(system_host), 0, 0)
    assert not _told(system_host)["changed"]
    assert _key(system_host).stat().st_uid == 0  # an existing key keeps its owner


@pytest.mark.parametrize(
    ("options", "words", "reason", "said"),
    [
        ({"protocol": "folder", "root": "/srv"}, (), "option_missing", "private_key_file"),
        (None, (), "file_missing", "accounts/bank.json"),
        ({}, ("--bits", "1"), "bits_impossible", "--bits: 1 is not"),
        ({}, ("--comment", "a\nb"), "comment_malformed", "--comment: "),
        (
            {"private_key_file": "/no/such/folder/key", "host": "x", "username": "x"},
            (),
            "folder_missing",
            "private_key_file of the account",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    system_host: Host, sshd: SshServer, options: dict[str, Any] | None, words: tuple[str, ...], reason: str, said: str
) -> None:
    if options is not None:
        given = options or {**sshd.account_options(), "private_key_file": "credential:bank"}
        written = {name: value for name, value in given.items() if value is not None}
        (system_host.config / "accounts" / "bank.json").write_text(json.dumps(written))
    for dry_run in ((), ("--dry-run",)):
        told = _told(system_host, *words, *dry_run)
        assert (told["status"], told["error"]["reason"]) == (2, reason)
        assert said in told["error"]["message"]
