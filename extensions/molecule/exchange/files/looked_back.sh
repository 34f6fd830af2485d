#!/bin/sh
# What was placed for a client is fetched. A restart removes what a killed session has left behind.
set -eu
client=$1
systemctl is-active filedrop-server.service
for number in 1 2 3 4 5; do grep -q "invoice $number of $client" /srv/erp/inbox/booked; done
test -e "/srv/erp/failed/$client-refused.xml.output"
filedrop status | grep "placed for $client" | grep "1 file fetched, the latest at"
left="/srv/filedrop/$client/input/.in.1.left.xml."
echo part >"$left"
systemctl restart filedrop-server.service
test ! -e "$left"
