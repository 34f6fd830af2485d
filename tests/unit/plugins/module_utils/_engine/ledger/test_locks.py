# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DiskError, JobRunning
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import (
    JobKey,
    is_running,
    only_run,
    running_since,
)
from support.rights import SOMEBODY, as_somebody, somebodys_folder, without_privileges

JOB = JobKey("acme", "dropoff", "invoices")

_HOLD = """
import sys
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.locks import JobKey, only_run

with only_run(sys.argv[1], JobKey("acme", "dropoff", "invoices")):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    path = tmp_path / "ledger.sqlite3"
    path.touch()
    return str(path)


def test_a_second_run_is_refused_and_named(ledger: str) -> None:
    with only_run(ledger, JOB), pytest.raises(JobRunning) as caught, only_run(ledger, JOB):
        pytest.fail("two runs at once")
    assert caught.value.reason == "job_running"
    assert "'invoices'" in caught.value.finding
    assert "'acme'" in caught.value.finding


def test_a_run_may_follow_another(ledger: str) -> None:
    for _time in range(2):
        with only_run(ledger, JOB):
            pass


def test_a_lock_tells_since_when_it_is_held(ledger: str) -> None:
    assert running_since(ledger, JOB) is None
    with only_run(ledger, JOB):
        pass
    (lock,) = Path(f"{ledger}.locks").iterdir()
    os.utime(lock, (1000, 1000))
    assert not is_running(ledger, JOB)
    before = time.time()
    with only_run(ledger, JOB):
        since = running_since(ledger, JOB)
        assert since is not None
        assert before - 1 <= since <= time.time() + 1
        assert is_running(ledger, JOB)


@pytest.mark.parametrize("other", [{"account": "bank"}, {"direction": "pickup"}, {"name": "reports"}])
def test_different_jobs_run_at_once(ledger: str, other: dict[str, str]) -> None:
    with only_run(ledger, JOB), only_run(ledger, JOB._replace(**other)):
        assert len(os.listdir(f"{ledger}.locks")) == 2


def test_one_ledger_under_two_names_has_one_lock(ledger: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(ledger)
    with only_run(ledger, JOB), pytest.raises(JobRunning), only_run(str(link), JOB):
        pytest.fail("two runs at once")


def test_any_name_makes_a_lock(ledger: str) -> None:
    with only_run(ledger, JobKey("a/b", "dropoff", "dropoff:/srv/\udcff/" + "x" * 5000)):
        assert len(os.listdir(f"{ledger}.locks")) == 1


def test_a_lock_ends_with_its_owner(ledger: str, import_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(import_path)}
    command = [sys.executable, "-c", _HOLD, ledger]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"locked\n"
        with pytest.raises(JobRunning), only_run(ledger, JOB):
            pytest.fail("two runs at once")
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    with only_run(ledger, JOB):
        pass


def test_where_no_lock_can_be_there_is_no_run(ledger: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    def attempt() -> str:
        with pytest.raises(DiskError) as caught, only_run(ledger, JOB):
            pytest.fail("no lock, and yet a run")
        return str(caught.value)

    try:
        assert f"{ledger}.locks" in without_privileges(attempt)
    finally:
        tmp_path.chmod(0o700)


def test_a_link_in_the_place_of_a_lock_leads_nowhere(ledger: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", f"{ledger}.locks")
    with pytest.raises(DiskError), only_run(ledger, JOB):
        pytest.fail("locked elsewhere")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_link_in_the_place_of_a_lock_s_file_makes_nothing_elsewhere(ledger: str, tmp_path: Path) -> None:
    with only_run(ledger, JOB):
        pass
    (lock,) = Path(f"{ledger}.locks").iterdir()
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DiskError), only_run(ledger, JOB):
        pytest.fail("locked elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_locks_that_root_made_serve_the_ledger_s_owner() -> None:
    with somebodys_folder() as folder:
        path = str(folder / "ledger.sqlite3")

        def use() -> None:
            with only_run(path, JOB), only_run(path, JOB._replace(name="another")):
                pass

        as_somebody(lambda: Path(path).touch())
        with only_run(path, JOB):
            pass
        made = [Path(f"{path}.locks"), *Path(f"{path}.locks").iterdir()]
        assert len(made) == 2
        assert {found.stat().st_uid for found in made} == {SOMEBODY}
        as_somebody(use)
        with only_run(path, JOB):
            pass
        as_somebody(use)


def test_root_gives_nothing_away_that_has_another_name(tmp_path: Path) -> None:
    """Whoever owns a ledger could link any file of root's to where root makes a lock."""
    with somebodys_folder() as folder:
        path = str(folder / "ledger.sqlite3")
        as_somebody(lambda: Path(path).touch())
        with only_run(path, JOB):
            (lock,) = Path(f"{path}.locks").iterdir()
        lock.unlink()
        precious = folder / "precious"
        precious.touch()
        owner = precious.stat().st_uid
        os.link(precious, lock)
        if os.geteuid() == 0:
            with pytest.raises(DiskError), only_run(path, JOB):
                pytest.fail("locked as root")
        assert precious.stat().st_uid == owner
