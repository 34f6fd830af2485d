#!/bin/sh
# What was sent is imported, and what was placed is fetched.
set -eu
systemctl is-active filedrop-server.service
for client in "$@"; do
    for number in 1 2 3 4 5; do grep -q "invoice $number of $client" /srv/erp/inbox/booked; done
    test -e "/srv/erp/inbox/failed/$client-refused.xml"
    test -e "/srv/erp/inbox/failed/$client-refused.xml.output"
    filedrop status | grep "placed for $client" | grep "1 file fetched, the latest at"
done
