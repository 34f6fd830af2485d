# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation says, the argument specs and the engine must be one and the same."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.courier.filedrop.plugins.doc_fragments import account as account_fragment
from ansible_collections.courier.filedrop.plugins.doc_fragments import job as job_fragment
from ansible_collections.courier.filedrop.plugins.module_utils._engine import states
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config import options as read
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
    OF_PROTOCOL,
    Account,
    account_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import (
    PRESETS,
    preset_named,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs import job as engine
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger import decisions, history
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Row
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.hostkeys import TrustedKeys
from ansible_collections.courier.filedrop.plugins.module_utils._engine.states import State
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.result import FileOutcome, RunResult

MODULES = ("dropoff", "pickup", "files_info", "connection_info", "resolve", "ledger_info")
JOBS = {"dropoff": engine.Dropoff, "pickup": engine.Pickup}
FRAGMENTS = (
    account_fragment.ModuleDocFragment.DOCUMENTATION,
    job_fragment.ModuleDocFragment.DOCUMENTATION,
    job_fragment.ModuleDocFragment.LEDGER,
    account_fragment.ModuleDocFragment.IN_LEDGER,
    job_fragment.ModuleDocFragment.UNUSED_LEDGER,
)
FORBIDDEN = {"items", "keys", "values", "get", "copy", "pop", "update"}


class Built(Exception):
    """An AnsibleModule was about to be made of these."""


def module(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.courier.filedrop.plugins.modules.{name}")


def spec(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    def build(**arguments: Any) -> None:
        raise Built(arguments)

    monkeypatch.setattr(module(name), "AnsibleModule", build)
    with pytest.raises(Built) as caught:
        module(name).main()
    (arguments,) = caught.value.args
    assert arguments["supports_check_mode"] is True
    return dict(arguments["argument_spec"])


def documented(name: str) -> dict[str, Any]:
    """The options of a module with those of the fragments that it names."""
    own = yaml.safe_load(module(name).DOCUMENTATION)
    named = own["extends_documentation_fragment"]
    texts = {
        "account": FRAGMENTS[0],
        "job": FRAGMENTS[1],
        "job.ledger": FRAGMENTS[2],
        "account.in_ledger": FRAGMENTS[3],
        "job.unused_ledger": FRAGMENTS[4],
    }
    options: dict[str, Any] = {}
    for fragment, text in texts.items():
        if f"courier.filedrop.{fragment}" in named:
            options.update(yaml.safe_load(text)["options"])
    return {**options, **own["options"]}


def words(option: dict[str, Any]) -> str:
    return " ".join(option["description"])


@pytest.mark.parametrize("name", MODULES)
def test_documentation_and_spec_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options, expected = documented(name), spec(name, monkeypatch)
    assert set(options) == set(expected)
    for option, entry in expected.items():
        for detail, otherwise in (("type", "str"), ("choices", None), ("default", None), ("elements", None)):
            assert options[option].get(detail, otherwise) == entry.get(detail, otherwise), (option, detail)
        assert options[option].get("required", False) == entry.get("required", False), option


@pytest.mark.parametrize("name", MODULES)
def test_secrets_are_no_log_and_what_only_looks_like_one_is_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = {option: entry["no_log"] for option, entry in spec(name, monkeypatch).items() if "no_log" in entry}
    looks_like_one = dict.fromkeys(("private_key_file", "host_keys", "client_key_file", "token_url"), False)
    assert hidden == {"passphrase": True, "password": True, "client_secret": True, **looks_like_one}


@pytest.mark.parametrize(
    ("name", "option", "choices"),
    [
        ("dropoff", "protocol", tuple(OF_PROTOCOL)),
        ("dropoff", "upload", engine.UPLOADS),
        ("dropoff", "after", engine.AFTER_DROPOFF),
        ("dropoff", "ambiguous", engine.AMBIGUOUS),
        ("dropoff", "empty", engine.EMPTY),
        ("pickup", "after", engine.AFTER_PICKUP),
        ("dropoff", "verify", engine.VERIFY_DROPOFF),
        ("pickup", "verify", engine.VERIFY_PICKUP),
        ("pickup", "on_duplicate", engine.ON_DUPLICATE),
        ("pickup", "empty", engine.EMPTY),
        ("resolve", "decision", decisions.CHOICES),
        ("resolve", "direction", states.DIRECTIONS),
        ("ledger_info", "direction", states.DIRECTIONS),
        ("ledger_info", "outcome", tuple(states.OUTCOMES)),
    ],
)
def test_choices_are_the_engine_s(
    name: str, option: str, choices: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tuple(spec(name, monkeypatch)[option]["choices"]) == choices


@pytest.mark.parametrize("name", JOBS)
def test_the_engine_s_defaults_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the spec where no preset can have a word in it, else in words."""
    options, expected = documented(name), spec(name, monkeypatch)
    for kind in (JOBS[name], Account):
        for field in dataclasses.fields(kind):
            if field.name in options and field.default not in (dataclasses.MISSING, None, ()):
                told = expected[field.name].get("default")
                if told is None:
                    value = f"{field.default:g}" if isinstance(field.default, float) else field.default
                    assert f"Default: V({value}), unless O(preset) has another one." in words(options[field.name])
                else:
                    assert read.size(told) == field.default


def test_no_preset_says_anything_that_has_a_default_in_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in JOBS:
        fixed = {option for option, entry in spec(name, monkeypatch).items() if "default" in entry}
        for preset in PRESETS.values():
            assert not fixed & (set(getattr(preset, name) or {}) | set(preset.account))


def test_every_preset_is_documented() -> None:
    text = words(documented("dropoff")["preset"])
    for preset in PRESETS.values():
        assert f"V({preset.name})" in text
        told = (preset.dropoff.get("remote_dir"), (preset.pickup or {}).get("remote_dir"), preset.account.get("host"))
        for value in filter(None, told):
            assert f"C({value})" in text


def tasks(entries: list[dict[str, Any]], inherited: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Our modules' tasks in a list of them, with the options that module_defaults add."""
    found = []
    for entry in entries:
        defaults = entry.get("module_defaults", {}).get("group/courier.filedrop.remote", inherited)
        found += tasks(entry.get("block", []), defaults)
        for key, options in entry.items():
            if key.startswith("courier.filedrop."):
                found.append((key.rpartition(".")[2], {**defaults, **options}))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_examples_can_be_meant_as_they_stand(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of_a_ledger = {"resolve": decisions.wanted_from_options, "ledger_info": history.question_from_options}
    builders: dict[str, Callable[..., object]] = {
        "dropoff": engine.dropoff_from_options,
        "pickup": engine.pickup_from_options,
        "files_info": engine.listing_from_options,
        "connection_info": engine.folders_from_options,
    }
    examples = tasks(yaml.safe_load(module(name).EXAMPLES), {})
    assert name in dict(examples)
    for used, options in examples:
        allowed = spec(used, monkeypatch)
        assert set(options) <= set(allowed)
        assert {option for option, entry in allowed.items() if entry.get("required")} <= set(options)
        if used in of_a_ledger:
            of_a_ledger[used]({key: value for key, value in options.items() if "{{" not in str(value)})
            continue
        account = account_from_options(options)
        builders[used](options, preset_named(account.preset))
        TrustedKeys.parse([key for key in account.host_keys if "{{" not in key])


@pytest.mark.parametrize("name", MODULES)
def test_no_result_hides_a_method_of_a_dictionary(name: str) -> None:
    def check(values: dict[str, Any]) -> None:
        assert not FORBIDDEN & set(values)
        for value in values.values():
            check(value.get("contains", {}))

    check(yaml.safe_load(module(name).RETURN))


def test_what_a_ledger_tells_is_documented() -> None:
    row = Row("acme", "dropoff", "/out", "a.xml", 1, 1, "invoices", "in/a.xml", state=State.HELD)
    told = yaml.safe_load(module("ledger_info").RETURN)
    assert set(told) == {"ledger", "summary", "files", "capabilities", "reason"}
    assert set(told["summary"]["contains"]) == set(states.OUTCOMES)
    assert set(told["files"]["contains"]) == set(module("ledger_info").file_result(row, "held"))
    assert set(told["capabilities"]["contains"]) == set(
        module("ledger_info").capability_result(history.Capability("acme", "rename", True, 1.0))
    )
    decided = yaml.safe_load(module("resolve").RETURN)
    assert set(decided) == {"files", "reason"}
    assert set(decided["files"]["contains"]) == set(module("resolve").file_result(decisions.Decided(row, row)))


@pytest.mark.parametrize("name", JOBS)
def test_results_are_documented(name: str) -> None:
    told = yaml.safe_load(module(name).RETURN)
    assert set(told) == {"summary", "files", "notes", "reason"}
    assert set(told["summary"]["contains"]) == set(RunResult().summary)
    assert set(told["files"]["contains"]) == set(FileOutcome("a", "/a").as_dict())
