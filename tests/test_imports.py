"""What each command imports: its start costs what it uses, and no more.

A new command, or one that needs another library or room than before, changes a line of TABLE.
"""

import json
import subprocess
import sys
from pathlib import Path

from .systems import needs_fork

ROOT = Path(__file__).parent.parent
IRIS, TABLE_OF_IRIS = ROOT / "configs" / "iris.yaml", ROOT / "configs" / "data" / "iris.csv"
PLUGIN = """
from dataclasses import dataclass
from optcli.plugins import LOSSES, PlainLoss
@LOSSES.register("squares")
@dataclass(frozen=True)
class Squares(PlainLoss):
    "Half of the squared error."
    def batch(self, scores, target):
        r = scores - target
        return (r**2).sum(axis=1) / 2, r
"""

# Rooms of all commands, of those that know the parts of a model, and of those that read a config.
ALL = "cli core display storage"
PARTS = (
    f"{ALL} plugins api data layers losses metrics models objectives optimizers schedules training"
)
RUN = f"{PARTS} config"
SHORT = "--quiet --no-plots --set training.epochs=2"
FEW = "--seeds 2 --tune-seeds 1 --tune 1"
# Command line, libraries beside typer and numpy with what these bring, rooms.
TABLE = [
    ("--version", "", ALL),
    ("--help", "", ALL),
    ("list optimizers", "", f"{ALL} plugins"),
    ("list suites", "", f"{ALL} plugins comparison"),
    ("explain adam", "", f"{ALL} plugins api ideas"),
    ("explain --json adam --plugin plugin.py", "yaml optcli_plugin_0_plugin", f"{RUN} ideas"),
    ("schema", "", ALL),
    ("check iris.yaml", "yaml", RUN),
    (f"train iris.yaml --out run {SHORT}", "yaml", RUN),
    (f"train --resume run {SHORT}", "yaml", RUN),
    ("predict run iris.csv", "yaml", RUN),
    ("evaluate run iris.csv --quiet", "yaml", f"{RUN} evaluation"),
    ("lr-find iris.yaml --quiet", "yaml", RUN),
    ("export run iris.onnx", "yaml", f"{RUN} exports"),
    ("runs list .", "", f"{PARTS} comparison"),
    ("runs show run", "yaml", f"{RUN} comparison"),
    ("report run -o page.html", "yaml html", f"{RUN} plots"),
    ("init table.yaml --data few.csv --target species", "yaml", f"{RUN} starter"),
    (
        f"compare sgd adam --config iris.yaml --out c {SHORT} {FEW}",
        "yaml multiprocessing",
        f"{RUN} comparison",
    ),
    ("gradcheck mse", "", f"{PARTS} gradients"),
    ("trace booth sgd --steps 3 --out t --quiet --no-plots", "yaml", RUN),
    (
        "landscape run --points 3 --out l --quiet --no-plots",
        "yaml",
        f"{RUN} comparison surface",
    ),
    ("plugin check plugin.py", "optcli_plugin_0_plugin", f"{PARTS} gradients"),
]
# Members of registries: those that iris.yaml names.
OF_TRAIN = {
    "optimizers": "base binding stepper adam",
    "losses": "base cross_entropy",
    "schedules": "base constant cosine",
    "cli": "at_once commands help options parameter_names train",
}
# Parts of the standard library that take long to load.
SLOW = "asyncio html http multiprocessing sqlite3 tkinter unittest xml"

# Each command in a fork of a process that has loaded what all of them need.
DRIVER = """
import json, os, sys
from optcli.cli import commands
import numpy.random, pydantic.json_schema, threadpoolctl, typer._adapters
slow, standard = set(sys.argv[1:]), set(sys.stdlib_module_names)
before = {name.partition(".")[0] for name in sys.modules} - {"optcli"}
for line in sys.stdin:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    told = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    code = commands.run(line.split())
    tops = {name.partition(".")[0] for name in sys.modules}
    libraries = sorted(n for n in tops - before - (standard - slow) - {"optcli"} if n[0] != "_")
    own = sorted(name for name in sys.modules if name.startswith("optcli."))
    os.write(told, (json.dumps([code, libraries, own]) + chr(10)).encode())
    os._exit(0)
"""


@needs_fork
def test_a_command_imports_what_its_line_says(tmp_path):
    for source in (IRIS, TABLE_OF_IRIS):
        text = source.read_text().replace("data/iris.csv", "iris.csv")
        (tmp_path / source.name).write_text(text)
    lines = (tmp_path / "iris.csv").read_text().splitlines(keepends=True)
    (tmp_path / "few.csv").write_text("".join([lines[0], *lines[1::5]]))
    (tmp_path / "plugin.py").write_text(PLUGIN)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *SLOW.split()],
        input="".join(f"{line}\n" for line, _, _ in TABLE),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.stderr == ""
    for (line, libraries, rooms), told in zip(TABLE, done.stdout.splitlines(), strict=True):
        code, found, own = json.loads(told)
        assert code == 0, line
        expected = {word for word in rooms.split() if f"-{word}" not in rooms.split()}
        used = {name.split(".")[1] for name in own}
        assert used == {word for word in expected if word[0] != "-"}, line
        elsewhere = set() if sys.platform == "linux" else {"psutil"}  # asked for memory and cores
        assert set(found) - elsewhere == set(libraries.split()), line
        if line.startswith("train iris"):
            for room, files in OF_TRAIN.items():
                own_files = {name.split(".")[2] for name in own if f"optcli.{room}." in name}
                assert own_files == set(files.split()), line


def test_what_is_read_off_a_file_is_told_without_numpy_and_pydantic():
    lines = [["list"], ["explain", "adam"], ["explain", "rate"], ["schema"]]
    heavy = "numpy pydantic yaml rich optcli.config optcli.optimizers"
    code = f"""
import sys
from optcli.cli.main import run
print([run(line) for line in {lines}], {{*"{heavy}".split()}} & {{*sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[0, 0, 2, 0] set()\n"), done.stderr
