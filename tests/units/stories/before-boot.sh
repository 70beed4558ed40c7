# shellcheck shell=sh
# An app is deployed by a run, one by a person; then the power goes.
systemctl is-enabled docker ci-janitor-boot.timer
configure <<'END'
[orphans]
app_pattern = pr-*
min_age = 1s
END
systemctl stop ci-janitor-boot.timer
ci-janitor doctor >/root/doctor || true
grep 'ci-janitor-boot.timer is not active' /root/doctor
systemctl start ci-janitor-boot.timer
ci-janitor doctor >/root/doctor || true
grep 'ci-janitor-boot.timer is active' /root/doctor
drop_in ci-janitor-boot.timer <<'END'
[Timer]
OnBootSec=
OnBootSec=1s
OnUnitInactiveSec=2s
RandomizedDelaySec=0
AccuracySec=100ms
END
deploy production
job pr-7 :
deploy pr-7
