# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send one HTTP request at a time, and read its answer within limits of size and time.

- TLS is always checked, against the system's authorities or the account's ``ca_file``.
- Redirects are not followed, and nothing is retried: a request may have had its effect.
- Every wait has a limit: the name, the connection, each write, and the answer as a whole.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from ..._urllib3 import require, urllib3
from ...config.accounts.api_account import host_and_port
from ...errors import ConnectionLost, FiledropError, TrustError, UnreachableError
from ..tcp import open_connection
from ..tls import TlsSession, tls_context, tls_session

if TYPE_CHECKING:
    from ...config.accounts.account import Account

PIECE = 64 * 1024  # bytes of an answer that are read at once

LONGEST_IDLE = 1.0
"""Seconds for which a connection may be idle, and be used again. Services close idle ones, some after two seconds. If
that crosses a request on its way, nobody knows whether the request arrived."""

TLS_FAILED = "Check the address and the port. Another program may listen there, or a proxy may intercept TLS."


class Answer(NamedTuple):
    """What a service answered.

    :ivar headers: their names in lower case.
    :ivar body: None if it was cut off, too large, or too slow.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None


class _FinalResponse(http.client.HTTPResponse):
    """An answer, without the informational ones before it. Python's own class skips no other one than 100."""

    def begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:
            # Python's own begin() reads an answer only while there are no headers; its type hints do not tell that.
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()


class _Limit(threading.local):
    """What holds for the connection that this thread uses.

    :ivar until: until when a read or write may last, by the monotonic clock in seconds.
    :ivar host: whose certificate is wanted.
    """

    until = float("inf")
    host = ""


_limit = _Limit()


def extend_limit(seconds: float) -> None:
    """Give the reads and writes of this thread so many seconds from now, all together."""
    _limit.until = time.monotonic() + seconds


def _require_time() -> None:
    if time.monotonic() > _limit.until:
        raise socket.timeout("timed out")


class _Socket(socket.socket):
    """A connection that cannot be kept waiting by a peer who sends, or takes, a byte now and then."""

    def recv_into(self, *arguments: Any) -> int:
        _require_time()
        return super().recv_into(*arguments)


class _TlsSocket(ssl.SSLSocket):
    """The same over TLS."""

    def recv_into(self, *arguments: Any) -> int:
        _require_time()
        return super().recv_into(*arguments)

    def send(self, *arguments: Any) -> int:
        _require_time()
        return super().send(*arguments)


class _TlsContext(ssl.SSLContext):
    """Verify the host, also if it is an address: urllib3 1.26 does not say which one it wants then."""

    sslsocket_class = _TlsSocket

    def wrap_socket(
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        host = server_hostname or _limit.host
        return super().wrap_socket(sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, host, session)


class HttpsClient:
    """Send requests, from any thread. It keeps its connections for later requests of all threads.

    :ivar sessions: what TLS showed of the hosts that were reached, by host and port.
    """

    def __init__(self, account: Account) -> None:
        require()
        self.account = account
        self.sessions: dict[tuple[str, int], TlsSession] = {}
        self._options: dict[str, Any] = {"num_pools": 4, "maxsize": account.connections}
        if any(url.startswith("https:") for url in (account.api.base_url, account.api.token_url)):
            self._options["ssl_context"] = tls_context(account, _TlsContext)  # reading all authorities takes a while
        self._lock = threading.Lock()
        self._managers: dict[str | None, Any] = {}

    def close(self) -> None:
        for manager in self._managers.values():
            manager.clear()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
        *,
        largest: int,
    ) -> Answer:
        """Send a request; return its answer.

        :param body: with pieces, ``headers`` has the Content-Length. Each piece should call `extend_limit`.
        :param largest: bytes of an answer that are read at most.
        :raises TrustError: the certificate is not trusted. Nothing was sent.
        :raises UnreachableError: no connection could be made. Nothing was sent.
        :raises ConnectionLost: the connection ended before an answer came. The request may have arrived.
        """
        timeout = self.account.timeout
        extend_limit(timeout)
        try:
            with self._lock:
                manager = self._manager(url)
            response = manager.request(
                method,
                url,
                body=body,
                headers={"User-Agent": "filedrop", "Accept": "application/json", **_PLAIN, **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=timeout, read=timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._failure(error, url) from error
        except OSError as error:
            raise ConnectionLost("connection_lost", _ended(url, error)) from error
        answered = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, answered, self._read(response, largest))

    def reach(self, url: str) -> None:
        """Connect to a service, and send nothing. The next request uses the connection.

        :raises FiledropError: see `send`.
        """
        extend_limit(self.account.timeout)
        with self._lock:
            pool = self._manager(url).connection_from_url(url)
        connection = pool._get_conn()
        try:
            if not connection.sock and pool.proxy is not None and pool.scheme == "https":
                pool._prepare_proxy(connection)
            elif not connection.sock:
                connection.connect()
        except ssl.SSLError as error:
            raise self._failure(urllib3.exceptions.SSLError(error), url) from error
        except OSError as error:
            kind = urllib3.exceptions.ProtocolError if pool.proxy is None else urllib3.exceptions.ProxyError
            raise self._failure(kind("", error), url) from error
        finally:
            pool._put_conn(connection)

    def _read(self, response: Any, largest: int) -> bytes | None:
        """Read the body of an answer; None if there is no whole body."""
        extend_limit(self.account.timeout)
        found = bytearray()
        try:
            while piece := response.read(PIECE):
                found += piece
                if len(found) > largest:
                    response.close()
                    return None
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            response.close()
            return None
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and int(length) != len(found):
            response.close()
            return None
        response.release_conn()
        return _plain(bytes(found), response.headers.get("Content-Encoding", "identity"), largest)

    # --- the way there

    def _manager(self, url: str) -> Any:
        proxy = self._proxy_for(url)
        if proxy not in self._managers:
            manager = _proxied(proxy, self._options) if proxy else urllib3.PoolManager(**self._options)
            manager.pool_classes_by_scheme = _pools(self)
            self._managers[proxy] = manager
        return self._managers[proxy]

    def _proxy_for(self, url: str) -> str | None:
        """Return the proxy for a URL: the account's, else the environment's.

        A service on this host may be unencrypted, so no proxy of the environment gets that.
        """
        if self.account.api.proxy is not None:
            return self.account.api.proxy
        parts = urlsplit(url)
        if parts.scheme != "https" or proxy_bypass(parts.netloc):
            return None
        found = getproxies_environment()
        proxy = found.get("https") or found.get("all")
        return None if not proxy else proxy if "://" in proxy else f"http://{proxy}"

    # --- errors

    def _failure(self, error: Exception, url: str) -> FiledropError:
        """Convert an error of urllib3."""
        causes = list(_causes(error))
        host, port = host_and_port(url)
        for cause in causes:
            if isinstance(cause, FiledropError):
                return cause
            if isinstance(cause, (ssl.SSLCertVerificationError, ssl.CertificateError)):
                return _untrusted(host, port, getattr(cause, "verify_message", "") or str(cause))
        if any(isinstance(cause, urllib3.exceptions.ProxyError) for cause in causes):
            finding = f"The proxy did not connect to {host} port {port}: {causes[-1]}."
            return UnreachableError("proxy_refused", finding, "Check proxy, or the proxy of the environment.")
        if any(isinstance(cause, urllib3.exceptions.SSLError) for cause in causes) and not self._has_met(url):
            finding = f"TLS with {host} port {port} failed: {causes[-1]}."
            return UnreachableError("tls_failed", finding, TLS_FAILED)
        return ConnectionLost("connection_lost", _ended(url, causes[-1]))

    def _has_met(self, url: str) -> bool:
        return host_and_port(url) in self.sessions

    def meet(self, host: str, port: int, connection: object) -> None:
        """Keep what a connection shows of a host."""
        if isinstance(connection, ssl.SSLSocket):
            self.sessions[host, port] = tls_session(connection)


_PLAIN = {"Accept-Encoding": "identity"}


def _plain(body: bytes, encoding: str, largest: int) -> bytes | None:
    """Decode a body that was compressed although nobody asked for it; None if that is not possible within limits."""
    if encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        return None
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        found = decoder.decompress(body, largest)
    except zlib.error:
        return None
    return found if decoder.eof else None


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    """Yield an error, and what it was raised for, from the outside to the inside."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = getattr(error, "reason", None) or getattr(error, "original_error", None)
        arguments = [each for each in getattr(error, "args", ()) if isinstance(each, BaseException)]
        error = inner if isinstance(inner, BaseException) else arguments[0] if arguments else error.__cause__


def _untrusted(host: str, port: int, why: str) -> TrustError:
    return TrustError(
        "certificate_untrusted",
        f"The certificate of {host} port {port} is not trusted: {why}. No secret and no file was sent.",
        "Set ca_file to the authority that issued it, and check the host in base_url and token_url.",
    )


def _ended(url: str, why: BaseException) -> str:
    host, port = host_and_port(url)
    return f"The connection to {host} port {port} ended ({why or type(why).__name__})."


def _proxied(proxy: str, options: Mapping[str, Any]) -> Any:
    """Return a manager of connections through a proxy. Only the environment's may have a user and a password."""
    parts = urlsplit(proxy)
    if parts.scheme != "http" or not parts.hostname:
        raise UnreachableError(
            "proxy_refused",
            "The proxy of the environment is not an HTTP proxy.",
            "Set https_proxy to http://HOST:PORT, or set the account's proxy.",
        )
    headers = None
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = urllib3.make_headers(proxy_basic_auth=login)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urllib3.ProxyManager(f"http://{host}:{parts.port or 80}", proxy_headers=headers, **options)


def _pools(client: HttpsClient) -> dict[str, Any]:
    """Return urllib3's pools, with connections that are made by `tcp.open_connection`.

    The classes are made here because importing this file must work without urllib3. For the type checker, what they are
    mixed into is unknown.
    """

    class Made:
        response_class = _FinalResponse
        used_at = 0.0

        def _new_conn(self) -> socket.socket:
            host, port = self._dns_host.strip("[]"), self.port  # type: ignore[attr-defined]
            connection = open_connection(host, port, client.account.timeout, _Socket)
            connection.settimeout(client.account.timeout)
            return connection

        def connect(self) -> None:
            target = getattr(self, "_tunnel_host", None), getattr(self, "_tunnel_port", None)
            host, port = target if target[0] else (self.host, self.port)  # type: ignore[attr-defined]
            _limit.host = str(host).strip("[]")
            super().connect()  # type: ignore[misc]
            client.meet(_limit.host, int(port or 0), self.sock)  # type: ignore[attr-defined]

    class PlainConnection(Made, urllib3.connection.HTTPConnection):  # type: ignore[misc]
        pass

    class TlsConnection(Made, urllib3.connection.HTTPSConnection):  # type: ignore[misc]
        pass

    class Fresh:
        def _get_conn(self, timeout: float | None = None) -> Any:
            connection = super()._get_conn(timeout)  # type: ignore[misc]
            if time.monotonic() - connection.used_at > LONGEST_IDLE:
                connection.close()  # it opens a new one for the next request
            return connection

        def _put_conn(self, connection: Any) -> None:
            if connection is not None:
                connection.used_at = time.monotonic()
            super()._put_conn(connection)  # type: ignore[misc]

    class PlainPool(Fresh, urllib3.HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class TlsPool(Fresh, urllib3.HTTPSConnectionPool):
        ConnectionCls = TlsConnection

    return {"http": PlainPool, "https": TlsPool}
