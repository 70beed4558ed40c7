# shellcheck shell=sh
# After it, no lockfile tells of the run, but the engine has started its app again.
wait_for is_gone pr-7
wait_for has_said ci-janitor-boot.service 'pr-7: orphan: reaped'
wait_for runs production
[ "$(systemctl show -P ActiveEnterTimestampMonotonic docker.service)" -lt \
	"$(systemctl show -P ExecMainStartTimestampMonotonic ci-janitor-boot.service)" ]
wait_for all_units_run
