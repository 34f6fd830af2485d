# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real FTP(S) servers on a free loopback port, from a temporary folder: vsftpd, ProFTPD and pyftpdlib.

    with FtpServer("proftpd", tls="explicit") as server:
        account = account_from_options(server.account_options())
        (server.pickup / "report.xml").write_bytes(b"...")

They require root, as each serves a user that cannot leave its folder.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

KINDS = ("vsftpd", "proftpd", "pyftpdlib")
USER = "filedropftp"
PASSWORD = "a pass word"
CLOSED = "closed"
"""A folder that the user may read and not write to."""
START_SECONDS = 30.0
BLIND_SECONDS = 1.0
ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / "build" / "servers"
"""Where `tests/tools/debian-unpacked` puts the package vsftpd, which cannot be installed beside proftpd-core."""


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, in files of PEM.

    :ivar ca: the file of the authority that issued it.
    """

    path: Path
    key: Path
    ca: Path


def make_certificate(folder: Path, *, host: str = "127.0.0.1", days: int = 30, own: bool = False) -> Certificate:
    """Make a certificate and its authority.

    :param days: how long it is valid; negative: it has expired.
    :param own: it is signed by itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "server")}
    names = {name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"test {name}")]) for name in keys}
    alternative: x509.GeneralName = x509.DNSName(host)
    with contextlib.suppress(ValueError):
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    issuer = "server" if own else "ca"
    for name, signer in (("ca", "ca"), ("server", issuer)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[name])
            .issuer_name(names[signer])
            .public_key(keys[name].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days if name == "server" else 30))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
        )
        if name == "server":
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        made = builder.sign(keys[signer], hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key = keys["server"].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.key").write_bytes(key)
    (folder / "server.key").chmod(0o600)
    return Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")


def found(kind: str) -> str | None:
    """Return the program of a server; None if it is not here."""
    if kind == "pyftpdlib":
        return sys.executable
    places = [f"{UNPACKED}/usr/sbin", os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
    return shutil.which(kind, path=":".join(places))


class FtpServer:
    """One running server. Use as a context manager.

    :param tls: ``explicit``, ``implicit``, or None for FTP without TLS.
    :param config: further lines for the server's configuration, in its own form (not for pyftpdlib).
    :param host: the address to listen on.
    """

    def __init__(
        self,
        kind: str = "proftpd",
        *,
        tls: str | None = "explicit",
        config: Iterable[str] = (),
        certificate: Certificate | None = None,
        host: str = "127.0.0.1",
        max_tls: str = "",
    ) -> None:
        self.kind = kind
        self.host = host
        self.port = 0
        self._tls = tls
        self._config = list(config)
        self._max_tls = max_tls
        self._given = certificate
        self._process: subprocess.Popen[bytes] | None = None

    def account_options(self, **changes: object) -> dict[str, object]:
        options: dict[str, object] = {
            "protocol": "ftps" if self._tls else "ftp",
            "host": self.host,
            "port": self.port,
            "username": USER,
            "password": PASSWORD,
        }
        if self._tls:
            options.update(tls=self._tls, ca_file=str(self.certificate.ca))
        else:
            options["allow_cleartext"] = True
        return {**options, **changes}

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def input(self) -> Path:
        return self.root / "input"

    @property
    def pickup(self) -> Path:
        return self.root / "pickup"

    @property
    def log(self) -> str:
        return "".join(path.read_text(errors="replace")[-20_000:] for path in sorted(self.folder.glob("*.log")))

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def give(self, path: Path) -> Path:
        """Make a file or folder the user's own."""
        user, group = _ids()
        os.chown(path, user, group, follow_symlinks=False)
        return path

    def put(self, name: str, content: bytes, *, folder: str = "pickup") -> Path:
        path = self.root / folder / name
        path.write_bytes(content)
        return self.give(path)

    def __enter__(self) -> FtpServer:
        if found(self.kind) is None:
            raise RuntimeError(f"there is no {self.kind} here: run `make packages-tests`")
        # Passive ports and users in a folder that belongs to root alone: see sshd.py.
        self.folder = Path(tempfile.mkdtemp(prefix="filedrop-ftpd-", dir="/var/lib"))
        self.folder.chmod(0o755)
        _ids()
        self.certificate = self._given or make_certificate(self.folder / "tls")
        for path in (self.root, self.input, self.pickup):
            path.mkdir()
            path.chmod(0o755)
        for path in (self.input, self.pickup):
            self.give(path)
        (self.root / CLOSED).mkdir(mode=0o555)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, on the port that it had before."""
        from .ports import free_port  # pyftpdlib's server runs this file alone

        wanted = self.port
        for _attempt in range(5):
            self.port = wanted or free_port(self.host)
            command = getattr(self, f"_{self.kind}")()
            with open(self.folder / "output.log", "ab") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            if self._listens():
                return
            self.stop()
        raise RuntimeError(f"{self.kind} did not start:\n{self.log}")

    def stop(self) -> None:
        """End the server and its sessions."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for pid in self.sessions():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process = None

    def sessions(self) -> list[int]:
        """The processes that were started with the configuration of this server, apart from the first."""
        found = []
        for number in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                group = os.getpgid(int(number))
                if self._process is not None and group == self._process.pid and int(number) != group:
                    found.append(int(number))
        return found

    def wait_idle(self) -> None:
        """Wait until the server has seen to the end of every connection.

        One that waits for its data connection does not see the end of the other one. Servers end it after minutes.
        """
        deadline = time.monotonic() + BLIND_SECONDS
        while left := self.sessions():
            if time.monotonic() > deadline:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def _listens(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), timeout=1):
                return True
            time.sleep(0.02)
        return False

    # --- the servers

    def _vsftpd(self) -> list[str]:
        pam = Path("/etc/pam.d/filedrop-ftp")
        if not pam.exists():
            pam.write_text(
                "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
            )
        yes = {True: "YES", False: "NO"}
        lines = [
            *("listen=YES", f"listen_address={self.host}", f"listen_port={self.port}", "background=NO"),
            *(
                "local_enable=YES",
                "write_enable=YES",
                "anonymous_enable=NO",
                "chroot_local_user=YES",
                "local_umask=022",
            ),
            *(f"local_root={self.root}", f"pam_service_name={pam.name}", "secure_chroot_dir=/run/vsftpd/empty"),
            *("xferlog_enable=YES", f"vsftpd_log_file={self.folder}/vsftpd.log", "log_ftp_protocol=YES"),
            *("seccomp_sandbox=NO", "use_localtime=NO", "max_per_ip=0", "isolate_network=NO", "check_shell=NO"),
            f"ssl_enable={yes[self._tls is not None]}",
        ]
        if self._tls:
            lines += [
                *(f"rsa_cert_file={self.certificate.path}", f"rsa_private_key_file={self.certificate.key}"),
                *("force_local_logins_ssl=YES", "force_local_data_ssl=YES", "require_ssl_reuse=YES"),
                *("ssl_tlsv1=YES", "ssl_ciphers=HIGH", f"implicit_ssl={yes[self._tls == 'implicit']}"),
            ]
        Path("/run/vsftpd/empty").mkdir(parents=True, exist_ok=True)
        path = self.folder / "vsftpd.conf"
        path.write_text("\n".join([*lines, *self._config]) + "\n")
        return [found("vsftpd") or "", str(path)]

    def _proftpd(self) -> list[str]:
        user, group = _ids()
        users = self.folder / "users"
        users.write_text(f"{USER}:{_hashed(PASSWORD)}:{user}:{group}::{self.root}:/bin/false\n")
        users.chmod(0o600)
        lines = [
            *('ServerName "filedrop"', "ServerType standalone", f"DefaultAddress {self.host}", f"Port {self.port}"),
            *("UseIPv6 off", f"PidFile {self.folder}/pid", f"ScoreboardFile {self.folder}/scoreboard"),
            *("User nobody", "Group nogroup", "Umask 022", "DefaultRoot ~", "RequireValidShell off"),
            *("AuthOrder mod_auth_file.c", f"AuthUserFile {users}", "UseReverseDNS off", "WtmpLog off"),
            *("MaxInstances 200", "AllowOverwrite on", "TimesGMT on", "DelayEngine off"),
            *(f"SystemLog {self.folder}/system.log", f"TransferLog {self.folder}/transfer.log"),
            *("<IfModule mod_ident.c>", "IdentLookups off", "</IfModule>"),
        ]
        if self._tls:
            lines = [
                *("ModulePath /usr/lib/proftpd", "LoadModule mod_tls.c", *lines),
                *("TLSEngine on", f"TLSLog {self.folder}/tls.log", f"TLSProtocol {self._max_tls or 'TLSv1.2 TLSv1.3'}"),
                *(f"TLSECCertificateFile {self.certificate.path}", f"TLSECCertificateKeyFile {self.certificate.key}"),
                "TLSRequired on",
                *(["TLSOptions UseImplicitSSL"] if self._tls == "implicit" else []),
            ]
        path = self.folder / "proftpd.conf"
        path.write_text("\n".join([*lines, *self._config]) + "\n")
        return [found("proftpd") or "", "--nodaemon", "--quiet", "--config", str(path)]

    def _pyftpdlib(self) -> list[str]:
        tls = [str(self.certificate.path), str(self.certificate.key)] if self._tls else []
        return [sys.executable, __file__, self.host, str(self.port), str(self.root), *tls]


@functools.cache
def _ids() -> tuple[int, int]:
    """Return the ids of the user of the servers, who is made if missing."""
    import pwd

    for _attempt in range(2):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(USER)
            subprocess.run(["chpasswd"], input=f"{USER}:{PASSWORD}".encode(), capture_output=True, check=False)
            return entry.pw_uid, entry.pw_gid
        command = ["useradd", "--system", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin", USER]
        subprocess.run(command, capture_output=True, check=False)
    raise RuntimeError(f"useradd {USER} failed")


@functools.cache
def _hashed(password: str) -> str:
    made = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password.encode(), capture_output=True, check=True
    )
    return made.stdout.decode().strip()


def main(host: str, port: str, root: str, *tls: str) -> int:
    """Serve with pyftpdlib."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import MultiprocessFTPServer

    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, root, perm="elradfmwMT")
    authorizer.override_perm(USER, os.path.join(root, CLOSED), perm="elr")
    handler = TLS_FTPHandler if tls else FTPHandler
    if tls:
        handler.certfile, handler.keyfile = tls
        handler.tls_control_required = handler.tls_data_required = True
    handler.authorizer = authorizer
    handler.auth_failed_timeout = 0
    server = MultiprocessFTPServer((host, int(port)), handler)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
