#!/bin/sh
# Look at all jobs twice, as the timer does; then show what the receiver was told: event and reason of each.
set -eu
systemctl start filedrop-status.service
systemctl start filedrop-status.service
test ! -e /srv/seeing/told || python3 -c '
import json
for line in open("/srv/seeing/told"):
    event = json.loads(line)
    print(event["event"], event["job"], event["reason"])
' | sort
