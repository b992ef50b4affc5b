"""What a test needs of the system; where that is missing it is skipped, with the reason."""

import os
import signal
import sys
from pathlib import Path

import pytest


def _needs(there, reason):
    return pytest.mark.skipif(not there, reason=reason)


needs_fork = _needs(hasattr(os, "fork"), "forks a process")
needs_kill = _needs(hasattr(signal, "SIGKILL"), "sends SIGKILL, SIGSTOP or SIGHUP")
needs_terminals = _needs(hasattr(os, "openpty"), "opens a terminal")
needs_proc = _needs(Path("/proc/self/stat").exists(), "looks into /proc")
needs_pipes = _needs(hasattr(os, "mkfifo"), "makes a named pipe")
needs_posix_shell = _needs(os.name == "posix", "redirects as POSIX shells do")
needs_full_device = _needs(Path("/dev/full").exists(), "writes to /dev/full")
needs_limits = _needs(sys.platform == "linux", "limits the memory of a process, as Linux does")
needs_file_limit = _needs(os.name == "posix", "limits the number of open files")
needs_links = _needs(sys.platform != "win32", "makes links, which take rights on Windows")
needs_interrupts = _needs(os.name == "posix", "sends Ctrl-C to a process")
needs_peak = _needs(os.name == "posix", "reads how much memory a process had")
needs_modes = _needs(os.name == "posix", "sets who may read and write")
