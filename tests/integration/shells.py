#!/usr/bin/env python3
"""Drives interactive shells through a terminal, natively (a chroot, the oracle) and in a container, and compares the transcripts.

    shells.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs --as root|user [--only bash] [--show]

A step is what a person types, and what they wait for before they type the next. Natively the shell is the first process of a
pid namespace, as it is in a container. Ids of processes, and numbers of terminals, are replaced by the order in which they
appear. Needs root: for the chroot, and to become the ordinary user of --as user, to whom that container belongs.
"""
import argparse
import difflib
import pathlib
import re
import sys

import terminal
PROMPT = "go> "
INTERRUPT, QUIT, SUSPEND, END = "\x03", "\x1c", "\x1a", "\x04"

# A job that says when it has come to the foreground, so that a key that follows reaches it and not the shell. It then starts
# nothing more: a stop between vfork and exec would stop the child alone, leaving its parent waiting, natively too.
JOB = """cat > /tmp/job <<'END'
sleep 1000 & s=$!
trap 'kill $s; trap - INT; kill -INT $$' INT
trap : CONT
echo $$ > /tmp/pid
while :; do
sleep 0.3
read stat </proc/$$/stat
set -- ${stat##*) }
[ $3 = $6 ] || continue
echo in fro""nt
wait
done
END
echo wri""tten"""
WRITTEN = re.compile("written\\r\\n(?s:.)*go> ")
FRONT = "in front\r\n"
# One that reads: in the background it stops, and in the foreground it says that it goes on.
READER = """cat > /tmp/reader <<'END'
trap 'echo goes on' CONT
dd bs=100 count=1 2>/dev/null </dev/tty &
until wait $!; do :; done
END
echo wri""tten"""
STATE = "state() { sed 's/^.*) //' /proc/$1/stat | cut -d' ' -f1; }; until_stopped() { until [ $(state $1) = T ]; do sleep 0.1; done; }"

# What every shell does: (keys, what to wait for; None: the prompt). Keys without a line's end are single key presses.
COMMON = [
    (JOB, WRITTEN),
    (READER, WRITTEN),
    (STATE, None),
    ("echo $$; tty; test -t 0 && echo terminal", None),
    ("set -- $(sed 's/^.*) //' /proc/self/stat); test $5 != 0 && echo controlled; test $3 = $6 && echo in the foreground", None),
    ("stty size; stty -a | grep -o 'isig icanon'; stty rows 30 cols 90; stty size", None),
    ("sleep 1000 &", None),
    ("jobs", None),
    ("kill %1; wait %1; echo $?", None),
    ("jobs; true", None),
    # A job is stopped, listed, continued in the background and in the foreground, and interrupted.
    ("sh /tmp/job", FRONT),
    (SUSPEND, None),
    ("jobs", None),
    ("fg", FRONT),
    (SUSPEND, None),
    ("bg", None),
    ("jobs", None),
    ("read p </tmp/pid; kill -STOP %1; until_stopped $p; jobs", None),
    ("fg", FRONT),
    (INTERRUPT, None),
    ("echo $?", None),
    ("sh -c 'echo rea\"\"dy; exec sleep 1000'", "ready\r\n"),
    (QUIT, None),
    ("echo $?", None),
    # Pipelines are groups: one key stops and ends all of it.
    ("sh -c '. /tmp/job' | cat | cat", FRONT),
    (SUSPEND, None),
    ("jobs", None),
    ("cats() { cat /proc/[0-9]*/stat 2>/dev/null | grep '(cat) T' | cut -d' ' -f3,5 | sort | uniq -c; }; cats | wc -l", None),
    ("fg", FRONT),
    (INTERRUPT, None),
    ("cats; echo none", None),
    # Reading in the background stops; writing does with tostop.
    ("sh /tmp/reader &", None),
    ("until_stopped $!; jobs", None),
    ("fg", "goes on\r\n"),
    ("typed\n", None),
    ("(echo background writes) & wait", None),
    ("stty tostop", None),
    ("(echo background stops; true) &", None),
    ("until_stopped $!; jobs", None),
    ("fg", "stops\r\n" + PROMPT),
    ("stty -tostop; stty -a | grep -o '.tostop'", None),
    # Traps, resizing, here-documents.
    ("trap 'echo interrupted' INT; trap 'echo user' USR1; kill -USR1 $$; kill -INT $$; trap - INT USR1; echo after", None),
    ("sh -c 'trap \"stty size\" WINCH; echo rea\"\"dy; until read x; do :; done; echo $x'", "ready\r\n"),
    (("resize", 40, 120), "40 120\r\n"),
    ("enough\n", None),
    ("stty size", None),
    ("cat <<HERE\nfirst $((1 + 1))\nsecond\nHERE", "second\r\n" + PROMPT),
    ("sleep 1000 & sleep 1001 &", None),
    ("jobs", None),
    ("kill %1 %2; wait %1; wait %2; echo $?", None),
    ("(exit 3) & wait $!; echo $?", None),
    ("sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -KILL $$'; echo $?", None),
    ("stty -echo; echo quiet; stty echo; echo loud", None),
    ("cd /tmp; pwd; cd - >/dev/null; umask; ulimit -c 0", None),
    ("sh -c 'echo rea\"\"dy; cat >/dev/null'", "ready\r\n"),
    (END, None),
    ("sh -c '(trap \"echo hung up; exit\" HUP; >/tmp/armed; while :; do sleep 0.1; done) & "
     "until [ -e /tmp/armed ]; do sleep 0.1; done; kill -HUP $!; wait; rm /tmp/armed'", None),
    ("kill -0 $$ && echo alive; kill -TERM $$; echo still alive", None),
]
# Leaving with a stopped job: a warning, then the end. Some shells end the job, others leave it as it is.
LEAVE = [
    ("sh -c 'trap \"echo told >/tmp/left; exit\" HUP TERM; echo $$ >/tmp/pid; echo rea\"\"dy; while :; do sleep 0.1; done'",
     "ready\r\n"),
    (SUSPEND, None),
    ("exit", None),
    ("exit", None),
]
ENDED = [("until [ -s /tmp/left ]; do sleep 0.1; done; cat /tmp/left; rm /tmp/left", None)]
LEFT = [("read p </tmp/pid; state $p; kill -KILL $p; ls /tmp/left", None)]
DISOWN = [
    ("sleep 1000 &", None),
    ("p=$!; disown %1; jobs; kill -0 $p && echo alive", None),
    ("kill $p; while kill -0 $p 2>/dev/null; do sleep 0.1; done; echo none", None),
]
WAIT_NEXT = [
    ("(exit 4) & sleep 1000 & wait -n; echo $?", None),
    ("kill %sleep; wait -n; echo $?; wait; jobs", None),
    ("coproc cat; echo through >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x; kill %1; wait; echo $?", None),
    ("fc -l -1 | grep -c fc; history -c", None),
]
SHELLS = {  # tree, command, steps in it, steps after one inside it has been left
    "bash": ("terminal", ["bash", "--norc", "--noprofile", "-i"], COMMON + DISOWN + WAIT_NEXT, ENDED),
    "bash without line editing": ("terminal", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                                  COMMON + DISOWN + WAIT_NEXT, ENDED),
    "dash": ("terminal", ["dash", "-i"], COMMON, LEFT),
    "zsh": ("terminal", ["zsh", "-f", "+Z", "-o", "no_prompt_sp", "-i"], COMMON + DISOWN, ENDED),
    "busybox": ("busybox", ["busybox", "sh", "-i"], COMMON, LEFT),
}


def steps_of(name):
    _, args, steps, after = SHELLS[name]
    return [*steps, (" ".join(args), None), *LEAVE, *after]


def normalised(transcript):
    """Ids of processes by the order of their appearance, terminals without their number."""
    seen = {}
    text = re.sub(r"/dev/pts/\d+", "/dev/pts/N", transcript)
    return re.sub(r"(\[\d+\][ +-]*)(\d+)\b", lambda m: f"{m[1]}<{seen.setdefault(m[2], len(seen) + 1)}>", text)


def drive(session, steps):
    """The transcript, and the shell's status."""
    session.wait_for(PROMPT)
    for index, (keys, expected) in enumerate(steps):
        mark = session.mark()
        if isinstance(keys, tuple):
            session.resize(*keys[1:])
        else:
            session.send(keys if len(keys) == 1 or keys.endswith("\n") else keys + "\n")
        try:
            session.wait_for(PROMPT if expected is None else expected, mark)
        except TimeoutError:
            session.note(f"\n!! step {index} {keys!r}: {expected or PROMPT!r} does not appear\n")
            break
    session.send("exit\n")
    return normalised(session.text()), session.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    parser.add_argument("--only", choices=list(SHELLS))
    parser.add_argument("--show", action="store_true", help="print the container's transcript")
    options = parser.parse_args()
    failures = 0
    with terminal.Workshop("shells", options) as workshop:
        for name, (tree, args, _, _) in SHELLS.items():
            if options.only not in (None, name):
                continue
            steps = steps_of(name)
            environment = {"PS1": PROMPT, "PS2": "", "TERM": "dumb", "HISTFILE": "", "ENV": ""}
            expected, expected_status = drive(workshop.native(tree).start(args, environment), steps)
            seen, status = drive(workshop.contained(tree).start(args, environment), steps)
            if options.show:
                print(seen)
            if "!!" not in expected and (expected, expected_status) == (seen, status):
                print(f"same: {name}, {len(steps)} steps, {len(seen.splitlines())} lines, status {status}", flush=True)
                continue
            failures += 1
            print(f"DIFFERS: {name}: status {expected_status} natively, {status} in litebox")
            sys.stdout.writelines(line + "\n" for line in difflib.unified_diff(
                expected.splitlines(), seen.splitlines(), "natively", "litebox", lineterm="", n=4))
            if "!!" in expected:
                print(expected[-2000:])
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
