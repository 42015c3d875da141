#!/bin/sh
# A newer Docker than the host's, for what an old builder does not know: heredocs, ${X#pattern}, build --check.
#
#     scripts/newest-engine.sh start DIR    unpacks and starts it below DIR, prints what to set DOCKER_HOST to
#     scripts/newest-engine.sh docker DIR WORDS…    its own client, with buildx; DIR is /mnt/newest in there
#     scripts/newest-engine.sh stop DIR
#
# It needs root and mmdebstrap. The daemon lives in a root of its own, made from the packages of Debian's SUITE
# (sid unless set), and in a network namespace of its own: without a bridge, dockerd would take docker0 away from
# the host's daemon. So nothing is pulled there and RUN has no network: it is for builds from scratch and checks.
set -eu

verb=${1:?start, docker or stop}
mkdir -p "${2:?a directory}"
dir=$(cd "$2" && pwd)
shift 2
root=$dir/root

unpacked() {
    [ -x "$root/usr/sbin/dockerd" ] && return
    mkdir -p "$root"
    # A mirror that stands still has a release file that is over its date.
    mmdebstrap --quiet --aptopt='Acquire::Check-Valid-Until "false"' --variant=minbase \
        --include=docker.io,docker-cli,docker-buildx,iptables,ca-certificates "${SUITE:-sid}" "$dir/root.tar"
    tar -xf "$dir/root.tar" -C "$root"
    rm "$dir/root.tar"
}

# Goes into the root with DIR at /mnt/newest; the mounts end with the process.
enter='
    mount --make-rprivate /
    mount --bind "$ROOT" "$ROOT"
    for part in proc sys dev; do mount --rbind "/$part" "$ROOT/$part"; done
    mkdir -p "$ROOT/mnt/newest"
    mount --bind "$DIR" "$ROOT/mnt/newest"
    cd "$ROOT"
    mkdir -p old
    pivot_root . old
    umount -l /old
'

case $verb in
start)
    unpacked
    mkdir -p "$dir/run" "$dir/data"
    ROOT=$root DIR=$dir setsid unshare -m -n sh -ec "$enter"'
        ip link set lo up 2>/dev/null || true
        exec dockerd --data-root /mnt/newest/data --exec-root /mnt/newest/run/exec -p /mnt/newest/run/pid \
            -H unix:///mnt/newest/run/docker.sock --bridge=none --iptables=false --ip6tables=false
    ' >"$dir/dockerd.log" 2>&1 </dev/null &
    echo $! >"$dir/run/host-pid"
    tries=0
    until [ -S "$dir/run/docker.sock" ] && grep -q 'API listen' "$dir/dockerd.log"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 150 ]; then
            tail -5 "$dir/dockerd.log" >&2
            exit 1
        fi
        sleep 0.2
    done
    echo "unix://$dir/run/docker.sock"
    ;;
docker)
    ROOT=$root DIR=$dir exec unshare -m sh -ec "$enter"'
        cd /
        export DOCKER_HOST=unix:///mnt/newest/run/docker.sock HOME=/root
        exec docker "$@"
    ' docker "$@"
    ;;
stop)
    kill "$(cat "$dir/run/host-pid")"
    rm -f "$dir/run/docker.sock"
    ;;
*)
    echo "start, docker or stop, not $verb" >&2
    exit 2
    ;;
esac
