"""Installed packages as plug-ins: their code runs when a name of theirs is asked for."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from optcli.cli.main import run
from optcli.core import entry_points
from optcli.core.errors import InvalidInput
from optcli.core.registry import REGISTRIES
from optcli.losses.base import LOSSES
from optcli.plugins import loading, packages
from optcli.plugins.catalog import PLACES_OF_OFFERS, registry

from .test_plugins import CONFIG, LOSS, RULE, STEP

RIGHT = LOSS.format(name="smooth", body="return (r**2).mean(axis=1), 2 * r / r.shape[1]")
STEPS = RULE.format(name="plain_step", numbers='return {"lr": self.lr}', body=STEP)


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    """A folder of installed packages, and one to work in; both are forgotten."""
    for kind in PLACES_OF_OFFERS:
        registry(kind).names()
    before = {kind: each.state() for kind, each in REGISTRIES.items()}
    modules = set(sys.modules)
    monkeypatch.setattr(entry_points, "loaded", {})
    monkeypatch.setattr(entry_points, "_refused", {})
    (tmp_path / "work").mkdir()
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    monkeypatch.chdir(tmp_path / "work")
    yield place
    forget(before, modules)


def forget(before, modules):
    for kind, each in REGISTRIES.items():
        each.restore(before.get(kind))
    for name in set(sys.modules) - modules:
        if name.startswith("own_"):
            del sys.modules[name]


def install(site, package, offers, files, version="1.0"):
    """Put a package there as pip does: its modules, and what it says of itself."""
    top = package.replace("-", "_")
    info = site / f"{top}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    groups = [
        f"[optcli.{kind}]\n" + "".join(f"{name} = {value}\n" for name, value in of.items())
        for kind, of in offers.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    (site / top).mkdir()
    for name, text in {"__init__": "", **files}.items():
        (site / top / f"{name}.py").write_text(text)


def uninstall(site, package):
    top = package.replace("-", "_")
    shutil.rmtree(site / top)
    for info in site.glob(f"{top}-*.dist-info"):
        shutil.rmtree(info)


def install_loss(site, text=RIGHT, version="1.0"):
    install(site, "own-loss", {"losses": {"smooth": "own_loss.deep:Mine"}}, {"deep": text}, version)


def anew(words):
    """The command in a process of its own, as far as registries and modules tell."""
    before = {kind: each.state() for kind, each in REGISTRIES.items()}
    modules = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry_points, "loaded", {})
        patch.setattr(entry_points, "_refused", {})
        try:
            return run(words.split())
        finally:
            forget(before, modules)


def config(loss="smooth", rule="{name: sgd, lr: 0.1}"):
    Path("c.yaml").write_text(CONFIG.replace("LOSS", loss).replace("RULE", rule))


TRAIN = "train c.yaml --out r --no-plots --quiet"
RESUME = "train --resume r --set training.epochs=5 --no-plots --quiet"


def test_nothing_is_looked_up_for_names_that_optcli_knows(site, monkeypatch):
    install(site, "own-loss", {"losses": {"mse": "own_loss:X"}}, {"__init__": "1 / 0"})
    monkeypatch.setattr(entry_points, "offers", None)
    config(loss="mse")
    for words in (TRAIN, "check c.yaml", "list", "explain adam", "gradcheck mse", "schema"):
        assert run(words.split()) == 0
    assert "own_loss" not in sys.modules


def test_a_run_keeps_package_and_version_and_asks_for_them(site, capsys):
    install_loss(site)
    config()
    assert anew(TRAIN) == 0
    (told,) = json.loads(Path("r/environment.json").read_text())["plugins"]
    digest = told.pop("sha256")
    assert told == {"package": "own-loss", "version": "1.0", "registers": {"losses": ["smooth"]}}
    assert re.fullmatch("[0-9a-f]{64}", digest)  # its files are not in site-packages
    assert packages._digest("numpy") is None
    Path("t.csv").write_text("x1,x2,x3,x4\n1,2,3,4\n")
    for words in (RESUME, "runs verify r", "predict r t.csv"):
        assert anew(words) == 0
    capsys.readouterr()

    start = "error: package own-loss 1.0, from which this run has 'smooth',"
    uninstall(site, "own-loss")
    for words in (RESUME, "runs verify r", "predict r t.csv"):
        assert anew(words) == 2
        assert capsys.readouterr().err == f"{start} is not installed; install 1.0\n"
    install_loss(site, version="1.1")
    other = f"{start} is version 1.1 here, not 1.0; install 1.0, or train again\n"
    for words in (RESUME, "predict r t.csv"):
        assert anew(words) == 2
        assert capsys.readouterr().err == other
    uninstall(site, "own-loss")
    install_loss(site, RIGHT.replace("2 * r", "2.0 * r"))
    assert anew(RESUME) == 2
    changed = "has changed, though its version is still 1.0; install 1.0, or train again\n"
    assert capsys.readouterr().err == f"{start} {changed}"
    uninstall(site, "own-loss")
    install_loss(site)
    assert anew(RESUME) == 0


def test_other_packages_do_not_belong_to_a_run(site):
    install_loss(site)
    install(site, "own-rule", {"optimizers": {"plain_step": "own_rule:Mine"}}, {"__init__": STEPS})
    config()
    assert LOSSES.find("smooth").name == "smooth"
    assert registry("optimizers").find("plain_step")().lr > 0
    assert run(TRAIN.split()) == 0
    told = json.loads(Path("r/environment.json").read_text())["plugins"]
    assert [each["package"] for each in told] == ["own-loss"]


def test_a_class_without_a_registration_is_registered_by_its_entry_point(site):
    install_loss(site, RIGHT.replace('@LOSSES.register("smooth")\n', ""))
    config()
    assert anew(TRAIN) == 0


START = "loss 'smooth' of own-loss 1.0 (entry point own_loss.deep:Mine) "
FAILS = f"{START}fails on import: "
BROKEN = {
    "no module": ("import nothere", f"{FAILS}ModuleNotFoundError: No module named 'nothere'"),
    "raises": ("x = 1\nx / 0", f"{FAILS}ZeroDivisionError: division by zero"),
    "leaves": ("import sys\nsys.exit(3)", f"{FAILS}SystemExit: 3"),
    "stranger": ("class E(BaseException): pass\nraise E('x')", f"{FAILS}E: x"),
    "syntax": ("def f(:", f"{FAILS}SyntaxError: "),
    "no attribute": ("x = 1", f"{FAILS}AttributeError: module 'own_loss.deep' has no attribute"),
    "function": (
        "def Mine(): pass",
        f"{START}is a function; must be a class derived from optcli.plugins.Loss",
    ),
    "other class": (
        "class Mine: pass",
        f"{START}is the class Mine; must be a class derived from optcli.plugins.Loss",
    ),
    "other kind": (
        STEPS,
        f"{START}is the class Mine; must be a class derived from optcli.plugins.Loss",
    ),
    "other name": (
        RIGHT.replace('"smooth"', '"rough"'),
        f"{START}registers itself as 'rough'; the entry point must have that name",
    ),
    "taken": (
        RIGHT.replace('"smooth"', '"mse"'),
        f"{START}loss name 'mse' is taken by optcli.losses.mse.MSE; choose another",
    ),
    "alias taken": (
        RIGHT.replace('"smooth"', '"smooth", "mae"'),
        f"{START}loss name 'mae' is taken by optcli.losses.mae.MAE; choose another",
    ),
    "two": (
        RIGHT + RIGHT.replace('"smooth"', '"second"').replace("Mine", "Other"),
        f"{START}registers loss 'second' too, which has no entry point; "
        'add second = "own_loss.deep:Other" to optcli.losses',
    ),
    "alias": (
        RIGHT.replace('"smooth"', '"smooth", "soft"'),
        f"{START}registers loss 'soft' too, which has no entry point; "
        'add soft = "own_loss.deep:Mine" to optcli.losses',
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_one_hurts_who_asks_for_it(case, site, capsys):
    text, message = BROKEN[case]
    install_loss(site, text)
    good = RIGHT.replace('"smooth"', '"good"')
    install(site, "own-good", {"losses": {"good": "own_good:Mine"}}, {"__init__": good})
    config()
    for _ in range(2):  # the second time, its modules may be there
        assert run(TRAIN.split()) == 2
        assert capsys.readouterr().err.startswith(f"error: c.yaml:3: loss.name: {message}"), case
        assert not Path("r").exists()
        assert {name for each in REGISTRIES.values() for name in each.foreign()} == set()
    config(loss="good")
    assert run(TRAIN.split()) == 0
    assert run(["explain", "good"]) == 0
    assert run(["plugin", "check", "smooth"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert " ".join(message.split()) in said
    assert run(["plugin", "check", "own-good"]) == 0


def test_where_it_failed_is_said(site):
    install_loss(site, "x = 1\nx / 0")
    with pytest.raises(InvalidInput, match=r"by zero \(module own_loss\.deep, line 2\)$"):
        LOSSES.find("smooth")


def test_one_name_in_two_packages_is_refused_whichever_was_loaded_before(site, capsys):
    both = RIGHT + RIGHT.replace('"smooth"', '"second"').replace("Mine", "Other")
    names = {"smooth": "own_loss:Mine", "second": "own_loss:Other"}
    install(site, "own-loss", {"losses": names}, {"__init__": both})
    rival = RIGHT.replace('"smooth"', '"second"')
    install(site, "own-rival", {"losses": {"second": "own_rival:Mine"}}, {"__init__": rival}, "2")
    refusal = "loss 'second' is offered by own-loss 1.0 (own_loss:Other) and own-rival 2 "
    for name in ("second", "smooth", "second"):
        if name == "smooth":
            assert LOSSES.find(name).name == name
            continue
        with pytest.raises(InvalidInput) as refused:
            LOSSES.find(name)
        assert str(refused.value) == f"{refusal}(own_rival:Mine); uninstall all but one"
    assert run(["list", "losses", "--plugins"]) == 0
    assert "second  from own-loss 1.0 and own-rival 2; uninstall" in capsys.readouterr().out


def test_a_name_of_optclis_is_optclis(site, capsys):
    install(site, "own-loss", {"losses": {"mse": "own_loss:X"}}, {"__init__": "1 / 0"})
    assert run(["list", "losses", "--plugins", "--json"]) == 0
    assert "not used, as optcli has loss 'mse'" in json.loads(capsys.readouterr().out)["summary"]
    assert run(["plugin", "check", "own_loss"]) == 1
    assert "is never used: optcli has loss 'mse'; rename it" in capsys.readouterr().out
    assert LOSSES.find("mse").__module__ == "optcli.losses.mse"


def test_lists_run_no_code_and_misspelled_names_find_theirs(site, capsys):
    install(site, "own-loss", {"losses": {"smooth_l7": "own_loss:X"}}, {"__init__": "1 / 0"})
    bad = site / "own_bad-1.dist-info"
    bad.mkdir()
    (bad / "entry_points.txt").write_bytes(b"[optcli.losses]\nx\xff\nno equals sign\n")
    assert run(["list", "--plugins"]) == 0
    assert capsys.readouterr().out == "losses\n  smooth_l7  from own-loss 1.0\n"
    for words in (["train", "c.yaml"], ["plugin", "check", "smoth_l7"]):
        config(loss="smoth_l7")
        assert run(words) == 2
        assert "did you mean 'smooth_l7'?" in capsys.readouterr().err
    assert run(["list", "losers", "--plugins"]) == 2
    assert "did you mean 'losses'?" in capsys.readouterr().err
    uninstall(site, "own-loss")
    assert run(["list", "--plugins"]) == 0
    assert capsys.readouterr().err == "note: no installed package offers any\n"


def test_its_laws_and_gradients_are_checked_when_it_is_named(site, capsys):
    install_loss(site, RIGHT.replace("2 * r", "3 * r"))
    assert run(["gradcheck", "smooth"]) == 1
    assert "WRONG" in capsys.readouterr().out
    assert run(["plugin", "check", "own-loss"]) == 1
    assert "BROKEN: 1 of" in capsys.readouterr().out


def test_an_optimizer_is_held_to_its_laws_and_its_failures_are_placed(site, capsys):
    offers = {"optimizers": {"plain_step": "own_rule.step:Mine"}}
    install(site, "own-rule", offers, {"step": STEPS.replace("g, lr", "-g, lr")})
    config("mse", "{name: plain_step, lr: 0.1}")
    assert anew(TRAIN) == 2
    assert "own_rule/step.py:6: optimizer 'plain_step': " in capsys.readouterr().err
    uninstall(site, "own-rule")
    install(site, "own-rule", offers, {"step": STEPS.replace("return {", "1 / 0; return {")})
    assert anew(TRAIN) == 2
    said = capsys.readouterr().err
    assert "own_rule/step.py:" in said
    assert "coefficients: ZeroDivisionError: division by zero" in said


def test_a_worker_has_the_same_or_says_what_it_lacks(site):
    install_loss(site)
    LOSSES.find("smooth")
    told = loading.identity()
    forget({kind: each.state() for kind, each in REGISTRIES.items()}, set())
    LOSSES.forget("smooth")
    loading.load_same([], told)  # as in a worker, which has nothing before
    assert "smooth" in LOSSES.foreign()
    uninstall(site, "own-loss")
    for version, wrong in ((None, "is not installed"), ("2", "is version 2 here, not 1.0")):
        if version:
            install_loss(site, version=version)
        with pytest.raises(InvalidInput) as refused:
            loading.load_same([], told)
        message = f"package own-loss {wrong}, on a worker; install 1.0 there, as here"
        assert str(refused.value) == message


@pytest.mark.long
@pytest.mark.parametrize("where", ["--jobs 2", "--jobs 2 --backend dask"])
def test_a_comparison_in_other_processes(where, site, capsys):
    offers = {"optimizers": {"plain_step": "own_rule:Mine"}}
    install(site, "own-rule", offers, {"__init__": STEPS})
    config("mse")
    few = "--tune 1 --tune-seeds 2 --seeds 2 --finalists 1 --no-plots --quiet --json"
    assert anew(f"compare sgd plain_step -c c.yaml --out a {few.replace(' --json', '')}") == 0
    assert anew(f"compare sgd plain_step -c c.yaml --out b {few} {where}") == 0
    capsys.readouterr()
    a, b = (json.loads(Path(name, "summary.json").read_text()) for name in "ab")
    assert [each["values"] for each in a["optimizers"]] == [
        each["values"] for each in b["optimizers"]
    ]
