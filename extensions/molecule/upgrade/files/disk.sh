#!/usr/bin/env bash
# A file that is larger than the disk stays with the provider, and comes when there is room.
set -euxo pipefail
if systemctl start filedrop@small.service; then exit 1; fi
[[ -z $(find /srv/erp/small -type f -name 'large*') ]]
journalctl --output=cat --unit=filedrop@small.service | grep 'event=file_failed .*reason=min_free'
mount -o remount,size=32m /srv/erp/small
systemctl start filedrop@small.service
set +x
sha256sum </srv/erp/small/large.bin
