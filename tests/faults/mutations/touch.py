# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plugin of pytest's that notes which functions of the engine each test calls, and how long it takes.

    python -m pytest -p faults.mutations.touch --touches build/mutations/touches.json tests/unit/...

What a test has other processes do is not seen.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from types import CodeType, FrameType

import pytest

_ENGINE = "/plugins/module_utils/_engine/"
_FOUND = pytest.StashKey["dict[str, tuple[float, list[str]]]"]()
_FAILED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--touches", help="the file to write that to")


class _Watch:
    """What is called while it looks."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self._known: dict[CodeType, str] = {}

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            name = self._known.get(frame.f_code)
            if name is None:
                name = self._known[frame.f_code] = _name_of(frame.f_code)
            if name:
                self.called.add(name)


_WATCH = _Watch()


def _name_of(code: CodeType) -> str:
    """``remote/sftp/remote.py: SftpRemote.stat``; nothing for what is not of the engine."""
    before, engine, file = code.co_filename.rpartition(_ENGINE)
    parts = [part for part in code.co_qualname.split(".") if not part.startswith("<")]
    return f"{file}: {'.'.join(parts)}" if engine and not before.endswith("/tests/unit") else ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    _WATCH.called = set()
    threading.setprofile(_WATCH)
    sys.setprofile(_WATCH)
    began = time.monotonic()
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        found = item.config.stash.setdefault(_FOUND, {})
        found[item.nodeid] = (round(time.monotonic() - began, 3), sorted(_WATCH.called))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--touches")
    if path:
        broken = {item.nodeid for item in session.items if item.stash.get(_FAILED, False)}
        found = session.config.stash.get(_FOUND, {})
        kept = {test: touched for test, touched in found.items() if test not in broken}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(kept, indent=1))
