# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.action.__internal.look_at_host import is_refusal
from support.stage import InProcess, Step

CRASHED = {"failed": True, "msg": "Task failed: Module failed: it crashed", "exception": "(traceback)"}


def test_an_error_of_the_module_is_a_mistake_in_any_release_of_ansible_core(tmp_path: Path) -> None:
    folder = {"path": str(tmp_path / "file"), "owner": "root", "group": "root", "mode": "0700"}
    (tmp_path / "file").touch()
    (answer,) = InProcess(tmp_path).play(Step("__internal.apply_plan", {"folders": [folder]})).results
    assert "not a regular folder" in answer["msg"]
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        CRASHED,
        {"failed": True, "msg": "MODULE FAILURE", "module_stderr": "Traceback", "rc": 1},
        {"unreachable": True, "msg": "Failed to connect to the host"},
        {"invocation": {}, "msg": "well"},
    ],
)
def test_a_host_that_cannot_be_asked_is_no_mistake(answer: dict[str, Any]) -> None:
    assert not is_refusal(answer)
