#!/usr/bin/env bash
# What was sent, for a comparison with what has arrived; a run that has ended, and well.
#
#   same.sh NAME
set -euo pipefail
for _ in $(seq 300); do
    [[ -e /srv/erp/outbox/archive/$1 ]] && break
    sleep 0.2
done
until [[ $(systemctl show --property=ActiveState --value filedrop@invoices.service) =~ inactive|failed ]]; do
    sleep 0.2
done
[[ $(systemctl show --property=Result --value filedrop@invoices.service) == success ]]
sha256sum <"/srv/erp/outbox/archive/$1"
