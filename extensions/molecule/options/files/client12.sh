#!/usr/bin/env bash
# A host on which cron starts the jobs, by a Python of their own.
set -euxo pipefail

# Cron knows the jobs that are enabled, and systemd none.
grep -q "filedrop umask 027; .*exec timeout -k 30 420 /usr/local/bin/filedrop run outgoing --quiet$" /etc/cron.d/filedrop
grep -q "^\* \* \* \* \* filedrop .*exec /usr/local/bin/filedrop run statements --quiet$" /etc/cron.d/filedrop
[[ $(grep -c 'run yearly' /etc/cron.d/filedrop) == 0 ]]
[[ -z $(find /etc/systemd/system -name '*filedrop*') ]]

# Keys and passwords are those of the user, who alone can read them.
[[ $(stat -c '%U %a' /etc/filedrop/keys /etc/filedrop/keys/amili /etc/filedrop/keys/bank.password | sort -u) == $'filedrop 600\nfiledrop 700' ]]
[[ $(ssh-keygen -l -f /etc/filedrop/keys/amili.pub) == *"a key of client12 (RSA)" ]]
[[ $(grep -rl 'correct horse' /etc /var/log /var/lib/filedrop 2>/dev/null) == /etc/filedrop/keys/bank.password ]]

# The command runs with a Python that can do what the system's cannot.
[[ $(head -n 1 /usr/local/bin/filedrop) == '#!/usr/local/lib/filedrop/venv/bin/python -I' ]]
[[ $(/usr/local/lib/filedrop/venv/bin/python -c 'import paramiko; print(paramiko.__version__)') == 5.1.0 ]]
if /usr/bin/python3 -c 'import paramiko'; then exit 1; fi

# What was fetched is the ERP's.
[[ $(stat -c '%U:%G %a' /srv/erp/inbox/statement.txt) == 'filedrop:erp 640' ]]
runuser -u filedrop -- filedrop status
