# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import wire
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.filesystem import Filesystem, Parts
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.importer import Importer, Mailbox, free_names

NEW = wire.WRITE | wire.CREATE | wire.EXCLUSIVE


class Desk:
    """An import monitor at work, with one mailbox."""

    def __init__(self, folder: Path, delay: float) -> None:
        self.importer = Importer(delay=delay)
        self.files = Filesystem(str(folder / "root"), on_complete=self._completed)
        self.files.create()
        self.input = folder / "root" / "input"
        self.pickup = folder / "root" / "pickup"
        self.imported = folder / "imported"
        paths = (str(path) for path in (self.imported, self.pickup, folder / "work"))
        self._mailbox = Mailbox("alice", self.files, *paths)
        self.importer.start()

    def _completed(self, parts: Parts) -> None:
        self.importer.completed(self._mailbox, parts)

    def send(self, name: bytes, content: bytes = b"x") -> None:
        file = self.files.open(b"input/" + name, NEW, wire.NOTHING_SAID)
        os.write(file.descriptor, content)
        self.files.close(file, finished=True)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[[float], Desk]]:
    made: list[Desk] = []

    def make(delay: float = 0.0) -> Desk:
        made.append(Desk(tmp_path, delay))
        return made[-1]

    yield make
    for one in made:
        one.importer.stop()


def test_a_complete_file_is_gone_at_once_and_a_report_tells_of_it(desk: Callable[..., Desk]) -> None:
    here, before = desk(), time.time()
    here.send(b"invoices 1.xml", b"content")
    assert os.listdir(here.input) == []
    assert here.importer.wait(10)
    assert (here.imported / "invoices 1.xml").read_bytes() == b"content"
    report = json.loads((here.pickup / "report-invoices 1.json").read_text(encoding="utf-8"))
    received = datetime.fromisoformat(report.pop("received"))
    assert before - 1 <= received.timestamp() <= time.time() + 1
    assert report == {"name": "invoices 1.xml", "size": 7, "sha256": hashlib.sha256(b"content").hexdigest()}


def test_nothing_is_overwritten(desk: Callable[..., Desk]) -> None:
    here = desk()
    (here.pickup / "report-a.json").write_text("earlier")
    for content in (b"1", b"2", b"3"):
        here.send(b"a.xml", content)
    assert here.importer.wait(10)
    assert {path.name: path.read_bytes() for path in here.imported.iterdir()} == {
        "a.xml": b"1",
        "a-2.xml": b"2",
        "a-3.xml": b"3",
    }
    assert (here.pickup / "report-a.json").read_text() == "earlier"
    reports = [json.loads((here.pickup / f"report-a-{number}.json").read_text()) for number in (2, 3, 4)]
    assert [report["sha256"] for report in reports] == [hashlib.sha256(b"%d" % n).hexdigest() for n in (1, 2, 3)]


@pytest.mark.parametrize("suffix", [".tmp", ".part", ".filepart", ".temp", ".inprocess", ".uploading", ".PART"])
def test_a_temporary_name_is_left_alone_until_it_is_the_final_one(desk: Callable[..., Desk], suffix: str) -> None:
    here = desk()
    here.send(b"a" + suffix.encode())
    assert here.importer.wait(10)
    assert os.listdir(here.input) == ["a" + suffix]
    here.files.rename(b"input/a" + suffix.encode(), b"input/a")
    assert here.importer.wait(10)
    assert (os.listdir(here.input), os.listdir(here.imported)) == ([], ["a"])


@pytest.mark.parametrize("name", [b"\xff\xfe.xml", "å" * 127 + "x", b"new\nline", b"-rf"])
def test_any_name_is_taken(desk: Callable[..., Desk], name: bytes | str) -> None:
    here = desk()
    sent = name.encode() if isinstance(name, str) else name
    here.send(sent, b"content")
    assert here.importer.wait(10)
    assert os.listdir(os.fsencode(here.imported)) == [sent]
    (report,) = here.pickup.iterdir()
    assert json.loads(report.read_text(encoding="utf-8"))["name"] == sent.decode("utf-8", "backslashreplace")
    assert len(os.fsencode(report.name)) <= 255


def test_with_a_delay_a_file_is_taken_later(desk: Callable[..., Desk]) -> None:
    here, before = desk(0.2), time.monotonic()
    here.send(b"a")
    assert os.listdir(here.input) == ["a"]
    assert here.importer.wait(10)
    assert time.monotonic() - before >= 0.2
    assert (os.listdir(here.input), os.listdir(here.pickup)) == ([], ["report-a.json"])


def test_a_file_written_again_during_the_delay_is_not_taken_as_a_part(desk: Callable[..., Desk]) -> None:
    here = desk(0.2)
    here.send(b"a", b"complete")
    again = here.files.open(b"input/a", wire.WRITE | wire.TRUNCATE, wire.NOTHING_SAID)
    here.files.close(again, finished=False)
    assert here.importer.wait(10)
    assert (os.listdir(here.input), here.imported.exists() and os.listdir(here.imported)) == (["a"], [])


def test_stopping_imports_what_is_complete(tmp_path: Path) -> None:
    here = Desk(tmp_path, 3600)
    here.send(b"a")
    here.importer.stop()
    assert (os.listdir(here.input), os.listdir(here.pickup)) == ([], ["report-a.json"])


def test_a_folder_that_vanished_stops_nothing(desk: Callable[..., Desk]) -> None:
    here = desk()
    here.pickup.rmdir()
    here.send(b"a")
    assert here.importer.wait(10)
    here.pickup.mkdir()
    here.send(b"b")
    assert here.importer.wait(10)
    assert os.listdir(here.pickup) == ["report-b.json"]


@pytest.mark.parametrize("name", [b"a" * 255, "å".encode() * 127 + b"x", b"\xff" * 255, b"x." + b"e" * 200, b"a.xml"])
def test_free_names_fit_and_differ(name: bytes) -> None:
    names = list(itertools.islice(free_names(name), 12))
    assert names[0] == name
    assert len(set(names)) == 12
    assert max(map(len, names)) <= 255
    if name != b"\xff" * 255:
        assert [one.decode() for one in names]
