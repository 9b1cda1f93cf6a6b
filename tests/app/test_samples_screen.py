"""The samples screen without a browser: chips, kept views, table, similar samples, many rated at once and taken back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from app import data, state
from app.data.bulk import load_bulks, load_overriders
from app.data.samples import load_listed
from app.data.saved_views import load_saved_views, save_view
from tests.app.test_screens import html_of, open_screen
from tests.support.synthetic_study import JUDGE, RUN

HOSTILE = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) \u202e *b*"


def named(study: Path, monkeypatch: pytest.MonkeyPatch, **query: str | list[str]) -> AppTest:
    """The screen as Ada sees it."""
    app = open_screen(study, monkeypatch, "samples", **query)
    app.session_state[state.COOKIE] = "Ada"
    return app.run()


def value(app: AppTest, name: str) -> list[str]:
    found = app.query_params.get(name, [])
    return [found] if isinstance(found, str) else list(found)


def test_a_chip_takes_its_own_filter_away_and_no_other(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch, "samples", quadrant="C", topic="none", page="1")
    labels = [button.label for button in app.button if str(button.key).startswith("chip-")]
    assert labels == [r"Quadrant\: C ✕", r"About\: Not known ✕", "Clear all"]
    app.button(key="chip-0").click().run()
    assert (value(app, "quadrant"), value(app, "topic")) == ([], ["none"])
    app.button(key="chip-all").click().run()
    assert value(app, "topic") == []


def test_quadrants_always_show_how_many_pairs_they_hold_and_other_choices_on_demand(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = data.load_page(study, RUN, JUDGE, data.Filters(quadrants=("C",)), number=1, sort="run", form_rule="loop")
    app = open_screen(study, monkeypatch, "samples")
    (quadrants,) = [group for group in app.get("button_group") if group.label == "Quadrant"]
    (forms,) = [group for group in app.get("button_group") if group.label == "Form"]
    assert f"C · {listed.n_total}" in [option.content for option in quadrants.proto.options]
    assert "good" in [option.content for option in forms.proto.options]
    app = open_screen(study, monkeypatch, "samples", counts="True")
    (forms,) = [group for group in app.get("button_group") if group.label == "Form"]
    good = data.load_page(study, RUN, JUDGE, data.Filters(forms=("good",)), number=1, sort="run", form_rule="loop")
    assert f"good · {good.n_total}" in [option.content for option in forms.proto.options]


def test_a_preset_looks_into_the_quadrants_on_screen(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch, "samples", quadrant="C", arm="negative")
    app.button(key="preset-Degenerate").click().run()
    assert (value(app, "quadrant"), value(app, "form")) == (["C"], ["empty", "short", "repetitive"])
    assert "arm" not in app.query_params
    assert app.button(key="preset-Degenerate").proto.type == "primary"
    app.button(key="preset-all").click().run()
    assert value(app, "quadrant") == []


def test_a_rating_that_takes_a_pair_out_of_its_list_leaves_it_open_and_steps_go_on_from_there(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = data.Filters(arm="positive", ratings=(1, 2))
    listed = data.load_page(study, RUN, JUDGE, chosen, number=1, sort="run", form_rule="loop")
    first, second, third = (f"{row.concept}:{row.sample_id}" for row in listed.rows[:3])
    app = named(study, monkeypatch, arm="positive", rating=["1", "2"])
    for rated, then in ((first, second), (second, third)):
        app.button(key=f"rate-5-{rated.replace(':', '-')}").click().run()
        assert value(app, "open") == [rated]
        assert app.button(key=f"undo-{rated.replace(':', '-')}").proto.disabled is False
        app.button(key="step-Next").click().run()
        assert value(app, "open") == [then]


def test_a_view_is_kept_opened_and_removed(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = named(study, monkeypatch, quadrant="C", sort="lowest")
    app.text_input(key="view-name").input(HOSTILE).run()
    (view,) = load_saved_views(study, RUN)
    assert (json.loads(view.choices), view.reviewer) == ({"quadrant": ["C"], "sort": ["lowest"]}, "Ada")
    app.button(key="preset-all").click().run()
    assert value(app, "quadrant") == []
    kept = app.button(key=f"open-view-{view.view_id}")
    assert kept.label.startswith(r"\<img src\=x onerror\=alert\(1\)\> \[x\]\(javascript\:")
    kept.click().run()
    assert (value(app, "quadrant"), value(app, "sort")) == (["C"], ["lowest"])
    app.button(key=f"remove-view-{view.view_id}").click().run()
    assert load_saved_views(study, RUN) == ()


def test_many_are_previewed_rated_and_taken_back(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = data.Filters(arm="negative")
    pairs = load_listed(study, RUN, JUDGE, chosen, form_rule="loop", at_most=1000)
    first = {"concept": pairs[0].concept, "sample_id": pairs[0].sample_id}
    data.add_override(study, RUN, **first, rating=2, reviewer=HOSTILE, reason=None, rating_id="theirs")
    app = named(study, monkeypatch, arm="negative", pane="bulk")
    assert "overrode 1 pair of the list" in html_of(app)
    assert "<img" not in html_of(app)
    assert not [button for button in app.button if button.key == "bulk-store"]
    (ratings,) = [group for group in app.get("button_group") if group.label == "Rating for all pairs"]
    ratings.set_value(5).run()
    assert "lg-delta" in html_of(app)
    app.text_input(key="bulk-reason").input("all of them").run()
    app.button(key="bulk-store").click().run()
    (stored,) = load_bulks(study, RUN)
    assert (stored.n_rated, stored.rating, stored.reviewer, stored.reason) == (len(pairs) - 1, 5, "Ada", "all of them")
    assert f"Stored {len(pairs) - 1} ratings of 5." in html_of(app)
    app.button(key=f"undo-{stored.bulk_id}").click().run()
    assert load_bulks(study, RUN)[0].n_undone == len(pairs) - 1
    assert app.button(key=f"undo-{stored.bulk_id}").disabled


def test_many_that_are_sent_twice_are_rated_once(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a double click, whose second press is answered before the screen is drawn anew."""
    button = st.button

    def pressed_twice(label: str, **kw: Any) -> bool:
        if kw.get("key") == "bulk-store":
            store = kw["on_click"]
            kw["on_click"] = lambda *args: (store(*args), store(*args))
        return button(label, **kw)

    monkeypatch.setattr(st, "button", pressed_twice)
    app = named(study, monkeypatch, arm="negative", pane="bulk")
    (ratings,) = [group for group in app.get("button_group") if group.label == "Rating for all pairs"]
    ratings.set_value(5).run()
    app.button(key="bulk-store").click().run()
    (stored,) = load_bulks(study, RUN)
    assert f"Stored {stored.n_rated} ratings of 5." in html_of(app)
    assert "skipped" not in html_of(app)
    app.button(key=f"undo-{stored.bulk_id}").click().run()
    assert load_overriders(study, RUN) == {}


def test_nobody_without_a_name_rates_many(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch, "samples", pane="bulk")
    assert "Enter your name first" in html_of(app)
    assert not [button for button in app.button if button.key == "bulk-store"]


def test_the_table_holds_the_page_and_its_size_is_chosen(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch, "samples", layout="table", rows="25")
    page = data.load_page(study, RUN, JUDGE, data.Filters(), number=1, sort="run", form_rule="loop", n_rows=25)
    (frame,) = app.dataframe
    assert len(frame.value) == len(page.rows) == 25
    assert frame.value["Text"].tolist() == [row.excerpt for row in page.rows]


def test_similar_samples_are_shown_as_text_and_open(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch, "samples", pane="similar", open="sense organ:sample-000-0000")
    shown = html_of(app)
    assert "By text" in shown
    assert "No activation of this sample was captured." in shown
    assert "<script>alert" not in shown
    opening = [button for button in app.button if str(button.key).startswith("pick-text-")]
    if opening:
        opening[0].click().run()
        assert value(app, "open") != ["sense organ:sample-000-0000"]


@pytest.mark.parametrize("nonsense", ["<script>", "-1"])
def test_nonsense_for_every_choice_is_no_fault(study: Path, monkeypatch: pytest.MonkeyPatch, nonsense: str) -> None:
    names = ("layer", "template", "origin", "person", "topic", "rows", "layout", "pane", "fires", "differ", "finish")
    save_view(study, RUN, name=nonsense, choices={name: [nonsense] for name in names}, reviewer=HOSTILE)
    shown = html_of(open_screen(study, monkeypatch, "samples", **dict.fromkeys(names, nonsense)))
    n_total = data.load_page(study, RUN, JUDGE, data.Filters(), number=1, sort="run", form_rule="loop").n_total
    assert f"<b>{n_total} pairs</b>" in shown


def told_in_popovers(block: Block, *, is_inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Each widget of a parameter in a popover, with whether the browser is told its value."""
    for part in block.children.values():
        inside = is_inside or part.type == "popover"
        if isinstance(part, Block):
            yield from told_in_popovers(part, is_inside=inside)
        elif inside and hasattr(part.proto, "set_value"):
            yield str(part.key), part.proto.set_value


def test_widgets_of_a_closed_popover_open_as_the_address_says_however_late(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = named(study, monkeypatch, layout="table", k="3").run()
    told = dict([*told_in_popovers(app.main), *told_in_popovers(app.sidebar)])
    assert {"widget-layout", "widget-rows", "widget-by", "widget-k"} <= set(told)
    assert [key for key, is_told in told.items() if key.startswith("widget-") and not is_told] == []


def test_rating_many_closes_the_menu_that_it_was_chosen_from(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = named(study, monkeypatch)
    app.session_state["list-tools"] = True
    app.run()
    app.button(key="bulk-open").click().run()
    assert not app.exception, app.exception
    assert value(app, "pane") == ["bulk"]
    assert app.session_state["list-tools"] is False
