"""Commands that get a signal at a moment, each in a fork of one process that has all loaded.

python -m tests.moments COMMAND … runs commands, each one argument, which load what the next ones
need. Then, for each line `[number, signal, part, word, …]`, in JSON, it runs the command of these
words in a fork that sends itself the signal at the call of that number, and answers with its exit
code, how many such calls there were, and what was said. Counted are calls of the system (files,
folders), or of functions in modules with this part in their path.
"""

import contextlib
import importlib
import io
import json
import os
import signal
import sys

from tests.forks import Forks

CALLS = ("open", "os.", "tempfile.", "shutil.")


class Moments(Forks):
    """That process, seen from a test."""

    module = "tests.moments"

    def run(self, number, sent, *words, of=""):
        """Exit code, number of calls, and output of a command; number 0 sends nothing."""
        print(json.dumps([number, sent, of, *words]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def child(number, sent, part, words, out):
    """The command, in a fork; its output goes to a file descriptor."""
    from optcli.cli.main import main

    calls = 0

    def count():
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), sent)

    def of_the_system(event, _):
        if event.startswith(CALLS):
            count()

    def of_the_part(frame, event, _):
        if event == "call" and part in frame.f_code.co_filename:
            count()

    for stream in (1, 2):
        os.dup2(out, stream)
    sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(n, "w"), "utf-8") for n in (1, 2))
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        usual = signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL
        signal.signal(each, usual)
    code = -1
    if part:
        sys.setprofile(of_the_part)
    else:
        sys.addaudithook(of_the_system)
    try:
        main(words)
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.setprofile(None)
        number = -1
        sys.stdout.flush()
        os.write(2, f"\n{calls}".encode())
        os._exit(code if code >= 0 else 99)


def serve():
    """Answer each line of the standard input."""
    for line in sys.stdin:
        number, sent, part, *words = json.loads(line)
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            child(number, sent, part, words, writer)
        os.close(writer)
        with io.FileIO(reader) as file:
            said, _, calls = file.read().decode().rpartition("\n")
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(json.dumps([code, int(calls or 0), said]), flush=True)


def load():
    """Import what the commands of the arguments import; they run in a fork. Their exit code.

    Here they would start threads, which a fork does not have: it would wait for them for ever.
    """
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        from optcli.cli.main import run

        sys.stdout = io.StringIO()
        code = max(run(command.split()) for command in sys.argv[1:])
        os.write(writer, " ".join(sys.modules).encode())
        os._exit(code)
    os.close(writer)
    with io.FileIO(reader) as file:
        names = file.read().decode().split()
    for name in names:
        with contextlib.suppress(ImportError):  # of modules that only another one can load
            importlib.import_module(name)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    print(load(), flush=True)
    serve()
