#!/bin/sh
# What the ERP and its people write: some invoices, and on one host one that has to stay, and a parcel in a home.
set -eu
umask 007
runuser -u erp -- sh <<'END'
for number in 1 2 3 4 5; do
    echo "invoice $number" >"/srv/erp/outbox/invoices-$number.xml"
done
if [ "$(hostname)" = client13 ]; then
    echo "not that one" >/srv/erp/outbox/invoices-taken.xml
    echo "a parcel" >/home/erp/parcels/parcel.txt
fi
END
