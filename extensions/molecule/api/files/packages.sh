#!/bin/sh
# Of two packages, the first one is installed, and the other one is not.
set -eu
installed() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
installed "$1"
if installed "$2"; then
    echo "$2 is installed"
    exit 1
fi
