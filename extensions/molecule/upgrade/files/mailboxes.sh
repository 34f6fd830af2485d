#!/bin/sh
# Mailboxes with nothing in them but a file that is larger than the small disk.
set -eu
for user in client12 client13; do
    rm -rf "/home/$user/input" "/home/$user/pickup" "/home/$user/large"
    runuser -u "$user" -- sh -c 'cd && mkdir -m 700 input pickup large && head -c 8M /dev/urandom >large/large.bin && sha256sum <large/large.bin >sum'
done
