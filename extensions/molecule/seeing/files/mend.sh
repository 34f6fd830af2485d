#!/usr/bin/env bash
# Mend the failures of this host. The partner has taken his file, and the daily report has come.
set -euxo pipefail
case $(hostname) in
client12)
    systemctl start filedrop@orders.service filedrop@stopped.timer
    ;;
client13)
    systemctl start filedrop@daily.service
    filedrop run bulk --force
    ;;
dropbox13)
    filedrop run mirror
    rm /usr/local/bin/python-ahead
    ;;
esac
