#!/usr/bin/env bash
# All that break.sh has done is undone.
set -euo pipefail
systemctl is-active filedrop@payroll.timer
runuser -u filedrop -- test -w /srv/payroll
test "$(stat -c %a /etc/filedrop/jobs/payroll.json)" = 640
filedrop --version
