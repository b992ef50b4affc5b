"""A thread that reads ahead or writes: in order, with its errors, and gone at the end."""

from __future__ import annotations

import threading
import time

import pytest

from optcli.storage.background import Background, ahead


def test_calls_are_made_in_order_and_an_error_ends_them():
    threads, made = threading.active_count(), []

    def call(number):
        time.sleep(0.001)
        if number == 3:
            raise OSError("three")
        made.append(number)

    def run(*numbers, own=None):
        with Background() as later:
            for number in numbers:
                later(call, number)
            if own is not None:
                raise own
            later.settle()
            made.append("settled")

    run(0, 1, 2)
    assert made == [0, 1, 2, "settled"]
    with pytest.raises(OSError, match="three"):
        run(3, 4, 5)
    with pytest.raises(KeyError):
        run(6, 7, own=KeyError())
    assert 5 not in made
    assert 7 not in made
    assert threading.active_count() == threads


def test_items_are_made_one_ahead():
    threads, made, closed = threading.active_count(), [], []

    def items(last):
        try:
            for number in range(last):
                made.append((number, threading.current_thread()))
                yield number
            if last == 3:
                raise OSError("three")
        finally:
            closed.append(last)

    found = ahead(items(5))
    assert next(found) == 0
    time.sleep(0.05)
    assert [number for number, _ in made] == [0, 1]  # and no further
    assert list(found) == [1, 2, 3, 4]
    assert threading.current_thread() not in dict(made).values()
    found = ahead(items(9))
    assert next(found) == 0
    found.close()  # left before its end
    got = []
    with pytest.raises(OSError, match="three"):
        got.extend(ahead(items(3)))
    assert closed == [5, 9, 3]
    assert threading.active_count() == threads
