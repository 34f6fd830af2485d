#!/bin/sh
# Export by hand: what a person sees, and what is sent.
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

# A job that is for export alone is run by nobody else.
status 2 run export_ftps
contains export_ftps "filedrop export"

status 0 export export_ftps --from 2021-01-01 --dry-run
contains new.xml new.cod
status 0 export export_ftps --from 2021-01-01
contains new.xml new.cod
status 0 export export_ftps
contains old.xml
status 0 export export_ftps --kind coda
contains new.cod "sent"

# In clear, and only one kind
status 0 export export_ftp --kind coda
contains new.cod cleartext
