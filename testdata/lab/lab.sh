#!/usr/bin/env bash
# The lab: real hosts as containers of the local Docker Engine, for the tests with the build tag "lab".
#
#   lab.sh up       make the images when they are missing, start the hosts, write their addresses and keys
#   lab.sh down     remove the hosts and everything up made (the base tarball stays in the cache)
#   lab.sh state    print the directory that holds lab.json, ssh_config, known_hosts and the keys
#   lab.sh status   the hosts, and how to reach them
#
#   h1        engine host: root, ops (docker, a little sudo), pw (sudo with a password), ro (nothing)
#   h2        engine host, sshd with MaxSessions 4, its host key recorded hashed
#   h3        engine host, sshd with AllowStreamLocalForwarding no
#   bastion   jump host
#   inner     reached through bastion only
#   cert      host certificate and user certificates, no authorized_keys; may run an engine, runs none
#
# Every clone of the tree has a lab of its own: names, labels, subnet and firewall rules carry an id made of
# the path. Exit 75 with the reason in STATE/cannot: this machine cannot hold the lab.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/midwatch/lab"
root="${XDG_STATE_HOME:-$HOME/.local/state}/midwatch-lab"
id=$(printf %s "$tree" | sha256sum | cut -c1-8)
state="$root/$id"
tag="midwatch-lab-$id"
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY
export DOCKER_BUILDKIT=0 DOCKER_CLI_HINTS=false LC_ALL=C.UTF-8

engines=(h1 h2 h3)
lights=(bastion inner cert)
packages=systemd,systemd-sysv,dbus,openssh-server,nginx-light,docker.io,iptables,iproute2,procps,sudo,curl,ca-certificates,rsync,less,fuse3,sshfs
suite=bookworm
# Debian's own compose 2 is in the next suite; its binary needs no more of a system than bookworm has.
composesuite=trixie

say() { echo "lab: $*"; }
die() { echo "lab: $*" >&2; exit 1; }
cannot() { # this machine cannot, which is no fault of the tree
  mkdir -p "$state" && printf '%s\n' "$*" >"$state/cannot"
  echo "lab: CANNOT: $*" >&2
  exit 75
}

# until_ok SECONDS COMMAND...: try until it works or the time is over.
until_ok() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -ge $end ] && return 1
    sleep 0.2
  done
}

# ---- removing -----------------------------------------------------------------------------------

unrule() { # ID: our firewall rules, which all carry the comment
  command -v iptables >/dev/null || return 0
  local chain rule
  for chain in INPUT OUTPUT FORWARD; do
    iptables -w 10 -S "$chain" 2>/dev/null | grep -- "midwatch-lab-$1" | sed 's/^-A/-D/' | while read -r rule; do
      # The rules are ours and hold no spaces inside a word.
      # shellcheck disable=SC2086
      iptables -w 10 $rule
    done
  done
}

remove() { # ID
  local ids
  unrule "$1"
  ids=$(docker ps -aq --filter "label=midwatch.lab=$1")
  # shellcheck disable=SC2086
  [ -n "$ids" ] && docker rm -f -v $ids >/dev/null
  ids=$(docker volume ls -q --filter "label=midwatch.lab=$1")
  # shellcheck disable=SC2086
  [ -n "$ids" ] && { docker volume rm -f $ids >/dev/null || until_ok 20 docker volume rm -f $ids; }
  ids=$(docker network ls -q --filter "label=midwatch.lab=$1")
  # shellcheck disable=SC2086
  [ -n "$ids" ] && { docker network rm $ids >/dev/null || until_ok 20 docker network rm $ids; }
  rm -rf "${root:?}/$1"
}

# stale: labs of trees that are gone, and labs none of whose hosts runs any more and that nobody is starting.
stale() {
  local other where running
  {
    docker ps -a --filter label=midwatch.lab --format '{{.Label "midwatch.lab"}} {{.Label "midwatch.lab.tree"}}'
    docker network ls --filter label=midwatch.lab --format '{{.Label "midwatch.lab"}} {{.Label "midwatch.lab.tree"}}'
    docker volume ls --filter label=midwatch.lab --format '{{.Label "midwatch.lab"}} {{.Label "midwatch.lab.tree"}}'
  } | sort -u | while read -r other where; do
    [ -n "$other" ] && [ "$other" != "$id" ] || continue
    running=$(docker ps -q --filter "label=midwatch.lab=$other" | head -1)
    [ -d "$where" ] && [ -n "$running" ] && continue
    (
      flock -n 9 || exit 0
      say "removing what is left of the lab of $where"
      remove "$other"
    ) 9>"$root/$other.lock"
  done
}

# ---- images -------------------------------------------------------------------------------------

# mirror prints the Debian mirror this machine is set up for; nothing when it has none for our suite.
mirror() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Identifier: Packages' 2>/dev/null |
    awk -v s="$suite" '$2 == s && $3 == "main" {print $1; exit}'
}

# compose puts the compose plugin, from Debian, into the cache as $plugin; apt checks its signature. 1: it
# cannot be had, and tests that need it skip.
compose() {
  local dir url opts
  plugin="$cache/docker-compose-$composesuite"
  [ -x "$plugin" ] && return 0
  url=$(mirror)
  command -v apt-get >/dev/null && [ -n "$url" ] || { say "WARNING: no compose plugin: apt has no mirror here"; return 1; }
  dir=$(mktemp -d "$cache/compose.XXXXXX") && mkdir -p "$dir/lists/partial" "$dir/archives/partial" || return 1
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $url $composesuite main" >"$dir/list"
  opts=(-qq -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir" -o "Dir::Etc::sourcelist=$dir/list" -o Dir::Etc::sourceparts=-
    -o APT::Sandbox::User=root -o Acquire::Languages=none)
  if (cd "$dir" && timeout 300 apt-get "${opts[@]}" update && timeout 300 apt-get "${opts[@]}" download docker-compose &&
    dpkg -x docker-compose_*.deb root) >"$state/compose.log" 2>&1; then
    install -m 755 "$dir/root/usr/libexec/docker/cli-plugins/docker-compose" "$plugin.part" && mv "$plugin.part" "$plugin"
  fi
  rm -rf --one-file-system "$dir"
  [ -x "$plugin" ] || { say "WARNING: no compose plugin, tests that need it will skip: $(tail -1 "$state/compose.log")"; return 1; }
}

base_tar() { # PATH: a Debian with the packages above, as a tarball
  local dir url try
  command -v debootstrap >/dev/null || cannot "debootstrap is not installed and the base image is not in the cache"
  url=$(mirror)
  say "base image by debootstrap; this takes a minute or more, once"
  for try in 1 2 3; do
    dir=$(mktemp -d "$cache/root.XXXXXX") || die "no directory in $cache"
    # The root is thrown away when the machine stops half-way: no need to wait for the disk.
    mkdir -p "$dir/etc/dpkg/dpkg.cfg.d" && echo force-unsafe-io >"$dir/etc/dpkg/dpkg.cfg.d/lab"
    # shellcheck disable=SC2086
    if timeout 1200 debootstrap --variant=minbase --include="$packages" "$suite" "$dir" $url >"$cache/debootstrap.log" 2>&1; then
      rm -rf "$dir"/usr/share/{doc,man,locale,info} "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* "$dir"/debootstrap
      if tar -C "$dir" --one-file-system -c . | gzip -1 >"$1.part" && mv "$1.part" "$1"; then
        rm -rf --one-file-system "$dir"
        return 0
      fi
    fi
    tail -3 "$cache/debootstrap.log"
    umount "$dir/proc" "$dir/sys" 2>/dev/null
    rm -rf --one-file-system "$dir" "$1.part"
    say "debootstrap did not work, try $try of 3"
    sleep 5
  done
  cannot "debootstrap does not work here: $(tail -1 "$cache/debootstrap.log")"
}

images() {
  local ctx tar hash
  mkdir -p "$cache" || die "no cache directory $cache"
  hash=$(printf '%s %s 2' "$packages" "$suite" | sha256sum | cut -c1-12)
  base=midwatch-lab-base:$hash
  tar="$cache/base-$hash.tgz"
  ctx=$(mktemp -d "$state/ctx.XXXXXX")
  cp -R "$here/host/." "$ctx/" && chmod -R u=rwX,go=rX "$ctx"
  image=midwatch-lab-host:$( (cd "$ctx" && find . -type f | LC_ALL=C sort | xargs sha256sum; echo "$base") | sha256sum | cut -c1-12)
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    if ! docker image inspect "$base" >/dev/null 2>&1; then
      # Parallel labs share the cache: one builds, the others wait.
      (
        flock 8
        rm -rf --one-file-system "$cache"/root.* 2>/dev/null
        [ -s "$tar" ] || base_tar "$tar"
        gzip -dc "$tar" | docker import --change 'LABEL midwatch.lab.image=base' - "$base" >/dev/null && exit 0
        say "the cached base image is not usable, making it anew"
        rm -f "$tar"
        base_tar "$tar"
        gzip -dc "$tar" | docker import --change 'LABEL midwatch.lab.image=base' - "$base" >/dev/null
      ) 8>"$cache/lock"
      case $? in 0) ;; 75) exit 75 ;; *) cannot "docker import of the base image does not work" ;; esac
    fi
    say "host image $image"
    tar -C "$ctx" --owner=0 --group=0 -c . |
      docker build --network none --force-rm --label midwatch.lab.image=host --build-arg "BASE=$base" -t "$image" - >"$state/build.log" 2>&1 ||
      { tail -20 "$state/build.log"; die "docker build of the host image failed"; }
  fi
  rm -rf "$ctx"
  # Images of earlier recipes; those in use stay by themselves.
  docker images --filter label=midwatch.lab.image --format '{{.Repository}}:{{.Tag}}' | grep -v -e "^$image\$" -e "^$base\$" |
    xargs -r docker rmi >/dev/null 2>&1
  return 0
}

# ---- keys and settings --------------------------------------------------------------------------

key() { ssh-keygen -q -t ed25519 -N "${2-}" -C "lab" -f "$1" </dev/null || die "ssh-keygen $1"; }

keys() {
  local h
  key "$state/id_ed25519"
  key "$state/id_pass" "correct horse"
  key "$state/id_cert"
  key "$state/ca"
  ssh-keygen -q -s "$state/ca" -I lab-user -n root,ops -V -1h:+52w "$state/id_cert.pub" || die "user certificate"
  printf %s "lab-$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')" >"$state/pw.password"
  for h in "${engines[@]}" "${lights[@]}"; do
    mkdir -p "$state/hosts/$h"
    key "$state/hosts/$h/ssh_host_ed25519_key"
    cat "$state/id_ed25519.pub" "$state/id_pass.pub" >"$state/hosts/$h/authorized_keys"
    { printf 'pw:'; cat "$state/pw.password"; echo; } >"$state/hosts/$h/passwords"
  done
  echo 'MaxSessions 4' >"$state/hosts/h2/sshd.conf"
  echo 'AllowStreamLocalForwarding no' >"$state/hosts/h3/sshd.conf"
  rm "$state/hosts/cert/authorized_keys"
  cp "$state/ca.pub" "$state/hosts/cert/user_ca.pub"
  ssh-keygen -q -s "$state/ca" -h -I lab-host -n "$(ip_of cert),cert" -V -1h:+52w "$state/hosts/cert/ssh_host_ed25519_key.pub" || die "host certificate"
  printf 'HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\nTrustedUserCAKeys /etc/ssh/user_ca.pub\n' >"$state/hosts/cert/sshd.conf"

  for h in h1 h3 bastion inner; do printf '%s %s\n' "$(ip_of $h)" "$(cut -d' ' -f1,2 "$state/hosts/$h/ssh_host_ed25519_key.pub")"; done >"$state/known_hosts"
  printf '%s %s\n' "$(ip_of h2)" "$(cut -d' ' -f1,2 "$state/hosts/h2/ssh_host_ed25519_key.pub")" >"$state/h2.known"
  ssh-keygen -q -H -f "$state/h2.known" >/dev/null 2>&1
  cat "$state/h2.known" >>"$state/known_hosts"
  rm -f "$state/h2.known" "$state/h2.known.old"
  printf '@cert-authority %s %s\n' "$(ip_of cert)" "$(cut -d' ' -f1,2 "$state/ca.pub")" >>"$state/known_hosts"

  {
    for h in "${engines[@]}" "${lights[@]}"; do
      printf 'Host %s\n  HostName %s\n' "$h" "$(ip_of "$h")"
      [ $h = inner ] && printf '  ProxyJump bastion\n'
      if [ $h = cert ]; then
        printf '  IdentityFile %s\n  CertificateFile %s\n' "$state/id_cert" "$state/id_cert-cert.pub"
      fi
      echo
    done
    printf 'Host h1 h2 h3 bastion inner cert\n  User root\n  IdentityFile %s\n  IdentitiesOnly yes\n  IdentityAgent none\n' "$state/id_ed25519"
    printf '  UserKnownHostsFile %s\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n  ConnectTimeout 10\n' "$state/known_hosts"
  } >"$state/ssh_config"
}

# ---- addresses ----------------------------------------------------------------------------------

# choose prints an N for which nothing on this machine has an address or a route in 10.N.0.0/16.
choose() {
  local used n
  used=$( { ip -4 route show table all; ip -4 addr; docker network ls -q | xargs -r docker network inspect --format '{{range .IPAM.Config}}{{.Subnet}} {{end}}'; } 2>/dev/null)
  # A 10.0.0.0/8 as a whole is somebody's: then there is no place here, and 172.30 is tried by nobody else either.
  for n in $(seq 201 250); do
    grep -qE "(^|[^0-9.])10\.$n\." <<<"$used" || { echo "$n"; return 0; }
  done
  return 1
}

ip_of() {
  case $1 in
    h1 | h2 | h3) echo "10.$net.0.1${1#h}" ;;
    bastion) echo "10.$net.0.20" ;;
    cert) echo "10.$net.0.21" ;;
    inner) echo "10.$net.1.30" ;;
  esac
}

networks() {
  local try
  for try in 1 2 3; do
    net=$(choose) || die "no free 10.N.0.0/16 for the lab"
    docker network create --label midwatch.lab="$id" --label midwatch.lab.tree="$tree" --subnet "10.$net.0.0/24" "$tag" >/dev/null &&
      docker network create --label midwatch.lab="$id" --label midwatch.lab.tree="$tree" --subnet "10.$net.1.0/24" "$tag-inner" >/dev/null && return 0
    docker network rm "$tag" >/dev/null 2>&1
    sleep 1
  done
  cannot "docker network create does not work: $(docker network create --label midwatch.lab="$id" --subnet 10.250.0.0/24 "$tag" 2>&1 | tail -1)"
}

# ---- hosts --------------------------------------------------------------------------------------

host() { # NAME: one container that boots systemd
  local h=$1 c="$tag-$1" n args=()
  n=${h#h}
  args=(--name "$c" --hostname "$h" --label midwatch.lab="$id" --label midwatch.lab.tree="$tree" --label midwatch.lab.host="$h"
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined --tmpfs /run:exec,mode=755 --tmpfs /tmp:exec
    -v /sys/fs/cgroup:/sys/fs/cgroup:rw --cgroupns host --shm-size 16m -v "$c-journal:/var/log/journal")
  docker volume create --label midwatch.lab="$id" --label midwatch.lab.tree="$tree" "$c-journal" >/dev/null || return 1
  if [ "$privileged" = yes ]; then
    args+=(--privileged)
  else
    args+=(--cap-add SYS_ADMIN --security-opt systempaths=unconfined)
  fi
  case $h in
    inner) args+=(--network "$tag-inner" --ip "$(ip_of "$h")") ;;
    *) args+=(--network "$tag" --ip "$(ip_of "$h")") ;;
  esac
  case $h in
    cert) args+=(--cap-add NET_ADMIN --cap-add NET_RAW) ;; # a test starts an engine there, which listens on TCP
    h[0-9])
      docker volume create --label midwatch.lab="$id" --label midwatch.lab.tree="$tree" "$c-docker" >/dev/null || return 1
      args+=(-v "$c-docker:/var/lib/docker" --cap-add NET_ADMIN --cap-add NET_RAW --cap-add SYS_PTRACE)
      [ -e /dev/fuse ] && args+=(--device /dev/fuse)
      printf '{"exec-opts":["native.cgroupdriver=systemd"],"bip":"10.%d.%d.1/24","default-address-pools":[{"base":"10.%d.%d.0/20","size":24}]}\n' \
        "$net" $((100 + n)) "$net" $((112 + 16 * n)) >"$state/hosts/$h/daemon.json"
      ;;
  esac
  docker create "${args[@]}" "$image" /sbin/init >/dev/null || return 1
  [ "$h" = bastion ] && { docker network connect --ip "10.$net.1.20" "$tag-inner" "$c" || return 1; }
  docker cp -q "$state/hosts/$h/." "$c:/lab" >/dev/null 2>&1 || docker cp "$state/hosts/$h/." "$c:/lab" >/dev/null || return 1
  docker cp "$state/svc" "$c:/usr/local/bin/svc" >/dev/null 2>&1 || return 1
  docker start "$c" >/dev/null
}

ssh_to() { timeout 15 ssh -n -F "$state/ssh_config" "$@"; }

boots() { # NAME: systemd answers and says that it is done
  case $(docker exec "$tag-$1" systemctl is-system-running 2>/dev/null) in running | degraded) ;; *) return 1 ;; esac
}

engine_ok() { timeout 20 docker exec "$tag-$1" docker version --format '{{.Server.Version}}'; }

# engine NAME: the host's own engine runs, with the storage driver it likes or with one that always works.
engine() {
  until_ok 120 engine_ok "$1" && return 0
  say "$1: its engine does not come up; trying the vfs storage driver"
  docker exec "$tag-$1" sh -c "sed -i 's/^{/{\"storage-driver\":\"vfs\",/' /etc/docker/daemon.json && systemctl reset-failed docker containerd; systemctl restart docker" || true
  until_ok 120 engine_ok "$1" && return 0
  docker exec "$tag-$1" journalctl -u docker -n 8 --no-pager 2>&1 | tail -8
  return 1
}

# plug NAME: the compose plugin works there, in a version that knows "!reset null". Prints the version.
plug() {
  local c="$tag-$1" dir=/usr/local/lib/docker/cli-plugins version
  docker exec "$c" mkdir -p $dir && docker exec -i "$c" sh -c "cat >$dir/docker-compose && chmod 755 $dir/docker-compose" <"$plugin" || return 1
  version=$(docker exec "$c" docker compose version --short) || return 1
  [ "$(printf '%s\n' 2.24.4 "$version" | sort -V | head -1)" = 2.24.4 ] || return 1
  printf %s "$version"
}

# fill NAME: the image of the test services and the containers every engine host has.
fill() {
  local c="$tag-$1"
  tar -C "$state" --owner=0 --group=0 -c svc | docker exec -i "$c" docker import \
    --change 'ENTRYPOINT ["/svc"]' --change 'CMD ["serve"]' --change 'EXPOSE 8080' --change 'LABEL lab=svc' - lab/svc:1 >/dev/null || return 1
  # nginx as a container: that part of the host's own file system which it needs, links and what they mean.
  docker exec "$c" sh -ec '
    {
      printf "/%s\n" bin sbin lib lib64 etc/passwd etc/group etc/nsswitch.conf etc/nginx/mime.types var/lib/nginx/body var/log/nginx
      for f in /usr/sbin/nginx /usr/bin/dash /usr/bin/sh /usr/bin/ls /usr/bin/cat; do echo "$f"; ldd "$f" | grep -o "/[^ ]*"; done
      ls /lib/*/libnss_files.so.2 /lib/*/libnss_dns.so.2
    } | while read -r f; do echo "$(readlink -f "${f%/*}/")/${f##*/}"; readlink -f "$f"; done | sed "s,^//*,," | sort -u |
      tar -C / -c --no-recursion -T - 2>/dev/null |
      docker import --change "CMD [\"/usr/sbin/nginx\",\"-g\",\"daemon off;\"]" --change "LABEL lab=nginx" - lab/nginx:1' >/dev/null || return 1
  # A health check with an argv: the image has no shell that --health-cmd could use.
  docker exec "$c" sh -c 'printf "FROM lab/svc:1\nHEALTHCHECK --interval=2s --timeout=2s --retries=2 CMD [\"/svc\", \"health\"]\n" | docker build -q -t lab/svc:health -' >/dev/null || return 1
  docker exec "$c" sh -ec '
    project="--label com.docker.compose.project=shop --label com.docker.compose.oneoff=False"
    docker run -d --name shop-web-1 $project --label com.docker.compose.service=web --restart unless-stopped -p 8080:8080 \
      --tmpfs /tmp lab/svc:health serve
    docker run -d --name shop-worker-1 $project --label com.docker.compose.service=worker --restart unless-stopped lab/svc:1 log -every 1s
    docker run -d --name victim lab/svc:1 log -every 1s
    docker run -d --name loop --restart always lab/svc:1 crash -after 3s -code 3
    docker run -d --name done lab/svc:1 crash -after 0s -code 4' >/dev/null || return 1
}

up() {
  umask 077 # keys and a password are written
  mkdir -p "$root" || die "no directory $root"
  [ "$(id -u)" -eq 0 ] || cannot "needs root"
  command -v docker >/dev/null || cannot "the docker command is not installed"
  command -v ssh-keygen >/dev/null || cannot "ssh-keygen is not installed"
  timeout 30 docker info >/dev/null 2>&1 || cannot "no Docker Engine answers on the local socket"
  exec 9>"$root/$id.lock"
  flock -w 600 9 || die "another lab.sh of this tree is at work"
  remove "$id"
  stale
  mkdir -p "$state" && chmod 700 "$root" "$state" || die "no directory $state"
  rm -f "$state/cannot"
  local t=$SECONDS h list=() have_engine have_compose privileged=no net image base plugin
  images
  compose || plugin=
  networks
  say "network 10.$net.0.0/24, images after $((SECONDS - t)) s"
  keys
  (cd "$tree" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$state/svc" ./testdata/lab/svc) || die "the test service does not build"

  # The first host tells which way of starting works here.
  host h1 && until_ok 90 boots h1 || {
    docker logs "$tag-h1" 2>&1 | tail -5
    say "systemd does not start with single capabilities; trying --privileged"
    docker rm -f -v "$tag-h1" >/dev/null 2>&1
    privileged=yes
    host h1 && until_ok 90 boots h1 || { docker logs "$tag-h1" 2>&1 | tail -5; cannot "systemd does not start in a container here"; }
  }
  for h in "${engines[@]}" "${lights[@]}"; do
    [ "$h" = h1 ] || host "$h" || die "docker does not start $h"
  done
  for h in "${engines[@]}" "${lights[@]}"; do
    until_ok 180 boots "$h" || { docker exec "$tag-$h" systemctl list-jobs; die "$h does not finish booting"; }
    until_ok 90 ssh_to "$h" true || { ssh_to -v "$h" true 2>&1 | tail -15; die "$h does not answer ssh"; }
  done
  if command -v iptables >/dev/null && iptables -w 10 -I OUTPUT -d "$(ip_of inner)" -m comment --comment "$tag" -j REJECT; then :; else
    say "no iptables: inner can be reached directly too, and no host can be cut off"
  fi
  say "hosts answer ssh after $((SECONDS - t)) s"
  for h in "${engines[@]}" "${lights[@]}"; do
    have_engine=false have_compose=
    case $h in h[0-9])
      if engine "$h" && fill "$h"; then have_engine=true; else say "WARNING: $h has no working Docker Engine; tests that need it will skip"; fi
      if [ $have_engine = true ] && [ -n "$plugin" ]; then
        have_compose=$(plug "$h") || { have_compose=; say "WARNING: $h: docker compose does not work; tests that need it will skip"; }
      fi
      ;;
    esac
    list+=("{\"name\":\"$h\",\"container\":\"$tag-$h\",\"address\":\"$(ip_of "$h")\",\"engine\":$have_engine,\"compose\":\"$have_compose\"}")
  done
  local IFS=,
  printf '{"id":"%s","tag":"%s","dir":"%s","hosts":[%s]}\n' "$id" "$tag" "$state" "${list[*]}" >"$state/lab.json.part"
  mv "$state/lab.json.part" "$state/lab.json"
  say "up after $((SECONDS - t)) s; make lab-test runs the tests, make lab-down removes it"
}

down() {
  command -v docker >/dev/null || { rm -rf "$state"; exit 0; }
  mkdir -p "$root"
  exec 9>"$root/$id.lock"
  flock -w 600 9 || die "another lab.sh of this tree is at work"
  remove "$id"
  docker images --filter label=midwatch.lab.image --format '{{.Repository}}:{{.Tag}}' | xargs -r docker rmi >/dev/null 2>&1
  say "down"
}

case ${1-} in
  up) up ;;
  down) down ;;
  state) echo "$state" ;;
  status)
    docker ps -a --filter "label=midwatch.lab=$id" --format 'table {{.Label "midwatch.lab.host"}}\t{{.Status}}\t{{.Names}}'
    echo "ssh -F $state/ssh_config HOST"
    ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
