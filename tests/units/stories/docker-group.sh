# shellcheck shell=sh
# Without root: a user in the group docker, and lockfiles that are another group's.
groupadd ci
useradd -m -G docker,ci amy
useradd -m -G docker,ci bob
mkdir -m 770 /run/ci-locks
chgrp ci /run/ci-locks
cat >/etc/ci-janitor/ci-janitor.conf <<'END'
[lock]
dir = /run/ci-locks
group = ci
trusted_owners = amy bob
END
as() { # USER COMMAND...
	user=$1
	shift
	HOME=/ setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs "$@"
}
as amy ci-janitor run shop -- docker volume create --label com.docker.stack.namespace=shop shop_data
is_gone shop
for sweeper in amy bob; do
	job live : amy
	job shop : amy
	volume live
	volume shop
	kill_job shop
	as "$sweeper" ci-janitor sweep
	is_gone shop
	[ "$(objects live)" = live_data ]
	systemctl stop live
	wait_for is_gone live
done

# The service itself, as such a user.
drop_in ci-janitor.service <<'END'
[Service]
User=bob
ProtectProc=default
ReadWritePaths=/run/ci-locks
END
job live : amy
job shop : amy
volume live
volume shop
kill_job shop
systemctl start ci-janitor.service
is_gone shop
[ "$(objects live)" = live_data ]
systemctl stop live
wait_for is_gone live
no_drop_in ci-janitor.service
configure </dev/null
