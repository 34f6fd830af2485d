# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Protections that are a flag, a number or an argument, and no statement of their own."""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """A change of a text that stands in a file once; ``what`` says what it means."""

    file: str
    old: str
    new: str
    what: str
    kind: str = "protections"


_DISK = (
    Word(
        "local/folder.py",
        "_RENAME_NOREPLACE = 1",
        "_RENAME_NOREPLACE = 0",
        "publishing and archiving replace what is there",
    ),
    Word(
        "local/folder.py",
        "os.O_CREAT | os.O_EXCL",
        "os.O_CREAT",
        "parts are opened, not made",
    ),
    Word(
        "local/folder.py",
        "os.stat(name, dir_fd=self.fd, follow_symlinks=False)",
        "os.stat(name, dir_fd=self.fd)",
        "links are followed where one name is looked at",
    ),
    Word(
        "local/folder.py",
        "item.stat(follow_symlinks=False)",
        "item.stat()",
        "links are followed where a folder is listed",
    ),
    Word(
        "local/folder.py",
        "O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC",
        "O_NONBLOCK | os.O_CLOEXEC",
        "links are sent",
    ),
    Word(
        "local/folder.py",
        "O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC",
        "O_NOFOLLOW | os.O_CLOEXEC",
        "a pipe makes it wait",
    ),
    Word(
        "local/folder.py",
        "view = view[os.write(self.fd, view) :]",
        "view = view[os.write(self.fd, view) + len(view) :]",
        "a write that is done in part counts for the whole",
    ),
    Word(
        "local/folder.py",
        "        self._hash.update(data)\n        view",
        "        view",
        "what is fetched is not hashed",
    ),
    Word(
        "local/folder.py",
        "        self._hash.update(data)\n        return data",
        "        return data",
        "what is sent is not hashed",
    ),
    Word(
        "local/folder.py",
        "os.fchmod(fd, modes.S_IMODE(status.st_mode) & ~_SET_ID)",
        "os.fchmod(fd, 0o644)",
        "a copy in the archive may be read by all",
    ),
    Word(
        "local/folder.py",
        "os.fchmod(fd, modes.S_IMODE(status.st_mode) & ~_SET_ID)",
        "os.fchmod(fd, modes.S_IMODE(status.st_mode))",
        "a copy in the archive keeps its set-user-ID bit",
    ),
    Word(
        "local/folder.py",
        "name.startswith(prefix) and name not in keep",
        "name.endswith('.part') and name not in keep",
        "the parts of other jobs are removed",
    ),
)

_SYNCS = (
    Word(
        "ledger/database.py",
        "synchronous = FULL",
        "synchronous = NORMAL",
        "SQLite syncs its log now and then",
        "syncs",
    ),
    Word(
        "ledger/database.py",
        "synchronous = FULL",
        "synchronous = OFF",
        "SQLite syncs nothing",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        "(self.sync(file), self.sync(folder))",
        "(self.sync(file),)",
        "a new file's name is not synced",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        "(self.sync(file), self.sync(folder))",
        "(self.sync(folder),)",
        "a new file itself is not synced",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        "(self.sync(into), self.sync(out_of))",
        "(self.sync(into),)",
        "the folder that a file has left is not synced",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        "(self.sync(into), self.sync(out_of))",
        "(self.sync(out_of),)",
        "the folder that a file has come into is not synced",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        "        self._left.add(out_of)\n",
        "",
        "the folder that a file has left may be synced first",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        "        os.fsync(fd)\n",
        "        pass\n",
        "nothing is synced",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        "[failed] * len(last) if failed else self._threads",
        "self._threads",
        "the folder that a file has left is synced though the other could not be",
        "syncs",
    ),
    Word(
        "local/fsync.py",
        'answer.set_exception(disk_error(error, "make a file durable"))',
        "answer.set_result(None)",
        "an error of a sync is passed over",
        "syncs",
    ),
)

_LEDGER = (
    Word(
        "ledger/ledger.py",
        "if id(row) in refused:",
        "if False:",
        "two jobs may have one file in their hands",
    ),
    Word(
        "ledger/ledger.py",
        "if self._db.executemany(_STEP, map(_stepped, steps)).rowcount < len(steps):",
        "if self._db.executemany(_STEP, map(_stepped, steps)).rowcount < 0:",
        "a row that is opened again is not written",
    ),
    Word(
        "ledger/ledger.py",
        "for row in new:",
        "for row in ():",
        "a row that was not written counts as written",
    ),
    Word(
        "ledger/ledger.py",
        "answer.set_exception(failure)",
        "answer.set_result(None)",
        "a commit that failed counts as done",
    ),
    Word(
        "ledger/database.py",
        "CREATE UNIQUE INDEX transfer_open",
        "CREATE INDEX transfer_open",
        "a file may have two open rows",
    ),
    Word(
        "ledger/database.py",
        "integrity_check(1)",
        "quick_check(1)",
        "a damaged index is not found",
    ),
    Word(
        "ledger/database.py",
        "    fcntl.flock(target.fd, fcntl.LOCK_EX)\n",
        "",
        "two may make a ledger at once",
    ),
    Word(
        "ledger/database.py",
        "os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600",
        "os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644",
        "all may read the ledger",
    ),
    Word(
        "ledger/database.py",
        "    rename_new(Folder(workshop), name, target, name)",
        "    os.replace(new, target.path_of(name))",
        "a new ledger replaces another",
    ),
    Word(
        "ledger/database.py",
        'db.execute("DELETE FROM transfer WHERE FALSE")',
        "pass",
        "a ledger that may only be read is opened for writing",
    ),
    Word(
        "ledger/locks.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        "the lock keeps nobody out",
    ),
    Word(
        "ledger/locks.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_EX",
        "a second run waits, and says nothing",
    ),
    Word(
        "ledger/locks.py",
        "os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW",
        "os.O_RDWR | os.O_CREAT",
        "a lock may be a link",
    ),
    Word(
        "run/runner.py",
        "            stack.enter_context(only_run(ledger, key))",
        "            pass",
        "there may be two runs of a job at once",
    ),
    Word(
        "ledger/decisions.py",
        "                locks.enter_context(only_run(ledger, job))",
        "                pass",
        "a person may decide in the middle of a run",
    ),
    Word(
        "run/adoption.py",
        "with only_run(ledger.path, JobKey(account, job.direction, other)):",
        "with closing(Folder('/')):",
        "what another job is at work on is taken over",
    ),
)

_WORKFLOWS = (
    Word(
        "transfer/selection.py",
        "return {one.name for one in young if now - since.get(one.name, now) < self._settle}",
        "return set()",
        "nothing has to settle",
    ),
    Word(
        "transfer/selection.py",
        "one.mtime_ns is None or now - one.mtime_ns / 1e9 < self._settle",
        "True",
        "what is old has to settle, too",
    ),
    Word(
        "transfer/pickup/disk_space.py",
        "free -= sum(whole - part.size for part, whole in self._coming.items())",
        "pass",
        "what is coming already does not count for `min_free`",
    ),
    Word(
        "transfer/pickup/verify.py",
        "found not in text.content",
        "False and found not in text.content",
        "the checksum is not compared",
    ),
    Word(
        "transfer/dropoff/recovery.py",
        "final.size <= row.size and row.visible is not False",
        "row.visible is not False",
        "a larger file counts as our own part",
    ),
    Word(
        "transfer/dropoff/workflow.py",
        "        if not (may_be_ours and await self._is_empty(row.temporary or row.remote_path)):\n",
        "        if False:\n",
        "a create that was refused stays an open intent",
    ),
    Word(
        "transfer/dropoff/workflow.py",
        "        if not (may_be_ours and await self._is_empty(row.temporary or row.remote_path)):\n",
        "        if True:\n",
        "what came late of what was asked for before is taken for somebody else's",
    ),
    Word(
        "errors.py",
        "ENDS_THE_RUN = (ConnectionLost, JobStopped, LedgerError, ProtocolError)",
        "ENDS_THE_RUN = (ConnectionLost, JobStopped, ProtocolError)",
        "files go on though the ledger does not",
    ),
    Word(
        "transfer/base.py",
        'earlier is None or earlier.outcome != "delivered"',
        "True",
        "what was delivered over an earlier connection is forgotten",
    ),
    Word(
        "loop/loop.py",
        "        if stop:\n            return\n",
        "",
        "other files go on after what ends the run",
    ),
    Word(
        "run/retention.py",
        "AND open = 0 AND changed_at < ?",
        "AND changed_at < ?",
        "what is open is forgotten",
    ),
    Word(
        "run/retention.py",
        "AND open = 0 AND changed_at < ?",
        "AND open = 0 AND changed_at < ? + 1e12",
        "everything is old enough to be forgotten",
    ),
)

_SERVER = (
    Word(
        "remote/sftp/requests.py",
        " | packets.EXCLUSIVE_FLAG",
        "",
        "uploads open what is there",
    ),
    Word(
        "remote/sftp/requests.py",
        "packets.WRITE_FLAG | packets.TRUNCATE_FLAG",
        "packets.WRITE_FLAG",
        "what is written anew keeps its end",
    ),
    Word(
        "remote/sftp/download.py",
        "                if received <= size:\n                    incoming.write(data)",
        "                incoming.write(data)",
        "more than was listed is written",
    ),
    Word(
        "remote/sftp/download.py",
        "while self._asked <= size and",
        "while self._asked < size and",
        "nobody looks whether a file ends",
    ),
    Word(
        "remote/sftp/download.py",
        "                    self._parts.appendleft(await self._ask(received, part.length - len(data)))",
        "                    pass",
        "the rest of a short answer is not asked for",
    ),
    Word(
        "remote/sftp/download.py",
        "        self.entry = None\n        self._may_ask_behind = False\n",
        "",
        "an entry counts that is not behind the last byte",
    ),
    Word(
        "remote/sftp/download.py",
        "if self._asked > size and",
        "if",
        "a file is looked at before the last byte is asked for",
    ),
    Word(
        "remote/sftp/upload.py",
        "        source.check_unchanged()\n",
        "",
        "a file that changes while it is uploaded is taken for whole",
    ),
    Word(
        "remote/sftp/requests.py",
        "LARGEST_SIZE = 2**63 - 1",
        "LARGEST_SIZE = 2**64",
        "a size may be larger than the ledger can hold",
    ),
    Word(
        "remote/sftp/listing.py",
        "LONGEST_LISTING = 1_000_000",
        "LONGEST_LISTING = 10**15",
        "a listing may have any number of names",
    ),
    Word(
        "remote/sftp/listing.py",
        "LARGEST_LISTING = 128 * 1024 * 1024",
        "LARGEST_LISTING = 10**15",
        "a listing may have any size",
    ),
    Word(
        "remote/sftp/session.py",
        "return window * 3 // 4",
        "return 10**15",
        "any number of bytes may be asked for at once",
    ),
    Word(
        "remote/sftp/session.py",
        "            request.cost.limiter.release(request.cost.amount)\n",
        "            pass\n",
        "what an answer has cost is not given back",
    ),
    Word(
        "remote/sftp/packets.py",
        "LONGEST_PACKET = 4 * 1024 * 1024",
        "LONGEST_PACKET = 2**32",
        "a packet may have any length",
    ),
    Word(
        "remote/ssh/connect.py",
        "if trusted.trusts(key.type, key.blob):",
        "if True:",
        "the host key is not compared",
    ),
    Word(
        "remote/ssh/connect.py",
        "    transport = _trusted_transport(account, trusted)",
        "    transport = negotiate(account.host, account.port, account.timeout)",
        "any host key will do",
    ),
    Word(
        "remote/ssh/hostkeys.py",
        "return hashlib.sha256(blob).digest() in self.digests",
        "return bool(self.digests)",
        "any fingerprint will do",
    ),
    Word(
        "remote/ssh/handshake.py",
        'disabled_algorithms={"pubkeys": WEAK_SIGNATURES, "keys": WEAK_SIGNATURES}',
        "disabled_algorithms={}",
        "SHA-1 signatures are taken",
    ),
    Word(
        "remote/ssh/handshake.py",
        "if not WEAK.search(name)]",
        "]",
        "weak algorithms are taken",
    ),
    Word(
        "remote/ssh/login.py",
        "not answer.accepted and password is not None",
        "password is not None",
        "the password is sent though the key was enough",
    ),
)

_SECRETS = (
    Word(
        "keys/formats.py",
        "    if mode & forbidden_mode(path):",
        "    if False:",
        "a private key may be readable by all",
    ),
    Word(
        "keys/apply.py",
        "(wanted.name, _encoded(key, wanted.passphrase), 0o600)",
        "(wanted.name, _encoded(key, wanted.passphrase), 0o640)",
        "a group may read a new private key",
    ),
    Word(
        "keys/apply.py",
        "        for (name, _body, _mode), temporary in zip(parts, beside):\n"
        "            _place(folder, temporary, name, over=name in saved)",
        "        for (name, _body, _mode), temporary in zip(parts, beside):\n"
        "            _place(folder, temporary, name, over=True)",
        "a pair that has just come is replaced",
    ),
    Word(
        "keys/apply.py",
        "            os.fsync(descriptor)\n",
        "",
        "a new key file is not synced",
        "syncs",
    ),
    Word(
        "keys/apply.py",
        "        os.fsync(folder.fd)\n    except BaseException:",
        "        pass\n    except BaseException:",
        "the names of a new pair are not synced before it counts",
        "syncs",
    ),
    Word(
        "keys/apply.py",
        "        yield folder\n        os.fsync(folder.fd)",
        "        yield folder",
        "the folder of a pair is not synced in the end",
        "syncs",
    ),
    Word(
        "config/account.py",
        "password: str | None = field(default=None, repr=False)",
        "password: str | None = None",
        "a password stands in what an account is shown as",
    ),
)

WORDS = (*_DISK, *_SYNCS, *_LEDGER, *_WORKFLOWS, *_SERVER, *_SECRETS)
