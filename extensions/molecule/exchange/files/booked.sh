#!/bin/sh
# Wait until every file of each client is booked or set aside.
set -eu
for _second in $(seq 90); do
    if [ "$(find /srv/erp/inbox/done /srv/erp/inbox/failed -name '*.xml' | wc -l)" -eq $((6 * $#)) ]; then exit 0; fi
    sleep 1
done
filedrop status
journalctl --no-pager -u 'filedrop@book*' | tail -40
find /srv/filedrop /srv/erp -ls
exit 1
