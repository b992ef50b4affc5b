"""training-rows.npz: hashes of the training rows, by which an evaluation knows them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from optcli.core.arrays import Array
from optcli.data.preparation import Part
from optcli.data.row_hashes import hashes_in_blocks, row_hashes
from optcli.storage import files

FILE = "training-rows.npz"
MOST = 1 << 20  # hashes that are kept: 8 MB
FORMAT = 1


@dataclass(frozen=True)
class Found:
    """How many of some rows are training rows.

    found: of the rows that could be looked up, as many as `looked_up`. repeated: the share of
    the training rows that are equal to another.
    """

    found: int
    looked_up: int
    repeated: float


def write(folder: Path, part: Part) -> None:
    """Keep hashes of training rows in a run folder; of more than 2^20 rows the lowest hashes.

    These are as good as a random sample of the distinct rows (Z. Bar-Yossef and others,
    Counting distinct elements in a data stream, 2002), in as little memory for rows that are
    streamed. Raises EnvironmentFailed.
    """
    lowest, further = np.empty(0, np.uint64), [np.empty(0, np.uint64)]
    for hashes in hashes_in_blocks(part):
        further.append(hashes if len(lowest) < MOST else hashes[hashes <= lowest[-1]])
        if sum(map(len, further)) >= MOST:
            lowest, further = _lowest(lowest, *further), []
    about = {"format": FORMAT, "rows": len(part.x)}
    files.write_arrays(folder / FILE, {"hashes": _lowest(lowest, *further)}, about)


def _lowest(*hashes: Array) -> Array:
    """The lowest of some hashes, as many as are kept, ascending."""
    return np.sort(np.concatenate(hashes))[:MOST]


def look_up(folder: Path, part: Part) -> Found | None:
    """How many rows of a part are among the training rows of a run.

    None where the run kept no hashes, as an earlier version made it.
    Raises InvalidInput where the file is damaged.
    """
    if not (folder / FILE).is_file():
        return None
    arrays, about = files.read_arrays(folder / FILE)
    if about.get("format") != FORMAT or "hashes" not in arrays:
        return None  # of a later version
    hashes: Array = arrays["hashes"].astype(np.uint64, copy=False)
    wanted = row_hashes(part)
    if about["rows"] > len(hashes):
        wanted = wanted[wanted <= hashes[-1]]
    place = np.searchsorted(hashes, wanted).clip(0, len(hashes) - 1)
    same = hashes[1:] == hashes[:-1]
    repeated = np.append(same, False) | np.append(False, same)
    return Found(int((hashes[place] == wanted).sum()), len(wanted), float(repeated.mean()))
