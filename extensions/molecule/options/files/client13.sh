#!/usr/bin/env bash
# A host on which files that appear start their jobs.
set -euxo pipefail

runs() {
    journalctl --output=cat --unit="filedrop@$1.service" | grep -c 'event=run_began' || true
}

sent() {
    find /srv/erp/sent -type f | wc -l
}

[[ $(systemctl is-active filedrop@invoices.path filedrop@parcels.path filedrop@invoices.timer filedrop@parcels.timer | sort -u) == active ]]
systemd-analyze verify --man=no filedrop@invoices.service filedrop@invoices.path filedrop@invoices.timer filedrop@parcels.service
systemd-analyze security --no-pager --threshold=15 filedrop@invoices.service filedrop@parcels.service >/dev/null

# Root alone can read what proves who the host is.
[[ $(stat -c '%U %a' /etc/filedrop/keys /etc/filedrop/keys/amili /etc/filedrop/keys/amili.passphrase | sort -u) == $'root 600\nroot 700' ]]

# The one that has to stay is where it was, and starts nothing, however long it stays.
[[ -e /srv/erp/outbox/invoices-taken.xml ]]
[[ $(sent) == 5 ]]
until [[ $(systemctl show --property=ActiveState --value filedrop@invoices.service) =~ inactive|failed ]]; do sleep 0.2; done
before=$(runs invoices)
((before >= 1))
sleep 4
[[ $(runs invoices) == "$before" ]]

# A burst of files, one by one, leaves none behind, and the path unit at work.
for number in 11 12 13 14 15 16 17 18; do
    runuser -u erp -- sh -c "umask 007; echo $number >/srv/erp/outbox/invoices-$number.xml"
    sleep 0.3
done
for _ in $(seq 60); do
    [[ $(sent) == 13 ]] && break
    sleep 0.5
done
[[ $(sent) == 13 ]]
[[ $(systemctl is-active filedrop@invoices.path) == active ]]

# `after: keep` leaves the statement where it was, and it is fetched once.
systemctl start filedrop@statements.service
[[ $(ls /srv/erp/inbox) == statement.txt ]]
