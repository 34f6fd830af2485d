# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What services, gateways and proxies do that no guide mentions: answers in odd forms, at odd moments, or none."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.api import https
from support.files_api import FilesApi, answer

from .test_amili_api import Host, api, host, outcomes

__all__ = ["api", "host"]
DELIVERED = ("delivered", "")
UNKNOWN = ("held", "ambiguous")

Bytes = Callable[[bytes], bytes]


def head(status: int, *lines: str, version: str = "1.1") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/{version} {status} Said", *lines, "")).encode()


def whole(body: bytes, *lines: str) -> bytes:
    return head(200, f"Content-Length: {len(body)}", *lines) + body


def chunked(body: bytes, end: bytes) -> bytes:
    return head(200, "Transfer-Encoding: chunked") + f"{len(body):x}\r\n".encode() + body + b"\r\n" + end


BOMB = gzip.compress(b" " * 100_000_000)
ANSWERS: dict[str, tuple[Bytes, tuple[str, str]]] = {
    "continue": (lambda body: head(100) + head(100) + whole(body), DELIVERED),
    "processing": (lambda body: head(102) + whole(body), DELIVERED),
    "early hints": (lambda body: head(103, "Link: </style.css>; rel=preload") + whole(body), DELIVERED),
    "switching": (lambda body: head(101) + whole(body), UNKNOWN),
    "only informational": (lambda _body: head(103) + head(103), UNKNOWN),
    "compressed": (lambda body: whole(gzip.compress(body), "Content-Encoding: GZIP"), DELIVERED),
    "half compressed": (lambda body: whole(gzip.compress(body)[:-9], "Content-Encoding: gzip"), UNKNOWN),
    "not compressed": (lambda body: whole(body, "Content-Encoding: gzip"), UNKNOWN),
    "another encoding": (lambda body: whole(body, "Content-Encoding: br"), UNKNOWN),
    "bomb": (lambda _body: whole(BOMB, "Content-Encoding: gzip"), UNKNOWN),
    "byte order mark": (lambda body: whole(b"\xef\xbb\xbf" + body), DELIVERED),
    "utf-16": (lambda body: whole(body.decode().encode("utf-16")), DELIVERED),
    "old": (lambda body: head(200, version="1.0") + body, DELIVERED),
    "old and cut": (lambda body: head(200, version="1.0") + body[:-1], UNKNOWN),
    "chunks": (lambda body: chunked(body, b"0\r\n\r\n"), DELIVERED),
    "chunks cut": (lambda body: chunked(body, b""), UNKNOWN),
    "longer than said": (lambda body: head(200, "Content-Length: 20") + body, UNKNOWN),
    "shorter than said": (lambda body: head(200, f"Content-Length: {len(body) + 1}") + body, UNKNOWN),
    "two lengths": (lambda body: whole(body, "Content-Length: 3"), UNKNOWN),
    "no status": (lambda body: b"hello\r\n\r\n" + body, UNKNOWN),
    "endless heads": (lambda body: head(200, *(f"X-{number}: x" for number in range(500))) + body, UNKNOWN),
}


def taken(api: FilesApi, body: bytes) -> bytes:
    """Take the files of a request, without a word of HTTP; return what to answer."""
    found = json.loads(body)
    api.requests.append([file["name"] for file in found["files"]])
    return json.dumps(answer(api.take(found))[1]).encode()


@contextmanager
def speaking(api: FilesApi, says: Bytes) -> Iterator[str]:
    """A files API whose every answer is said byte for byte; its address. The connection ends after each."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as read:
            length = 0
            while (line := read.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            connection.sendall(says(taken(api, read.read(length))))

    def accept() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/arm"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(("says", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_in_an_odd_form_is_understood_or_decides_nothing(
    host: Host, api: FilesApi, says: Bytes, expected: tuple[str, str]
) -> None:
    host.put("a.csv")
    with speaking(api, says) as url:
        assert outcomes(host.send(api, {"base_url": url})) == {"a.csv": expected}
    assert api.requests == [["a.csv"]]


def test_a_client_number_that_begins_with_zeros_comes_back_as_a_number(host: Host, api: FilesApi) -> None:
    host.put("a.csv")
    with speaking(api, lambda body: whole(body.replace(b'"clientNo": 2218', b'"clientNo": 18'))) as url:
        assert outcomes(host.send(api, {"base_url": url, "client_no": "0018"})) == {"a.csv": DELIVERED}


def test_no_request_goes_over_a_connection_that_was_idle(
    host: Host, api: FilesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "LONGEST_IDLE", 0.0)
    host.put("a.csv", "b.csv")
    peers: set[int] = set()
    api.before_peer = peers.add
    assert set(outcomes(host.send(api, {"max_request_files": 1})).values()) == {DELIVERED}
    assert len(peers) == 3


def test_a_token_of_an_earlier_run_is_given_up_where_the_service_only_cuts(host: Host, api: FilesApi) -> None:
    host.put("a.csv")
    host.send(api)
    api.valid.clear()
    host.put("b.csv", size=20_000_000)

    def cut_unless_valid() -> None:
        api.cut_after = None if api.valid else 1000

    api.cut_after, api.before_cut = 1000, cut_unless_valid
    assert outcomes(host.send(api)) == {"b.csv": DELIVERED}
    assert api.tokens == 2


def test_a_refusal_before_the_end_of_a_request_is_heard(host: Host, api: FilesApi) -> None:
    host.put("large.csv", size=20_000_000)
    host.put("small.csv")

    def too_large(length: int) -> Any:
        return (413, {"title": "too large"}) if length > 1_000_000 else None

    api.early = too_large
    found = outcomes(host.send(api))
    assert found == {"large.csv": ("failed", "rejected"), "small.csv": DELIVERED}
