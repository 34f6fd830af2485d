# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is crashed: a job, files, and a server, and what may be held for a person then."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

KIB = 1024
API_SERVERS = ("api", "api-once", "api-forgetful")
"""Files APIs: like others; one that takes a fileId only once; one where the token that a run begins with expires."""

FTP_SERVERS = ("vsftpd", "proftpd", "pyftpdlib")
SSH_SERVERS = {"sshd": "paramiko", "child": "openssh"}  # and the transport to them


def content(name: str, size: int) -> bytes:
    """Bytes that look random, and are the same in every run."""
    return hashlib.shake_256(name.encode()).digest(size)


ONE = {"invoice.xml": content("invoice", 3000)}
LARGE = {"large.xml": content("large", 600 * KIB)}  # three requests of the largest size
EMPTY = {"empty.xml": b""}
SIDECAR = {**ONE, "invoice.xml.sha256": hashlib.sha256(ONE["invoice.xml"]).hexdigest().encode()}
PAIR = {"invoice.pdf": content("picture", 5000), "invoice.xml": ONE["invoice.xml"]}
BATCH = {**ONE, **LARGE, **EMPTY, "tiny.xml": b"x", "report.xml": content("report", 40 * KIB)}


@dataclass(frozen=True)
class Variant:
    """One way to run a job.

    :param server: ``openssh``: its SFTP server; one of `SSH_SERVERS`: the same over SSH; ``taking``: a provider that
        takes what was completed at once; ``hiding``: and one that shows nothing before that; ``folder``: none, but its
        folder is here; one of `FTP_SERVERS`: FTPS; one of `API_SERVERS`: a files API.
    :param may_hold: reasons for which files may wait for a person after a crash. Everything else must be completed.
    :param fresh: there is no ledger yet.
    :param limits: by event, the steps at which it does harm that nobody can prevent, as `Conversation` calls them.
    """

    name: str
    direction: str
    options: Mapping[str, object]
    files: Mapping[str, bytes]
    server: str = "openssh"
    may_hold: frozenset[str] = field(default=frozenset())
    fresh: bool = False
    limits: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def settles(self) -> bool:
        """Whether originals leave their place."""
        return self.options["after"] != "keep"

    @property
    def shelves(self) -> bool:
        """Whether they are kept somewhere else."""
        return self.options["after"] in ("archive", "move")

    @property
    def order(self) -> tuple[str, ...]:
        """The names of the files that belong together, in the order of sending."""
        return tuple(PAIR) if "companions" in self.options else ()

    @property
    def states_that_settle(self) -> frozenset[str]:
        """What must stand in the ledger before an original may leave its place."""
        if self.direction == "pickup":
            return frozenset({"placed", "fetched"})
        if self.order:
            return frozenset({"sent", "delivered"})
        return frozenset({"renamed" if self.options.get("upload") == "rename" else "closed", "delivered"})


# What cannot be known after a crash, by server and upload: whether a whole file was taken or lost.
_HELD_DROPOFFS: dict[str, dict[str, frozenset[str]]] = {
    "openssh": {"rename": frozenset(), "direct": frozenset()},
    "taking": {"rename": frozenset({"ambiguous", "vanished"}), "direct": frozenset()},
    "hiding": {"rename": frozenset({"ambiguous"}), "direct": frozenset({"ambiguous"})},
}

# How another file may be lost that comes under the same name in the middle of a run: between the last look at it and
# the request, or the system call, that removes it. P1 and P2 state this.
_LIMITS_DROPOFF = {
    "archive": {},
    "delete": {"replace": frozenset({"unlinkat invoice.xml"})},
    "keep": {},
}
_LIMITS_PICKUP = {
    "delete": {"replace": frozenset({"arriving after: LSTAT", "leaving: REMOVE"})},
    "move": {"replace": frozenset({"arriving after: LSTAT", "leaving: RENAME"})},
    "keep": {},
}


def _dropoffs() -> Iterator[Variant]:
    for server, held in _HELD_DROPOFFS.items():
        for upload, after in itertools.product(("rename", "direct"), ("archive", "delete", "keep")):
            options = {"upload": upload, "after": after}
            name = f"{upload}-{after}-{server}"
            yield Variant(name, "dropoff", options, ONE, server, held[upload], limits=_LIMITS_DROPOFF[after])


def _pickups() -> Iterator[Variant]:
    for after in ("delete", "move", "keep"):
        yield Variant(f"pickup-{after}", "pickup", {"after": after}, ONE, limits=_LIMITS_PICKUP[after])


def _others() -> Iterator[Variant]:
    """What is worth a variant of its own, of one file."""
    rename, direct = {"upload": "rename", "after": "archive"}, {"upload": "direct", "after": "archive"}
    pickup = {"after": "delete"}
    yield Variant("rename-fresh", "dropoff", rename, ONE, fresh=True)
    yield Variant("direct-fresh", "dropoff", direct, ONE, fresh=True)
    yield Variant("pickup-fresh", "pickup", pickup, ONE, fresh=True)
    yield Variant("rename-other-disk", "dropoff", {**rename, "other_disk": True}, ONE)
    for name, files in (("large", LARGE), ("empty", EMPTY)):
        yield Variant(f"rename-{name}", "dropoff", rename, files)
        yield Variant(f"direct-{name}", "dropoff", direct, files)
        yield Variant(f"pickup-{name}", "pickup", pickup, files)
    yield Variant("pickup-reread", "pickup", {**pickup, "verify": "reread"}, ONE)
    yield Variant("pickup-sidecar", "pickup", {**pickup, "verify": "sidecar"}, SIDECAR)
    shared = {**pickup, "share": {"index": 0, "count": 1}}
    yield Variant("share-delete", "pickup", shared, ONE)
    yield Variant("share-move", "pickup", {**shared, "after": "move"}, ONE)
    yield Variant("share-sidecar", "pickup", {**shared, "verify": "sidecar"}, SIDECAR)


def _batches() -> Iterator[Variant]:
    for upload, after, server in (
        ("rename", "archive", "openssh"),
        ("rename", "delete", "taking"),
        ("direct", "archive", "openssh"),
        ("direct", "delete", "hiding"),
    ):
        options = {"upload": upload, "after": after}
        name = f"batch-{upload}-{after}-{server}"
        yield Variant(name, "dropoff", options, BATCH, server, _HELD_DROPOFFS[server][upload])
    for after in ("delete", "move", "keep"):
        yield Variant(f"batch-pickup-{after}", "pickup", {"after": after}, BATCH)
    yield Variant("batch-share-delete", "pickup", {"after": "delete", "share": {"index": 0, "count": 1}}, BATCH)


def _sets() -> Iterator[Variant]:
    """Two files that belong together."""
    together = {"companions": ["*.pdf", "*.xml"]}
    waits = frozenset({"companion_waiting"})
    for upload, after, server in (
        ("rename", "archive", "openssh"),
        ("rename", "delete", "taking"),
        ("rename", "keep", "openssh"),
        ("direct", "archive", "hiding"),
        ("direct", "delete", "openssh"),
        ("rename", "archive", "folder"),
    ):
        held = _HELD_DROPOFFS[server][upload] if server != "folder" else frozenset()
        options = {**together, "upload": upload, "after": after}
        yield Variant(
            f"set-{upload}-{after}-{server}", "dropoff", options, PAIR, server, held | waits if held else held
        )
    for after in ("delete", "move", "keep"):
        yield Variant(f"set-pickup-{after}", "pickup", {**together, "after": after}, PAIR)
    shared = {**together, "after": "delete", "share": {"index": 0, "count": 1}}
    yield Variant("set-share-delete", "pickup", shared, PAIR)
    yield Variant("set-pickup-delete-folder", "pickup", {**together, "after": "delete"}, PAIR, "folder")


def _folders() -> Iterator[Variant]:
    """Jobs whose server is a folder of the same host."""
    for upload, after in (("rename", "archive"), ("direct", "delete"), ("rename", "keep")):
        yield Variant(f"{upload}-{after}-folder", "dropoff", {"upload": upload, "after": after}, ONE, "folder")
    for after in ("delete", "move", "keep"):
        yield Variant(f"pickup-{after}-folder", "pickup", {"after": after}, ONE, "folder")
    yield Variant(
        "share-delete-folder", "pickup", {"after": "delete", "share": {"index": 0, "count": 1}}, ONE, "folder"
    )
    yield Variant("rename-large-folder", "dropoff", {"upload": "rename", "after": "archive"}, LARGE, "folder")


def _folder_batches() -> Iterator[Variant]:
    options = {"upload": "rename", "after": "archive"}
    yield Variant("batch-rename-archive-folder", "dropoff", options, BATCH, "folder")
    yield Variant("batch-pickup-delete-folder", "pickup", {"after": "delete"}, BATCH, "folder")


def _over_ssh() -> Iterator[Variant]:
    for name, server in (("ssh", "sshd"), ("child", "child")):
        for upload, after in (("rename", "archive"), ("direct", "delete")):
            options = {"upload": upload, "after": after}
            yield Variant(f"{name}-{upload}-{after}", "dropoff", options, ONE, server)
        yield Variant(f"{name}-pickup-delete", "pickup", {"after": "delete"}, ONE, server)
        options = {"upload": "rename", "after": "archive"}
        yield Variant(f"{name}-batch-rename-archive", "dropoff", options, BATCH, server)
        yield Variant(f"{name}-batch-pickup-move", "pickup", {"after": "move"}, BATCH, server)


def _over_ftps() -> Iterator[Variant]:
    """Jobs over FTPS. With `direct`, a file can be seen, and taken, before it is complete."""
    for server in FTP_SERVERS:
        for upload, after in (("rename", "archive"), ("direct", "delete"), ("rename", "keep")):
            yield Variant(f"{server}-{upload}-{after}", "dropoff", {"upload": upload, "after": after}, ONE, server)
        for after in ("delete", "move"):
            yield Variant(f"{server}-pickup-{after}", "pickup", {"after": after}, ONE, server)
        options = {"upload": "rename", "after": "archive"}
        yield Variant(f"{server}-batch-rename-archive", "dropoff", options, BATCH, server)
        yield Variant(f"{server}-batch-pickup-delete", "pickup", {"after": "delete"}, BATCH, server)


def _over_api() -> Iterator[Variant]:
    """Jobs whose files go in requests. Where no answer shows it, nobody knows whether a file was taken."""
    held = frozenset({"ambiguous"})
    for server, after in (
        ("api", "archive"),
        ("api", "delete"),
        ("api", "keep"),
        ("api-once", "archive"),
        ("api-forgetful", "delete"),
    ):
        # What is taken only once may be sent again.
        options = {"after": after, "ambiguous": "resend" if server == "api-once" else "hold"}
        yield Variant(f"{server}-{after}", "dropoff", options, ONE, server, held)
        yield Variant(f"{server}-batch-{after}", "dropoff", options, BATCH, server, held)
    together: Mapping[str, object] = {"companions": ["*.pdf", "*.xml"], "after": "archive"}
    yield Variant("api-set-archive", "dropoff", together, PAIR, "api", held | {"companion_waiting"})


SINGLES = (*_dropoffs(), *_pickups())
OTHERS = tuple(_others())
BATCHES = tuple(_batches())
SETS = tuple(_sets())
FOLDERS = tuple(_folders())
FOLDER_BATCHES = tuple(_folder_batches())
OVER_SSH = tuple(_over_ssh())
OVER_FTPS = tuple(_over_ftps())
OVER_API = tuple(_over_api())
ALL = {
    variant.name: variant
    for variant in (*SINGLES, *OTHERS, *BATCHES, *SETS, *FOLDERS, *FOLDER_BATCHES, *OVER_SSH, *OVER_FTPS, *OVER_API)
}

TO_THE_END = frozenset(
    {
        *("rename-archive-openssh", "rename-delete-taking", "direct-delete-openssh", "direct-archive-hiding"),
        *("pickup-delete", "pickup-move", "pickup-keep", "share-delete"),
    }
)
"""Whose recoveries are crashed, and theirs, until nothing new comes of it."""

EVERY_DAY = TO_THE_END | frozenset(
    {
        *("rename-fresh", "rename-other-disk", "direct-large", "pickup-sidecar"),
        *("batch-rename-archive-openssh", "batch-direct-delete-hiding", "batch-pickup-delete"),
        *("set-rename-archive-openssh", "set-direct-archive-hiding", "set-pickup-delete"),
        *("ssh-rename-archive", "ssh-pickup-delete", "child-rename-archive", "child-pickup-delete"),
        *("vsftpd-rename-archive", "proftpd-direct-delete", "proftpd-batch-rename-archive", "vsftpd-pickup-delete"),
        *("rename-archive-folder", "direct-delete-folder", "pickup-delete-folder"),
        *("api-delete", "api-once-batch-archive", "api-forgetful-delete"),
    }
)
"""What is tried with every change; the rest takes minutes more."""
