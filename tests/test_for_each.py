"""Many cases in one test: all run, and each that fails is told."""

import pytest

from tests.for_each import for_each


def test_all_cases_run_and_those_that_fail_are_told():
    seen = []

    @for_each("b", [1, 2])
    @for_each(("a", "more"), [(1, "x"), pytest.param(2, "y", id="two"), (3, "z")])
    def law(a, b, more, fixture):
        seen.append((a, b, more, fixture))
        if a == 3:
            pytest.skip("not for three")
        assert a != b, "same"

    with pytest.raises(ExceptionGroup, match="2 of 2 cases") as found:
        law(fixture="f")
    assert seen == [(a, b, m, "f") for b in (1, 2) for a, m in ((1, "x"), (2, "y"), (3, "z"))]
    one, two = found.value.exceptions
    assert one.__notes__ == ["with {'a': 1, 'more': 'x'}", "with {'b': 1}"]
    assert two.__notes__ == ["with {'a': 2, 'more': 'y'}", "with {'b': 2}"]


def test_cases_run_on_after_several_have_failed_by_pytest_itself():
    seen = []

    @for_each("b", [1, 2])
    @for_each("a", [1, 2, 3])
    def law(a, b):
        seen.append((a, b))
        if a > 1:
            pytest.fail("larger")

    with pytest.raises(BaseExceptionGroup, match="2 of 2 cases"):
        law()
    assert seen == [(a, b) for b in (1, 2) for a in (1, 2, 3)]


def test_a_test_is_skipped_where_all_cases_are():
    @for_each("a", [1, 2])
    def law(a):
        pytest.skip(f"not for {a}")

    with pytest.raises(pytest.skip.Exception, match="not for 1"):
        law()


def test_a_marked_case_is_refused():
    with pytest.raises(AssertionError, match="a test of its own"):
        for_each("a", [pytest.param(1, marks=pytest.mark.long)])
