#!/bin/sh
# Write files to send, on the side of Billit, or for the clients that are named, on the side of their customer.
set -eu
ubl='<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"><ID>1</ID></Invoice>'

put() { # FILE CONTENT
    printf '%s' "$2" >"$1"
    chown erp:erp "$1"
    chmod 660 "$1"
}

if [ $# -gt 0 ]; then
    # Two pairs, and an XML without its PDF.
    for client; do
        for number in 1 2; do
            put "/srv/erp/outbox/$client/invoice-$number.xml" "$ubl"
            put "/srv/erp/outbox/$client/invoice-$number.pdf" "%PDF of $client"
        done
        put "/srv/erp/outbox/$client/invoice-3.xml" "$ubl"
    done
else
    for number in 1 2; do
        put "/srv/erp/outbox/issued-$number.xml" "$ubl"
    done
    put /srv/erp/yearly/new.xml "$ubl"
    put /srv/erp/yearly/new.cod "0000029112600005"
    put /srv/erp/yearly/old.xml "$ubl"
    touch --date=2020-01-01 /srv/erp/yearly/old.xml
fi
