#!/bin/sh
# Folders of the ERP, with nothing in them, and a password that somebody has put on the host.
set -eu
rm -rf /srv/erp/outbox /srv/erp/inbox /srv/erp/sent /home/erp
for folder in /srv/erp/outbox /srv/erp/inbox /srv/erp/sent /home/erp/parcels; do
    mkdir -p "$folder"
    chown erp:erp "$folder"
    chmod 2770 "$folder"
done
umask 077
echo 'correct horse' >/root/bank.password
