"""The pages of the documentation: their commands run, and their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from optcli.cli.main import run
from optcli.losses.base import LOSSES
from optcli.plugins import loading
from tests.for_each import for_each

from .studies.course import fill, pictures
from .test_help import PLUGIN

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
NAMES = [str(page.relative_to(ROOT / "docs")) for page in PAGES]
# A comparison takes as few runs as it can, unless the example says how many.
FEWEST = {"--tune": "1", "--tune-seeds": "2", "--seeds": "2", "--finalists": "1"}


def blocks(page, language):
    """The blocks of a page that are in a language."""
    fence = rf"^```{language}\n(.*?)^```$"
    return re.findall(fence, page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page):
    """The commands of the `sh` blocks of a page, one a line, without what a comment says."""
    return _commands(page, "sh")


def _commands(page, language):
    lines = [line for block in blocks(page, language) for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run_page(page, folder, capsys, monkeypatch, *, whole):
    """Run the commands of a page in a folder that has the configs and a plug-in.

    Every line of its blocks of the language `text` is one that a command printed.
    """
    fill(folder)
    (folder / "my_loss.py").write_text(PLUGIN.replace("of_the_help", "my_loss"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    printed = []
    for program, *words in commands(page):
        assert program == "optcli", "a block of the language sh is run"
        if words[0] == "compare" and not whole:
            words += [x for k, v in FEWEST.items() if k not in words for x in (k, v)]
            words += ["--no-plots", "--set", "training.epochs=2"]
        if words == ["gradcheck"] and not whole:  # as other tests do it
            words += ["--fast"]
        with pytest.MonkeyPatch.context() as patch:  # no plug-in stays for other tests
            LOSSES.names()
            patch.setattr(LOSSES, "_classes", dict(LOSSES._classes))
            patch.setattr(loading, "loaded", [])
            code = run(words)
        said = capsys.readouterr()
        assert code == 0, (words, said.err)
        printed += [line.rstrip() for line in said.out.splitlines()]
    for _, *words in _commands(page, "sh exit=1"):
        assert run(words) == 1
        printed += capsys.readouterr().out.splitlines()
    shown = [line for block in blocks(page, "text") for line in block.splitlines()]
    assert [line for line in shown if line not in printed] == []


# Pages whose commands take seconds, and are run by tests of their own too.
SLOW = [
    f"commands/{name}.md" for name in ("compare", "gradcheck", "init", "report", "trace", "tune")
]
SHOWN = [
    pytest.param(page, id=name, marks=[pytest.mark.long] if name in SLOW else [])
    for page, name in zip(PAGES, NAMES, strict=True)
]


COURSE = [page for page in PAGES if page.parent.name == "course"]
FINDINGS = [page for page in PAGES if page.parent.name == "findings"]
# Those that only trace test functions.
QUICK = ("amsgrad", "averaging", "conditioning")


@pytest.mark.parametrize(
    "page", [p for p in SHOWN if commands(p.values[0]) and p.values[0] not in COURSE + FINDINGS]
)
def test_the_commands_of_a_page_run(page, tmp_path, capsys, monkeypatch):
    run_page(page, tmp_path, capsys, monkeypatch, whole=False)


@pytest.mark.long
@pytest.mark.parametrize("page", [p for p in COURSE if commands(p)], ids=lambda page: page.stem)
def test_a_chapter_shows_what_its_commands_make(page, tmp_path, capsys, monkeypatch):
    run_page(page, tmp_path, capsys, monkeypatch, whole=True)
    for made in pictures(page, tmp_path).values():
        assert made.stat().st_size > 10_000


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=pytest.mark.long if p.stem in QUICK else pytest.mark.study, id=p.stem)
        for p in FINDINGS
        if commands(p)
    ],
)
def test_a_finding_comes_out_as_its_page_says(page, tmp_path, capsys, monkeypatch):
    run_page(page, tmp_path, capsys, monkeypatch, whole=True)
    made = pictures(page, tmp_path).values()
    assert made
    assert all(path.stat().st_size > 10_000 for path in made)


@pytest.mark.long
def test_the_comparisons_of_the_pages_run_whole(tmp_path, capsys, monkeypatch):
    run_page(ROOT / "docs/commands/compare.md", tmp_path, capsys, monkeypatch, whole=True)


def test_each_command_has_a_page_and_each_page_of_a_command_its_examples():
    from .test_help import COMMANDS

    without = {"list", "schema", "plugin"}  # with explain, with config and with plug-ins
    named = {words.split()[0] for words in COMMANDS} - without
    pages = {page.stem for page in (ROOT / "docs" / "commands").glob("*.md")}
    assert pages == named
    assert all(commands(ROOT / f"docs/commands/{name}.md") for name in pages)


@for_each("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, target


def test_the_site_has_every_page_and_every_picture_is_there():
    shown = re.findall(r" (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    docs = ROOT / "docs"
    assert sorted(shown) == sorted(page.relative_to(docs).as_posix() for page in docs.rglob("*.md"))
    pictures = re.findall(r'src="([^"]+)"', (ROOT / "README.md").read_text())
    assert pictures
    assert all((ROOT / name).is_file() for name in pictures)


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 200
