# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""1,000 files of 20 KiB over FTPS at 20 ms, with four connections: ours beside lftp.

FTP names its data ports in the control connection, so a relay has to have the same ports: the server listens on one
address of loopback, and the relay on another one. Run: ``python tests/bench/ftps.py [--files N] [--rounds N]``; root.
"""

from __future__ import annotations

import argparse
import contextlib
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.desk import Desk, fill
from support.ftpd import PASSWORD, USER, FtpServer, make_certificate

NEAR, FAR = "127.0.0.1", "127.0.0.2"
RTT = 0.02
FILES, SIZE, CONNECTIONS = 1000, 20 * 1024, 4
MARK, AIM = 1.5, 2.5  # times the speed of lftp
PASSIVE = range(45000, 45064)
CONFIG = {
    "proftpd": ["SocketBindTight on", f"PassivePorts {PASSIVE[0]} {PASSIVE[-1]}"],
    "vsftpd": [f"pasv_min_port={PASSIVE[0]}", f"pasv_max_port={PASSIVE[-1]}"],
}
FOR_LFTP = {"proftpd": [f"MasqueradeAddress {FAR}"], "vsftpd": [f"pasv_address={FAR}"]}


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Move bytes one way; each chunk takes half a round trip."""
    chunks: queue.Queue[tuple[float, bytes]] = queue.Queue()

    def read() -> None:
        data = b"-"
        while data:
            try:
                data = source.recv(1 << 20)
            except OSError:
                data = b""
            chunks.put((time.monotonic() + RTT / 2, data))

    threading.Thread(target=read, daemon=True).start()
    with contextlib.suppress(OSError):
        while True:
            due, data = chunks.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)


def _link(client: socket.socket, port: int) -> None:
    time.sleep(RTT)  # a connection is open after a round trip
    with client, socket.create_connection((NEAR, port)) as server:
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = threading.Thread(target=_pump, args=(client, server), daemon=True)
        up.start()
        _pump(server, client)
        up.join()


def relay(ports: Sequence[int]) -> int:
    """Relay ports of the far address to the same ones of the near one, until the standard input ends."""

    def serve(listener: socket.socket, port: int) -> None:
        while True:
            threading.Thread(target=_link, args=(listener.accept()[0], port), daemon=True).start()

    for port in ports:
        listener = socket.create_server((FAR, port), backlog=64)
        threading.Thread(target=serve, args=(listener, port), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    return 0


@contextlib.contextmanager
def _far(server: FtpServer) -> Iterator[None]:
    command = [sys.executable, __file__, "--relay", *map(str, (server.port, *PASSIVE))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


def _ours(server: FtpServer, desk: Desk) -> None:
    result = desk.drop_off()
    assert result.error is None, result.error
    assert result.counts["delivered"] == len(list(server.input.iterdir()))


def _lftp(server: FtpServer, desk: Desk) -> None:
    settings = ("ssl:verify-certificate no", "ftp:ssl-force yes", "ftp:ssl-protect-data yes", "net:max-retries 1")
    script = [*(f"set {setting}" for setting in settings), f"open -u {USER},'{PASSWORD}' ftp://{FAR}:{server.port}"]
    mirror = f"mirror -R --parallel={CONNECTIONS} --no-recursion {desk.outbox} input"
    subprocess.run(["lftp", "-c", "; ".join([*script, mirror])], check=True, capture_output=True)


def measured(kind: str, who: str, files: int) -> float:
    """Seconds of one drop-off of all files."""
    with tempfile.TemporaryDirectory(prefix="filedrop-bench-") as folder:
        certificate = make_certificate(Path(folder) / "tls", host=FAR)
        config = [*CONFIG[kind], *(FOR_LFTP[kind] if who == "lftp" else [])]
        with FtpServer(kind, config=config, certificate=certificate) as server, _far(server):
            desk = Desk(Path(folder), server.account_options(host=FAR, connections=CONNECTIONS))
            fill(desk.outbox, files, SIZE)
            began = time.perf_counter()
            (_lftp if who == "lftp" else _ours)(server, desk)
            seconds = time.perf_counter() - began
            assert len(list(server.input.iterdir())) == files
            return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--relay", nargs="+", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    if options.relay:
        return relay(options.relay)
    for kind in CONFIG:
        best = {
            who: min(measured(kind, who, options.files) for _round in range(options.rounds))
            for who in ("filedrop", "lftp")
        }
        times = best["lftp"] / best["filedrop"]
        told = ", ".join(f"{who} {seconds:.1f} s" for who, seconds in best.items())
        print(f"{kind}: {told}: {times:.2f} times the speed of lftp (mark {MARK}, aim {AIM})", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
