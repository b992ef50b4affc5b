"""Plug-ins: losses, optimizers and all else of one's own.

Authors import from here alone; docs/plugins.md has an example of each kind:

    from optcli.plugins import LOSSES, PlainLoss

    public     what is imported so, at first use
    loading    runs plug-in files, and says what a run keeps of them
    packages   installed packages as plug-ins, and what a run keeps of them
    failures   what a plug-in's code raised, in words for its author
    sources    the files that a plug-in is made of, and their checksums
    catalog    everything that a config can name, with a line on each
    laws       what must hold of everything registered, one file a kind
    first_use  holds an optimizer to them before it trains
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optcli.plugins.public import *  # noqa: F403


def __dir__() -> list[str]:
    public = import_module("optcli.plugins.public")
    return sorted(name for name in vars(public) if not name.startswith("_"))


def __getattr__(name: str) -> object:
    if name == "__all__":
        return __dir__()
    if not name.startswith("_") and find_spec(f"optcli.plugins.{name}") is None:
        public = vars(import_module("optcli.plugins.public"))
        if name in public:
            return public[name]
    raise AttributeError(f"module 'optcli.plugins' has no attribute '{name}'")
