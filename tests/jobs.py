"""Jobs for worker processes, which import them from here."""

import os
import signal
import time
from pathlib import Path

from optcli.storage import dispatch


def square(number):
    """A job that goes well."""
    return number * number


def dies_once(job):
    """Kill the worker the first time; a file remembers."""
    path, number = job
    if path is not None:
        try:
            Path(path).touch(exist_ok=False)
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def dies_always(number):
    """Kill the worker, for number 3."""
    if number == 3:
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def hangs_once(job):
    """Sleep for ever the first time; a file remembers."""
    path, number = job
    if path is not None:
        try:
            Path(path).touch(exist_ok=False)
        except FileExistsError:
            return number
        time.sleep(1000)
    return number


def refuses(number):
    """Raise what any job may raise."""
    raise ValueError(f"not {number}")


prepared = []


def prepare(word):
    """What is called before the first job."""
    prepared.append(word)


def says(number):
    """What the worker was prepared with."""
    return prepared, number


def run(function, jobs, pool, expected=0.0):
    """The results of jobs, by workers that are opened for them alone."""
    with dispatch.opened(pool) as workers:
        yield from workers.run(function, jobs, expected)


def naps(seconds):
    """Take a while."""
    time.sleep(seconds)
    return seconds


def freezes(job):
    """Stop the process that has a number, be it this one."""
    number, value = job
    if os.getpid() == number:
        os.kill(number, signal.SIGSTOP)
    return value


def leaves_its_number(job):
    """Write the number of the process to a file, and take a while."""
    path, seconds = job
    Path(path).write_text(str(os.getpid()))
    time.sleep(seconds)


at_work = []


def counts_itself(number):
    """How many jobs are at work in this process."""
    at_work.append(number)
    time.sleep(0.005)
    found = len(at_work)
    at_work.remove(number)
    return found
