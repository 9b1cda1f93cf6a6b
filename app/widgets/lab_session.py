"""What the rubric lab remembers between the runs of its script, and the work that it has the command line do.

A price holds for one setup: judge, address, rubric texts and pairs. When any of them changes there is no price, and without a
price there is no button that asks.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast

import streamlit as st

from app import state
from app.context import Context
from app.data import command
from app.data.rubric_lab import PairKey, load_tried_by
from app.data.rubrics import keep_tried, make_rubric
from app.viewmodels.rubric_lab import Price, budget, fingerprint, read_judge_id, read_price
from engine.errors import ExpectedError

T = TypeVar("T")
STOPPED: Final = "Stopped. The answers so far are kept, and asking again pays only for the rest."


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to be tried: the texts by field, the judge, its address (None for Anthropic's), and the pairs."""

    texts: dict[str, str]
    name: str
    version: int
    judge: str
    base_url: str | None
    pairs: tuple[PairKey, ...]

    @property
    def fingerprint(self) -> str:
        """Changes with anything that a price or an answer depends on."""
        return fingerprint(self.texts, self.judge, self.base_url, self.pairs)


@dataclass(frozen=True, slots=True)
class Work:
    """A command at work for a setup; `judge` is what the price called the judge."""

    kind: Literal["price", "ask"]
    setup: Setup
    started: command.Started
    rubric_hash: str
    judge: str = ""


@dataclass(slots=True)
class LabSession:
    """The lab of one run in one browser tab."""

    values: dict[str, Any] = field(default_factory=dict)
    drafts: dict[str, dict[str, str]] = field(default_factory=dict)
    chosen: tuple[PairKey, ...] | None = None
    price: tuple[str, Price] | None = None
    fault: tuple[str, str] | None = None
    work: Work | None = None
    tried: str = ""
    n_moves: int = 0

    def price_of(self, setup: Setup) -> Price | None:
        """The price that was told for exactly this setup."""
        return self.price[1] if self.price and self.price[0] == setup.fingerprint else None

    def fault_of(self, setup: Setup) -> str | None:
        """Why the last command for exactly this setup failed."""
        return self.fault[1] if self.fault and self.fault[0] == setup.fingerprint else None


def session_of(here: Context) -> LabSession:
    """The session of the run on screen."""
    key = f"lab-{here.folder}-{here.run.run_id}"
    if key not in st.session_state:
        st.session_state[key] = LabSession()
    return cast(LabSession, st.session_state[key])


def tried_judge(here: Context) -> str:
    """The judge of the last trial: the one in the address, else what this session tried; links and going back lose the former."""
    session = session_of(here)
    session.tried = state.given("tried") or session.tried
    return session.tried


def kept(widget: Callable[..., T], label: str, *, here: Context, name: str, default: T, **kw: Any) -> T:
    """Draw a widget whose value outlives a visit to another screen."""
    session = session_of(here)
    key = f"lab-{here.run.run_id}-{name}"
    if key not in st.session_state:
        st.session_state[key] = session.values.get(name, default)
    if "options" in kw and st.session_state[key] not in (None, *kw["options"]):
        st.session_state[key] = default
    session.values[name] = value = widget(label, key=key, **kw)
    return value


def set_kept(here: Context, name: str, value: object) -> None:
    """Have a kept widget show another value when it is next drawn; called before it is."""
    session_of(here).values[name] = value
    st.session_state.pop(f"lab-{here.run.run_id}-{name}", None)


def start_price(here: Context, setup: Setup) -> None:
    """Have the price worked out."""
    session = session_of(here)
    session.price = session.fault = None
    _start(here, setup, "price", ["--dry-run", "--json"])


def start_asking(here: Context, setup: Setup, price: Price) -> None:
    """Have the judge asked, within the high figure of the price that was shown."""
    # Two presses that arrive together are one.
    if session_of(here).work is not None:
        return
    rubric = make_rubric(setup.texts, name=setup.name, version=setup.version)
    asked = load_tried_by(
        here.folder, judge=price.judge, base_url=address_of(setup.base_url), rubric_hash=rubric.hash, chosen=setup.pairs
    )
    limit = budget(price, spent_usd=asked.spent_usd if asked else 0.0)
    _start(
        here, setup, "ask", ["--yes", "--json", *([] if limit is None else ["--budget", f"{limit:.2f}"])], price.judge
    )


def _start(here: Context, setup: Setup, kind: Literal["price", "ask"], how: Sequence[str], judge: str = "") -> None:
    session = session_of(here)
    try:
        rubric = make_rubric(setup.texts, name=setup.name, version=setup.version)
        started = command.start([*arguments(here, setup, keep_tried(here.folder, rubric)), *how])
    except (ExpectedError, OSError) as error:
        session.fault = (setup.fingerprint, str(error))
        return
    session.work = Work(kind, setup, started, rubric.hash, judge)


def arguments(here: Context, setup: Setup, rubric: Path) -> list[str]:
    """The command that tries the setup, as far as pricing and asking share it."""
    address = ["--base-url", setup.base_url] if setup.base_url else []
    pairs = [part for concept, sample_id in setup.pairs for part in ("--pair", f"{sample_id}:{concept}")]
    about = ["--run", here.run.run_id, "--judge", setup.judge, *address, "--rubric", str(rubric)]
    return ["judge", "try", str(here.folder.resolve()), *about, *pairs]


def address_of(base_url: str | None) -> str | None:
    """An address as a judge keeps it: without a slash or the API's path at its end; None for Anthropic's own."""
    named = (base_url or os.environ.get("ANTHROPIC_BASE_URL", "")).strip().rstrip("/")
    for end in ("/messages", "/v1"):
        named = named.removesuffix(end)
    return named or None


def n_answered(here: Context, work: Work) -> int:
    """How many of the pairs that a command asks about have an answer by now."""
    found = load_tried_by(
        here.folder,
        judge=work.judge,
        base_url=address_of(work.setup.base_url),
        rubric_hash=work.rubric_hash,
        chosen=work.setup.pairs,
    )
    return found.n_answered if found else 0


def settle(here: Context) -> None:
    """Take up what a command that has ended has said."""
    session = session_of(here)
    work = session.work
    result = command.ended(work.started) if work else None
    if work is None or result is None:
        return
    session.work = None
    try:
        if result.fault:
            session.fault = (work.setup.fingerprint, result.fault)
        elif work.kind == "price":
            session.price = (work.setup.fingerprint, read_price(result.output))
        else:
            session.price = None
            session.tried = read_judge_id(result.output)
            state.change(tried=session.tried)
            # What came of it is drawn below, often out of sight.
            st.toast(
                "The judge has answered. Ratings under the new rubric are below.", icon=":material/arrow_downward:"
            )
    except ValueError as error:
        session.fault = (work.setup.fingerprint, f"The command's answer makes no sense: {error}.")


def stop(here: Context) -> None:
    """End the command at work."""
    session = session_of(here)
    if session.work is None:
        return
    command.stop(session.work.started)
    if session.work.kind == "ask":
        session.fault = (session.work.setup.fingerprint, STOPPED)
        session.price = None
    session.work = None
