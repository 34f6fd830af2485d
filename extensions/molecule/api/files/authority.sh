#!/bin/sh
# An authority, and a certificate for the files API.
set -eu
mkdir -p /srv/api/taken
cd /srv/api
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
# shellcheck disable=SC2086 # several arguments
openssl req $key -keyout key.pem -out request.pem -subj /CN=api.example.com
# shellcheck disable=SC2086
openssl req -x509 $key -keyout ca.key -out ca.new -days 2 -subj '/CN=An authority of the tests'
echo 'subjectAltName=DNS:api.example.com' >extensions
openssl x509 -req -in request.pem -CA ca.new -CAkey ca.key -CAcreateserial -extfile extensions -days 2 -out certificate.pem
mv ca.new ca.pem
