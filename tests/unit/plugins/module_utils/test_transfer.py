# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import Preset
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
    dropoff_from_options,
    pickup_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import TrustError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult
from ansible_collections.courier.filedrop.plugins.module_utils._transfer import (
    transfer_diff,
    transfer_result,
    verdict,
)
from support.results import result_of

ACCOUNT = {"host": "127.0.0.1", "username": "ann", "private_key_file": "/nowhere/key"}


def outcome(name: str, end: str, message: str = "") -> FileOutcome:
    found = FileOutcome(name, f"/out/{name}", end, "code", message, f"in/{name}", f"/out/archive/{name}", 3)
    found.changed = end == "delivered"
    return found


def test_a_result_has_counts_of_all_files_and_the_first_of_them() -> None:
    job = dropoff_from_options({"src": "/out", "remote_dir": "in", "max_results": 1}, Preset())
    found = result_of([outcome("b", "failed", "It broke."), outcome("a", "delivered")], seconds=0.25, notes=["A note."])
    told = transfer_result(found, job)
    assert told["changed"] is True
    assert told["summary"] == {
        "delivered": 1,
        "skipped": 0,
        "waiting": 0,
        "held": 0,
        "failed": 1,
        "bytes": 3,
        "seconds": 0.25,
    }
    assert [entry["name"] for entry in told["files"]] == ["b"]
    assert told["notes"] == ["A note."]


def test_a_verdict_of_all_well_is_empty() -> None:
    assert verdict(result_of([outcome("a", "delivered"), outcome("b", "skipped")])) == ("", "")
    assert verdict(RunResult()) == ("", "")


def test_a_verdict_tells_how_many_and_the_first_few() -> None:
    failed = [outcome(f"f{number}", "failed", f"Broken {number}.") for number in range(5)]
    reason, text = verdict(result_of([*failed, outcome("h", "held", "Who knows."), outcome("d", "delivered")]))
    assert reason == "files_failed"
    assert text == (
        "5 files failed; the originals stay where they were. f0: Broken 0. f1: Broken 1. f2: Broken 2. "
        "And 2 more; see `files` in the result. 1 file held; they stay as they are. h: Who knows. "
        "Delivered nevertheless: 1 file."
    )


def test_held_files_alone_fail_too() -> None:
    assert verdict(result_of([outcome("h", "held", "Who knows.")])) == (
        "files_held",
        "1 file held; they stay as they are. h: Who knows.",
    )


def waiting(name: str, reason: str, *, is_stuck: bool = False) -> FileOutcome:
    return FileOutcome(name, f"/out/{name}", "waiting", reason, f"{reason}.", is_stuck=is_stuck)


def test_a_taken_name_and_a_long_wait_fail_and_other_files_that_wait_do_not() -> None:
    assert verdict(result_of([waiting("a", "unsettled")])) == ("", "")
    reason, text = verdict(result_of([waiting("a", "unsettled"), waiting("b", "name_taken")]))
    assert (reason, text) == ("files_blocked", "1 file waiting for a name that is taken. b: name_taken.")
    found = result_of([waiting("a", "unsettled", is_stuck=True), waiting("b", "name_taken")])
    found.stuck = 1
    reason, text = verdict(found)
    assert reason == "files_stuck"
    assert text.startswith("1 file waiting for too long. a: unsettled. 1 file waiting for a name")


def test_a_file_that_waits_too_long_for_a_taken_name_is_told_once() -> None:
    found = result_of([waiting("a", "name_taken", is_stuck=True)])
    found.stuck = 1
    assert verdict(found) == ("files_stuck", "1 file waiting for too long. a: name_taken.")
    found = result_of([waiting("a", "name_taken", is_stuck=True), waiting("b", "name_taken")])
    found.stuck = 1
    assert verdict(found)[1] == (
        "1 file waiting for too long. a: name_taken. 1 file waiting for a name that is taken. b: name_taken."
    )


def test_what_ended_the_run_comes_first_and_nothing_hides_it() -> None:
    error = TrustError("host_key_changed", "The key is another one.")
    found = result_of([outcome("f", "failed", "Broken."), outcome("h", "held", "Who knows.")], error=error)
    reason, text = verdict(found)
    assert reason == "host_key_changed"
    assert text.startswith("The key is another one. 1 file failed; the originals stay where they were. 1 file held; ")
    assert "Broken." not in text


def test_in_check_mode_nothing_is_said_to_be_delivered() -> None:
    found = result_of([outcome("f", "failed", "Broken."), outcome("d", "delivered")])
    assert verdict(found, check=True)[1].endswith("Would still be delivered: 1 file.")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"port": 70000}, "port: 70000 is out of range."),
        ({"preset": "amili"}, "preset: unknown preset 'amili'."),
        ({"src": {"a": 1}}, "src: the value must be text or a list of texts, but is a dictionary: {'a': ...}."),
        ({"src": "out"}, "src: 'out' is not an absolute path."),
        ({"include": []}, "include: [] contains no pattern, which would mean all files."),
        ({"remote_dir": None}, "remote_dir: this option is missing."),
        ({"max_bytes": "much"}, "max_bytes: 'much' is not a size."),
        ({"username": None, "password": "hunter-two"}, "username: this option is missing."),
    ],
    ids=str,
)
def test_bad_options_of_a_job_fail_before_anything_is_touched(
    options: dict[str, Any], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from ansible_collections.courier.filedrop.plugins.modules import dropoff

    given = {**ACCOUNT, "src": "/nowhere/out", "remote_dir": "in", "ledger": "/nowhere/ledger.sqlite3", **options}
    with patch_module_args(given), pytest.raises(SystemExit):
        dropoff.main()
    told = json.loads(capsys.readouterr().out)
    assert told["failed"] is True
    assert told["msg"].startswith(found)
    assert told["reason"] in ("option_invalid", "option_missing", "preset_unknown")
    assert "hunter-two" not in json.dumps(told)


@pytest.mark.parametrize(
    ("options", "reason", "left"),
    [
        ({}, "", ["/out/archive/a.2", "/out/archive/b"]),
        ({}, "predicted", ["/out/archive/a", "/out/archive/b"]),
        ({"archive_dir": "/done"}, "predicted", ["/done/a", "/done/b"]),
        ({"after": "keep"}, "", ["/out/a", "/out/b"]),
        ({"after": "delete"}, "", []),
    ],
)
def test_the_difference_of_a_dropoff_lists_both_sides(options: dict[str, Any], reason: str, left: list[str]) -> None:
    job = dropoff_from_options({"src": "/out", "remote_dir": "in", **options}, Preset())
    files = [
        FileOutcome("b", "/out/b", "delivered", reason, "", "in/b", "/out/archive/b"),
        FileOutcome("a", "/out/a", "delivered", reason, "", "in/a", "/out/archive/a.2"),
        FileOutcome("c", "/out/c", "failed", reason, "", "in/c", "/out/c"),
    ]
    local, remote = transfer_diff(result_of(files), job)
    assert (local["before"], local["after"]) == ("/out/a\n/out/b\n", "".join(f"{path}\n" for path in left))
    assert (remote["before"], remote["after"]) == ("", "in/a\nin/b\n")


@pytest.mark.parametrize(
    ("options", "reason", "left"),
    [
        ({}, "", ""),
        ({}, "changed_before_delete", "out/a\n"),
        ({"after": "keep"}, "", "out/a\n"),
        ({"after": "move", "move_dir": "done"}, "", "done/a\n"),
    ],
)
def test_the_difference_of_a_pickup_lists_both_sides(options: dict[str, Any], reason: str, left: str) -> None:
    job = pickup_from_options({"dest": "/in", "remote_dir": "out", **options}, Preset())
    files = [FileOutcome("a", "out/a", "delivered", reason, "", "out/a", "/in/a.2")]
    remote, local = transfer_diff(result_of(files), job)
    assert (remote["before"], remote["after"]) == ("out/a\n", left)
    assert (local["before"], local["after"]) == ("", "/in/a.2\n")


def test_a_difference_that_is_cut_says_so() -> None:
    job = dropoff_from_options({"src": "/out", "remote_dir": "in", "max_results": 1}, Preset())
    local, remote = transfer_diff(result_of([outcome("a", "delivered"), outcome("b", "delivered")]), job)
    assert local["before_header"] == local["after_header"] == "local files, the first 1 of 2"
    assert (remote["before"], remote["after"]) == ("", "in/a\n")
