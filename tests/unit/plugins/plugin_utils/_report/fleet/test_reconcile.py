# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.text import iso_time
from ansible_collections.courier.filedrop.plugins.module_utils._report import File
from ansible_collections.courier.filedrop.plugins.plugin_utils._report.fleet.reconcile import End, reconciliation

NOW = 1_796_000_000.0
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"
FINGERPRINT = "SHA256:WyWLwLAjkNyIoba+RMyF8zg2FMhyklyBtTrLvtVHfPY"
HOUR = 3600


def at(ago: float) -> str:
    return iso_time(NOW - ago)


def file(direction: str, name: str, ago: float = 2 * HOUR, **more: Any) -> File:
    folder = {"import": "/srv/filedrop/2001/input"}.get(direction, "/there")
    there = {"dropoff": f"input/{name}", "pickup": f"/pickup/{name}"}.get(direction, "")
    account = "host" if direction == "import" else "amili"
    found = File(
        *("job", account, direction, "delivered", "", name, 5, at(ago), folder, there, "", "5a"),
        *("size", *(None,) * 5, at(ago)),
    )
    return found._replace(**more)


def placed(name: str, ago: float = 2 * HOUR, **more: Any) -> File:
    there = {"account": "2001", "job": "place:pickup", "remote_path": f"pickup/{name}"}
    return file("dropoff", "original.txt", ago, **there, **more)


def job(
    direction: str, *, schedule: str = "every 15m", ran: float | None = None, enabled: bool = True
) -> dict[str, Any]:
    account = "host" if direction == "import" else "amili"
    last = None if ran is None else {"began": at(ran)}
    folders = ["/srv/filedrop/2001/input/"] if direction == "import" else ["/srv/erp"]
    common = {"direction": direction, "account": account, "schedule": schedule, "folders": folders}
    return {**common, "enabled": enabled, "last_run": last}


def client(*files: File, name: str = "erp1", jobs: Any = (), horizon: float = 30 * 24 * HOUR, **account: Any) -> End:
    options = {"account": "amili", "protocol": "sftp", "host": "box.example.com", "port": 2022, "username": "2001"}
    options |= {"host_keys": [f"[box.example.com]:2022 ssh-ed25519 {KEY} comment"], **account}
    return End(name, at(horizon), accounts=[options], jobs=jobs, files=files)


def server(*files: File, jobs: Any = None, horizon: float = 30 * 24 * HOUR) -> End:
    return End(
        *("box1", at(horizon)),
        jobs=[job("import")] if jobs is None else jobs,
        files=files,
        mailboxes={"2001": "/srv/filedrop/2001", "2002": "/srv/filedrop/2002"},
        host_keys=[f"ssh-ed25519 {KEY}"],
        addresses=frozenset({"box1", "10.0.0.1"}),
    )


def told(*ends: End) -> list[tuple[str, int, list[tuple[str, str]]]]:
    return [
        (pair["kind"], pair["matched"], [(one["name"], one["what"]) for one in pair["differences"]])
        for pair in reconciliation(ends, NOW)
    ]


def test_both_ends_are_compared_by_path_size_and_content() -> None:
    ours = client(
        *(file("dropoff", name) for name in ("one", "two", "three")),
        file("dropoff", "bytes"),
        file("dropoff", "size"),
        file("dropoff", "unproved", sha256=None),
        file("dropoff", "elsewhere", remote_path="other/elsewhere"),
        file("dropoff", "still-held", outcome="held"),
        file("pickup", "report"),
        file("pickup", "stray"),
        jobs=[job("pickup")],
    )
    theirs = server(
        *(file("import", name) for name in ("one", "two", "four", "unproved")),
        file("import", "three", outcome="held"),
        file("import", "bytes", sha256="6b"),
        file("import", "size", size=4),
        placed("report"),
        placed("waits"),
    )
    sent, there = reconciliation([ours, theirs], NOW)
    assert (sent["client"], sent["server"]) == (
        {"host": "erp1", "account": "amili"},
        {"host": "box1", "account": "2001"},
    )
    assert sent["matched"] == 3
    assert sorted((one["name"], one["what"]) for one in sent["differences"]) == [
        ("bytes", "other_bytes"),
        ("four", "imported_not_sent"),
        ("size", "other_bytes"),
        ("three", "sent_not_imported"),
    ]
    assert there["matched"] == 1
    assert [(one["name"], one["what"], one["size"], one["since"]) for one in there["differences"]] == [
        ("waits", "placed_not_fetched", 5, at(2 * HOUR)),
        ("stray", "fetched_not_placed", 5, at(2 * HOUR)),
    ]


@pytest.mark.parametrize(
    ("account", "is_pair"),
    [
        ({"host_keys": [FINGERPRINT]}, True),
        ({"host_keys": [], "host": "10.0.0.1"}, True),
        ({"host_keys": [], "host": "10.0.0.1", "protocol": "ftps"}, True),
        ({"host_keys": []}, False),
        ({"host_keys": ["ssh-ed25519 AAAA"]}, False),
        ({"host_keys": [], "host": "127.0.0.1"}, False),
        ({"username": "2003"}, False),
        ({"protocol": "folder"}, False),
    ],
)
def test_an_account_belongs_to_a_server_by_its_name_and_key_or_address(account: dict[str, Any], is_pair: bool) -> None:
    found = told(client(file("dropoff", "one"), **account), server(file("import", "one")))
    assert found == ([("sent", 1, [])] if is_pair else [])


def test_hosts_that_share_a_mailbox_are_one_side() -> None:
    ends = [client(file("dropoff", name), name=name) for name in ("erp1", "erp2")]
    theirs = server(*(file("import", name) for name in ("erp1", "erp2")))
    (pair,) = reconciliation([*ends, theirs], NOW)
    assert (pair["client"], pair["matched"], pair["differences"]) == ({"host": "erp1, erp2", "account": "amili"}, 2, [])


def test_the_same_name_again_and_again_is_matched_once_each() -> None:
    ours = client(*(file("dropoff", "daily", ago * HOUR, sha256=f"{ago}") for ago in range(2, 9)))
    theirs = server(*(file("import", "daily", ago * HOUR, sha256=f"{ago}") for ago in range(3, 9)))
    assert told(ours, theirs) == [("sent", 6, [("daily", "sent_not_imported")])]


@pytest.mark.parametrize(
    ("ago", "receiver", "is_told"),
    [
        (60, job("import", ran=0), False),  # the run began before the file was complete, or hardly after it
        (10 * 60, job("import", ran=60), True),
        (10 * 60, job("import", ran=11 * 60), False),
        (15 * 60, job("import"), False),
        (21 * 60, job("import"), True),
        (21 * 60, job("import", schedule="every 15m, and when a file appears"), True),
        (23 * HOUR, job("import", schedule="Mon..Fri 06:00"), False),
        (25 * HOUR, job("import", schedule="Mon..Fri 06:00"), True),
        (6 * 60, job("import", enabled=False), True),
    ],
)
def test_a_file_is_missing_once_the_other_end_should_have_it(
    ago: float, receiver: dict[str, Any], is_told: bool
) -> None:
    found = told(client(file("dropoff", "one", ago)), server(jobs=[receiver]))
    assert found == [("sent", 0, [("one", "sent_not_imported")] if is_told else [])]


@pytest.mark.parametrize("outcome", ["held", "rejected", "discarded"])
def test_a_file_that_the_other_end_does_not_take_by_itself_is_a_difference_at_once(outcome: str) -> None:
    ours = client(file("dropoff", "one", 60), file("pickup", "two", 60, outcome=outcome), jobs=[job("pickup")])
    theirs = server(file("import", "one", 30, outcome=outcome), placed("two", 90))
    assert told(ours, theirs) == [
        ("sent", 0, [("one", "sent_not_imported")]),
        ("placed", 0, [("two", "placed_not_fetched")]),
    ]


def test_what_is_older_than_one_end_tells_is_no_difference() -> None:
    old, recent = 5 * HOUR, 2 * HOUR
    ours = client(
        file("dropoff", "sent-before", old), file("pickup", "report", recent, modified=at(old)), horizon=4 * HOUR
    )
    theirs = server(
        file("import", "came-before", recent, modified=at(old)),
        file("import", "stray", recent),
        placed("other", old),
    )
    assert told(ours, theirs) == [("sent", 0, [("stray", "imported_not_sent")]), ("placed", 0, [])]


def test_without_an_import_or_a_placed_file_there_is_nothing_to_compare() -> None:
    assert told(client(file("dropoff", "one"), file("pickup", "two")), server(jobs=[])) == []
