"""Command-line options made from the settings: one option a field of StudyConfig, with its text and no default of its own.

An option that is not given is None, so that the study's stored settings or study.toml keep their say.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, overload

import typer

from engine.config import StudyConfig

Command = Callable[..., None]


@overload
def with_settings(command: Command) -> Command: ...
@overload
def with_settings(*, only: Sequence[str]) -> Callable[[Command], Command]: ...
def with_settings(
    command: Command | None = None, *, only: Sequence[str] | None = None
) -> Command | Callable[[Command], Command]:
    """Add the settings, or only those that are named, to a command that takes them as `**settings`."""

    def add(to: Command) -> Command:
        hints = get_type_hints(StudyConfig)
        added = [
            inspect.Parameter(
                setting.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=_annotation(hints[setting.name], setting.metadata["help"], setting.default),
            )
            for setting in fields(StudyConfig)
            if only is None or setting.name in only
        ]
        own = [p for p in inspect.signature(to).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        signature = inspect.Signature([*own, *added])
        to.__signature__ = signature  # type: ignore[attr-defined]
        to.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return to

    return add if command is None else add(command)


def _annotation(hint: Any, text: str, default: Any) -> Any:
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
    suffix = f" (default: {shown})" if default is not None else ""
    option = typer.Option(help=text + suffix, show_default=False, rich_help_panel="Settings")
    return Annotated[_option_type(hint), option]


def _option_type(hint: Any) -> Any:
    """The type that the option parser understands: tuples are repeated options, unions lose their None."""
    if get_origin(hint) is Literal:
        return hint | None
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return list[item if isinstance(item, type) else str] | None  # type: ignore[misc]
    members = [member for member in get_args(hint) if member is not type(None)]
    if members and get_origin(hint) is not tuple:
        return _option_type(members[0])
    return Union[hint, None]  # noqa: UP007 -- built at run time from a variable
