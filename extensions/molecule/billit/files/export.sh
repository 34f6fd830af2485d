#!/bin/sh
# Export by hand: what a person sees, and what is sent. `again` is after the customer has deleted new.xml on the server.
set -eu
run() {
    filedrop "$@" 2>&1
}
status() { # EXPECTED COMMAND...
    expected=$1
    shift
    code=0
    said=$(run "$@") || code=$?
    [ "$code" = "$expected" ] || { echo "$* ended with $code, not $expected: $said"; exit 1; }
    echo "$said"
}
contains() { # TEXT...
    for text; do
        case $said in *"$text"*) ;; *) echo "missing: $text in: $said"; exit 1 ;; esac
    done
}

if [ "${1:-}" = again ]; then
    status 0 export export_ftps --kind invoices
    contains new.xml old.xml moved_before
    status 1 export export_ftps --only old.xml --from 2021-01-01
    contains old.xml not_selected
    status 0 export export_ftps --only new.xml --again
    contains "1 file" new.xml
    exit
fi

# A job that is for export alone is run by nobody else.
status 2 run export_ftps
contains export_ftps "filedrop export"

status 0 export export_ftps --from 2021-01-01 --dry-run
contains "would be delivered" new.xml new.cod
status 0 export export_ftps --from 2021-01-01
contains "2 files" new.xml new.cod
status 0 export export_ftps
contains "1 file" "2 skipped" old.xml
status 0 export export_ftps --kind coda
contains "1 skipped" new.cod moved_before

# In clear, and only one kind
status 0 export export_ftp --kind coda
contains "1 file" new.cod cleartext
