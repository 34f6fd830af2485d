# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manual page is read by man, and the completion by bash."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man")
def test_man_reads_the_page_without_a_warning() -> None:
    ended = subprocess.run(
        ["man", "--warnings", "--encoding=UTF-8", "--local-file", str(DOCS / "filedrop.1")],
        capture_output=True,
        text=True,
        check=True,
        env={"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    assert ended.stderr == ""
    for word in ("EXAMPLES", "EXIT STATUS", "FILES", "filedrop resolve", "--no-color", "/etc/filedrop/jobs/NAME.json"):
        assert word in ended.stdout


def completed(*words: str, script: Path) -> list[str]:
    """What bash offers after these words; the last one is being typed."""
    driver = f"""
        source {shlex.quote(str(script))}
        complete -p filedrop >/dev/null || exit 1
        COMP_WORDS=({" ".join(map(shlex.quote, ("filedrop", *words)))})
        COMP_CWORD={len(words)}
        $(complete -p filedrop | sed -n 's/.* -F \\([^ ]*\\) .*/\\1/p') filedrop
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ended = subprocess.run(["bash", "--norc", "-c", driver], capture_output=True, text=True, check=True)
    return sorted(ended.stdout.split())


def test_bash_completes_subcommands_options_and_jobs(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    for name in ("invoices.json", "reports.json", "other.txt"):
        (tmp_path / "jobs" / name).touch()
    script = tmp_path / "filedrop.bash"
    script.write_text((DOCS / "completion" / "filedrop.bash").read_text().replace("/etc/filedrop", str(tmp_path)))
    assert completed("", script=script) == [
        "check",
        "export",
        "history",
        "init",
        "keygen",
        "list",
        "place",
        "resolve",
        "run",
        "status",
    ]
    assert completed("st", script=script) == ["status"]
    assert completed("run", "--d", script=script) == ["--debug", "--dry-run"]
    assert completed("run", "", script=script) == ["invoices", "reports"]
    assert completed("status", "rep", script=script) == ["reports"]
    assert "held" in completed("history", "--outcome", "h", script=script)
