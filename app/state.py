"""The address bar is the state: every filter, page, setting and open sample is a query parameter, so any view can be linked.

A widget shows what the address says and writes there when a person changes it. Parameters at their default are left out.
Only what must not travel with a link (the reviewer's name) lives elsewhere, in the session and a cookie.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import quote, unquote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

GLOBAL: Final = ("run", "judge", "lens", "k", "s", "target", "ceiling", "form_rule")
"""Parameters that every screen keeps when one goes to another."""
COOKIE: Final = "lensgap_reviewer"
RUN: Final = "run-on-screen"
PERSON: Final = "signed-in-as"
"""The e-mail address of who signed in; not there where nobody has to."""
_NAME_CHARS: Final = 60
_QUOTED_CHARS: Final = 60
# Streamlit goes to another screen in two steps of the browser's history: its parameters at the screen that is left, then the
# screen. Back would lead to what never was, so what one press leads to is made one step.
_ONE_STEP: Final = """(() => {
  if (window.lensgapSteps) return;
  window.lensgapSteps = true;
  let nPresses = 0, last = null;
  for (const press of ["pointerdown", "keydown"]) addEventListener(press, () => nPresses++, { capture: true });
  addEventListener("popstate", () => { last = null; });
  const push = history.pushState.bind(history);
  history.pushState = (kept, unused, address) => {
    const { pathname, search } = new URL(address ?? location.href, location.href);
    const isOneStep = last?.nPresses === nPresses && last.search === search && last.pathname !== pathname;
    last = pathname === location.pathname ? { nPresses, pathname, search } : null;
    if (isOneStep) history.replaceState(kept, unused, address);
    else push(kept, unused, address);
  };
})()"""

_ASKED: Final = "address-asked-for"
_is_folded: Final = ContextVar("is_folded", default=False)

T = TypeVar("T")


class Asked(NamedTuple):
    """A change of the address that the browser may not have heard of yet."""

    before: dict[str, list[str]]
    after: dict[str, list[str]]


def given(name: str) -> str | None:
    """A parameter's value, None when the address does not have it."""
    value = st.query_params.get(name)
    return value if value else None


def given_all(name: str) -> tuple[str, ...]:
    """All values of a repeated parameter."""
    return tuple(st.query_params.get_all(name))


def given_number(name: str, *, default: float, low: float, high: float) -> float:
    """A numeric parameter, kept within its bounds; the default where it is no number."""
    try:
        value = float(given(name) or default)
    except ValueError:
        return default
    return min(max(value, low), high) if value == value else default


def link(**changes: Any) -> dict[str, Any]:
    """Parameters of a link: the global ones as they are, and these."""
    kept = {name: value for name in GLOBAL if (value := given(name))}
    if RUN in st.session_state:
        kept["run"] = st.session_state[RUN]
    return kept | {name: value for name, value in changes.items() if value not in (None, "", (), [])}


def change(**changes: Any) -> None:
    """Put parameters into the address, in one step of the browser's history; None and empty values take one out."""
    if is_look():
        return
    catch_up()
    before = _address()
    after = dict(before)
    for name, value in changes.items():
        after.pop(name, None)
        if value not in (None, "", (), []):
            after[name] = [str(v) for v in value] if isinstance(value, tuple | list) else [str(value)]
    st.session_state[_ASKED] = Asked(before, after)
    st.query_params.from_dict(after)


def is_look() -> bool:
    """Whether nobody has pressed anything, and only a part of the screen is drawn again, by the clock.

    A browser sends along what all widgets were when it asked for that. One that the script had set meanwhile seems to have been
    changed by a person, and what answers to that would undo what the script did.
    """
    run = get_script_run_ctx()
    return run is not None and bool(run.fragment_ids_this_run)


def catch_up() -> None:
    """Keep to the address that was asked for, where what is pressed next comes with the one before it.

    A browser sends the address that it has, and a quick hand presses again before the browser has heard of the new one: the
    click before would be lost. To be called first by whatever answers a press, and where the server has a screen drawn.
    """
    asked: Asked | None = st.session_state.get(_ASKED)
    if asked is not None and _address() == asked.before:
        st.query_params.from_dict(asked.after)


def _arrive() -> None:
    """Whoever comes to another address than the one asked for, and has pressed nothing, went there of their own will."""
    asked: Asked | None = st.session_state.get(_ASKED)
    if asked is not None and _address() != asked.after:
        del st.session_state[_ASKED]


def _address() -> dict[str, list[str]]:
    """All parameters, the run on screen among them even where the address does not name it yet."""
    given_now = {name: st.query_params.get_all(name) for name in st.query_params}
    return given_now | ({"run": [st.session_state[RUN]]} if RUN in st.session_state else {})


def bound(
    widget: Callable[..., Any],
    *label: str,
    name: str,
    value: T,
    default: Any = None,
    clears: Iterable[str] = (),
    key: str = "",
    **kw: Any,
) -> T:
    """Draw a widget that shows `value` and writes its changes to the parameter `name`; `clears` names others to take out.

    The widget's own state is set only where it differs: setting it on every run would overwrite what is being typed (but see
    `folded`). A second widget of one parameter needs a `key` of its own.
    """
    key = key or f"widget-{name}"
    if _is_folded.get() or st.session_state.get(key, _UNSET) != value:
        st.session_state[key] = value

    def keep() -> None:
        if is_look():
            st.session_state[key] = value
            return
        chosen = st.session_state[key]
        change(**{name: None if chosen == default else chosen}, **dict.fromkeys(clears))

    return cast(T, widget(*label, key=key, on_change=keep, **kw))


@contextmanager
def folded() -> Iterator[None]:
    """Around what is drawn in a popover, which the browser makes only once it is opened.

    It would make the widgets as they are by default, whatever they were told before, and say so with the next press, which
    would put the defaults into the address. So these are told their values with every run.
    """
    before = _is_folded.set(True)
    try:
        yield
    finally:
        _is_folded.reset(before)


def one_of(name: str, options: Sequence[str], *, default: str | None = None) -> str | None:
    """The parameter if it is one of the options, else the default."""
    value = given(name)
    return value if value in options else default


def some_of(name: str, options: Sequence[str]) -> list[str]:
    """Those of the parameter's values that are among the options, in the options' order."""
    values = given_all(name)
    return [option for option in options if option in values]


def keep_run(run_id: str) -> None:
    """Name the run on screen in every address from here on, so that a link shows it still when a newer run has come.

    The address bar gets it in place: a step of its own in the browser's history would stand in the way of going back.
    """
    st.session_state[RUN] = run_id
    _arrive()
    # Percent-encoding leaves nothing that could end the string or the script.
    st.html(
        f"<script>{_ONE_STEP};</script>"
        "<script>(() => { const here = new URL(location.href); if (here.searchParams.get('run')) return; "
        f"here.searchParams.set('run', decodeURIComponent('{quote(run_id, safe='')}')); "
        "history.replaceState(history.state, '', here); })()</script>",
        unsafe_allow_javascript=True,
    )


def quoted(name: str) -> str:
    """A parameter's value as a sentence repeats it, cut short."""
    value = given(name) or ""
    return f"“{value if len(value) <= _QUOTED_CHARS else value[: _QUOTED_CHARS - 1] + '…'}”"


def unknown(name: str, options: Iterable[str]) -> bool:
    """Whether the address asks for a value that is none of the options."""
    value = given(name)
    return value is not None and value not in options


def reviewer() -> str:
    """The name that ratings are stored under: who signed in, else the one given in this browser; empty while there is none."""
    if PERSON in st.session_state:
        # Whole, for two long addresses may differ at their ends.
        return str(st.session_state[PERSON])
    if COOKIE in st.session_state:
        return str(st.session_state[COOKIE])
    return _as_name(unquote(st.context.cookies.get(COOKIE, "")))


def remember_reviewer(name: str) -> None:
    """Keep the reviewer's name for this session."""
    st.session_state[COOKIE] = _as_name(name)


def _as_name(value: str) -> str:
    """A name as it may be stored: on one line, without control characters or marks that turn text, and not too long."""
    kept = "".join(c for c in value if unicodedata.category(c) not in _NOT_IN_NAMES)
    return " ".join(kept.split())[:_NAME_CHARS].strip()


def leave_cookie() -> None:
    """Let this browser remember the reviewer's name for its next session, if one was given in this one."""
    name = st.session_state.get(COOKIE)
    if name is not None:
        # Percent-encoding leaves nothing that could end the string, the cookie or the script.
        cookie = f"{COOKIE}={quote(name, safe='')}; path=/; max-age=31536000; samesite=strict"
        st.html(f'<script>document.cookie = "{cookie}"</script>', unsafe_allow_javascript=True)


_UNSET: Final = object()
_NOT_IN_NAMES: Final = ("Cc", "Cf", "Cs")
