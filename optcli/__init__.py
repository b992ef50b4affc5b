"""optcli: train, compare and check optimizers and losses, on NumPy."""

__version__ = "0.1.0"
