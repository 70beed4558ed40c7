#!/bin/sh
# From anywhere, on a Docker host, by ssh: over-ssh.sh HOST APP. By `exec` sshd's session is the parent of
# the run: when the connection breaks, it is told to stop, and tears down.
set -e
exec ssh "$1" "cd /srv/shop && exec ci-janitor run '$2' --sweep --deadline 30m -- ./deploy-and-test.sh"
