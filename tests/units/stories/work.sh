# shellcheck shell=sh
# All that a sweep ever does, in the sandbox: other users' processes, in a cgroup and outside of any; the
# scratch directory; metrics; and for which there are drop-ins: files, hooks, an engine on tcp://.
systemctl stop ci-janitor.timer ci-janitor-boot.timer
useradd -m worker
mkdir -p /srv/apps /srv/saved /var/lib/prometheus/node-exporter
cat >/usr/local/bin/save <<'END'
#!/bin/sh
grep ^CapEff /proc/self/status >"/srv/saved/$CI_JANITOR_HOOK"
END
chmod 755 /usr/local/bin/save
configure <<'END'
[app]
files = /srv/apps/{app}.env
[reap]
before = /usr/local/bin/save
after = /usr/local/bin/save
[report]
metrics = /var/lib/prometheus/node-exporter/ci-janitor.prom
END
touch /srv/apps/shop.env /srv/apps/other.env
as_worker='setpriv --reuid worker --regid worker --init-groups'
job shop "$as_worker sleep 7001 &
sh -c 'echo \$\$ >/sys/fs/cgroup/cgroup.procs; exec $as_worker sleep 7002' &" root --scratch
volume shop
wait_for pgrep -u worker -f '^sleep 7001'
wait_for pgrep -u worker -f '^sleep 7002'
kill_job shop
pgrep -u worker -f 'sleep 7001'
pgrep -u worker -f 'sleep 7002'
grep '^0::/$' "/proc/$(pgrep -u worker -f 'sleep 7002')/cgroup"
[ "$(find /var/tmp -maxdepth 1 -name '*.*' -perm 700 -not -name 'systemd-*' | wc -l)" = 1 ]

# Hooks and files fail loudly without their drop-in: nothing is forgotten.
if systemctl start ci-janitor.service; then exit 1; fi
wait_for has_said ci-janitor.service 'unable to set the capabilities of /usr/local/bin/save'
[ -e "$(lockfile shop)" ]
[ "$(objects shop)" = shop_data ]
drop_in ci-janitor.service <<'END'
[Service]
SystemCallFilter=capset
ReadWritePaths=/srv/saved
END
if systemctl start ci-janitor.service; then exit 1; fi
wait_for has_said ci-janitor.service 'Read-only file system'
journal ci-janitor.service | grep 'unable to remove .*shop.env.*Read-only file system'
[ -e "$(lockfile shop)" ]
drop_in ci-janitor.service <<'END'
[Service]
SystemCallFilter=capset
ReadWritePaths=/srv/saved /srv/apps
END
systemctl start ci-janitor.service
is_gone shop
[ "$(ls /srv/apps)" = other.env ]
[ "$(cat /srv/saved/before /srv/saved/after | sort -u)" = "CapEff:	0000000000000000" ]
# Zombies aside, which its new parent may not have looked at.
if pgrep -u worker -r D,I,R,S,T,t; then exit 1; fi
[ -z "$(find /var/tmp -maxdepth 1 -name '*.*' -perm 700 -not -name 'systemd-*')" ]
grep 'ci_janitor' /var/lib/prometheus/node-exporter/ci-janitor.prom >/dev/null
[ -z "$(find /sys/fs/cgroup -path '*ci-janitor/*' -type d)" ]

configure <<'END'
[engine]
host = tcp://127.0.0.1:2375
END
job shop :
volume shop
kill_job shop
if systemctl start ci-janitor.service; then exit 1; fi
[ "$(systemctl show -P ExecMainStatus ci-janitor.service)" = 69 ]
drop_in ci-janitor.service <<'END'
[Service]
PrivateNetwork=no
IPAddressDeny=
RestrictAddressFamilies=AF_INET AF_INET6
END
systemctl start ci-janitor.service
is_gone shop

no_drop_in ci-janitor.service
configure </dev/null
systemctl start ci-janitor.timer
