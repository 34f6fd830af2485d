# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries about the server: SFTP, SSH, and who it is."""

from __future__ import annotations

from ..operations import (
    Change,
    always,
    drop_filter,
    drop_operand,
    drop_statement,
    never,
    replace,
    set_argument,
    unguard,
    value,
)

CHANGES = (
    Change("create", drop_operand("packets.EXCLUSIVE_FLAG"), "uploads open what is there"),
    Change("rewrite", drop_operand("packets.TRUNCATE_FLAG"), "what is written anew keeps its end"),
    Change("Download.into", unguard("received <= size"), "more than was listed is written"),
    Change("Download.into", never("received < size"), "an error before the listed size is the end of a file"),
    Change(
        "Listing.pass_on",
        never("not ended and error.reason != 'remote_end_of_file'"),
        "a refusal before the end is the end of a folder",
    ),
    Change(
        "Download._ask_on",
        replace("self._asked <= size", "self._asked < size"),
        "nobody looks whether a file ends",
    ),
    Change(
        "Download.into",
        drop_statement("self._parts.appendleft(_)"),
        "the rest of a short answer is not asked for",
    ),
    Change(
        "Download._forget_entry",
        drop_statement("self.entry = None"),
        "a look counts that is not behind the last byte",
    ),
    Change(
        "Download.into",
        drop_operand("self._asked > size"),
        "a file is looked at before the last byte is asked for",
    ),
    Change(
        "Sessions.is_in_order",
        drop_operand("self._connections[0].is_openssh"),
        "a look may overtake the bytes over another connection",
    ),
    Change("LARGEST_SIZE", value("2**64"), "a size may be larger than the ledger can hold"),
    Change("LONGEST_LISTING", value("10**15"), "a listing may have any number of names"),
    Change("LARGEST_LISTING", value("10**15"), "a listing may have any size"),
    Change("_read_ahead", replace("window * _ // _", "10**15"), "any number of bytes may be asked for at once"),
    Change(
        "Session._answered",
        drop_statement("_.cost.limiter.release(...)"),
        "what an answer has cost is not given back",
    ),
    Change("LONGEST_PACKET", value("2**32"), "a packet may have any length"),
    Change("_trusted_transport", always("_.trusts(...)"), "the host key is not compared"),
    Change(
        "_open",
        replace("_trusted_transport(...)", "negotiate(account.host, account.port, account.timeout)"),
        "any host key will do",
    ),
    Change("TrustedKeys.trusts", replace("_ in self.digests", "bool(self.digests)"), "any fingerprint will do"),
    Change(
        "negotiate",
        set_argument("paramiko.Transport(...)", "disabled_algorithms", "{}"),
        "SHA-1 signatures are taken",
    ),
    Change("_without_weak", drop_filter("not WEAK.search(_)"), "weak algorithms are taken"),
    Change("_Login.run", never("_.accepted"), "the password is sent though the key was enough"),
)

_QUICKER = "It is only quicker with it."

HARMLESS = {
    (
        "negotiate",
        "SHA-1 signatures are taken",
    ): "paramiko 5, which judges here, knows none; with paramiko 2.12 and 3.5 `test_ssh.py` notices it.",
    (
        "_no_session",
        'never mind `"ignature" in str(error)`',
    ): "Nobody is talked to either way; only the error has other words.",
    ("Sessions._poll", "never mind `len(busy) == 1`"): _QUICKER,
    ("_packet", "never mind `kind == packets.DATA`"): _QUICKER,
    ("Reader.attributes", "never mind `flags == _USUAL_FLAGS`"): _QUICKER,
}
