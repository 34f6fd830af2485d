#!/bin/sh
# Each file has arrived once, and whole.
set -eu
cd /srv/api/taken
test "$(find . -type f | wc -l)" = 5
for number in 1 2 3 4 5; do test "$(cat invoice-$number.csv.*)" = "invoice $number"; done
