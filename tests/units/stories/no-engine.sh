# shellcheck shell=sh
# Installed by `make install` and enabled as the README says, on a machine without an engine.
[ -z "$(systemd-analyze verify --man=no ci-janitor.service ci-janitor.timer ci-janitor-boot.service \
	ci-janitor-boot.timer 2>&1)" ]
wait_for test -d /run/ci-janitor # the boot may not be done yet
[ "$(stat -c '%a %U' /run/ci-janitor)" = '755 root' ]
ci-janitor doctor >/root/doctor || true
grep 'ci-janitor.timer is not active' /root/doctor
systemctl enable --now ci-janitor.timer ci-janitor-boot.timer
ci-janitor doctor >/root/doctor || true
grep 'ci-janitor.timer is active' /root/doctor
systemctl start ci-janitor.service ci-janitor-boot.service
wait_for all_units_run
