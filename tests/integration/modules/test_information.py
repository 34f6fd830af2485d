# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules that only look tell of OpenSSH's server, compared with what OpenSSH's own tools tell."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from support.sshd import HOST_KEY_TYPES, SshServer, host_key
from support.stage import REMOTE, InProcess, Stage, Step


def test_connection_info_tells_what_is_there(here: InProcess, sshd: SshServer) -> None:
    sshd.put("one.xml", b"1")
    sshd.put("two.xml", b"2")
    ledger = here.folder / "ledger.sqlite3"
    options = {"folders": ["input", "pickup", "nowhere"], "ledger": str(ledger)}
    checked, found = here.play(
        Step("connection_info", options, check=True), Step("connection_info", options), defaults=sshd.account_options()
    ).results
    for result in (checked, found):
        assert not result["changed"]
        assert result["host_key"]["line"] == host_key("ed25519").public
        assert result["host_key"]["fingerprint"] == host_key("ed25519").fingerprint
        assert result["server_version"].startswith("SSH-2.0-OpenSSH_")
        assert result["sftp_version"] == 3
        assert (result["transport"], result["weak"]) == ("paramiko", [])
        assert result["private_key"] == {"path": sshd.private_key_file, "age": 0}
        assert result["extensions"]["limits@openssh.com"] == "1"
        assert result["latency"] > 0
        assert {one["path"]: (one["exists"], one["listable"], one["entries"]) for one in result["folders"]} == {
            "input": (True, True, 0),
            "pickup": (True, True, 2),
            "nowhere": (False, False, None),
        }
    assert sorted(path.name for path in sshd.root.rglob("*")) == ["input", "one.xml", "pickup", "two.xml"]


def test_connection_info_tries_only_where_it_may(here: InProcess, sshd: SshServer) -> None:
    probe = sshd.root / "probe"
    probe.mkdir()
    sshd.give(probe)
    options = {"ledger": str(here.folder / "ledger.sqlite3"), "folders": ["input"]}
    unknown, found = here.play(
        Step("connection_info", options),
        Step("connection_info", {**options, "probe_dir": "probe"}),
        defaults=sshd.account_options(),
    ).results
    assert unknown["capabilities"]["rename"] == "unknown"
    assert found["capabilities"]["rename"] == found["capabilities"]["exclusive_create"] == "yes"
    assert list(probe.iterdir()) == []


def test_host_keys_info_shows_what_ssh_keyscan_shows(stage: Stage, sshd: SshServer) -> None:
    (found,), _rest = stage.play(
        Step("host_keys_info", {"host": sshd.host, "port": sshd.port, "host_keys": [host_key("rsa").fingerprint]})
    )
    scan = ["ssh-keyscan", "-p", str(sshd.port), "-t", ",".join(HOST_KEY_TYPES), sshd.host]
    shown = subprocess.run(scan, check=True, capture_output=True, text=True).stdout.splitlines()
    lines = {line.partition(" ")[2] for line in shown if not line.startswith("#")}
    assert {one["line"] for one in found["host_keys"]} == lines
    assert {one["fingerprint"] for one in found["host_keys"]} == {host_key(name).fingerprint for name in HOST_KEY_TYPES}
    assert [one["fingerprint"] for one in found["host_keys"] if one["trusted"]] == [host_key("rsa").fingerprint]
    assert "Accepted" not in sshd.log


def test_a_ledger_for_the_whole_action_group_breaks_no_module(stage: Stage, sshd: SshServer) -> None:
    sshd.put("report.xml", b"x")
    (stage.folder / "outbox").mkdir()
    (stage.folder / "inbox").mkdir()
    (stage.folder / "outbox" / "invoice.xml").write_bytes(b"x")
    ledger = stage.folder / "group-ledger"
    options: dict[str, Mapping[str, object]] = {
        "files_info": {"remote_dir": "pickup"},
        "dropoff": {"src": str(stage.folder / "outbox"), "remote_dir": "input", "settle": 0},
        "pickup": {"dest": str(stage.folder / "inbox"), "remote_dir": "pickup", "settle": 0, "min_free": "0"},
        "resolve": {"all_held": True, "decision": "discard"},
    }
    results = stage.play(
        *(Step(module, options.get(module, {})) for module in sorted(REMOTE)),
        defaults={**sshd.account_options(account="acme"), "ledger": str(ledger)},
    ).results
    told = {module: found.get("msg") for module, found in zip(sorted(REMOTE), results) if found["failed"]}
    assert told == {}
    assert ledger.exists()


def test_files_info_lists_by_pattern(stage: Stage, sshd: SshServer) -> None:
    for name in ("a.xml", "b.xml", "c.txt"):
        sshd.put(name, name.encode() * 10)
    Path(sshd.pickup / "folder").mkdir()
    listed, checked = stage.play(
        Step("files_info", {"remote_dir": "pickup", "include": ["*.xml"], "exclude": ["b*"]}),
        Step("files_info", {"remote_dir": "/pickup"}, check=True),
        defaults=sshd.account_options(),
    ).results
    assert [(one["name"], one["size"], one["kind"]) for one in listed["files"]] == [("a.xml", 50, "file")]
    assert [one["name"] for one in checked["files"]] == ["a.xml", "b.xml", "c.txt", "folder"]
    assert not listed["changed"]
