# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.job import Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.selection import is_in_share

NAMES = [f"invoice-{number:05}.xml" for number in range(3000)]


def share_of(name: str, count: int) -> list[int]:
    return [index for index in range(count) if is_in_share(name, Share(index, count))]


def test_without_shares_every_file_is_ours() -> None:
    assert is_in_share("invoice.xml", None)
    assert is_in_share("invoice.xml", Share(0, 1))


@pytest.mark.parametrize("count", [2, 3, 7, 20])
def test_every_file_is_in_exactly_one_share_and_the_shares_are_about_equal(count: int) -> None:
    owners = [share_of(name, count) for name in NAMES]
    assert {len(owner) for owner in owners} == {1}
    sizes = [owners.count([index]) for index in range(count)]
    assert min(sizes) > 0.7 * len(NAMES) / count


def test_shares_stay_what_they_are_from_release_to_release() -> None:
    """Hosts of one mailbox are upgraded one after the other."""
    shares = {"a.xml": 1, "b.xml": 1, "Faktura 1 åäö.xml": 3, "c\udcff.xml": 0, "": 2}
    assert {name: share_of(name, 5)[0] for name in shares} == shares


@pytest.mark.parametrize("digest", ["sha256", "sha512", "md5"])
def test_a_checksum_goes_with_its_file(digest: str) -> None:
    assert all(share_of(f"{name}.{digest}", 4) == share_of(name, 4) for name in NAMES[:100])


def test_other_files_of_one_stem_are_shared_out_by_their_own_names() -> None:
    assert any(share_of(f"{name}.pdf", 4) != share_of(name, 4) for name in NAMES[:100])
