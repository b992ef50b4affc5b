"""Make the pictures of README.md anew, but for `importance.png`: `python -m tests.studies.front`.

The terminal needs tmux.
"""

import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images"
LIVE = "optcli train configs/digits.yaml"
AT = "17/30"  # what the screen shows when it is taken
COLUMNS, LINES = 84, 14
# Command, its folder or file, and which of its pictures README shows under which name.
MADE = (
    ("train configs/iris.yaml --out iris", "iris/loss.png", "loss.png"),
    (
        "compare sgd momentum adam lion --config configs/moons.yaml --out moons",
        "moons/curves.png",
        "compare.png",
    ),
    ("landscape moons --no-curvature --out ground", "ground/landscape.png", "landscape.png"),
    (
        "gradcheck --config configs/penguins.yaml --plots --out checked",
        "checked/gradcheck.png",
        "gradcheck.png",
    ),
    ("trace rosenbrock sgd momentum adam --tune --out paths", "paths/trace.png", "trace.png"),
)
STYLE = """\
<svg class="rich-terminal" width="{width}" height="{height}"
viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: "Segoe UI", "DejaVu Sans", sans-serif; font-size: 18px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""


def screen(folder: Path) -> str:
    """The terminal in the middle of a training, as ANSI text."""
    tmux = ["tmux", "-f", "/dev/null", "-L", "optcli-front"]
    environment = {**os.environ, "PS1": "$ ", "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    size = ["-x", str(COLUMNS), "-y", str(LINES)]
    shell = ["bash", "--norc", "--noprofile"]
    subprocess.run(
        [*tmux, "new-session", "-d", *size, *shell], cwd=folder, env=environment, check=True
    )
    try:
        subprocess.run([*tmux, "send-keys", "clear", "Enter"], check=True)
        time.sleep(1)
        subprocess.run([*tmux, "send-keys", LIVE, "Enter"], check=True)
        for _ in range(2000):
            shown = subprocess.run(
                [*tmux, "capture-pane", "-e", "-p"], capture_output=True, text=True, check=True
            ).stdout
            if AT in shown:
                return shown
            time.sleep(0.02)
        raise SystemExit(f"the screen never showed {AT}")
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


def drawn(shown: str) -> str:
    """The screen as SVG, which loads nothing from elsewhere."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
    for line in shown.rstrip().splitlines():
        console.print(Text.from_ansi(line), no_wrap=True, crop=False)
    return console.export_svg(title=LIVE, code_format=STYLE, unique_id="live")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "configs", folder / "configs")
        (IMAGES / "live.svg").write_text(drawn(screen(folder)), "utf-8")
        for words, made, shown in MADE:
            command = [sys.executable, "-m", "optcli", *shlex.split(words), "--quiet"]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run(command, cwd=folder, env=environment, check=True)
            shutil.copyfile(folder / made, IMAGES / shown)


if __name__ == "__main__":
    main()
