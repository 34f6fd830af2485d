#!/usr/bin/env bash
# What the provider has got, and what it still has.
set -euxo pipefail
[[ $(cat /home/client12/input/invoices-?.xml | sort | tr '\n' ,) == 'invoice 1,invoice 2,invoice 3,invoice 4,invoice 5,' ]]
[[ $(cat /home/client13/input/invoices-?.xml | sort | tr '\n' ,) == 'invoice 1,invoice 2,invoice 3,invoice 4,invoice 5,' ]]
[[ $(cat /home/bare12/input/invoices-?.xml | sort | tr '\n' ,) == 'invoice 1,invoice 2,invoice 3,invoice 4,invoice 5,' ]]
[[ $(cat /home/client13/input/invoices-taken.xml) == 'another one' ]]
[[ $(cat /home/client13bank/input/parcel.txt) == 'a parcel' ]]
[[ -z $(ls /home/client12bank/pickup) ]]
[[ $(ls /home/client13bank/pickup) == statement.txt ]]
