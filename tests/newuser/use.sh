# shellcheck shell=bash disable=SC1090,SC2016,SC2030,SC2031 # lines of the README, for eval
set -euo pipefail
# Without a network, after a reboot: what a CI job does, and a timer.
mkdir -p /root/job
cd /root/job
systemctl start docker
docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377 >/dev/null
cc -O2 -static -o app "$CLONE/tests/fixture/app.c"
tar -c app | docker import -c 'ENTRYPOINT ["/app"]' -c 'CMD ["polite"]' - app:latest >/dev/null
cat >stack.yml <<END
version: "3.8"
services: { web: { image: "$(docker image inspect -f '{{.Id}}' app:latest)", volumes: [ "data:/data" ] } }
volumes: { data: {} }
END
deploy=$(line 'docker stack deploy')
# A service has its container and its volume a while after it was made.
is_up='until [ -n "$(docker ps -q -f status=running -f "label=com.docker.stack.namespace=$CI_APP")" ]; do sleep 0.2; done'
printf '%s\n' '#!/bin/sh' 'set -e' "$deploy" "$is_up" 'touch deployed' 'exec $TEST' >deploy-and-test.sh
printf '%s\n' '#!/bin/sh' 'test -n "$(docker ps -q -f "label=com.docker.stack.namespace=$CI_APP")"' >test.sh
chmod 755 deploy-and-test.sh test.sh

path=$(quoted 'ci-janitor path')

objects() { # APP
	docker service ls -q -f "label=com.docker.stack.namespace=$1"
	docker ps -aq -f "label=com.docker.stack.namespace=$1"
	docker volume ls -q -f "label=com.docker.stack.namespace=$1"
	docker network ls -q -f "label=com.docker.stack.namespace=$1"
}

is_gone() { # APP
	[ -z "$(objects "$1")" ] && [ ! -e "$($path "$1")" ]
}

dead_run() { # the README's, with PR_NUMBER
	rm -f deployed
	(export TEST='sleep 1000' && eval "$(line 'APP=shop-pr-$PR')" && eval "exec $(line 'ci-janitor run "$APP" --sweep --if-held=wait -- ')") &
	wait_for test -e deployed
	kill -KILL $!
	wait $! || true
}

export PR_NUMBER=7 TEST=true
paste 'APP=shop-pr-$PR'
paste 'ci-janitor run "$APP" --sweep --if-held=wait -- '
is_gone shop-pr-7 || fail "shop-pr-7 is left"
dead_run
[ "$(objects shop-pr-7 | wc -l)" -eq 4 ] || fail "shop-pr-7 has $(objects shop-pr-7)"
paste 'ci-janitor sweep --dry-run'
paste 'ci-janitor reap shop-pr-7'
is_gone shop-pr-7 || fail "shop-pr-7 is left by reap"
dead_run
by_hand=$(quoted 'ci-janitor --host URL reap')
by_hand=${by_hand/URL/unix:///var/run/docker.sock}
say "$by_hand"
${by_hand/APP/shop-pr-7}
is_gone shop-pr-7 || fail "shop-pr-7 is left by reap --host"
dead_run
cron=$(line '* * * * * ')
eval "${cron#'* * * * * '}"
is_gone shop-pr-7 || fail "shop-pr-7 is left by the line for cron"

GITHUB_ENV=/root/job/env
hold=$(line 'ci-janitor hold "shop-pr-')
hold=${hold/'${{ github.event.number }}'/8}
say "$hold"
eval "$hold"
set -a
. "$GITHUB_ENV"
set +a
ci-janitor status "$CI_APP"
eval "$deploy"
eval "$is_up"
paste './test.sh' || fail "the stack isn't up"
paste 'ci-janitor release "$CI_APP"'
is_gone shop-pr-8 || fail "shop-pr-8 is left by release"
mapfile -t given < <(cut -d= -f1 "$GITHUB_ENV")
unset "${given[@]}"

paste 'export $(ci-janitor hold shop' quoted
[ "$CI_APP" = shop ] || fail "hold --env gave '$CI_APP'"
eval "$deploy"
eval "$is_up"
paste 'ci-janitor release "$CI_APP"'
is_gone shop || fail "shop is left by release"
paste 'journalctl CI_JANITOR_APP=shop' quoted | grep 'removed volume shop_data' || fail "the journal doesn't tell of shop"
paste 'journalctl -t ci-janitor' quoted | grep -q 'removed volume shop_data' || fail "the journal doesn't tell of ci-janitor"
unset "${given[@]}"

# Its blocks of configuration are taken as they stand.
config=/etc/ci-janitor/ci-janitor.conf
awk '/^    \[/ { n++ } /^$/ { on = 0 } /^    \[/ { on = 1 } on { print substr($0, 5) >("/root/job/block" n) }' \
	"$CLONE/README.md"
grep -q app_pattern block*
for block in block*; do
	cp "$block" "$config"
	ci-janitor list >/dev/null || fail "not valid: $(cat "$block")"
	cat "$block" >>"$PASTED"
done
printf '[orphans]\napp_pattern = *-pr-*\nmin_age = 0\n' >"$config"
docker volume create --label com.docker.stack.namespace=old-pr-1 old-pr-1_data >/dev/null
ci-janitor list --orphans | grep old-pr-1 || fail "list doesn't show old-pr-1"
paste 'ci-janitor sweep --orphans'
is_gone old-pr-1 || fail "old-pr-1 is left"
rm "$config"

said_by() { # UNIT PATTERN
	journalctl -q --no-pager -o cat -u "$1" | grep "$2"
}

dead_run
paste 'systemctl enable --now ci-janitor.timer'
ci-janitor doctor | grep 'ci-janitor.timer is active' || fail "doctor doesn't see the timer"
wait_for said_by ci-janitor.service 'shop-pr-7: reaped'
is_gone shop-pr-7 || fail "shop-pr-7 is left by the timer"
paste 'systemctl enable --now ci-janitor-boot.timer'
wait_for said_by ci-janitor-boot.service '^[0-9]* locks*: '
systemd-analyze security --no-pager ci-janitor.service | tail -n 1

# Two nodes: this machine's engine, and another one, which sshd's commands see.
echo '127.0.0.1 node2' >>/etc/hosts
mkdir -p /run/sshd /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
printf 'StrictHostKeyChecking accept-new\n' >/root/.ssh/config
printf 'SetEnv DOCKER_HOST=unix:///run/node2/docker.sock\n' >>/etc/ssh/sshd_config
systemctl restart ssh
systemd-run -q --unit=node2 -p PrivateNetwork=yes dockerd --data-root /var/lib/docker/node2 --exec-root /run/node2/exec \
	-p /run/node2/pid -H unix:///run/node2/docker.sock --bridge none
wait_for ssh node2 docker version >/dev/null 2>&1
cd "$CLONE"
paste 'docker import'
paste 'docker save'
here=$(paste 'docker image inspect')
there=$(DOCKER_HOST=unix:///run/node2/docker.sock paste 'docker image inspect')
[ "$here" = "$there" ] || fail "the image is $here here, $there there"
docker run --rm --network none "$here" /ci-janitor --version
