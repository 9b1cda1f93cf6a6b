"""Command-line options made from the settings: one option a field of StudyConfig, with its text and no default of its own.

An option that is not given is None, so that the study's stored settings or study.toml keep their say. The help shows settings in
panels by theme, two columns wide, so that no name is cut on a narrow terminal.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, overload

import typer
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup, TyperOption

from engine.commands.flags import parted_settings
from engine.config import StudyConfig
from engine.lists import SEVERAL, parted

Command = Callable[..., None]
THEMES = {
    "model": "Model",
    "pack": "Concepts",
    "n_positive": "Prompts",
    "temperature": "Generation",
    "layers": "Capture",
    "judge": "Judge",
    "lenses": "Lenses",
    "steps": "Graduation",
}
"""What settings are about: each theme begins at the field named here, in the order of StudyConfig."""
OTHER = "Settings of the run"
ALIASES = {"lenses": ("--lenses", "--lens")}
"""Settings whose options have a second name."""


_SAID = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "must be a whole number",
    "Input should be a valid number, unable to parse string as a number": "must be a number",
    "Input should be ": "must be ",
}
"""How the library that reads values begins its sentences, and what is said in its place."""


class Commands(TyperGroup):
    """All commands; a value that an option cannot take is told in our words."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            for begins, said in _SAID.items():
                if error.message.startswith(begins):
                    error.message = said + error.message.removeprefix(begins)
                    break
            raise


class SettingsCommand(TyperCommand):
    """A command with settings, whose help shows them in panels of their own after its other options."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help; the settings are hidden from the part that is not ours."""
        super().format_help(ctx, formatter)
        console = Console()
        settings = [one for one in self.params if isinstance(one, TyperOption) and one.hidden and one.rich_help_panel]
        for theme, options in groupby(settings, lambda one: one.rich_help_panel):
            console.print(_panel(str(theme), [(_names(one), _text(one, ctx)) for one in options]))


def _panel(title: str, rows: Sequence[tuple[Text, Text]]) -> Panel:
    table = Table.grid(padding=(0, 2), expand=True)
    # As wide as its names; all that is left is for the text.
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(*row)
    return Panel(table, title=title, title_align="left", border_style="dim")


def _names(option: TyperOption) -> Text:
    return Text("\n".join((*option.opts, *option.secondary_opts)), style="bold cyan")


def _text(option: TyperOption, ctx: Any) -> Text:
    kind = "" if option.secondary_opts else f"{option.display_type_rich(ctx)} "
    return Text.assemble((kind, "bold yellow"), option.help or "")


@overload
def with_settings(command: Command) -> Command: ...
@overload
def with_settings(*, only: Sequence[str] | None = None, first: str | None = None) -> Callable[[Command], Command]: ...
def with_settings(
    command: Command | None = None, *, only: Sequence[str] | None = None, first: str | None = None
) -> Command | Callable[[Command], Command]:
    """Add the settings, or only those that are named, to a SettingsCommand that takes them as `**settings`.

    Those of the theme that comes `first` get a panel, all others one together; without it, each theme has its own.
    """

    def add(to: Command) -> Command:
        hints = get_type_hints(StudyConfig)
        themes = _themes()
        panels = {name: OTHER if first and theme != first else theme for name, theme in themes.items()}
        added = [
            inspect.Parameter(
                setting.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=_annotation(
                    hints[setting.name],
                    setting.metadata["help"],
                    setting.default,
                    panels[setting.name],
                    ALIASES.get(setting.name, ()),
                    several=setting.name in parted_settings(),
                ),
            )
            # False comes before True: the sort keeps the order of those of a panel.
            for setting in sorted(fields(StudyConfig), key=lambda setting: panels[setting.name] == OTHER)
            if only is None or setting.name in only
        ]
        own = [p for p in inspect.signature(to).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        signature = inspect.Signature([*own, *added])
        to.__signature__ = signature  # type: ignore[attr-defined]
        to.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return to

    return add if command is None else add(command)


def _themes() -> dict[str, str]:
    """The theme of each setting."""
    found, theme = {}, OTHER
    for setting in fields(StudyConfig):
        theme = THEMES.get(setting.name, theme)
        found[setting.name] = theme
    return found


def _annotation(hint: Any, text: str, default: Any, panel: str, names: Sequence[str], *, several: bool) -> Any:
    if several:
        text = f"{text} {SEVERAL}"
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
    suffix = f" (default: {shown})" if default is not None and default != () else ""
    option = typer.Option(*names, help=text + suffix, show_default=False, rich_help_panel=panel, hidden=True)
    return Annotated[_option_type(hint), option]


def _option_type(hint: Any) -> Any:
    """The type that the option parser understands: tuples are repeated options, unions lose their None."""
    if get_origin(hint) is Literal:
        return hint | None
    if get_origin(hint) is tuple:
        return list[str] | None
    members = [member for member in get_args(hint) if member is not type(None)]
    if members and get_origin(hint) is not tuple:
        return _option_type(members[0])
    return Union[hint, None]  # noqa: UP007 -- built at run time from a variable


def whole_numbers(values: Sequence[str] | None, option: str) -> list[int]:
    """The numbers that an option gives, one by one; wrong usage where one is not whole and at least 0."""
    found = parted(values)
    if wrong := next((one for one in found if not (one.isascii() and one.isdecimal())), None):
        raise typer.BadParameter(f"must be whole numbers, such as 0,2, not {wrong!r}", param_hint=option)
    return [int(one) for one in found]
