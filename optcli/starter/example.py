"""Example: a table that comes with optcli, for machines that have no other."""

from pathlib import Path

TABLE = Path(__file__).parent.parent / "suites" / "data" / "iris.csv"
TARGET = "species"
