"""TensorBoard: event files in the folder `tensorboard` of a run, by tensorboardX.

Written without tensorboardX's `SummaryWriter`, whose thread would die of a full disk and let the
training wait for it for ever.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from optcli.storage import files, kinds
from optcli.trackers.base import Beginning, flat, scores

SECONDS = 2.0  # between two flushes
_HEADER = struct.Struct("<QI")  # of a record: its length, and the checksum of that


class TensorBoard:
    """Scalars by the names of history.csv, with the epoch as the step; the config as text.

    A run that goes on drops what was logged after its checkpoint and writes a further file.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        from tensorboardX import event_file_writer, proto, summary
        from tensorboardX.proto import event_pb2

        self._parts = (event_file_writer, summary, event_pb2, proto)
        self._writer: Any = None
        self._clock, self._due = clock, clock() + SECONDS
        self._config: Mapping[str, Any] = {}
        self._epoch = 0

    def begin(self, run: Beginning) -> int:
        event_file_writer = self._parts[0]
        folder = (run.folder / kinds.EVENTS).absolute()
        files.make_folder(folder)
        paths = sorted(folder.glob("events.*"))
        last = max((self._cut(path, run.epoch) for path in paths), default=0)
        # a name of its own, though two may begin in the same second
        self._writer = event_file_writer.EventsWriter(str(folder / "events"), f".{len(paths)}")
        self._config, self._epoch = flat(run.config), run.epoch
        if not paths:
            summary = self._parts[1]
            text = "".join(f"    {line}\n" for line in run.text.splitlines())
            self._write(summary.text("config.yaml", text), 0)
        self._writer.flush()
        return last

    def log(self, row: Mapping[str, float]) -> None:
        self._epoch = int(row["epoch"])
        self._scalars({name: value for name, value in row.items() if name != "epoch"})
        if self._clock() >= self._due:
            self._writer.flush()
            self._due = self._clock() + SECONDS

    def finish(self, summary: Mapping[str, Any]) -> None:
        found = scores(summary)
        self._scalars(found)
        for part in self._parts[1].hparams(self._config, found):
            self._write(part, self._epoch)

    def close(self, outcome: str | None) -> None:
        if self._writer is not None:
            self._writer.close()

    def _scalars(self, values: Mapping[str, float]) -> None:
        """One event with a value for each name."""
        proto = self._parts[3].summary_pb2
        parts = [proto.Summary.Value(tag=name, simple_value=of) for name, of in values.items()]
        self._write(proto.Summary(value=parts), self._epoch)

    def _write(self, summary: Any, step: int) -> None:
        event_pb2 = self._parts[2]
        self._writer.write_event(event_pb2.Event(summary=summary, step=step, wall_time=time.time()))

    def _cut(self, path: Any, epoch: int) -> int:
        """Drop the events after an epoch, and hyperparameters; returns the last epoch left."""
        event_pb2, content, kept, last = self._parts[2], path.read_bytes(), [], 0
        for record, data in records(content):
            event = event_pb2.Event.FromString(data)
            tags = [value.tag for value in event.summary.value]
            if event.step > epoch or any(tag.startswith("_hparams_/") for tag in tags):
                continue
            kept.append(record)
            last = max(last, event.step)
        whole = b"".join(kept)
        if whole != content:
            files.write(path, whole)
        return last


def records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The records of an event file, and their data; what a kill cut short is left out."""
    at = 0
    while at + _HEADER.size <= len(content):
        size = _HEADER.unpack_from(content, at)[0]
        start, end = at + _HEADER.size, at + _HEADER.size + size + 4
        if end > len(content):
            return
        yield content[at:end], content[start : end - 4]
        at = end
