"""The documents speak of what is there: commands, targets, files and links."""

import re
import subprocess
from pathlib import Path

import pytest
import typer

from engine.cli import app

ROOT = Path(__file__).parent.parent
TRACKED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
).stdout.splitlines()
DOCUMENTS = [ROOT / name for name in TRACKED if (ROOT / name).is_file()] or sorted(ROOT.glob("*.md"))
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def tree() -> list[tuple[Path, str]]:
    """Paths of the README's tree with what is said of them."""
    block = re.search(r"## The tree\n```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block
    entries, folder = [], ROOT
    for line in block[1].splitlines():
        indented, name, said = line.startswith(" "), *line.split(maxsplit=1)
        entries.append(((folder if indented else ROOT) / name, said))
        if not indented and name.endswith("/"):
            folder = ROOT / name
    return entries


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| `lensgap"))
    assert re.search(rf"`(lensgap )?{command}`", rows)


def test_every_documented_command_exists() -> None:
    text = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    assert set(re.findall(r"(?:^|`|run )lensgap ([a-z]+)", text, re.MULTILINE)) <= set(COMMANDS)


def test_make_help_lists_every_target() -> None:
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared
    assert {line.split()[0] for line in helped.splitlines() if line.startswith("  ")} == set(declared[1].split())


def test_documented_make_targets_exist() -> None:
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared
    for document in DOCUMENTS:
        named = re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= set(declared[1].split()), document


def test_the_tree_of_the_readme_exists_and_says_something_of_every_line() -> None:
    assert len(tree()) > 10
    for path, said in tree():
        assert path.exists(), path
        assert said.strip(), path


@pytest.mark.parametrize("folder", ["engine", "db", "app"])
def test_the_tree_of_the_readme_leaves_no_package_out(folder: str) -> None:
    packages = {file.parent for file in (ROOT / folder).glob("*/__init__.py")}
    assert packages <= {path for path, _ in tree()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = document.parent / name if name else document
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}
