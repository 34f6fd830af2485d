# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils import _command, _deployment
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._deployment import Deployment, require_removable
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables

from .test_plan import BANK, INVOICES


def of(**given: Any) -> Deployment:
    return Deployment(Variables(given, given.__getitem__), "erp1")


def job(**options: Any) -> dict[str, Any]:
    return {**INVOICES, "account": "bank", "remote_dir": "in", **options}


def refusal(**given: Any) -> list[str]:
    with pytest.raises(InvalidVariables) as refused:
        of(**given)
    return refused.value.problems


@pytest.mark.parametrize(
    ("scheduler", "cases"),
    [
        ("auto", [("systemd", "root"), ("systemd", "filedrop"), ("cron", "filedrop")]),
        ("systemd", [("systemd", "root"), ("systemd", "filedrop")]),
        ("cron", [("cron", "filedrop")]),
    ],
)
def test_there_is_a_plan_for_each_case_and_no_secret_in_it(
    monkeypatch: pytest.MonkeyPatch, scheduler: str, cases: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(_deployment, "built_command", lambda _python, _temporary: __file__)
    found = of(filedrop_accounts={"bank": BANK}, filedrop_jobs={"a": job()}, filedrop_scheduler=scheduler)
    question = found.question("main", "")
    assert [(plan["scheduler"], plan["keys_owner"]) for plan in question["plans"]] == cases
    assert "hush hush" not in str(question["plans"])
    assert question["secrets"] == [{"path": "/etc/filedrop/keys/bank.password", "content": "hush hush\n"}]
    assert found.plan(*cases[0])["secrets"][0]["content"] == "hush hush\n"


def test_what_only_cron_refuses_is_a_mistake_only_where_cron_starts_the_jobs() -> None:
    given = {"filedrop_accounts": {"bank": BANK}, "filedrop_jobs": {"a": job(on_arrival=True)}}
    found = of(**given)
    assert found.refused("systemd", "root") == []
    assert "cron does not support this option" in found.refused("cron", "filedrop")[0]
    assert refusal(**given, filedrop_scheduler="cron") == found.refused("cron", "filedrop")


def test_mistakes_in_all_variables_are_told_together() -> None:
    told = refusal(
        filedrop_user="root", filedrop_groups=["a b"], filedrop_jobs={"a": job(inclde="x")}, filedrop_spred=1
    )
    assert [text.split(":")[0] for text in told] == [
        *("filedrop_spred", "filedrop_user", "filedrop_groups"),
        *("filedrop_jobs.a", "filedrop_jobs.a.inclde"),
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"filedrop_accounts": ["bank"]}, ["filedrop_accounts"]),
        ({"filedrop_accounts_host": "bank"}, ["filedrop_accounts_host"]),
        ({"filedrop_accounts": 7, "filedrop_accounts_host": {"bank": {"port": 22}, "x": None}}, ["filedrop_accounts"]),
        (
            {"filedrop_accounts": 7, "filedrop_jobs": {"a": job(inclde="x")}},
            ["filedrop_accounts", "filedrop_jobs.a.inclde"],
        ),
        ({"filedrop_jobs": 7, "filedrop_jobs_host": {"a": {"every": "5m"}, "x": None}}, ["filedrop_jobs"]),
        (
            {"filedrop_accounts": {"bank": {**BANK, "prt": 1, "host_keys": []}}},
            ["filedrop_accounts.bank.prt", "filedrop_accounts.bank.host_keys"],
        ),
    ],
)
def test_one_mistake_is_one_line(given: dict[str, Any], told: list[str]) -> None:
    found = refusal(**{"filedrop_accounts": {"bank": BANK}, "filedrop_jobs": {"a": job()}, **given})
    assert [text.split(":")[0] for text in found] == told


def test_a_template_that_cannot_be_evaluated_says_nothing_of_what_is_in_it() -> None:
    def value_of(name: str) -> Any:
        if name == "filedrop_accounts":
            raise ValueError("'nothing_here' is undefined")
        return {"a": job()}

    with pytest.raises(InvalidVariables) as refused:
        Deployment(Variables(dict.fromkeys(("filedrop_accounts", "filedrop_jobs")), value_of), "erp1")
    (problem,) = refused.value.problems
    assert problem.startswith("filedrop_accounts: the template in its value cannot be evaluated")


@pytest.mark.parametrize(
    ("given", "is_empty"),
    [
        ({}, True),
        ({"filedrop_accounts": {"a": None}, "filedrop_jobs": {"b": None}}, True),
        ({"filedrop_accounts": {"bank": BANK}}, False),
    ],
)
def test_a_host_without_accounts_and_jobs_is_empty(given: dict[str, Any], is_empty: bool) -> None:
    assert of(**given).is_empty is is_empty


def test_a_host_can_be_cleared_although_its_jobs_are_mistaken() -> None:
    given = {"filedrop_jobs": {"a": job(inclde="x")}, "filedrop_remove_ledger": "yes"}
    require_removable(Variables(given, given.__getitem__))
    wrong = {**given, "filedrop_remove_ledgr": True}
    with pytest.raises(InvalidVariables, match="Did you mean filedrop_remove_ledger"):
        require_removable(Variables(wrong, wrong.__getitem__))


def test_the_command_is_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built: list[str] = []

    def build(python: str) -> bytes:
        built.append(python)
        return b"program of " + python.encode()

    monkeypatch.setattr(_command, "build", build)
    paths = [_command.built_command(python, str(tmp_path)) for python in ("/a", "/a", "/b", "/a")]
    assert built == ["/a", "/b"]
    assert [Path(path).read_text() for path in paths[1:3]] == ["program of /a", "program of /b"]


@pytest.mark.parametrize("path", ["filedrop.prom", "/srv/filedrop.txt", "/srv/a b.prom", "/srv/100%.prom"])
def test_a_file_of_metrics_that_nothing_could_read_is_refused(path: str) -> None:
    problems = refusal(filedrop_accounts={"bank": BANK}, filedrop_jobs={"a": job()}, filedrop_metrics_file=path)
    assert problems[0].startswith(f"filedrop_metrics_file: {path!r} is not a path")
