# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.courier.filedrop.plugins.plugin_utils import _variables as tables
from ansible_collections.courier.filedrop.plugins.plugin_utils._variables import Variables, plain


def of(**given: Any) -> Variables:
    return Variables(given, given.__getitem__)


def test_the_tables_are_those_of_the_argument_specs(checkout: Path) -> None:
    specs = yaml.safe_load((checkout / "roles/filedrop/meta/argument_specs.yml").read_text())["argument_specs"]
    documented = {name: option for spec in specs.values() for name, option in spec["options"].items()}
    kinds = {name: option["type"] for name, option in documented.items()}
    expected = dict.fromkeys((tables.PRESETS, *tables.ACCOUNTS, *tables.JOBS), "dict") | dict.fromkeys(
        tables.LISTS, "list"
    )
    expected |= dict.fromkeys((*tables.CHOICES, *tables.TEXTS), "str") | dict.fromkeys(tables.NUMBERS, "int")
    assert kinds == expected | dict.fromkeys(tables.FLAGS, "bool")
    choices = {name: tuple(option["choices"]) for name, option in documented.items() if "choices" in option}
    assert choices == tables.CHOICES


def test_each_variable_of_the_playbooks_is_known(checkout: Path) -> None:
    playbooks = [path.read_text() for path in (checkout / "playbooks").glob("*.yml")]
    used = {name for text in playbooks for name in re.findall(r"(?<![\w.])filedrop_[a-z_]+", text)}
    of_server = {name for name in used if name.startswith("filedrop_server")} | {"filedrop_clients"}  # and the groups
    assert used - of_server <= {*tables.OF_ROLE, *tables.OF_PLAYBOOKS}
    assert set(tables.OF_PLAYBOOKS) <= used


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("filedrop_acounts", ["Did you mean filedrop_accounts?"]),
        ("filedrop_my_own_thing_of_the_company", ["Remove it, or give a variable of your own another name."]),
        ("filedrop_server_root", []),
        ("filedropper", []),
        ("__filedrop_host", []),
        ("filedrop_spread", []),
    ],
)
def test_an_unknown_variable_is_told_with_the_nearest_one(name: str, told: list[str]) -> None:
    problems = of(**{name: 1}).problems
    assert len(problems) == len(told)
    assert all(text in problem and name in problem for text, problem in zip(told, problems))


@pytest.mark.parametrize(
    ("method", "name", "value", "expected"),
    [
        ("number", "filedrop_spread", "300", 300),
        ("number", "filedrop_spread", None, 7),
        ("flag", "filedrop_remove_ledger", "yes", True),
        ("flag", "filedrop_remove_ledger", "False", False),
        ("strings", "filedrop_groups", "erp", ["erp"]),
        ("strings", "filedrop_groups", ["erp", "web"], ["erp", "web"]),
        ("text", "filedrop_key_comment", "", ""),
        ("choice", "filedrop_python", "venv", "venv"),
    ],
)
def test_values_are_read_as_ansible_reads_them(method: str, name: str, value: Any, expected: Any) -> None:
    variables = of(**{name: value})
    defaults: dict[str, list[Any]] = {"number": [7], "choice": ["system"]}
    more = defaults.get(method, [])
    assert getattr(variables, method)(name, *more) == expected
    assert variables.problems == []


@pytest.mark.parametrize(
    ("method", "name", "value", "told"),
    [
        ("number", "filedrop_spread", -1, "filedrop_spread: -1 is out of range."),
        ("number", "filedrop_spread", "5m", "filedrop_spread: '5m' is not a whole number."),
        ("flag", "filedrop_remove_ledger", "si", "filedrop_remove_ledger: 'si' is neither true nor false."),
        ("strings", "filedrop_groups", 7, "filedrop_groups: the value must be text or a list of texts"),
        ("strings", "filedrop_groups", [7], "filedrop_groups, entry 1: the value must be text, but is an integer"),
        ("whole_list", "filedrop_pip_packages", "paramiko", "filedrop_pip_packages: the value must be a list"),
        ("path", "filedrop_ledger", "ledger.sqlite3", "filedrop_ledger: 'ledger.sqlite3' is not an absolute path."),
        ("choice", "filedrop_scheduler", "at", "Set filedrop_scheduler to one of: auto, systemd, cron."),
    ],
)
def test_an_invalid_value_is_told(method: str, name: str, value: Any, told: str) -> None:
    variables = of(**{name: value})
    defaults: dict[str, list[Any]] = {"number": [7], "choice": ["auto"]}
    more = defaults.get(method, [])
    getattr(variables, method)(name, *more)
    (problem,) = variables.problems
    assert told in problem


def test_layers_are_merged_option_by_option() -> None:
    variables = of(
        filedrop_jobs={"a": {"src": "/a", "include": ["x"]}, "b": {"src": "/b"}},
        filedrop_jobs_group={"a": {"include": ["y"]}},
        filedrop_jobs_host={"b": None},
    )
    assert variables.merged(tables.JOBS) == {"a": {"src": "/a", "include": ["y"]}, "b": None}


def test_values_have_python_s_own_types() -> None:
    class Text(str):
        pass

    class Encrypted:
        def __str__(self) -> str:
            return "open sesame"

    found = plain({Text("a"): [Text("b"), (1, 2.5)], "c": Encrypted(), "d": True})
    assert found == {"a": ["b", [1, 2.5]], "c": "open sesame", "d": True}
    assert {type(each) for each in (*found, found["a"][0], found["c"])} == {str}


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (
            {"filedrop_jobs_host": {"invoces": None}},
            ["filedrop_jobs_host.invoces: null leaves out an entry, but", "Did you mean invoices?"],
        ),
        ({"filedrop_jobs_group": {"xy": None}}, ["filedrop_jobs_group.xy: null", "Defined below it: invoices."]),
        ({"filedrop_jobs_host": {2026: None}}, ["filedrop_jobs_host.2026: null leaves out an entry"]),
        ({"filedrop_jobs_host": {"invoices": None}}, []),
        ({"filedrop_jobs_group": {"a": {}}, "filedrop_jobs_host": {"a": None}}, []),
        ({"filedrop_jobs": {"invoices": None}}, []),
    ],
)
def test_null_for_a_name_that_is_not_there_is_told(layer: dict[str, Any], told: list[str]) -> None:
    variables = of(**{"filedrop_jobs": {"invoices": {}}, **layer})
    variables.merged(tables.JOBS)
    assert len(variables.problems) == bool(told)
    assert all(text in variables.problems[0] for text in told)
