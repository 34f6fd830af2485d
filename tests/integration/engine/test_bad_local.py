# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input on our side of the connection: the error names it, and nothing is lost or half done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support import driver
from support.confined import mode_bits_count, small_disk
from support.desk import Desk, assert_delivered, digests, fill, outcomes
from support.relay import Fault, Relay
from support.sshd import SshServer


def test_a_missing_source_is_named(desk: Desk) -> None:
    missing = str(desk.outbox / "nowhere")
    error = desk.refusal(desk.job("dropoff", src=[str(desk.outbox), missing]))
    assert error.reason == "local_missing"
    assert missing in str(error)
    assert "correct `src`" in error.way_out


@pytest.mark.parametrize("src", ["", [], [""]])
def test_an_empty_source_is_refused(desk: Desk, src: object) -> None:
    error = desk.refusal(desk.job("dropoff", src=src))
    assert error.reason == "option_invalid"
    assert "src" in error.finding
    assert error.way_out


def test_a_folder_without_files_is_nothing_to_do(desk: Desk) -> None:
    result = desk.drop_off(account={"port": 1})  # nobody listens there, and nobody is called
    assert (result.error, result.outcomes, result.changed) == (None, [], False)


def test_an_unreadable_source_is_refused(desk: Desk, sshd: SshServer) -> None:
    sent = fill(desk.outbox, 2)
    desk.outbox.chmod(0o300)
    result = driver.finish(driver.start(desk.spec(desk.job("dropoff")), prefix=mode_bits_count()))
    desk.outbox.chmod(0o700)
    reason, message = result["error"]
    assert reason == "local_denied"
    assert str(desk.outbox) in message
    assert digests(desk.outbox) == sent
    assert digests(sshd.input) == {}


@pytest.mark.parametrize(("after", "reason"), [("archive", "local_denied"), ("delete", "local_denied"), ("keep", None)])
def test_a_source_that_originals_cannot_leave_is_refused_before_any_is_sent(
    desk: Desk, sshd: SshServer, after: str, reason: str | None
) -> None:
    sent = fill(desk.outbox, 2)
    desk.outbox.chmod(0o500)
    result = driver.finish(driver.start(desk.spec(desk.job("dropoff", after=after)), prefix=mode_bits_count()))
    desk.outbox.chmod(0o700)
    assert (result["error"] or [None])[0] == reason
    assert digests(sshd.input) == ({} if reason else sent)


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_an_unreadable_file_does_not_stop_the_others(desk: Desk, sshd: SshServer, upload: str) -> None:
    sent = fill(desk.outbox, 3)
    first, *rest = sorted(sent)
    (desk.outbox / first).chmod(0o000)
    run = desk.spec(desk.job("dropoff", upload=upload))
    result = driver.finish(driver.start(run, prefix=mode_bits_count()))
    (desk.outbox / first).chmod(0o600)
    assert result["error"] is None
    found = {one["name"]: (one["outcome"], one["reason"]) for one in result["outcomes"]}
    assert found == {first: ("failed", "local_denied"), **dict.fromkeys(rest, ("delivered", ""))}
    assert first in result["outcomes"][0]["message"]
    assert digests(desk.outbox).keys() == {first}
    assert digests(sshd.input) == {name: sent[name] for name in rest}
    assert_delivered(desk.drop_off(), [first])


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("change", ["longer", "shorter", "touched"])
def test_a_file_that_changes_while_it_is_read_is_not_delivered(
    desk: Desk, sshd: SshServer, upload: str, change: str
) -> None:
    path = _large(desk)
    (desk.outbox / "good.xml").write_bytes(b"good")
    result = _drop_off_while(lambda: _change(path, change), desk, sshd, upload)
    assert outcomes(result) == {"good.xml": ("delivered", ""), path.name: ("failed", "changed_while_read")}
    assert str(path) in result.outcomes[0].message
    assert {there.name for there in sshd.input.iterdir()} == {"good.xml"}
    assert digests(desk.archive).keys() == {"good.xml"}
    latest = digests(desk.outbox)
    assert_delivered(desk.drop_off(upload=upload, account={"account": "changing"}), [path.name])
    assert digests(sshd.input)[path.name] == latest[path.name]


@pytest.mark.parametrize("upload", ["rename", "direct"])
@pytest.mark.parametrize("change", ["replaced", "gone"])
def test_what_comes_in_the_place_of_a_file_that_is_being_sent_is_left_alone(
    desk: Desk, sshd: SshServer, upload: str, change: str
) -> None:
    path = _large(desk)
    before = digests(desk.outbox)
    result = _drop_off_while(lambda: _change(path, change), desk, sshd, upload)
    assert outcomes(result) == {path.name: ("delivered", "changed_before_archive")}
    assert str(path) in result.outcomes[0].message
    assert digests(sshd.input) == before
    assert not (desk.archive / path.name).exists()
    after = digests(desk.outbox)
    assert after != before
    (sshd.input / path.name).unlink()
    assert_delivered(desk.drop_off(upload=upload, account={"account": "changing"}), after)
    assert digests(sshd.input) == after


def _large(desk: Desk) -> Path:
    """More than may be under way at once, so that something remains to be read after a change."""
    path = desk.outbox / "large.xml"
    path.write_bytes(os.urandom(24 * 1024 * 1024))
    return path


def _drop_off_while(change: Callable[[], object], desk: Desk, sshd: SshServer, upload: str) -> RunResult:
    with Relay(sshd.port, faults=[Fault("call", "up", 1024 * 1024, then=change)]) as relay:
        result = desk.drop_off(upload=upload, account={"port": relay.port, "account": "changing"})
    assert result.error is None
    return result


def _change(path: Path, how: str) -> None:
    status = path.stat()
    if how == "longer":
        with path.open("ab") as file:
            file.write(b"more")
    elif how == "shorter":
        os.truncate(path, status.st_size - 1)
    elif how == "touched":
        os.utime(path)
    elif how == "gone":
        path.unlink()
    else:
        other = path.with_name(".other.tmp")
        other.write_bytes(bytes(status.st_size))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(path)


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
def test_what_was_just_written_waits_until_it_is_settled(desk: Desk, sshd: SshServer, direction: str) -> None:
    source, target = (desk.outbox, sshd.input) if direction == "dropoff" else (sshd.pickup, desk.inbox)
    for first in ("dropoff", "pickup"):  # the server's clock is known after an upload, and a look at a listed file
        ((sshd.pickup if first == "pickup" else desk.outbox) / "first").write_bytes(b"first")
        assert_delivered(desk.run(desk.job(first)), ["first"])
    for there in (sshd.input, desk.inbox):
        (there / "first").unlink()
    (source / "young.xml").write_bytes(b"young")
    (source / "old.xml").write_bytes(b"old")
    os.utime(source / "old.xml", (time.time() - 3600,) * 2)
    result = desk.run(desk.job(direction, settle=600))
    assert result.error is None
    assert outcomes(result) == {"old.xml": ("delivered", ""), "young.xml": ("waiting", "unsettled")}
    assert digests(target).keys() == {"old.xml"}
    assert_delivered(desk.run(desk.job(direction)), ["young.xml"])


@pytest.mark.parametrize("what", ["missing", "file"])
def test_a_missing_destination_is_named(desk: Desk, sshd: SshServer, what: str) -> None:
    sshd.put("report.xml", b"report")
    dest = desk.inbox / "nowhere"
    if what == "file":
        dest.write_bytes(b"")
    error = desk.refusal(desk.job("pickup", dest=str(dest)))
    assert error.reason == "local_missing"
    assert str(dest) in str(error)
    assert error.way_out
    assert digests(sshd.pickup).keys() == {"report.xml"}


def test_a_destination_that_cannot_be_written_is_refused(desk: Desk, sshd: SshServer) -> None:
    sshd.put("report.xml", b"report")
    desk.inbox.chmod(0o500)
    result = driver.finish(driver.start(desk.spec(desk.job("pickup")), prefix=mode_bits_count()))
    desk.inbox.chmod(0o700)
    reason, message = result["error"]
    assert reason == "local_denied"
    assert str(desk.inbox) in message
    assert digests(sshd.pickup).keys() == {"report.xml"}


def test_an_archive_that_cannot_be_written_is_refused_before_anything_is_sent(desk: Desk, sshd: SshServer) -> None:
    sent = fill(desk.outbox, 2)
    desk.inbox.chmod(0o500)
    run = desk.spec(desk.job("dropoff", archive_dir=str(desk.inbox)))
    result = driver.finish(driver.start(run, prefix=mode_bits_count()))
    desk.inbox.chmod(0o700)
    assert result["error"][0] == "local_denied"
    assert str(desk.inbox) in result["error"][1]
    assert digests(desk.outbox) == sent
    assert digests(sshd.input) == {}


def test_a_full_destination_keeps_the_rest_on_the_server(desk: Desk, sshd: SshServer) -> None:
    there = fill(sshd.pickup, 12, 200 * 1024)
    run = desk.spec(desk.job("pickup", min_free=0))
    with small_disk(desk.inbox, "1m") as disk:
        result = driver.finish(driver.start(run, prefix=disk.prefix))
        came = digests(disk.view)
        assert result["summary"]["delivered"] == len(came) > 0
        assert result["summary"]["failed"] == 12 - len(came) > 0
        assert {one["reason"] for one in result["outcomes"] if one["outcome"] == "failed"} <= {"disk_full", "min_free"}
        assert {**came, **digests(sshd.pickup)} == there
        assert set(came).isdisjoint(digests(sshd.pickup))
    assert_delivered(desk.pick_up(), there.keys() - came.keys())
    assert {**came, **digests(desk.inbox)} == there


def test_what_must_stay_free_stays_free(desk: Desk, sshd: SshServer) -> None:
    sshd.put("report.xml", b"report")
    result = desk.pick_up(min_free="1000T")
    assert result.error is None
    assert outcomes(result) == {"report.xml": ("failed", "min_free")}
    assert str(desk.inbox) in result.outcomes[0].message
    assert "reduce `min_free`" in result.outcomes[0].message
    assert digests(sshd.pickup).keys() == {"report.xml"}
    assert list(desk.inbox.iterdir()) == []


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
@pytest.mark.parametrize(
    ("empty", "expected"),
    [
        ("transfer", ("delivered", "")),
        ("skip", ("skipped", "empty_file")),
        ("refuse", ("failed", "empty_file")),
    ],
)
def test_empty_files_follow_the_policy(
    desk: Desk, sshd: SshServer, direction: str, empty: str, expected: tuple[str, str]
) -> None:
    source = desk.outbox if direction == "dropoff" else sshd.pickup
    (source / "empty.xml").write_bytes(b"")
    (source / "good.xml").write_bytes(b"good")
    result = desk.run(desk.job(direction, empty=empty))
    assert result.error is None
    assert outcomes(result) == {"good.xml": ("delivered", ""), "empty.xml": expected}
    assert (source / "empty.xml").exists() == (empty != "transfer")
