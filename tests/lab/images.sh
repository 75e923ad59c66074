#!/usr/bin/env bash
# The images that the tests want, in the engine of engine.sh, which calls this: pulled where that works, else stand-ins
# from Debian's packages. A stand-in is bigger than the real image and set up a little differently, but of the same
# versions: Python 3.13, Redis 8, Valkey 8. A minute, once.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$LAB/trixie

# docker build of newer clients wants the plugin buildx, and a test the plugin compose.
plugins() { [ -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ] && [ -x "$DOCKER_CONFIG/cli-plugins/docker-buildx" ]; }

has() { docker image inspect "$1" >/dev/null 2>&1; }

debian() { # a small Debian 13 to take packages from, as a folder and as an image
    if [ ! -e "$root/ready" ]; then
        echo "Making a Debian 13 ..."
        local mirror
        mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | head -1)
        rm -rf "$root"
        debootstrap --variant=minbase --include=ca-certificates,netbase,tzdata trixie "$root" "$mirror" >"$LAB/debootstrap.log"
        cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # whoever signs what this machine's registries answer
        chroot "$root" apt-get -qq update
        touch "$root/ready"
    fi
    has evenhand-lab/debian || tar -C "$root" --exclude=./var/cache/apt/archives -c . | docker import - evenhand-lab/debian >/dev/null
}

build() { # build IMAGE, from a Dockerfile on standard input
    echo "Making a stand-in for $1 ..."
    docker build --quiet --tag "$1" --network host - >/dev/null
}

python_base() { # pip from its wheel, so that it can be removed by itself, as from the real image
    build "$1" <<'D'
FROM evenhand-lab/debian
RUN apt-get install -y -qq --no-install-recommends python3.13 python3.13-venv python3-pip-whl >/dev/null \
 && rm -f /usr/lib/python3.13/EXTERNALLY-MANAGED \
 && printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >/etc/pip.conf \
 && cd /usr/share/python-wheels && wheel=$(echo pip-*.whl) && python3.13 "$wheel/pip" install -q --no-index "./$wheel" \
 && ln -s /usr/bin/python3.13 /usr/local/bin/python && ln -sf python /usr/local/bin/python3
ENV LANG=C.UTF-8 PIP_ROOT_USER_ACTION=ignore
CMD ["python3"]
D
}

server() { # server IMAGE NAME: redis or valkey, open to its network as the real image is
    build "$1" <<D
FROM evenhand-lab/debian
RUN apt-get install -y -qq --no-install-recommends $2-server >/dev/null && mkdir -p /data && chown $2:$2 /data
USER $2
WORKDIR /data
VOLUME /data
EXPOSE 6379
ENTRYPOINT ["$2-server", "--protected-mode", "no"]
D
}

want() { # want IMAGE HOW [NAME]
    has "$1" || timeout 60 docker pull --quiet "$1" >/dev/null 2>&1 || { debian && "$2" "$1" "${@:3}"; }
}

if ! plugins; then
    debian
    (cd "$root/tmp" && chroot "$root" sh -c 'cd /tmp && apt-get -qq download docker-compose docker-buildx' &&
        for deb in *.deb; do dpkg -x "$deb" "$LAB/plugins" && rm "$deb"; done)
    cp "$LAB"/plugins/usr/libexec/docker/cli-plugins/docker-* "$DOCKER_CONFIG/cli-plugins/"
fi

base=$(sed -n 's/^ARG PYTHON=//p' "$here/../../deploy/image/Dockerfile")
want "${base%@*}" python_base
want redis:8 server redis
want valkey/valkey:8 server valkey
