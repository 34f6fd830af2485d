# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decisions on rows as runs leave them; what the next runs make of them is in tests/integration/engine."""

from __future__ import annotations

import dataclasses
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    FiledropError,
    InputError,
    JobRunning,
    LedgerError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import decisions
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.decisions import (
    CHOICES,
    Decided,
    Wanted,
    held_error,
    resolve,
    wanted_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger, Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from support.ledgers import plant
from support.rights import as_somebody, somebodys_folder


def row(name: str = "a.xml", **changes: Any) -> Row:
    values: dict[str, Any] = {
        "account": "acme",
        "direction": "dropoff",
        "folder": "/out",
        "name": name,
        "size": 10,
        "mtime_ns": 1_700_000_000_123_456_789,
        "job": "dropoff:/out",
        "remote_path": f"in/{name}",
        "state": "held",
        "reason": "ambiguous",
    }
    values.update(changes)
    return Row(**{**values, "state": State(values["state"])})


def duplicate(name: str = "r.xml", **changes: Any) -> Row:
    place = {"direction": "pickup", "folder": "pickup", "job": "pickup:pickup > /in", "remote_path": f"pickup/{name}"}
    return row(name, **{**place, "reason": "duplicate", "sha256": "00ff", "local_path": f"/in/{name}", **changes})


def write(path: str, *rows: Row) -> None:
    with closing(Ledger(path, create=True)) as ledger:
        plant(ledger, *(dataclasses.replace(one) for one in rows))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "ledger.sqlite3")


def states(path: str) -> dict[str, tuple[str, bool, str | None]]:
    with closing(Ledger(path, read_only=True)) as ledger:
        return {one.name: (one.state, one.open, one.reason) for one in ledger.rows("ORDER BY id", ())}


def refusal(path: str, wanted: Wanted, decision: str = "resend") -> FiledropError:
    before = states(path) if os.path.exists(path) else {}
    with pytest.raises(FiledropError) as caught:
        resolve(path, wanted, decision)
    assert caught.value.way_out
    assert not os.path.exists(path) or states(path) == before
    return caught.value


@pytest.mark.parametrize(
    ("held", "decision", "state", "is_open"),
    [
        (row(), "resend", "resend", True),
        (row(), "delivered", "delivered", False),
        (row(), "discard", "discarded", False),
        (row(temporary="in/.1.part"), "resend", "resend", True),
        (row(temporary="in/.1.part"), "delivered", "accepted", True),
        (row(temporary="in/.1.part"), "discard", "discarding", True),
        (duplicate(), "resend", "resend", True),
        (duplicate(), "delivered", "placed", True),
        (duplicate(temporary=".filedrop-1.part"), "discard", "discarded", False),
    ],
)
def test_a_decision_is_what_the_next_run_goes_by(
    path: str, held: Row, decision: str, state: str, is_open: bool
) -> None:
    write(path, held)
    (decided,) = resolve(path, Wanted((held.name,)), decision)
    assert (decided.before.state, decided.after.state, decided.changed) == ("held", state, True)
    assert states(path) == {held.name: (state, is_open, "resolved")}


@pytest.mark.parametrize("decision", CHOICES)
@pytest.mark.parametrize("held", [row(), row(temporary="in/.1.part"), duplicate()])
def test_what_is_decided_so_already_is_left_as_it_is(path: str, held: Row, decision: str) -> None:
    write(path, held)
    resolve(path, Wanted((held.name,)), decision)
    before = Path(path).read_bytes()
    (again,) = resolve(path, Wanted((held.name,)), decision)
    assert not again.changed
    assert again.before == again.after
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("state", ["delivered", "fetched", "kept"])
def test_a_file_that_counts_as_delivered_stays_decided_after_its_run(path: str, state: str) -> None:
    write(path, row(state=state, reason=decisions.RESOLVED))
    (again,) = resolve(path, Wanted(("a.xml",)), "delivered")
    assert not again.changed
    assert refusal(path, Wanted(("a.xml",)), "discard").reason == "not_held"


@pytest.mark.parametrize(
    ("first", "second", "end"),
    [
        ("resend", "discard", ("discarded", False)),
        ("resend", "delivered", ("delivered", False)),
        ("discard", "resend", ("resend", True)),
        ("discard", "delivered", ("delivered", False)),
        ("delivered", "resend", None),
        ("delivered", "discard", None),
    ],
)
def test_a_decision_may_be_changed_while_nothing_has_come_of_it(
    path: str, first: str, second: str, end: tuple[str, bool] | None
) -> None:
    write(path, row())
    resolve(path, Wanted(("a.xml",)), first)
    if end is None:
        assert refusal(path, Wanted(("a.xml",)), second).reason == "not_held"
    else:
        resolve(path, Wanted(("a.xml",)), second)
        assert states(path)["a.xml"][:2] == end


@pytest.mark.parametrize(
    ("state", "is_open", "reason"),
    [
        *((state, True, None) for state in ("intent", "created", "written", "closed", "renamed", "placing", "placed")),
        *((state, False, None) for state in ("delivered", "fetched", "kept", "abandoned")),
        ("abandoned", False, "resolved"),
        ("intent", True, "ambiguous"),
    ],
)
@pytest.mark.parametrize("decision", CHOICES)
def test_only_what_is_held_can_be_resolved(
    path: str, state: str, is_open: bool, reason: str | None, decision: str
) -> None:
    write(path, row(state=state, reason=reason))
    error = refusal(path, Wanted(("a.xml",)), decision)
    assert (type(error), error.reason) == (InputError, "not_held")
    assert f"its state is {state!r} since 20" in error.finding
    assert "'/out/a.xml'" in error.finding
    assert ("next run" in error.way_out) == is_open


def test_only_the_newest_row_of_a_file_counts(path: str) -> None:
    write(path, row(state=State.DISCARDED), row(state=State.DELIVERED, reason=None))
    assert refusal(path, Wanted(("a.xml",))).reason == "not_held"
    write(path, row(size=11))
    (decided,) = resolve(path, Wanted(("a.xml",)), "resend")
    assert decided.before.size == 11


def test_all_that_is_held_means_that_and_nothing_else(path: str) -> None:
    write(
        path,
        row("1"),
        row("2", account="bank"),
        duplicate("3"),
        row("4", state=State.INTENT),
        row("5", state=State.DELIVERED),
        row("6", state=State.DISCARDED),
        row("7", state=State.RESEND),
    )

    def found(**wanted: str) -> list[str]:
        return [one.before.name for one in resolve(path, Wanted(None, **wanted), "discard", check=True)]

    assert found() == ["1", "2", "3"]
    assert found(account="acme") == ["1", "3"]
    assert found(direction="pickup") == ["3"]
    assert found(account="bank", direction="pickup") == []
    assert all(one.changed for one in resolve(path, Wanted(), "discard"))
    assert found() == []


def test_a_file_is_found_by_its_name_or_its_path(path: str) -> None:
    write(path, row(), duplicate())
    for name in ("a.xml", "/out/a.xml", "r.xml", "pickup/r.xml"):
        (decided,) = resolve(path, Wanted((name, name)), "resend", check=True)
        assert decided.before.name == name.rpartition("/")[2]
    for name in ("/elsewhere/a.xml", "out/a.xml", "/out/r.xml", "A.xml", "a*"):
        assert refusal(path, Wanted((name,))).reason == "file_unknown"


def test_several_of_one_name_are_told_apart_by_path_account_and_direction(path: str) -> None:
    write(path, row(), row(folder="/urgent"), row(account="bank"), duplicate("a.xml"))
    error = refusal(path, Wanted(("a.xml",)))
    assert error.reason == "file_ambiguous"
    for where in ("'/out/a.xml', account acme", "'/urgent/a.xml', account acme", "account bank", "pickup of 'pickup/a"):
        assert where in error.finding
    assert refusal(path, Wanted(("/out/a.xml",))).reason == "file_ambiguous"
    for wanted in (
        Wanted(("/urgent/a.xml",)),
        Wanted(("/out/a.xml",), account="acme"),
        Wanted(("a.xml",), account="bank"),
        Wanted(("a.xml",), direction="pickup"),
    ):
        assert len(resolve(path, wanted, "resend", check=True)) == 1


def test_the_one_that_is_held_is_meant_where_the_others_of_its_name_are_not(path: str) -> None:
    write(path, row(state=State.DELIVERED), row(folder="/urgent"), row(account="bank", state=State.INTENT))
    (decided,) = resolve(path, Wanted(("a.xml",)), "resend")
    assert decided.before.folder == "/urgent"


def test_one_file_that_cannot_be_resolved_keeps_the_others_from_it(path: str) -> None:
    write(path, row("1"), row("2"), row("3", state=State.DELIVERED))
    assert refusal(path, Wanted(("1", "2", "3"))).reason == "not_held"
    assert refusal(path, Wanted(("1", "unknown"))).reason == "file_unknown"
    resolve(path, Wanted(("1", "2")), "resend")
    assert {state for state, _open, _reason in states(path).values()} == {"resend", "delivered"}


def test_an_unknown_file_is_no_riddle(path: str) -> None:
    write(path, row())
    error = refusal(path, Wanted(("b.xml",), account="acme", direction="dropoff"))
    assert "'b.xml' of the account 'acme' of the direction 'dropoff'" in error.finding
    assert path in error.finding
    assert "`outcome: held`" in error.way_out


def test_an_unknown_account_is_told_with_those_that_are_known(path: str) -> None:
    write(path, row(), row(account="ann@h:22"))
    error = refusal(path, Wanted(None, account="acne"))
    assert (error.reason, "'acne'" in error.finding) == ("account_unknown", True)
    assert "acme, ann@h:22" in error.way_out


def test_a_missing_ledger_is_named_and_not_made(path: str) -> None:
    for check in (False, True):
        with pytest.raises(LedgerError) as caught:
            resolve(path, Wanted(), "resend", check=check)
        assert caught.value.reason == "ledger_missing"
        assert path in caught.value.finding
    assert not os.path.exists(path)


def test_check_mode_decides_nothing(path: str) -> None:
    write(path, row())
    before = {found.name: found.read_bytes() for found in Path(path).parent.iterdir()}
    (decided,) = resolve(path, Wanted(("a.xml",)), "discard", check=True)
    assert (decided.before.state, decided.after.state, decided.changed) == ("held", "discarded", True)
    assert {found.name: found.read_bytes() for found in Path(path).parent.iterdir()} == before


def test_nothing_is_decided_while_a_run_of_one_of_the_jobs_is_at_work(path: str) -> None:
    write(path, row("1"), row("2", job="other"))
    with only_run(path, JobKey("acme", "dropoff", "other")):
        with pytest.raises(JobRunning):
            resolve(path, Wanted(), "resend")
        assert {state for state, _open, _reason in states(path).values()} == {"held"}
        resolve(path, Wanted(("1",)), "resend")
    resolve(path, Wanted(("2",)), "resend")


def test_a_job_that_takes_a_file_over_meanwhile_is_not_disturbed(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, row())
    real = decisions.only_run

    def late(ledger: str, job: JobKey) -> Any:
        with closing(Ledger(ledger)) as other:
            (found,) = other.rows("WHERE open = 1", ())
            found.job = "new name"
            plant(other, found)
        return real(ledger, job)

    monkeypatch.setattr(decisions, "only_run", late)
    with pytest.raises(JobRunning):
        resolve(path, Wanted(("a.xml",)), "resend")
    assert states(path)["a.xml"][0] == "held"


def test_what_root_decides_in_somebody_s_ledger_leaves_it_theirs() -> None:
    with somebodys_folder() as folder:
        path = str(folder / "ledger.sqlite3")
        as_somebody(lambda: write(path, row("1"), row("2")))
        resolve(path, Wanted(("1",)), "resend")
        as_somebody(lambda: resolve(path, Wanted(("2",)), "resend"))
        owners = {found.stat().st_uid for found in (*folder.iterdir(), *Path(f"{path}.locks").iterdir())}
        assert owners == {folder.stat().st_uid}


# --- from options


def test_options_say_what_is_meant() -> None:
    account = {"preset": "amili_sftp", "username": "2001234"}
    wanted = wanted_from_options({"name": ["a, b.xml", "/out/c.xml"], "direction": "dropoff", **account})
    assert wanted == Wanted(("a, b.xml", "/out/c.xml"), "2001234@sftp.amili.se:22", "dropoff")
    assert wanted_from_options({"name": "a, b.xml"}) == Wanted(("a, b.xml",))
    assert wanted_from_options({"all_held": True, "account": "ann@h:22"}) == Wanted(None, "ann@h:22")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": []},
        {"name": [""]},
        {"name": 7},
        {"name": "a.xml", "all_held": True},
        {"name": "a.xml", "direction": "sideways"},
        {"name": "a.xml", "username": "ann"},
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        wanted_from_options(options)
    assert caught.value.way_out


# --- what is said


def said_of(row: Row, path: str = "/data/ledger", *, for_module: bool = False) -> str:
    with closing(Ledger(path, read_only=True, for_module=for_module)) as ledger:
        return held_error(row, "ambiguous", "Who knows.", ledger).way_out


@pytest.mark.parametrize(("job", "for_module"), [("dropoff:/out", False), ("dropoff:/out", True), ("invoices", True)])
def test_what_a_module_holds_is_resolved_by_a_task(job: str, for_module: bool) -> None:
    told = said_of(row('a "b", c.xml', job=job), for_module=for_module)
    task = (
        '`courier.filedrop.resolve: {account: "acme", direction: "dropoff", name: "/out/a \\"b\\", c.xml", '
        'ledger: "/data/ledger", decision: resend}`'
    )
    assert task in told
    assert "delivered or discard" in told


def test_the_usual_ledger_need_not_be_said() -> None:
    assert "ledger:" not in said_of(row(), decisions.default_ledger())


def test_a_job_of_the_command_is_resolved_by_the_command() -> None:
    told = said_of(row("a b.xml", job="invoices"))
    assert "`filedrop resolve invoices 'a b.xml' --resend`, `--delivered` or `--discard`" in told
    assert "courier" not in told


def test_a_decision_can_be_told_from_none() -> None:
    assert not Decided(row(), row()).changed
    assert Decided(row(), row(state=State.RESEND)).changed
