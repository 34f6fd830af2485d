#!/usr/bin/env bash
# Everything that the role has put on a host, with owners, modes, times and content, in one line; and its timers in another.
set -euo pipefail
cd /
find etc/filedrop etc/systemd/system etc/cron.d usr/local var/lib/filedrop -name '*.locks' -prune -o -not -name 'ledger.sqlite3*' \
    -printf '%p %y %u %g %m %i %C@\n' | grep -v '^var/lib/filedrop d' | sort | sha256sum
systemctl list-unit-files --plain --no-legend 'filedrop@*' | sha256sum
