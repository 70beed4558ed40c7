# shellcheck shell=sh
# The timer fires, and what the dead run left on the engine is gone; the live ones keep all of theirs.
job live :
volume live
job hidden :
volume hidden
rm "$(lockfile hidden)"
job shop :
deploy shop
kill_job shop
drop_in ci-janitor.timer <<'END'
[Timer]
OnActiveSec=
OnActiveSec=1s
OnUnitInactiveSec=1s
RandomizedDelaySec=0
AccuracySec=100ms
END
systemctl restart ci-janitor.timer
wait_for is_gone shop
wait_for has_said ci-janitor.service 'shop: removed service shop_web (com.docker.stack.namespace=shop)'
wait_for has_said ci-janitor.service 'shop: reaped: '
job again :
volume again
kill_job again
wait_for is_gone again
wait_for has_said ci-janitor.service 'again: removed volume again_data'
no_drop_in ci-janitor.timer
systemctl restart ci-janitor.timer
[ "$(objects live) $(objects hidden)" = 'live_data hidden_data' ]
systemctl is-active live hidden
systemctl stop live hidden
wait_for is_gone live
docker volume rm hidden_data
