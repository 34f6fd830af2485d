# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""dropoff and pickup as tasks: check, run, check, run, against OpenSSH's server, with OpenSSH's sftp as the witness."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.desk import digests, fill
from support.peers import Target
from support.sshd import SshServer, user_key
from support.stage import InProcess, Stage, Step

NAMES = [
    "plain.xml",
    "a b'c\"d$(id).xml",
    "-rf.xml",
    "faktura-æøå.xml",
    "n" * 251 + ".xml",
    "comma, colon: {{ braces }}.xml",
]


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    folder = tmp_path / "outbox"
    folder.mkdir()
    return folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def _account(sshd: SshServer) -> dict[str, object]:
    return sshd.account_options(account="acme", timeout=20)


def _job(stage: Stage | InProcess, **options: object) -> dict[str, object]:
    return {"ledger": str(stage.folder / "ledger.sqlite3"), "settle": 0, **options}


def _everything(*folders: Path) -> dict[str, bytes | None]:
    """All paths under some folders with their content."""
    found = (path for folder in folders for path in folder.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


@pytest.mark.parametrize("python", [sys.executable, "/usr/bin/python3"])
def test_drop_off_check_run_check_run(stage: Stage, sshd: SshServer, outbox: Path, python: str) -> None:
    for name in NAMES:
        (outbox / name).write_bytes(name.encode())
    sent = digests(outbox)
    job = _job(stage, src=str(outbox), remote_dir="input")
    before = _everything(outbox, sshd.root)
    (foreseen,), _rest = stage.play(Step("dropoff", job, check=True, diff=True), defaults=_account(sshd), python=python)
    assert foreseen["changed"]
    assert foreseen["summary"]["delivered"] == len(NAMES)
    assert {one["name"]: one["reason"] for one in foreseen["files"]} == dict.fromkeys(NAMES, "predicted")
    assert _everything(outbox, sshd.root) == before
    assert not Path(str(job["ledger"])).exists()

    results = stage.play(
        Step("dropoff", job, diff=True),
        Step("dropoff", job, check=True, diff=True),
        Step("dropoff", job),
        defaults=_account(sshd),
        python=python,
    ).results
    done, nothing, again = results
    assert [done["changed"], nothing["changed"], again["changed"]] == [True, False, False]
    assert {one["name"]: one["sha256"] for one in done["files"]} == sent
    assert {one["outcome"] for one in done["files"]} == {"delivered"}
    assert done["summary"]["bytes"] == sum(len(name.encode()) for name in NAMES)
    assert nothing["summary"]["delivered"] == again["summary"]["delivered"] == 0
    shown = "".join(side for part in done["diff"] for side in (part["before"], part["after"]))
    assert all(name in shown for name in NAMES)
    assert done["diff"] == foreseen["diff"]
    assert digests(sshd.input) == digests(outbox / "archive") == sent
    assert digests(outbox) == {}
    _assert_sftp_gets(sshd, stage.folder, "input", {"plain.xml": sent["plain.xml"]})


def _assert_sftp_gets(sshd: SshServer, folder: Path, remote: str, expected: dict[str, str]) -> None:
    """OpenSSH's own client sees the files, and reads the same content."""
    target = Target(sshd.host, sshd.port, sshd.username, str(user_key().path), sshd.host_keys, folder)
    place = f"{sshd.username}@{sshd.host}:{remote}"
    for name, digest in expected.items():
        copy = folder / "copy"
        command = ["sftp", *target.ssh_options(), "-q", "-P", str(sshd.port), f"{place}/{name}", str(copy)]
        subprocess.run(command, check=True, capture_output=True)
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == digest
        copy.unlink()


def test_pick_up_check_run_check_run(here: InProcess, sshd: SshServer, inbox: Path) -> None:
    for name in NAMES:
        sshd.put(name, name.encode())
    there = digests(sshd.pickup)
    job = _job(here, dest=str(inbox), remote_dir="pickup")
    before = _everything(inbox, sshd.root)
    (foreseen,), _rest = here.play(Step("pickup", job, check=True, diff=True), defaults=_account(sshd))
    assert foreseen["changed"]
    assert {one["name"]: one["reason"] for one in foreseen["files"]} == dict.fromkeys(NAMES, "predicted")
    assert _everything(inbox, sshd.root) == before
    assert not Path(str(job["ledger"])).exists()

    done, nothing, again = here.play(
        Step("pickup", job, diff=True),
        Step("pickup", job, check=True, diff=True),
        Step("pickup", job),
        defaults=_account(sshd),
    ).results
    assert [done["changed"], nothing["changed"], again["changed"]] == [True, False, False]
    assert {one["name"]: one["sha256"] for one in done["files"]} == there
    assert {one["local_path"] for one in done["files"]} == {str(inbox / name) for name in NAMES}
    assert done["diff"] == foreseen["diff"]
    assert digests(inbox) == there
    assert list(sshd.pickup.iterdir()) == []


def test_the_preset_of_amili_needs_only_what_is_ones_own(
    here: InProcess, sshd: SshServer, outbox: Path, inbox: Path
) -> None:
    sent = fill(outbox, 3)
    sshd.put("report.xml", b"report")
    account = {name: value for name, value in _account(sshd).items() if name != "protocol"}
    dropped, picked, listed = here.play(
        Step("dropoff", _job(here, src=[str(outbox)])),
        Step("pickup", _job(here, dest=str(inbox))),
        Step("files_info", {"remote_dir": "input"}),
        defaults={**account, "preset": "amili_sftp"},
    ).results
    assert dropped["summary"]["delivered"] == 3
    assert digests(sshd.input) == sent
    assert (inbox / "report.xml").read_bytes() == b"report"
    assert picked["summary"]["delivered"] == 1
    assert listed["count"] == 3
    assert [one["name"] for one in listed["files"]] == sorted(sent)
    assert {(one["size"], one["kind"]) for one in listed["files"]} == {(20 * 1024, "file")}


def test_one_bad_file_fails_the_task_with_its_full_result(here: InProcess, sshd: SshServer, outbox: Path) -> None:
    fill(outbox, 2)
    bad = os.fsencode(outbox) + b"/latin-\xe9.xml"
    Path(os.fsdecode(bad)).write_bytes(b"bad")
    (result,), _rest = here.play(
        Step("dropoff", _job(here, src=str(outbox), remote_dir="input")), defaults=_account(sshd)
    )
    assert result["failed"]
    assert result["changed"]
    assert result["reason"] == "files_failed"
    assert "latin-\\xe9.xml" in result["msg"]
    assert result["files"][0]["name"] == "latin-\\xe9.xml"
    assert (result["files"][0]["outcome"], result["files"][0]["reason"]) == ("failed", "name_refused")
    assert {name: result["summary"][name] for name in ("delivered", "failed")} == {"delivered": 2, "failed": 1}
    assert len(digests(sshd.input)) == 2
    assert os.path.exists(bad)


def test_errors_tell_the_reason_and_no_secret(stage: Stage, sshd: SshServer, outbox: Path, inbox: Path) -> None:
    sent = fill(outbox, 1)
    account = _account(sshd)
    drop = _job(stage, src=str(outbox), remote_dir="input")
    secret = "a password & 'quotes'"
    pick = _job(stage, dest=str(inbox / "nowhere"), remote_dir="pickup")
    steps = [
        Step("dropoff", {**drop, "src": str(outbox / "nowhere")}),
        Step("dropoff", {**drop, "host_keys": []}),
        Step("dropoff", {**drop, "host_keys": ["nonsense"]}),
        Step("dropoff", {**drop, "private_key_file": str(outbox / "no-key")}),
        Step("dropoff", {**drop, "username": "nobody-here", "password": secret, "passphrase": secret}),
        Step("dropoff", {**drop, "preset": "no_such"}),
        Step("dropoff", {**drop, "remote_dir": "no/such"}),
        Step("pickup", pick),
        Step("files_info", {"remote_dir": "no/such"}),
        Step("connection_info", {"host": "no-such-host.invalid"}),
    ]
    results, output = stage.play(*steps, defaults=account)
    assert all(result["failed"] and not result["changed"] for result in results)
    assert [result["reason"] for result in results] == [
        "local_missing",
        "host_key_unknown",
        "host_keys_malformed",
        "key_missing",
        "user_refused",
        "preset_unknown",
        "remote_missing",
        "local_missing",
        "remote_missing",
        "host_unknown",
    ]
    for value, result in zip(
        [str(outbox / "nowhere"), "SHA256:", "nonsense", "no-key", "nobody-here", "amili_sftp", "no/such"], results
    ):
        assert value in result["msg"]
    assert secret not in output
    assert digests(outbox) == sent
    assert digests(sshd.input) == {}


@pytest.mark.parametrize("python", [sys.executable, "/usr/bin/python3"])
def test_names_are_utf_8_in_every_locale(
    stage: Stage, sshd: SshServer, outbox: Path, inbox: Path, latin_1: dict[str, str], python: str
) -> None:
    name = "faktura-æøå.xml"
    (outbox / name).write_bytes(b"sent")
    sshd.put(name, b"fetched")
    results = stage.play(
        Step("dropoff", _job(stage, src=str(outbox), remote_dir="input"), more={"environment": latin_1}),
        Step("pickup", _job(stage, dest=str(inbox), remote_dir="pickup"), more={"environment": latin_1}),
        defaults=_account(sshd),
        python=python,
    ).results
    assert [[one["name"] for one in result["files"]] for result in results] == [[name], [name]]
    assert (sshd.input / name).read_bytes() == b"sent"
    assert (inbox / name).read_bytes() == b"fetched"


def test_files_that_belong_together_go_in_their_order(here: InProcess, sshd: SshServer, outbox: Path) -> None:
    companions: list[object] = ["*.pdf", "*.xml", {"pattern": "*.zip", "optional": True, "after_taken": True}]
    job = _job(here, src=str(outbox), remote_dir="input", companions=companions)
    for name in ("a.xml", "a.zip"):
        (outbox / name).write_text(name)
    (waits,) = here.play(Step("dropoff", job), defaults=_account(sshd)).results
    assert {one["name"]: one["reason"] for one in waits["files"]} == dict.fromkeys(
        ("a.xml", "a.zip"), "companion_missing"
    )
    assert not waits["changed"]
    (outbox / "a.pdf").write_text("a.pdf")
    (sent,) = here.play(Step("dropoff", job), defaults=_account(sshd)).results
    assert {one["name"]: one["reason"] for one in sent["files"]} == {
        "a.pdf": "",
        "a.xml": "",
        "a.zip": "companion_not_taken",
    }
    (sshd.input / "a.xml").unlink()
    (ended,) = here.play(Step("dropoff", job), defaults=_account(sshd)).results
    assert ended["summary"]["delivered"] == 1
    assert digests(outbox) == {}
