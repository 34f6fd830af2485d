# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.courier.filedrop.plugins.module_utils import _module
from ansible_collections.courier.filedrop.plugins.module_utils._engine import _paramiko
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import TrustError

ACCOUNT = {"host": "127.0.0.1", "username": "ann", "private_key_file": "/nowhere/key"}


@pytest.fixture
def finish(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run work with a real AnsibleModule of our account options, and return what it prints."""

    def run(work: Callable[[AnsibleModule], None], **options: Any) -> dict[str, Any]:
        with patch_module_args({**ACCOUNT, **options}), pytest.raises(SystemExit):
            work(AnsibleModule(argument_spec={**_module.ACCOUNT_SPEC, **_module.LEDGER_SPEC}, supports_check_mode=True))
        return dict(json.loads(capsys.readouterr().out))

    return run


def raises(error: Exception) -> Callable[[AnsibleModule], None]:
    def work() -> dict[str, Any]:
        raise error

    return lambda module: _module.run_module(module, work)


def test_the_engine_s_errors_fail_with_their_reason_and_way_out(finish: Callable[..., dict[str, Any]]) -> None:
    told = finish(raises(TrustError("host_key_changed", "The key is another one.", "Ask the provider.")))
    assert (told["failed"], told["reason"]) == (True, "host_key_changed")
    assert told["msg"] == "The key is another one. Ask the provider."


def test_other_errors_say_where_they_happened_and_show_no_secret(finish: Callable[..., dict[str, Any]]) -> None:
    told = finish(
        raises(ValueError("no luck with hunter-two or opens-it")), password="hunter-two", passphrase="opens-it"
    )
    assert told["reason"] == "unexpected"
    assert "ValueError: no luck with " in told["msg"]
    assert "(test_module.py, line " in told["msg"]
    assert "hunter-two" not in json.dumps(told)
    assert "opens-it" not in json.dumps(told)


def test_a_name_that_is_no_utf_8_does_not_spoil_a_result(finish: Callable[..., dict[str, Any]]) -> None:
    told = finish(lambda module: _module.run_module(module, lambda: {"files": [{"name": "a\udcff.xml"}], "count": 1}))
    assert told["files"] == [{"name": "a\\xff.xml"}]
    told = finish(raises(TrustError("code", "bad \udcff")))
    assert told["msg"] == "bad \\xff"


def test_a_missing_library_is_named_with_the_interpreter(
    finish: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def require() -> None:
        raise _module.DependencyError("paramiko_missing", "There is no paramiko.", "Install it.")

    monkeypatch.setattr(_paramiko, "require", require)
    told = finish(lambda module: _module.run_module(module, dict))
    assert told["reason"] == "paramiko_missing"
    assert told["msg"].startswith("There is no paramiko. Install it. The module ran with /")


def test_the_ledger_is_the_task_s_or_the_user_s_own(finish: Callable[..., dict[str, Any]]) -> None:
    def work(module: AnsibleModule) -> None:
        module.exit_json(ledger=_module.ledger_path(module))

    assert finish(work, ledger="/var/x.sqlite3")["ledger"] == "/var/x.sqlite3"
    assert finish(work)["ledger"] == _module.default_ledger()
