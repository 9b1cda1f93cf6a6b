"""Photograph every screen of a study in both themes and two widths: `python docs/screenshots.py [STUDY] [FOLDER]`.

Without a study it is the demo's, made first where there is none. Images are named screen-theme-width.png. The pictures are of a
copy with a second run, whose texts are drawn at another temperature, and in which two people, who never were, have audited some
pairs and corrected a few: they rate as the judge did, with a draw of the dice. Its findings are frozen once, to be presented.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
# The helpers that start a dashboard belong to the tests, which are not installed.
sys.path.insert(0, str(ROOT))
from app import data  # noqa: E402
from app.data import review  # noqa: E402
from app.data.snapshots import load_snapshots  # noqa: E402
from app.state import COOKIE  # noqa: E402
from tests.support.dashboard import open_browser, serve, settle  # noqa: E402

DEMO = ROOT / "studies" / "demo"
SCREENS = {
    "overview": "",
    "pack": "pack",
    "samples": "samples",
    "review": "review",
    "concept": "concept",
    "lenses": "lenses",
    "findings": "findings",
    "judges": "judges",
    "corrections": "corrections",
    "rubric-lab": "rubric_lab",
    "compare": "compare",
    "runs": "runs",
    "present": "present",
    "team": "team",
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = ((1440, 900), (1100, 720))

PEOPLE = {"Ana": 26, "Ben": 20}
"""Who audits, and how many pairs; the first of them is at the screens."""


N_CORRECTED = 4
_PATIENCE_MS = 60_000


def rehearse(study: Path, folder: Path) -> Path:
    """A copy of the study with a second run, in which people have rated pairs, where a judge has; returns its folder."""
    copy = Path(shutil.copytree(study, folder / study.name))
    _command("run", str(copy), "--temperature", "1.0")
    run = data.load_runs(copy)[0]
    run_id, judges = run.run_id, data.load_judges(copy, run.run_id)
    if judges:
        judge_id, dice = judges[0].judge_id, random.Random(0)
        if not review.has_plan(copy, run_id):
            n_ratings = min(max(2 * max(PEOPLE.values()), run.n_pairs // 10), run.n_pairs)
            review.plan_audit(copy, run_id, judge_id, n_ratings=n_ratings)
        for name, n in PEOPLE.items():
            desk = review.Desk(copy, run_id, judge_id, name, "audit", n_raters=2)
            for item in (item for _ in range(n) for item in review.take(desk, n=1)):
                _rate(desk, item, dice)
        _correct(copy, run_id, judge_id)
        _command(
            "snapshot", "freeze", str(copy), "--name=Team meeting", f"--by={next(iter(PEOPLE))}", f"--run={run_id}"
        )
    return copy


def _command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "engine.cli", *arguments], check=True)


def _correct(study: Path, run_id: str, judge_id: str) -> None:
    """Have the first of the people find the positives that the judge rates lowest a little better."""
    lowest = data.Filters(arm="positive", source="judge")
    page = data.load_page(study, run_id, judge_id, lowest, number=1, sort="lowest", form_rule="loop")
    for row in page.rows[:N_CORRECTED]:
        named = {"concept": row.concept, "sample_id": row.sample_id, "rating_id": data.new_rating_id()}
        reviewer = next(iter(PEOPLE))
        data.add_override(
            study, run_id, rating=(row.bin or 1) + 2, reviewer=reviewer, reason="It is about it.", **named
        )


def _rate(desk: review.Desk, item: review.Item, dice: random.Random) -> None:
    named = {"concept": item.concept, "sample_id": item.sample_id}
    pair = data.load_pair(desk.folder, desk.run_id, desk.judge_id, form_rule="loop", **named)
    judged = pair.detail.judge_rating if pair else None
    rating = min(5, max(1, round(judged or 3) + dice.choice((-2, -1, 0, 0, 0, 0, 1))))
    review.add_rating(desk, item, rating=rating, reason=None, blind=True, rating_id=data.new_rating_id())


def photograph(study: Path, folder: Path) -> list[Path]:
    """Serve the study and write the images; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    log = Path(tempfile.mkdtemp()) / "dashboard.log"
    frozen = load_snapshots(study)[:1]
    slides = {"slide": f"present?snapshot={frozen[0].snapshot_id}"} if frozen else {}
    with serve(study, log=log) as address, open_browser() as browser:
        return [
            file
            for theme in THEMES
            for width, height in SIZES
            for file in _all_screens(
                browser, address, SCREENS | slides, folder, theme=theme, width=width, height=height
            )
        ]


def _all_screens(
    browser: Browser,
    address: str,
    screens: dict[str, str],
    folder: Path,
    *,
    theme: Literal["light", "dark"],
    width: int,
    height: int,
) -> list[Path]:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    context.add_cookies([{"name": COOKIE, "value": next(iter(PEOPLE)), "url": address}])
    page = context.new_page()
    files = []
    for name, path in screens.items():
        page.goto(f"{address}/{path}")
        files.append(_take(page, folder / f"{name}-{theme}-{width}.png"))
    context.close()
    return files


def _take(page: Page, file: Path) -> Path:
    settle(page)
    page.wait_for_function("!document.querySelector('.lg-wait')", timeout=_PATIENCE_MS)
    settle(page)
    # Charts fade in after the script has ended.
    page.wait_for_timeout(800)
    page.screenshot(path=file)
    return file


def main() -> None:
    """Read the arguments and photograph."""
    parser = argparse.ArgumentParser(description="Photograph every screen of a study.")
    parser.add_argument("study", type=Path, nargs="?", default=DEMO, help="folder of the study")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "images", help="where images go")
    arguments = parser.parse_args()
    if arguments.study == DEMO:
        # Finished work is not done again, so this costs little where the demo is there already.
        _command("demo", "--no-serve", "--study", str(DEMO))
    with tempfile.TemporaryDirectory() as folder:
        for file in photograph(rehearse(arguments.study.resolve(), Path(folder)), arguments.folder):
            print(file)


if __name__ == "__main__":
    main()
