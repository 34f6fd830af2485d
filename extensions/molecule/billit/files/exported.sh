#!/bin/sh
# What the clients have exported is there once, under final names.
set -eu
for client; do
    cd "/srv/billit/$client"
    [ "$(find export -type f | sort | tr '\n' ' ')" = "export/new.cod export/new.xml export/old.xml " ] || { find export -ls; exit 1; }
    [ "$(find cleartext -type f)" = cleartext/new.cod ] || { find cleartext -ls; exit 1; }
done
