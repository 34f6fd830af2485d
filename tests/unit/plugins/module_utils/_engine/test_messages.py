# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine says appears on hosts that know nothing of Ansible: no message speaks of modules or plays."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils import _engine

ENGINE = Path(str(_engine.__file__)).parent

ANSIBLE = re.compile(
    r"(?i:courier\.filedrop|\bmodules?\b|\btasks?\b|\bplaybooks?\b|\bplays?\b|\binventory\b|\brole\b|ansible"
    r"|become_|set become|all_held)|\b[OVCM]\("
)

ALLOWED = {
    "keys/armour.py": ["encrypted with Ansible Vault", "ansible-vault decrypt"],  # what such a file is
    "keys/plan.py": ["or set become."],  # only the module keypair plans keys
    "keys/rotation.py": ["courier.filedrop.rotate_keys", "courier.filedrop.onboard"],  # the stages are their steps
    # A person has to change the account, in most cases in the inventory.
    "remote/ssh/connect.py": ["Where Ansible manages the account, run the playbook courier.filedrop.onboard"],
    "ledger/decisions.py": [
        "set all_held to decide",  # the options of the module resolve
        "is given together with all_held",
        "Use courier.filedrop.ledger_info",  # command/resolve.py has its own words instead
        "courier.filedrop.resolve: {",  # of a file that a module has held
        "with a task `",
    ],
}
"""Parts of messages that the command does not print, or that name a thing of Ansible's for what it is."""


def messages(path: Path) -> Iterator[str]:
    """The texts in a file that are words: no names, and no docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
        if isinstance(text, str) and " " in text.strip():
            yield text


@pytest.mark.parametrize("path", sorted(str(each.relative_to(ENGINE)) for each in ENGINE.rglob("*.py")))
def test_no_message_speaks_of_ansible(path: str) -> None:
    allowed = ALLOWED.get(path, [])
    found = [text for text in messages(ENGINE / path) if ANSIBLE.search(text)]
    assert [text for text in found if not any(part in text for part in allowed)] == []
    for part in allowed:
        assert any(part in text for text in found), f"{part!r} is allowed and nowhere said"
