#!/usr/bin/env bash
# What other people do to a deployment: a timer is stopped, a file is open to all, the user loses a group, the command is another.
set -euo pipefail
systemctl stop filedrop@payroll.timer
chmod 0666 /etc/filedrop/jobs/payroll.json
gpasswd --delete filedrop payroll
echo >>/usr/local/bin/filedrop
