# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A files API over TLS that refuses some files, and keeps the others. Arguments: its address, and the secret."""

from __future__ import annotations

import signal
import ssl
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from files_api import Answer, FilesApi, answer, content_of, entry, files_api

TAKEN = Path("/srv/api/taken")


def take(_api: FilesApi, body: dict[str, Any]) -> Answer:
    refused = [file for file in body["files"] if file["name"].startswith("refused")]
    taken = [file for file in body["files"] if file not in refused]
    for file in taken:
        (TAKEN / f"{file['name']}.{uuid.uuid4()}").write_bytes(content_of(file))
    entries = [entry(file) for file in taken]
    return answer([*entries, *(entry(file, "FAILED", "REJECTED") for file in refused)], 207 if refused else 200)


def main() -> None:
    host, secret = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/srv/api/certificate.pem", "/srv/api/key.pem")
    with files_api(context, host, 443) as api:
        api.otherwise = take
        api.pages = {"/health": (200, {}), "/verify": (200, {})}
        api.knows = lambda form: parse_qs(form.decode()).get("client_secret") == [secret]
        signal.pause()


if __name__ == "__main__":
    main()
