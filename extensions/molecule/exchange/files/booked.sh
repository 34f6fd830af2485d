#!/bin/sh
# Wait until every file is booked or set aside; then tell their digests.
set -eu
for _second in $(seq 90); do
    if [ "$(find /srv/erp/done /srv/erp/failed -name '*.xml' | wc -l)" -eq 6 ]; then
        (cd /srv/erp/done && sha256sum -- *.xml)
        (cd /srv/erp/failed && sha256sum -- *.xml)
        exit 0
    fi
    sleep 1
done
filedrop status
journalctl --no-pager -u 'filedrop@book*' | tail -40
find /srv/filedrop /srv/erp -ls
exit 1
