# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the code blocks of the pages hold, with what they leave to the reader filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from .pages import CHECKOUT, code_blocks

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"
FINGERPRINT = f"SHA256:{'A' * 43}"
ACCOUNTS = {
    "amili": {"preset": "amili_sftp", "username": "2001234", "host_keys": [HOST_KEY]},
    "customer": {"host": "sftp.example.com", "username": "billit", "host_keys": [HOST_KEY]},
}
OF_SERVER = "filedrop_server_"


class Block(NamedTuple):
    """A code block of a page, and its language."""

    page: str
    language: str
    text: str


def _blocks() -> Iterator[Block]:
    for path in (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))):
        yield from (Block(path.name, *block) for block in code_blocks(path.read_text()))


BLOCKS = list(_blocks())


def yaml_of(block: Block) -> Any:
    """Read a block, with keys and fingerprints in the place of those that a page shortens."""
    text = re.sub(r"ssh-ed25519 AAAA\S*?\.\.\.", HOST_KEY, block.text)
    return yaml.safe_load(text.replace("SHA256:...", FINGERPRINT))


def variables_of(block: Block) -> dict[str, Any] | None:
    """Return the variables of a client that a block shows, with accounts for its jobs; None if it shows tasks."""
    found = yaml_of(block)
    if isinstance(found, list):
        return None
    if "companions" in found:
        job = {"account": "customer", "direction": "dropoff", "src": "/srv/out", **found}
        found = {"filedrop_jobs": {"one": job}}
    found = found.get("erp", found.get("all", {})).get("vars") or found
    given = {name: _filled_in(value) for name, value in found.items() if not name.startswith(OF_SERVER)}
    jobs: Mapping[str, Any] = given.get("filedrop_jobs", {})
    needed = {job["account"] for job in jobs.values() if "account" in job}
    accounts = {name: ACCOUNTS.get(name, ACCOUNTS["customer"]) for name in needed}
    given["filedrop_accounts"] = {**accounts, **given.get("filedrop_accounts", {})}
    for job in jobs.values():
        if job["direction"] in ("dropoff", "pickup") and job["account"] == "customer":
            job.setdefault("remote_dir", "in")
    return given


def _filled_in(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _filled_in(one) for name, one in value.items()}
    if isinstance(value, str) and "{{" in value:
        return 2 if "length" in value else 0 if "index(" in value else "from a vault"
    return value
