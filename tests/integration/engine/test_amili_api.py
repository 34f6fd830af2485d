# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drop-off through the files API: every file is judged by its own entry, and nothing is sent twice without evidence."""

from __future__ import annotations

import json
import os
import ssl
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import dropoff_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import Wanted, resolve
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.runner import run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import RunResult
from support.files_api import SECRET, Answer, FilesApi, answer, entry, files_api, take_all

Body = dict[str, Any]


@pytest.fixture
def api() -> Iterator[FilesApi]:
    with files_api() as found:
        yield found


class Host:
    """A host with a folder of files to send."""

    def __init__(self, folder: Path) -> None:
        self.ledger = str(folder / "ledger.sqlite3")
        self.src, self.rejected = folder / "src", folder / "rejected"
        self.src.mkdir()
        self.rejected.mkdir()

    def put(self, *names: str, size: int = 5) -> None:
        for name in names:
            (self.src / name).write_bytes((name.encode() * size)[:size])

    def send(
        self, api: FilesApi, account: dict[str, Any] | None = None, *, check: bool = False, **options: Any
    ) -> RunResult:
        given = {"src": str(self.src), "settle": 0, "file_types": {"*.csv": "Doc"}, "protocol": "amili_api", **options}
        job = dropoff_from_options(given, preset_named(None))
        found = account_from_options(api.options(**(account or {})))
        return run(job, found, ledger=self.ledger, create_ledger=True, check=check)

    def rows(self) -> dict[str, Row]:
        with closing(Ledger(self.ledger, read_only=True)) as ledger:
            return {row.name: row for row in ledger.rows("ORDER BY id", ())}

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in self.src.iterdir() if path.is_file())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def outcomes(result: RunResult) -> dict[str, tuple[str, str]]:
    return {one.name: (one.outcome, one.reason) for one in result.outcomes}


def test_files_go_in_few_requests_and_are_archived(host: Host, api: FilesApi) -> None:
    host.put(*(f"{number}.csv" for number in range(25)), size=7)
    host.put("large.csv", size=1_000_000)
    result = host.send(api, {"max_request_files": 10, "max_request_bytes": "1M"})
    assert result.error is None
    assert result.counts["delivered"] == 26
    assert {one.verified_by for one in result.outcomes} == {"answer"}
    assert len(api.requests) <= 4
    assert max(map(len, api.requests)) <= 10
    assert all(content == (name.encode() * len(content))[: len(content)] for name, content in api.contents.items())
    assert len(api.contents["large.csv"]) == 1_000_000
    assert host.left == []


def test_a_file_without_a_type_is_refused_before_anything_is_sent(host: Host, api: FilesApi) -> None:
    host.put("a.CSV")
    assert outcomes(host.send(api)) == {"a.CSV": ("failed", "type_unknown")}
    assert api.requests == []


def mixed(api: FilesApi, body: Body) -> Answer:
    bad = [entry(file, "FAILED", "REJECTED") for file in body["files"] if file["name"] == "bad.csv"]
    return answer([*api.take(body, "good.csv"), *bad], 207)


def test_a_refused_file_does_not_block_others_and_is_held_until_it_changes(host: Host, api: FilesApi) -> None:
    host.put("bad.csv", "good.csv")
    api.scripts = [mixed]
    first = host.send(api)
    assert outcomes(first) == {"bad.csv": ("failed", "rejected"), "good.csv": ("delivered", "")}
    assert "of bad.csv" in next(one.message for one in first.outcomes if one.name == "bad.csv")
    assert outcomes(host.send(api)) == {"bad.csv": ("held", "rejected")}
    assert len(api.requests) == 1
    host.put("bad.csv", size=9)
    assert outcomes(host.send(api)) == {"bad.csv": ("delivered", "")}


def test_a_refused_file_goes_to_its_folder_with_the_reason(host: Host, api: FilesApi) -> None:
    host.put("bad.csv", "good.csv")
    api.scripts = [mixed]
    assert outcomes(host.send(api, rejected_dir=str(host.rejected)))["bad.csv"] == ("failed", "rejected")
    assert sorted(path.name for path in host.rejected.iterdir()) == ["bad.csv", "bad.csv.reason.txt"]
    assert "of bad.csv" in (host.rejected / "bad.csv.reason.txt").read_text()
    assert outcomes(host.send(api)) == {}


STRANGE: dict[str, Any] = {
    "no entry": lambda _api, _body: answer([]),
    "another client": lambda api, body: answer(api.take(body), client_no=2219),
    "no client": lambda api, body: (200, {"files": api.take(body)}),
    "doubled": lambda api, body: answer(api.take(body) + [entry(file) for file in body["files"]]),
    "another fileId": lambda _api, body: answer([{**entry(file), "fileId": "x"} for file in body["files"]]),
    "unknown status": lambda _api, body: answer([entry(file, "QUEUED", "LATER") for file in body["files"]]),
    "no JSON": lambda _api, _body: (200, b"<html>"),
    "deep": lambda _api, _body: (200, b"[" * 100_000),
    "huge": lambda _api, _body: (200, b" " * 10 * 1024**2),
    "nothing": lambda _api, _body: (204, b""),
    "no answer": lambda api, body: api.take(body) and None,
    "good entries, bad status": lambda api, body: answer(api.take(body), 422),
}


@pytest.mark.parametrize("script", STRANGE.values(), ids=STRANGE)
def test_an_answer_that_does_not_show_it_leaves_the_file_to_a_person(host: Host, api: FilesApi, script: Any) -> None:
    host.put("a.csv")
    api.scripts = [script]
    assert outcomes(host.send(api)) == {"a.csv": ("held", "ambiguous")}
    assert outcomes(host.send(api)) == {"a.csv": ("held", "ambiguous")}
    assert len(api.requests) == 1
    assert host.rows()["a.csv"].request == api.headers[0]["X-Request-Id"]
    resolve(host.ledger, Wanted(names=("a.csv",)), "resend")
    assert outcomes(host.send(api)) == {"a.csv": ("delivered", "")}
    assert len({file_id for _name, file_id in api.file_ids}) == 1


@pytest.mark.parametrize("cut_after", [0, 1, 100, 200_000])
def test_a_request_that_was_cut_before_its_end_is_sent_again(host: Host, api: FilesApi, cut_after: int) -> None:
    host.put("a.csv", size=20_000_000)  # more than the buffers of the connection hold
    host.put("b.csv")
    api.cut_after = cut_after
    result = host.send(api)
    assert outcomes(result) == {"a.csv": ("delivered", ""), "b.csv": ("delivered", "")}
    assert len(api.contents) == 2
    assert any("the connection was lost once" in note for note in result.notes)


def busy(status: int, **headers: str) -> Any:
    return lambda _api, _body: (status, {"title": "busy", "headers": headers})


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_service_gets_the_same_files_again(host: Host, api: FilesApi, status: int) -> None:
    host.put("a.csv", "b.csv")
    api.scripts = [busy(status, **{"Retry-After": "0"}), busy(status)]
    assert set(outcomes(host.send(api)).values()) == {("delivered", "")}
    assert len(api.requests) == 3
    assert len(set(api.file_ids)) == 2


def test_a_service_that_stays_busy_fails_its_files(host: Host, api: FilesApi) -> None:
    host.put("a.csv", "b.csv")
    api.scripts = [busy(503, **{"Retry-After": "61"})]
    assert set(outcomes(host.send(api)).values()) == {("failed", "server_busy")}
    assert set(outcomes(host.send(api)).values()) == {("delivered", "")}
    assert len(set(api.file_ids)) == 2


@pytest.mark.parametrize(("status", "reason"), [(400, "rejected"), (403, "type_not_allowed"), (422, "rejected")])
def test_a_refusal_of_a_whole_request_is_traced_to_its_file(
    host: Host, api: FilesApi, status: int, reason: str
) -> None:
    def picky(api: FilesApi, body: Body) -> Answer:
        if any(file["name"] == "bad.csv" for file in body["files"]):
            return status, {"type": "about:blank", "title": "No", "detail": "not this one"}
        return take_all(api, body)

    host.put("bad.csv", *(f"{number}.csv" for number in range(7)))
    api.scripts = [picky] * 20
    result = host.send(api)
    assert result.counts["delivered"] == 7
    assert outcomes(result)["bad.csv"] == ("failed", reason)
    assert len(api.contents) == 7


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "service_not_found"), (301, "redirected"), (307, "redirected"), (401, "login_refused")]
)
def test_what_concerns_all_files_ends_the_run_and_holds_none(
    host: Host, api: FilesApi, status: int, reason: str
) -> None:
    host.put("a.csv", "b.csv")
    api.scripts = [lambda _api, _body: (status, {"headers": {"Location": api.url}})] * (2 if status == 401 else 1)
    result = host.send(api)
    assert result.error is not None
    assert result.error.reason == reason
    assert result.counts["held"] == 0
    assert set(outcomes(host.send(api)).values()) == {("delivered", "")}


def test_a_token_is_kept_privately_and_renewed_once(host: Host, api: FilesApi) -> None:
    host.put("a.csv")
    host.send(api)
    host.put("b.csv")
    host.send(api)
    assert api.tokens == 1
    (kept,) = Path(host.ledger).parent.glob("*.token-*")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert SECRET not in kept.read_text()
    beside = kept.with_name(f"{kept.name}.new")
    beside.write_text("of a run that was killed")
    api.valid.clear()
    host.put("c.csv")
    assert outcomes(host.send(api)) == {"c.csv": ("delivered", "")}
    assert api.tokens == 2
    assert not beside.exists()
    os.chmod(kept, 0o644)
    host.put("d.csv")
    host.send(api)
    assert api.tokens == 3


def test_secrets_that_the_service_repeats_are_masked(host: Host, api: FilesApi) -> None:
    host.put("a.csv")
    api.scripts = [lambda _api, _body: (422, {"message": f"{SECRET} token-1 {'x' * 10_000}"})]
    result = host.send(api)
    shown = json.dumps([one.as_dict() for one in result.outcomes])
    assert "token-1" not in shown
    assert SECRET not in shown
    assert "***" in shown
    assert len(shown) < 2500
    assert SECRET.encode() not in Path(host.ledger).read_bytes()


def test_a_file_that_changes_ends_its_request_and_not_the_run(
    host: Host, api: FilesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.courier.filedrop.plugins.module_utils._engine.local.folder import SourceFile

    real = SourceFile.read

    def read(self: SourceFile, length: int) -> bytes:
        data = real(self, length)
        if self.size == 99 and (host.src / "b.csv").exists():
            with open(host.src / "b.csv", "ab") as file:
                file.write(b"more")
        return data

    monkeypatch.setattr(SourceFile, "read", read)
    host.put("a.csv", "c.csv")
    host.put("b.csv", size=99)
    found = outcomes(host.send(api))
    assert found == {"a.csv": ("delivered", ""), "b.csv": ("failed", "changed_while_read"), "c.csv": ("delivered", "")}
    assert set(api.contents) == {"a.csv", "c.csv"}


def test_tls_is_checked_before_anything_is_sent(host: Host, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    host.put("a.csv")
    with files_api(context) as api:
        result = host.send(api)
        assert result.error is not None
        assert result.error.reason == "certificate_untrusted"
        assert api.tokens == 0
        assert outcomes(host.send(api, {"ca_file": str(tmp_path / "ca.pem")})) == {"a.csv": ("delivered", "")}


def test_ipv6(host: Host) -> None:
    host.put("a.csv")
    with files_api(host="::1") as api:
        assert outcomes(host.send(api)) == {"a.csv": ("delivered", "")}
