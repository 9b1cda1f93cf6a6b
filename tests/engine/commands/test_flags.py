"""Options of several values: repeated or separated by commas, they say the same in every command."""

from pathlib import Path

import pytest
import typer
import typer.main
from typer.core import TyperOption

from engine.cli import app
from engine.commands.flags import ONE_BY_ONE, given_settings, parted_settings
from engine.commands.options import whole_numbers
from engine.lists import SEVERAL, parted, parted_names
from tests.support.command import Command

VALUES = {
    "layers": ["0", "-1", "0.5"],
    "lenses": ["lda", "ridge"],
    "steps": ["20", "30"],
    "falloff": ["0.75", "0.5"],
}


@pytest.mark.parametrize("name", VALUES)
def test_commas_say_what_repetition_says(name: str) -> None:
    values = VALUES[name]
    repeated = given_settings({name: values})
    assert given_settings({name: [", ".join(values)]}) == repeated
    assert given_settings({name: [values[0], ",".join(["", *values[1:]])]}) == repeated
    assert len(repeated[name]) == len(values)


def test_every_setting_of_several_values_is_parted_or_said_not_to_be() -> None:
    assert set(parted_settings()) == set(VALUES)
    assert not set(parted_settings()) & ONE_BY_ONE
    assert given_settings({"stop": ["a, b"], "concepts": ["gin, dry"]}) == {
        "stop": ("a, b",),
        "concepts": ("gin, dry",),
    }


def test_a_known_name_may_hold_a_comma() -> None:
    assert parted_names(["gin, dry", "a,b"], {"gin, dry", "a", "b"}) == ["gin, dry", "a", "b"]
    assert parted(None) == parted([]) == parted([" , "]) == []


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "²"])
def test_layers_that_are_no_whole_numbers_are_wrong_usage(given: str) -> None:
    assert whole_numbers(["0,2", "3"], "--layer") == [0, 2, 3]
    with pytest.raises(typer.BadParameter, match="whole numbers"):
        whole_numbers(["0", given], "--layer")


def options(command: object, path: str = "") -> list[tuple[str, TyperOption]]:
    below = getattr(command, "commands", {})
    found = [(path, one) for one in getattr(command, "params", []) if isinstance(one, TyperOption)]
    return found + [each for name, one in below.items() for each in options(one, f"{path} {name}")]


def test_the_help_of_every_option_of_several_values_says_how_they_are_given() -> None:
    several = [(path, one) for path, one in options(typer.main.get_command(app)) if one.multiple]
    assert len(several) > 20
    for path, one in several:
        says = one.help or ""
        assert SEVERAL in says or one.name in {*ONE_BY_ONE, "pair"}, f"lensgap{path} --{one.name}: {says}"


def test_a_number_that_is_none_is_told(lensgap: Command, tmp_path: Path) -> None:
    told = lensgap("escalate", tmp_path / "study", "--steps", "20,many")
    assert told.status == 1
    assert "steps must be whole numbers, separated by commas, not '20,many'." in told.stderr.replace("\n", " ")
    assert not (tmp_path / "study").exists()
