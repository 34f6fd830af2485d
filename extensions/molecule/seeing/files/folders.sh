#!/bin/sh
# Folders of the jobs, of the partner on this host, and of what is told and measured; nothing is in them.
set -eu
rm -rf /srv/seeing
mkdir -p /srv/seeing/orders /srv/seeing/stopped /srv/seeing/daily /srv/seeing/bulk /srv/seeing/partner/input /srv/seeing/metrics
chown -R erp:erp /srv/seeing
chmod 2770 /srv/seeing/* /srv/seeing/partner/input
chmod 755 /srv/seeing
chmod 1777 /srv/seeing/metrics
