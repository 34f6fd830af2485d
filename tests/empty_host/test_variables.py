# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of every page, deployed in check mode: each block is one host of one play, on an empty Debian 13."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from support.page_blocks import BLOCKS, variables_of
from support.pages import CHECKOUT

from .first import run

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
PLACES = ("src", "dest", "root", "rejected_dir", "done_dir", "failed_dir")


def hosts() -> Iterator[tuple[str, dict[str, Any]]]:
    for number, block in enumerate(BLOCKS):
        given = variables_of(block) if block.language == "yaml" else None
        if given is not None:
            for job in given.get("filedrop_jobs", {}).values():
                job.pop("on_arrival", None)  # needs systemd, which this host lacks: Molecule deploys such jobs
            yield f"{block.page.removesuffix('.md').lower().replace('-', '_')}_{number}", {**given, **LOCAL}


def make_what_it_names(given: dict[str, Any]) -> None:
    """Make the folders, groups and secrets of a block, as the pages ask for."""
    for entry in (*given["filedrop_accounts"].values(), *given.get("filedrop_jobs", {}).values()):
        for name in PLACES:
            for folder in entry.get(name, []) if isinstance(entry.get(name), list) else [entry.get(name)]:
                if folder:
                    Path(folder).mkdir(parents=True, exist_ok=True)
                    Path(folder).chmod(0o777)
        for group in filter(None, [entry.get("group"), *given.get("filedrop_groups", [])]):
            subprocess.run(["groupadd", "--force", group], check=True)
        for command in (entry.get("handler"), entry.get("notify", {}).get("command")):
            if command:
                Path(command[0]).symlink_to("/bin/true")
        if "password_file" in entry:
            secret = Path(entry["password_file"])
            secret.parent.mkdir(parents=True, exist_ok=True)
            secret.write_text("from a vault")
            secret.chmod(0o600)
            shutil.chown(secret, "filedrop")


def test_the_variables_of_each_page_can_be_deployed(user: Path) -> None:
    found = dict(hosts())
    assert len(found) > 10
    subprocess.run(
        ["useradd", "--system", "--home-dir=/var/lib/filedrop", "--shell=/usr/sbin/nologin", "filedrop"], check=True
    )
    for given in found.values():
        make_what_it_names(given)
    Path("inventory.yml").write_text(yaml.safe_dump({"pages": {"hosts": found}}))
    (artefact,) = (CHECKOUT / "build").glob("courier-filedrop-*.tar.gz")
    run(f"ansible-galaxy collection install --offline {artefact}")
    said = run("ansible-playbook courier.filedrop.jobs -i inventory.yml --check")
    ended = re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=0 ", said, re.MULTILINE)
    assert {name for name, _changed in ended} == set(found)
    assert {name for name, changed in ended if changed == "0"} <= {
        name for name in found if "filedrop_jobs" not in found[name]
    }
