#!/bin/sh
# urllib3 is installed; or not, if the argument says so.
set -eu
found=not
if dpkg-query --show --showformat='${db:Status-Status}' python3-urllib3 2>/dev/null | grep -qx installed; then found=; fi
test "$found" = "${1-}"
