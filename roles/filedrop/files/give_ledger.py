# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Give the folder of the ledger, and the files in it, to the user of the jobs: python3 give_ledger.py FOLDER USER
#
# That user may own the folder already. So no link is followed, and no file with a second name is given away: it could
# be a file of root, linked to a name in this folder.

import os
import pwd
import stat
import sys

FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def main():
    folder, user = sys.argv[1:]
    entry = pwd.getpwnam(user)
    for _path, _folders, names, fd in os.fwalk(folder, follow_symlinks=False):
        os.fchown(fd, entry.pw_uid, entry.pw_gid)
        for name in names:
            give(name, fd, entry)


def give(name, folder, entry):
    try:
        fd = os.open(name, FILE, dir_fd=folder)
    except OSError:  # a link, a device, or a file that SQLite has just removed
        return
    try:
        found, opened = os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(fd)
        if stat.S_ISREG(opened.st_mode) and found.st_nlink == 1 and os.path.samestat(found, opened):
            os.fchown(fd, entry.pw_uid, entry.pw_gid)
    except FileNotFoundError:
        pass
    finally:
        os.close(fd)


main()
