"""Commands, options and arguments, read from the text of their modules.

To import them takes five times as long as the rest of a completion. tests/test_completion.py holds
what is found equal to the command line itself.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parents[1]


class Syntax:
    """What a command takes.

    options: by each of their names, `--out` and `-o`: the metavar of the value, "" of a switch.
    arguments: metavars, in order; the last is repeated where it ends with `...`. helps: of options,
    what they do.
    """

    def __init__(self) -> None:  # no dataclass: these take ten milliseconds to import
        self.options: dict[str, str] = {}
        self.arguments: list[str] = []
        self.helps: dict[str, str] = {}


ROOT = ("--version", "--install-completion", "--show-completion", "--help", "-h")


def commands(group: str = "") -> dict[str, str]:
    """The commands, of a group or all at the top, with the first line of what they do."""
    if group:
        return {name: _summary(node) for name, node in _functions(_tree(group)).items()}
    text = (HERE / "commands.py").read_text("utf-8")
    found = {}
    for constant in ("COMMANDS", "GROUPS"):
        block = re.search(rf"^{constant} = \((.*?)\)$", text, re.MULTILINE | re.DOTALL)
        for name in re.findall(r'"([\w-]+)"', block[1] if block else ""):
            source = _source(name)
            of = r'= pages\.group\(\s*"(.*?)"' if constant == "GROUPS" else r'^    """(.*)'
            summary = re.search(of, source, re.MULTILINE)
            found[name] = summary[1].strip('"').rstrip(".") if summary else ""
    return found


def groups() -> list[str]:
    """The commands that have commands."""
    text = (HERE / "commands.py").read_text("utf-8")
    block = re.search(r"^GROUPS = \((.*?)\)$", text, re.MULTILINE | re.DOTALL)
    return re.findall(r'"([\w-]+)"', block[1] if block else "")


def of(command: str, inner: str = "") -> Syntax:
    """What a command takes; inner: of a group."""
    tree, found = _tree(command), Syntax()
    found.options |= {"--help": "", "-h": ""}
    found.helps["--help"] = "Show the help and exit"
    if inner:
        node = _functions(tree).get(inner)
    else:
        node = next((f for f in _defined(tree) if f.name == "command"), None)
    if node is None:
        return found
    shared = _aliases(_tree("options")), _aliases(tree)
    for argument in node.args.args:
        _add(found, argument.arg, argument.annotation, *shared)
    return found


def _source(name: str) -> str:
    """The text of the file of a command."""
    return (HERE / f"{name.replace('-', '_')}.py").read_text("utf-8")


def _tree(name: str) -> ast.Module:
    return ast.parse(_source(name))


def _defined(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The commands of a group: functions under `@app.command(…)`."""
    found = {}
    for node in _defined(tree):
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "app.command":
                given = _texts(mark)
                found[given[0] if given else node.name.replace("_", "-")] = node
    return found


def _summary(node: ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0].rstrip(".")


def _aliases(tree: ast.Module) -> dict[str, ast.expr]:
    """`Out = Annotated[…]`, by name, of the module and of commands that it imports them from."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("optcli.cli."):
            name, names = str(node.module).rpartition(".")[2], {each.name for each in node.names}
            if any(each[0].isupper() and not each.isupper() for each in names):
                theirs = _aliases(_tree(name))
                found |= {each: theirs[each] for each in names & {*theirs}}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    return found


def _texts(call: ast.Call) -> list[str]:
    values = [each.value for each in call.args if isinstance(each, ast.Constant)]
    return [value for value in values if isinstance(value, str)]


def _add(
    found: Syntax,
    name: str,
    annotation: ast.expr | None,
    shared: dict[str, ast.expr],
    own: dict[str, ast.expr],
) -> None:
    """What a parameter of a command's function is on the command line."""
    if isinstance(annotation, ast.Attribute):
        annotation = shared.get(annotation.attr)
    elif isinstance(annotation, ast.Name):
        annotation = own.get(annotation.id)
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return
    kind, *notes = annotation.slice.elts
    call = next((note for note in notes if isinstance(note, ast.Call)), None)
    if call is None:
        return
    keywords = {
        each.arg: each.value.value for each in call.keywords if isinstance(each.value, ast.Constant)
    }
    texts = _texts(call)
    maker = ast.unparse(call.func).rpartition(".")[2].lower()
    if maker == "argument":
        found.arguments.append(str(keywords.get("metavar") or texts[0]))
        return
    given = [each for text in texts if text.startswith("-") for each in text.split("/")]
    names = given or [f"--{name.replace('_', '-')}"]
    meaning = next((text for text in texts if not text.startswith("-")), "")
    metavar = str(keywords.get("metavar") or "VALUE")
    if ast.unparse(kind).startswith("bool"):
        metavar = ""
    if keywords.get("hidden"):
        return
    for each in names:
        found.options[each] = metavar
        found.helps[each] = str(keywords.get("help") or meaning).rstrip(".")
