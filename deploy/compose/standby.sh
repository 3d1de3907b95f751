#!/bin/bash
# Begins as a copy of the primary, the first time; then it is a standby. Runs as root, as the image's own entry point does.
set -euo pipefail
install -d -o postgres -g postgres -m 0700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    gosu postgres pg_basebackup --checkpoint=fast --host=postgres-primary --username=replicator --pgdata="$PGDATA" --write-recovery-conf --wal-method=stream --slot=standby --create-slot
fi
exec gosu postgres postgres -c config_file=/etc/postgresql/postgresql.conf -c hba_file=/etc/postgresql/pg_hba.conf
