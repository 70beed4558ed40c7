"""Sizes that no engine of this machine has: a simulated one, whose removals cost a fixed time."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

PER_APP = 10  # objects; as simulated.c has it


class Simulated:
    def __init__(self, bench, apps, removal_us):
        # On the disk's file system: a small tmpfs has no room for 10,000 lockfiles.
        self.bench, self.folder = bench, tempfile.mkdtemp(prefix="ci-janitor-bench-scale.")
        self.locks = self.folder + "/locks"
        os.mkdir(self.locks, 0o700)
        self.arguments = [bench.tool("simulated"), self.folder + "/socket", str(apps),
                          str(removal_us)]

    def __enter__(self):
        self.engine = subprocess.Popen(self.arguments, text=True, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        if self.engine.stdout.readline() != "ready\n":
            sys.exit("bench: the simulated engine does not listen")
        return self

    def __exit__(self, *unused):
        self.engine.communicate("")
        shutil.rmtree(self.folder)

    def die(self, count):
        for number in range(count):
            name = hashlib.sha256(f"app-{number:06d}".encode()).hexdigest()[:32]
            os.close(os.open(f"{self.locks}/ci-app-{name}.lock", os.O_CREAT | os.O_WRONLY, 0o600))

    def sweep(self):
        return self.bench.reap_all(self.locks, "-H", "unix://" + self.folder + "/socket")


def measure(bench, apps, dead, removal_us):
    with Simulated(bench, apps, removal_us) as engine:
        engine.die(dead)
        return engine.sweep()


def sections(bench):
    """6. Simulated: 10 objects an app, on an engine that has up to 100,000."""
    largest = 100 if bench.smoke else 10000
    sizes = [size for size in (10, 100, 1000, 10000) if size <= largest]
    own, beside = {"processor": [], "wall": []}, []
    for size in sizes:
        wall, processor, peak = measure(bench, size, size, 0)
        own["processor"].append((size, processor / size))
        own["wall"].append((size, wall / size))
        beside.append((size * PER_APP, measure(bench, size, 1, 0)[1]))
    bench.show(f"{sizes[-1]} dead apps, an engine that answers at once: processor time an app",
              own["processor"][-1][1] * 1e3, "ms", "one sweep")
    bench.show(f"its peak memory, {sizes[-1] * PER_APP} objects", peak / 1024, "MiB", "ru_maxrss")
    bench.show(f"one dead app beside {beside[-1][0]} objects: processor time",
              beside[-1][1] * 1e3, "ms", "one sweep")
    size = sizes[-2]
    wall, _, _ = measure(bench, size, size, 1000)
    floor = size * PER_APP * 1e-3
    bench.show(f"{size} dead apps, 1 ms a removal: wall time / the removals alone", wall / floor,
              "x", "one sweep", ms=[round(wall * 1e3), round(floor * 1e3)])
    bench.add_series("cost of one dead app, N dead at once", "dead apps", "seconds an app",
                     {"processor time": own["processor"], "wall time": own["wall"]})
