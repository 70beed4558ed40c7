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
journal ci-janitor.service >/root/journal
grep 'shop: removed service shop_web (com.docker.stack.namespace=shop)' /root/journal
grep 'shop: reaped: ' /root/journal
job again :
volume again
kill_job again
wait_for is_gone again
journal ci-janitor.service >/root/journal
grep 'again: removed volume again_data' /root/journal
no_drop_in ci-janitor.timer
systemctl restart ci-janitor.timer
[ "$(objects live) $(objects hidden)" = 'live_data hidden_data' ]
systemctl is-active live hidden
systemctl stop live hidden
wait_for is_gone live
docker volume rm hidden_data
