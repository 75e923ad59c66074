#!/usr/bin/env bash
# A Docker engine of the tests' own, for a machine that has none. Wants root, and Debian or what is like it.
#
#     engine.sh start     install Debian's engine if need be, start it beside any other, and make the images
#     engine.sh stop      end it; what it holds stays, so that the next start takes seconds
#     engine.sh env       what a shell has to be given to use it; the tests find it by themselves
#
# All of it lies in $EVENHAND_LAB (/tmp/evenhand-lab): a socket's path must be short, and the checkout's may not be.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LAB=${EVENHAND_LAB:-/tmp/evenhand-lab}
export DOCKER_HOST=unix://$LAB/docker.sock DOCKER_CONFIG=$LAB/config

install() {
    [ "$(id -u)" = 0 ] || { echo "make lab: an engine can only be started by root" >&2; exit 1; }
    local wanted=(docker.io iptables debootstrap) missing=()
    for package in "${wanted[@]}"; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
    [ ${#missing[@]} = 0 ] && return
    echo "Installing ${missing[*]} ..."
    # RUNLEVEL=1: Debian would start what it installs.
    export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}" >/dev/null
}

answers() { docker version >/dev/null 2>&1; }

start() {
    mkdir -p "$LAB" "$DOCKER_CONFIG/cli-plugins"
    chmod 700 "$LAB"
    if ! answers; then
        echo "Starting an engine in $LAB ..."
        # dockerd by its full path: another client named docker may stand before it on PATH.
        setsid /usr/sbin/dockerd --host "$DOCKER_HOST" --data-root "$LAB/data" --exec-root "$LAB/exec" \
            --pidfile "$LAB/pid" >"$LAB/log" 2>&1 &
        for _ in $(seq 60); do answers && break || sleep 0.5; done
        answers || { tail -5 "$LAB/log" >&2; echo "make lab: no engine can be started here, see $LAB/log" >&2; exit 1; }
    fi
    "$here/images.sh"
    echo "Ready: \`make test\` uses it; \`make lab-stop\` ends it."
}

stop() {
    [ -f "$LAB/pid" ] || { echo "No engine runs in $LAB."; return; }
    local pid
    pid=$(cat "$LAB/pid")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    # What the engine leaves mounted would be in the way of whoever removes the folder.
    { grep -o " $LAB/exec/[^ ]*" /proc/mounts || true; } | xargs -r umount
    rm -f "$LAB/docker.sock" "$LAB/pid"
}

case "${1:-}" in
start) install && start ;;
stop) stop ;;
env) printf 'export DOCKER_HOST=%s DOCKER_CONFIG=%s\n' "$DOCKER_HOST" "$DOCKER_CONFIG" ;;
*) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
