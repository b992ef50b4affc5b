"""Other systems: commands work without what only POSIX has, and on any console.

`without_posix/sitecustomize.py` takes away what Windows lacks, and refuses what it refuses. What
remains untried here is Windows itself and macOS; .github/workflows/tests.yml has both.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import optcli
from optcli.api import runs
from optcli.core import shell

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent / "without_posix"
IRIS = ROOT / "configs" / "iris.yaml"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="imitates Windows on Linux")

# Runs command lines one after another, each with a console of the next encoding; the last line of
# stdout tells their codes and the modules.
DRIVER = """
import itertools, json, os, signal, sys
from optcli.cli.main import run
if __name__ == "__main__":
    codes, encodings = [], itertools.cycle(os.environ.get("CONSOLES", "utf-8").split())
    for words, encoding in zip(json.loads(sys.argv[1]), encodings):
        sys.stdout.reconfigure(encoding=encoding, errors="strict")
        sys.stderr.reconfigure(encoding=encoding, errors="strict")
        codes.append(run(words))
    there = [name for name in sys.argv[2:] if sys.modules.get(name)]
    print(json.dumps([codes, there, hasattr(os, "sched_getaffinity"), hasattr(signal, "SIGKILL")]))
"""


def start(code, *arguments, cwd, **environment):
    """Begin a Python of this environment."""
    path = os.pathsep.join([str(HERE)] * ("without" in environment) + [str(ROOT)])
    environment.pop("without", None)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


# What not every system has, and the files that have a counterpart for it.
POSIX = (
    "sched_getaffinity|sysconf\\b|posix_fallocate|MADV_DONTNEED|O_NOFOLLOW|import (fcntl|resource)"
    "|os\\.(fork|killpg|getuid|geteuid|setsid|uname|mkfifo|statvfs|nice|O_DIRECTORY)|preexec_fn"
    "|import (pwd|grp|termios|tty|pty)\\b|signal\\.SIG(KILL|HUP|USR1|PIPE|QUIT|ALRM)"
)
GUARDED = {
    "core/machine.py": {"sched_getaffinity"},
    "exports/scorer_functions.py": {"signal.SIGPIPE"},
    "storage/files.py": {"posix_fallocate", "MADV_DONTNEED"},
    "storage/lock.py": {"import fcntl", "O_NOFOLLOW"},
}


def test_a_call_of_posix_alone_lies_where_it_has_a_counterpart():
    package = ROOT / "optcli"
    for path in sorted(package.rglob("*.py")):
        found = {match[0] for match in re.finditer(POSIX, path.read_text("utf-8"))}
        assert found <= GUARDED.get(path.relative_to(package).as_posix(), set()), path


# What a test may do only where the system can: it has a marker, or its module is skipped.
NEEDS = (
    "send_signal|SIGKILL|SIGSTOP|SIGHUP|os\\.(kill|fork|killpg|mkfifo|openpty|geteuid)\\b|Forks\\("
    "|Moments\\(|symlink_to|preexec_fn|/dev/full|RLIMIT|import resource|/proc/self"
)
MARKERS = ("systems.needs_", "pytest.mark.skipif", "linux_only", "needs_links")


def needing(path):
    """The tests of a file that need something of the system, they or what they call or take."""
    text = path.read_text("utf-8")
    found = ast.parse(text)
    functions = {node.name: node for node in found.body if isinstance(node, ast.FunctionDef)}
    parts = {name: ast.get_source_segment(text, node) for name, node in functions.items()}
    needs = {name for name, part in parts.items() if re.search(NEEDS, part)}
    needs -= {name for name in needs if "sys.platform" in parts[name]}  # which looks by itself
    while True:
        calls = re.compile(rf"(?<!\.)\b({'|'.join(needs)})\(") if needs else None
        more = {name for name, part in parts.items() if calls and calls.search(part)}
        more |= {n for n, f in functions.items() if needs & {each.arg for each in f.args.args}}
        if more <= needs:
            return {name: functions[name] for name in needs if name.startswith("test_")}
        needs |= more


@pytest.mark.long
def test_a_test_says_what_it_needs_of_the_system():
    missing = []
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        if "allow_module_level=True" in path.read_text("utf-8") or path.name == Path(__file__).name:
            continue
        for name, node in needing(path).items():
            said = " ".join(map(ast.unparse, node.decorator_list))
            if not any(marker in said for marker in MARKERS):
                missing.append(f"{path.name}: {name}")
    assert not missing


@linux_only
def test_commands_work_without_what_windows_lacks(tmp_path):
    small = "--quiet --no-plots --set training.epochs=2"
    lines = [
        f"train {IRIS} {small} --out run",
        f"train {IRIS} {small} --set dataset.stream=true --out streamed",
        "train --resume run --quiet --set training.epochs=3",
        f"predict run {ROOT / 'configs/data/iris.csv'} -o predictions.csv",
        "evaluate run configs/data/iris.csv",
        f"compare sgd adam --config {IRIS} {small} --tune 2 --seeds 2 --jobs 2 --out compared",
        f"train {IRIS} {small} --out run --overwrite",
        "runs verify run",
        "runs list .",
        "runs remove streamed",
        "runs remove compared",
    ]
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    # the file is imported by name in the worker processes
    (tmp_path / "driver.py").write_text(DRIVER)
    code = "import runpy; runpy.run_path('driver.py', run_name='__main__')"
    words = json.dumps([line.split() for line in lines])
    libraries = ["filelock", "fcntl", "resource", "pwd"]
    process = start(code, words, *libraries, cwd=tmp_path, without=True)
    out, err = process.communicate(timeout=120)
    assert err.decode() == ""
    last = json.loads(out.splitlines()[-1])
    assert last == [[0] * len(lines), ["filelock"], False, False]
    assert {path.name for path in tmp_path.iterdir()} >= {"run", "predictions.csv"}
    assert not {"streamed", "compared"} & {path.name for path in tmp_path.iterdir()}
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith((".new-", ".lock"))]
    whole = optcli.train(IRIS, ["training.epochs=2"], out=tmp_path / "whole", plots=False)
    kept = optcli.load(tmp_path / "run").trained.parameters
    assert kept.tobytes() == whole.trained.parameters.tobytes()


@linux_only
def test_a_lock_without_fcntl_refuses_others_and_ends_with_its_process(tmp_path):
    (tmp_path / "run").mkdir()
    code = (
        "import sys, time; from pathlib import Path; from optcli.storage.lock import lock\n"
        "with lock(Path('run')):\n    print('held', flush=True); time.sleep(float(sys.argv[1]))"
    )
    holder = start(code, "60", cwd=tmp_path, without=True)
    assert holder.stdout.readline() == b"held\n"
    out, err = start(code, "0", cwd=tmp_path, without=True).communicate(timeout=60)
    assert out == b""
    assert err.endswith(b"InvalidInput: run: is in use by another process; wait until it ends\n")
    holder.kill()
    holder.communicate()
    out, err = start(code, "0", cwd=tmp_path, without=True).communicate(timeout=60)
    assert (out, err) == (b"held\n", b"")
    assert not list((tmp_path / "run").iterdir())


def test_a_console_that_lacks_letters_gets_others(tmp_path):
    rows = [f"{i},{i % 7},{'ж→' if i % 2 else 'naïve'}\n" for i in range(60)]
    (tmp_path / "größe–β.csv").write_text("größe,β,class\n" + "".join(rows), "utf-8")
    (tmp_path / "cfg–β.yaml").write_text(
        "dataset: {name: csv, path: größe–β.csv, target: class}\n"
        "model: mlp\nloss: cross_entropy\noptimizer: adam\ntraining: {epochs: 1}\n",
        "utf-8",
    )
    lines = [
        "train cfg–β.yaml --no-plots --out run --overwrite",
        "train nothing–β.yaml",
        "train cfg–β.yaml --json --no-plots --out run --overwrite",
        "predict run größe–β.csv",
        "runs show run",
        "explain adam",
        "explain softplus",
        "list losses",
        "--help",
        "train --help",
    ]
    words = json.dumps([line.split() for twice in lines for line in [twice, twice]])
    # a file that is opened without an encoding would be read as cp1252 on Windows
    warned = {"PYTHONWARNDEFAULTENCODING": "1", "CONSOLES": "cp1252 cp437"}
    process = start(DRIVER, words, cwd=tmp_path, **warned)
    out, err = process.communicate(timeout=120)
    codes, *_ = json.loads(out.splitlines()[-1])
    assert codes == [0, 0, 2, 2, *[0] * (2 * len(lines) - 4)], err
    assert rb"error: nothing\u2013\u03b2.yaml: no such file" in err
    assert not [line for line in err.splitlines() if b"Warning" in line and b"optcli" in line]


def split_by_windows(line):
    """The words of a command line, as programs of Windows split it (CommandLineToArgvW)."""
    words, word, inside, position = [], None, False, 0
    while position < len(line):
        count = len(line) - position - len(line[position:].lstrip("\\"))
        position += count
        if line[position : position + 1] == '"':
            word = (word or "") + "\\" * (count // 2)
            if count % 2:
                word += '"'
            else:
                inside = not inside
            position += 1
            continue
        if count:
            word = (word or "") + "\\" * count
            continue
        letter, position = line[position], position + 1
        if letter in " \t" and not inside:
            words += [] if word is None else [word]
            word = None
        else:
            word = (word or "") + letter
    return words + ([] if word is None else [word])


@given(st.lists(st.text("ab \\\"&|<>^(),;$%{}'é-", max_size=8), min_size=1))
@example(['a "b" & c\\', "", "x,y"])
def test_words_survive_the_shells_of_windows(words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "WINDOWS", True)
        line, typed = shell.joined(["optcli", *words]), [shell.quoted(word) for word in words]
    assert split_by_windows(line) == ["optcli", *words]
    # what the shells would take for their own stands between quotes; names of files there have none
    for word, text in zip(words, typed, strict=True):
        alone = re.sub(r'^"[^"]*"$', "", text)
        assert '"' in word or not set(alone) & set(" &|<>^(),;$%{}'")


def test_commands_are_printed_for_the_shell_of_the_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    optcli.train(IRIS, ["training.epochs=1"], out="a & b", plots=False)
    printed = "optcli train --resume {}"
    assert runs.continuation(Path("a & b")) == printed.format("'a & b'")
    kept = "optcli compare sgd 'adam:lr=0.1,beta1=0.8' --out=x"  # as environment.json has it
    assert runs.going_on(kept, Path("r"), "/d e").startswith("cd '/d e' && optcli compare sgd adam")
    monkeypatch.setattr(shell, "WINDOWS", True)
    assert runs.continuation(Path("a & b")) == printed.format('"a & b"')
    last = f'"adam:lr=0.1,beta1=0.8" --out {shell.quoted(str(Path("r").absolute()))}'
    said = runs.going_on(kept, Path("r"), "/d e")
    assert said == f'pushd "/d e" && optcli compare sgd {last}'
