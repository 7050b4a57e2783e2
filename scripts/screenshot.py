"""Draw docs/report.png, the picture of the page of `bnstat report` in README.md, with the Chromium of the system.

`pip install '.[report,test-browser]' && python scripts/screenshot.py` draws it anew; look at it before committing it.
Letters are drawn with the fonts of the system, so the picture differs a little from machine to machine, and no test
compares it.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

import example_page
from PIL import Image
from playwright.sync_api import Page, sync_playwright

PICTURE = example_page.ROOT / "docs" / "report.png"
# The width of the page, its height down to which it is shown, and the plots below that, side by side; in pixels of the
# page, each of which is two of the picture.
WIDTH, HEIGHT, SCALE = 860, 505, 2
PLOTS = ("plot-noise", "means-0")
# Few colors are enough for text and lines, and keep the picture small.
COLORS = 128
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str:
    """Return the path of the browser.

    Raises:
        SystemExit: If there is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit("there is no Chromium: apt-get install chromium")
    return found


def draw() -> bytes:
    """Return the picture as a PNG file: the top of the page, and two of its plots below."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "report.html")
        example_page.write(file)
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        page.goto(file.as_uri())
        parts = [_opened(page.screenshot()), *(_plot(page, name) for name in PLOTS)]
        chromium.close()
    whole = _joined(parts[0], parts[1:]).quantize(COLORS, dither=Image.Dither.NONE)
    written = io.BytesIO()
    whole.save(written, "PNG", optimize=True)
    return written.getvalue()


def _opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _plot(page: Page, name: str) -> Image.Image:
    """Return a plot with its heading, half as wide as the picture."""
    figure = _opened(page.locator(f"#{name}").screenshot())
    width = WIDTH * SCALE // 2 - 40 * SCALE
    return figure.resize((width, figure.height * width // figure.width), Image.Resampling.LANCZOS)


def _joined(top: Image.Image, plots: list[Image.Image]) -> Image.Image:
    """Return the parts on the background of the page."""
    height = max(plot.height for plot in plots)
    whole = Image.new("RGB", (top.width, top.height + height + 20 * SCALE), top.getpixel((0, 0)))
    whole.paste(top, (0, 0))
    for place, plot in enumerate(plots):
        whole.paste(plot, (40 * SCALE + place * (WIDTH // 2 - 20) * SCALE, top.height))
    return whole


if __name__ == "__main__":
    PICTURE.write_bytes(draw())
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1000:.0f} kB")
