# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The faults by name: how they are written, what is refused, and that the documentation tells of each."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox import catalogue
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.catalogue import CATALOGUE, Known
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.faults import Aim, Fault
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from support.pages import unwrapped
from support.sandbox_client import USERNAME, Key, connect

ROOT = Path(__file__).parents[5]


def _values(known: Known) -> str:
    """The parameters of a fault as the table tells them."""
    shown = []
    for name, one in known.parameters.items():
        many = len(one.choices) > 5
        text = f" ({', '.join(one.choices)})" if one.choices and not many else ""
        shown.append(
            f"`{name}`: {one.default:g}" if isinstance(one.default, float) else f"`{name}`: {one.default}{text}"
        )
    return "; ".join(shown)


def test_the_list_for_users_is_the_catalogue() -> None:
    entry = r"^- `(\w+)`: The server (.*)\.\n(?:  - Parameters: (.*)\n)?"
    rows = re.findall(entry, unwrapped("faults.md"), re.MULTILINE)
    tables = ["", "ftp", "api"]
    names = sorted(CATALOGUE, key=lambda name: (tables.index(CATALOGUE[name].over.replace("sftp", "")), name))
    assert rows == [(name, CATALOGUE[name].does, _values(CATALOGUE[name])) for name in names]


def test_the_module_tells_of_every_fault_and_parameter() -> None:
    text = (ROOT / "plugins" / "modules" / "sandbox.py").read_text()
    told = text[text.index("  faults:\n") : text.index("extends_documentation_fragment")]
    for name, known in CATALOGUE.items():
        assert f"C({name}): {known.does}" in re.sub(r"\s+", " ", told)
        for parameter in known.parameters:
            assert f"      {parameter}:\n" in told


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_can_be_made_and_written_down(name: str) -> None:
    chosen = catalogue.from_data({"name": name})
    assert catalogue.from_data(chosen.to_data()) == chosen
    assert isinstance(chosen.make(), Fault)
    assert catalogue.from_text(name) == chosen


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("write_fails:bytes=100", {"name": "write_fails", "bytes": 100}),
        ("close_fails:after=2,times=1,account=a", {"name": "close_fails", "after": 2, "times": 1, "account": "a"}),
        ("answer_delayed:seconds=0.5,request=read", {"name": "answer_delayed", "seconds": 0.5, "request": "read"}),
        ("size_wrong:difference=-5", {"name": "size_wrong", "difference": -5}),
        ("name_hostile:kind=long", {"name": "name_hostile", "kind": "long", "after": None}),
    ],
)  # fmt: skip
def test_a_fault_is_the_same_as_text_and_as_data(text: str, data: dict[str, Any]) -> None:
    assert catalogue.from_text(text) == catalogue.from_data(data)


@pytest.mark.parametrize(
    ("text", "reason", "told"),
    [
        ("slow", "fault_unknown", "'slow'.*write_fails"),
        ("", "fault_unknown", "''"),
        ("close_fails:bytes=1", "fault_parameter_unknown", "'bytes'.*Its own parameters: none.*account"),
        ("write_fails:byte=1", "fault_parameter_unknown", "'byte'.*bytes"),
        ("write_fails:bytes=-1", "fault_parameter_invalid", "bytes of the fault write_fails is '-1'"),
        ("write_fails:bytes=1.5", "fault_parameter_invalid", "whole number"),
        ("write_fails:bytes", "fault_malformed", "'bytes'"),
        ("write_fails:name=x", "fault_malformed", "'name=x'"),
        ("login_slow:seconds=nan", "fault_parameter_invalid", "number from 0 to 3600"),
        ("connection_cut:direction=left", "fault_parameter_invalid", "'left'.*up, down"),
        ("connection_cut:account=alice", "fault_without_account", "'alice'"),
        ("garbage:request=version", "fault_parameter_invalid", "'version'"),
        ("no_extensions:times=0", "fault_parameter_invalid", "times"),
        ("no_extensions:after=-1", "fault_parameter_invalid", "after"),
    ],
)
def test_what_cannot_be_is_refused_and_named(text: str, reason: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        catalogue.from_text(text)
    assert refused.value.reason == reason
    assert refused.value.way_out


def test_a_fault_for_nobody_is_refused(key: Key) -> None:
    users = [account("alice", public_keys=[key.public])]
    catalogue.check_accounts([catalogue.from_text("close_fails:account=alice")], users)
    with pytest.raises(InputError, match=r"'bob'.*alice") as refused:
        catalogue.check_accounts([catalogue.from_text("close_fails:account=bob")], users)
    assert refused.value.reason == "fault_account_unknown"


def test_an_aim_hits_whom_and_when_it_shall() -> None:
    aim = Aim(account="alice", after=2, times=2)
    assert [aim.hits("bob") for _time in range(5)] == [False] * 5
    assert [aim.hits("alice") for _time in range(6)] == [False, False, True, True, False, False]
    assert all(Aim().hits() for _time in range(3))


def test_faults_change_while_the_sandbox_runs(tmp_path: Path, key: Key) -> None:
    users = [account(USERNAME, public_keys=[key.public])]
    with Sandbox(tmp_path / "sandbox", accounts=users, faults=["login_refused"]) as sandbox:
        with pytest.raises(paramiko.AuthenticationException):
            connect(sandbox, key)
        sandbox.set_faults([])
        connect(sandbox, key).close()
        sandbox.set_faults([{"name": "host_key_changed"}])
        with pytest.raises(LookupError):
            connect(sandbox, key)
        with pytest.raises(InputError):
            sandbox.set_faults([{"name": "host_key_changed"}, "slow"])
        with pytest.raises(LookupError):
            connect(sandbox, key)


@pytest.mark.parametrize("fault", ["connection_stalled:bytes=6000,direction=up", "login_slow:seconds=600"])
def test_a_sandbox_ends_at_once_whatever_waits(tmp_path: Path, key: Key, fault: str) -> None:
    users = [account(USERNAME, public_keys=[key.public])]
    with Sandbox(tmp_path / "sandbox", accounts=users, faults=[fault]) as sandbox:
        client = paramiko.Transport((sandbox.host, sandbox.port))
        client.auth_timeout = 0.5
        client.start_client(timeout=10)
        try:
            client.auth_publickey(USERNAME, key.load())
        except paramiko.SSHException:
            waited = True
        else:
            waited = client.is_authenticated()
        assert waited
        began = time.monotonic()
    assert time.monotonic() - began < 20
    client.close()
