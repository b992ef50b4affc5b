"""optcli: train, compare and check optimizers and losses, on NumPy."""

__version__ = "0.2.0"


__all__ = [
    "EnvironmentFailed",
    "InvalidInput",
    "Run",
    "Terms",
    "check",
    "compare",
    "gradcheck",
    "load",
    "resume",
    "trace",
    "train",
]


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def __getattr__(name: str) -> object:
    """What the package offers, imported when it is asked for."""
    if name in ("EnvironmentFailed", "InvalidInput"):
        from optcli import errors

        return getattr(errors, name)
    if name in ("Run", "check", "resume", "train"):
        from optcli import run

        return getattr(run, name)
    if name == "load":
        from optcli import runs

        return runs.load
    if name in ("Terms", "compare"):
        from optcli import contest

        return getattr(contest, name)
    if name == "trace":
        from optcli import tracks

        return tracks.trace
    if name == "gradcheck":
        from optcli.gradients import gradcheck

        return gradcheck
    raise AttributeError(f"module 'optcli' has no attribute '{name}'")
