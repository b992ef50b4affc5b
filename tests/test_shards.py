"""Shards: however a comparison is shared out, merged it is to the bit the whole, or a sentence."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import optcli
from optcli.api.merge import without_shard
from optcli.cli.main import run
from optcli.comparison.shards import Shard
from optcli.comparison.store import Store
from optcli.comparison.study import RunsDone
from optcli.core.errors import InvalidInput
from optcli.storage import kinds, seals
from tests.for_each import for_each

TINY = ["dataset.samples=60", "training.epochs=1"]
SETTINGS = optcli.ComparisonSettings(tune=2, tune_seeds=2, finalists=2, seeds=5)
ENTRIES = ["sgd", "adam", "momentum"]


def compared(entries, out, **more):
    more = {"settings": SETTINGS, "plots": False, "overrides": TINY} | more
    return optcli.compare(entries, more.pop("config", None), out=out, **more)


def content(folder):
    """All that must be the same, to the bit: what is left out are times, and who did it."""
    names = ["runs.csv", "history.csv", "config.yaml"]
    names += [path.relative_to(folder) for path in sorted((folder / "best").glob("*"))]
    return {str(name): (folder / name).read_bytes() for name in names} | {
        "summary": without_times(json.loads((folder / "summary.json").read_text()))
    }


def without_times(value):
    if isinstance(value, dict):
        times = ("step_cost", "at_equal_time")
        return {k: without_times(v) for k, v in value.items() if k not in times}
    return [without_times(each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A whole comparison, and three shards of it."""
    home = tmp_path_factory.mktemp("shards")
    compared(ENTRIES, home / "whole")
    for index in (1, 2, 3):
        compared(ENTRIES, home / str(index), shard=(index, 3))
    return home


@pytest.fixture
def copies(home, tmp_path):
    """Copies of the shards."""
    return [Path(shutil.copytree(home / str(i), tmp_path / str(i))) for i in (1, 2, 3)]


# ---- who does what -------------------------------------------------------------------


@for_each("of", [1, 2, 3, 5, 8, 13, 40])
@for_each(("entries", "configs"), [(2, 1), (5, 1), (3, 4), (2, 3)])
def test_every_run_has_a_shard_and_no_shard_is_idle_beside_one_with_two(of, entries, configs):
    labels, seeds = [f"e{i}" for i in range(entries)], list(range(10))
    parts = [
        [Shard(k, of).part(labels, config, configs) for config in range(configs)]
        for k in range(1, of + 1)
    ]
    for config in range(configs):
        for label in labels:
            own = [each[config][label] for each in parts if label in each[config]]
            assert sorted(seed for part in own for seed in seeds[part]) == seeds
    units = [sum(map(len, each)) for each in parts]
    assert max(units) - min(units) <= 1
    assert sum(units) == max(of, entries * configs)
    if entries == of == 2:  # nobody has one optimizer on all configs
        assert len({next(iter(own)) for own in parts[0]}) == min(2, configs)


@for_each("text", ["0/8", "9/8", "2", "2/8/1", "a/b", "-1/2", "1/20000", ""])
def test_what_is_no_shard_is_refused(text):
    told = re.escape(f"shard: is {text!r}; must be K/N with K from 1 to N")
    with pytest.raises(InvalidInput, match=told):
        compared(ENTRIES, None, shard=text)
    assert Shard.parsed("2/8") == Shard.parsed((2, 8)) == Shard(2, 8)


# ---- merging -------------------------------------------------------------------------


def test_merged_shards_are_the_whole(home, tmp_path):
    found = optcli.merge([home / "3", home / "1", home / "2"], tmp_path / "m", plots=False)
    assert content(tmp_path / "m") == content(home / "whole")
    told = json.loads((tmp_path / "m/environment.json").read_text())
    assert list(told["shards"]) == ["1/3", "2/3", "3/3"]
    assert seals.is_sealed(tmp_path / "m")
    loaded = optcli.load(tmp_path / "m", optcli.FinishedComparison)
    assert loaded.summary["verdict"] == found.summary["verdict"]
    more = optcli.ComparisonSettings(tune=2, tune_seeds=2, finalists=2, seeds=6)
    for name, place in (("whole", tmp_path / "w"), ("m", tmp_path / "m")):
        if name == "whole":
            shutil.copytree(home / "whole", place)
        compared([*ENTRIES, "rmsprop"], place, settings=more)
    assert content(tmp_path / "m") == content(tmp_path / "w")


def test_more_shards_than_jobs_share_the_final_runs(tmp_path):
    """Five of two: three and two, whose tuning must agree; with two seeds the third is idle."""
    settings = optcli.ComparisonSettings(tune=2, tune_seeds=1, finalists=1, seeds=2)
    compared(["sgd", "adam"], tmp_path / "w", settings=settings)
    found = [
        compared(["sgd", "adam"], tmp_path / str(k), settings=settings, shard=(k, 5))
        for k in range(1, 6)
    ]
    assert [each.summary["entries"] for each in found] == [["sgd"], ["adam"]] * 2 + [[]]
    assert found[-1].summary["runs"] == 0
    optcli.merge([each.folder for each in found], tmp_path / "m", plots=False)
    assert content(tmp_path / "m") == content(tmp_path / "w")
    with (tmp_path / "3/runs.csv").open() as file:
        assert len(file.readlines()) == found[2].summary["runs"] + 1


def test_shards_that_trained_the_same_run_to_other_bits_are_told(tmp_path):
    settings = optcli.ComparisonSettings(tune=2, tune_seeds=1, finalists=1, seeds=2)
    folders = [tmp_path / str(k) for k in (1, 2, 3, 4)]
    for k, folder in enumerate(folders, 1):
        compared(["sgd", "adam"], folder, settings=settings, shard=(k, 4))
    other = Store(folders[2], _columns(folders[2]), ["sgd"])
    for result in other.results.values():
        result.history["validation_loss"][0] += 1e-9
    other.write()
    seals.seal(folders[2], kinds.SHARD)
    found = refused(folders, tmp_path)
    assert found.startswith(f"{folders[2]}: disagrees with {folders[0]} on the run of sgd with lr ")


def _columns(folder):
    head = (folder / "history.csv").read_text().partition("\n")[0]
    return head.split(",")[3:]


def test_two_configs_and_a_gate(tmp_path, monkeypatch, capsys):
    """By the command line, in three shards of four jobs; conditions are decided at the end."""
    monkeypatch.chdir(tmp_path)
    config = "dataset: {name: linear, samples: 60}\nmodel: linear\nloss: mse\noptimizer: sgd\n"
    for name in ("a", "b"):
        Path(f"{name}.yaml").write_text(f"{config}training: {{epochs: {ord(name) - 96}}}\n")
    words = "compare sgd adam -c a.yaml -c b.yaml --tune 2 --tune-seeds 1 --finalists 1 --seeds 3"
    words = [*words.split(), "--jobs", "1", "--no-plots", "--fail-unless", "adam beats sgd"]
    assert run([*words, "--out", "whole"]) == 1
    capsys.readouterr()
    for index in (1, 2, 3):
        assert run([*words, "--shard", f"{index}/3", "--out", f"s/{index}", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["shard"], last["outcome"]) == ("shard", "3/3", "done")
    for other, told in (
        (["--shard", "2/3"], "(shard was 1/3, is 2/3); choose another folder"),
        (["--shard", "1/3", "--seeds", "4"], "(seeds is 4, there 3); choose another folder"),
    ):
        assert run([*words, *other, "--out", "s/1"]) == 2
        assert capsys.readouterr().err.endswith(f"{told}\n")
    assert run(["runs", "list", "s", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["kind"] for each in listed] == ["benchmark-shard"] * 3
    assert run(["runs", "show", "s/2"]) == 0
    assert "merge all 3 with optcli runs merge" in " ".join(capsys.readouterr().out.split())
    for name in ("a", "b"):  # nothing of it is needed any more
        Path(f"{name}.yaml").unlink()
    assert run(["runs", "merge", "s/1", "s/2", "s/3", "--out", "m", "--no-plots", "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1])["event"] == "benchmark"
    assert said.err.count("error: a: --fail-unless: 'adam beats sgd'") == 1
    for place in ("a", "b"):
        assert content(Path("m", place)) == content(Path("whole", place))
    for name in ("runs.csv", "config.yaml"):
        assert Path("m", name).read_bytes() == Path("whole", name).read_bytes()
    command = kinds.recorded(Path("m"))["command"]
    assert "--shard" not in command
    assert "--out" not in command


def test_a_table_in_memory(tmp_path):
    rows = {"x": [i / 40 for i in range(80)], "y": [i * i / 1600 for i in range(80)]}
    base = {"dataset": {"name": "table", "target": "y"}, "model": "linear", "loss": "mse"}
    base |= {"training": {"epochs": 1}, "optimizer": "sgd"}
    small = {"data": rows, "overrides": (), "config": base}
    for name, shard in (("w", None), ("1", (1, 2)), ("2", (2, 2))):
        compared(["sgd", "adam"], tmp_path / name, shard=shard, **small)
    folders = [tmp_path / "1", tmp_path / "2"]
    optcli.merge(folders, tmp_path / "m", plots=False, data=rows)
    assert content(tmp_path / "m") == content(tmp_path / "w")
    rows["y"][0] = 5.0
    with pytest.raises(InvalidInput, match="on other data; the data has changed since"):
        optcli.merge(folders, tmp_path / "n", plots=False, data=rows)
    assert not (tmp_path / "n").exists()


PLUGIN = """\
from dataclasses import dataclass
from optcli.optimizers.sgd import SGD
from optcli.plugins import OPTIMIZERS

@OPTIMIZERS.register("mine")
@dataclass(frozen=True, kw_only=True)
class Mine(SGD):
    pass
"""


@pytest.mark.long
def test_whole_configs_a_moved_table_and_a_plugin(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("p.py").write_text(PLUGIN)
    Path("t.csv").write_text("x,y\n" + "".join(f"{i / 40},{i % 7}\n" for i in range(80)))
    for name in ("sgd", "mine"):
        text = "dataset: {name: csv, path: t.csv, target: y}\nmodel: linear\nloss: mse\n"
        Path(f"{name}.yaml").write_text(f"{text}optimizer: {name}\ntraining: {{epochs: 2}}\n")
    words = [
        "compare",
        "sgd.yaml",
        "mine.yaml",
        "--tune",
        "3",
        "--seeds",
        "6",
        "--no-plots",
        "--plugin",
        "p.py",
    ]
    assert run([*words, "--out", "whole"]) == 0
    for index in (1, 2):
        assert run([*words, "--shard", f"{index}/2", "--out", f"s{index}"]) == 0
    Path("moved").mkdir()
    Path("t.csv").rename("moved/t.csv")
    merge = ["runs", "merge", "s1", "s2", "--no-plots", "--plugin", "p.py", "--out", "m"]
    capsys.readouterr()
    assert run(merge) == 2
    assert "t.csv" in capsys.readouterr().err
    assert run([*merge, "--set", "dataset.path=moved/t.csv"]) == 0
    moved, whole = content(Path("m")), content(Path("whole"))
    assert b"moved/t.csv" in moved["config.yaml"]
    for name in ("runs.csv", "history.csv", "summary"):
        assert moved[name] == whole[name]
    Path("p.py").write_text(PLUGIN + "# changed\n")
    again = [sys.executable, "-m", "optcli", *merge, "--overwrite"]
    again += ["--set", "dataset.path=moved/t.csv"]
    path = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(again, env=os.environ | path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "p.py: --plugin: has changed since" in done.stderr
    assert "verdict" in json.loads(Path("m/summary.json").read_text())


def test_a_killed_shard_goes_on(home, tmp_path):
    def ends(event):
        if isinstance(event, RunsDone) and event.phase == "halve":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compared(ENTRIES, tmp_path / "2", shard=(2, 3), listener=ends)
    told = f"{tmp_path / '2'}: is unfinished: shard 2/3 has 12 finished runs; continue it"
    with pytest.raises(InvalidInput, match=re.escape(told)):
        optcli.merge([home / "1", tmp_path / "2", home / "3"], tmp_path / "m")
    with pytest.raises(InvalidInput, match=r"of other settings \(shard was 2/3, is 1/3\)"):
        compared(ENTRIES, tmp_path / "2", shard=(1, 3))
    with pytest.raises(InvalidInput, match="holds a shard of a comparison; choose another"):
        compared(ENTRIES, tmp_path / "2")
    compared(ENTRIES, tmp_path / "2", shard=(2, 3))
    for name in ("runs.csv", "history.csv", "summary.json"):
        assert (tmp_path / "2" / name).read_bytes() == (home / "2" / name).read_bytes()


# ---- misuse --------------------------------------------------------------------------


def changed(folder, **values):
    """The shard, with other values in its environment.json."""
    path = folder / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    seals.seal(folder, kinds.SHARD)


def refused(folders, tmp_path, **more):
    """What is said of shards that do not fit together; nothing is left."""
    with pytest.raises(InvalidInput) as found:
        optcli.merge(folders, tmp_path / "m", plots=False, **more)
    assert not (tmp_path / "m").exists()
    return str(found.value)


def test_shards_that_are_missing_or_there_twice(copies, tmp_path):
    one, two, three = copies
    assert refused([], tmp_path) == "shards: none given; name the folders of all shards"
    assert refused([two], tmp_path) == "shards: shards 1, 3 of 3 are missing"
    assert refused([one, two, two], tmp_path) == "shards: shard 3 of 3 is missing"
    again = shutil.copytree(two, tmp_path / "again")
    told = f"{again}: is shard 2/3, as {two} is; name one of them"
    assert refused([one, two, three, again], tmp_path) == told
    assert refused([one, two, tmp_path / "no"], tmp_path) == f"{tmp_path / 'no'}: no such folder"
    assert refused([one, two, tmp_path], tmp_path) == f"{tmp_path}: is not a run folder"


def test_what_is_no_shard_or_damaged(home, copies, tmp_path):
    one, two, three = copies
    told = f"{home / 'whole'}: is a comparison, not a shard of one"
    assert refused([one, two, home / "whole"], tmp_path) == told
    with (three / "runs.csv").open("a") as file:
        file.write("1\n")
    assert refused(copies, tmp_path).startswith(f"{three / 'runs.csv'}: is damaged: it has ")
    changed(two, shard="7")
    (one / "history.csv").unlink()
    assert refused(copies, tmp_path).splitlines()[:2] == [
        f"{one / 'history.csv'}: is missing",
        f"{two / 'environment.json'}: is damaged: it lacks the shard",
    ]


def test_shards_of_other_comparisons(home, copies, tmp_path):
    one, two, three = copies
    asked = kinds.recorded(two)["asked"]
    for said, told in (
        ({"shard": "2/4"}, f"is shard 2/4 of a comparison, but {one} is 1/3"),
        ({"data_sha256": "0"}, f"is a shard on other data than {one}"),
        (
            {"asked": asked | {"settings": asked["settings"] | {"seeds": 9}}},
            f"is a shard of another comparison than {one}: seeds is 9, there 5",
        ),
        (
            {"asked": asked | {"entries": ["sgd", "lion"]}},
            f"another comparison than {one}: entries is sgd, lion, there sgd, adam, momentum",
        ),
        ({"plugins": [{"file": "p.py"}]}, f"is a shard with other plug-ins than {one}"),
        ({"optcli": "0.0.9"}, f"by another version than {one}: optcli 0.0.9, in {one} "),
    ):
        changed(two, **kinds.recorded(home / "2") | said)
        for mixed in (False, True):
            found = refused([three, two, one][::-1], tmp_path, mixed=mixed)
            assert found.startswith(f"{two}: ")
            assert told in found
            assert found.count("\n") == 0
    changed(two, **kinds.recorded(home / "2") | {"numpy": "1.0"})
    told = f"{two}: is a shard by a machine of other bits than {one}: NumPy 1.0, in {one} "
    found = refused(copies, tmp_path)
    assert found.startswith(told)
    assert found.endswith("; to merge them all the same, add mixed=True")
    optcli.merge(copies, tmp_path / "m", plots=False, mixed=True)
    assert content(tmp_path / "m") == content(home / "whole")


def test_the_place_of_the_merged(home, copies, tmp_path):
    for place, told in (
        (copies[0], f"out: {copies[0]} is one of the shards; choose another"),
        (copies[1] / "m", f"out: {copies[1] / 'm'} lies in a run folder, {copies[1]}; "),
    ):
        with pytest.raises(InvalidInput, match=re.escape(told)):
            optcli.merge(copies, place, plots=False, overwrite=True)
    taken = shutil.copytree(home / "whole", tmp_path / "taken")
    with pytest.raises(InvalidInput, match="holds a comparison; choose another, or add overwrite"):
        optcli.merge(copies, taken, plots=False)
    optcli.merge(copies, taken, plots=False, overwrite=True)
    assert "shards" in kinds.recorded(taken)


def test_models_are_kept_by_the_whole_alone(tmp_path):
    settings = optcli.ComparisonSettings(keep=True)
    told = r"keep: cannot be combined with shard=1/2; continue the merged comparison with it"
    with pytest.raises(InvalidInput, match=told):
        compared(ENTRIES, tmp_path / "1", settings=settings, shard=(1, 2))


def test_the_command_of_the_whole():
    command = "optcli compare sgd 'a b' --shard 1/3 --out=s --seeds 5 --out s/1 --shard=2/3"
    assert without_shard(command) == "optcli compare sgd 'a b' --seeds 5"
