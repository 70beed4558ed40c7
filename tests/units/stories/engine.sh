# shellcheck shell=sh
# Debian's own engine, by its own units, with a swarm. /app is tests/fixture/app.c.
echo 'DOCKER_OPTS="-H tcp://127.0.0.1:2375"' >/etc/default/docker
systemctl enable --now docker
docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377
tar -C / -c app | docker import -c 'ENTRYPOINT ["/app"]' -c 'CMD ["polite"]' - app:latest
docker image inspect -f '{{.Id}}' app:latest >/root/image
