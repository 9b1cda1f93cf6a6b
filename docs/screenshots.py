"""Photograph every screen of a study in both themes and two widths: `python docs/screenshots.py [STUDY] [FOLDER]`.

Without a study it is the demo's, made first where there is none. Images are named screen-theme-width.png.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
# The helpers that start a dashboard belong to the tests, which are not installed.
sys.path.insert(0, str(ROOT))
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


def photograph(study: Path, folder: Path) -> list[Path]:
    """Serve the study and write the images; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    log = Path(tempfile.mkdtemp()) / "dashboard.log"
    with serve(study, log=log) as address, open_browser() as browser:
        return [
            file
            for theme in THEMES
            for width, height in SIZES
            for file in _all_screens(browser, address, folder, theme=theme, width=width, height=height)
        ]


def _all_screens(
    browser: Browser, address: str, folder: Path, *, theme: Literal["light", "dark"], width: int, height: int
) -> list[Path]:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    page = context.new_page()
    files = []
    for name, path in SCREENS.items():
        page.goto(f"{address}/{path}")
        settle(page)
        # Charts fade in after the script has ended.
        page.wait_for_timeout(800)
        files.append(folder / f"{name}-{theme}-{width}.png")
        page.screenshot(path=files[-1])
    context.close()
    return files


def main() -> None:
    """Read the arguments and photograph."""
    parser = argparse.ArgumentParser(description="Photograph every screen of a study.")
    parser.add_argument("study", type=Path, nargs="?", default=DEMO, help="folder of the study")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "images", help="where images go")
    arguments = parser.parse_args()
    if arguments.study == DEMO:
        # Finished work is not done again, so this costs little where the demo is there already.
        command = [sys.executable, "-m", "engine.cli", "demo", "--no-serve", "--study", str(DEMO)]
        subprocess.run(command, check=True)
    for file in photograph(arguments.study.resolve(), arguments.folder):
        print(file)


if __name__ == "__main__":
    main()
