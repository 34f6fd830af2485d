# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports by the built command: real handlers, killed and cut off in every way that a host knows."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.command import Host
from support.import_desk import Desk, names, outcomes, processes_of
from support.rights import SOMEBODY, somebodys_folder


@pytest.fixture
def desk(system_host: Host) -> Iterator[Desk]:
    made = Desk(system_host)
    yield made
    (system_host.folder / "go").touch()


def wrappers(folder: Path) -> list[int]:
    """Return the processes that run a handler in this folder."""
    return [pid for pid, line in processes_of(folder).items() if b"\0-S\0-c\0" in line]


def test_each_end_of_a_handler_sends_the_file_where_it_belongs(desk: Desk) -> None:
    desk.put("good.xml", "bad.xml", "once.xml", "odd.xml", "killed.xml", "it's $(touch x); `y` * {path}.xml")
    ended = desk.run()
    assert ended.status == 3
    assert outcomes(ended) == {
        "good.xml": ("delivered", ""),
        "once.xml": ("delivered", ""),
        "it's $(touch x); `y` * {path}.xml": ("delivered", ""),
        "bad.xml": ("failed", "handler_failed"),
        "odd.xml": ("held", "handler_stopped"),
        "killed.xml": ("held", "handler_stopped"),
    }
    assert names(desk.input) == {"odd.xml", "killed.xml"}
    assert (desk.failed / "bad.xml.output").read_text() == "about bad.xml\n\n[exit status 1, after 2 tries]\n"
    assert (desk.done / "good.xml.output").read_text() == "about good.xml\n"
    assert {name for name, count in desk.called().items() if count != 1} == {"bad.xml", "once.xml"}

    before = desk.called()
    assert desk.run().status == 3, "held files stay held, and are not handed over again"
    assert desk.called() == before


def test_decisions(desk: Desk) -> None:
    desk.put("good.xml", "odd-1.xml", "odd-2.xml", "odd-3.xml")
    desk.run()
    for name, decision in (("odd-1.xml", "resend"), ("odd-2.xml", "delivered"), ("odd-3.xml", "discard")):
        assert desk.host.run("resolve", "book", name, f"--{decision}").status == 0
    found = outcomes(desk.run())
    assert found["odd-1.xml"] == ("held", "handler_stopped")
    assert found["odd-2.xml"] == ("delivered", "")
    evidence = {one["name"]: one["accepted_by"] for one in desk.host.run("history", "--json").document["files"]}
    assert evidence == {"good.xml": "handler", "odd-1.xml": None, "odd-2.xml": None, "odd-3.xml": None}
    assert names(desk.input) == {"odd-1.xml", "odd-3.xml"}
    assert desk.called() == {"good.xml": 1, "odd-1.xml": 2, "odd-2.xml": 1, "odd-3.xml": 1}


def test_a_handler_that_hangs_is_ended_with_all_that_it_has_started(desk: Desk) -> None:
    desk.job(handler_time_limit="1s")
    desk.put("stuck.xml", "stray.xml")
    found = outcomes(desk.run())
    assert found == {"stuck.xml": ("held", "handler_stopped"), "stray.xml": ("delivered", "")}
    running = subprocess.run(["pgrep", "-f", str(desk.host.folder)], capture_output=True, text=True, check=False)
    assert running.stdout == ""


def test_check_mode_starts_nothing(desk: Desk) -> None:
    desk.put("good.xml")
    assert outcomes(desk.run("--dry-run")) == {"good.xml": ("delivered", "predicted")}
    assert (desk.called(), names(desk.input), names(desk.done)) == (Counter(), {"good.xml"}, set())
    assert not (desk.host.ledger.parent / "handlers").exists()


def test_a_run_that_is_killed_leaves_the_handler_to_end_and_the_next_run_reads_how(desk: Desk) -> None:
    desk.put("waits.xml")
    process = desk.host.start("run", "book")
    desk.wait_for_call("waits.xml", process)
    process.kill()
    process.wait()
    assert outcomes(desk.run()) == {"waits.xml": ("waiting", "handler_running")}
    (desk.host.folder / "go").touch()
    while outcomes(ended := desk.run()) == {"waits.xml": ("waiting", "handler_running")}:
        time.sleep(0.05)
    assert outcomes(ended) == {"waits.xml": ("delivered", "")}
    assert desk.called() == {"waits.xml": 1}
    assert names(desk.host.ledger.parent / "handlers") == set()


@pytest.mark.parametrize(("ambiguous", "reason"), [("hold", "handler_unknown"), ("again", "handler_running")])
def test_a_wrapper_that_is_killed_leaves_a_file_whose_end_nobody_knows(desk: Desk, ambiguous: str, reason: str) -> None:
    """While a process of the handler is alive, the file is not handed over, whatever the job says."""
    desk.job(ambiguous=ambiguous)
    desk.put("waits.xml")
    process = desk.host.start("run", "book")
    desk.wait_for_call("waits.xml", process)
    process.kill()
    for pid in wrappers(desk.host.folder):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    assert outcomes(desk.run()) == {"waits.xml": ("waiting", "handler_running")}
    (desk.host.folder / "go").touch()
    time.sleep(0.2)
    found = outcomes(desk.run())
    if ambiguous == "hold":
        assert found == {"waits.xml": ("held", reason)}
        assert desk.called() == {"waits.xml": 1}
    else:
        assert found == {"waits.xml": ("delivered", "")}
        assert desk.called() == {"waits.xml": 2}


def test_kills_at_random_moments_never_hand_a_file_over_twice(desk: Desk, full: bool) -> None:
    """The run, its wrappers or everything is killed again and again: each file is handled once, or held."""
    chance = random.Random(1)
    desk.job(workers=3, max_results=10_000)
    sent: set[str] = set()
    for number in range(500 if full else 10):
        come = {f"{kind}-{number:03}.xml" for kind in ("slow" if number % 3 == 0 else "a", "b", "c", "d")}
        desk.put(*come)
        sent |= come
        process = desk.host.start("run", "book")
        time.sleep(chance.uniform(0.1, 1.0))
        kind = chance.choice(("run", "wrappers", "everything"))
        if kind == "everything":
            subprocess.run(["pkill", "-9", "-f", str(desk.host.folder)], check=False)
        else:
            for pid in wrappers(desk.host.folder) if kind == "wrappers" else [process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        process.kill()
        process.wait()
    desk.job(workers=3, max_results=10_000, max_files=100)
    while "waiting" in (found := {name: outcome for name, (outcome, _reason) in outcomes(desk.run()).items()}).values():
        time.sleep(0.2)
    held = {name for name, outcome in found.items() if outcome == "held"}
    done = {name for name in names(desk.done) if not name.endswith(".output")}
    assert held | done == sent
    assert not held & done
    assert done <= desk.called().keys()
    assert set(desk.called().values()) == {1}


@pytest.mark.parametrize(
    ("digest_of", "found"),
    [
        (None, ("waiting", "sidecar_missing")),
        ("other content", ("failed", "checksum_differs")),
        ("content of good.xml", ("delivered", "")),
    ],
)
def test_a_file_goes_only_with_its_checksum_file(desk: Desk, digest_of: str | None, found: tuple[str, str]) -> None:
    desk.job(verify="sidecar")
    desk.put("good.xml")
    if digest_of is not None:
        digest = hashlib.sha256(digest_of.encode()).hexdigest()
        (desk.input / "good.xml.sha256").write_text(f"{digest}  good.xml\n")
    assert outcomes(desk.run()) == {"good.xml": found}
    if found[0] == "delivered":
        assert (names(desk.input), "good.xml.sha256" in names(desk.done)) == (set(), True)
    else:
        assert desk.called() == Counter()


def test_a_set_is_handed_over_in_order_and_only_when_it_is_complete(desk: Desk) -> None:
    desk.job(companions=["*.pdf", "*.xml"])
    desk.put("a.xml", "b.pdf")
    assert {one for one, _reason in outcomes(desk.run()).values()} == {"waiting"}
    desk.put("a.pdf")
    assert outcomes(desk.run()) == {
        "a.pdf": ("delivered", ""),
        "a.xml": ("delivered", ""),
        "b.pdf": ("waiting", "companion_missing"),
    }
    assert desk.calls.read_text().splitlines() == ["a.pdf", "a.xml"]


def test_no_file_of_a_set_is_handed_over_before_all_checksums_fit(desk: Desk) -> None:
    desk.job(companions=["*.pdf", "*.xml"], verify="sidecar")
    desk.put("a.xml", "a.pdf")
    for name, content in (("a.pdf", "content of a.pdf"), ("a.xml", "more than came")):
        (desk.input / f"{name}.sha256").write_text(hashlib.sha256(content.encode()).hexdigest())
    assert outcomes(desk.run()) == {"a.xml": ("failed", "checksum_differs"), "a.pdf": ("waiting", "companion_waiting")}
    assert desk.called() == Counter()
    (desk.input / "a.xml").write_text("more than came")
    desk.run()
    assert desk.calls.read_text().splitlines() == ["a.pdf", "a.xml"]


def test_parts_links_and_folders_are_left_alone(desk: Desk) -> None:
    desk.put("whole.xml", "a.xml.part", ".in.b.xml.", "c.xml.filepart")
    (desk.input / "link.xml").symlink_to("/etc/passwd")
    (desk.input / "folder.xml").mkdir()
    desk.run()
    assert desk.called() == {"whole.xml": 1}


def test_a_file_that_comes_again_unchanged_is_held(desk: Desk) -> None:
    desk.put("good.xml")
    desk.run()
    (desk.done / "good.xml").rename(desk.input / "good.xml")
    assert outcomes(desk.run()) == {"good.xml": ("held", "sent_before")}
    desk.put("good.xml")
    os.utime(desk.input / "good.xml", (1, 1))
    assert desk.called() == {"good.xml": 1}


def test_a_handler_that_cannot_be_used_ends_the_run_and_costs_no_try(desk: Desk) -> None:
    desk.put("good.xml")
    (desk.host.folder / "handler").chmod(0o644)
    ended = desk.run()
    assert (ended.status, ended.document["error"]["reason"]) == (2, "handler_unusable")
    (desk.host.folder / "handler").chmod(0o755)
    assert outcomes(desk.run()) == {"good.xml": ("delivered", "")}


def test_what_the_handler_changes_stays(desk: Desk) -> None:
    """A handler may take the file itself; then there is nothing to move."""
    handler = desk.host.folder / "handler"
    handler.write_text('#!/bin/sh\nmv "$1/input/$2" "$1/taken"\n')
    desk.put("good.xml")
    assert outcomes(desk.run()) == {"good.xml": ("delivered", "")}
    assert (names(desk.done), (desk.host.folder / "taken").read_text()) == (set(), "content of good.xml")
    assert desk.run().document["files"] == []


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"handler": "book {path}"}, "handler"),
        ({"handler": ["book", "{path}"]}, "absolute path"),
        ({"handler": ["/bin/true"]}, "{path}"),
        ({"done_dir": None}, "done_dir"),
        ({"account": "acme"}, "account"),
        ({"ambiguous": "resend"}, "ambiguous"),
        ({"tries": 0}, "tries"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(desk: Desk, options: dict[str, object], finding: str) -> None:
    desk.job(**options)
    ended = desk.run()
    assert (ended.status, finding in ended.document["error"]["message"]) == (2, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work as another user")
def test_a_handler_that_root_starts_is_the_user_of_the_ledger_for_good(program: Path) -> None:
    """The command itself can become root again. A handler must not."""
    with somebodys_folder() as folder:
        (folder / "host").mkdir()
        (folder / "filedrop").write_bytes(program.read_bytes())
        host = Host(folder / "host", folder / "filedrop", "/usr/bin/python3")
        host.ledger.parent.mkdir()
        for path in folder.rglob("*"):
            os.chown(path, SOMEBODY, SOMEBODY)
        desk = Desk(host)
        tells = "import os, sys; print(os.getresuid(), os.getresgid(), os.getgroups())"
        desk.job(handler=["/usr/bin/python3", "-c", tells, "{name}"])
        desk.put("good.xml")
        for path in folder.rglob("*"):
            os.chown(path, SOMEBODY, SOMEBODY)
        assert desk.run().status == 0
        ids, groups = [SOMEBODY] * 3, [SOMEBODY]
        assert (desk.done / "good.xml.output").read_text() == f"{tuple(ids)} {tuple(ids)} {groups}\n"
