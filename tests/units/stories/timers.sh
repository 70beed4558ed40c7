# shellcheck shell=sh
# What the timers' files say is in force. No clock is looked at: systemd's own notes are compared.
property() { # UNIT PROPERTY
	systemctl show -P "$2" "$1"
}

microseconds() { # with time spans as standard input, one a line
	tr '\n' '\0' | xargs -0 systemd-analyze timespan | awk '/s: / { print $2 }'
}

# When that one of a timer's times comes, its jitter left out.
planned() { # TIMER KIND
	property "$1" TimersMonotonic | sed -n "s/.*{ $2=.* ; next_elapse=\(.*\) }/\1/p"
}

for timer in ci-janitor.timer ci-janitor-boot.timer; do
	[ "$(property $timer RandomizedDelayUSec)" = 10s ]
	[ "$(property $timer FixedRandomDelay)" = no ]
	[ "$(property $timer AccuracyUSec)" = 5s ]
	[ "$(property $timer Persistent)" = no ]
done
property ci-janitor.timer TimersMonotonic | grep 'OnActiveUSec=30s '
property ci-janitor.timer TimersMonotonic | grep 'OnUnitInactiveUSec=1min '
property ci-janitor-boot.timer TimersMonotonic | grep 'OnBootUSec=1min '
property ci-janitor-boot.timer TimersMonotonic | grep 'OnUnitInactiveUSec=30min '

# The minute begins when a sweep ends.
a_minute_after_the_sweep() {
	[ "$(planned ci-janitor.timer OnUnitInactiveUSec | microseconds)" = \
		$(($(property ci-janitor.service InactiveEnterTimestampMonotonic) + 60000000)) ]
}
systemctl start ci-janitor.service
wait_for a_minute_after_the_sweep

# Ten delays: all of them within 10 s, and not all in the same second of them.
drop_in ci-janitor.timer <<'END'
[Timer]
OnActiveSec=
OnActiveSec=1h
END
for _ in 1 2 3 4 5 6 7 8 9 10; do
	systemctl restart ci-janitor.timer
	systemctl show -p NextElapseUSecMonotonic -p TimersMonotonic ci-janitor.timer
done | sed -n 's/^NextElapseUSecMonotonic=//p; s/.*{ OnActiveUSec=.* ; next_elapse=\(.*\) }/\1/p' >/root/times
microseconds </root/times | paste - - | awk '{ print $2 - $1 }' | sort -n >/root/delays
cat /root/delays
[ "$(wc -l </root/delays)" = 10 ]
least=$(head -n 1 /root/delays) most=$(tail -n 1 /root/delays)
[ "$least" -ge 0 ]
[ "$most" -le 10000000 ]
[ $((most - least)) -ge 1000000 ]

# It starts the service, once: the next time is an hour later.
systemctl stop ci-janitor.timer
drop_in ci-janitor.timer <<'END'
[Timer]
OnActiveSec=
OnActiveSec=100ms
OnUnitInactiveSec=1h
RandomizedDelaySec=0
AccuracySec=1ms
END
has_ended() {
	[ "$(property ci-janitor.service SubState)" = dead ]
}
has_swept_anew() {
	[ "$(property ci-janitor.service InvocationID)" != "$before" ] && has_ended
}
an_hour_after_the_sweep() {
	[ "$(planned ci-janitor.timer OnUnitInactiveUSec | microseconds)" = \
		$(($(property ci-janitor.service InactiveEnterTimestampMonotonic) + 3600000000)) ]
}
wait_for has_ended
before=$(property ci-janitor.service InvocationID)
systemctl start ci-janitor.timer
wait_for has_swept_anew
wait_for an_hour_after_the_sweep
[ "$(property ci-janitor.timer NextElapseUSecMonotonic)" = \
	"$(planned ci-janitor.timer OnUnitInactiveUSec)" ]

# Nothing is written down of when it elapsed; a timer that does so has a file.
stamp=/var/lib/systemd/timers/stamp-ci-janitor.timer
[ ! -e $stamp ]
drop_in ci-janitor.timer <<'END'
[Timer]
Persistent=yes
END
systemctl restart ci-janitor.timer
wait_for test -e $stamp
no_drop_in ci-janitor.timer
systemctl stop ci-janitor.timer
rm $stamp
systemctl start ci-janitor.timer
[ ! -e $stamp ]
