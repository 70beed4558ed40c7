#!/usr/bin/env python3
"""ask.py SERVER DASHBOARD RULES: every expression of the dashboard has an answer on that Prometheus,
and every alert of the file is evaluated there without an error."""
import json
import re
import sys
import urllib.parse
import urllib.request


def get(server, path, **parameters):
    url = f"http://{server}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def main(server, dashboard, rules):
    with open(dashboard, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    for expression in expressions:
        # With what Grafana puts there. An increase() has no data before the second scrape.
        ready = expression.replace("$instance", ".*")
        if not get(server, "query", query=ready)["result"]:
            sys.exit(f"no data: {ready}")
    alerts = [rule for group in get(server, "rules")["groups"] for rule in group["rules"]]
    with open(rules, encoding="utf-8") as file:
        wanted = re.findall(r"- alert: (\w+)", file.read())
    if sorted(alert["name"] for alert in alerts) != sorted(wanted):
        sys.exit("the server has other alerts")
    for alert in alerts:
        if alert["health"] != "ok":
            sys.exit(f"{alert['name']}: {alert['health']}: {alert.get('lastError')}")
    states = {alert["name"]: alert["state"] for alert in alerts}
    if states["CiJanitorLeftovers"] != "pending":
        sys.exit(f"an app is left, and its alert is {states['CiJanitorLeftovers']}")
    print(f"{len(expressions)} expressions have data, {len(alerts)} alerts are evaluated")


main(*sys.argv[1:])
