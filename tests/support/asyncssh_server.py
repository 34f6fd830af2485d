# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serve a folder with asyncssh on a free loopback port.

Run it as ``asyncssh_server.py ROOT HOST_KEY AUTHORIZED``. It prints the port.
"""

from __future__ import annotations

import asyncio
import sys

import asyncssh


async def serve(root: str, key: str, authorized: str) -> None:
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        authorized_client_keys=authorized,
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=root.encode()),
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
