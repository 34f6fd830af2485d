#!/bin/sh
# The customer of each client has sent its pairs, and has what the clients sent. GONE was deleted here since then.
set -eu
GONE=$1
shift
for client; do
    cd "/srv/erp/outbox/$client"
    # The rule of Billit: an XML without its PDF stays.
    [ "$(find . -maxdepth 1 -type f)" = ./invoice-3.xml ] || { find .; exit 1; }
    [ "$(find archive -type f | wc -l)" = 4 ]
    cd "/srv/erp/inbox/$client"
    [ "$(find . -type f | sort)" = "$(printf './issued-%s.xml\n' 1 2 | grep --invert-match --fixed-strings "$GONE")" ] || { find .; exit 1; }
    cd "/srv/billit/$client"
    [ -z "$(find to_billit from_billit -mindepth 1)" ] || { find to_billit from_billit; exit 1; }
    # A folder a day, made by the first file of the day.
    [ "$(find success -type f | sed 's:success/20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]/::' | sort | tr '\n' ' ')" = \
        "invoice-1.pdf invoice-1.xml invoice-2.pdf invoice-2.xml " ] || { find success; exit 1; }
done
