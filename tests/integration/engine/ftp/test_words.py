# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server says is judged without the names in it, and a name is looked at right before a rename to it."""

from __future__ import annotations

import threading

import pytest
from support.desk import Desk, assert_delivered, outcomes, put
from support.lying_ftp import TIME, LyingFtp, Session

CONTENT = bytes(range(256)) * 400


def test_a_name_that_is_repeated_in_a_refusal_is_no_reason(desk: Desk, server: LyingFtp) -> None:
    names = ["block.xml", "error-1.xml", "permission.xml", "busy.xml", "read only.xml", "exists.xml"]
    server.features = ("SIZE", "MDTM")
    server.hooks["SIZE"] = lambda session, path: (
        True if session.path(path) in server.files else session.say(f"550 {path}: unavailable")
    )
    put(desk.outbox, CONTENT, *names)
    assert_delivered(desk.drop_off(), names)


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_a_file_named_not_found_is_not_overwritten(desk: Desk, server: LyingFtp, upload: str) -> None:
    server.features = ("SIZE", "MDTM")
    server.files["input/not found.xml"] = b"theirs"
    server.hooks["SIZE"] = lambda session, path: (
        session.say(f"550 {path}: Permission denied") if path.endswith("not found.xml") else True
    )
    (desk.outbox / "not found.xml").write_bytes(CONTENT)
    desk.drop_off(upload=upload)
    assert server.files["input/not found.xml"] == b"theirs"


def test_a_folder_named_incomplete_is_listed(desk: Desk, server: LyingFtp) -> None:
    server.folders.add("pickup/incomplete")
    server.files["pickup/incomplete/a.xml"] = CONTENT
    server.hooks["MLSD"] = lambda session, path: session.listing(
        path, lambda name, size: f"type=file;size={size};modify={TIME}; {name}", text=f"226 Listing of /{path} done"
    )
    assert_delivered(desk.pick_up(remote_dir="pickup/incomplete"), ["a.xml"])


def test_a_user_with_a_word_in_the_name_is_refused_and_not_asked_to_come_back(desk: Desk, server: LyingFtp) -> None:
    server.hooks["PASS"] = lambda session, _password: session.say("530 User acme-limited cannot log in.")
    server.hooks["USER"] = lambda session, _name: session.say("331 Password required")
    (desk.outbox / "a.xml").write_bytes(CONTENT)
    result = desk.drop_off(account={"username": "acme-limited"})
    assert result.error is not None
    assert result.error.reason == "login_refused"


def test_a_file_named_tilde_is_no_home(desk: Desk, server: LyingFtp) -> None:
    seen: list[str] = []
    server.hooks["STOR"] = lambda _session, path: seen.append(path) or True
    (desk.outbox / "~").write_bytes(CONTENT)
    desk.drop_off(remote_dir=".", upload="direct")
    assert seen == ["./~"]


def test_a_name_is_looked_at_right_before_the_rename(desk: Desk, server: LyingFtp) -> None:
    """Files queue for the one connection, and somebody takes each name soon after the look at it."""
    asked: set[str] = set()
    overwritten: list[str] = []

    def size(_session: Session, path: str) -> bool:
        if path.endswith(".xml") and path not in asked:
            asked.add(path)
            threading.Timer(0.3, lambda: server.files.setdefault(path, b"theirs")).start()
        return True

    def rename_to(session: Session, path: str) -> bool:
        overwritten.extend([path] if session.path(path) in server.files else [])
        return True

    server.hooks.update(STOR=lambda session, path: session.store(path, wait=0.5), SIZE=size, RNTO=rename_to)
    names = [f"{name}.xml" for name in "abcdef"]
    put(desk.outbox, CONTENT, *names)
    result = desk.drop_off()
    assert overwritten == []
    told = outcomes(result)
    assert set(told.values()) <= {("delivered", ""), ("waiting", "name_taken")}
    assert [name for name in names if told[name][0] == "delivered" and server.files[f"input/{name}"] != CONTENT] == []


def test_a_set_on_a_server_without_times_is_in_no_time_frame(desk: Desk, server: LyingFtp) -> None:
    server.features = ("EPSV",)
    for command in ("SIZE", "MDTM"):
        server.hooks[command] = lambda session, _path: session.say("502 no")
    server.files.update({"pickup/a.pdf": b"1", "pickup/a.xml": b"2"})
    pair = ["*.pdf", "*.xml"]
    for _run in range(2):
        desk.pick_up(after="keep", companions=pair)
    result = desk.pick_up(after="keep", companions=pair, modified_from="2020-01-01")
    assert (result.error, result.counts["delivered"]) == (None, 0)
    assert any("no known time" in note for note in result.notes)


def test_a_time_that_is_refused_for_now_is_no_other_file(desk: Desk, server: LyingFtp) -> None:
    server.features = ("SIZE", "MDTM")
    server.files["pickup/a.xml"] = CONTENT
    asked: list[str] = []

    def time_of(session: Session, path: str) -> object:
        asked.append(path)
        return session.say("450 busy, try again") if len(asked) == 3 else True

    server.hooks["MDTM"] = time_of
    desk.pick_up()
    server.hooks.pop("MDTM")
    desk.pick_up()
    assert [path.name for path in desk.inbox.iterdir()] == ["a.xml"]
    assert "pickup/a.xml" not in server.files


@pytest.mark.parametrize("text", ["(but failed to open directory)", "permission denied", "could not open"])
def test_a_listing_that_says_that_it_failed_is_an_error(desk: Desk, server: LyingFtp, text: str) -> None:
    server.hooks["MLSD"] = lambda session, _path: session.send_data(b"", text=f"226 Transfer done {text}.")
    result = desk.pick_up()
    assert result.error is not None
    assert result.error.reason == "listing_incomplete"


def test_a_size_that_is_refused_for_now_fails_one_file(desk: Desk, server: LyingFtp) -> None:
    refused: list[str] = []

    def size(session: Session, path: str) -> object:
        if path.endswith(".part") and len(refused) < 2 and (not refused or refused[0] == path):
            refused.append(path)
            return session.say("450 busy, try again")
        return True

    server.features = ("SIZE", "MDTM")
    server.hooks["SIZE"] = size
    names = [f"{name}.xml" for name in "abcd"]
    put(desk.outbox, CONTENT, *names)
    result = desk.drop_off()
    assert result.error is None
    assert (result.counts["delivered"], result.counts["failed"]) == (3, 1)
    assert_delivered(desk.drop_off(), [one.name for one in result.outcomes if one.outcome == "failed"])


def test_files_are_not_claimed_where_listings_hide_the_claims(desk: Desk, server: LyingFtp) -> None:
    server.features = ("SIZE", "MDTM")
    server.files["pickup/a.xml"] = CONTENT
    renamed: list[str] = []
    server.hooks["RNFR"] = lambda _session, path: renamed.append(path) or True
    assert_delivered(desk.pick_up(share={"index": 0, "count": 1}), ["a.xml"])
    assert renamed == []
