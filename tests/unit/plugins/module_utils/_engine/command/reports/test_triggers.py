# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd and cron say about jobs: a program of the name ``systemctl`` says what each test wants."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports import triggers
from ansible_collections.courier.filedrop.plugins.module_utils._engine.command.reports.problems import Problem
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import ConfiguredJob
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import dropoff_from_options
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.schedule import Schedule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.last_run import PastRun

NAME = "invoices"
WELL = {
    "service": {"LoadState": "loaded", "ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"},
    "timer": {"LoadState": "loaded", "ActiveState": "active", "SubState": "waiting", "UnitFileState": "enabled"},
    "path": {"LoadState": "loaded", "ActiveState": "active", "SubState": "waiting", "UnitFileState": "enabled"},
}
ABSENT = {"LoadState": "not-found", "ActiveState": "inactive"}


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the answer; without it, the program fails."""
    program, answer = tmp_path / "systemctl", tmp_path / "answer"
    program.write_text(f'#!/bin/sh\ncase "$*" in *[A-Z].timer*) exit 1 ;; esac\nexec cat {answer}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(triggers, "CRONTAB", str(tmp_path / "crontab"))
    monkeypatch.setattr(triggers, "_CRON_OF_SYSTEMD", str(tmp_path / "generator"))
    monkeypatch.setattr(triggers, "_PROC", str(tmp_path / "proc"))
    processes(tmp_path, "init", "cron")
    return answer


def processes(folder: Path, *names: str) -> None:
    """Let these be all processes of the host."""
    shutil.rmtree(folder / "proc", ignore_errors=True)
    for number, name in enumerate(names, 1):
        (folder / "proc" / str(number)).mkdir(parents=True)
        (folder / "proc" / str(number) / "comm").write_text(f"{name}\n")


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the configuration that the role deployed."""
    (tmp_path / "filedrop").touch()
    (tmp_path / "etc" / "jobs").mkdir(parents=True)
    (tmp_path / "etc" / "jobs").chmod(0o750)
    monkeypatch.setattr(triggers, "COMMAND", str(tmp_path / "filedrop"))
    monkeypatch.setattr(triggers, "DEFAULT_FOLDER", str(tmp_path / "etc"))
    return tmp_path / "etc"


def answers(file: Path, **units: Mapping[str, str]) -> None:
    told = {kind: {**WELL[kind], **units.get(kind, {})} for kind in WELL}
    blocks = [{"Id": f"filedrop@{NAME}.{kind}", **unit} for kind, unit in told.items()]
    file.write_text("\n\n".join("\n".join(f"{key}={value}" for key, value in block.items()) for block in blocks) + "\n")


def job(**schedule: object) -> ConfiguredJob:
    made = dropoff_from_options({"src": "/srv", "remote_dir": "input"}, preset_named(None), name=NAME)
    return ConfiguredJob(made, "acme", Schedule(**{"every": 900, **schedule}), max_age=86400)  # type: ignore[arg-type]


def found(of: ConfiguredJob, past: PastRun | None = None) -> list[Problem]:
    return list(triggers.Triggers([NAME]).problems(of, past))


def ended(ago: float) -> PastRun:
    at = time.time() - ago
    return PastRun("acme", "dropoff", NAME, at, at, at, "", "", *(0,) * 9)


@pytest.mark.parametrize(
    ("kind", "unit", "reason"),
    [
        ("timer", {}, None),
        ("timer", {"ActiveState": "inactive", "SubState": "dead"}, "timer_stopped"),
        ("timer", {"ActiveState": "inactive", "UnitFileState": "disabled"}, "timer_stopped"),
        ("timer", {"UnitFileState": "disabled"}, "timer_disabled"),
        ("timer", {"LoadState": "masked", "ActiveState": "inactive"}, "timer_masked"),
        ("timer", {"UnitFileState": "masked-runtime"}, "timer_masked"),
        ("timer", {"ActiveState": "failed", "Result": "resources"}, "timer_failed"),
        ("timer", {"SubState": "elapsed"}, "timer_elapsed"),
        ("timer", {"SubState": "running"}, None),
        ("timer", {"LoadState": "bad-setting", "ActiveState": "inactive"}, "timer_broken"),
        ("timer", ABSENT, "timer_missing"),
        ("path", {"ActiveState": "failed", "Result": "unit-start-limit-hit"}, "path_failed"),
        ("path", ABSENT, "path_missing"),
        ("service", {"LoadState": "masked"}, "service_masked"),
        ("service", {"LoadState": "bad-setting"}, "service_broken"),
        ("service", ABSENT, "service_missing"),
    ],
)
def test_units(systemctl: Path, kind: str, unit: dict[str, str], reason: str | None) -> None:
    answers(systemctl, **{kind: unit})
    problems = found(job(on_arrival=True))
    assert [problem.reason for problem in problems] == ([reason] if reason else [])
    assert all(f"filedrop@{NAME}.{kind}" in problem.way_out for problem in problems if "missing" not in problem.reason)
    if kind == "path":
        assert found(job()) == []  # only a job that a file starts has such a unit


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        ("exit-code", 203, "exit status 203: EXEC: the command"),
        ("exit-code", 217, "USER: its user does not exist"),
        ("exit-code", 243, "CREDENTIALS: a secret"),
        ("exit-code", 2, "(exit status 2)"),
        ("resources", 0, "(resources)"),
        ("oom-kill", 9, "(oom-kill)"),
        ("start-limit-hit", 0, "(start-limit-hit)"),
    ],
)
@pytest.mark.parametrize("past", [None, 3600.0, 5.0])
def test_a_unit_that_failed_before_a_run_began(
    systemctl: Path, result: str, status: int, words: str, past: float | None
) -> None:
    at = str(int((time.clock_gettime(time.CLOCK_MONOTONIC) - 60) * 1e6))
    times = {"ExecMainStartTimestampMonotonic": at, "StateChangeTimestampMonotonic": at}
    failed = {"ActiveState": "failed", "Result": result, "ExecMainStatus": str(status), **times}
    answers(systemctl, service=failed)
    problems = found(job(), None if past is None else ended(past))
    if past == 5.0:  # a run has ended since: the ledger tells about that one
        assert problems == []
    else:
        (problem,) = problems
        assert (problem.reason, words in problem.finding) == ("unit_failed", True)
        assert f"journalctl -u filedrop@{NAME}.service" in problem.way_out


def test_a_host_without_systemd_and_without_a_file_for_cron_is_not_judged(systemctl: Path) -> None:
    assert found(job()) == []
    assert triggers.Triggers([]).notes == []


def test_a_host_that_does_not_have_the_role_s_units_is_not_judged(systemctl: Path) -> None:
    answers(systemctl, service=ABSENT, timer=ABSENT, path=ABSENT)
    assert found(job()) == []


def test_systemd_that_does_not_answer_is_a_note(systemctl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "_BOOTED_BY_SYSTEMD", str(systemctl.parent))
    assert ["systemctl" in note for note in triggers.Triggers([NAME]).notes] == [True]


def test_a_file_with_a_name_that_no_unit_has_hides_no_unit(systemctl: Path) -> None:
    answers(systemctl, timer={"ActiveState": "inactive"})
    looked = triggers.Triggers(["NO JOB", NAME])
    assert [problem.reason for problem in looked.problems(job(), None)] == ["timer_stopped"]


def test_what_is_started_is_known_also_without_a_file(systemctl: Path) -> None:
    answers(systemctl)
    with systemctl.open("a") as file:
        file.write("\nId=filedrop@gone.timer\nActiveState=active\n\nId=filedrop@off.timer\nActiveState=inactive\n")
    assert triggers.Triggers([]).started() == {NAME, "gone"}
    systemctl.unlink()
    assert triggers.Triggers([]).started() == set()
    Path(triggers.CRONTAB).write_text(
        "# run no\n0 6 * * * filedrop umask 027; exec filedrop run gone --quiet\nPATH=/bin\n"
    )
    assert triggers.Triggers([]).started() == {"gone"}


def test_the_spread_of_a_timer_and_of_cron(systemctl: Path) -> None:
    answers(systemctl, timer={"RandomizedDelayUSec": "1h 5min 1.5s"})
    assert triggers.Triggers([NAME]).spread(NAME) == 3901.5
    systemctl.unlink()
    Path(triggers.CRONTAB).write_text(f"0 6 * * * filedrop umask 027; sleep 17; exec filedrop run {NAME} --quiet\n")
    assert triggers.Triggers([NAME]).spread(NAME) == 17
    assert triggers.Triggers([NAME]).spread("other") == 0


@pytest.mark.parametrize(
    ("line", "mode", "owner", "reason"),
    [
        ("0 6 * * * filedrop exec /usr/local/bin/filedrop run invoices --quiet", 0o644, 0, None),
        ("0 6 * * * filedrop exec /usr/local/bin/filedrop run invoices", 0o644, 0, None),
        ("0 6 * * * filedrop exec /usr/local/bin/filedrop run invoices_old --quiet", 0o644, 0, "crontab_line_missing"),
        ("# 0 6 * * * filedrop exec filedrop run invoices --quiet", 0o644, 0, "crontab_line_missing"),
        ("0 6 * * * filedrop exec filedrop run invoices --quiet", 0o664, 0, "crontab_refused"),
        ("0 6 * * * filedrop exec filedrop run invoices --quiet", 0o644, 1, "crontab_refused"),
    ],
)
def test_lines_for_cron(systemctl: Path, line: str, mode: int, owner: int, reason: str | None) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    path = Path(triggers.CRONTAB)
    path.write_text(line + "\n")
    path.chmod(mode)
    os.chown(path, owner, -1)
    assert [problem.reason for problem in found(job())] == ([reason] if reason else [])
    assert found(job(every=None)) == []  # a job by hand has no line


# --- nothing starts a job that the role deployed


def found_in(folder: Path, of: ConfiguredJob) -> list[str]:
    return [problem.reason for problem in triggers.Triggers([NAME], str(folder)).problems(of, None)]


@pytest.mark.parametrize("has_systemd", [True, False])
def test_a_crontab_that_was_removed(systemctl: Path, deployed: Path, has_systemd: bool) -> None:
    if has_systemd:
        answers(systemctl, service=ABSENT, timer=ABSENT, path=ABSENT)
    assert found_in(deployed, job()) == ["crontab_line_missing"]
    assert found_in(deployed, job(every=None)) == []
    Path(triggers.CRONTAB).write_text(f"0 6 * * * filedrop exec filedrop run {NAME} --quiet\n")
    assert found_in(deployed, job()) == []


def test_a_timer_that_was_removed_together_with_the_service(systemctl: Path, deployed: Path) -> None:
    answers(systemctl, service=ABSENT, timer=ABSENT, path=ABSENT)
    with systemctl.open("a") as file:
        file.write("\nId=filedrop@other.timer\nLoadState=loaded\nActiveState=active\n")
    assert found_in(deployed, job()) == ["timer_missing"]


def test_what_the_role_did_not_deploy_may_be_started_by_anything(
    systemctl: Path, deployed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(deployed, systemctl.parent / "elsewhere")
    assert found_in(systemctl.parent / "elsewhere", job()) == []
    (deployed / "jobs").chmod(0o755)
    assert found_in(deployed, job()) == []
    (deployed / "jobs").chmod(0o750)
    Path(triggers.COMMAND).unlink()
    assert found_in(deployed, job()) == []
    Path(triggers.COMMAND).touch()
    monkeypatch.setattr(triggers, "_BOOTED_BY_SYSTEMD", str(deployed))  # systemctl does not answer
    assert found_in(deployed, job()) == []


@pytest.mark.parametrize(
    ("names", "reasons"),
    [
        (["systemd", "crond"], []),
        (["systemd", "crontab", "sshd"], ["cron_stopped"]),
        ([], []),  # this user cannot see other processes
    ],
)
def test_cron_itself(systemctl: Path, names: list[str], reasons: list[str]) -> None:
    processes(systemctl.parent, *names)
    Path(triggers.CRONTAB).write_text(f"0 6 * * * filedrop exec filedrop run {NAME} --quiet\n")
    assert [problem.reason for problem in found(job())] == reasons
    answers(systemctl)
    assert found(job()) == []
