#!/bin/sh
# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Write the table of limits that mod_quotatab_file reads.
#
#   write_quotas.sh LIST FOLDER      LIST has lines of an account and its bytes
set -eu
new=$2/quota-limits.new
rm -f "$new"
ftpquota --create-table --type=limit --table-path="$new"
[ -e "$2/quota-tallies" ] || ftpquota --create-table --type=tally --table-path="$2/quota-tallies"
while read -r account bytes; do
    ftpquota --add-record --type=limit --table-path="$new" --name="$account" --quota-type=user --limit-type=hard \
        --bytes-upload="$bytes" --units=byte
done <"$1"
chmod 600 "$new" "$2/quota-tallies"
mv "$new" "$2/quota-limits"
