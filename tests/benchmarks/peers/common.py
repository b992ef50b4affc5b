"""What the peers' scripts share; they import nothing of optcli."""

import json
import sys
import time

# At least so long is the shortest epoch looked for, by every side.
SECONDS = 2.0


def arguments():
    """What the script is given, as JSON."""
    return json.loads(sys.argv[1])


def say(**found):
    print(json.dumps(found))


def timed(epoch, count, loss):
    """Seconds of each of so many calls, after one that does not count; and the loss then.

    Further calls follow until all have taken the seconds that each side has: those of a short
    epoch would else all fall into one busy moment of the machine.
    """
    epoch()
    found, reached = [], None
    while len(found) < count or sum(found) < SECONDS:
        began = time.perf_counter()
        epoch()
        found.append(time.perf_counter() - began)
        if len(found) == count:
            reached = loss()
    return found, reached


def deviations(sizes):
    """The standard deviation of each layer's first weights, as optcli starts them."""
    last = len(sizes) - 2
    return [(2 / d) ** 0.5 if i < last else 0.1 / d**0.5 for i, d in enumerate(sizes[:-1])]
