# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No variable adds a line to a unit or a crontab, removes one, or changes another one than its own."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import Host, InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._plan import plan

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"
ACCOUNT = {"host": "bank.example.com", "username": "erp", "password_file": "/etc/secret", "host_keys": [KEY]}
FOLDER = {"protocol": "folder", "root": "/srv/box"}
SENT = {"direction": "dropoff", "src": "/srv/out", "remote_dir": "in", "archive_dir": "/srv/archive"}
FETCHED = {"direction": "pickup", "dest": "/home/erp/in", "remote_dir": "out", "move_dir": "done", "after": "move"}
HOSTS = {
    "systemd": Host(name="erp1.example.com"),
    "cron": Host(name="erp1.example.com", scheduler="cron", keys_owner="filedrop"),
}
EVIL = [
    *("{}\nExecStart=/bin/false", "{}\r\nUser=root", "\n* * * * * root /bin/false\n{}", "{}\u2028User=root", "{}\x85x"),
    *("{}\\", "{}\\\n", "{}%h", "%n{}", '{}" "-/etc', "{} -/etc", "{}'", "{}:/etc", "{};x", "{}#", "#{}", "{}$(id)"),
    *("{}\0", "{}\x1b[2J", "{} ", " {}", "{}\t", "[Install]", "-{}", "~root/{}", "{}/../../etc", "{}\x0b"),
]
VARIABLES = [
    *(("account", option) for option in ("host", "username", "password_file", "account name", "host_keys")),
    *(("folder", option) for option in ("root",)),
    *(("sent", option) for option in ("src", "remote_dir", "archive_dir", "include", "name", "temp_name")),
    ("boxed", "group"),
    *(("fetched", option) for option in ("dest", "remote_dir", "move_dir", "on_calendar", "every", "time_limit")),
    *(("host", option) for option in ("user", "keys_owner", "name")),
]
PLAIN = {
    "on_calendar": "06:00",
    "every": "1h",
    "time_limit": "5m",
    "user": "filedrop",
    "keys_owner": "root",
    "host_keys": KEY,
}
PLAIN |= {"temp_name": ".{random}.part", "group": "erp"}


def planned(scheduler: str, where: str, option: str, form: str) -> dict[str, str]:
    """The units and crontabs, by path, with one variable in an evil form; of ``{}``, its plain one."""
    accounts: dict[str, dict[str, Any]] = {"bank": dict(ACCOUNT), "box": dict(FOLDER)}
    jobs: dict[str, dict[str, Any]] = {
        "sent": {"account": "bank", "every": "1h", "on_arrival": scheduler == "systemd", **SENT},
        "boxed": {"account": "box", "every": "1h", **SENT, "src": "/srv/other"},
        "fetched": {"account": "bank", "on_calendar": "06:00", **FETCHED},
    }
    host = HOSTS[scheduler]
    changed: dict[str, Any] = {"account": accounts["bank"], "folder": accounts["box"], **jobs}.get(where, {})
    value = form.format(PLAIN.get(option) or changed.get(option, "plain"))
    if where == "host":
        host = dataclasses.replace(host, **{option: value})  # type: ignore[arg-type]
    elif option == "account name":
        accounts[value] = accounts.pop("bank")
        for name in ("sent", "fetched"):
            jobs[name]["account"] = value
    elif option == "name":
        jobs[value] = jobs.pop(where)
    else:
        if option == "every":
            del changed["on_calendar"]
        changed[option] = [value] if option in ("include", "host_keys") else value
    files = plan(accounts, jobs, host)["files"]
    return {each["path"]: each["content"] for each in files if not each["path"].startswith("/etc/filedrop/")}


def shape(content: str) -> list[str]:
    """The lines of a unit or crontab without their values. A line that ends in a backslash goes on in the next one."""
    joined = content.replace("\\\n", " ").splitlines()
    return [re.sub(r"^(\w+=).*|^[\d*/,-]+( [\d*/,-]+){4} \w+ |(?<=; )sleep \d+; ", r"\1", line) for line in joined]


@pytest.mark.parametrize("scheduler", HOSTS)
@pytest.mark.parametrize(("where", "option"), VARIABLES)
def test_no_variable_changes_another_line(scheduler: str, where: str, option: str) -> None:
    plain = planned(scheduler, where, option, "{}")
    refused: list[str] = []
    for form in EVIL:
        try:
            found = planned(scheduler, where, option, form)
        except InvalidVariables as error:
            refused += str(error).split("\n")
            continue
        assert {path: shape(text) for path, text in found.items()} == {
            path: shape(text) for path, text in plain.items()
        }, form
        for text in found.values():
            for line in text.splitlines():
                assert line.isprintable(), form
                assert "%" not in re.sub(r"%%|%i", "", line) or line.startswith(("#", "Description")), form
    assert all(line.isprintable() for line in refused)
    assert refused or option in ("include", "name")


def test_secrets_add_no_line_either() -> None:
    accounts = {"bank": {**ACCOUNT, "password": "a\nUser=root", "password_file": None}}
    for host in HOSTS.values():
        found = plan(accounts, {"sent": {"account": "bank", "every": "1h", **SENT}}, host)
        assert not any("User=root" in each["content"] for each in found["files"])
