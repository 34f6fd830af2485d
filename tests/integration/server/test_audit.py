# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ssh-audit finds about the server: nothing but what the documentation says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .conftest import DropBox


def test_ssh_audit_finds_only_what_the_documentation_says(box: DropBox, checkout: Path) -> None:
    program = str(Path(sys.executable).parent / "ssh-audit")
    command = [sys.executable, program, "--json", "--skip-rate-test", "--port", str(box.ports["sftp"]), "127.0.0.1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(ran.stdout)
    documented = " ".join((checkout / "docs" / "server.md").read_text().split())  # lines break anywhere
    print(json.dumps(found, indent=1))
    assert not found["cves"]
    for kind in ("kex", "key", "enc", "mac"):
        for one in found[kind]:
            for finding in (*one["notes"].get("fail", ()), *one["notes"].get("warn", ())):
                assert f"`{one['algorithm']}`" in documented, finding
                assert finding in documented, one["algorithm"]
    assert not found["recommendations"].get("critical")
