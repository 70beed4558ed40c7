# shellcheck shell=sh
# What the sandbox shuts is shut, /proc/self/status says which capabilities are left in it.
cat >/root/look <<'END'
#!/bin/sh
grep -E '^(Cap(Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status | tr '\t' ' '
for file in /etc/x /usr/x /root/x /srv/x /sys/kernel/x /var/lib/x; do
	if touch "$file"; then echo "wrote $file"; fi
done
for file in /run/lock/x /var/tmp/x /tmp/x; do
	if touch "$file" && rm "$file"; then echo "wrote $file"; fi
done
if unshare -U true; then echo namespaces; fi
if setpriv --inh-caps=-all true; then echo capset; fi
if [ -e /tmp/hers ]; then echo 'sees /tmp'; fi
if [ -e /var/tmp/hers ]; then echo 'sees /var/tmp'; fi
ls /sys/class/net
echo "$(readlink /proc/1/exe) is visible"
END
chmod 755 /root/look
touch /tmp/hers /var/tmp/hers
drop_in ci-janitor.service <<'END'
[Service]
ExecStartPre=/root/look
StandardOutput=append:/root/saw
StandardError=null
END
systemctl start ci-janitor.service
no_drop_in ci-janitor.service
rm /var/tmp/hers
cat >/root/expected <<'END'
CapEff: 0000000000080022
CapBnd: 0000000000080022
CapAmb: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
wrote /run/lock/x
wrote /var/tmp/x
wrote /tmp/x
sees /var/tmp
lo
/usr/lib/systemd/systemd is visible
END
head -n 11 /root/saw | diff /root/expected -
