"""Commands in forks of one process, which are killed in time: a fork has nothing to import.

python -m tests.forks COMMAND … runs the command, which imports all that the next ones need.
Then, for each line `[seconds, word, …]`, in JSON, it runs the command of these words in a fork,
kills it after so many seconds, and answers with its exit code, which is -9 if it was killed.
"""

import json
import os
import signal
import subprocess
import sys

ENDED = {signal.SIGCHLD}


class Forks:
    """That process, seen from a test."""

    module = "tests.forks"

    def __init__(self, *words):
        call = [sys.executable, "-m", self.module, *words]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(call, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout.readline() == "0\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def run(self, seconds, *words):
        """The exit code of a command that has so many seconds."""
        print(json.dumps([seconds, *words]), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


def serve(run):
    """Answer each line of the standard input."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDED)
    for line in sys.stdin:
        seconds, *words = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDED)
            os._exit(run(words))
        if signal.sigtimedwait(ENDED, seconds) is None:
            os.kill(child, signal.SIGKILL)
            signal.sigwait(ENDED)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    from optcli.cli.main import run

    print(run(sys.argv[1:]), flush=True)
    serve(run)
