# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the files of a key pair: durable, put in place atomically, and the old ones restored after any failure."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DiskError
from ..local import names
from ..local.folder import Folder, disk_error, rename_new
from .formats import decode_private, encode_private, is_encrypted, public_part, read_private
from .found import READ_HERE, Found
from .openssh import sealed
from .plan import Plan, new_owner, public_line
from .spec import DEFAULT_BITS, KeyPairSpec

if TYPE_CHECKING:
    from .formats import PrivateKey

WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@dataclass(frozen=True)
class Backup:
    """Paths of the old files after a replacement or removal; None if there was no old file, or it was not kept."""

    private: str | None = None
    public: str | None = None


NO_BACKUP = Backup()


def carry_out(wanted: KeyPairSpec, found: Found, plan: Plan) -> Backup:
    """Carry out a plan. After any failure, the old pair is in place again.

    :raises DiskError: a file could not be written, or another process has just created one (``key_appeared``).
    :raises DependencyError: encryption requires the library bcrypt.
    """
    with key_folder(wanted) as folder:
        if plan.action == "remove":
            return _remove_pair(wanted, folder)
        if plan.action != "keep":
            key = generate(wanted.type, wanted.bits or DEFAULT_BITS[wanted.type])
            return _write_pair(wanted, folder, found, plan, key)
        for name in (wanted.name, wanted.public_name):
            mode = plan.mode if name == wanted.name else None
            _set_rights(folder, name, mode=mode, uid=wanted.uid, gid=wanted.gid)
        if plan.write_private:
            _write_comment(wanted, folder, plan.comment)
        if plan.write_public:
            _write_public(wanted, folder, found, plan.comment)
        return NO_BACKUP


def generate(kind: str, bits: int) -> PrivateKey:
    """Generate a new private key."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    curves: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
    return ec.generate_private_key(curves[bits])


@contextlib.contextmanager
def key_folder(wanted: KeyPairSpec) -> Iterator[Folder]:
    """Open the folder of the pair, and create it if it is missing. Remove what a killed run has left of the pair there.

    All work uses descriptors, so replacing a folder meanwhile has no effect.
    """
    try:
        folder = Folder(wanted.folder)
    except DiskError as error:
        if error.reason != "local_missing":
            raise
        folder = _made_folder(wanted)
    try:
        _remove_leftovers(wanted, folder)
        yield folder
        os.fsync(folder.fd)
    except OSError as error:
        raise disk_error(error, f"write the key pair {wanted.path}") from error
    finally:
        folder.close()


def _made_folder(wanted: KeyPairSpec) -> Folder:
    with contextlib.closing(Folder(os.path.dirname(wanted.folder))) as above:
        try:
            os.mkdir(os.path.basename(wanted.folder), 0o700, dir_fd=above.fd)
            folder = Folder(wanted.folder, inside=above)
            os.fchown(folder.fd, _or_unchanged(wanted.uid), _or_unchanged(wanted.gid))
        except OSError as error:
            raise disk_error(error, f"make the folder {wanted.folder}") from error
        return folder


def _write_pair(wanted: KeyPairSpec, folder: Folder, found: Found, plan: Plan, key: PrivateKey) -> Backup:
    public = public_line(public_part(key), plan.comment) + "\n"
    owner = new_owner(wanted, found)
    parts = (
        (wanted.name, sealed(encode_private(key), plan.comment, wanted.passphrase), wanted.mode or 0o600),
        (wanted.public_name, public.encode("utf-8"), 0o644),
    )
    beside: list[str] = []
    saved: dict[str, str] = {}
    placed: list[str] = []
    try:
        for _name, body, mode in parts:
            beside.append(write_beside(wanted, folder, body, mode, owner))
        # If no private key was planned to be replaced, one that has just appeared must not be overwritten.
        old = [wanted.name, wanted.public_name] if plan.action == "replace" else [wanted.public_name]
        _back_up(wanted, folder, old, saved)
        for (name, _body, _mode), temporary in zip(parts, beside):
            _place(folder, temporary, name, over=name in saved)
            placed.append(name)
        os.fsync(folder.fd)
    except BaseException:
        _restore(folder, saved, placed)
        _remove(folder, *beside)
        raise
    return _kept(wanted, folder, saved)


def _kept(wanted: KeyPairSpec, folder: Folder, saved: dict[str, str]) -> Backup:
    """Return where the old files are. If no backup is requested, remove them: the change is complete."""
    if not wanted.backup:
        _remove(folder, *saved.values())
        return NO_BACKUP
    paths = {name: folder.path_of(backup) for name, backup in saved.items()}
    return Backup(private=paths.get(wanted.name), public=paths.get(wanted.public_name))


def _remove_pair(wanted: KeyPairSpec, folder: Folder) -> Backup:
    """Remove the pair. The backup is complete and durable before anything is removed."""
    saved: dict[str, str] = {}
    old = [wanted.name, wanted.public_name]
    try:
        if wanted.backup:
            _back_up(wanted, folder, old, saved)
            os.fsync(folder.fd)
        for name in old:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder.fd)
    except BaseException:
        _restore(folder, saved, [])
        raise
    return _kept(wanted, folder, saved)


def _temporary_prefix(wanted: KeyPairSpec) -> str:
    return f"{names.OWN}key-{hashlib.sha256(os.fsencode(wanted.name)).hexdigest()[:12]}-"


def _remove_leftovers(wanted: KeyPairSpec, folder: Folder) -> None:
    """Remove the temporary files for this pair that a killed run left behind: one of them has a private key."""
    _remove(folder, *(name for name in folder.names() if name.startswith(_temporary_prefix(wanted))))


def write_beside(wanted: KeyPairSpec, folder: Folder, body: bytes, mode: int, owner: tuple[int, int]) -> str:
    """Write a complete, durable file under a temporary name in the same folder; return that name.

    The file has its final mode from the start, so others can never open a private key.
    """
    temporary = f"{_temporary_prefix(wanted)}{secrets.token_hex(8)}"
    descriptor = os.open(temporary, WRITE_NEW, mode, dir_fd=folder.fd)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # os.open has applied the umask
            os.fchown(descriptor, *owner)
            file.write(body)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        _remove(folder, temporary)
        raise
    return temporary


def _back_up(wanted: KeyPairSpec, folder: Folder, old: list[str], saved: dict[str, str]) -> None:
    """Give the old files backup names that form a pair, and record them in ``saved``.

    If no backup is requested, the names are temporary ones: the next run removes what a killed run leaves behind.
    """
    old = [name for name in old if folder.status(name) is not None]
    stem = f"{wanted.name}.replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if not wanted.backup:
        stem = f"{_temporary_prefix(wanted)}{secrets.token_hex(8)}"
    base = stem
    number = 1
    while any(folder.status(name) is not None for name in (base, f"{base}.pub")):
        number += 1
        base = f"{stem}-{number}"
    for name in old:
        backup = base if name == wanted.name else f"{base}.pub"
        os.link(name, backup, src_dir_fd=folder.fd, dst_dir_fd=folder.fd, follow_symlinks=False)
        saved[name] = backup
        _set_rights(folder, backup, mode=0o600 if name == wanted.name else None)


def _place(folder: Folder, temporary: str, name: str, *, over: bool) -> None:
    if over:
        os.replace(temporary, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
    elif not rename_new(folder, temporary, folder, name):
        raise appeared(folder, name)


def appeared(folder: Folder, name: str) -> DiskError:
    return DiskError(
        "key_appeared",
        f"Another process has just created {folder.path_of(name)}.",
        "Run again; the next run will take the new file into account.",
    )


def _restore(folder: Folder, saved: dict[str, str], placed: list[str]) -> None:
    """Undo what was done so far."""
    _remove(folder, *(name for name in placed if name not in saved))
    for name, backup in saved.items():
        with contextlib.suppress(OSError):
            os.replace(backup, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
            # A rename between two names of the same file does nothing: the old file was never replaced.
            _remove(folder, backup)


def _write_public(wanted: KeyPairSpec, folder: Folder, found: Found, comment: str) -> None:
    """Write the public key file that belongs to the private key."""
    private = found.private
    if private is None or private.public is None:
        return
    body = f"{public_line(private.public, comment)}\n".encode()
    put(folder, write_beside(wanted, folder, body, 0o644, new_owner(wanted, found)), wanted.public_name)


def _write_comment(wanted: KeyPairSpec, folder: Folder, comment: str) -> None:
    """Write the private key file anew: the same key and passphrase, with another comment inside.

    :raises DiskError: ``key_appeared``: the file was replaced meanwhile.
    """
    body, status = read_private(wanted.path, folder=folder.fd)
    key = decode_private(body, wanted.path, wanted.passphrase)
    secret = wanted.passphrase if is_encrypted(body) else None
    owner = (status.st_uid, status.st_gid) if os.geteuid() == 0 else (-1, -1)
    new = sealed(encode_private(key), comment, secret)
    if public_part(decode_private(new, wanted.path, secret)) != public_part(key):
        raise ValueError("the key with its new comment is another one")
    temporary = write_beside(wanted, folder, new, stat.S_IMODE(status.st_mode), owner)
    seen = folder.status(wanted.name)
    if seen is None or not os.path.samestat(seen, status):
        _remove(folder, temporary)
        raise appeared(folder, wanted.name)
    put(folder, temporary, wanted.name)


def put(folder: Folder, temporary: str, name: str) -> None:
    try:
        os.replace(temporary, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
    except BaseException:
        _remove(folder, temporary)
        raise


def _set_rights(folder: Folder, name: str, *, mode: int | None, uid: int | None = None, gid: int | None = None) -> None:
    """Set mode, owner and group. Do nothing where nothing differs."""
    if folder.status(name) is None:
        return
    descriptor = os.open(name, READ_HERE, dir_fd=folder.fd)
    try:
        status = os.fstat(descriptor)
        if mode is not None and mode != stat.S_IMODE(status.st_mode):
            os.fchmod(descriptor, mode)
        if uid not in (None, status.st_uid) or gid not in (None, status.st_gid):
            seen = folder.status(name)
            if seen is None or seen.st_nlink > 1 or not os.path.samestat(seen, status):
                # Whoever owns the folder may have linked another file to this name, to become its owner.
                raise OSError(errno.EMLINK, f"{name} has a second name (a hard link). Remove one of them")
            os.fchown(descriptor, _or_unchanged(uid), _or_unchanged(gid))
    finally:
        os.close(descriptor)


def _or_unchanged(number: int | None) -> int:
    return -1 if number is None else number


def _remove(folder: Folder, *names: str) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder.fd)
