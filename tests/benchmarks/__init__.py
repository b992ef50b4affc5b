"""How fast optcli is beside others, as ratios measured in one run.

    just bench                                  all tables
    python -m tests.benchmarks training reading two of them
    python -m tests.benchmarks --peers PYTHON   peers are installed elsewhere

The parts:

    processes   one process after another, the sides taking turns
    results     rows, and RESULTS.md
    data        the tables that optcli and its peers read
    peers/      a script for each peer, which runs in a process of its own
    the rest    a table each: its docstring says what is measured, `rows` measures it
"""
