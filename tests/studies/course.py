"""Make the pictures of the course and the findings anew (`just docs`).

Runs the commands of each page in a temporary folder and copies the pictures that it shows:
`images/rates-trace.png` is `trace.png` of the folder `course/rates`, `images/overlay.png` the file
`course/overlay.png`. Arguments: words in the names of pages to do, else all.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("course", "findings")
CHAPTERS = sorted(page for name in FOLDERS for page in (ROOT / "docs" / name).glob("*.md"))


def pictures(chapter: Path, folder: Path) -> dict[Path, Path]:
    """For each picture of a chapter the file that its commands made in a folder."""
    within = folder / chapter.parent.name
    made = {
        "-".join(path.relative_to(within).with_suffix("").parts): path
        for path in within.rglob("*.png")
    }
    shown = re.findall(r"\]\((images/([^)]+)\.png)\)", chapter.read_text())
    return {chapter.parent / target: made[name] for target, name in shown}


def fill(folder: Path) -> None:
    """Give a folder the configs that pages name, and the folders in which they write."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    for name in FOLDERS:
        (folder / name).mkdir()
    for config in (ROOT / "docs/findings").glob("*.yaml"):
        (folder / "docs/findings").mkdir(parents=True, exist_ok=True)
        shutil.copy(config, folder / "docs/findings")


def main() -> None:
    words = sys.argv[1:] or [""]
    for chapter in (each for each in CHAPTERS if any(word in each.stem for word in words)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fill(folder)
            for block in re.findall(r"^```sh\n(.*?)^```$", chapter.read_text(), re.M | re.S):
                for line in block.splitlines():
                    command = [sys.executable, "-m", *shlex.split(line)]
                    where = {**os.environ, "PYTHONPATH": str(ROOT)}
                    subprocess.run(command, cwd=folder, env=where, check=True, capture_output=True)
            for target, made in pictures(chapter, folder).items():
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(made, target)
                print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
