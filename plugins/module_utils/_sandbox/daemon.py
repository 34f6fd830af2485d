# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a sandbox as a process of its own: start it, change its settings, stop it.

``start`` forks. All modules are imported before that, because an Ansible module's archive, from which this code was
loaded, is deleted when the module ends. The process ends by itself if nobody has used it for its lifetime, or if its
folder is removed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import logging.handlers
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Callable, NoReturn

from .._engine._paramiko import require
from .._engine.errors import DiskError, FiledropError, InputError, UnreachableError
from . import hostkeys, state
from .ftp import deps as ftp_deps
from .sandbox import Sandbox
from .server import HOST, LOGGER, listen
from .state import Lock, Serving, Settings

# Seconds for a daemon to report that it serves, and to end after a request to do so.
_START_TIME = 30.0
_STOP_TIME = 20.0
_PROBE_TIME = 5.0
# Open files for many connections with many open files each.
_DESCRIPTORS = 8192

_log = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class Found:
    """Describe the state of a sandbox's folder.

    :param serving: the serving process; ``None`` if there is none, or it does not answer.
    :param held: whether there is a process at all.
    """

    settings: Settings | None
    serving: Serving | None
    held: bool


def look(path: str) -> Found:
    """Inspect a folder without changing it. :raises DiskError: the folder cannot be read."""
    try:
        settings = state.load_settings(path)
        if not Lock.held(path):
            return Found(settings, None, False)
        serving = state.load_serving(path)
    except OSError as error:
        raise state.cannot_use(path, error) from None
    return Found(settings, serving if serving is not None and _answers(serving.port) else None, True)


def start(path: str, settings: Settings, *, fixed_port: bool = False) -> Serving:
    """Serve the folder with these settings. The server continues after this process has ended.

    A running server takes over the new settings. It is replaced only if the port changes.

    :param fixed_port: the port was requested, so no other port may be used instead.
    :raises InputError: the port or the folder is not usable. :raises DiskError: the folder cannot be used.
    """
    require_for(settings)
    state.make_folder(path)
    with changing(path), contextlib.ExitStack() as opened:
        found, listener = look(path), None
        if found.serving is not None:
            if settings.port in (None, found.serving.port):
                return _reload(path, replace(settings, port=found.serving.port), found.serving)
            # Open the new port first: if that fails, the running sandbox must continue.
            listener = opened.enter_context(listen_on(settings.port, fixed=fixed_port))
        if found.held:
            _stop(path)
        lock = Lock.take(path, wait=_PROBE_TIME)
        if lock is None:
            raise _busy(path)
        opened.callback(lock.release)
        if listener is None:
            listener = opened.enter_context(listen_on(settings.port, fixed=fixed_port))
        return _start(path, lock, listener, settings)


def check_start(path: str, settings: Settings, found: Found, *, fixed_port: bool = False) -> None:
    """Raise what ``start`` would raise, as far as it can be known without changing anything."""
    require_for(settings)
    state.check_folder(path)
    if found.serving is None or settings.port not in (None, found.serving.port):
        listen_on(settings.port, fixed=fixed_port).close()


def require_for(settings: Settings) -> None:
    """:raises DependencyError: a library is missing that these settings need."""
    require()
    if {"ftp", "ftps"} & set(settings.protocols):
        ftp_deps.require()


def stop(path: str) -> bool:
    """End the process that serves the folder, and wait until it has ended. Return False if there was none.

    :raises DiskError: it belongs to another user, or does not end.
    """
    # Check first, so that nothing is written into a folder that is not a sandbox's.
    if not _held(path):
        return False
    with changing(path):
        if not Lock.held(path):
            return False
        _stop(path)
    return True


@contextlib.contextmanager
def changing(path: str) -> Iterator[None]:
    """Prevent others from starting or stopping the sandbox in this folder during the block."""
    try:
        lock = Lock.take(path, kind="change.lock", wait=2 * _START_TIME)
        if lock is None:
            raise _busy(path)
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        raise state.cannot_use(path, error) from None


def run(path: str, lock: Lock, listener: socket.socket, settings: Settings, ready: Callable[[], None]) -> None:
    """Serve until a signal, the lifetime, or the removal of the folder ends it. The caller holds the lock."""
    wishes = _wishes()
    port = listener.getsockname()[1]
    sandbox = Sandbox(
        path,
        accounts=settings.accounts,
        import_delay=settings.import_delay,
        protocols=settings.protocols,
        faults=settings.faults,
        listener=listener,
    )
    sandbox.start()
    state.save_serving(path, Serving(os.getpid(), port, settings.digest))
    _log.info("Serving on %s:%d, process %d.", HOST, port, os.getpid())
    ready()
    while lock.still_there() and time.monotonic() - sandbox.last_active < settings.lifetime:
        if not select.select([wishes], [], [], 1.0)[0]:
            continue
        if set(wishes.recv(64)) != {signal.SIGHUP}:
            break
        settings = _take_over(path, sandbox, settings)
    _log.info("Stopping.")
    sandbox.stop()
    if lock.still_there():
        state.save_serving(path, None)


def _wishes() -> socket.socket:
    """Return a socket from which signal numbers can be read. The kernel may deliver a signal to any thread."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    return reading


def listen_on(port: int | None, *, fixed: bool) -> socket.socket:
    """Listen on this port, or on a free one. :raises InputError: the requested port is not available."""
    try:
        return listen(port or 0)
    except OSError as error:
        if not fixed:
            return listen(0)
        taken = error.errno == errno.EADDRINUSE
        raise InputError(
            "port_taken" if taken else "port_refused",
            f"The sandbox cannot listen on port {port} of {HOST}: {os.strerror(error.errno or 0)}.",
            "Set another port, or none: then a free one is chosen and kept.",
        ) from None


def log_to(path: str) -> None:
    """Log to a file in the sandbox's folder. Its size is limited."""
    name = os.path.join(path, "sandbox.log")
    handler = logging.handlers.RotatingFileHandler(name, maxBytes=1024 * 1024, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False
    # paramiko's log of packets and handshakes is of no use for users of the sandbox.
    logging.getLogger(f"{LOGGER}.ssh").setLevel(logging.WARNING)
    logging.getLogger(ftp_deps.LOGGER).addHandler(handler)
    logging.getLogger(ftp_deps.LOGGER).setLevel(logging.WARNING)
    logging.getLogger(ftp_deps.LOGGER).propagate = False


def _held(path: str) -> bool:
    try:
        return Lock.held(path)
    except OSError as error:
        raise state.cannot_use(path, error) from None


def _stop(path: str) -> None:
    serving = _serving(path)
    for number, wait in ((signal.SIGTERM, _STOP_TIME), (signal.SIGKILL, _PROBE_TIME)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(serving.pid, number)
        lock = Lock.take(path, wait=wait)
        if lock is not None:
            state.save_serving(path, None)
            lock.release()
            return
    raise DiskError(
        "sandbox_stuck",
        f"The sandbox in {path}, process {serving.pid}, does not end.",
        "End the process by hand.",
    )


def _start(path: str, lock: Lock, listener: socket.socket, settings: Settings) -> Serving:
    # The record of a killed process must not be taken for the next one's.
    state.save_serving(path, None)
    settings = replace(settings, port=listener.getsockname()[1])
    state.save_settings(path, settings)
    hostkeys.load_or_create(os.path.join(path, "host_keys"))
    error = _fork(path, lock, listener, settings)
    serving = state.load_serving(path)
    if error or serving is None:
        raise DiskError(
            "sandbox_not_started",
            f"The sandbox in {path} did not start: {error or 'it ended at once'}.",
            f"See {os.path.join(path, 'sandbox.log')}.",
        )
    return serving


def _fork(path: str, lock: Lock, listener: socket.socket, settings: Settings) -> str:
    """Start the daemon and wait until it serves. Return an error text, or an empty text if all is well."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _daemon(path, lock, listener, settings, writing)
    os.close(writing)
    os.waitpid(child, 0)
    try:
        said = b""
        deadline = time.monotonic() + _START_TIME
        while not said.endswith(b"\n"):
            if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return f"it did not report within {_START_TIME:.0f} seconds"
            chunk = os.read(reading, 4096)
            if not chunk:
                return said.decode("utf-8", "replace") or "it ended at once"
            said += chunk
    finally:
        os.close(reading)
    return ""


def _daemon(path: str, lock: Lock, listener: socket.socket, settings: Settings, writing: int) -> NoReturn:
    """Run the rest of the child process. It must never return into the caller's code."""
    status = 1
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.chdir("/")
        os.umask(0o077)
        _leave_streams({lock.descriptor, listener.fileno(), writing})
        _now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(_DESCRIPTORS, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        log_to(path)
        run(path, lock, listener, settings, lambda: _say(writing, "serving\n"))
        status = 0
    except BaseException as error:
        # Report to the parent and to the log. No exception may reach the caller's code.
        _log.critical("%s", traceback.format_exc())
        with contextlib.suppress(OSError):
            _say(writing, f"{type(error).__name__}: {error}")
    finally:
        os._exit(status)


def _say(descriptor: int, text: str) -> None:
    os.write(descriptor, text.encode("utf-8", "backslashreplace"))
    os.close(descriptor)


def _leave_streams(kept: set[int]) -> None:
    """Close all inherited files. A program that waits for the caller's output must not wait for the daemon."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    try:
        opened = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        opened = list(range(3, 4096))
    for descriptor in opened:
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _reload(path: str, settings: Settings, serving: Serving) -> Serving:
    """Tell the running process to take over the settings, and wait until it has done so."""
    if serving.settings == settings.digest:
        return serving
    state.save_settings(path, settings)
    os.kill(serving.pid, signal.SIGHUP)
    deadline = time.monotonic() + _STOP_TIME
    while time.monotonic() < deadline:
        now = state.load_serving(path)
        if now is not None and now.settings == settings.digest:
            return now
        time.sleep(0.02)
    raise DiskError(
        "sandbox_stuck",
        f"The sandbox in {path}, process {serving.pid}, does not take over its new settings.",
        f"Stop it and start it again; see {os.path.join(path, 'sandbox.log')}.",
    )


def _take_over(path: str, sandbox: Sandbox, settings: Settings) -> Settings:
    try:
        wanted = state.load_settings(path)
        if wanted is None:
            return settings
        sandbox.set_accounts(wanted.accounts)
        sandbox.importer.delay = wanted.import_delay
        if wanted.faults != settings.faults:
            # Faults that stay the same keep their counters.
            sandbox.set_faults(wanted.faults)
        if wanted.protocols != settings.protocols:
            sandbox.set_protocols(wanted.protocols)
        state.save_serving(path, Serving(os.getpid(), sandbox.port, wanted.digest))
    except (OSError, FiledropError):
        _log.exception("The new settings could not be taken over.")
        return settings
    _log.info("New settings taken over.")
    return wanted


def _serving(path: str) -> Serving:
    """Return the process that holds the lock, after it has recorded its number."""
    deadline = time.monotonic() + _START_TIME
    while time.monotonic() < deadline:
        serving = state.load_serving(path)
        if serving is not None:
            return serving
        time.sleep(0.02)
    raise _busy(path)


def _busy(path: str) -> UnreachableError:
    return UnreachableError(
        "sandbox_busy",
        f"Another process holds the lock of the sandbox in {path}, but has not recorded its number.",
        f"Wait a moment and try again. If it persists, find the process that has {os.path.join(path, 'lock')} open.",
    )


def _answers(port: int) -> bool:
    """Whether an SSH server answers on the port. The sandbox counts this as use, so it does not end just afterwards."""
    try:
        with socket.create_connection((HOST, port), timeout=_PROBE_TIME) as probe:
            # Send a complete greeting. Otherwise the server would log a client that does not speak SSH.
            probe.sendall(b"SSH-2.0-filedrop_probe\r\n")
            return probe.recv(4) == b"SSH-"
    except OSError:
        return False
