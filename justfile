# What developers do, in one word each.

test:
    pytest

lint:
    ruff check .
    ruff format --check .
    mypy

format:
    ruff check --fix .
    ruff format .

# The reference values of torch; needs torch.
reference:
    python tests/reference/make.py

ci:
    bash .ci/run
