# shellcheck shell=sh
# The words in which the stories are told. A story runs by `sh -ex` as root of the machine, after these.

# The trace shows a last try that fails. What has come true once need not stay so.
wait_for() { # COMMAND...
	{ set +x; } 2>/dev/null
	tries=0
	while ! "$@"; do
		if [ "$tries" -ge 300 ]; then
			set -x
			"$@"
			return
		fi
		tries=$((tries + 1))
		sleep 0.2
	done
	set -x
}

drop_in() { # UNIT, with the text as standard input
	mkdir -p "/etc/systemd/system/$1.d"
	cat >"/etc/systemd/system/$1.d/test.conf"
	systemctl daemon-reload
}

no_drop_in() { # UNIT
	rm -r "/etc/systemd/system/$1.d"
	systemctl daemon-reload
}

configure() { # with the text as standard input
	cat >/etc/ci-janitor/ci-janitor.conf
}

# A job as a CI agent's: a unit, whose other processes survive when the main one is killed.
job() { # APP COMMAND [USER [OPTION]]
	rm -f "/tmp/$1.up"
	printf '%s\n' "$2" "touch /tmp/$1.up" 'exec sleep infinity' >"/tmp/$1.job"
	# shellcheck disable=SC2086 # an option or none
	systemd-run -q --collect -u "$1" -p KillMode=process -p "User=${3:-root}" \
		ci-janitor run "$1" ${4:-} -- sh -e "/tmp/$1.job"
	wait_for test -e "/tmp/$1.up"
}

volume() { # APP
	docker volume create --label "com.docker.stack.namespace=$1" "$1_data"
}

kill_job() { # APP
	systemctl kill -s KILL --kill-whom=main "$1"
	wait_for is_dead "$1"
}

is_dead() { # APP
	! ci-janitor status "$1"
}

lockfile() { # APP
	ci-janitor path "$1"
}

# A stack with a service that runs, a volume and a secret.
deploy() { # NAME
	cat >/root/stack.yml <<-END
		version: "3.8"
		services: { web: { image: "$(cat /root/image)", volumes: [ "data:/data" ], secrets: [ token ] } }
		volumes: { data: {} }
		secrets: { token: { file: /etc/hostname } }
	END
	docker stack deploy --resolve-image never -c /root/stack.yml "$1" >/dev/null
	wait_for runs "$1"
}

runs() { # NAME
	[ -n "$(docker ps -q -f "label=com.docker.stack.namespace=$1")" ]
}

objects() { # NAME
	for kind in service volume secret; do
		docker "$kind" ls -q -f "label=com.docker.stack.namespace=$1"
	done
	docker ps -aq -f "label=com.docker.stack.namespace=$1"
}

is_gone() { # APP
	[ ! -e "$(lockfile "$1")" ] && [ -z "$(objects "$1")" ]
}

journal() { # UNIT
	journalctl --sync
	journalctl -q --no-pager -o cat -u "$1"
}

# A line is written after the deed, and journald takes its time.
has_said() { # UNIT TEXT
	journal "$1" | grep -F "$2"
}

# Not before everything that the boot has begun is done.
all_units_run() {
	[ "$(systemctl is-system-running)" = running ]
}
