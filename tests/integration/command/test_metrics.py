# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metrics, read by the real node exporter, and judged by promtool and by a real Prometheus."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Host
from support.desk import fill
from support.prometheus import RULES, Prometheus, promtool
from support.sshd import SshServer

from .test_run import ready

LABELS = '{job="invoices",account="acme",direction="dropoff"'


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    (tmp_path / "prometheus").mkdir()
    started = Prometheus(tmp_path / "prometheus")
    try:
        yield started
    finally:
        started.stop()


def test_promtool_finds_nothing_wrong(system_host: Host, sshd: SshServer, tmp_path: Path) -> None:
    ready(system_host).dropoff(every="15m", retention="1d", after="delete")
    system_host.pickup()
    written = tmp_path / "filedrop.prom"
    for number in (1, 2):
        fill(system_host.outbox, number)
        assert system_host.run("run", "invoices", "--metrics", str(written)).status == 0
        for name in os.listdir(sshd.input):
            (sshd.input / name).unlink()
    text = written.read_text()
    checked = promtool("check", "metrics", text=text)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f'filedrop_files_total{LABELS},outcome="delivered"}} 3' in text
    assert f"filedrop_delivered_bytes_total{LABELS}}} 61440" in text
    assert 'filedrop_files_total{job="reports",account="acme",direction="pickup",outcome="delivered"} 0' in text
    assert re.search(r'filedrop_key_stage\{account="acme",stage="current"\} 1', text)
    assert written.stat().st_mode & 0o777 == 0o644
    # What retention forgets stays counted.
    system_host.change_ledger("UPDATE transfer SET changed_at = changed_at - 200000")
    assert system_host.run("run", "invoices", "--metrics", str(written)).status == 0
    assert not system_host.run("history", "--json").document["files"]
    assert f'filedrop_files_total{LABELS},outcome="delivered"}} 3' in written.read_text()


def test_a_job_whose_file_is_broken_is_not_forgotten(system_host: Host, tmp_path: Path) -> None:
    ready(system_host).dropoff()
    (system_host.config / "jobs" / "broken.json").write_text("{")
    written = tmp_path / "filedrop.prom"
    system_host.run("status", "--metrics", str(written))
    labels = 'job="broken",account="",direction="",reason="file_malformed"'
    assert f"filedrop_job_problem{{{labels}}} 3\n" in written.read_text()
    assert promtool("check", "metrics", text=written.read_text()).returncode == 0


def test_a_job_that_never_ran_is_due_as_well(system_host: Host, tmp_path: Path) -> None:
    ready(system_host).dropoff(every="15m")
    system_host.pickup(every="15m", enabled=False)
    os.utime(system_host.config / "jobs" / "invoices.json", (1_000_000_000,) * 2)
    written = tmp_path / "filedrop.prom"
    system_host.run("status", "--metrics", str(written))
    due = [line for line in written.read_text().splitlines() if line.startswith("filedrop_job_due_timestamp_seconds{")]
    assert due == [f"filedrop_job_due_timestamp_seconds{LABELS}}} 1000000900.0"]


def test_metrics_that_cannot_be_written_fail_no_run(system_host: Host) -> None:
    ready(system_host).dropoff()
    fill(system_host.outbox, 1)
    ended = system_host.run("run", "invoices", "--metrics", "/proc/filedrop.prom")
    assert ended.status == 0
    assert "cannot write '/proc/filedrop.prom'" in ended.err.lower()


def test_the_rules_are_valid_and_do_what_they_say(checkout: Path) -> None:
    checked = promtool("check", "rules", str(RULES))
    assert checked.returncode == 0, checked.stderr
    tested = promtool("test", "rules", str(checkout / "tests" / "integration" / "command" / "rules_test.yml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_a_real_prometheus_fires_each_alert_and_clears_it(
    system_host: Host, sshd: SshServer, prometheus: Prometheus
) -> None:
    written = str(prometheus.folder / "filedrop.prom")
    ready(system_host).dropoff(every="15m", taken_within="1h", stop_above={"files": 5})
    system_host.pickup(expect={"by": "daily"})
    long_ago = time.time() - 400 * 86400
    key = system_host.config / "keys" / "acme"
    os.utime(key, (long_ago, long_ago))
    for job in ("invoices", "reports"):
        os.utime(system_host.config / "jobs" / f"{job}.json", (long_ago, long_ago))
    fill(system_host.outbox, 1)
    system_host.run("run", "invoices")
    system_host.change_ledger("UPDATE transfer SET changed_at = changed_at - 7200")
    system_host.run("run", "invoices")
    system_host.change_ledger("UPDATE run SET began = began - 9000, ended = ended - 9000 WHERE job = 'invoices'")
    system_host.run("run", "reports")
    system_host.change_ledger(f"INSERT INTO certificate VALUES ('acme', {int(time.time()) + 86400}, 0)")
    system_host.run("status", "--metrics", written)
    expected = {
        *("FiledropNeedsAPerson", "FiledropFilesNotTaken", "FiledropExpectationMissed"),
        *("FiledropJobOverdue", "FiledropKeyOld", "FiledropCertificateExpires"),
    }
    assert prometheus.wait_until(lambda found: found >= expected) == expected
    now = time.time()
    os.utime(key, (now, now))
    (sshd.input / "invoice-00000.xml").unlink()
    sshd.put("report.csv", b"x")
    for job in ("invoices", "reports"):
        assert system_host.run("run", job, "--metrics", written).status == 0
    assert prometheus.wait_until(lambda found: not found) == set()
