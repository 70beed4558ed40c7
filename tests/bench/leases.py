"""Leases: the program's own client, as so many runs, on a simulated manager."""
import shutil
import subprocess
import sys
import tempfile


class Manager:
    def __init__(self, bench):
        self.folder = tempfile.mkdtemp(prefix="ci-janitor-bench-leases.")
        self.address = "unix://" + self.folder + "/socket"
        self.arguments = [bench.tool("simulated_leases"), self.folder + "/socket", "0"]
        self.client = bench.tool("leases")

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        if self.process.stdout.readline() != "ready\n":
            sys.exit("bench: the simulated manager does not listen")
        return self

    def __exit__(self, *unused):
        self.process.communicate("")
        shutil.rmtree(self.folder)

    def play(self, *words):
        done = subprocess.run([self.client, *words], capture_output=True, text=True, timeout=120)
        if done.returncode:
            sys.exit(f"bench: leases {words[0]}: {done.stdout}{done.stderr}")
        return done.stdout.split()


def sections(bench):
    """7. Leases on a simulated manager: none is renewed late or lost, each race has one winner."""
    count, term, seconds = (200, 9, 4) if bench.smoke else (10000, 60, 25)
    with Manager(bench) as manager:
        said = manager.play("renew", manager.address, str(count), str(term), str(seconds))
        races = manager.play("race", manager.address, manager.address, str(bench.count(400)))
    renewals, late = int(said[2]), int(said[3])
    # By the end each was due at least once; the last of them may be under way.
    if late or renewals < count / 2:
        sys.exit(f"bench: {count} leases, {seconds} s: {renewals} renewals, {late} of them late")
    bench.show(f"{count} leases with a term of {term} s: renewals per second", renewals / seconds,
               "/s", "none late, none lost", worst_ms=float(said[7]))
    bench.show("processor time of a renewal", float(said[8]) / 1e3, "ms", "the client's")
    bench.show("races for one app, one winner each", int(races[0]), "", "two hosts, one manager",
               won=[int(races[1]), int(races[2])])
