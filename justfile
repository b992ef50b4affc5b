# What developers do, in one word each.

test:
    pytest

lint:
    ruff check .
    ruff format --check .
    mypy

# The workflow files of the code host; needs pip install -e ".[workflows]".
workflows:
    yamllint --strict -c .github/yamllint.yml .github
    check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
    zizmor --offline --min-severity medium .github/workflows

format:
    ruff check --fix .
    ruff format .

# The reference values of torch; needs torch.
reference:
    python tests/reference/make.py

# The pictures of docs/course, docs/findings and README.md, but for its importance.png; needs tmux.
docs:
    python -m tests.studies.course
    python -m tests.studies.front

# The documentation as a site, in site/; needs pip install -e ".[site]".
site:
    NO_MKDOCS_2_WARNING=1 mkdocs build --strict

# optcli beside its peers, into tests/benchmarks/RESULTS.md; needs pip install -e ".[bench]".
bench *TABLES:
    python -m tests.benchmarks {{TABLES}}

ci:
    bash .ci/run
