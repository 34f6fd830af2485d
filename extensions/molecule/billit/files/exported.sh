#!/bin/sh
# What the clients have exported is there once, under final names.
set -eu
for client; do
    cd "/srv/billit/$client/export"
    [ "$(find . -type f | sort | tr '\n' ' ')" = "./new.cod ./new.xml ./old.xml " ] || { find . -ls; exit 1; }
done
