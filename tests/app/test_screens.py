"""Each screen run without a browser: it draws what the study says, and one calm sentence where the study says nothing."""

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from streamlit.testing.v1 import AppTest

from app import data, state
from db import transaction
from db.connect import DATABASE
from tests.support.drawn_charts import faults, note_charts
from tests.support.explained import unexplained
from tests.support.planted import copy_study
from tests.support.synthetic_study import JUDGE, RUN, build_study
from tests.support.synthetic_texts import HOSTILE_CONCEPT

MAIN = str(Path(__file__).parents[2] / "app" / "main.py")
SCREENS = (
    "overview",
    "pack",
    "samples",
    "concept",
    "findings",
    "judges",
    "corrections",
    "rubric_lab",
    "compare",
    "runs",
    "present",
)


def open_screen(study: Path | None, monkeypatch: pytest.MonkeyPatch, screen: str = "overview", **query: str) -> AppTest:
    if study is None:
        monkeypatch.delenv("LENSGAP_STUDY", raising=False)
        monkeypatch.setattr("sys.argv", ["main.py"])
    else:
        monkeypatch.setenv("LENSGAP_STUDY", str(study))
    app = AppTest.from_file(MAIN, default_timeout=30)
    # AppTest has no cookies, which is where the name would be looked for otherwise.
    app.session_state[state.COOKIE] = ""
    for name, value in query.items():
        app.query_params[name] = value
    # A link leads to a screen at once; the overview is the main page, which no address names.
    if screen != "overview":
        app.switch_page(f"screens/{screen}.py")
    app.run()
    assert not app.exception, app.exception
    return app


def html_of(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_draws_a_full_study(full_study: Path, monkeypatch: pytest.MonkeyPatch, screen: str) -> None:
    drawn = note_charts(monkeypatch)
    app = open_screen(full_study, monkeypatch, screen)
    assert "Offline baseline judge" in html_of(app)
    own = {name: chart for name, chart in drawn.items() if name.startswith(screen)}
    assert len(app.get("plotly_chart")) == len(own)
    assert faults(own) == []
    assert unexplained(app) == []


FOREIGN = "<a href=//evil.example>Sign in again</a>"


@pytest.fixture(scope="module")
def foreign(small_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study as somebody else may send it, with a quadrant that our tables would not take."""
    study = copy_study(small_study, tmp_path_factory.mktemp("foreign") / "study")
    with duckdb.connect(str(study / DATABASE)) as cursor:
        cursor.execute("create table loose as from run_concepts")
        cursor.execute("drop table run_concepts cascade")
        cursor.execute("alter table loose rename to run_concepts")
        cursor.execute("update run_concepts set quadrant = $1 where quadrant = 'A'", [FOREIGN])
        assert cursor.execute("select count(*) from run_concepts where quadrant = $1", [FOREIGN]).fetchone() != (0,)
    return study


@pytest.mark.parametrize("screen", SCREENS)
def test_a_quadrant_that_there_is_not_is_no_markup_on_any_screen(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    app = open_screen(foreign, monkeypatch, screen)
    assert FOREIGN not in html_of(app)


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Studies that are only read, by the stage that each lacks."""
    return {
        lacking: build_study(tmp_path_factory.mktemp(lacking) / "study", n_concepts=4, n_pairs=6, **{lacking: False})
        for lacking in ("generated", "judged", "lensed")
    }


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("lacking", ["generated", "judged", "lensed"])
def test_every_screen_draws_a_study_that_lacks_a_stage(
    unfinished: dict[str, Path], monkeypatch: pytest.MonkeyPatch, screen: str, lacking: str
) -> None:
    study = unfinished[lacking]
    shown = html_of(open_screen(study, monkeypatch, screen))
    if lacking == "generated" and screen in ("overview", "samples"):
        assert "No samples yet" in shown
    if lacking != "generated" and screen == "overview":
        command = {"judged": "judge", "lensed": "train"}[lacking]
        assert f"<code>lensgap {command} {study}</code>" in shown


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_says_what_to_do_in_an_empty_study(
    empty_study: Path, monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    shown = html_of(open_screen(empty_study, monkeypatch, screen))
    assert "This study has no run yet" in shown
    assert f"lensgap run {empty_study}" in shown


def test_without_a_study_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lensgap serve STUDY" in html_of(open_screen(None, monkeypatch))


def test_a_folder_without_a_study_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(tmp_path / "nothing", monkeypatch)
    assert "No study here" in html_of(app)


def test_a_damaged_database_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "study.duckdb").write_bytes(b"this is no database" * 500)
    assert "cannot be opened" in html_of(open_screen(tmp_path, monkeypatch))


def test_numbers_on_the_overview_are_those_of_the_findings(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.stats.findings import Settings, find
    from engine.words import number

    counts = data.load_counts(full_study, RUN, JUDGE, form_rule="loop")
    findings = find(counts, settings=Settings())
    shown = html_of(open_screen(full_study, monkeypatch))
    for finding in (findings.overall, *findings.quadrants.values()):
        assert number(finding.best_gap.value) in shown
        assert number(finding.ceilings["label_noise"].estimate.value) in shown


def test_pairs_are_called_pairs_and_good_positives_are_of_positives(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = data.load_counts(full_study, RUN, JUDGE, form_rule="loop")
    shown = html_of(open_screen(full_study, monkeypatch))
    assert f"of {sum(count.positive.n_measured for count in counts)} positives" in shown
    assert "280 pairs" in html_of(open_screen(full_study, monkeypatch, "samples"))


def test_settings_in_the_address_move_the_ceiling(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = html_of(open_screen(full_study, monkeypatch))
    strict = html_of(open_screen(full_study, monkeypatch, k="4", target="0.8"))
    assert usual != strict
    assert "0.80" in strict


@pytest.mark.parametrize("k", ["nan", "", "9", "-3", "<script>", "1e400"])
def test_nonsense_in_the_address_is_no_fault(full_study: Path, monkeypatch: pytest.MonkeyPatch, k: str) -> None:
    open_screen(full_study, monkeypatch, k=k, s=k, target=k, ceiling=k, run=k, judge=k, lens=k, form_rule=k)
    open_screen(full_study, monkeypatch, "samples", page=k, rating=k, form=k, open=k, sort=k, arm=k, q=k)
    open_screen(full_study, monkeypatch, "concept", concept=k)


def test_an_address_opens_a_sample_even_outside_the_filter(full_study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(full_study, monkeypatch, "samples", concept="vodka", open="sense organ:sample-000-0000")
    assert "not in this list" in html_of(app)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html_of(app)


def test_no_screen_hands_raw_markup_of_the_study_to_the_browser(
    full_study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for screen, query in (
        ("overview", {}),
        ("samples", {"open": "sense organ:sample-000-0000"}),
        ("samples", {"open": f"{HOSTILE_CONCEPT}:sample-012-0001"}),
        ("concept", {"concept": HOSTILE_CONCEPT}),
    ):
        shown = html_of(open_screen(full_study, monkeypatch, screen, **query))
        for raw in ("<script>alert", "<img", "<b onmouseover", "<lab>", "<h1>Taken"):
            assert raw not in shown, (screen, raw)


def rated(study: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[AppTest, data.PageRow]:
    row = data.load_page(study, RUN, JUDGE, data.Filters(ratings=(1,)), number=1, sort="run", form_rule="loop").rows[0]
    app = open_screen(study, monkeypatch, "samples", open=f"{row.concept}:{row.sample_id}")
    return app, row


def key(button: str, row: data.PageRow) -> str:
    return f"{button}-{row.concept}-{row.sample_id}"


def history(study: Path, row: data.PageRow) -> list[tuple[int | None, str, str | None]]:
    found = data.load_pair(study, RUN, JUDGE, concept=row.concept, sample_id=row.sample_id, form_rule="loop").history
    return [(saying.rating, saying.reviewer, saying.reason) for saying in found]


def test_rating_needs_a_name_and_is_stored_with_reason_and_undone(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, row = rated(study, monkeypatch)
    assert app.button(key=key("rate-4", row)).disabled
    app.text_input(key="reviewer-name").input("Ada").run()
    assert not app.button(key=key("rate-4", row)).disabled
    app.text_input(key=f"reason-{row.concept}-{row.sample_id}").input("it is").run()
    app.button(key=key("rate-4", row)).click().run()
    assert history(study, row) == [(4, "Ada", "it is")]
    assert "lg-delta" in html_of(app)
    app.button(key=key("undo", row)).click().run()
    assert history(study, row) == [(4, "Ada", "it is"), (None, "Ada", None)]
    assert app.button(key=key("undo", row)).disabled


def test_a_late_key_for_another_sample_stores_nothing(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.widgets import override

    app, row = rated(study, monkeypatch)
    app.text_input(key="reviewer-name").input("Ada").run()
    shown = app.session_state["shown-pair"]
    app.session_state["shown-pair"] = override.Shown("another", "sample", shown.rating_id)
    app.button(key=key("rate-4", row)).click().run()
    assert history(study, row) == []
    assert "nothing was stored" in html_of(app)


def test_a_key_for_a_sample_that_a_step_has_left_stores_nothing_and_the_step_stands(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, row = rated(study, monkeypatch)
    app.text_input(key="reviewer-name").input("Ada").run()
    # As a step leaves it that the browser has not heard of: the address is still the old one.
    after = f"{row.concept}:sample-000-0003"
    app.session_state["shown-pair"], app.session_state["pending-address"] = None, {"open": after}
    app.button(key=key("rate-4", row)).click().run()
    assert history(study, row) == []
    assert "nothing was stored" in html_of(app)
    assert app.query_params["open"] in (after, [after])
    assert app.session_state["shown-pair"].sample_id == "sample-000-0003"


def test_a_step_leaves_the_pair_at_once_and_a_rating_after_it_is_of_the_next(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, row = rated(study, monkeypatch)
    app.text_input(key="reviewer-name").input("Ada").run()
    was = app.session_state["shown-pair"]
    app.button(key="step-Next").click().run()
    now = app.session_state["shown-pair"]
    assert now.sample_id != was.sample_id
    app.button(key=f"rate-5-{now.concept}-{now.sample_id}").click().run()
    assert history(study, row) == []
    assert [
        s.rating
        for s in data.load_pair(
            study, RUN, JUDGE, concept=now.concept, sample_id=now.sample_id, form_rule="loop"
        ).history
    ] == [5]


def test_a_rating_that_arrives_together_with_a_step_is_of_the_pair_that_the_step_leaves(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, row = rated(study, monkeypatch)
    app.text_input(key="reviewer-name").input("Ada").run()
    app.button(key="step-Next").click()
    app.button(key=key("rate-4", row)).click().run()
    assert history(study, row) == [(4, "Ada", None)]
    assert "was stored for the previous sample" in html_of(app)


def test_undo_names_whose_rating_it_takes_back(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, row = rated(study, monkeypatch)
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    data.add_override(study, RUN, **pair, rating=4, reviewer="Zed *", reason=None, rating_id="of-zed")
    app.text_input(key="reviewer-name").input("Ada").run()
    undo = app.button(key=key("undo", row))
    assert undo.label == r"Undo Zed \*\'s 4"
    assert r"the 4 that Zed \* gave" in undo.help
    undo.click().run()
    assert "took back Zed *&#x27;s 4" in html_of(app) or "took back Zed *'s 4" in html_of(app)
    app.button(key=key("rate-4", row)).click().run()
    assert app.button(key=key("undo", row)).label == "Undo"


def test_a_rating_that_cannot_be_stored_is_told_and_can_be_sent_again(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from db.errors import StudyLocked

    app, row = rated(study, monkeypatch)
    app.text_input(key="reviewer-name").input("Ada").run()
    real = data.add_override

    def locked(*args: object, **options: object) -> bool:
        raise StudyLocked("It is in use.")

    monkeypatch.setattr(data, "add_override", locked)
    app.button(key=key("rate-4", row)).click().run()
    assert "The rating was not stored. It is in use." in html_of(app)
    monkeypatch.setattr(data, "add_override", real)
    app.button(key=key("rate-4", row)).click().run()
    assert history(study, row) == [(4, "Ada", None)]
    assert "not stored" not in html_of(app)


def test_undoing_what_someone_else_has_replaced_is_told(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, row = rated(study, monkeypatch)
    app.text_input(key="reviewer-name").input("Ada").run()
    app.button(key=key("rate-4", row)).click().run()
    pair = {"concept": row.concept, "sample_id": row.sample_id}
    data.add_override(study, RUN, **pair, rating=2, reviewer="Grace", reason=None, rating_id="later")
    app.button(key=key("undo", row)).click().run()
    assert "Someone has changed this rating in the meantime" in html_of(app)
    assert [saying[:2] for saying in history(study, row)] == [(4, "Ada"), (2, "Grace")]


def test_the_newest_run_with_samples_is_shown_until_another_is_chosen(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(study) as cursor:
        cursor.execute(
            "insert into runs select 'newer', 'newer run', '2027-01-01', config, model, model_fingerprint, pack_hash, "
            "template_set, template_hash, seed, versions from runs"
        )
    assert "Quadrant map" in html_of(open_screen(study, monkeypatch))
    assert "No samples yet" in html_of(open_screen(study, monkeypatch, run="newer"))


def test_every_change_and_link_names_the_run_on_screen(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_screen(study, monkeypatch, "samples")
    assert "history.replaceState" in html_of(app)
    app.button(key="preset-Unrated").click().run()
    assert app.query_params["run"] in (RUN, [RUN])
    assert app.session_state[state.RUN] == RUN


@pytest.mark.parametrize(
    ("screen", "query", "sentence"),
    [
        ("overview", {"run": "gone"}, "This study has no run “gone”"),
        ("overview", {"judge": "<b>"}, "No judge “&lt;b&gt;” has rated this run"),
        ("samples", {"concept": "gone"}, "This run has no concept “gone”"),
        ("samples", {"open": "gone:gone"}, "This run has no sample “gone:gone”"),
        ("concept", {"concept": "x" * 500}, f"This run has no concept “{'x' * 59}…”"),
    ],
)
def test_an_address_that_names_what_is_not_there_is_told(
    full_study: Path, monkeypatch: pytest.MonkeyPatch, screen: str, query: dict[str, str], sentence: str
) -> None:
    assert sentence in html_of(open_screen(full_study, monkeypatch, screen, **query))
    assert sentence not in html_of(open_screen(full_study, monkeypatch, screen))


def test_a_reviewer_name_is_one_bounded_line_without_controls(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = rated(study, monkeypatch)
    app.text_input(key="reviewer-name").input("Ada\x00\x1b[31m\u202e\n Lovelace").run()
    assert app.session_state[state.COOKIE] == "Ada[31m Lovelace"
    cookies = {state.COOKIE: "%07" + "n" * 500}
    session = SimpleNamespace(session_state={}, context=SimpleNamespace(cookies=cookies))
    monkeypatch.setattr(state, "st", session)
    assert state.reviewer() == "n" * 60


def test_a_stage_at_work_and_one_that_stopped_are_shown(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(study) as cursor:
        cursor.execute("insert into progress values (?, 'train', 3, 10, 1, null, '2026-01-01')", [RUN])
    assert "3 / 10" in html_of(open_screen(study, monkeypatch))
    assert "stopped" in html_of(open_screen(study, monkeypatch))
    with transaction(study) as cursor:
        cursor.execute("update progress set n_done = 4, updated_at = now() at time zone 'UTC'")
    shown = html_of(open_screen(study, monkeypatch))
    assert "4 / 10" in shown
    assert "at work" in shown
