#!/bin/sh
# Mailboxes with nothing in them but what the jobs of this scenario are to meet; those of the bank have a password.
set -eu
rm -rf /home/client*/input/* /home/client*/pickup/* /home/bare12/input/*
for user in client12bank client13bank; do
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$user"
    echo "$user:correct horse" | chpasswd
    runuser -u "$user" -- sh -c 'cd && mkdir -p -m 700 input pickup && echo "a statement" >pickup/statement.txt'
done
# Something of this name is there already, so that the host's file of this name has to stay where it is.
runuser -u client13 -- sh -c 'cd && echo "another one" >input/invoices-taken.xml'
