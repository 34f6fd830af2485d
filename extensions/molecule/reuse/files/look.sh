#!/usr/bin/env bash
# What is on a host after each step of somebody else's roles.
set -euxo pipefail
case $1 in
keys)
    ssh-keygen -l -f /etc/filedrop/keys/amili.pub
    [[ $(ls /etc/filedrop) == keys && ! -e /usr/local/bin/filedrop && ! -e /var/lib/filedrop ]]
    sha256sum /etc/filedrop/keys/amili >/root/key
    ;;
whole)
    sha256sum --check /root/key
    [[ -s /usr/local/share/man/man1/filedrop.1 && -s /usr/local/share/bash-completion/completions/filedrop ]]
    systemctl is-active filedrop@invoices.timer
    [[ $(systemctl show --property=User --value filedrop@invoices.service) == courier ]]
    [[ $(stat -c %U /var/lib/filedrop/ledger.sqlite3) == courier ]]
    [[ $(systemctl show --property=TimersCalendar --value filedrop@invoices.timer) == */30:* ]]
    [[ $(systemctl list-unit-files --plain --no-legend 'filedrop@*.timer' | wc -l) == 1 ]]
    ;;
changed)
    [[ $(systemctl show --property=TimersCalendar --value filedrop@invoices.timer) != */30:* ]]
    systemctl is-active filedrop@invoices.timer
    ;;
nothing)
    [[ -z $(find /etc/filedrop /usr/local/bin/filedrop /var/lib/filedrop /etc/systemd/system /usr/local/share -name '*filedrop*' 2>/dev/null) ]]
    [[ -z $(getent passwd courier || true) ]]
    ;;
esac
