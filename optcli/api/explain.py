"""`explain`: pages on what a config can name and on ideas.

What a page says of a class is in `page`; what passes through a model, in `passes`.
"""

from __future__ import annotations

from optcli.core import entry_points
from optcli.core.errors import Fault, InvalidInput, suggestion
from optcli.ideas import Idea, ideas, plain
from optcli.plugins.catalog import PLACES_OF_OFFERS, Page, extended, own_pages, registry


def pages(name: str) -> list[Page]:
    """A page for everything of this name, of whatever kind, ideas last.

    Spaces, hyphens and underscores are the same. Raises InvalidInput for an unknown name.
    """
    every = _every()
    found = [page for page in every if plain(name) in _names(page)]
    found += [
        Page("idea", idea.name, idea.aliases, idea.text, idea.sections, {}, {})
        for idea in ideas()
        if plain(name) in _names(idea)
    ]
    if not found:
        found = _offered(plain(name))
    if not found:
        message = f"unknown name '{name}'{_nearest(plain(name), every)} (optcli list)"
        raise InvalidInput(Fault(message, parameter="name"))
    return found


def _every() -> list[Page]:
    """A page for all that is registered; of the classes, where others have added some."""
    found = []
    for plural in PLACES_OF_OFFERS:
        if extended(plural):
            from optcli.api.page import page

            of = registry(plural)
            found += [page(of, cls) for cls in of]
        else:
            found += own_pages(plural)
    return found


def _offered(name: str) -> list[Page]:
    """Pages on what installed packages offer under a name, whose code is run for them."""
    found = []
    for plural in PLACES_OF_OFFERS:
        if entry_points.offers(plural, name):
            from optcli.api.page import page

            of = registry(plural)
            found.append(page(of, of.find(name)))
    return found


def _names(each: Page | Idea) -> list[str]:
    return [plain(name) for name in (each.name, *each.aliases)]


def _nearest(name: str, every: list[Page]) -> str:
    """The names that have this one as a part, at most five, else one that is nearly the same."""
    known: list[Page | Idea] = [*every, *ideas()]
    parts = {each.name for each in known if any(name in other for other in _names(each))}
    if len(name) > 2 and parts:
        listed = sorted(parts, key=lambda other: (len(other), other))[:5]
        names = " or ".join(f"'{other}'" for other in listed)
        return f"; did you mean {names}?"
    return suggestion(name, [other for each in known for other in _names(each)])
