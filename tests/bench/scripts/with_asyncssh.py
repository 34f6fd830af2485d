# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users of asyncssh write who want to be quick: its own ``put`` and ``get``, many files at once."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import asyncssh

AT_ONCE = 64


async def main() -> None:
    what, local, remote = sys.argv[1:]
    server = json.load(sys.stdin)
    turns = asyncio.Semaphore(AT_ONCE)
    async with (
        asyncssh.connect(
            server["host"],
            server["port"],
            username=server["username"],
            client_keys=[server["key"]],
            known_hosts=server["known_hosts"],
            agent_path=None,
            config=None,
        ) as connection,
        connection.start_sftp_client() as sftp,
    ):

        async def put(path: Path) -> None:
            async with turns:
                await sftp.put(path, f"{remote}/{path.name}")

        async def get(name: str) -> None:
            async with turns:
                await sftp.get(f"{remote}/{name}", f"{local}/{name}")
                if what == "fetch":
                    await sftp.remove(f"{remote}/{name}")

        if what == "put":
            await asyncio.gather(*(put(path) for path in sorted(Path(local).iterdir())))
            return
        names = [name for name in await sftp.listdir(remote) if name not in (".", "..")]
        if what == "list":
            return
        have = {path.name for path in Path(local).iterdir()} if what == "fetch_new" else set()
        await asyncio.gather(*(get(name) for name in names if name not in have))


if __name__ == "__main__":
    asyncio.run(main())
