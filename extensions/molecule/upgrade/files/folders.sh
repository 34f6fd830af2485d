#!/bin/sh
# Folders of the ERP, with nothing in them; one is on a small disk of its own.
set -eu
rm -rf /srv/erp/outbox /srv/erp/inbox /srv/erp/yearly
mountpoint -q /srv/erp/small || { mkdir -p /srv/erp/small && mount -t tmpfs -o size=2m tmpfs /srv/erp/small; }
for folder in outbox inbox yearly small; do
    mkdir -p "/srv/erp/$folder"
    chown erp:erp "/srv/erp/$folder"
    chmod 2770 "/srv/erp/$folder"
done
