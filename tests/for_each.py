"""Many cases of one law in one test.

pytest spends about five milliseconds on every test that it collects, runs and reports; where a
case takes no longer than that, the cases of a law are one test.
"""

import functools
import inspect

import pytest


def for_each(names, values, ids=None):
    """Hold a test to each of the values, as `pytest.mark.parametrize` does, but as one test.

    All cases run; those that fail are raised together, each with its values. A case may skip; the
    test is skipped where all of them do. What fixtures give is the same for all cases.
    """
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    single = len(names) == 1
    values = [plain(value, single) for value in values]
    assert values

    def whole(test):
        signature = inspect.signature(test)

        @functools.wraps(test)
        def held(**fixtures):
            failed, skipped = [], []
            for value in values:
                given = dict(zip(names, value, strict=True))
                try:
                    test(**fixtures, **given)
                except pytest.skip.Exception as reason:
                    skipped.append(reason)
                except (Exception, pytest.fail.Exception, BaseExceptionGroup) as error:
                    told = ids(*value) if callable(ids) and single else None
                    error.add_note(f"with {told or given}")
                    failed.append(error)
            if len(failed) == 1:
                raise failed[0]
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(values)} cases", failed)
            if len(skipped) == len(values):
                raise skipped[0]

        left = [own for name, own in signature.parameters.items() if name not in names]
        held.__signature__ = signature.replace(parameters=left)
        # pytest looks at the arguments of what is wrapped
        del held.__wrapped__
        return held

    return whole


def plain(value, single):
    """The values of a case: a `pytest.param` has them within, and may have no marks."""
    if isinstance(value, PARAM):
        assert not value.marks, "a marked case is a test of its own"
        return value.values
    return (value,) if single else tuple(value)


PARAM = type(pytest.param())
