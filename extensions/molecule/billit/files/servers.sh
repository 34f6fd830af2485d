#!/bin/sh
# Start ProFTPD and vsftpd, with users that have their folders. Debian does not install both on one host.
set -eu
# shellcheck source=/dev/null
. /tmp/billit.env

# Not to /: that would replace the link /lib.
dpkg-deb --extract /srv/debs/vsftpd_*.deb /opt/vsftpd
cp /opt/vsftpd/etc/pam.d/vsftpd /etc/pam.d/
cp /opt/vsftpd/etc/ftpusers /etc/
mkdir -p /run/vsftpd/empty /srv/billit
for user in $BILLIT_USERS; do
    getent passwd "$user" >/dev/null || useradd --create-home --home-dir "/srv/billit/$user" --shell /bin/sh "$user"
    echo "$user:$BILLIT_PASSWORD" | chpasswd
    chmod 750 "/srv/billit/$user"
    for folder in to_billit from_billit success export cleartext; do
        install -d -m 2770 -o "$user" -g "$user" "/srv/billit/$user/$folder"
    done
    for folder in outbox inbox; do
        install -d -m 2770 -o erp -g erp "/srv/erp/$folder/$user"
    done
done
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$BILLIT_HOST" \
    -addext "subjectAltName=IP:$BILLIT_HOST" -keyout /etc/billit.key -out /etc/billit.pem 2>/dev/null
for unit in proftpd vsftpd; do
    systemctl stop "$unit" "billit-$unit" 2>/dev/null || true
done
systemd-run --quiet --unit=billit-proftpd /usr/sbin/proftpd --nodaemon --config /etc/billit-proftpd.conf
systemd-run --quiet --unit=billit-vsftpd /opt/vsftpd/usr/sbin/vsftpd /etc/billit-vsftpd.conf
