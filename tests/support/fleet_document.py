# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Made-up documents of a fleet, as the playbook ``report`` gathers them. The same arguments give the same document."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

MADE_AT = datetime(2026, 11, 29, 8, 0, tzinfo=timezone.utc)
DAYS = 30
COLUMNS = (
    *("host", "job", "account", "direction", "outcome", "reason", "name", "size", "changed", "folder", "remote_path"),
    *("local_path", "sha256", "verified_by", "taken", "accepted", "accepted_by", "file_id", "request"),
)
HOSTILE = (
    "</script><script>document.title='hit'</script>.xml",
    '"><img src=x onerror="document.title=\'hit\'">.csv',
    "'onmouseover='document.title=1' {{ 7 * 7 }} {% raw %} ${7*7}.xml",
    "invoice-\u202excod.exe",
    "=cmd|'/C calc'!A0.csv",
    "@SUM(1+1)*cmd.csv",
    "-2+3;=1+1;b; -2.csv",
    "<!--<script>--><![CDATA[.xml",
    "zero\u200bwidth\ufeff.xml",
    "two, \"quoted\"; 'names'.csv",
    "שלום-2026-עולם.xml",
    "&amp;&#60;b&#62;.xml",
    "__proto__",
    "constructor",
    "x" * 251 + ".xml",
    "é" * 125 + ".xml",
    "line\nbreak\ttab\x1b[31m.txt",
    "latin-1-caf\udce9.txt",
)
"""Names that a file can have, and of which nothing may be carried out."""

_JOBS = (  # name, account, direction, schedule, names of its files
    ("invoices", "amili", "dropoff", "every 15m", "invoice-{day}-{number:06}.xml"),
    ("payments", "handelsbank", "dropoff", "every 60m", "pain.001-{day}-{number:06}.xml"),
    ("reports", "amili", "pickup", "every 15m", "report-{day}-{number:06}.csv"),
    ("statements", "handelsbank", "pickup", "Mon..Fri 07:30", "camt.053-{day}-{number:06}.xml"),
)
_FOLDERS = {"dropoff": "/srv/erp/outbox", "pickup": "/srv/erp/inbox", "import": "/srv/filedrop/2001234/input"}


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def nothing() -> dict[str, Any]:
    """A fleet without a host."""
    return {
        "made_at": iso(MADE_AT),
        "since": iso(MADE_AT - timedelta(days=DAYS)),
        "version": "1.0.0",
        "hosts": [],
        "files": {"columns": list(COLUMNS), "rows": []},
        "reconciliation": [],
    }


def fleet_document(hosts: int = 5, files: int = 400, *, planted: bool = True, seed: int = 1) -> dict[str, Any]:
    """A fleet of so many hosts and files. The last of several hosts is a server, and the others are its clients.

    :param planted: something is wrong with the first hosts: late, failed, held, a wrong clock, and not reached.
    """
    chance = random.Random(seed)
    document = nothing()
    names = [f"erp{number}" for number in range(1, hosts)] + ["box1"] * (hosts > 1) or ["erp1"] * hosts
    rows = [_file(chance, names, number, planted=planted) for number in range(files)] if names else []
    rows.sort(key=lambda row: row[8], reverse=True)
    document["files"]["rows"] = rows
    counts = {name: Counter(row[4] for row in rows if row[0] == name) for name in names}
    document["hosts"] = [_host(chance, name, counts[name]) for name in names]
    if planted:
        for number, plant in enumerate((_late, _held, _unreached, _wrong_clock)):
            if number < hosts:
                plant(document["hosts"][number])
    reached = {host["host"] for host in document["hosts"] if host["reached"]}
    document["files"]["rows"] = [row for row in rows if row[0] in reached]
    if hosts > 1:
        document["reconciliation"] = list(_reconciliation(names, planted=planted))
    return document


def hostile() -> dict[str, Any]:
    """A fleet in which every text that others choose is hostile."""
    document = fleet_document(4, 60)
    for number, (row, name) in enumerate(zip(document["files"]["rows"], HOSTILE)):
        row[6], row[10], row[11] = name, f"/in/{name}", f"/srv/erp/outbox/{name}"
        row[4], row[5] = ("held", "checksum_mismatch") if number % 2 else ("delivered", "")
    host = document["hosts"][0]
    host["jobs"][0].update(job="<b>job</b>", account="</td><script>1</script>", schedule="{{ 7 * 7 }}")
    host["notes"] = [HOSTILE[0], HOSTILE[3]]
    for name in HOSTILE:
        host["jobs"][0]["problems"].append(_problem("name_refused", f"Name: {name}", f"Rename {name}."))
        host["placed"].append(_placed(f"/srv/filedrop/x/pickup/{name}", 12))
    document["hosts"][2]["message"] = HOSTILE[1]
    pair = document["reconciliation"][0]
    pair["differences"] = [_difference(name, "sent_not_imported") for name in HOSTILE]
    for number, row in enumerate(document["files"]["rows"][len(HOSTILE) :]):
        row[1], row[2] = HOSTILE[number % 4], HOSTILE[number % 5]
    return document


def _file(chance: random.Random, names: list[str], number: int, *, planted: bool) -> list[Any]:
    host = names[number % len(names)]
    job, account, direction, _schedule, pattern = _JOBS[chance.randrange(len(_JOBS))]
    if host == "box1":
        job, account, direction = "import-2001234", "this-host", "import"
    days = min(int(abs(chance.gauss(0, 14))), DAYS - 1) if chance.random() < 0.3 else chance.randrange(DAYS)
    changed = MADE_AT - timedelta(days=days, seconds=chance.randrange(60, 43200))
    outcome, reason = "delivered", ""
    drawn = chance.random()
    if planted and drawn < 0.02:
        outcome, reason = (
            ("held", "checksum_mismatch") if drawn < 0.004 else ("waiting", "") if drawn < 0.012 else ("rejected", "")
        )
    elif planted and drawn < 0.03:
        outcome, reason = "unfinished", "cut_off"
    name = pattern.format(day=changed.strftime("%Y%m%d"), number=number)
    if number % 7 == 0:
        name = f"Rechnung Müller & Söhne {number}.pdf"
    size = int(chance.lognormvariate(10, 2))
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    delivered = outcome == "delivered"
    remote = f"/{'in' if direction == 'dropoff' else 'out'}/{name}"
    return [
        *(host, job, account, direction, outcome, reason, name, size, iso(changed), _FOLDERS[direction], remote),
        *(f"{_FOLDERS[direction]}/{name}", sha256, chance.choice(("hash", "size")) if delivered else None),
        iso(changed + timedelta(minutes=9)) if delivered and direction == "dropoff" else None,
        *((iso(changed), "handler") if delivered and direction == "import" else (None, None)),
        *(None, None),
    ]


def _host(chance: random.Random, name: str, counts: Counter[str]) -> dict[str, Any]:
    server = name == "box1"
    jobs = [("import-2001234", "this-host", "import", "every 5m", "")] if server else _JOBS
    key = {"type": "ed25519", "bits": 256, "fingerprint": f"SHA256:{name}0123456789", "age": chance.randrange(20, 800)}
    key["public_key"] = f"ssh-ed25519 AAAAC3Nz {name}"
    return {
        "host": name,
        "reached": True,
        "message": "",
        "clock_ahead": round(chance.uniform(-0.4, 0.4), 1),
        "status": 0,
        "jobs": [_job(chance, *job[:4]) for job in jobs],
        "keys": [
            {
                "account": account,
                "path": f"/etc/filedrop/keys/{account}",
                "stage": "current",
                "next_step": "To replace it, run the playbook courier.filedrop.rotate_keys.",
                "key": key,
                "new": None,
                "old": None,
                "retired": [],
                "message": "",
            }
            for account in (() if server else ("amili", "handelsbank"))
        ],
        "placed": [_placed(f"/srv/filedrop/2001234/pickup/report-{number}.csv", 900) for number in range(3 * server)],
        "notes": [],
        "counts": {
            one: counts.get(one, 0)
            for one in ("held", "waiting", "unfinished", "delivered", "discarded", "rejected", "abandoned")
        },
        "left_out": 0,
    }


def _job(chance: random.Random, name: str, account: str, direction: str, schedule: str) -> dict[str, Any]:
    ended = MADE_AT - timedelta(seconds=chance.randrange(60, 900))
    delivered = chance.randrange(12)
    return {
        "job": name,
        "account": account,
        "direction": direction,
        "enabled": True,
        "schedule": schedule,
        "running": False,
        "status": 0,
        "held": 0,
        "unfinished": 0,
        "waiting": 0,
        "blocked": 0,
        "stuck": 0,
        "waiting_since": None,
        "last_run": {
            "status": 0,
            "began": iso(ended - timedelta(seconds=4)),
            "ended": iso(ended),
            "delivered": delivered,
            "skipped": 0,
            "waiting": 0,
            "held": 0,
            "failed": 0,
            "bytes": delivered * 20480,
            "reason": "",
            "message": "",
        },
        "last_well": iso(ended),
        "problems": [],
    }


def _problem(reason: str, message: str, way_out: str, status: int = 3) -> dict[str, Any]:
    return {"reason": reason, "message": message, "way_out": way_out, "status": status}


def _placed(path: str, size: int) -> dict[str, Any]:
    when = iso(MADE_AT - timedelta(hours=5))
    return {
        "account": "2001234",
        "path": path,
        "size": size,
        "placed_at": when,
        "fetched": False,
        "fetched_at": None,
    }


def _plant(host: dict[str, Any], number: int, problem: dict[str, Any], **fields: Any) -> None:
    job = host["jobs"][min(number, len(host["jobs"]) - 1)]
    job["problems"].append(problem)
    job.update(status=problem["status"], **fields)
    host["status"] = max(host["status"], problem["status"])


def _late(host: dict[str, Any]) -> None:
    finding = "The timer filedrop-invoices.timer is stopped, so it does not start the job."
    _plant(host, 0, _problem("timer_stopped", finding, "Run: systemctl start filedrop-invoices.timer."))
    finding = "Its last run ended 2026-11-27T22:15:08Z, and the next one was due 2026-11-27T22:30:00Z."
    way_out = "Look at what starts it, and run it now: filedrop run invoices."
    _plant(host, 0, _problem("overdue", finding, way_out), last_well="2026-11-27T22:15:08Z")
    finding = (
        "Fewer files than expected were delivered from 2026-11-27T08:00:00Z to 2026-11-28T08:00:00Z: 0, and not 1 "
        "(Mon..Fri 09:00)."
    )
    way_out = "Find out what keeps them. See what came: filedrop history reports."
    _plant(host, 2, _problem("expectation_missed", finding, way_out))


def _held(host: dict[str, Any]) -> None:
    finding = "2 files are held for a decision, the first since 2026-11-28T17:04:11Z."
    _plant(host, 0, _problem("files_held", finding, "See them: filedrop held invoices."), held=2)
    finding = "In the run of 2026-11-29T07:45:03Z, some files failed: 3."
    way_out = "Run: filedrop run payments. It tries them again and tells why."
    _plant(host, 1, _problem("files_failed", finding, way_out, 1))
    host["jobs"][min(1, len(host["jobs"]) - 1)]["last_run"].update(status=1, failed=3)


def _unreached(host: dict[str, Any]) -> None:
    message = "Failed to connect to the host via ssh: connect to host 192.0.2.9 port 22: No route to host"
    host.update(reached=False, message=message, clock_ahead=None, status=None)
    host.update(jobs=[], keys=[], placed=[], notes=[], counts={})


def _wrong_clock(host: dict[str, Any]) -> None:
    host["clock_ahead"] = 312.4
    host["notes"] = ["systemctl does not answer, so it is not known whether the jobs' timers are active."]


def _difference(name: str, what: str) -> dict[str, Any]:
    return {"name": name, "size": 12044, "since": iso(MADE_AT - timedelta(hours=15)), "what": what}


def _reconciliation(names: list[str], *, planted: bool) -> Iterator[dict[str, Any]]:
    client, server = {"host": names[0], "account": "amili"}, {"host": names[-1], "account": "2001234"}
    sent = [_difference("invoice-20261128-000231.xml", "sent_not_imported")]
    placed = [
        _difference("report-1.csv", "placed_not_fetched"),
        _difference("report-0.csv", "other_bytes"),
    ]
    yield {
        "kind": "sent",
        "client": client,
        "server": server,
        "matched": 118,
        "differences": sent if planted else [],
    }
    yield {
        "kind": "placed",
        "client": client,
        "server": server,
        "matched": 31,
        "differences": placed if planted else [],
    }
