# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users of paramiko write: its own ``put`` and ``get``, one file after the other."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import paramiko


def main() -> None:
    what, local, remote = sys.argv[1:]
    server = json.load(sys.stdin)
    with paramiko.SSHClient() as client:
        client.load_host_keys(server["known_hosts"])
        client.connect(
            server["host"],
            server["port"],
            server["username"],
            key_filename=server["key"],
            allow_agent=False,
            look_for_keys=False,
        )
        with client.open_sftp() as sftp:
            if what == "put":
                for path in sorted(Path(local).iterdir()):
                    sftp.put(str(path), f"{remote}/{path.name}")
                return
            names = sftp.listdir(remote)
            if what == "list":
                return
            have = {path.name for path in Path(local).iterdir()} if what == "fetch_new" else set()
            for name in names:
                if name not in have:
                    sftp.get(f"{remote}/{name}", f"{local}/{name}")
                if what == "fetch":
                    sftp.remove(f"{remote}/{name}")


if __name__ == "__main__":
    main()
