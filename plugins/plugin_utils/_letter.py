# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write what providers must register: the public keys as files, and a text that is ready to be mailed.

Everything is made from what the module ``account_keys`` found, so the same findings give the same files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._engine.run.access import LOGINS

FOLDER = "filedrop-onboard"
"""The default folder: in the folder in which ansible-playbook runs."""

TEXT = "onboarding.txt"
Found = Mapping[str, Any]
"""What was found of one account on one host."""

ASKS: Mapping[str, tuple[str, ...]] = {
    "sftp": (
        "the password of the user, not by mail",
        "the fingerprints of the server's host keys",
    ),
    "ftps": (
        "the password of the user, not by mail",
        "the SHA-256 fingerprint of the server's TLS certificate, or the certificate of its authority",
        "whether the server uses explicit TLS (port 21) or implicit TLS (port 990)",
    ),
    "ftp": (
        "the password of the user, not by mail",
        "whether the server has TLS: FTP sends the password and all files unencrypted",
    ),
    "amili_api": (
        "the client ID and the client secret, the secret not by mail",
        "our client number and our user ID",
        "the addresses of the service and of its token service, for tests and for production",
        "the largest number of files and of bytes in one request",
    ),
}
"""What to ask a provider for, by protocol, where no key is to be registered."""


def files_of(found: Mapping[str, Sequence[Found]], *, is_complete: bool) -> dict[str, str | None]:
    """Return the files for the folder, by name; None for one that is to be removed.

    :param found: the accounts by host.
    :param is_complete: all hosts have answered. Else one of them may still use an old key that all of them share.
    """
    files: dict[str, str | None] = {}
    sections = []
    for account in _accounts(found):
        hosts = {host: each for host, accounts in found.items() for each in accounts if each["account"] == account}
        shared = _is_shared(hosts)
        for host, each in hosts.items():
            stem = account if shared else f"{account}-{_file_name(host)}"
            for which, suffix in (("key", ""), ("new", ".new")):
                key = each.get(which)
                if key or files.get(f"{stem}{suffix}.pub") is None:
                    files[f"{stem}{suffix}.pub"] = f"{key['public_key']}\n" if key else None
        sections.append("\n".join(_section(account, hosts, is_complete=is_complete, shared=shared)))
    files[TEXT] = "\n\n".join([_HEAD, *sections]) + "\n"
    return files


_HEAD = """\
What the providers must register. Written by the playbooks courier.filedrop.onboard and courier.filedrop.rotate_keys.
Each section has a text for one provider. No private key is in this folder."""


def _accounts(found: Mapping[str, Sequence[Found]]) -> list[str]:
    return sorted({str(each["account"]) for accounts in found.values() for each in accounts})


def _is_shared(hosts: Mapping[str, Found]) -> bool:
    return all(each.get("shared") for each in hosts.values())


def _first(hosts: Mapping[str, Found]) -> Found:
    return next(iter(hosts.values()))


def _file_name(host: str) -> str:
    """Return the host's name as part of a file's name. Names that become the same get a digest."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", host)
    return plain if plain == host else f"{plain}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"


def _section(account: str, hosts: Mapping[str, Found], *, is_complete: bool, shared: bool) -> Iterator[str]:
    first = _first(hosts)
    where, user = first.get("server") or "the server", first.get("username") or ""
    of_user = f" of the user {user}" if user else ""
    yield "=" * 78
    yield f"Account {account}: {where}{f', user {user}' if user else ''}"
    yield "=" * 78
    letter = list(_letter(hosts, is_complete=is_complete, shared=shared))
    if letter:
        yield f"Subject: Access{of_user} to {where}"
        yield ""
        yield "Hello,"
        yield ""
        yield from letter
        yield "Thank you."
    else:
        yield "There is nothing to ask the provider for."


def _letter(hosts: Mapping[str, Found], *, is_complete: bool, shared: bool) -> Iterator[str]:
    first = _first(hosts)
    user, where = first.get("username"), first.get("server")
    to_register = list(_to_register(hosts, shared=shared))
    if to_register:
        yield f"please register these SSH public keys for the user {user} on {where}. We transfer files with them."
        if any(line.startswith("  In addition") for line in to_register):
            yield "Please keep the keys that are registered now, until we ask you to remove them."
        yield ""
        yield from to_register
        yield from _host_keys(hosts)
    old = [] if shared and not is_complete else _to_remove(hosts)
    if old:
        yield f"please remove these SSH public keys{' as well' if to_register else ''}. We do not use them any more."
        yield ""
        yield from (f"  {fingerprint}" for fingerprint in old)
        yield ""
    by_other_means = not first.get("generated") and any(
        each["login"] not in ("yes", "untried") for each in hosts.values()
    )
    if by_other_means and first.get("protocol") in ASKS:
        yield f"we would like to exchange files as the user {user} on {where}. Please tell us:"
        yield ""
        yield from (f"  - {each}" for each in ASKS[str(first["protocol"])])
        yield ""
        yield "These hosts of ours connect. Please tell us if you need their addresses: " + ", ".join(hosts) + "."
        yield ""
        yield from _host_keys(hosts)


def _to_register(hosts: Mapping[str, Found], *, shared: bool) -> Iterator[str]:
    """Yield the keys that no login has proved to be registered."""
    told_already = set()
    for host, each in hosts.items():
        key = each.get("new") or each.get("key")
        is_well = ("yes",) if each.get("new") else ("yes", "untried")
        if key is None or each["login"] in is_well or key["fingerprint"] in told_already:
            continue
        told_already.add(key["fingerprint"])
        whose = f"the hosts {', '.join(hosts)}" if shared else f"the host {host}"
        if each.get("new"):
            yield f"  In addition to {each['key']['fingerprint']}, for {whose}:"
        else:
            yield f"  For {whose}:"
        yield f"    {key['public_key']}"
        yield f"    Fingerprint: {key['fingerprint']}"
        yield ""


def _to_remove(hosts: Mapping[str, Found]) -> list[str]:
    """Return the fingerprints of retired keys that no host uses or keeps."""
    retired = [key["fingerprint"] for each in hosts.values() for key in each.get("retired") or ()]
    kept = {(each.get(which) or {}).get("fingerprint") for each in hosts.values() for which in ("key", "new", "old")}
    return [fingerprint for fingerprint in dict.fromkeys(retired) if fingerprint not in kept]


def _host_keys(hosts: Mapping[str, Found]) -> Iterator[str]:
    """Yield what the server shows, for the provider to confirm."""
    seen = {
        (key["type"], key["fingerprint"]): key["trusted"]
        for each in hosts.values()
        for key in each.get("offered") or ()
    }
    if seen:
        yield "Please confirm the fingerprints of your server's host keys. It shows us:"
        yield ""
        for (kind, fingerprint), trusted in seen.items():
            yield f"  {kind} {fingerprint}{'' if trusted else ' (not yet confirmed)'}"
        yield ""


def told(each: Found) -> str:
    """Return in one line what is known of an account on one host, and what is next."""
    parts = []
    key, new = each.get("key"), each.get("new")
    if each.get("step"):
        parts.append(_STEPS[each["step"]].format(**_prints(each)))
    if each["login"] != "untried":
        parts.append(LOGINS[each["login"]])
    if each.get("message"):
        parts.append(each["message"].rstrip("."))
    if key:
        parts.append(f"key {key['fingerprint']}, {key['age']} days old")
    if new:
        parts.append(f"new key {new['fingerprint']}")
    if each.get("certificate"):
        parts.append(f"certificate {each['certificate']}")
    parts += [
        f"host key {one['type']} {one['fingerprint']} {'agrees with' if one['trusted'] else 'is not in'} host_keys"
        for one in each.get("offered") or ()
    ]
    if "step" in each:
        parts.append(_next(each))
    return ". ".join(part for part in parts if part) + "."


_STEPS = {
    "make": "made the new key {new}",
    "switch": "the new key logs in, and the jobs use it now: {key}",
    "retire": "retired the old key",
}


def _prints(each: Found) -> dict[str, str]:
    return {which: (each.get(which) or {}).get("fingerprint", "(known after it is made)") for which in ("key", "new")}


def _next(each: Found) -> str:
    if not each.get("generated"):
        return "Its key is not made by the role, so replace it by hand" if each.get("protocol") == "sftp" else ""
    due = f"Not before {each['due']}: " if each.get("due") else "Next: "
    return due + str(each.get("next_step", "")).rstrip(".")
