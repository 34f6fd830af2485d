#!/bin/sh
# Each PDF got its name on the server before its XML.
set -eu
for client; do
    cd "/srv/billit/$client/to_billit"
    for number in 1 2; do
        last=$(find . -name "invoice-$number.*" -printf '%C@ %f\n' | sort | tail -1 | cut -d ' ' -f 2)
        [ "$last" = "invoice-$number.xml" ] || { ls -l --full-time --time=ctime; exit 1; }
    done
done
