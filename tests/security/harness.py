"""What the scripts of this directory share: their options, their private directory, and becoming an ordinary user."""
import argparse
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile


class Failure(Exception):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def arguments(description):
    """A parser of --litebox and --as, the options that all have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litebox", required=True, type=pathlib.Path)
    parser.add_argument("--as", dest="who", choices=["root", "user"], required=True)
    return parser


def become_nobody(directory, options, programs):
    """From here on this process is an ordinary user, whose `directory` is. `programs`: options that name files; copies in there
    take their place, since the build may lie where only root may look."""
    for name in programs:
        setattr(options, name, pathlib.Path(shutil.copy(getattr(options, name), directory)))
    nobody = pwd.getpwnam("nobody")
    subprocess.run(["chown", "-R", f"{nobody.pw_uid}:{nobody.pw_gid}", str(directory)], check=True)
    os.setgroups([])
    os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
    os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    os.environ["XDG_RUNTIME_DIR"] = os.environ["HOME"] = str(directory)


def attack(options, programs, run, closing):
    """run(directory, options) in a directory of its own, as the user that --as says. The process's exit code."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="litebox-attack-"))
    try:
        directory.chmod(0o755)
        if options.who == "user" and os.geteuid() == 0:
            become_nobody(directory, options, programs)
        check(options.who == "user" or os.geteuid() == 0, "--as root needs root")
        run(directory, options)
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(closing)
    return 0
