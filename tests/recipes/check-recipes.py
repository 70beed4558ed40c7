#!/usr/bin/python3
"""Runs the recipes of packaging/ci as their CI systems do, each against a real engine: to the end, cancelled in
the middle as that CI cancels, and with the whole agent killed. Afterwards nothing of the app may be left.

usage: check-recipes.py BUILD [RECIPE]...
"""
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import yaml

sys.dont_write_bytecode = True
import container
from container import Failure

HERE = os.path.dirname(os.path.abspath(__file__))
RECIPES = HERE + "/../../packaging/ci"
FIXTURE = HERE + "/../fixture/engine.sh"
SECONDS = 60  # for whatever is waited for
STACK = """
version: '3.8'
services: {{ web: {{ image: '{image}', volumes: ['data:/data'], networks: [back] }} }}
volumes: {{ data: {{}} }}
networks: {{ back: {{}} }}
"""
DEPLOY = """#!/bin/sh -e
docker stack deploy -c stack.yml "$CI_APP" >/dev/null
until docker ps -q --filter "label=com.docker.stack.namespace=$CI_APP" | grep -q .; do sleep 0.1; done
"""
TEST = """#!/bin/sh -e
touch deployed
until [ -e finish ]; do sleep 0.1; done
"""


def wait_until(what, condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {SECONDS} s")
        time.sleep(0.05)


def run_step(shell, script, env):
    """The step's status; its shell runs the script from a file, as CI systems do."""
    path = env["WORK"] + "/step"
    with open(path, "w") as file:
        file.write(script + "\n")
    return subprocess.run([*shell, path], env=env, cwd=env["WORK"], stdin=subprocess.DEVNULL)


class Steps:
    """A job as steps: (script, shell, always)."""

    def __init__(self, steps, env, cancel):
        self.steps, self.env, self.cancel = steps, env, cancel

    def kill(self, kill_agent):
        kill_agent()

    def run(self, env):
        env.update(self.env)
        env_file = env["GITHUB_ENV"] = env["WORK"] + "/github-env"
        failed = False
        for script, shell, always in self.steps:
            if failed and not always:
                continue
            open(env_file, "w").close()
            failed |= run_step(shell, script, env).returncode != 0
            with open(env_file) as lines:
                env.update(line.rstrip("\n").split("=", 1) for line in lines if "=" in line)
        return failed


# How each CI's agent runs a script and ends a cancelled one.
# GitHub (docs, workflow syntax, defaults.run.shell; runner: ProcessInvoker): bash -e, SIGINT to the shell alone.
# GitLab (runner, shell executor): bash, errexit and pipefail, SIGTERM to the process group.
# Drone's exec runner, Woodpecker's local backend: sh -e with an echo of each command; SIGKILL to the shell.
# Buildkite (agent, cancel-signal): the hook by bash, SIGTERM to the process group.
# Jenkins (durable-task): sh -xe; SIGTERM to whatever has its cookie in the environment.
def to_shell(number):
    return lambda shell: os.kill(shell, number)


def to_group(number):
    return lambda shell: os.killpg(os.getpgid(shell), number)


def to_cookie(shell):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environ:
                if b"JENKINS_NODE_COOKIE=recipes-" + str(os.getpid()).encode() in environ.read():
                    os.kill(int(pid), signal.SIGTERM)
        except OSError:
            continue


def load(name):
    with open(f"{RECIPES}/{name}") as file:
        return yaml.safe_load(file)


def github(name):
    steps = []
    env = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "17", "GITHUB_RUN_ATTEMPT": "1"}
    for step in load(name)["jobs"]["test"]["steps"]:
        if "run" not in step:
            continue
        for key, value in step.get("env", {}).items():
            env[key] = value.replace("${{ github.event.number }}", "7")
        steps.append((step["run"], ["bash", "-e"], step.get("if") == "always()"))
    return Steps(steps, env, to_shell(signal.SIGINT))


def gitlab(name):
    script = "set -eo pipefail\n" + "\n".join(load(name)["test"]["script"])
    return Steps([(script, ["bash"], False)],
                 {"CI": "true", "GITLAB_CI": "true", "CI_PIPELINE_ID": "17", "CI_JOB_ID": "18",
                  "CI_MERGE_REQUEST_IID": "7"}, to_group(signal.SIGTERM))


def echoed(step):
    return "\n".join(f"echo + {shlex.quote(line)}\n{line}" for line in step["commands"])


def drone(name):
    step, = load(name)["steps"]
    return Steps([(echoed(step), ["sh", "-e"], False)],
                 {"CI": "true", "DRONE": "true", "DRONE_REPO": "a/shop", "DRONE_BUILD_NUMBER": "17",
                  "DRONE_PULL_REQUEST": "7"}, to_shell(signal.SIGKILL))


def woodpecker(name):
    step, = load(name)["steps"]
    return Steps([(echoed(step), [step["image"], "-e"], False)],
                 {"CI": "woodpecker", "CI_REPO": "a/shop", "CI_PIPELINE_NUMBER": "17",
                  "CI_COMMIT_PULL_REQUEST": "7"}, to_shell(signal.SIGKILL))


def buildkite(name):
    step, = load(name)["steps"]
    env = {key: value.replace("${BUILDKITE_PULL_REQUEST}", "7")
           for key, value in step["env"].items()}
    env.update({"CI": "true", "BUILDKITE": "true", "BUILDKITE_PIPELINE_SLUG": "shop",
                "BUILDKITE_BUILD_NUMBER": "17", "BUILDKITE_COMMAND": step["command"]})
    with open(f"{RECIPES}/buildkite-command") as hook:
        return Steps([(hook.read(), ["bash"], False)], env, to_group(signal.SIGTERM))


def jenkins(name):
    with open(f"{RECIPES}/{name}") as file:
        script, = re.findall(r"^\s*sh '(.*)'$", file.read(), re.MULTILINE)
    return Steps([(script, ["sh", "-xe"], False)],
                 {"JENKINS_URL": "http://localhost/", "JOB_NAME": "shop", "BUILD_NUMBER": "17",
                  "CHANGE_ID": "7", "JENKINS_NODE_COOKIE": f"recipes-{os.getpid()}"}, to_cookie)


def cron(name):
    with open(f"{RECIPES}/{name}") as file:
        lines = [line.rstrip("\n") for line in file if line[:1] not in "#\n"]
    path, = (line[len("PATH="):] for line in lines if line.startswith("PATH="))
    command, = (line.split(None, 6)[6] for line in lines if "deploy-and-test" in line)
    return Steps([(command.replace("/srv/shop", "."), ["sh"], False)], {"AFTER_PATH": path},
                 to_group(signal.SIGTERM))


class Ssh(Steps):
    """over-ssh.sh with the real ssh and a real sshd; cancelled: the client is killed."""

    def __init__(self, name):
        super().__init__([], {}, to_shell(signal.SIGKILL))
        with open(f"{RECIPES}/{name}") as file:
            self.script = file.read()

    def run(self, env):
        top = env["WORK"] + "/ssh"
        os.makedirs(top + "/bin", mode=0o700, exist_ok=True)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{top}/{key}"],
                           stdin=subprocess.DEVNULL, check=True)
        inherited = " ".join(f'{key}="{env[key]}"'
                             for key in ("PATH", "DOCKER_HOST", "CI_JANITOR_LOCK_DIR"))
        with open(top + "/sshd_config", "w") as config:
            config.write(f"HostKey {top}/host\nAuthorizedKeysFile {top}/user.pub\nStrictModes no\n"
                         f"UsePAM no\nPermitRootLogin yes\nPidFile none\nSetEnv {inherited}\n")
        with open(top + "/bin/ssh", "w") as wrapper:
            wrapper.write("#!/bin/sh\nexec /usr/bin/ssh -i '%s/user' -o BatchMode=yes "
                          "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
                          "-o ProxyUseFdpass=no -o ProxyCommand='/usr/sbin/sshd -i -f %s/sshd_config "
                          "-E %s/log' \"$@\"\n" % (top, top, top))
        os.chmod(top + "/bin/ssh", 0o755)
        env["PATH"] = top + "/bin:" + env["PATH"]
        script = self.script.replace("/srv/shop", env["WORK"])
        with open(env["WORK"] + "/step", "w") as file:
            file.write(script)
        return subprocess.run(["sh", env["WORK"] + "/step", "localhost", "shop-7"], env=env,
                              stdin=subprocess.DEVNULL).returncode != 0


JOBS = {"github-actions.yml": github, "github-actions-steps.yml": github, "gitlab-ci.yml": gitlab,
        "drone.yml": drone, "woodpecker.yml": woodpecker, "buildkite.yml": buildkite,
        "Jenkinsfile": jenkins, "crontab": cron, "over-ssh.sh": Ssh}


def children_of(pid):
    return [int(word) for word in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True,
                                                 text=True).stdout.split()]


def kill_tree(pid):
    pids = [pid]
    for parent in pids:
        pids += children_of(parent)
    for each in pids:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Bed:
    """The engine, the lock directory, and a workspace for each run of a recipe."""

    SSHD = "/run/sshd"  # sshd's, for whom no other will do; an init makes it

    def __init__(self, build):
        self.program = os.path.abspath(build) + "/ci-janitor"
        self.top = tempfile.mkdtemp(prefix="ci-janitor-recipes.")
        self.engine, self.locks = self.top + "/engine", self.top + "/locks"
        os.mkdir(self.locks, 0o700)
        self.made_sshd = not os.path.exists(self.SSHD)
        os.makedirs(self.SSHD, exist_ok=True)

    def __enter__(self):
        env = {**os.environ, "ENGINE_OWNER": str(os.getpid())}
        subprocess.run([FIXTURE, "start", self.engine], check=True, env=env, stdout=subprocess.DEVNULL)
        self.image = subprocess.run([FIXTURE, "import-image", self.engine], check=True,
                                    capture_output=True, text=True).stdout.strip()
        return self

    def __exit__(self, *unused):
        subprocess.run([FIXTURE, "stop", self.engine], check=True)
        shutil.rmtree(self.top)
        if self.made_sshd:
            os.rmdir(self.SSHD)

    def env(self, work):
        return {"PATH": os.path.dirname(self.program) + ":" + os.environ["PATH"], "WORK": work,
                "HOME": work, "DOCKER_HOST": f"unix://{self.engine}/docker.sock",
                "CI_JANITOR_LOCK_DIR": self.locks}

    def workspace(self):
        work = tempfile.mkdtemp(dir=self.top)
        for name, text in (("stack.yml", STACK.format(image=self.image)), ("deploy.sh", DEPLOY),
                           ("test.sh", TEST), ("deploy-and-test.sh",
                                               DEPLOY + TEST.partition("\n")[2])):
            with open(f"{work}/{name}", "w") as file:
                file.write(text)
            os.chmod(f"{work}/{name}", 0o755)
        return work

    def left(self):
        """What is there that shouldn't be, as one text."""
        env, words = self.env(self.top), list(os.listdir(self.locks))
        for kind in ("service", "container", "volume", "network"):
            words += subprocess.run(["docker", kind, "ls", "-q", *(["-a"] if kind == "container" else []),
                                     "--filter", "label=com.docker.stack.namespace"], env=env,
                                    capture_output=True, text=True, check=True).stdout.split()
        return " ".join(words)

    def sweep(self):
        return subprocess.run([self.program, "-q", "sweep"], env=self.env(self.top)).returncode

    def start(self, job, work):
        """The agent, a process of its own; returns its pid."""
        pid = os.fork()
        if pid == 0:
            os.setsid()
            log = os.open(work + "/log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            try:
                os._exit(bool(job.run(self.env(work))))
            finally:
                os._exit(70)
        return pid


def finish(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def to_the_end(bed, job, work, agent):
    if not bed.left():
        raise Failure("the engine has nothing of the app while it is tested")
    open(work + "/finish", "w").close()
    status = finish(agent)
    if status:
        raise Failure(f"the job failed ({status})")
    wait_until("nothing left after the job", lambda: not bed.left())


def cancelled(bed, job, work, agent):
    shell, = children_of(agent)
    job.cancel(shell)
    if len(job.steps) > 1:
        # The runner's kill of the tree, which ends the step; the last step is the teardown.
        kill_tree(shell)
    if finish(agent) == 0:
        raise Failure("a cancelled job did not fail")
    wait_until("nothing left, without a sweep", lambda: not bed.left())


def killed(bed, job, work, agent):
    job.kill(lambda: kill_tree(agent))
    finish(agent)
    wait_until("nothing left after a sweep", lambda: bed.sweep() == 0 and not bed.left())


class Container(container.Container):
    """The client passes the signal on to the container's first process, and that to ci-janitor."""
    cancel = staticmethod(to_shell(signal.SIGTERM))


# What packaging/ci/README.md says of jobs in containers, besides.
def doctors_words(bed):
    container.what_doctor_says(bed, bed.workspace())


def the_hosts_dead_run(bed):
    container.leaves_the_hosts_runs(bed, bed.workspace())


def not_shared(bed):
    container.unknown_to_the_host(bed, bed.workspace(), bed.start, wait_until, finish)


def tell(bed, story):
    try:
        story(bed)
    except Failure as failure:
        print(f"{container.RECIPE}, {story.__name__}: {failure}; left: {bed.left() or 'nothing'}")
        return False
    return True


def play(bed, name, ending):
    work = bed.workspace()
    job = Container(bed) if name == container.RECIPE else JOBS[name](name)
    agent = bed.start(job, work)
    try:
        wait_until("deployed", lambda: os.path.exists(work + "/deployed"))
        ending(bed, job, work, agent)
    except Failure as failure:
        print(f"{name}, {ending.__name__}: {failure}; left: {bed.left() or 'nothing'}")
        with open(work + "/log") as log:
            sys.stdout.write(log.read())
        return False
    return True


def trials(bed, names):
    """Name, what happens, a function that plays it."""
    for name in names or [*JOBS, container.RECIPE]:
        if name == container.RECIPE:
            container.make_image(bed)
        for ending in (to_the_end, cancelled, killed):
            yield name, ending, lambda: play(bed, name, ending)
        if name == container.RECIPE:
            for story in (doctors_words, not_shared, *([the_hosts_dead_run] if container.on_a_host() else [])):
                yield name, story, lambda: tell(bed, story)


def main():
    build, *names = sys.argv[1:]
    passed = failed = 0
    with Bed(build) as bed:
        for name, what, trial in trials(bed, names):
            began = time.monotonic()
            good = trial()
            print(f"  {name}, {what.__name__.replace('_', ' ')}: "
                  f"{'ok' if good else 'FAILED'}, {time.monotonic() - began:.1f} s", flush=True)
            passed, failed = passed + good, failed + (not good)
            if not good:
                bed.sweep()
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
