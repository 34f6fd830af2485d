#!/usr/bin/env bash
# The ERP has a large file to send, and the job begins to.
#
#   begin.sh NAME
set -euo pipefail
runuser -u erp -- sh -c "umask 007; head -c 200M /dev/urandom >/srv/erp/outbox/$1; sleep 1.2"
systemctl start --no-block filedrop@invoices.service
