# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a placed file was fetched, by the log of the server."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.courier.filedrop.plugins.module_utils._engine.run.place import fetches

LINE = '{"time": "2026-04-10T06:00:02+02:00", "command": "%s", "path": "%s"}\n'


def test_the_latest_fetch_of_each_file_counts_and_a_damaged_line_does_not(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.with_name("log.1").write_text(LINE.replace("2026", "2025") % ("RETR", "/a"))
    log.write_text(
        '[]\n{"time": 5, "command": "RETR", "path": "/x"}\ncut {\n' + LINE % ("RETR", "/a") + LINE % ("STOR", "/b")
    )
    assert fetches(str(log)) == {"/a": 1775793602.0}
    assert fetches(str(tmp_path / "missing")) == {}
