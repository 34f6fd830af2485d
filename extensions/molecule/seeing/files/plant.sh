#!/usr/bin/env bash
# Plant the failures of this host.
set -euxo pipefail
case $(hostname) in
client12)
    # Two hours ago, a file was delivered. The partner has not taken it since.
    echo order >/srv/seeing/orders/order-1.xml
    FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f -2h filedrop run orders
    systemctl start filedrop@orders.service || true
    systemctl start filedrop@stopped.service
    systemctl stop filedrop@stopped.timer
    ;;
client13)
    # The job is older than yesterday, and nothing came yesterday.
    touch --date='3 days ago' /etc/filedrop/jobs/daily.json
    systemctl start filedrop@daily.service || true
    for number in 1 2 3 4 5; do echo "$number" >"/srv/seeing/bulk/bulk-$number.csv"; done
    systemctl start filedrop@bulk.service || true
    ;;
dropbox13)
    # The clock is ahead. It is right again when the jobs are looked at, except for the report.
    echo order >/srv/seeing/orders/order-1.xml
    FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f +3h filedrop run mirror
    printf '#!/bin/sh\nFAKETIME_DONT_FAKE_MONOTONIC=1 exec faketime -f +3h /usr/bin/python3 "$@"\n' >/usr/local/bin/python-ahead
    chmod 755 /usr/local/bin/python-ahead
    ;;
esac
