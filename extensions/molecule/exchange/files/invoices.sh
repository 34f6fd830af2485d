#!/bin/sh
# Write invoices for the partner; one of them is refused there.
set -eu
for number in 1 2 3 4 5; do echo "invoice $number of $1" >"/srv/erp/outbox/$1-$number.xml"; done
echo "refuse this of $1" >"/srv/erp/outbox/$1-refused.xml"
chown erp:erp /srv/erp/outbox/*.xml
chmod 660 /srv/erp/outbox/*.xml
