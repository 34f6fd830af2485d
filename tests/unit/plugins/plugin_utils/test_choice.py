# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._choice import choose
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables

from .test_plan import AMILI, INVOICES


def variables(**given: Any) -> Variables:
    every = {"filedrop_accounts": {"amili": AMILI}, "filedrop_jobs": {"invoices": INVOICES}, **given}
    return Variables(every, every.__getitem__)


@pytest.mark.parametrize(
    ("given", "jobs", "named"),
    [
        ({}, ["invoices"], None),
        ({"filedrop_job": "invoices"}, ["invoices"], ["invoices"]),
        ({"filedrop_job": None}, [], []),
        ({"filedrop_job": ""}, [], []),
        ({"filedrop_job": []}, [], []),
    ],
)
def test_a_choice_of_no_job_is_not_the_choice_of_all(given: dict[str, Any], jobs: list[str], named: Any) -> None:
    found = choose(variables(**given), "dropoff")
    assert list(found.requests) == jobs
    assert found.named == named


@pytest.mark.parametrize("direction", ["dropoff", "pickup"])
@pytest.mark.parametrize("name", [2026, "Upper", True])
def test_an_invalid_name_of_a_job_is_refused_whatever_its_direction(direction: str, name: object) -> None:
    with pytest.raises(InvalidVariables) as refused:
        choose(variables(filedrop_jobs={"invoices": INVOICES, name: INVOICES}), direction)
    (problem,) = refused.value.problems
    assert problem.startswith(f"filedrop_jobs.{name}: {name!r} is not a valid name.")


@pytest.mark.parametrize("option", [2026, True, None])
@pytest.mark.parametrize("value", [None, "x"])
@pytest.mark.parametrize("what", ["filedrop_accounts.amili", "filedrop_jobs.invoices"])
def test_the_name_of_an_option_is_text(what: str, option: object, value: object) -> None:
    wrong: dict[Any, object] = {option: value}
    given = {"filedrop_accounts": {"amili": AMILI | wrong}, "filedrop_jobs": {"invoices": INVOICES | wrong}}
    variable = what.partition(".")[0]
    with pytest.raises(InvalidVariables) as refused:
        choose(variables(**{variable: given[variable]}), "dropoff")
    (problem,) = refused.value.problems
    assert problem.startswith(f"{what}: the name of an option must be text, but is ")
    assert f": {option!r}. Correct it" in problem


@pytest.mark.parametrize("option", ["include", "enabled"])
def test_a_value_that_a_host_left_empty_does_not_move_all_files(option: str) -> None:
    given = {
        "filedrop_accounts": {"amili": AMILI},
        "filedrop_jobs": {"invoices": {**INVOICES, "include": ["*.xml"], "enabled": False}},
        "filedrop_jobs_host": {"invoices": {option: None}},
        "filedrop_job": "invoices",
    }
    with pytest.raises(InvalidVariables, match=f"filedrop_jobs.invoices.{option}: the value is empty."):
        choose(Variables(given, given.__getitem__), "dropoff")
