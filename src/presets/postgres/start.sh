#!/bin/sh
# Makes the database at the first boot, runs the init scripts, and becomes the server. Works with the official images
# and with Debian's packages. Its settings are in /etc/start-postgres.conf.
# shellcheck disable=SC1091,SC2154 # The settings are made while the image is.
set -eu
. /etc/start-postgres.conf

for folder in /usr/lib/postgresql/*/bin; do
  if [ -d "$folder" ]; then PATH="$folder:$PATH"; fi
done
export PATH PGDATA="$data_dir" PGPORT="$port" PGHOST=/tmp PGUSER=postgres
# A serial console says that it has no rows, so that a pager would wait there for somebody who reads on.
export PSQL_PAGER=''

# as_postgres COMMAND...: the server refuses to run as root.
as_postgres() {
  # shellcheck disable=SC2016 # The inner shell expands it.
  su -s /bin/sh -c 'PATH=$1; shift; exec "$@"' -- postgres sh "$PATH" "$@"
}

sql() { as_postgres psql -v ON_ERROR_STOP=1 -q -d "$@"; }

run_scripts() {
  for script in /usr/local/share/postgres-init/*; do
    case $script in
      *.sql) sql "$database" <"$script" ;;
      *.sh) as_postgres sh -eu "$script" ;;
    esac
  done
}

initialise() {
  as_postgres initdb --username=postgres --auth=trust --encoding=UTF8 --no-instructions
  as_postgres pg_ctl -o "-c listen_addresses= -k /tmp" -w start
  sql postgres -v user="$user" -v password="$password" -v database="$database" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'user') \gexec
SELECT format('ALTER ROLE %I PASSWORD %L', :'user', :'password') WHERE :'password' <> '' \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'user') \gexec
SQL
  run_scripts
  if [ -n "$password" ]; then
    echo "host all all all scram-sha-256" >>"$data_dir/pg_hba.conf"
  fi
  as_postgres pg_ctl -m fast -w stop
}

mkdir -p "$data_dir"
chown postgres "$data_dir"
chmod 700 "$data_dir"
# A first boot that was cut short begins again; any other data stays.
unfinished="$data_dir.unfinished"
if [ -e "$unfinished" ]; then find "$data_dir" -mindepth 1 -delete; fi
if [ ! -e "$data_dir/PG_VERSION" ]; then
  touch "$unfinished"
  initialise
  rm "$unfinished"
fi
listen=127.0.0.1
if [ -n "$password" ]; then listen='*'; fi
as_postgres postgres -c "listen_addresses=$listen" -k /tmp
