"""Draw phrases that users read, for a reader to judge: `python -m tests.studies.phrases`.

Twenty of the help (descriptions of commands, options and hyperparameters) and twenty of the
screens (messages, notes, headings), each with its place in the source. The same seed draws the
same phrases of the same source. Arguments: the seed (0) and how many of each (20).
"""

import ast
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# A phrase has at least two words with a space between them.
WORDS = re.compile(r"[A-Za-z]{2,}[,;:.]? +\S*[A-Za-z]{2,}")


def text(node: ast.expr) -> str:
    """The text of a string or an f-string, with `…` for what is filled in; else ""."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) or "…" for part in node.values)
    return ""


def called(node: ast.AST) -> str:
    """The last name of what is called, as `Doc` or `command`; "" for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return ast.unparse(node.func).rpartition(".")[2]


def help_texts(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Texts of Doc(…), of `help=`, and of the docstrings of commands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            first = node.body[0]
            commands = any(called(each) in ("command", "callback") for each in node.decorator_list)
            if commands and isinstance(first, ast.Expr) and text(first.value):
                yield first.value, text(first.value)
        elif isinstance(node, ast.Call):
            arguments = [each.value for each in node.keywords if each.arg == "help"]
            if called(node) == "Doc":
                arguments += node.args
            yield from ((each, text(each)) for each in arguments if text(each))


def screen_texts(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """All other strings of several words, docstrings and parts of f-strings left out."""
    left_out = {id(node) for node, _ in help_texts(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            left_out.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            left_out |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in left_out:
            yield node, text(node)


def phrases() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Phrases of the help and of the screens, each with its place; no phrase twice."""
    found: tuple[dict[str, str], dict[str, str]] = {}, {}
    for path in sorted((ROOT / "optcli").rglob("*.py")):
        tree = ast.parse(path.read_text())
        for kind, texts in enumerate((help_texts(tree), screen_texts(tree))):
            for node, phrase in texts:
                line = " ".join(phrase.split())
                if WORDS.search(line):
                    found[kind].setdefault(line, f"{path.relative_to(ROOT)}:{node.lineno}")
    help_, screens = ([(place, line) for line, place in each.items()] for each in found)
    return help_, screens


def main(seed: int = 0, count: int = 20) -> None:
    draw = random.Random(seed)
    for title, every in zip(("Help", "Screens"), phrases(), strict=True):
        print(f"{title}: {count} of {len(every)}\n")
        for place, line in sorted(draw.sample(every, min(count, len(every)))):
            print(f"  {line}\n      {place}")
        print()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
