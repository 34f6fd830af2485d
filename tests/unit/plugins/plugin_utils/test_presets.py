# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables

BANK = {
    "title": "Nordbank",
    "account": {"protocol": "sftp", "host": "sftp.nordbank.example", "port": 2222},
    "dropoff": {"remote_dir": "in", "upload": "rename", "include": ["*.xml"], "every": "15m"},
    "pickup": {"remote_dir": "out"},
}
GIVEN: dict[str, Any] = {
    "filedrop_presets": {"nordbank": BANK},
    "filedrop_accounts": {
        "se": {"preset": "nordbank", "username": "2001234"},
        "no": {"preset": "nordbank", "username": "2005678", "port": 22, "host": None},
        "amili": {"preset": "amili_sftp", "username": "1"},
    },
    "filedrop_jobs": {
        "payments": {"account": "se", "direction": "dropoff", "src": "/srv/out", "include": ["pay-*.xml"]},
        "reports": {"account": "no", "direction": "pickup", "dest": "/srv/in"},
        "invoices": {"account": "amili", "direction": "dropoff", "src": "/srv/out"},
    },
}


def applied(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    before = copy.deepcopy(given)
    variables = Variables(given, given.__getitem__)
    accounts, jobs = variables.accounts_and_jobs()
    assert given == before
    return accounts, jobs, variables.problems


def test_accounts_and_jobs_get_the_options_and_their_own_win() -> None:
    accounts, jobs, problems = applied(GIVEN)
    assert problems == []
    assert accounts["se"] == {**BANK["account"], "username": "2001234"}  # type: ignore[dict-item]
    assert accounts["no"] == {**BANK["account"], "username": "2005678", "port": 22}  # type: ignore[dict-item]
    assert accounts["amili"] == GIVEN["filedrop_accounts"]["amili"]
    assert jobs["payments"] == {**BANK["dropoff"], **GIVEN["filedrop_jobs"]["payments"]}  # type: ignore[dict-item]
    assert jobs["reports"] == {"remote_dir": "out", **GIVEN["filedrop_jobs"]["reports"]}
    assert jobs["invoices"] == GIVEN["filedrop_jobs"]["invoices"]


def test_without_presets_nothing_changes() -> None:
    given = {name: value for name, value in GIVEN.items() if name != "filedrop_presets"}
    assert applied(given) == (GIVEN["filedrop_accounts"], GIVEN["filedrop_jobs"], [])


def test_a_provider_without_a_pickup_refuses_one() -> None:
    given = copy.deepcopy(GIVEN)
    given["filedrop_presets"]["nordbank"]["pickup"] = None
    (problem,) = applied(given)[2]
    assert problem.startswith("filedrop_jobs.reports.direction: the preset nordbank is for drop-offs only.")


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        (7, "filedrop_presets.nordbank: the value must be a dictionary, but is an integer."),
        ({"acount": {}}, "filedrop_presets.nordbank.acount: unknown option. Use title, account, dropoff and pickup."),
        ({"kinds": {}}, "filedrop_presets.nordbank.kinds: unknown option."),
        ({"account": {"pasword": "x"}}, "filedrop_presets.nordbank.account.pasword: unknown option."),
        (
            {"account": {"password": "x"}},
            "filedrop_presets.nordbank.account.password: a preset cannot have this option.",
        ),
        ({"account": {"preset": "amili_sftp"}}, "filedrop_presets.nordbank.account.preset: a preset cannot"),
        (
            {"dropoff": {"remote_dirr": "in"}},
            "filedrop_presets.nordbank.dropoff.remote_dirr: unknown option. Did you mean",
        ),
        ({"dropoff": None}, "filedrop_presets.nordbank.dropoff: the value is null."),
        ({"pickup": ["x"]}, "filedrop_presets.nordbank.pickup: the value must be a dictionary of options, but is"),
    ],
)
def test_a_mistake_is_told_with_its_place(preset: object, words: str) -> None:
    given = {**GIVEN, "filedrop_presets": {"nordbank": preset}}
    (problem,) = applied(given)[2]
    assert problem.startswith(words)


def test_a_name_of_the_collection_is_taken() -> None:
    (problem,) = applied({**GIVEN, "filedrop_presets": {"amili_sftp": BANK, "nordbank": BANK}})[2]
    assert problem.startswith("filedrop_presets.amili_sftp: the collection has a preset with this name.")
