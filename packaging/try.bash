# What try-deb and try-rpm share: a Debian of its own, booted, in which the
# services capture. To be sourced; the caller has set package and base.
work=$(mktemp -d /var/tmp/spanfix-try.XXXXXX)
root=$work/root
leader=
trap '[ -z "$leader" ] || kill -KILL "$leader" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$1"; }
fail() {
  [ ! -s "$work/boot" ] || tail -5 "$work/boot" >&2
  echo "$(basename "$0"): $1" >&2
  exit 1
}
until_true() {
  for _ in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "waited a minute in vain for: $*"
}

make_root() {
  step 'a Debian'
  [ -e "$base" ] || mmdebstrap --quiet --variant=minbase \
    --include=systemd,systemd-sysv,dbus,iproute2 bookworm "$base"
  mkdir "$root"
  tar -xf "$base" -C "$root"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
}

# After the installation of the package.
look_at_it() {
  chroot "$root" spanfix --version
  chroot "$root" spanfix --check-config
  [ ! -e "$root/etc/systemd/system/multi-user.target.wants/spanfix.service" ] ||
    fail 'the service is enabled before anybody said which interface'
}

inside() { timeout 60 nsenter -t "$leader" -m -u -i -n -p -C -r -w "$@"; }

# A machine of its own but for the kernel; nothing here asks for a bus.
boot() {
  step 'boot'
  systemd-nspawn --quiet --keep-unit --register=no --resolv-conf=off --timezone=off \
    --private-network --directory="$root" --boot </dev/null >"$work/boot" 2>&1 &
  nspawn=$!
  init() { leader=$(pgrep -P "$nspawn" | head -1); [ -n "$leader" ]; }
  until_true init
  init
  until_true inside systemctl is-active multi-user.target
  inside ip link set lo up
}

start() {
  inside systemctl start "$1" || {
    inside journalctl -q -o cat -u "$1" | tail -8 >&2
    fail "$1 does not start"
  }
}

# capture UNIT DIRECTORY: three datagrams on lo are in its summary and its file.
capture() {
  printf '%s\n' 'interface = lo' "write = $2/flows.ipfix" 'filter = udp port 9' \
    >"$root/etc/spanfix/spanfix.conf"
  chmod 644 "$root/etc/spanfix/spanfix.conf"  # as installed
  step "capture: $1"
  start "$1"
  pid=$(inside systemctl show "$1" -p MainPID --value)
  inside grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$pid/status"
  inside systemctl reload "$1"
  for _ in 1 2 3; do inside bash -c 'echo hello >/dev/udp/127.0.0.1/9'; done
  inside systemctl stop "$1"
  inside journalctl -q -o cat -u "$1" | tee "$work/journal"
  grep -q '^packets seen 3 = in records 3 + left out 0' "$work/journal" ||
    fail "$1 did not see three packets"
  grep -q '^reloaded: nothing changed' "$work/journal" || fail "$1 did not reload"
  inside test -s "$2/flows.ipfix" || fail "$1 wrote no file"
  [ "$(inside systemctl show "$1" -p Result --value)" = success ] || fail "$1 failed"
}

# The answer of --http there.
ask() {
  inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/9995
    printf "GET %s HTTP/1.0\r\n\r\n" "$1" >&3; cat <&3' - "$1"
}

# secrets UNIT: it may read a key that nobody else may, and so may it its config.
secrets() {
  step "secrets: $1"
  inside groupadd --system --force flow-keys
  local drop_in=/run/systemd/system/$1.service.d
  inside install -d /etc/flow-keys "$drop_in"
  printf '%s\n' '[Service]' 'SupplementaryGroups=flow-keys' | inside tee "$drop_in/keys.conf"
  inside systemctl daemon-reload
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=collector -addext subjectAltName=DNS:collector \
    -keyout "$root/etc/flow-keys/probe.key" -out "$root/etc/flow-keys/probe.pem" 2>/dev/null
  inside chgrp flow-keys /etc/flow-keys/probe.key /etc/spanfix/spanfix.conf
  inside chmod 640 /etc/flow-keys/probe.key /etc/spanfix/spanfix.conf
}

# spool UNIT DIRECTORY: what brokers and a collector that are away cannot have
# waits below it, and the next run delivers it, by TLS with a certificate.
spool() {
  local keys=/etc/flow-keys/probe
  grep -q collector "$root/etc/hosts" 2>/dev/null || echo '127.0.0.1 collector' >>"$root/etc/hosts"
  printf '%s\n' 'interface = lo' 'filter = udp port 9' "spool = $2/spool" 'http = 127.0.0.1:9995' \
    'collector = kafka://collector:9092/flows' \
    "collector = tls://collector:4740?ca=$keys.pem&cert=$keys.pem&key=$keys.key" \
    >"$root/etc/spanfix/spanfix.conf"
  secrets "$1"
  step "spool, --http: $1"
  start "$1"
  healthy() { ask /healthz | grep '^HTTP/1.[01] 200'; }
  until_true healthy
  for _ in 1 2 3; do inside bash -c 'echo hello >/dev/udp/127.0.0.1/9'; done
  inside systemctl stop "$1"
  inside journalctl -q -o cat -u "$1" | tail -20 | tee "$work/journal"
  for collector in kafka tls; do
    grep -q "^records made 3 = sent 0 + dropped 0 + spooled 3 to $collector:" "$work/journal" ||
      fail "$1 spooled nothing for $collector:"
  done

  # The host's program, on the machine's network.
  nsenter -t "$leader" -n openssl s_server -accept 127.0.0.1:4740 -quiet -naccept 1 -Verify 1 \
    -CAfile "$root$keys.pem" -cert "$root$keys.pem" -key "$root$keys.key" \
    < <(sleep 600) >"$work/received" 2>/dev/null &
  server=$!
  start "$1"
  delivered() {
    ask /metrics | grep '^spanfix_collector_records_of_earlier_runs_spooled{collector="tls:.* 0$'
  }
  until_true delivered
  inside systemctl stop "$1"
  wait "$server"
  inside journalctl -q -o cat -u "$1" | tail -20 | tee "$work/journal"
  grep -q ' to tls:.*; from the spool of earlier runs 3 = sent 3 + dropped 0$' "$work/journal" ||
    fail "$1 did not deliver what it had spooled"
  grep -q ' to kafka:.*; from the spool of earlier runs 3 = sent 0 + dropped 0 + spooled 3$' \
    "$work/journal" || fail "$1 did not keep what it had spooled"
  [ -s "$work/received" ] || fail 'nothing arrived'
}

# Of spanfix@lo, which runs afterwards.
hang() {
  step 'hang'
  start spanfix@lo
  inside systemctl kill -s STOP spanfix@lo
  restarted() {
    [ "$(inside systemctl show spanfix@lo -p NRestarts --value)" = 1 ] &&
      inside systemctl is-active spanfix@lo
  }
  until_true restarted
  echo 'started again'
}

# upgrade COMMAND...: after it, spanfix@lo runs the new program.
upgrade() {
  step 'upgrade'
  pid=$(inside systemctl show spanfix@lo -p MainPID --value)
  "$@"
  inside systemctl is-active spanfix@lo
  [ "$(inside systemctl show spanfix@lo -p MainPID --value)" != "$pid" ] ||
    fail 'the service still runs the old program'
}

# After the package was removed: neither service nor file nor user.
nothing_is_left() {
  inside systemctl is-active --quiet spanfix@lo && fail 'the service still runs'
  left=$(cd "$root" && find etc usr lib var -xdev -name '*spanfix*')
  [ -z "$left" ] || fail "left behind: $left"
  inside getent passwd spanfix && fail 'left a user behind'
  echo 'nothing is left'
}
