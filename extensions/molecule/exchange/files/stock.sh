#!/bin/sh
# What the stock client may do at a server, and what it may not.
set -eu
name=$1
server=$2
cd "$(mktemp -d)"
echo "by hand of $name" >by-hand.xml
tr -d '\n' </etc/filedrop/accounts/partner.json | sed "s/.*\"host_keys\": *\[ *\"\([^\"]*\)\".*/[$server]:2022 \1/" >known_hosts
client() { sftp -q -b "$1" -P 2022 -i /etc/filedrop/keys/partner -o IdentitiesOnly=yes -o UserKnownHostsFile="$PWD/known_hosts" "$name@$server"; }
ls -l /srv/erp/inbox
test "$(grep -c "of $name" /srv/erp/inbox/report.txt)" -ge 5
printf 'cd input\nput by-hand.xml\n' >allowed
client allowed
printf 'ls input\n' >listing
if client listing | grep -v '^sftp>' | grep xml; then
    echo 'a listing of input/ shows files'
    exit 1
fi
for refused in 'put by-hand.xml pickup/x.xml' 'put by-hand.xml /x.xml' 'cd ..' 'get input/by-hand.xml' 'cd /srv'; do
    printf '%s\n' "$refused" >refused
    if client refused >said 2>&1 && [ "$refused" != 'cd ..' ]; then
        echo "allowed: $refused"
        cat said
        exit 1
    fi
done
