# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/command.md and docs/backup.md, block by block, on a Debian 13 host without Ansible, with OpenSSH as Amili."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.pages import CHECKOUT, code_blocks, unwrapped
from support.sshd import SshServer, make_key

from .first import HOUR

SIZE = 20 * 1024


def blocks(page: str, language: str) -> Iterator[str]:
    return (block for found, block in code_blocks((CHECKOUT / "docs" / page).read_text()) if found == language)


def shell(text: str, *, status: int = 0) -> str:
    """Run a block in this folder, and return what it printed."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)  # pytest shows it for failed tests only
    assert done.returncode == status, text
    return done.stdout


def commands_in(block: str) -> dict[str, list[str]]:
    """The commands of a block with their output: for each, the lines that the page shows."""
    return {
        command: lines.splitlines()
        for command, lines in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    }


def looks_like(shown: str, line: str) -> bool:
    """Whether a line is the one of the page, but for times and what the page leaves out."""
    pattern = re.escape(shown).replace(r"\.\.\.", ".*")
    pattern = re.sub(r"\d{4}\\-\d\d\\-\d\dT[\d:]+Z", r"[-\\dT:]+Z", pattern)
    return re.fullmatch(re.sub(r"in\\ \d\\.\d\\ s", r"in\\ [\\d.]+\\ s", pattern), line) is not None


def make_host(sshd: SshServer) -> None:
    """Make what the page asks for: the user, the folders of the jobs, the key, and files on both sides."""
    shell("useradd --system filedrop && groupadd erp && usermod --append --groups erp filedrop")
    for name in ("plugins", "docs"):
        Path(name).symlink_to(CHECKOUT / name)
    key = make_key(Path.cwd() / "id_ed25519")
    sshd.authorize([key.public])
    for name in ("outbox", "inbox"):
        Path("/srv/erp", name).mkdir(parents=True)
        shutil.chown(f"/srv/erp/{name}", "filedrop", "erp")
    for number in range(1, 5):
        sshd.put(f"report-{number}.csv", b"balance")


def new_invoices(sshd: SshServer) -> None:
    for number in range(1, 14):
        path = Path(f"/srv/erp/outbox/invoices-{number}.xml")
        path.write_bytes(bytes([number]) * SIZE)
        shutil.chown(path, "filedrop")
        os.utime(path, (path.stat().st_mtime - HOUR,) * 2)
    (sshd.input / "invoices-7.xml").write_text("of somebody else")


def with_this_server(block: str, sshd: SshServer) -> str:
    options = {name: sshd.account_options()[name] for name in ("host", "port", "username", "host_keys")}
    return re.sub(
        r'"username": .*?"host_keys": \[.*?\]',
        _inside({**options, "private_key_file": "credential:amili"}),
        block,
        flags=re.DOTALL,
    )


def _inside(options: dict[str, object]) -> str:
    return json.dumps(options)[1:-1]


def test_the_blocks_of_the_page_make_a_host_that_sends_and_fetches(user: Path, sshd: SshServer) -> None:
    build, pages, example = blocks("command.md", "shell")
    run, *_of_systemd = blocks("command.md", "console")
    make_host(sshd)
    shell(build)
    shell(pages)
    shell(with_this_server(example, sshd))
    assert "would" not in shell("sudo -u filedrop filedrop run invoices")
    assert "4 files" in shell("sudo -u filedrop filedrop run reports")
    assert Path("/srv/erp/inbox/report-1.csv").stat().st_mode & 0o777 == 0o640

    new_invoices(sshd)
    (send, sent), (status, well) = commands_in(run).items()
    found = shell(send, status=1).splitlines()
    assert len(found) == len(sent)
    assert all(map(looks_like, sent, found)), found
    found = [line for line in shell(status, status=1).splitlines() if "timer" not in line]
    for line in well:
        assert any(looks_like(line, one) for one in found), (line, found)

    (document,) = map(json.loads, blocks("command.md", "json"))
    found_document = json.loads(shell("sudo -u filedrop filedrop run reports --json"))
    assert set(found_document) == set(document)
    assert set(found_document["summary"]) == set(document["summary"])


def test_a_backup_restores_what_was_sent(user: Path, sshd: SshServer) -> None:
    """After the test above, on the same host."""
    (backup,) = blocks("backup.md", "shell")
    Path("/var/backups").mkdir(exist_ok=True)
    before = shell("filedrop history invoices --json")
    shell(backup)
    for ending in ("", "-wal", "-shm"):
        Path(f"/var/lib/filedrop/ledger.sqlite3{ending}").unlink(missing_ok=True)
    (restore,) = re.findall(r"`(install [^`]*)`", unwrapped("backup.md"))
    shell(f"cd /var/backups && {restore}")
    assert shell("filedrop history invoices --json") == before
