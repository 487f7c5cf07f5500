#!/usr/bin/env python3
"""Programs of the terminal, each at a job of its own, in a chroot and in containers at once: their screens must become the same.

    programs.py --litebox BUILD/litebox --make-rootfs packaging/make-rootfs [--as root|user] [--only tmux] [--times 20] [--show]

A step is what a person types and what they wait for; then the screens (screen.py) are compared until they are equal, or patience
has ended. What differs between two runs on Linux (ids, times) is taken out by each case's own rules. Needs root, for the chroot
and to become the ordinary user to whom one of the containers belongs.
"""
import argparse
import difflib
import os
import pathlib
import re
import sys
import time

import screen
import terminal

PROMPT = "go> "
NOTHING = re.compile("")


def on_screen(pattern):
    return re.compile(pattern, re.DOTALL | re.MULTILINE)


def without(*patterns):
    """The screen with what the patterns match replaced, where that is of another length in each run."""
    def rule(text):
        for pattern in patterns:
            text = re.sub(pattern, "~", text)
        return text
    return rule


def processes(text):
    """Of a list of processes: whose they are and what they run, in no order."""
    found = re.findall(r"^ *\d+ (\S+) .* +\d+:\d\d[.:]\d\d (\S+)", text, re.MULTILINE)
    return "\n".join(f"{user} {command}" for user, command in sorted(found))


# A job that reads nothing, and says that it runs: a key that follows reaches it.
FOLLOW = "echo words >/tmp/words; tail -f /tmp/words\n"

WRITTEN = "written\r\n" + PROMPT


def write(path, text):
    return (f"cat >{path} <<'END'\n{text}END\necho wri\"\"tten\n", WRITTEN)


LESS = [
    ("seq 1 200 >/tmp/n; less /tmp/n\n", on_screen(r"^23\n/tmp/n")),
    (" ", on_screen(r"^46\n:")),
    ("/150\n", on_screen(r"\A150\n")),
    ("?20\n", on_screen(r"\A120\n")),
    ("G", on_screen(r"^200\n\(END\)")),
    ("gmaG'a", on_screen(r"\A1\n")),
    ("!echo from the shell\n", "done"),
    ("\n", on_screen(r"\A1\n")),
    ("q", PROMPT),
]
VI = [
    ("rm -f /tmp/text /tmp/.text.swp; vi -u NONE /tmp/text\n", on_screen(r"/tmp/text.*New")),
    ("ione\rtwo\rthree\x1b", on_screen(r"^three$")),
    ("gg:2\ndd", on_screen(r"\Aone\nthree$")),
    ("pu", on_screen(r"\Aone\nthree$")),
    ("Gofour five\x1bb", on_screen(r"four five$")),
    (":s/five/5/\n", on_screen(r"^four 5$")),
    (":!stty size\n", "ENTER"),
    ("\n", on_screen(r"\Aone$")),
    ("\x1a", PROMPT),
    ("fg\n", on_screen(r"\Aone\nthree\nfour 5$")),
    (":wq\n", PROMPT),
    ("cat /tmp/text; stty -a | grep -o ' icanon'\n", "icanon\r\n" + PROMPT),
]
TMUX = [
    write("/tmp/conf", """set -g default-command 'exec sh'
set -g status-right ''
set -g automatic-rename off
set -g status-interval 0
set -g assume-paste-time 0
"""),
    ("tmux -f /tmp/conf new -s work -n main\n", on_screen(r"\Ago>.*\[work\] 0:main")),
    ("echo first; tty | tr -d 0-9\n", on_screen(r"^first\n/dev/pts/$")),
    ("\x02%", on_screen(r"xgo>$")),
    ("echo second; stty size\n", on_screen(r"second\b.*\d+ \d+")),
    ("\x02\"", on_screen(r"^ *x *$.*tqqq.*xgo>$")),
    (FOLLOW, on_screen(r"xwords$")),
    ("\x1a", on_screen(r"Stopped")),
    ("jobs\n", on_screen(r"Stopped.*Stopped")),
    ("\x02o", NOTHING),
    ("echo back\n", on_screen(r"^back")),
    ("\x02c", on_screen(r"\Ago>\n+\[work\].*1:")),
    ("\x02:", on_screen(r"^:")),
    ("rename-window other\n", on_screen(r"1:other\*")),
    ("\x02p", on_screen(r"^back")),
    ("\x02d", on_screen(r"^\[detached .*\]\ngo>$")),
    ("tmux ls; tmux list-panes -s -F '#{window_index} #{pane_index} #{pane_width}x#{pane_height} #{pane_current_command}'\n",
     on_screen(r"^0 2 .*\n1 0 ")),
    ("tmux attach\n", on_screen(r"^back.*\[work\]")),
    ("\x02:", on_screen(r"^:")),
    ("kill-session\n", on_screen(r"^\[exited\]\ngo>$")),
]
SCREEN = [
    write("/tmp/conf", "startup_message off\nshell sh\nvbell off\n"),
    ("screen -c /tmp/conf -S work\n", on_screen(r"\Ago>\n*\Z")),
    ("echo first; tty | tr -d 0-9\n", on_screen(r"^first\n/dev/pts/$")),
    ("\x01c", on_screen(r"\Ago>\n*\Z")),
    ("echo second; stty size\n", on_screen(r"^second\n24 80$")),
    ("\x01p", on_screen(r"^first")),
    ("\x01S", on_screen(r"0 sh$")),
    ("\x01\t", NOTHING),
    ("\x011", on_screen(r"0 sh.*1 sh")),
    ("echo in the lower half\n", on_screen(r"^in the lower half$")),
    ("\x01Q", on_screen(r"\A(?!.*0 sh).*^in the lower half$")),
    ("\x01d", on_screen(r"^\[detached from .*\]\ngo>$")),
    ("screen -ls | grep -c Detached\n", on_screen(r"^1\ngo>")),
    ("screen -r work\n", on_screen(r"^in the lower half$")),
    ("exit\n", on_screen(r"\A(?!.*lower half).*go>")),
    ("exit\n", on_screen(r"^\[screen is terminating\]\ngo>$")),
]
SCRIPT = [
    ("script -q -c sh /tmp/typescript\n", PROMPT),
    ("tty | tr -d 0-9; stty size\n", "24 80\r\n" + PROMPT),
    (FOLLOW, "\r\nwords\r\n"),
    ("\x1a", "Stopped"),
    ("exit\n", PROMPT),
    ("exit\n", PROMPT),
    ("grep -c Stopped /tmp/typescript; grep -c '24 80' /tmp/typescript\n", "1\r\n" + PROMPT),
]
EXPECT = [
    write("/tmp/dialogue", """set timeout 60
spawn sh -c {stty -echo; printf 'name: '; read n; printf '\\npassword: '; read p; stty echo; echo; echo "$n/$p"; stty size; exit 4}
stty rows 30 columns 90 < $spawn_out(slave,name)
expect "name: "
send "guest\\r"
expect "password: "
send "secret\\r"
expect "guest/secret"
expect eof
puts "ended with [lindex [wait] 3]"
spawn sh
expect "go> "
send "echo words >/tmp/words; tail -f /tmp/words\\r"
expect -ex "\\r\\nwords"
send "\\003"
expect "go> "
send "echo after; exit\\r"
expect -ex "\\r\\nafter"
expect eof
puts "ended with [lindex [wait] 3]"
"""),
    ("expect /tmp/dialogue\n", on_screen(r"ended with 4.*ended with \d+\ngo>")),
]
DIALOG = [
    ("dialog --menu choose 12 40 3 1 one 2 two 3 three 2>/tmp/answer\n", on_screen(r"choose.*three.*Cancel")),
    ("\x1bOB", NOTHING),
    ("\n", PROMPT),
    ("clear; cat /tmp/answer; echo\n", on_screen(r"\A2\ngo>")),
    ("dialog --inputbox name 8 40 2>/tmp/answer\n", on_screen(r"name.*Cancel")),
    ("somebody\n", PROMPT),
    ("clear; cat /tmp/answer; echo\n", on_screen(r"\Asomebody\ngo>")),
    ("dialog --gauge working 7 40 <<END\n10\n70\nEND\n", on_screen(r"70%.*go>")),
    ("clear\n", on_screen(r"\Ago>$")),
]
PROCESSES = [
    ("sleep 1000 &\n", PROMPT),
    ("{program}\n", on_screen(r"(COMMAND|Command)")),
    (None, on_screen(r"\bsleep\b")),
    ("q", PROMPT),
]
SSH = [
    ("rm -rf /root/.ssh; mkdir -p /run/sshd /root/.ssh; chmod 700 /root/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; echo made\n",
     "made\r\n" + PROMPT),
    ("cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys; /usr/sbin/sshd -p $PORT -o UsePAM=no\n", PROMPT),
    ("alias reach='ssh -o StrictHostKeyChecking=no -o LogLevel=ERROR -p $PORT 127.0.0.1'; clear\n", on_screen(r"\Ago>$")),
    ("reach -t 'tty | tr -d 0-9; stty size; exec env PS1=\"in> \" sh -i'\n", on_screen(r"^/dev/pts/\n24 80\nin>$")),
    (FOLLOW, "\r\nwords\r\n"),
    ("\x1a", "Stopped"),
    ("fg\n", on_screen(r"^tail -f /tmp/words$")),
    ("\x03", on_screen(r"\^C\nin>$")),
    (("resize", 30, 100), NOTHING),
    ("until stty size | grep '30 100'; do sleep 0.1; done\n", on_screen(r"^30 100\nin>$")),
    ("exit 6\n", PROMPT),
    ("echo $?; seq 1 100000 | reach md5sum; reach 'exit 3'; echo $?\n", on_screen(r"^6\n[0-9a-f]{32}  -\n3\ngo>$")),
]
CRON = [
    ("rm -f /run/crond.reboot /tmp/ran; printf '@reboot root (id -un; pwd; tty; ps -o tty= -p $$) >/tmp/ran 2>&1\\n' >/etc/cron.d/job; cron\n", PROMPT),
    ("sh -c 'until [ $(wc -l </tmp/ran) = 4 ]; do sleep 0.1; done' 2>/dev/null; cat /tmp/ran\n", on_screen(r"^root\n.*\n\?\ngo>$")),
    ("kill $(cat /run/crond.pid); sh -c 'while kill -0 $(cat /run/crond.pid) 2>/dev/null; do sleep 0.1; done'; echo ended\n",
     "ended\r\n" + PROMPT),
]
TINI = ("trap 'echo stopping; exit 5' TERM; sh -c 'sleep 0.2 & echo $! >/tmp/orphan'; read orphan </tmp/orphan; "
        "while [ -e /proc/$orphan ]; do sleep 0.1; done; echo reaped; ps -o args= -p 1; kill -TERM 1; while :; do sleep 0.1; done")
RUNIT = r"""
mkdir -p /tmp/sv/worker /tmp/sv/user
printf '#!/bin/sh\nexec sleep 1000\n' >/tmp/sv/worker/run
cat >/tmp/sv/user/run <<'END'
#!/bin/sh
runs() { sv status /tmp/sv/worker | sed 's/ [0-9]*s/ ~/; s/pid [0-9]*/pid/'; }
pid() { cat /tmp/sv/worker/supervise/pid; }
until sv status /tmp/sv/worker | grep -q ^run; do sleep 0.1; done 2>/dev/null
runs
sv -v down /tmp/sv/worker | sed 's/[0-9]*s\b/~/'; runs
sv -v up /tmp/sv/worker | sed 's/[0-9]*s\b/~/; s/pid [0-9]*/pid/'; runs
first=$(pid); kill -KILL $first; while [ "$(pid)" = $first ] || [ -z "$(pid)" ]; do sleep 0.1; done; runs
ps -o args= -p 1
kill -HUP 1
sleep 1000
END
chmod +x /tmp/sv/*/run
exec runsvdir -P /tmp/sv
"""
SHELL = ["sh", "-i"]
CASES = {  # arguments, steps, what is compared of a screen
    "less": (SHELL, LESS, without()),
    "vi": (SHELL, VI, without()),
    "top": (SHELL, PROCESSES, processes),
    "htop": (SHELL, PROCESSES, processes),
    "tmux": (SHELL, TMUX, without(r"\(created .*?\)")),
    "screen": (SHELL, SCREEN, without(r"\d+\.work")),
    "script": (SHELL, SCRIPT, without()),
    "expect": (SHELL, EXPECT, without()),
    "dialog": (SHELL, DIALOG, without()),
    "ssh": (SHELL, SSH, without()),
    "cron": (SHELL, CRON, without()),
    "tini": (["tini", "--", "sh", "-c", TINI], [(None, "stopping")], without()),
    "runit": (["sh", "-c", RUNIT], [(None, "runsvdir -P")], without()),
}


class Watched:
    """A session and its screen."""

    def __init__(self, session, rule):
        self.session, self.rule = session, rule
        self.screen = screen.Screen(terminal.ROWS, terminal.COLUMNS)
        self.fed = 0
        self.mark = 0

    def look(self):
        """The screen as it is now."""
        self.screen.feed(self.session.received[self.fed:])
        self.fed = len(self.session.received)
        return self.screen.text()

    def compared(self):
        return self.rule(self.look())

    def send(self, keys, program):
        self.mark = self.session.mark()
        if isinstance(keys, tuple):
            self.session.resize(*keys[1:])
        elif keys is not None:
            self.session.send(keys.replace("{program}", program))

    def reached(self, expected):
        if isinstance(expected, str):
            return expected in self.session.text()[self.mark:]
        return expected.search(self.look()) is not None


def wait_until(condition, sessions):
    """Reads from all the sessions; False when patience has ended."""
    deadline = time.monotonic() + terminal.PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        for watched in sessions.values():
            watched.session.read(0.02)
    return True


def difference(expected, seen):
    return "\n".join(difflib.unified_diff(expected.splitlines(), seen.splitlines(), "natively", "litebox", lineterm="", n=30))


def run_case(name, places, show):
    """The complaints, and how many screens were compared."""
    args, steps, rule = CASES[name]
    environment = {"PS1": PROMPT, "PS2": "", "TERM": "vt100", "SHELL": "/bin/sh", "ENV": ""}
    ports = range(20000 + os.getpid() % 10000 * 4, 65536)  # the chroot's and the user's loopback are the machine's
    sessions = {who: Watched(place.start(args, {**environment, "PORT": str(port)}), rule)
                for port, (who, place) in zip(ports, places.items())}
    complaints = []
    if args == SHELL:
        steps = [("", PROMPT), *steps]
    for index, (keys, expected) in enumerate(steps):
        if index != 0:
            for watched in sessions.values():
                watched.send(keys, name)
        wait_until(lambda: all(watched.reached(expected) for watched in sessions.values()), sessions)
        late = [who for who, watched in sessions.items() if not watched.reached(expected)]
        complaints += [f"{who}, step {index} {keys!r}: {expected!r} does not appear:\n{sessions[who].look()}" for who in late]
        native = sessions["natively"]
        if not late and not wait_until(lambda: all(watched.compared() == native.compared() for watched in sessions.values()), sessions):
            complaints += [f"{who}, step {index} {keys!r}:\n{difference(native.compared(), watched.compared())}"
                           for who, watched in sessions.items() if watched.compared() != native.compared()]
        if complaints:
            break
        if show:
            print(f"--- {name}, step {index} {keys!r}\n{native.compared()}")
    for watched in sessions.values():
        if args == SHELL and not complaints:
            watched.session.send("exit 0\n")
    statuses = {who: watched.session.end(0 if complaints else None) for who, watched in sessions.items()}
    if not complaints and len(set(statuses.values())) != 1:
        complaints.append(f"statuses {statuses}")
    if not complaints and args != SHELL:
        texts = {who: watched.compared() for who, watched in sessions.items()}
        complaints += [f"{who}, at the end:\n{difference(texts['natively'], text)}" for who, text in texts.items()
                       if text != texts["natively"]]
    return complaints, len(steps), statuses["natively"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--make-rootfs", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], help="only as one of them")
    parser.add_argument("--only", choices=list(CASES), help="one program")
    parser.add_argument("--times", type=int, default=1, help="how often")
    parser.add_argument("--show", action="store_true", help="print the chroot's screens")
    options = parser.parse_args()
    failures = 0
    with terminal.Workshop("programs", options) as workshop:
        places = {"natively": workshop.native("terminal"),
                  **{who: workshop.contained("terminal", who) for who in ("root", "user") if options.who in (None, who)}}
        for name in CASES:
            if options.only not in (None, name):
                continue
            for _ in range(options.times):
                complaints, count, status = run_case(name, places, options.show)
                if not complaints:
                    print(f"same: {name}, {count} screens, status {status}", flush=True)
                    continue
                failures += 1
                print(f"DIFFERS: {name}: " + "\n".join(complaints), flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
