#!/usr/bin/env python3
"""ci-janitor's bench: every figure is a ratio taken in one run, in turns, medians of many.

usage: bench.py BUILD [--smoke] [--results DIR] [--most LOCKS] [--only SECTION]...
"""
import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import charts
import engine
import leases
import scale

HERE = os.path.dirname(os.path.abspath(__file__))


class Bench:
    def __init__(self, build, smoke, most):
        self.build, self.smoke, self.most = os.path.abspath(build), smoke, most
        self.rows, self.series = [], []
        self.whole = self.build + "/ci-janitor"
        self.program = self.build + "/in-place/ci-janitor"  # as it would be installed
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="ci-janitor-bench.", dir=base)

    def fresh(self):
        return tempfile.mkdtemp(dir=self.folder)

    def tool(self, name):
        return f"{self.build}/bench-{name}"

    def count(self, wanted):
        return max(3, wanted // 20) if self.smoke else wanted

    def pair(self, count, first, second, statuses=(0,), locale="C"):
        """Runs the two in turn. Returns medians: wall seconds, CPU seconds, peak KiB, of each."""
        out = subprocess.run([self.tool("pair"), str(count), *first, "---", *second],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                             env={**os.environ, "LC_ALL": locale})
        runs = {"a": [], "b": []}
        for line in out.stdout.splitlines():
            which, *values = line.split()
            values = [int(value) for value in values]
            if values[3] not in statuses:
                sys.exit(f"bench: {first if which == 'a' else second} ended with {values[3]}")
            runs[which].append(values)
        return [{"wall": statistics.median(r[0] for r in runs[which]) / 1e9,
                 "cpu": statistics.median(r[1] for r in runs[which]) / 1e6,
                 "peak_kib": max(r[2] for r in runs[which]), "runs": len(runs[which])}
                for which in "ab"]

    def row(self, what, value, unit, target, met, how, **details):
        """target: "<= 2" or ">= 2"; "": only shown. A smoke test's few rounds judge nothing."""
        verdict = ("met" if met else "missed") if target and not self.smoke else ""
        self.rows.append({"what": what, "value": round(value, 3), "unit": unit, "target": target,
                          "verdict": verdict, "how": how, **details})
        print(f"  {what}: {value:.4g} {unit}" + (f" (target {target}: {verdict})" if verdict else ""),
              flush=True)

    def reap_all(self, locks, *options):
        """A sweep that leaves nothing: (wall seconds, processor seconds, peak KiB)."""
        began = time.monotonic()
        child = subprocess.Popen([self.program, "--lock-dir", locks, *options, "sweep"],
                                 stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        took = time.monotonic() - began
        child.returncode = status
        if status or os.listdir(locks):
            sys.exit("bench: the sweep did not reap all")
        return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss

    def show(self, what, value, unit, how, **details):
        self.row(what, value, unit, "", True, how, **details)

    def add_series(self, title, x_label, y_label, lines):
        self.series.append({"title": title, "x": x_label, "y": y_label, "lines": lines})

    def ratio_row(self, what, a, b, limit, how):
        ratio = a["wall"] / b["wall"]
        self.row(what, ratio, "x", f"<= {limit}", ratio <= limit, how,
                 ms=[round(a["wall"] * 1e3, 3), round(b["wall"] * 1e3, 3)],
                 cpu_ratio=round(a["cpu"] / b["cpu"], 3) if b["cpu"] else None, runs=a["runs"])


class Held:
    """N lockfiles, all held by another process."""

    def __init__(self, bench, count):
        self.dir = bench.fresh()
        self.holder = subprocess.Popen([bench.tool("hold"), self.dir, str(count)], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        if self.holder.stdout.readline() != "held\n":
            sys.exit("bench: the holder could not hold")
        return self.dir

    def __exit__(self, *unused):
        self.holder.stdin.close()
        self.holder.wait()
        shutil.rmtree(self.dir)


def sweep_command(bench, folder):
    return [bench.program, "--lock-dir", folder, "sweep"]


SHELL_LOOP = 'for f in "$1"/ci-app-*.lock; do flock -n "$f" true; done; exit 0'
PYTHON_LOOP = """
import fcntl, os, sys
for name in os.listdir(sys.argv[1]):
    fd = os.open(sys.argv[1] + "/" + name, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    os.close(fd)
"""


def sweep_held(bench):
    """1. sweep over N held locks against the floor, a shell loop and Python."""
    most = 1000 if bench.smoke else bench.most
    sizes = [size for size in (10, 100, 1000, 10000, 100000) if size <= most]
    shown = min(sizes[-1], 10000)
    points = {"sweep": [], "C floor": [], "Python loop": [], "shell loop of flock -n": []}
    for size in sizes:
        with Held(bench, size) as folder:
            sweep, floor = bench.pair(bench.count(5 if size > 10000 else 60),
                                      sweep_command(bench, folder), [bench.tool("floor"), folder])
            _, python = bench.pair(1, ["true"], [sys.executable, "-c", PYTHON_LOOP, folder])
            points["sweep"].append((size, sweep["wall"]))
            points["C floor"].append((size, floor["wall"]))
            points["Python loop"].append((size, python["wall"]))
            if size <= 10000:
                _, shell = bench.pair(1, ["true"], ["sh", "-c", SHELL_LOOP, "sh", folder])
                points["shell loop of flock -n"].append((size, shell["wall"]))
            if size == shown:
                bench.ratio_row(f"sweep, {size} held locks / C floor", sweep, floor, 1.3,
                                "whole processes in turn, median")
                faster = shell["wall"] / sweep["wall"]
                bench.row(f"shell loop of flock -n / sweep, {size} held locks", faster, "x",
                          ">= 100", faster >= 100, "whole processes",
                          ms=[round(shell["wall"] * 1e3, 1), round(sweep["wall"] * 1e3, 3)])
                faster = python["wall"] / sweep["wall"]
                bench.show(f"Python loop / sweep, {size} held locks", faster, "x",
                           "whole processes")
            if size == sizes[-1]:
                bench.row(f"sweep, {size} held locks: peak memory", sweep["peak_kib"] / 1024,
                          "MiB", "<= 8", sweep["peak_kib"] <= 8 * 1024, "ru_maxrss, the largest")
    bench.add_series("sweep over N held locks", "locks", "seconds", points)


def instructions(bench, folder):
    with tempfile.NamedTemporaryFile() as out:
        run = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}",
                              bench.whole, *sweep_command(bench, folder)[1:]], capture_output=True, text=True,
                             check=True)
    for line in run.stderr.splitlines():
        if "Collected :" in line:
            return int(line.split(":")[1])
    sys.exit("bench: callgrind said nothing")


def growth(bench):
    """Instructions in user space at N and 10 N held locks."""
    small = bench.most // 10
    counts = []
    for size in (small, small * 10):
        with Held(bench, size) as folder:
            counts.append(instructions(bench, folder))
    ratio = counts[1] / counts[0]
    bench.row(f"instructions of a sweep: {small * 10} locks / {small}", ratio, "x", "<= 10.5",
              ratio <= 10.5, "callgrind", instructions=counts)


def sweep_empty(bench):
    """2. sweep of an empty directory against true; what it loads."""
    folder = bench.fresh()
    sweep, true = bench.pair(bench.count(200), sweep_command(bench, folder), ["/bin/true"])
    bench.ratio_row("sweep of an empty directory / true", sweep, true, 2.0,
                    "whole processes in turn, median")
    loaded = subprocess.run(sweep_command(bench, folder), capture_output=True, text=True,
                            env={**os.environ, "LD_DEBUG": "files"}, check=True).stderr
    foreign = sum(name in loaded for name in ("libcurl", "libjansson", "libssl"))
    bench.row("HTTP and JSON libraries in it", foreign, "", "0", foreign == 0, "LD_DEBUG=files")


def run_command(bench, folder, app, *command):
    return [bench.program, "--lock-dir", folder, "run", app, "--no-fresh", "--no-teardown", "--",
            *command]


def run_true(bench):
    """3. run -- true against flock FILE true; what an idle run needs."""
    folder = bench.fresh()
    what = "run --no-fresh --no-teardown -- true / flock FILE true"
    command, lock = run_command(bench, folder, "shop", "true"), ["flock", folder + "/file", "true"]

    def pair(program, locale):
        return bench.pair(bench.count(500), [program, *command[1:]], lock, locale=locale)

    bench.ratio_row(what + ", LC_ALL=C", *pair(bench.program, "C"), 1.0, "flock then loads no locale")
    bench.ratio_row(what + ", FRONT=no", *pair(bench.whole, "C.UTF-8"), 1.0, "as packages have it")
    run, flock = pair(bench.program, "C.UTF-8")
    bench.ratio_row(what, run, flock, 1.0, "whole processes in turn, median; LC_ALL=C.UTF-8")
    bench.row("its peak memory / flock's", run["peak_kib"] / flock["peak_kib"], "x", "<= 1.5",
              run["peak_kib"] <= 1.5 * flock["peak_kib"], "ru_maxrss, command included")
    idle = subprocess.Popen(run_command(bench, folder, "idle", "sleep", "60"))
    time.sleep(0.5)
    with open(f"/proc/{idle.pid}/smaps_rollup") as rollup:
        private = sum(int(line.split()[1]) for line in rollup if line.startswith("Private_"))
    idle.terminate()
    idle.wait()
    bench.row("an idle run: private memory", private / 1024, "MiB", "<= 1.5", private <= 1536,
              "smaps_rollup")


def handover(bench):
    """4. SIGKILL of a holder until a waiting run holds: its command is started."""
    folder, times = bench.fresh(), []
    for _ in range(bench.count(40)):
        holder = subprocess.Popen(run_command(bench, folder, "shop", "sleep", "60"))
        waiter_log = open(bench.folder + "/waiter", "w+")
        time.sleep(0.05)
        waiter = subprocess.Popen(run_command(bench, folder, "shop", bench.tool("stamp")),
                                  stdout=subprocess.PIPE, stderr=waiter_log, text=True)
        while "waiting for" not in open(waiter_log.name).read():
            time.sleep(0.01)
        time.sleep(0.02)
        began = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        holder.send_signal(signal.SIGKILL)
        times.append((int(waiter.stdout.read()) - began) / 1e6)
        holder.wait()
        waiter.wait()
    median = statistics.median(times)
    bench.row("SIGKILL of a holder until the waiting run's command runs", median, "ms", "<= 10",
              median <= 10, "median", worst=round(max(times), 3), runs=len(times))


SECTIONS = {"sweep-held": sweep_held, "growth": growth, "sweep-empty": sweep_empty,
            "run": run_true, "handover": handover, "engine": engine.sections,
            "scale": scale.sections, "leases": leases.sections}


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":")[1].strip()
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(),
            "libc": " ".join(platform.libc_ver()), "load": os.getloadavg()[0],
            "date": time.strftime("%Y-%m-%d", time.gmtime())}


def write_results(bench, folder, about):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/bench.json", "w") as out:
        json.dump({"machine": about, "rows": bench.rows, "series": bench.series}, out, indent=1)
        out.write("\n")
    with open(folder + "/table.md", "w") as out:
        out.write(f"{about['date']}: {about['processor']}, {about['cores']} cores, Linux "
                  f"{about['kernel']}, load {about['load']:.1f} when it began\n\n"
                  "| what | measured | target | |\n| --- | --- | --- | --- |\n")
        for row in bench.rows:
            times = " / ".join(f"{ms:g} ms" for ms in row.get("ms", []))
            if row.get("cpu_ratio"):
                times += f"; processor time {row['cpu_ratio']:g} x"
            out.write(f"| {row['what']} | {row['value']:g} {row['unit']}"
                      f"{' (' + times + ')' if times else ''} | {row['target']} | "
                      f"{row['verdict']} |\n")
    for number, plot in enumerate(bench.series):
        with open(f"{folder}/plot-{number + 1}.svg", "w") as out:
            out.write(charts.log_log(plot["title"], plot["x"], plot["y"], plot["lines"]))
    with open(folder + "/targets.svg", "w") as out:
        out.write(charts.bars("measured as a part of what the target allows", bench.rows))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--smoke", action="store_true", help="few runs; checks that it works")
    parser.add_argument("--results", default=HERE + "/results")
    parser.add_argument("--only", action="append", choices=SECTIONS)
    parser.add_argument("--most", type=int, default=100000, help="locks held at once")
    options = parser.parse_args()
    most = min(options.most, 10000) if options.smoke else options.most
    bench, about = Bench(options.build, options.smoke, most), machine()
    os.environ["LC_ALL"] = "C"
    try:
        for name in options.only or SECTIONS:
            print(SECTIONS[name].__doc__.strip(), flush=True)
            SECTIONS[name](bench)
        write_results(bench, options.results, about)
    finally:
        shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
