#!/bin/sh
# Run jobs as their timers do, and wait for them.
set -eu
for job; do
    systemctl start "filedrop@$job.service" || { journalctl --no-pager --output=cat --unit="filedrop@$job.service"; exit 1; }
done
