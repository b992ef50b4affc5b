"""Schedulers and workers of dask in forks of one process: each has nothing to import.

python -m tests.dask_forks FOLDER forks for each line `[log, word, …]`, in JSON, a process that
runs `dask word …` in the folder and writes to the log; it answers with the number of the process.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Fork:
    """A process that is no child of this one."""

    def __init__(self, pid):
        self.pid = pid

    def send_signal(self, number):
        """Send a signal, if the process is there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self):
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self):
        """Return when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            for _ in range(3000):
                os.kill(self.pid, 0)
                time.sleep(0.01)
            raise AssertionError(f"process {self.pid} does not end")


class DaskForks:
    """That process, seen from a test."""

    def __init__(self, folder):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.dask_forks"],
            stdin=pipe,
            stdout=pipe,
            text=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )

    def start(self, log, *words):
        """Start `dask words …`."""
        log.touch()
        print(json.dumps([str(log), *words]), file=self.process.stdin, flush=True)
        return Fork(int(self.process.stdout.readline()))

    def close(self):
        """End the process that forks."""
        self.process.communicate()


def serve():
    """Fork a process for each line of the standard input."""
    import numpy  # noqa: F401
    from dask.cli import run_cli
    from distributed.cli import dask_scheduler, dask_worker  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        log, *words = json.loads(line)
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.argv = ["dask", *words]
        run_cli()
        os._exit(0)


if __name__ == "__main__":
    serve()
