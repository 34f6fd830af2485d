# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``filedrop run --only``: some files of a job, by their names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.command import Ended, Host
from support.desk import fill
from support.sshd import SshServer

from .test_run import ready


def told(ended: Ended) -> dict[str, tuple[str, str]]:
    return {file["name"]: (file["outcome"], file["reason"]) for file in ended.document["files"]}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_only_the_named_files_are_sent(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff()
    wanted = sorted(fill(host.outbox, 4))[1:3]
    only = [f"--only={name}" for name in wanted]
    foreseen = host.run("check", "invoices", *only, "--json").document["jobs"][0]
    assert [(file["name"], file["reason"]) for file in foreseen["files"]] == [(name, "predicted") for name in wanted]
    assert told(host.run("run", "invoices", "--dry-run", *only, "--json")).keys() == set(wanted)
    ended = host.run("run", "invoices", *only, "--json")
    assert ended.status == 0
    assert told(ended) == dict.fromkeys(wanted, ("delivered", ""))
    assert names(sshd.input) == set(wanted)
    assert len(names(host.outbox)) == 2


def test_only_the_named_files_are_fetched_with_their_checksums(host: Host, sshd: SshServer) -> None:
    ready(host).pickup(verify="size")
    for name in ("a.xml", "a.xml.sha256", "b.xml"):
        sshd.put(name, b"x")
    ended = host.run("run", "reports", "--only", "a.xml")
    assert ended.status == 0
    assert names(host.inbox) == {"a.xml", "a.xml.sha256"}
    assert names(sshd.pickup) == {"b.xml"}


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_what_cannot_be_moved_is_refused_by_name(host: Host, sshd: SshServer, direction: str) -> None:
    job, folder = prepared(host, sshd, direction, include=["*.xml"])
    (folder / "folder.xml").mkdir()
    (folder / "link.xml").symlink_to("/etc/passwd")
    for name in ("a.xml", "b.csv", "c.xml"):
        (folder / name).write_bytes(b"x")
    flags = [f"--only={name}" for name in ("a.xml", "b.csv", "gone.xml", "folder.xml", "link.xml")]
    ended = host.run("run", job, *flags, "--json")
    assert ended.status == 1
    assert told(ended) == {
        "a.xml": ("delivered", ""),
        "b.csv": ("failed", "not_selected"),
        "gone.xml": ("failed", "not_found"),
        "folder.xml": ("failed", "not_a_file"),
        "link.xml": ("failed", "not_a_file"),
    }
    assert all(file["message"] for file in ended.document["files"] if file["outcome"] == "failed")
    assert ended.document["notes"] == []


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_a_name_of_another_host_s_share_is_refused(host: Host, sshd: SshServer, direction: str) -> None:
    job, folder = prepared(host, sshd, direction, share={"index": 0, "count": 2})
    wanted = [f"{number}.xml" for number in range(12)]
    for name in wanted:
        (folder / name).write_bytes(b"x")
    ended = host.run("run", job, *(f"--only={name}" for name in wanted), "--json")
    assert ended.status == 1
    assert told(ended).keys() == set(wanted)
    assert set(told(ended).values()) == {("delivered", ""), ("failed", "other_share")}


def prepared(host: Host, sshd: SshServer, direction: str, **options: Any) -> tuple[str, Path]:
    """A job of a direction, and the folder of its originals."""
    ready(host)
    if direction == "dropoff":
        host.dropoff(**options)
        return "invoices", host.outbox
    host.pickup(**options)
    return "reports", sshd.pickup


def test_a_name_that_is_not_there_is_told_and_the_others_go(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff()
    (name,) = fill(host.outbox, 1)
    ended = host.run("run", "invoices", "--only", name, "--only", "gone.xml")
    assert ended.status == 1
    assert f"failed     gone.xml  not_found: There is no file 'gone.xml' in '{host.outbox}'." in ended.out
    assert names(sshd.input) == {name}


def test_a_file_that_was_moved_before_is_told_so(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff(after="keep")
    host.pickup(after="keep")
    (name,) = fill(host.outbox, 1)
    sshd.put("report.xml", b"x")
    for job, one in (("invoices", name), ("reports", "report.xml")):
        assert told(host.run("run", job, "--only", one, "--json")) == {one: ("delivered", "")}
        again = host.run("run", job, "--only", one, "--json")
        assert (again.status, told(again)) == (0, {one: ("skipped", "moved_before")})
        full = host.run("run", job, "--json").document
        assert (full["files"], full["summary"]["skipped"]) == ([], 1)


def test_limits_count_and_what_waits_of_other_names_still_waits(host: Host) -> None:
    ready(host).dropoff(max_files=1)
    first, *others = sorted(fill(host.outbox, 4))
    for seconds, name in enumerate((first, *others), start=1_600_000_000):
        os.utime(host.outbox / name, (seconds, seconds))
    host.run("run", "invoices")
    before = host.run("history", "--outcome", "waiting", "--json").document["files"]
    assert sorted(file["name"] for file in before) == others
    ended = host.run("run", "invoices", *(f"--only={name}" for name in others[:2]), "--json")
    assert told(ended) == {others[0]: ("delivered", ""), others[1]: ("waiting", "limit_reached")}
    after = host.run("history", "--outcome", "waiting", "--json").document["files"]
    assert sorted(file["name"] for file in after) == others[1:]
    assert {file["changed"] for file in after} <= {file["changed"] for file in before}


def test_a_narrow_run_is_not_the_latest_run_of_its_job(host: Host) -> None:
    ready(host).dropoff(include=["invoice-*"])
    fill(host.outbox, 1)
    host.run("run", "invoices", "--only", "invoice-00000.xml")
    assert host.run("status", "invoices", "--json").document["jobs"][0]["last_run"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "invoices", "--only", "sub/a.xml"), "'sub/a.xml' is not the name of a file"),
        (("run", "invoices", "--only", ""), "'' is empty"),
        (("run", "invoices", "--only", "a.xml", "--wait"), "--wait runs for all new files"),
        (("check", "--only", "a.xml"), "Name exactly one job"),
        (("check", "invoices", "reports", "--only", "a.xml"), "Name exactly one job"),
    ],
)
def test_names_that_make_no_sense_are_refused(host: Host, arguments: tuple[str, ...], words: str) -> None:
    ready(host).dropoff()
    host.pickup()
    ended = host.run(*arguments)
    assert ended.status == 2
    assert words in ended.err
