#!/bin/bash
# An authority and a certificate of `slowlake serve`, made once: certificates.sh, in a container of the demonstration.
set -euo pipefail
cd "${1:-/certificates}"
if [ -e serve.pem ]; then exit 0; fi
openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj '/CN=slowlake demonstration' -keyout authority.key -out authority.pem
openssl req -newkey rsa:2048 -nodes -subj '/CN=slowlake-serve' -keyout serve.key -out serve.csr
printf 'subjectAltName=DNS:slowlake-serve,DNS:localhost,IP:127.0.0.1\n' >extensions
openssl x509 -req -in serve.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 365 -extfile extensions -out serve.pem
# The user of slowlake's image.
chown 65532:65532 serve.key serve.pem
chmod 600 serve.key authority.key
chmod 644 serve.pem authority.pem
