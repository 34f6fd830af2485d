# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A files API in a process of its own, whose provider takes each file at once, and whose connections can be cut."""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.files_api import Answer, FilesApi, answer, content_of, entry, files_api, settle

from .plain import FATES, Cut, keep_only

_CUT_AT, _FATE, _WAS_CUT, _IS_NEW_RUN = range(4)  # what the two processes share


class ApiServer:
    """The service, seen from the process of the tests.

    :param kind: one of `API_SERVERS`.
    :param kept: where the provider keeps what it takes; :param ids: where it notes the fileIds.
    """

    def __init__(self, kind: str, kept: Path, ids: Path) -> None:
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        address, theirs = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                keep_only(theirs)
                _Service(kind, kept, ids, self._shared).serve(theirs)
            finally:
                os._exit(1)
        os.close(theirs)
        with open(address) as said:
            self.url = said.readline().strip()
        self._shared[_IS_NEW_RUN] = True

    @property
    def cut(self) -> Cut | None:
        """At which request the next run is cut: ``lost``, or ``done`` without an answer."""
        number = self._shared[_CUT_AT]
        return Cut(number, FATES[self._shared[_FATE]]) if number else None

    @cut.setter
    def cut(self, cut: Cut) -> None:
        self._shared[_CUT_AT], self._shared[_FATE] = cut.number, FATES.index(cut.fate)

    def options(self) -> dict[str, Any]:
        """Options of an account."""
        return FilesApi(url=self.url).options(timeout=60)

    def settle(self) -> bool:
        """Wait until the service has done what it was asked, and a run may begin. Return whether one was cut."""
        settle(self.url)
        was_cut = bool(self._shared[_WAS_CUT])
        self._shared[_CUT_AT] = self._shared[_WAS_CUT] = False
        self._shared[_IS_NEW_RUN] = True
        return was_cut

    def close(self) -> None:
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        self._shared.close()


class _Service:
    """The service, in its own process."""

    def __init__(self, kind: str, kept: Path, ids: Path, shared: mmap.mmap) -> None:
        self._kind = kind
        self._kept = kept
        self._ids = ids
        self._shared = shared

    def serve(self, said: int) -> None:
        with files_api() as api:
            api.before_token, api.otherwise = self._before_token, self._upload
            api.before_upload = lambda: self._before_upload(api)
            os.write(said, f"{api.url}\n".encode())
            os.close(said)
            signal.pause()

    def _cut(self) -> str | None:
        """Count a request; return its fate if it is the one to cut."""
        if self._shared[_CUT_AT]:
            self._shared[_CUT_AT] -= 1
            if not self._shared[_CUT_AT]:
                self._shared[_WAS_CUT] = True
                return FATES[self._shared[_FATE]]
        return None

    def _before_token(self) -> None:
        if self._cut() is not None:
            raise ConnectionAbortedError

    def _before_upload(self, api: FilesApi) -> None:
        if self._kind == "api-forgetful" and self._shared[_IS_NEW_RUN]:
            api.valid.clear()
        self._shared[_IS_NEW_RUN] = False

    def _upload(self, _api: FilesApi, body: Mapping[str, Any]) -> Answer | None:
        fate = self._cut()
        if fate != "lost":
            for file in body["files"]:
                if self._kind != "api-once" or self._is_new(file):
                    store(self._kept, file["name"], content_of(file))
        return None if fate else answer([entry(file) for file in body["files"]])

    def _is_new(self, file: Mapping[str, Any]) -> bool:
        noted = self._ids / file["name"]
        known = noted.read_text().split() if noted.exists() else []
        noted.write_text(" ".join([*known, file["fileId"]]))
        return file["fileId"] not in known


def store(kept: Path, name: str, content: bytes) -> None:
    """Keep a file under its name, or a free one."""
    stem, extension = os.path.splitext(name)
    path, number = kept / name, 1
    while path.exists():
        number += 1
        path = kept / f"{stem}-{number}{extension}"
    path.write_bytes(content)
