"""What Kubernetes does with containerd, row by row (engine_rows.py says how the rows are compared)."""
import copy
import itertools
import json
import time

import containerd_rows
import cri_client
from cri_client import pick
from engine_rows import wait_until

numbers = itertools.count()
RUNNING, EXITED = 1, 2


class Pod:
    def __init__(self, engine, namespaces=None, **config):
        self.engine, self.cri = engine, engine.cri
        name = f"{engine.runtime}-{next(numbers)}"
        (engine.directory / "logs").mkdir(exist_ok=True)
        self.config = {"metadata": {"name": name, "uid": name, "namespace": "test"}, "hostname": "podname",
                       "log_directory": str(engine.directory / "logs"),
                       "linux": {"cgroup_parent": engine.group,
                                 "security_context": {"namespace_options": namespaces or {"pid": 1}}, **config.pop("linux", {})},
                       **config}
        self.id = self.cri.call("RunPodSandbox", config=self.config, runtime_handler=engine.runtime)[1][0].decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for method in ("StopPodSandbox", "RemovePodSandbox"):
            self.cri.call(method, pod_sandbox_id=self.id)

    def container(self, *command, **config):
        return Container(self, command, config)

    def state(self):
        return pick(self.cri.call("PodSandboxStatus", pod_sandbox_id=self.id), 1, 3)


class Container:
    def __init__(self, pod, command, config):
        self.pod, self.cri = pod, pod.cri
        name = f"c{next(numbers)}"
        config = {"metadata": {"name": name}, "image": {"image": containerd_rows.IMAGE}, "command": list(command),
                  "log_path": name + ".log", **copy.deepcopy(config)}
        config.setdefault("linux", {}).setdefault("security_context", {}).setdefault(
            "namespace_options", pod.config["linux"]["security_context"]["namespace_options"])
        self.log = pod.engine.directory / "logs" / config["log_path"]
        answer = self.cri.call("CreateContainer", pod_sandbox_id=pod.id, config=config, sandbox_config=pod.config)
        self.id = answer[1][0].decode()

    def start(self):
        self.cri.call("StartContainer", container_id=self.id)
        return self

    def status(self):
        """The state, the exit status, the reason."""
        status = self.cri.call("ContainerStatus", container_id=self.id)
        return pick(status, 1, 3), pick(status, 1, 7), pick(status, 1, 10, default=b"").decode()

    def times(self):
        """Of its creation, its start and its end."""
        status = self.cri.call("ContainerStatus", container_id=self.id)
        return [pick(status, 1, number) for number in (4, 5, 6)]

    def finish(self):
        wait_until(lambda: self.status()[0] == EXITED, "the end")
        return self.status()[1:], self.output()

    def output(self):
        """Without the times of the lines."""
        return [line.split(" ", 3)[3] for line in self.log.read_text().splitlines()] if self.log.exists() else None

    def exec(self, *command, timeout=0):
        done = self.cri.call("ExecSync", container_id=self.id, cmd=list(command), timeout=timeout)
        return pick(done, 3), pick(done, 1, default=b"").decode()


def run(*command, namespaces=None, pod=(), **config):
    """A container in a pod of its own, to its end."""
    def row(engine):
        with Pod(engine, namespaces, **dict(pod)) as sandbox:
            return sandbox.container(*command, **config).start().finish()
    return row


def script(text, **config):
    return run("sh", "-c", text, **config)


def sandbox(engine):
    with Pod(engine) as pod:
        state = pod.state()
        pod.cri.call("StopPodSandbox", pod_sandbox_id=pod.id)
        return state, pod.state()


def two_containers(engine):
    with Pod(engine) as pod:
        first = pod.container("sh", "-c", "echo x >/dev/shm/file; echo content >/index; while :; do nc -l -p 8080 -e cat /index; done").start()
        wait_until(lambda: first.exec("test", "-e", "/index")[0] == 0, "the first")
        second = pod.container("sh", "-c", "cat /dev/shm/file; hostname; sleep 1000").start()
        wait_until(lambda: second.output() and len(second.output()) == 2, "the second")
        answer = wait_until(lambda: second.exec("nc", "127.0.0.1", "8080")[1], "an answer")
        return second.output(), answer, second.exec("sh", "-c", "ps -o args | grep -c 'nc [-]l'")


def shared_processes(engine):
    with Pod(engine, namespaces={"pid": 0}) as pod:
        first = pod.container("sleep", "1001").start()
        second = pod.container("sleep", "1002").start()
        look = "cat /proc/1/comm; ps -o args | grep -c 'sleep [1]00'"
        return first.exec("sh", "-c", look), second.exec("sh", "-c", look), second.exec("sh", "-c", "kill $(ps -o pid,args | awk '/sleep [1]001/{print $1}')"), \
            wait_until(lambda: first.status()[0] == EXITED and first.status()[1], "the end")


def target_processes(engine):
    """An ephemeral container that looks at another's processes (kubectl debug --target)."""
    with Pod(engine) as pod:
        target = pod.container("sleep", "1003").start()
        options = {"security_context": {"namespace_options": {"pid": 3, "target_id": target.id}}}
        return pod.container("sh", "-c", "cat /proc/1/comm; ps -o args | grep -c 'sleep [1]003'", linux=options).start().finish()


def exec_forms(engine):
    with Pod(engine) as pod:
        container = pod.container("sleep", "1000").start()
        seen = [container.exec("sh", "-c", "echo inside; exit 4"), container.exec("sh", "-c", "yes | head -c 100000 | wc -c")]
        for command, timeout in ((["missing"], 0), (["sleep", "100"], 1)):
            try:
                seen.append(container.exec(*command, timeout=timeout))
            except cri_client.RpcError as failure:
                seen.append("executable file not found" in str(failure) or "timeout" in str(failure))
        return seen


def streamed_exec(engine):
    with Pod(engine) as pod:
        container = pod.container("sleep", "1000").start()
        stream = engine.cri.stream("Exec", container_id=container.id, cmd=["sh", "-c", "read x; echo got $x; exit 3"], stdin=True,
                               stdout=True, stderr=True)
        stream.send(0, b"word\n")
        streams = stream.read_all()
        return streams.get(1), b"NonZeroExitCode" in streams.get(3, b"")


def on_terminal(engine):
    with Pod(engine) as pod:
        container = pod.container("sleep", "1000").start()
        stream = engine.cri.stream("Exec", container_id=container.id, cmd=["sh", "-c", "test -t 0 && echo terminal"], stdin=True,
                               stdout=True, tty=True)
        return stream.read_all().get(1)


def attached(engine):
    with Pod(engine) as pod:
        container = pod.container("sh", "-c", "read x; echo got $x; sleep 1; exit 2", stdin=True, stdin_once=True).start()
        stream = engine.cri.stream("Attach", container_id=container.id, stdin=True, stdout=True, stderr=True)
        stream.send(0, b"word\n")
        return stream.read_all().get(1), container.finish()


def forwarded(engine):
    with Pod(engine) as pod:
        container = pod.container("sh", "-c", "echo content >/index; while :; do nc -l -p 8080 -e cat /index; done").start()
        wait_until(lambda: container.exec("sh", "-c", "ps -o args | grep -q 'nc [-]l'")[0] == 0, "the server")
        address = pick(engine.cri.call("PodSandboxStatus", pod_sandbox_id=pod.id), 1, 5, 1, default=b"").decode()
        return wait_until(lambda: engine.inside("timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{address}/8080 && cat <&3").stdout,
                          "an answer")


def stopped(engine):
    with Pod(engine) as pod:
        container = pod.container("sh", "-c", "trap 'echo ended; exit 9' TERM; echo started; while :; do sleep 0.1; done").start()
        wait_until(lambda: container.output() == ["started"], "the start")
        pod.cri.call("StopContainer", container_id=container.id, timeout=20)
        seen = [container.status(), container.output()]
        pod.cri.call("RemoveContainer", container_id=container.id)
        return seen


def stopped_by_force(engine):
    with Pod(engine) as pod:
        container = pod.container("sh", "-c", "trap '' TERM; echo started; while :; do sleep 0.1; done").start()
        wait_until(lambda: container.output() == ["started"], "the start")
        pod.cri.call("StopContainer", container_id=container.id, timeout=1)
        return container.status()


def updated(engine):
    with Pod(engine) as pod:
        container = pod.container("sleep", "1000", linux={"resources": {"memory_limit_in_bytes": 64 << 20, "cpu_shares": 512}}).start()
        files = ("memory/memory.limit_in_bytes", "cpu/cpu.shares")
        look = [container.exec("cat", "/sys/fs/cgroup/" + file) for file in files]
        pod.cri.call("UpdateContainerResources", container_id=container.id,
                     linux={"memory_limit_in_bytes": 96 << 20, "cpu_shares": 256})
        return look, [container.exec("cat", "/sys/fs/cgroup/" + file) for file in files]


def measured(engine):
    with Pod(engine) as pod:
        container = pod.container("sleep", "1000").start()
        stats = engine.cri.call("ContainerStats", container_id=container.id)
        # ContainerStats: cpu = 2 and memory = 3, whose first numbers are the time and the usage.
        return pick(stats, 1, 3, 2, 1) > 0, pick(stats, 1, 2, 2, 1) > 0


def out_of_memory(engine):
    with Pod(engine) as pod:
        container = pod.container("tail", "/dev/zero", linux={"resources": {"memory_limit_in_bytes": 24 << 20}}).start()
        return container.finish()


def missing_program(engine):
    with Pod(engine) as pod:
        try:
            pod.container("missing").start()
            return "started"
        except cri_client.RpcError as failure:
            return "executable file not found" in str(failure)


def life(engine):
    """An init container, then two containers, one of which ends and is made again."""
    volume = engine.directory / f"volume{next(numbers)}"
    volume.mkdir()
    message = volume / "message"
    message.write_text("")
    shared = {"mounts": [{"container_path": "/data", "host_path": str(volume)},
                         {"container_path": "/dev/termination-log", "host_path": str(message)}]}
    with Pod(engine) as pod:
        first = pod.container("sh", "-c", "echo prepared >/data/file; echo done >/dev/termination-log", **shared).start()
        seen = [first.finish(), message.read_text()]
        server = pod.container("sh", "-c", "cat /data/file; trap 'exit 0' TERM; while :; do sleep 0.1; done", **shared).start()
        worker = pod.container("sh", "-c", "echo working; echo broken >/dev/termination-log; exit 3", **shared).start()
        seen += [worker.finish(), message.read_text(), server.exec("cat", "/data/file")]
        again = pod.container("sh", "-c", "echo working again; sleep 1000", metadata={"name": "worker", "attempt": 1}, **shared).start()
        wait_until(again.output, "the second attempt")
        created, started, ended = worker.times()
        seen += [0 < created < started, ended > created, again.times()[2], again.output(), states(pod)]
        pod.cri.call("StopContainer", container_id=server.id, timeout=20)
        pod.cri.call("RemoveContainer", container_id=worker.id)
        seen += [server.status(), server.output(), states(pod)]
        pod.cri.call("StopPodSandbox", pod_sandbox_id=pod.id)
        return seen, again.status(), pod.state(), states(pod)


def states(pod):
    """How many containers of the pod are in each state."""
    answer = pod.cri.call("ListContainers", filter={"pod_sandbox_id": pod.id})
    found = [pick(cri_client.decode(container), 6) for container in answer.get(1, [])]
    return sorted((state, found.count(state)) for state in set(found))


def port_forwarded(engine):
    with Pod(engine) as pod:
        server = pod.container("sh", "-c", "echo content >/index; while :; do nc -l -p 8081 -e cat /index; done").start()
        wait_until(lambda: server.exec("sh", "-c", "ps -o args | grep -q 'nc [-]l'")[0] == 0, "the server")
        stream = engine.cri.stream("PortForward", query="?port=8081", pod_sandbox_id=pod.id, port=8081)
        # The first two bytes of each channel are the port.
        return sorted(stream.read_all().items())


def terminal_resized(engine):
    with Pod(engine) as pod:
        container = pod.container("sleep", "1000").start()
        script = "while [ \"$(stty size 2>/dev/null)\" != '44 111' ]; do sleep 0.1; done; echo seen"
        stream = engine.cri.stream("Exec", container_id=container.id, cmd=["sh", "-c", script], stdin=True, stdout=True, tty=True)
        stream.send(4, json.dumps({"Width": 111, "Height": 44}).encode())
        return stream.read_all().get(1)


def attached_to_a_terminal(engine):
    with Pod(engine) as pod:
        container = pod.container("sh", "-c", "test -t 0 && read x && echo got $x; sleep 1; exit 4", tty=True, stdin=True).start()
        stream = engine.cri.stream("Attach", container_id=container.id, stdin=True, stdout=True, tty=True)
        stream.send(0, b"word\n")
        return stream.read_all().get(1), container.finish()


def log_reopened(engine):
    with Pod(engine) as pod:
        container = pod.container("sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.1; done").start()
        wait_until(container.output, "output")
        rotated = container.log.rename(container.log.with_suffix(".1"))
        pod.cri.call("ReopenContainerLog", container_id=container.id)
        wait_until(container.output, "output in the new log")
        pod.cri.call("StopContainer", container_id=container.id, timeout=0)
        old, container.log = container.log, rotated
        numbers_seen = container.output()
        container.log = old
        numbers_seen += container.output()
        return numbers_seen == [str(i) for i in range(len(numbers_seen))], container.status()


def pod_measured(engine):
    with Pod(engine) as pod:
        pod.container("sleep", "1000").start()
        stats = engine.cri.call("PodSandboxStats", pod_sandbox_id=pod.id)
        # PodSandboxStats: linux = 2, in it cpu, memory, network, process and the containers.
        return [pick(stats, 1, 2, 1, 2, 1) > 0, pick(stats, 1, 2, 2, 4, 1) > 0, pick(stats, 1, 2, 3, 2, 1, default=b""),
                len(cri_client.decode(pick(stats, 1, 2, default=b"")).get(5, []))]


def daemon_restarted(engine):
    """Output, exits and streams over a containerd that is killed."""
    with Pod(engine) as pod:
        printer = pod.container("sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done").start()
        brief = pod.container("sh", "-c", "sleep 1; echo last words; exit 6").start()
        wait_until(printer.output, "output")
        engine.daemon.kill()
        time.sleep(1.5)
        engine.daemon.start()
        count = len(printer.output())
        wait_until(lambda: len(printer.output()) > count + 5, "more output")
        seen = [printer.status(), brief.finish(), printer.exec("echo", "inside"), pod.state()]
        stream = engine.cri.stream("Exec", container_id=printer.id, cmd=["echo", "streamed"], stdout=True, stderr=True)
        seen.append(stream.read_all().get(1))
        pod.cri.call("StopContainer", container_id=printer.id, timeout=0)
        lines = printer.output()
        return seen, printer.status(), lines == [str(i) for i in range(len(lines))]


CAPABILITIES = "grep -E 'Cap(Inh|Prm|Eff|Bnd)' /proc/self/status"

ROWS = {
    "sandbox": sandbox,
    "container": script("echo out; sleep 0.3; echo err >&2; exit 5"),
    "missing program": missing_program,
    "environment": script("echo $A; pwd", envs=[{"key": "A", "value": "b"}], working_dir="/tmp"),
    "names": script("hostname; echo $HOSTNAME"),
    "terminal": script("test -t 1 && echo terminal", tty=True),
    "user": script("id", linux={"security_context": {"run_as_user": {"value": 1000}, "run_as_group": {"value": 2000},
                                                     "supplemental_groups": [3000]}}),
    "default capabilities": script(CAPABILITIES),
    "capabilities": script(CAPABILITIES, linux={"security_context": {"capabilities": {"add_capabilities": ["NET_ADMIN"],
                                                                                      "drop_capabilities": ["CHOWN"]}}}),
    "no new privileges": script("grep NoNewPrivs /proc/self/status", linux={"security_context": {"no_new_privs": True}}),
    "default profile": script("unshare -m true 2>&1; echo $?", linux={"security_context": {"seccomp": {"profile_type": 0}}}),
    "read-only root": script("touch /x 2>&1; echo $?", linux={"security_context": {"readonly_rootfs": True}}),
    "mount": script("cat /data/passwd | wc -l; touch /data/x 2>&1; echo $?",
                    mounts=[{"container_path": "/data", "host_path": "/etc", "readonly": True}]),
    "sysctl": script("cat /proc/sys/net/ipv4/ip_default_ttl", pod={"linux": {"sysctls": {"net.ipv4.ip_default_ttl": "77"}}}),
    "network of the host": script("test -e /sys/class/net/cni-test && echo host", namespaces={"network": 2, "pid": 1}, pod={"hostname": ""}),
    "two containers": two_containers,
    "shared processes": shared_processes,
    "processes of a target": target_processes,
    "exec": exec_forms,
    "exec, streamed": streamed_exec,
    "exec on a terminal": on_terminal,
    "attach": attached,
    "address": forwarded,
    "stop": stopped,
    "stop by force": stopped_by_force,
    "update": updated,
    "stats": measured,
    "out of memory": out_of_memory,
    "life of a pod": life,
    "port forward": port_forwarded,
    "terminal of an exec resized": terminal_resized,
    "attach to a terminal": attached_to_a_terminal,
    "log reopened": log_reopened,
    "stats of a pod": pod_measured,
    "processes of the host": script("cat /proc/1/comm", namespaces={"pid": 2}),
}

# Those that restart the daemon.
ALONE = {
    "restart of containerd": daemon_restarted,
}
