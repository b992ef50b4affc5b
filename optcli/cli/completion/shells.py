"""The scripts for bash, zsh and fish, and where they are installed: where Typer's users look."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

ASKED = "_OPTCLI_COMPLETE"  # `bash_complete` answers, `bash_source` prints the script
BASH = """\
_optcli_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(_OPTCLI_COMPLETE=bash_complete "${COMP_WORDS[0]}" \\
        "${COMP_WORDS[0]}" "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=.:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _optcli_completion optcli
"""
ZSH = """\
#compdef optcli
_optcli() {
    local line
    local -a ended open ended_told open_told
    for line in "${(@f)$(_OPTCLI_COMPLETE=zsh_complete ${(Q)words[1]} \\
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        if [[ ${line%%$'\\t'*} == *[/=.:] ]]; then
            open+=("${line%%$'\\t'*}")
            open_told+=("${line/$'\\t'/  -- }")
        else
            ended+=("${line%%$'\\t'*}")
            ended_told+=("${line/$'\\t'/  -- }")
        fi
    done
    (( $#ended )) && compadd -l -d ended_told -a ended
    (( $#open )) && compadd -l -S '' -d open_told -a open
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _optcli "$@"
else
    compdef _optcli optcli
fi
"""
FISH = """\
function __optcli_complete
    set -lx _OPTCLI_COMPLETE fish_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    $words[1] $words[2..-1] "$current" 2>/dev/null
end
complete -c optcli -f -a '(__optcli_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def answer(asked: str, words: list[str]) -> int:
    """Print what a shell asks for; returns the exit code."""
    shell, _, what = asked.partition("_")
    if shell not in SCRIPTS:
        return 1
    if what == "source":
        sys.stdout.write(SCRIPTS[shell])
        return 0
    from optcli.cli.completion.candidates import candidates

    cut = 0
    if shell == "bash":
        words, cut = _of_line(*words[:3])
    elif shell == "fish" and words:
        words[-1] = _split(words[-1])[0][-1]  # as it is typed, where the others are as meant
    lines = []
    for value, text in candidates(words).items():
        if shell == "bash":
            lines.append(_escaped(value[cut:]))
        else:
            lines.append(f"{value}\t{text}" if text else value)
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))
    return 0


def _of_line(program: str, breaks: str, line: str) -> tuple[list[str], int]:
    """The words after the program, and how much of the last bash leaves as it is.

    breaks: characters at which bash begins a new word, `=` and `:` among them.
    """
    words, quoted = _split(line)
    if program in words:
        words = words[words.index(program) + 1 :]
    words = [*filter(None, words[:-1]), words[-1]]
    places = [words[-1].rfind(each) + 1 for each in "=:" if each in breaks and not quoted]
    return words, max(places, default=0)


def _split(line: str) -> tuple[list[str], bool]:
    """The words of a line that need not be complete, and whether the last has quotes."""
    words, quote, quoted = [""], "", False
    characters = iter(line)
    for character in characters:
        if character == "\\" and quote != "'":
            words[-1] += next(characters, "")
        elif quote:
            if character == quote:
                quote = ""
            else:
                words[-1] += character
        elif character in "\"'":
            quote, quoted = character, True
        elif character in " \t\n":
            words.append("")
            quoted = False
        else:
            words[-1] += character
    return words, quoted


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in " \\'\"$&;()|<>*?[]{}!#`" else c for c in text)


def this() -> str:
    """The name of the shell that this was started from: the nearest of its parents, else SHELL."""
    for name in _parents():
        if name.lstrip("-") in SCRIPTS:
            return name.lstrip("-")
    return Path(os.environ.get("SHELL", "")).name


def _parents() -> Iterator[str]:
    import subprocess  # not for an answer

    number = os.getppid()
    for _ in range(6):
        try:
            words = ["ps", "-o", "ppid=,comm=", "-p", str(number)]
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        except (OSError, subprocess.CalledProcessError):
            return
        if len(said) < 2 or number <= 1:
            return
        yield Path(said[1]).name
        number = int(said[0])


def install(shell: str) -> Path:
    """Write the script where the shell finds it; returns its file."""
    from optcli.storage import files

    home = Path.home()
    if shell == "fish":
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        file = config / "fish/completions/optcli.fish"
    else:
        file = home / (".zfunc/_optcli" if shell == "zsh" else ".bash_completions/optcli.sh")
    files.make_folder(file.parent)
    files.write(file, SCRIPTS[shell].encode())
    if shell == "bash":
        _add(home / ".bashrc", f"source '{file}'")
    elif shell == "zsh":
        zdotdir = Path(os.environ.get("ZDOTDIR") or home)
        _add(zdotdir / ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit")
    return file


def _add(file: Path, line: str) -> None:
    """Add a line to a file of settings that lacks it."""
    from optcli.storage import files

    text = file.read_text("utf-8", errors="surrogateescape") if file.exists() else ""
    if line not in text.splitlines():
        end = "" if not text or text.endswith("\n") else "\n"
        whole = f"{text}{end}{line}\n".encode("utf-8", "surrogateescape")
        mode = file.stat().st_mode & 0o777 if file.exists() else files.MODE
        files.write(file.resolve(), whole, mode=mode)
