#!/usr/bin/env bash
# A clock that was a year ahead, and is right again: each file goes once, and the ledger is none the worse.
set -euxo pipefail
runuser -u erp -- sh -c 'umask 007; echo one >/srv/erp/yearly/one.xml; sleep 1'
export FAKETIME_DONT_FAKE_MONOTONIC=1
runuser -u filedrop -- faketime -f +400d filedrop run archive --force
runuser -u erp -- sh -c 'umask 007; echo two >/srv/erp/yearly/two.xml; sleep 6'
runuser -u filedrop -- filedrop run archive --force
runuser -u filedrop -- filedrop run archive --force | grep 'nothing to do'
[[ $(ls /srv/erp/yearly/archive) == $'one.xml\ntwo.xml' ]]
[[ $(runuser -u filedrop -- filedrop history archive --json | grep -c '"outcome": "delivered"') == 2 ]]
