"""Jobs for worker processes, which import them from here."""

import os
import signal
import time
from pathlib import Path


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
