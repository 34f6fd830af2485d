# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.courier.filedrop.plugins.module_utils import _module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import Preset
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
    dropoff_from_options,
    pickup_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import TrustError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult
from support.results import result_of

ACCOUNT = {"host": "127.0.0.1", "username": "ann", "private_key_file": "/nowhere/key"}


@pytest.fixture
def finish(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run work with a real AnsibleModule of our account options, and return what it prints."""

    def run(work: Callable[[AnsibleModule], None], **options: Any) -> dict[str, Any]:
        with patch_module_args({**ACCOUNT, **options}), pytest.raises(SystemExit):
            work(AnsibleModule(argument_spec={**_module.ACCOUNT_SPEC, **_module.LEDGER_SPEC}, supports_check_mode=True))
        return dict(json.loads(capsys.readouterr().out))

    return run


def raises(error: Exception) -> Callable[[AnsibleModule], None]:
    def work() -> dict[str, Any]:
        raise error

    return lambda module: _module.run_module(module, work)


def outcome(name: str, end: str, message: str = "") -> FileOutcome:
    found = FileOutcome(name, f"/out/{name}", end, "code", message, f"in/{name}", f"/out/archive/{name}", 3)
    found.changed = end == "delivered"
    return found


def test_the_engine_s_errors_fail_with_their_reason_and_way_out(finish: Callable[..., dict[str, Any]]) -> None:
    told = finish(raises(TrustError("host_key_changed", "The key is another one.", "Ask the provider.")))
    assert (told["failed"], told["reason"]) == (True, "host_key_changed")
    assert told["msg"] == "The key is another one. Ask the provider."


def test_other_errors_say_where_they_happened_and_show_no_secret(finish: Callable[..., dict[str, Any]]) -> None:
    told = finish(
        raises(ValueError("no luck with hunter-two or opens-it")), password="hunter-two", passphrase="opens-it"
    )
    assert told["reason"] == "unexpected"
    assert "ValueError: no luck with " in told["msg"]
    assert "(test_module.py, line " in told["msg"]
    assert "hunter-two" not in json.dumps(told)
    assert "opens-it" not in json.dumps(told)


def test_a_name_that_is_no_utf_8_does_not_spoil_a_result(finish: Callable[..., dict[str, Any]]) -> None:
    told = finish(lambda module: _module.run_module(module, lambda: {"files": [{"name": "a\udcff.xml"}], "count": 1}))
    assert told["files"] == [{"name": "a\\xff.xml"}]
    told = finish(raises(TrustError("code", "bad \udcff")))
    assert told["msg"] == "bad \\xff"


def test_a_missing_library_is_named_with_the_interpreter(
    finish: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def require() -> None:
        raise _module.DependencyError("paramiko_missing", "There is no paramiko.", "Install it.")

    monkeypatch.setattr(_module, "require", require)
    told = finish(lambda module: _module.run_module(module, dict))
    assert told["reason"] == "paramiko_missing"
    assert told["msg"].startswith("There is no paramiko. Install it. The module ran with /")


def test_the_ledger_is_the_task_s_or_the_user_s_own(finish: Callable[..., dict[str, Any]]) -> None:
    def work(module: AnsibleModule) -> None:
        module.exit_json(ledger=_module.ledger_path(module))

    assert finish(work, ledger="/var/x.sqlite3")["ledger"] == "/var/x.sqlite3"
    assert finish(work)["ledger"] == _module.default_ledger()


def test_a_result_has_counts_of_all_files_and_the_first_of_them() -> None:
    job = dropoff_from_options({"src": "/out", "remote_dir": "in", "max_results": 1}, Preset())
    found = result_of([outcome("b", "failed", "It broke."), outcome("a", "delivered")], seconds=0.25, notes=["A note."])
    told = _module.transfer_result(found, job)
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
    assert _module.verdict(result_of([outcome("a", "delivered"), outcome("b", "skipped")])) == ("", "")
    assert _module.verdict(RunResult()) == ("", "")


def test_a_verdict_tells_how_many_and_the_first_few() -> None:
    failed = [outcome(f"f{number}", "failed", f"Broken {number}.") for number in range(5)]
    reason, text = _module.verdict(result_of([*failed, outcome("h", "held", "Who knows."), outcome("d", "delivered")]))
    assert reason == "files_failed"
    assert text == (
        "5 files failed; the originals stay where they were. f0: Broken 0. f1: Broken 1. f2: Broken 2. "
        "And 2 more; see `files` in the result. 1 file held; they stay as they are. h: Who knows. "
        "Delivered nevertheless: 1 file."
    )


def test_held_files_alone_fail_too() -> None:
    assert _module.verdict(result_of([outcome("h", "held", "Who knows.")])) == (
        "files_held",
        "1 file held; they stay as they are. h: Who knows.",
    )


def waiting(name: str, reason: str, *, is_stuck: bool = False) -> FileOutcome:
    return FileOutcome(name, f"/out/{name}", "waiting", reason, f"{reason}.", is_stuck=is_stuck)


def test_a_taken_name_and_a_long_wait_fail_and_other_files_that_wait_do_not() -> None:
    assert _module.verdict(result_of([waiting("a", "unsettled")])) == ("", "")
    reason, text = _module.verdict(result_of([waiting("a", "unsettled"), waiting("b", "name_taken")]))
    assert (reason, text) == ("files_blocked", "1 file waiting for a name that is taken. b: name_taken.")
    found = result_of([waiting("a", "unsettled", is_stuck=True), waiting("b", "name_taken")])
    found.stuck = 1
    reason, text = _module.verdict(found)
    assert reason == "files_stuck"
    assert text.startswith("1 file waiting for too long. a: unsettled. 1 file waiting for a name")


def test_a_file_that_waits_too_long_for_a_taken_name_is_told_once() -> None:
    found = result_of([waiting("a", "name_taken", is_stuck=True)])
    found.stuck = 1
    assert _module.verdict(found) == ("files_stuck", "1 file waiting for too long. a: name_taken.")
    found = result_of([waiting("a", "name_taken", is_stuck=True), waiting("b", "name_taken")])
    found.stuck = 1
    assert _module.verdict(found)[1] == (
        "1 file waiting for too long. a: name_taken. 1 file waiting for a name that is taken. b: name_taken."
    )


def test_what_ended_the_run_comes_first_and_nothing_hides_it() -> None:
    error = TrustError("host_key_changed", "The key is another one.")
    found = result_of([outcome("f", "failed", "Broken."), outcome("h", "held", "Who knows.")], error=error)
    reason, text = _module.verdict(found)
    assert reason == "host_key_changed"
    assert text.startswith("The key is another one. 1 file failed; the originals stay where they were. 1 file held; ")
    assert "Broken." not in text


def test_in_check_mode_nothing_is_said_to_be_delivered() -> None:
    found = result_of([outcome("f", "failed", "Broken."), outcome("d", "delivered")])
    assert _module.verdict(found, check=True)[1].endswith("Would still be delivered: 1 file.")


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
    local, remote = _module.transfer_diff(result_of(files), job)
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
    remote, local = _module.transfer_diff(result_of(files), job)
    assert (remote["before"], remote["after"]) == ("out/a\n", left)
    assert (local["before"], local["after"]) == ("", "/in/a.2\n")


def test_a_difference_that_is_cut_says_so() -> None:
    job = dropoff_from_options({"src": "/out", "remote_dir": "in", "max_results": 1}, Preset())
    local, remote = _module.transfer_diff(result_of([outcome("a", "delivered"), outcome("b", "delivered")]), job)
    assert local["before_header"] == local["after_header"] == "local files, the first 1 of 2"
    assert (remote["before"], remote["after"]) == ("", "in/a\n")
