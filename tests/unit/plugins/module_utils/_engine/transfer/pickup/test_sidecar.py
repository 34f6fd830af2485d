# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checksum files as people and their tools write them."""

from __future__ import annotations

import base64
import hashlib

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.transfer.pickup.sidecar import digests_for

NAME = "a report.xml"
ALGORITHMS = ("sha256", "sha512", "md5")

# {H}: the digest in capitals, {h}: in small letters, {b}: in base64, {p}: in pairs, {o}: of another file, {n}: the name
OWN = {
    "the digest alone": "{h}",
    "in capitals": "{H}\r\n",
    "sha256sum": "{h}  {n}\n",
    "sha256sum --binary": "{h} *{n}\n",
    "with a tab": "{h}\t{n}\n",
    "with one blank": "{h} {n}\n",
    "with a comma and a blank": "{h} , {n}\n",
    "with a bar": "{h}|{n}\n",
    "with a path": "{h}  /srv/out/{n}\n",
    "with a relative path": "{h}  ./{n}\n",
    "with a path of Windows": "{H} *C:\\out\\{n}\r\n",
    "of standard input": "{h}  -\n",
    "name in capitals": "{h}  A REPORT.XML\n",
    "name first": "{n} {h}\n",
    "name first, with a colon": "{n}: {h}\n",
    "BSD": "SHA256 ({n}) = {h}\n",
    "openssl dgst": "SHA2-256({n})= {h}\n",
    "md5 of BSD": "MD5 ({n}) = {h}\n",
    "with a prefix": "SHA256:{h}\n",
    "with a prefix and a name": "sha256:{h}  {n}\n",
    "with an equals sign": "sha256={h}\n",
    "with a label": "SHA-256 checksum: {H}\n",
    "Get-FileHash | Export-Csv": '"Algorithm","Hash","Path"\r\n"SHA256","{H}","C:\\out\\{n}"\r\n',
    "Export-Csv with a type": '#TYPE Hash\r\n"Algorithm","Hash","Path"\r\n"SHA256","{H}","C:\\out\\{n}"\r\n',
    "CSV with semicolons": "SHA256;{H};C:\\out\\{n}\r\n",
    "CSV without quotes": "{n},{h}\n",
    "Get-FileHash as a table": "\r\nAlgorithm Hash Path\r\n--------- ---- ----\r\nSHA256    {H}     C:\\out\\{n}\r\n",
    "Get-FileHash as a list": "\r\nAlgorithm : SHA256\r\nHash      : {H}\r\nPath      : C:\\out\\{n}\r\n\r\n",
    "certutil": "SHA256 hash of file {n}:\r\n{h}\r\nCertUtil: -hashfile command completed successfully.\r\n",
    "certutil of Windows 7": "SHA256 hash of file C:\\out\\{n}:\r\n{p}\r\nCertUtil: done.\r\n",
    "a list of several": "{o}  b.xml\n{h}  {n}\n{o}  c.xml\n",
    "a list of BSD": "SHA256 (b.xml) = {o}\nSHA256 ({n}) = {h}\n",
    "a list of Get-FileHash": "Hash : {o}\r\nPath : C:\\b.xml\r\n\r\nHash : {H}\r\nPath : C:\\{n}\r\n",
    "a list of certutil": "SHA256 hash of b.xml:\n{o}\nSHA256 hash of {n}:\n{h}\n",
    "behind a comment": "# made by the export of Monday\n{h}  {n}\n",
    "base64": "{b}\n",
    "base64 with a prefix": "sha256-{b}\n",
    "base64 with a name": "{b}  {n}\n",
    "JSON": '{{"sha256": "{h}"}}',
    "JSON with a name": '{{"{n}": "{h}"}}',
    "XML": "<sha256>{h}</sha256>",
}
ANOTHER = {
    "nothing": "",
    "words": "see the mail of Monday\r\n",
    "another name": "{h}  b.xml\n",
    "a longer name": "{h}  not a report.xml\n",
    "a longer name without a blank": "{h}  xa report.xml\n",
    "a name with a suffix": "{h}  {n}.bak\n",
    "a name with a comma": "{h}  b,{n}\n",
    "a part of the name": "{h}  report.xml\n",
    "BSD": "SHA256 (b.xml) = {h}\n",
    "CSV": '"SHA256","{H}","C:\\out\\b.xml"\n',
    "a list": "{h}  b.xml\n{h}  c.xml\n",
    "a list with its own name": "{h}  b.xml\n{o}  {n}\n{h}\n",
    "Get-FileHash as a list": "Hash : {h}\nPath : C:\\b.xml\n",
    "certutil": "SHA256 hash of b.xml:\n{h}\n",
    "name first": "b.xml: {h}\n",
    "a longer digest": "{h}00\n",
    "a digest that is cut": "{c}  {n}\n",
}


def written(form: str, algorithm: str, name: str = NAME) -> tuple[str, str]:
    digest = hashlib.new(algorithm, b"content").digest()
    text = form.format(
        h=digest.hex(),
        H=digest.hex().upper(),
        b=base64.b64encode(digest).decode(),
        p=digest.hex(" "),
        c=digest.hex()[:-2],
        o=hashlib.new(algorithm, b"other").hexdigest(),
        n=name,
    )
    return text, digest.hex()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", OWN)
def test_the_digest_of_the_name_is_found(form: str, algorithm: str, encoding: str) -> None:
    text, digest = written(OWN[form], algorithm)
    assert digests_for(NAME, text.encode(encoding), algorithm) == {digest}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", ANOTHER)
def test_a_digest_of_another_name_does_not_count(form: str, algorithm: str, encoding: str) -> None:
    text, digest = written(ANOTHER[form], algorithm)
    assert digest not in digests_for(NAME, text.encode(encoding), algorithm)


@pytest.mark.parametrize("form", ["{h}  {n}\n", "SHA256 ({n}) = {h}\n", '"{h}","{n}"\n'])
@pytest.mark.parametrize(
    "name",
    [
        *("r\u00e9sum\u00e9.xml", "re\u0301sume\u0301.xml", "a,b.xml", "a (1).xml", "a = b.xml"),
        *("sha256.xml", "0" * 64 + ".xml", "hash", "-"),
    ],
)
def test_a_name_may_be_any(name: str, form: str) -> None:
    text, digest = written(form, "sha256", name)
    assert digests_for(name, text.encode(), "sha256") == {digest}
    assert digests_for("z.xml", text.encode(), "sha256") in (set(), {digest} if name in ("hash", "-") else set())


@pytest.mark.parametrize(("escaped", "name"), [("a\\\\b.xml", "a\\b.xml"), ("a\\nb.xml", "a\nb.xml")])
@pytest.mark.parametrize("form", ["\\{h}  {n}\n", "\\SHA256 ({n}) = {h}\n"])
def test_an_escaped_name_is_that_name(escaped: str, name: str, form: str) -> None:
    text, digest = written(form, "sha256", escaped)
    assert digests_for(name, text.encode(), "sha256") == {digest}


def test_of_names_that_differ_in_case_the_exact_one_counts() -> None:
    right, digest = written("{h}  {n}\n", "sha256", "a.xml")
    wrong, _digest = written("{o}  {n}\n", "sha256", "A.XML")
    for text in (right + wrong, wrong + right):
        assert digests_for("a.xml", text.encode(), "sha256") == {digest}


@pytest.mark.parametrize("body", [b"\xff" * 100, b"\0" * 100, b"\xff\xfe", b"\xef\xbb\xbf", b'"' * 100, b"A" * 32768])
def test_what_is_no_text_holds_no_digest(body: bytes) -> None:
    assert digests_for(NAME, body, "sha256") == set()
