# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faults of the files API. ``catalogue`` lists them with their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..faults import Aim, Cut, Fault, Reply, Sent, Take

#: What an answer can say that is wrong.
CLIENT_NO, FILE_ID, MISSING, TWICE, STATUS, NOT_JSON, HUGE = WRONG = (
    "client_no", "file_id", "missing", "twice", "status", "not_json", "huge",
)  # fmt: skip

_HUGE = 10 * 1024 * 1024


@dataclass(eq=False)
class UploadAnswered(Fault):
    """Answer uploads with a status. With ``after``, the files were taken nevertheless, as behind a broken gateway.

    :param seconds: for the header Retry-After of 429 and 503.
    """

    status: int
    seconds: float
    moment: str
    aim: Aim = field(default_factory=Aim)

    def upload(self, username: str, files: Sequence[Sent], take: Take) -> Reply:
        if not self.aim.hits(username):
            return take(files)
        if self.moment == "after":
            take(files)
        headers = {"Retry-After": str(math.ceil(self.seconds))} if self.status in (429, 503) else {}
        return Reply(self.status, problem("A fault of the sandbox", "This answer was ordered."), headers)


@dataclass(eq=False)
class UploadCut(Fault):
    """Cut the connection instead of answering an upload, before or after its files were taken."""

    moment: str
    aim: Aim = field(default_factory=Aim)

    def upload(self, username: str, files: Sequence[Sent], take: Take) -> Reply:
        if not self.aim.hits(username):
            return take(files)
        if self.moment == "after":
            take(files)
        raise Cut("the connection of an upload is cut by a fault of the sandbox")


@dataclass(eq=False)
class FileRefused(Fault):
    """Refuse files, and take the others of the same request. Each file is an occasion."""

    aim: Aim = field(default_factory=Aim)

    def upload(self, username: str, files: Sequence[Sent], take: Take) -> Reply:
        hit = [self.aim.hits(username) for _each in files]
        if not any(hit):
            return take(files)
        reply = take([file for file, is_hit in zip(files, hit) if not is_hit])
        if not isinstance(reply.body, dict):
            return reply
        refused = [entry(file, "refused by a fault of the sandbox") for file, is_hit in zip(files, hit) if is_hit]
        return Reply(207, {**reply.body, "files": [*reply.body["files"], *refused]}, reply.headers)


@dataclass(eq=False)
class AnswerWrong(Fault):
    """Take all files of an upload, and answer something that does not prove it."""

    kind: str
    aim: Aim = field(default_factory=Aim)

    def upload(self, username: str, files: Sequence[Sent], take: Take) -> Reply:
        reply = take(files)
        return replace(reply, body=self._wrong(reply.body)) if self.aim.hits(username) else reply

    def _wrong(self, body: Any) -> Any:
        if self.kind == NOT_JSON:
            return b"<html>Everything was fine.</html>"
        if self.kind == HUGE:
            return {**body, "message": "x" * _HUGE}
        if self.kind == CLIENT_NO:
            return {**body, "clientNo": f"{body['clientNo']}0"}
        entries = body["files"]
        if self.kind == MISSING:
            entries = entries[1:]
        elif self.kind == TWICE:
            entries = [*entries, *entries[:1]]
        elif self.kind == FILE_ID:
            entries = [{**each, "fileId": f"{each['fileId']}0"} for each in entries]
        else:
            entries = [{**each, "status": "RECEIVED", "result": "RECEIVED"} for each in entries]
        return {**body, "files": entries}


def entry(file: Sent, why: str = "") -> dict[str, str]:
    """Return the entry of a file in an answer. Without a reason why not, it was taken."""
    status, result = ("REJECTED", "NOT_CREATED") if why else ("PROCESSED", "CREATED")
    return {"fileId": file["fileId"], "status": status, "result": result, "message": why or "File uploaded"}


def problem(title: str, detail: str) -> dict[str, str]:
    """Return the body of a refusal."""
    return {"title": title, "detail": detail}
