#!/bin/sh
# A client has read the pairs, and its invoices have gone. GONE is a pair that somebody has deleted here since then.
set -eu
GONE=${1:-none}
cd /srv/erp
expected=$(printf 'inbox/invoice-%s\n' 1.pdf 1.xml 2.pdf 2.xml | grep --invert-match --fixed-strings "$GONE")
[ "$(find inbox -type f | sort)" = "$expected" ] || { find inbox; exit 1; }
grep --quiet "%PDF of $(hostname)" inbox/invoice-2.pdf
[ "$(find outbox -maxdepth 1 -type f | wc -l)" = 0 ]
[ "$(find outbox/archive -type f | sort | xargs -n 1 basename | tr '\n' ' ')" = "issued-1.xml issued-2.xml " ]
