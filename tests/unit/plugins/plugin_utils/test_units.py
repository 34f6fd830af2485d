# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils import _units as units

DAY = 86400


def times(calendar: list[str]) -> list[int]:
    """All seconds of a day at which calendar events of our own making are due."""

    def values(text: str, limit: int) -> list[int]:
        if text == "*":
            return list(range(limit))
        start, slash, step = text.partition("/")
        assert not slash or int(step) < limit, f"systemd refuses {text}"
        return list(range(int(start), limit, int(step) if slash else limit))

    found = []
    for event in calendar:
        match = re.fullmatch(r"\*-\*-\* (\S+):(\S+):(\S+)", event)
        assert match
        hours, minutes, seconds = match.groups()
        found += [
            hour * 3600 + minute * 60 + second
            for hour in values(hours, 24)
            for minute in values(minutes, 60)
            for second in values(seconds, 60)
        ]
    return sorted(found)


@pytest.mark.parametrize("minutes", [each for each in range(1, 1441) if 1440 % each == 0])
def test_runs_are_evenly_spaced_whatever_divides_a_day(minutes: int) -> None:
    every = minutes * 60
    start = units.offset("erp1.example.com", "invoices", every)
    assert times(units.calendar(every, start)) == list(range(start, DAY, every))


def test_an_offset_stays_and_differs_by_host_and_job() -> None:
    found = [units.offset(host, job, 3600) for host in ("a", "b", "c") for job in ("x", "y")]
    assert found == [units.offset(host, job, 3600) for host in ("a", "b", "c") for job in ("x", "y")]
    assert len(set(found)) == len(found)
    assert units.offset("erp1", "invoices", 900) == 288  # as released: it must never move by itself


def test_a_fleet_is_spread_over_the_whole_time() -> None:
    found = sorted(units.offset(f"host{number}", "invoices", 900) for number in range(1000))
    assert max(after - before for before, after in zip(found, found[1:])) < 20


def lines(unit: units.JobUnit) -> list[str]:
    return units.drop_in(unit, command="/bin/filedrop", header="#").splitlines()


def test_a_drop_in_opens_its_own_folders_and_credentials() -> None:
    unit = units.JobUnit(
        name="invoices",
        credentials=[units.Credential("amili", "/etc/filedrop/keys/amili")],
        writable=["/srv/out", "/srv/out/archive", "/srv/other"],
        time_limit=600,
    )
    assert lines(unit) == [
        "#",
        "[Service]",
        "LoadCredential=amili:/etc/filedrop/keys/amili",
        "ReadWritePaths=-/srv/other",  # one mount for a folder and what is in it, for nothing is moved between mounts
        "ReadWritePaths=-/srv/out",
        "TimeoutStartSec=720",
    ]


def test_what_is_only_read_is_not_opened_for_writing() -> None:
    assert lines(units.JobUnit(name="kept", readable=["/srv/out"])) == ["#", "[Service]"]


def test_folders_in_homes_are_put_where_no_other_home_is() -> None:
    found = lines(units.JobUnit(name="x", writable=["/home/erp/in"], readable=["/root/out"]))
    assert found[2:] == ["ProtectHome=tmpfs", "BindPaths=-/home/erp/in", "BindReadOnlyPaths=-/root/out"]


def test_a_group_needs_a_system_call_more() -> None:
    assert "SystemCallFilter=@chown" in lines(units.JobUnit(name="x", writable=["/srv/in"], gives_group=True))


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/srv/files", "/srv/files"),
        ("/srv/my files", '"/srv/my files"'),
        ("/srv/100%", "/srv/100%%"),
        ('/srv/a"b', '"/srv/a\\"b"'),
        ("/srv/a\\b", '"/srv/a\\\\b"'),
    ],
)
def test_a_path_means_itself(path: str, word: str) -> None:
    assert units.quoted(path) == word


def test_a_timer_catches_up_and_spreads() -> None:
    text = units.timer("reports", ["Mon..Fri 06:00"], spread=300, header="#")
    assert "OnCalendar=Mon..Fri 06:00\nRandomizedDelaySec=300\nFixedRandomDelay=yes\n" in text
    assert "Persistent=yes" in text
    assert "RandomizedDelaySec" not in units.timer("reports", ["*:30"], spread=0, header="#")


def test_a_run_that_a_file_starts_is_never_one_too_many() -> None:
    found = lines(units.JobUnit(name="x", writable=["/srv/out"], patience=65))
    assert found[1:5] == ["[Unit]", "StartLimitIntervalSec=0", "[Service]", "ExecStart="]


def test_a_run_can_take_neither_all_memory_nor_all_processes() -> None:
    text = units.service(user="filedrop", command="/usr/local/bin/filedrop", header="# Made.")
    assert {"MemoryMax=512M", "TasksMax=64"} <= set(text.splitlines())
