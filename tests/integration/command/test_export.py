# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``filedrop export``: files that a person has chosen, and what was sent before."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
from support.command import Host
from support.sshd import SshServer

from .test_only import names, told
from .test_run import ready, refused

FILES = ("a.xml", "a.pdf", "b.XML", "statement.COD", "notes.txt")
SENT = r"An earlier run moved this file on \d{4}-\d\d-\d\d at \d\d:\d\d:\d\d UTC, and kept the original\."
DAY = 86400


@pytest.fixture
def documents(host: Host) -> Host:
    """A host with a job for export alone, and a file of each kind."""
    ready(host).dropoff("documents", by_hand=True, after="keep")
    for name in FILES:
        (host.outbox / name).write_text(name)
    return host


def test_all_files_are_sent_once_and_the_second_export_says_when(documents: Host, sshd: SshServer) -> None:
    first = documents.run("export", "documents")
    assert (first.status, first.err) == (0, "")
    assert {line.split()[:2][1] for line in first.out.splitlines()[1:]} == set(FILES)
    assert names(sshd.input) == names(documents.outbox) == set(FILES)
    for path in sshd.input.iterdir():
        path.unlink()  # the partner took them
    second = documents.run("export", "documents", "--json")
    assert second.status == 0
    assert told(second) == dict.fromkeys(FILES, ("skipped", "moved_before"))
    assert all(re.match(SENT, file["message"]) for file in second.document["files"])
    assert all("--again" in file["message"] for file in second.document["files"])
    assert names(sshd.input) == set()
    again = documents.run("export", "documents", "--again", "--only", "a.xml", "--json")
    assert told(again) == {"a.xml": ("delivered", "")}
    assert names(sshd.input) == {"a.xml"}


def test_a_file_whose_time_alone_changed_was_sent_before(documents: Host, sshd: SshServer) -> None:
    documents.run("export", "documents")
    for path in sshd.input.iterdir():
        path.unlink()
    os.utime(documents.outbox / "a.xml", (1, 1))
    (documents.outbox / "a.pdf").write_text("another")
    foreseen = told(documents.run("export", "documents", "--dry-run", "--json"))
    assert foreseen["a.pdf"] == ("delivered", "predicted")
    assert foreseen["a.xml"] == ("skipped", "moved_before")
    ended = documents.run("export", "documents", "--json")
    assert told(ended) == {**dict.fromkeys(FILES, ("skipped", "moved_before")), "a.pdf": ("delivered", "")}
    assert names(sshd.input) == {"a.pdf"}


def test_a_name_that_is_still_there_is_not_overwritten(documents: Host, sshd: SshServer) -> None:
    documents.run("export", "documents", "--only", "a.xml")
    (sshd.input / "a.xml").write_text("changed by the partner")
    ended = documents.run("export", "documents", "--again", "--only", "a.xml", "--json")
    assert (ended.status, told(ended)) == (1, {"a.xml": ("waiting", "name_taken")})
    assert (sshd.input / "a.xml").read_text() == "changed by the partner"


def test_an_export_that_was_repeated_in_vain_does_not_wipe_out_the_first_one(documents: Host, sshd: SshServer) -> None:
    documents.run("export", "documents")
    waits = documents.run("export", "documents", "--again", "--json")
    assert (waits.status, set(told(waits).values())) == (1, {("waiting", "name_taken")})
    for path in sshd.input.iterdir():
        path.unlink()
    later = documents.run("export", "documents", "--json")
    assert (later.status, set(told(later).values())) == (0, {("skipped", "moved_before")})
    assert names(sshd.input) == set()


def test_a_preset_has_no_notes_about_its_own_patterns(documents: Host) -> None:
    preset(documents, "billit_ftp")
    documents.dropoff("documents")
    assert documents.run("export", "documents", "--json").document["notes"] == []


def test_a_time_frame_chooses(documents: Host, sshd: SshServer) -> None:
    now = time.time()
    for age, name in enumerate(FILES):
        os.utime(documents.outbox / name, (now - age * DAY,) * 2)
    frame = [
        f"--{end}={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now - days * DAY - 60))}"
        for end, days in (("from", 3), ("to", 1))
    ]
    ended = documents.run("export", "documents", *frame, "--json")
    assert told(ended) == dict.fromkeys(FILES[2:4], ("delivered", ""))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["invoices"], {"a.xml", "b.XML"}),
        (["attachments"], {"a.pdf"}),
        (["invoices", "attachments"], {"a.xml", "b.XML", "a.pdf"}),
        ([], {"a.xml", "b.XML", "a.pdf"}),
    ],
)
def test_kinds_choose_and_coda_never_goes_over_sftp(
    documents: Host, sshd: SshServer, kinds: list[str], expected: set[str]
) -> None:
    preset(documents, "billit_ftp")
    documents.dropoff("documents")  # by_hand, keep and include come from the preset
    ended = documents.run("export", "documents", *[f"--kind={kind}" for kind in kinds], "--json")
    assert told(ended) == dict.fromkeys(expected, ("delivered", ""))
    assert names(sshd.input) == expected


def test_a_kind_that_the_protocol_does_not_carry_is_refused(documents: Host) -> None:
    preset(documents, "billit_ftp")
    message = refused(documents.run("export", "documents", "--kind", "coda", "--json"), 2, "option_invalid")
    assert message.startswith("--kind: 'coda' is a kind of files that the preset billit_ftp does not send over sftp.")
    named = documents.run("export", "documents", "--only", "statement.COD", "--json")
    assert told(named) == {"statement.COD": ("failed", "not_selected")}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--kind", "invoices"], "--kind: 'invoices' is given, but only accounts with a preset that has kinds"),
        (["--from", "yesterday"], "--from: 'yesterday' is neither a date nor a time"),
        (["--from", "2026-11-02", "--to", "2026-11-01"], "--from: '2026-11-02' is not before --to"),
        (["--only", "in/a.xml"], "--only: 'in/a.xml' is not the name of a file"),
    ],
)
def test_a_choice_that_cannot_be_is_refused(documents: Host, flags: list[str], words: str) -> None:
    assert refused(documents.run("export", "documents", *flags, "--json"), 2, "option_invalid").startswith(words)


def test_the_known_kinds_are_told(documents: Host) -> None:
    preset(documents, "billit_ftp")
    message = refused(documents.run("export", "documents", "--kind", "invoice", "--json"), 2, "option_invalid")
    assert "invoices, attachments, coda" in message


def test_run_refuses_a_job_for_export_by_name(documents: Host, sshd: SshServer) -> None:
    for flags in ([], ["--force"], ["--dry-run"], ["--only", "a.xml"]):
        message = refused(documents.run("run", "documents", *flags, "--json"), 2, "by_hand")
        assert "filedrop export documents" in message
    checked = documents.run("check")
    assert (checked.status, checked.out) == (0, "documents: for export by hand.\n")
    assert "5 files (37 B) would be delivered" in documents.run("check", "documents").out
    assert names(sshd.input) == set()


def test_a_scheduled_job_can_be_exported_and_status_still_shows_its_own_runs(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff(every="15m", after="keep")
    (host.outbox / "a.xml").write_text("a")
    assert host.run("run", "invoices").status == 0
    before = host.run("status", "--json").document["jobs"][0]["last_run"]
    (host.outbox / "b.xml").write_text("b")
    assert told(host.run("export", "invoices", "--json")) == {
        "a.xml": ("skipped", "moved_before"),
        "b.xml": ("delivered", ""),
    }
    assert host.run("status", "--json").document["jobs"][0]["last_run"] == before
    assert names(sshd.input) == {"a.xml", "b.xml"}


def test_status_shows_the_last_export_of_a_job_that_has_no_schedule(documents: Host) -> None:
    documents.run("export", "documents")
    shown = documents.run("status", "--json").document["jobs"][0]
    assert (shown["schedule"], shown["last_run"]["delivered"], shown["problems"]) == ("by hand", len(FILES), [])


def test_a_file_out_of_the_archive_goes_again_when_told_to(host: Host, sshd: SshServer) -> None:
    ready(host).dropoff()
    (host.outbox / "a.xml").write_text("a")
    host.run("export", "invoices")
    (sshd.input / "a.xml").unlink()
    (host.outbox / "archive" / "a.xml").rename(host.outbox / "a.xml")
    assert told(host.run("export", "invoices", "--again", "--json")) == {"a.xml": ("delivered", "")}
    assert names(sshd.input) == {"a.xml"}
    assert names(host.outbox) == set()


@pytest.mark.parametrize("option", [{"every": "15m"}, {"on_calendar": "06:00"}, {"every": "1h", "on_arrival": True}])
def test_a_job_for_export_has_no_schedule(documents: Host, option: dict[str, object]) -> None:
    documents.dropoff("documents", by_hand=True, after="keep", **option)
    message = refused(documents.run("export", "documents", "--json"), 2, "option_invalid")
    assert f"{next(iter(option))}: " in message
    assert "export by hand (by_hand)" in message


def test_a_pickup_is_not_exported(host: Host) -> None:
    ready(host).pickup()
    assert "only drop-offs" in refused(host.run("export", "reports", "--json"), 2, "option_invalid")


def preset(host: Host, name: str) -> None:
    """Give the account a preset, and keep it on the server of the test."""
    path = Path(host.config / "accounts" / "acme.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "preset": name, "protocol": "sftp"}))
