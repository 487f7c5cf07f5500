#!/usr/bin/env python3
"""Drives interactive shells through a terminal, natively (a chroot, the oracle) and in a container, and compares the transcripts.

    shells.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs [--as root|user] [--only bash] [--times 20] [--show]

A step is what a person types, and what they wait for before they type the next. Natively the shell is the first process of a
pid namespace, as it is in a container. Ids of processes, and numbers of terminals, are replaced by the order in which they
appear. Needs root: for the chroot, and to become the ordinary user to whom one of the containers belongs.
"""
import argparse
import difflib
import pathlib
import re
import sys

import terminal
PROMPT = "go> "
INTERRUPT, QUIT, SUSPEND, END = "\x03", "\x1c", "\x1a", "\x04"

# A job that says when it is in the foreground, also when it goes on there, so that a key that follows reaches it and not the
# shell; in the background it leaves a file. Once it has said so it starts nothing more: a stop between vfork and exec would stop
# the child alone and leave its parent waiting, natively too. SIGINT ends it, and leaves its child behind.
JOB = """cat > /tmp/job <<'END'
sleep 1000 & s=$!
trap 'read stat </proc/$$/stat; set -- ${stat##*) }; if [ $3 = $6 ]; then echo goes on; else echo >/tmp/behind; fi' CONT
echo $$ >/tmp/pid
echo in front
while :; do wait $s; done
END
echo wri""tten"""
WRITTEN = re.compile("written\\r\\n(?s:.)*go> ")
FRONT = "in front\r\n"
GOES_ON = "goes on\r\n"
# One that reads: in the background it stops, and in the foreground it says that it goes on.
READER = """cat > /tmp/reader <<'END'
trap 'echo goes on' CONT
dd bs=100 count=1 2>/dev/null </dev/tty &
until wait $!; do :; done
END
echo wri""tten"""
# One that does something when it is told to.
WHEN = """cat > /tmp/when <<'END'
until [ -e /tmp/now ]; do sleep 0.1; done
rm /tmp/now
eval "$1"
END
echo wri""tten"""
STATE = "state() { sed 's/^.*) //' /proc/$1/stat | cut -d' ' -f1; }"
# Each waits in one job of the foreground: how many a shell has run decides when it reports the others.
STOPPED = """until_stopped() { sh -c 'until grep -q ") T " /proc/$0/stat; do sleep 0.1; done' $1; }"""
# Until then a child of an interactive shell ignores SIGTERM as the shell does.
RUNS = "until_runs() { sh -c 'until grep -q sleep /proc/$0/comm; do sleep 0.1; done' $1; }"
GONE = "until_gone() { sh -c 'while [ -e /proc/$0 ]; do sleep 0.1; done' $1; }"
BEHIND = "sh -c 'until [ -e /tmp/behind ]; do sleep 0.1; done; rm /tmp/behind'"

# What every shell does: (keys, what to wait for; None: the prompt). Keys without a line's end are single key presses.
COMMON = [
    (JOB, WRITTEN),
    (READER, WRITTEN),
    (STATE, None),
    (STOPPED, None),
    (RUNS, None),
    (GONE, None),
    (WHEN, WRITTEN),
    ("echo $$; tty; test -t 0 && echo terminal", None),
    ("set -- $(sed 's/^.*) //' /proc/self/stat); test $5 != 0 && echo controlled; test $3 = $6 && echo in the foreground", None),
    ("stty size; stty -a; stty rows 30 cols 90; stty size", None),
    ("sleep 1000 &", None),
    ("until_runs $!; jobs", None),
    ("kill %1; until_gone $!; wait $!; echo $?", None),
    ("jobs; true", None),
    # A job is stopped, listed, continued in the background and in the foreground, and interrupted.
    ("sh /tmp/job", FRONT),
    (SUSPEND, None),
    ("jobs", None),
    ("fg", GOES_ON),
    (SUSPEND, None),
    ("bg", None),
    (BEHIND + "; jobs", None),
    ("read p </tmp/pid; kill -STOP %1; until_stopped $p; jobs", None),
    ("fg", GOES_ON),
    (INTERRUPT, None),
    ("echo $?", None),
    ("echo ready >/tmp/words", None),
    ("tail -f /tmp/words", "ready\r\n"),
    (QUIT, None),
    ("echo $?", None),
    # Pipelines are groups: one key stops and ends all of it.
    ("sh -c '. /tmp/job' | cat | cat", FRONT),
    (SUSPEND, None),
    ("jobs", None),
    ("cats() { cat /proc/[0-9]*/stat 2>/dev/null | grep '(cat) T' | cut -d' ' -f3,5 | sort | uniq -c; }; cats | wc -l", None),
    ("fg", GOES_ON),
    (INTERRUPT, None),
    ("cats; echo none", None),
    # Reading in the background stops; writing does with tostop.
    ("sh /tmp/reader & until_stopped $!; jobs", None),
    ("fg", GOES_ON),
    ("typed\n", None),
    ("sh /tmp/when 'echo background writes' &", None),
    (": >/tmp/now; until_gone $!", None),
    ("stty tostop", None),
    ("(echo background stops; true) & until_stopped $!; jobs", None),
    ("fg", "stops\r\n" + PROMPT),
    ("stty -tostop; stty -a | grep -o '.tostop'", None),
    # Traps, resizing, here-documents.
    ("trap 'echo interrupted' INT; trap 'echo user' USR1; kill -USR1 $$; kill -INT $$; trap - INT USR1; echo after", None),
    ("sh -c 'trap \"stty size\" WINCH; echo rea\"\"dy; until read x; do :; done; echo $x'", "ready\r\n"),
    (("resize", 40, 120), "40 120\r\n"),
    ("enough\n", None),
    ("stty size", None),
    ("cat <<HERE\nfirst $((1 + 1))\nsecond\nHERE", "second\r\n" + PROMPT),
    ("sleep 1000 & first=$!; sleep 1001 &", None),
    ("until_runs $first; until_runs $!; jobs", None),
    ("kill %1; until_gone $first; wait $first; echo $?; kill %2; until_gone $!; wait $!; echo $?", None),
    ("sh /tmp/when 'exit 3' &", None),
    (": >/tmp/now; wait $!; echo $?", None),
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
    ("sh -c 'trap \"echo told >/tmp/left; exit\" HUP TERM; echo $$ >/tmp/pid; sleep 1000 & echo rea\"\"dy; while :; do wait; done'",
     "ready\r\n"),
    (SUSPEND, None),
    ("exit", None),
    ("exit", None),
]
ENDED = [("sh -c 'until [ -s /tmp/left ]; do sleep 0.1; done; cat /tmp/left; rm /tmp/left'", None)]
LEFT = [("read p </tmp/pid; state $p; kill -KILL $p; ls /tmp/left", None)]
DISOWN = [
    ("sleep 1000 &", None),
    ("until_runs $!", None),
    ("p=$!; disown %1; jobs; kill -0 $p && echo alive", None),
    ("kill $p; until_gone $p; echo none", None),
]
WAIT_NEXT = [
    ("sh /tmp/when 'exit 4' &", None),
    ("sleep 1000 & until_runs $!; jobs", None),
    (": >/tmp/now; wait -n; echo $?", None),
    ("kill %sleep; wait -n; echo $?; wait; jobs", None),
    ("coproc cat; echo through >&${COPROC[1]}; read x <&${COPROC[0]}; echo $x", None),
    ("p=$COPROC_PID; kill $p; until_gone $p; jobs; true", None),
    ("fc -l -1 | grep -c fc; history -c", None),
]
SHELLS = {  # tree, command, steps in it, steps after one inside it has been left
    "bash": ("terminal", ["bash", "--norc", "--noprofile", "-i"], COMMON + DISOWN + WAIT_NEXT, ENDED),
    "dash": ("terminal", ["dash", "-i"], COMMON, LEFT),
    "zsh": ("terminal", ["zsh", "-f", "+Z", "-o", "no_prompt_sp", "-o", "no_notify", "-i"], COMMON + DISOWN, LEFT),
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


def drive(sessions, steps):
    """Takes all sessions through the steps side by side; the transcript and the shell's status of each."""
    going = dict(sessions)
    for name, session in sessions.items():
        if not session.wait_for(PROMPT):
            del going[name]
    for index, (keys, expected) in enumerate(steps):
        marks = {name: session.mark() for name, session in going.items()}
        for session in going.values():
            if isinstance(keys, tuple):
                session.resize(*keys[1:])
            else:
                session.send(keys if len(keys) == 1 or keys.endswith("\n") else keys + "\n")
        for name, mark in marks.items():
            if not sessions[name].wait_for(PROMPT if expected is None else expected, mark):
                sessions[name].note(f"\n!! step {index} {keys!r}: {expected or PROMPT!r} does not appear\n")
                del going[name]
    for session in going.values():
        session.send("exit\n")
    return {name: (normalised(session.text()), session.end(None if name in going else 0)) for name, session in sessions.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], help="only as one of them")
    parser.add_argument("--only", choices=list(SHELLS), help="one shell")
    parser.add_argument("--times", type=int, default=1, help="how often")
    parser.add_argument("--show", action="store_true", help="print the chroot's transcript")
    options = parser.parse_args()
    failures = 0
    with terminal.Workshop("shells", options) as workshop:
        for name, (tree, args, _, _) in SHELLS.items():
            if options.only not in (None, name):
                continue
            steps = steps_of(name)
            environment = {"PS1": PROMPT, "PS2": "", "TERM": "dumb", "HISTFILE": "", "ENV": ""}
            places = {"natively": workshop.native(tree),
                      **{who: workshop.contained(tree, who) for who in ("root", "user") if options.who in (None, who)}}
            for _ in range(options.times):
                outcomes = drive({who: place.start(args, environment) for who, place in places.items()}, steps)
                expected, expected_status = outcomes.pop("natively")
                if options.show:
                    print(expected)
                if "!!" in expected:
                    failures += 1
                    print(f"FAILED: {name} natively\n{expected[-2000:]}", flush=True)
                for who, (seen, status) in outcomes.items():
                    if (expected, expected_status) == (seen, status):
                        print(f"same: {name} as {who}, {len(steps)} steps, {len(seen.splitlines())} lines, status {status}", flush=True)
                        continue
                    failures += 1
                    print(f"DIFFERS: {name} as {who}: status {expected_status} natively, {status} in litebox")
                    sys.stdout.writelines(line + "\n" for line in difflib.unified_diff(
                        expected.splitlines(), seen.splitlines(), "natively", "litebox", lineterm="", n=4))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
