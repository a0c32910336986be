#!/bin/sh
# Starts a Redis server or a Sentinel with the files beside this one.
#
#   redis.sh server      REDIS_DIR, REDIS_PORT, REDIS_REPLICA_OF ("host port", empty: the master),
#                        REDIS_SETTINGS (lines for redis.conf)
#   redis.sh sentinel    REDIS_DIR, REDIS_PORT, REDIS_MASTER ("host port"), REDIS_BIND (an address,
#                        empty: all)
#
# and passwords: REDIS_PASSWORD (the engines'), REDIS_REPLICA_PASSWORD, REDIS_SENTINEL_PASSWORD,
# REDIS_ADMIN_PASSWORD. Who is the master changes; the folder remembers it over a restart.
set -eu
umask 077

here=$(cd -- "$(dirname -- "$0")" && pwd)
dir=${REDIS_DIR:-/data}

for name in REDIS_PASSWORD REDIS_REPLICA_PASSWORD REDIS_SENTINEL_PASSWORD REDIS_ADMIN_PASSWORD; do
    eval "value=\${$name-}"
    case $value in
    '' | *[!A-Za-z0-9_.~-]*)
        echo "$name: expected letters, digits and _.~-" >&2
        exit 64
        ;;
    esac
done

sha256() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

server() {
    replica_of=${REDIS_REPLICA_OF-}
    # Sentinel had it written there, or taken away.
    if [ -s "$dir/redis.conf" ]; then
        replica_of=$(sed -n 's/^replicaof //p' "$dir/redis.conf")
    fi
    sed -e "s/SWITCHHOOK_SHA256/$(sha256 "$REDIS_PASSWORD")/" \
        -e "s/REPLICA_SHA256/$(sha256 "$REDIS_REPLICA_PASSWORD")/" \
        -e "s/SENTINEL_SHA256/$(sha256 "$REDIS_SENTINEL_PASSWORD")/" \
        -e "s/ADMIN_SHA256/$(sha256 "$REDIS_ADMIN_PASSWORD")/" "$here/users.acl" >"$dir/users.acl"
    {
        cat "$here/redis.conf"
        echo "port ${REDIS_PORT:-6379}"
        echo "dir \"$dir\""
        echo "aclfile \"$dir/users.acl\""
        echo "masteruser replica"
        echo "masterauth $REDIS_REPLICA_PASSWORD"
        if [ -n "$replica_of" ]; then echo "replicaof $replica_of"; fi
        if [ -n "${REDIS_SETTINGS-}" ]; then printf '%s\n' "$REDIS_SETTINGS"; fi
    } >"$dir/redis.conf.new"
    mv -- "$dir/redis.conf.new" "$dir/redis.conf"
    exec redis-server "$dir/redis.conf"
}

sentinel() {
    if ! [ -s "$dir/sentinel.conf" ]; then
        sed -e "s/^bind .*/bind ${REDIS_BIND:-0.0.0.0}/" \
            -e "s/SENTINEL_PORT/${REDIS_PORT:-26379}/" -e "s|SENTINEL_DIR|\"$dir\"|" \
            -e "s/MASTER_HOST MASTER_PORT/$REDIS_MASTER/" \
            -e "s/SENTINEL_PASSWORD/$REDIS_SENTINEL_PASSWORD/" \
            "$here/sentinel.conf" >"$dir/sentinel.conf"
    fi
    exec redis-server "$dir/sentinel.conf" --sentinel
}

case ${1-} in
server | sentinel) "$1" ;;
*)
    sed -n '4,8s/^# *//p' "$0" >&2
    exit 64
    ;;
esac
