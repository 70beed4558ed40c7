"""The recipe for a job in a container, played with a real one: its image is made of this machine's programs."""
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = HERE + "/../.."
RECIPE = "in-a-container.sh"
APP = "shop-7"
IMAGE = "job:latest"
PROGRAMS = ("sh", "docker", "grep", "sleep", "touch")


class Failure(Exception):
    pass


def libraries_of(path):
    said = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", said)


def loaded_libraries():
    """Those that no program's header names."""
    names = set()
    for folder, _, files in os.walk(TOP + "/src"):
        for name in files:
            with open(f"{folder}/{name}") as source:
                names |= set(re.findall(r'library_load\("([^"]*)"', source.read()))
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    return [re.search(rf"^\s{re.escape(name)} .* => (\S+)", cache, re.MULTILINE).group(1) for name in names]


def make_image(bed):
    root = bed.top + "/root"
    files = [shutil.which(program) for program in PROGRAMS] + loaded_libraries()
    for path in files + [library for file in files + [bed.program] for library in libraries_of(file)]:
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        shutil.copy(path, root + path)
    for folder in ("/bin", "/run/lock", "/tmp", "/usr/local/bin"):
        os.makedirs(root + folder, exist_ok=True)
    shutil.copy(shutil.which("sh"), root + "/bin/sh")
    subprocess.run(f"tar -C '{root}' -c . | docker import -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' - {IMAGE}",
                   shell=True, check=True, env=bed.env(bed.top), stdout=subprocess.DEVNULL)
    shutil.rmtree(root)


def script_for(bed, work, shares=True):
    """The recipe with the test's paths, and with the workspace, which an agent mounts as well."""
    with open(f"{TOP}/packaging/ci/{RECIPE}") as file:
        script = file.read()
    socket = bed.engine + "/docker.sock"
    mounted = f"--volume {bed.locks}:{bed.locks} --env CI_JANITOR_LOCK_DIR={bed.locks}"
    for old, new in (("--volume /run/lock:/run/lock", mounted if shares else "--label unshared"),
                     ("--volume /var/run/docker.sock:/var/run/docker.sock",
                      f"--volume {socket}:{socket} --env DOCKER_HOST=unix://{socket}"),
                     ("/usr/local/bin/ci-janitor-static", bed.program),
                     ('"$image"', f'--volume {work}:{work} --workdir {work} "$image"')):
        if script.count(old) != 1:
            raise Failure(f"the recipe has no {old}")
        script = script.replace(old, new)
    path = work + "/step"
    with open(path, "w") as file:
        file.write(script)
    return path


def in_container(bed, work, command, shares=True):
    """What the program says there: the recipe with another command."""
    path = script_for(bed, work, shares)
    with open(path) as file:
        script = file.read()
    with open(path, "w") as file:
        file.write(re.sub(r"ci-janitor run .*", "ci-janitor " + command, script))
    return subprocess.run(["sh", path, IMAGE, APP], env=bed.env(work), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)


def docker(bed, *words):
    return subprocess.run(["docker", *words], env=bed.env(bed.top), check=True, capture_output=True,
                          text=True).stdout.split()


def kill_containers(bed):
    for container in docker(bed, "ps", "-q", "--no-trunc", "--filter", "ancestor=" + IMAGE):
        docker(bed, "kill", container)


def must(condition, what, said=""):
    if not condition:
        raise Failure(f"{what}: {said}")


class Container:
    """A job, as check-recipes.py has them. A client that is killed leaves its container alive."""
    steps = ()
    shares = True

    def __init__(self, bed):
        self.bed = bed

    def run(self, env):
        path = script_for(self.bed, env["WORK"], self.shares)
        return subprocess.run(["sh", path, IMAGE, APP, "./deploy-and-test.sh"], env=env, cwd=env["WORK"],
                              stdin=subprocess.DEVNULL).returncode != 0

    def kill(self, kill_agent):
        kill_agent()
        was = self.bed.left()
        must(self.bed.sweep() == 0 and self.bed.left() == was, "the host's sweep", "touched what is alive")
        kill_containers(self.bed)


class Unshared(Container):
    """Without the lock directory."""
    shares = False


def documented_warning():
    with open(TOP + "/packaging/ci/README.md") as file:
        warning, = re.findall(r"^    (this is a container.*)$", file.read(), re.MULTILINE)
    return warning


def what_doctor_says(bed, work):
    shared = in_container(bed, work, "doctor").stdout
    must(f"this is a container, and {bed.locks} is mounted into it" in shared, "doctor", shared)
    alone = in_container(bed, work, "doctor", shares=False).stdout
    must(documented_warning() in alone and "bind-mount the host's lock directory" in alone, "doctor", alone)


def leaves_the_hosts_runs(bed, work):
    """A sweep in a container can't see a dead run's processes on the host: the host's turn."""
    run = subprocess.run([bed.program, "-q", "run", "shop-8", "--", "sh", "-c",
                          "./deploy.sh; kill -KILL $PPID; sleep 600"], env=bed.env(work), cwd=work,
                         stderr=subprocess.DEVNULL)
    must(run.returncode == -9, "the run", run.returncode)
    was = bed.left()
    sweep = in_container(bed, work, "sweep")
    must(sweep.returncode == 1 and "sweep on its host" in sweep.stdout + sweep.stderr, "the container's sweep",
         sweep.stdout + sweep.stderr)
    must(bed.left() == was, "the container's sweep", "removed something")
    must(bed.sweep() == 0 and not bed.left(), "the host's sweep", bed.left())


def on_a_host():
    """In a container, such as the machines of tests/newuser, nobody is the host of the others."""
    return os.stat("/proc/self/ns/pid").st_ino == 0xEFFFFFFC  # PROC_PID_INIT_INO


def unknown_to_the_host(bed, work, start, wait_until, finish):
    """A run in a container with a lock directory of its own: no sweep of the host's reaps it, dead or alive."""
    agent = start(Unshared(bed), work)
    try:
        wait_until("deployed", lambda: os.path.exists(work + "/deployed"))
        must(not os.listdir(bed.locks), "the host's locks", os.listdir(bed.locks))
        was = bed.left()
        must(bed.sweep() == 0 and bed.left() == was, "the host's sweep", "touched what is alive")
    finally:
        kill_containers(bed)
        finish(agent)
    must(bed.sweep() == 0 and bed.left(), "the host's sweep", "knows of it")
    reap = subprocess.run([bed.program, "-q", "reap", APP], env=bed.env(work))
    must(reap.returncode == 0 and not bed.left(), "reap", bed.left())
