"""The sections that need a real engine: a private one, with its data on the disk's file system."""
import base64
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURE = HERE + "/../fixture/engine.sh"
API = "/v1.41"
CONNECTIONS = 4
COMPOSE = """
version: '3.8'
services:
  web:
    image: {image}
    command: [stubborn]
    networks: [back]
    volumes: ['data:/data']
    secrets: [one, two]
networks: {{ back: {{ driver: overlay }} }}
volumes: {{ data: {{}} }}
secrets: {{ one: {{ file: {secret} }}, two: {{ file: {secret} }} }}
"""


class Engine:
    def __init__(self, bench):
        self.bench = bench
        self.top = tempfile.mkdtemp(prefix="ci-janitor-bench-engine.")
        self.dir = self.top + "/engine"
        self.socket = self.dir + "/docker.sock"
        self.locks = bench.fresh()

    def __enter__(self):
        os.environ["ENGINE_OWNER"] = str(os.getpid())
        subprocess.run([FIXTURE, "start", self.dir], check=True, stdout=subprocess.DEVNULL)
        os.environ["DOCKER_HOST"] = "unix://" + self.socket
        self.image = subprocess.run([FIXTURE, "import-image", self.dir], check=True,
                                    capture_output=True, text=True).stdout.strip()
        return self

    def __exit__(self, *unused):
        subprocess.run([FIXTURE, "stop", self.dir], check=True)
        shutil.rmtree(self.top, ignore_errors=True)

    def docker(self, *words, check=True):
        return subprocess.run(["docker", *words], capture_output=True, text=True,
                              check=check).stdout

    def fire(self, requests, connections=CONNECTIONS):
        """Seconds that the bare client takes for them."""
        with tempfile.NamedTemporaryFile("w", dir=self.top) as file:
            file.write("\n".join(requests) + "\n")
            file.flush()
            began = time.monotonic()
            done = subprocess.run([self.bench.tool("http"), self.socket, str(connections),
                                   file.name])
            if done.returncode:
                sys.exit("bench: the bare client was refused")
            return time.monotonic() - began

    def die(self, app):
        """Leaves the lockfile of a run that is dead."""
        subprocess.run([self.bench.program, "--lock-dir", self.locks, "run", app, "--no-fresh",
                        "--no-teardown", "--", "true"], check=True)

    def sweep(self):
        """(seconds, peak KiB) of a sweep that leaves nothing."""
        took, _, peak = self.bench.reap_all(self.locks)
        return took, peak


def labelled(app, **more):
    return {"Labels": {"com.docker.stack.namespace": app}, **more}


def creations(app, image):
    """Six objects without anything running, as requests of the bare client."""
    data = base64.b64encode(b"x" * 32).decode()
    service = labelled(app, Name=app + "_web", Mode={"Replicated": {"Replicas": 0}},
                       TaskTemplate={"ContainerSpec": labelled(app, Image=image)})
    for path, body in (("services", service),
                       ("networks", labelled(app, Name=app + "_back", Driver="overlay")),
                       ("volumes", labelled(app, Name=app + "_data")),
                       ("secrets", labelled(app, Name=app + "_one", Data=data)),
                       ("secrets", labelled(app, Name=app + "_two", Data=data)),
                       ("configs", labelled(app, Name=app + "_settings", Data=data))):
        yield f"POST {API}/{path}/create {json.dumps(body)}"


def removals(app):
    """The same objects' removals in two stages, by name, which saves the bare client a listing."""
    yield [f"DELETE {API}/services/{app}_web"]
    yield [f"DELETE {API}/secrets/{app}_one", f"DELETE {API}/secrets/{app}_two",
           f"DELETE {API}/configs/{app}_settings", f"DELETE {API}/networks/{app}_back",
           f"DELETE {API}/volumes/{app}_data"]


def make_idle(engine, apps):
    engine.fire([line for app in apps for line in creations(app, engine.image)])


def bare_removal(engine, apps, connections):
    stages = list(zip(*(removals(app) for app in apps)))
    lines = []
    for stage in stages:
        lines += [line for requests in stage for line in requests] + [""]
    return engine.fire(lines, connections)


def cli_removal(engine, apps):
    began = time.monotonic()
    for app in apps:
        engine.docker("stack", "rm", app)
        engine.docker("volume", "rm", app + "_data")
    return time.monotonic() - began


def idle_apps(bench, engine):
    """200 dead apps of six objects each, nothing running."""
    count, rounds = (3, 1) if bench.smoke else (200, 5)
    apps = [f"idle-{number}" for number in range(count)]
    ours, counts = [], (CONNECTIONS,) if bench.smoke else (1, 2, 4, 8)
    bare = {connections: [] for connections in counts}
    for _ in range(rounds):
        make_idle(engine, apps)
        for app in apps:
            engine.die(app)
        ours.append(engine.sweep()[0])
        for connections in counts:
            make_idle(engine, apps)
            bare[connections].append(bare_removal(engine, apps, connections))
    make_idle(engine, apps)
    cli = cli_removal(engine, apps)
    ours = statistics.median(ours)
    best = min(counts, key=lambda connections: statistics.median(bare[connections]))
    bare = statistics.median(bare[best])
    bench.row(f"reap of {count} idle apps / the same DELETEs by a bare client", ours / bare, "x",
              "<= 1.2", ours <= 1.2 * bare, f"median of {rounds}; the client with {best} "
              "connections, its best", ms=[round(ours * 1e3), round(bare * 1e3)])
    bench.row(f"docker CLI / reap of {count} idle apps", cli / ours, "x", ">= 4", cli >= 4 * ours,
              "stack rm and volume rm, one after the other",
              ms=[round(cli * 1e3), round(ours * 1e3)])


def deploy(engine, app):
    secret = engine.top + "/secret"
    for path, content in ((secret, "x"), (engine.top + "/stack.yml",
                                          COMPOSE.format(image=engine.image, secret=secret))):
        with open(path, "w") as file:
            file.write(content)
    engine.docker("stack", "deploy", "-c", engine.top + "/stack.yml", app)
    while "Running" not in engine.docker("stack", "ps", "--format", "{{.CurrentState}}", app):
        time.sleep(0.1)


def gone(engine, app):
    return not engine.docker("ps", "-aq", "--filter", f"label=com.docker.stack.namespace={app}")


def by_hand(engine, app):
    """What people do: stack rm, wait for the containers, then what it leaves."""
    began = time.monotonic()
    engine.docker("stack", "rm", app)
    while not gone(engine, app):
        time.sleep(0.05)
    while subprocess.run(["docker", "volume", "rm", app + "_data"], capture_output=True).returncode:
        time.sleep(0.05)
    for name in ("one", "two"):
        engine.docker("secret", "rm", f"{app}_{name}", check=False)
    return time.monotonic() - began


def running_app(bench, engine):
    """One running app that ignores SIGTERM: overlay network, volume, two secrets."""
    rounds = 1 if bench.smoke else 5
    ours, theirs = [], []
    for number in range(rounds):
        deploy(engine, f"ours-{number}")
        engine.die(f"ours-{number}")
        ours.append(engine.sweep()[0])
        deploy(engine, f"theirs-{number}")
        theirs.append(by_hand(engine, f"theirs-{number}"))
    ratio = statistics.median(theirs) / statistics.median(ours)
    bench.row("stack rm + waiting + volume rm + secret rm / reap of a running app", ratio, "x",
              ">= 30", ratio >= 30, f"median of {rounds}",
              ms=[round(statistics.median(times) * 1e3) for times in (theirs, ours)])


def many_objects(bench, engine):
    """The memory of a reap beside 10,000 objects of others."""
    count = 100 if bench.smoke else 10000
    bodies = (json.dumps(labelled("others", Name=f"others_{number}",
                                  Data=base64.b64encode(b"x" * 32).decode()))
              for number in range(count))
    engine.fire([f"POST {API}/secrets/create {body}" for body in bodies])
    make_idle(engine, ["memory"])
    engine.die("memory")
    took, peak = engine.sweep()
    bench.row(f"reap beside {count} engine objects: peak memory", peak / 1024, "MiB", "<= 64",
              peak <= 64 * 1024, "ru_maxrss", ms=[round(took * 1e3)])


def sections(bench):
    """5. Reaping on a real engine."""
    with Engine(bench) as engine:
        for part in (running_app, idle_apps, many_objects):
            print("  " + part.__doc__, flush=True)
            part(bench, engine)
