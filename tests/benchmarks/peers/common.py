"""What the peers' scripts share; they import nothing of optcli."""

import json
import sys
import time


def arguments():
    """What the script is given, as JSON."""
    return json.loads(sys.argv[1])


def say(**found):
    print(json.dumps(found))


def timed(epoch, count):
    """Seconds of each of so many calls, after one that does not count."""
    epoch()
    found = []
    for _ in range(count):
        began = time.perf_counter()
        epoch()
        found.append(time.perf_counter() - began)
    return found


def deviations(sizes):
    """The standard deviation of each layer's first weights, as optcli starts them."""
    last = len(sizes) - 2
    return [(2 / d) ** 0.5 if i < last else 0.1 / d**0.5 for i, d in enumerate(sizes[:-1])]
