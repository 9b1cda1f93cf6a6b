"""Names and numbers that are wrong: one clear sentence each, and nothing is written."""

import re
from pathlib import Path

import pytest

from engine.exchange.targets import FORMAT
from tests.support.command import Command
from tests.support.hand_made import HAND_MADE, write_pack
from tests.support.synthetic_study import build_study

TARGETS = {
    "a name that it does not know": (f'{{"format": "{FORMAT}", "goal": 1}}', "goal: no such name is known there"),
    "such a name inside an entry": (
        f'{{"format": "{FORMAT}", "default": {{"target": 0.5, "why": "asked", "gaol": 1}}}}',
        "default → gaol: no such name is known there",
    ),
    "half of a file": (f'{{"format": "{FORMAT}", "defau', "is not a JSON file of targets"),
    "no file": (None, "cannot be read: No such file or directory"),
    "an empty file": ("", "is not a JSON file of targets"),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_study(tmp_path_factory.mktemp("rated") / "study", baseline=False)


def in_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("case", TARGETS)
def test_targets_that_cannot_be_used_are_told(lensgap: Command, tmp_path: Path, case: str) -> None:
    content, said = TARGETS[case]
    file, pack = tmp_path / "targets.json", write_pack(tmp_path / "pack", HAND_MADE)
    if content is not None:
        file.write_text(content)
    told = lensgap("escalate", tmp_path / "study", "--pack", pack, "--targets", file)
    assert (told.status, told.stdout) == (1, "")
    assert "The targets cannot be used." in told.stderr
    assert said in in_one_line(told.stderr)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--steps", "0"), "steps must be numbers of pairs that rise, from 2 on"),
        (("--steps", "1"), "steps must be numbers of pairs that rise, from 2 on"),
        (("--steps", "80", "--steps", "40"), "steps must be numbers of pairs that rise, from 2 on"),
        (("--layers", "abc"), "layers must be numbers, such as 2, -1 or 0.5, not 'abc'"),
        (("--falloff", "7"), "falloff must hold numbers from 0 to 1"),
        (("--lens", "best"), 'There is no lens family "best"'),
    ],
)
def test_settings_that_cannot_be_are_told(lensgap: Command, tmp_path: Path, option: tuple[str, ...], said: str) -> None:
    told = lensgap("escalate", tmp_path / "study", *option)
    assert (told.status, told.stdout) == (1, "")
    assert said in in_one_line(told.stderr)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    "command",
    [("report",), ("layers",), ("refine",), ("filter",), ("compare", "settings"), ("audit", "estimate")],
)
def test_a_run_that_is_not_there_is_told_under_its_own_title(
    study: Path, lensgap: Command, command: tuple[str, ...]
) -> None:
    told = lensgap(*command, study, "--run", "none")
    assert (told.status, told.stdout) == (1, "")
    assert in_one_line(told.stderr).startswith(f"No such run. {study} holds no run none. See the runs: lensgap status")


def test_a_family_without_a_lens_is_told_with_those_that_have_some(study: Path, lensgap: Command) -> None:
    told = lensgap("report", study, "--family", "zz")
    assert (told.status, told.stdout) == (1, "")
    assert re.search(r"has no zz lenses\. It has [a-z, -]+; train others: lensgap train\.", in_one_line(told.stderr))
    for family in re.findall(r"It has ([a-z, -]+);", in_one_line(told.stderr))[0].split(", "):
        assert lensgap("report", study, "--family", family, "--json").status == 0


def test_every_option_for_a_run_is_worded_alike(lensgap: Command) -> None:
    for command in (("report",), ("layers",), ("refine",), ("filter",), ("compare", "settings"), ("judge", "compare")):
        said = re.sub(r"[^\w;-]+", " ", lensgap(*command, "--help").stdout)
        assert "Run id; by default the latest run with samples" in said, command


def test_families_may_be_named_by_lens(lensgap: Command) -> None:
    for command in ("train", "escalate", "run"):
        assert "--lens\n" in re.sub(r"[│ ]+", "\n", lensgap(command, "--help").stdout), command
