#!/bin/sh
# Files that a unit has dropped off, and one that the provider has refused.
set -eux
secret='correct/horse+battery'
for number in 1 2 3 4 5; do echo "invoice $number" >"/srv/erp/outbox/invoice-$number.csv"; done
echo 'nobody wants this' >/srv/erp/outbox/refused-1.csv
chown erp:erp /srv/erp/outbox/*.csv
chmod 660 /srv/erp/outbox/*.csv

filedrop check invoices

# One file fails, and that is the status of the unit.
if systemctl start filedrop@invoices.service; then exit 1; fi
test "$(systemctl show --property=ExecMainStatus --value filedrop@invoices.service)" = 1
test "$(find /srv/erp/outbox -maxdepth 1 -type f | wc -l)" = 0
test "$(find /srv/erp/outbox/archive -type f | wc -l)" = 5
test "$(ls /srv/erp/rejected)" = "$(printf 'refused-1.csv\nrefused-1.csv.reason.txt')"
grep -q 'of refused-1.csv' /srv/erp/rejected/refused-1.csv.reason.txt
filedrop history invoices | grep -c delivered | grep -qx 5

# What was refused does not come back, and the next run is well.
systemctl start filedrop@invoices.service
filedrop status invoices

# Secret and token: systemd hands the one over, and nobody else can read either.
systemctl cat filedrop@invoices.service | grep -q '^LoadCredential=.*client_secret'
test "$(stat --format=%a:%U /etc/filedrop/keys/amili.client_secret)" = 600:root
test "$(stat --format=%a:%U /var/lib/filedrop/*.token-*)" = 600:filedrop
if journalctl --no-pager --unit='filedrop@*' | grep -F "$secret"; then exit 1; fi
if grep -rF "$secret" /etc/systemd /etc/filedrop/accounts /etc/filedrop/jobs /var/lib/filedrop; then exit 1; fi
