#!/usr/bin/env bash
# A host without systemd.
set -euxo pipefail
[[ ! -e /run/systemd/system ]]
grep -q "^\* \* \* \* \* filedrop umask 027; .*exec /usr/local/bin/filedrop run letters --quiet$" /etc/cron.d/filedrop
[[ -z $(find /etc/systemd/system -name '*filedrop*') ]]
[[ $(stat -c '%U %a' /etc/filedrop/keys/amili) == 'filedrop 600' ]]
runuser -u filedrop -- filedrop status

# cron's file without the job's line, and one that cron ignores.
cp --preserve /etc/cron.d/filedrop /root/kept
sed -i '/run letters/d' /etc/cron.d/filedrop
[[ $(filedrop status || true) == *"letters: crontab_line_missing: "* ]]
cp --preserve /root/kept /etc/cron.d/filedrop
chmod 666 /etc/cron.d/filedrop
[[ $(filedrop status || true) == *"letters: crontab_refused: "* ]]
mv /root/kept /etc/cron.d/filedrop
filedrop status
