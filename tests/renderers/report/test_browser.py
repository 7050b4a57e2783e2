"""The page in a browser: opened from disk in Chromium, wide and narrow, light and dark, with and without its script."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager

import pytest
from report_gallery import DEGENERATE, HOSTILE, gallery, volumes

import bnstat
from bnstat.renderers.report.blocks import Section

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
html = pytest.importorskip("bnstat.renderers.report.html")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None and not os.environ.get("BNSTAT_ALL_EXTRAS"):
    pytest.skip("Chromium is not installed (Debian's package chromium)", allow_module_level=True)

# A browser that does nothing by itself, so that every request is one of the page.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
# Texts of a plot that are over each other by more than a pixel, and those that leave the picture.
FAULTS = """svg => {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()]);
  const faults = texts.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1
    || box.top < frame.top - 1 || box.bottom > frame.bottom + 1).map(([text]) => "outside: " + text);
  for (let one = 0; one < texts.length; one++) for (let other = 0; other < one; other++) {
    const [a, b] = [texts[one][1], texts[other][1]];
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 4) faults.push(texts[one][0] + " over " + texts[other][0]);
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory, nibabel_data):
    """Return the files of pages: one with every kind of block, and one of real volumes."""
    folder = tmp_path_factory.mktemp("pages")
    files = {"gallery": folder / f"the gallery & {'x' * 20}.html", "volumes": folder / "volumes.html"}
    files["gallery"].write_text(html.page("A cohort", gallery(), ("120 volumes",)), encoding="utf-8")
    bnstat.report([nibabel_data / "example4d.nii.gz", nibabel_data / "anatomical.nii"], batch_size=1).save(
        files["volumes"]
    )
    return files


@pytest.fixture
def opened(browser):
    """Open a file, and fail on an error in the console, an exception, or a request for anything but the file itself."""

    @contextmanager
    def open_file(file, **context):
        faults = []
        window = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        page = window.new_page()
        page.on(
            "console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        address = file.as_uri()
        page.on(
            "request",
            lambda one: (
                None if one.url.split("#")[0] == address or one.url.startswith("data:") else faults.append(one.url)
            ),
        )
        page.goto(address)
        yield page
        assert faults == []
        window.close()

    return open_file


def rows(page, column=0):
    """Return the text of the rows of the first table that are seen."""
    cells = page.locator("#volumes tbody tr:not([hidden])")
    return cells.evaluate_all("(rows, column) => rows.map(row => row.cells[column].textContent)", column)


@pytest.mark.parametrize(
    ("width", "colours", "script"),
    [
        *((1280, "light", True), (1280, "dark", True), (390, "light", True), (390, "dark", True), (360, "light", True)),
        *((1280, "light", False), (360, "dark", False)),
    ],
)
@pytest.mark.parametrize("name", ["gallery", "volumes"])
def test_a_page_opens_from_disk_without_a_fault(opened, pages, name, width, colours, script):
    size = {"width": width, "height": 800}
    with opened(pages[name], viewport=size, color_scheme=colours, java_script_enabled=script) as page:
        assert page.locator("h1").is_visible()
        assert page.locator("main h2").first.bounding_box()["y"] < 400
        assert page.locator("main section p").first.bounding_box()["y"] < 500
        if script:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.body.scrollWidth") <= width


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", ["gallery", "volumes"])
def test_nothing_keeps_people_from_reading_the_page(opened, pages, name, colours):
    with opened(pages[name], color_scheme=colours) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        found = axe.Axe().run(page).response["violations"]
        assert [(one["id"], one["impact"], one["nodes"][0]["html"]) for one in found if one["impact"] != "minor"] == []


def test_labels_of_plots_are_never_over_each_other_nor_outside_and_can_be_read_on_a_phone(opened, pages):
    with opened(pages["gallery"], viewport={"width": 360, "height": 800}) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        plots = page.locator("figure.plot").all()
        assert len(plots) == 4 + len(DEGENERATE)
        faults = {plot.get_attribute("id"): plot.locator("svg.narrow").evaluate(FAULTS) for plot in plots}
        # labels of dots at one place are over the axes, which is what the data are
        assert {name: found for name, found in faults.items() if found and name not in DEGENERATE} == {}
        outside = {name: [one for one in found if "outside" in one] for name, found in faults.items()}
        assert {name: found for name, found in outside.items() if found} == {}
        heights = page.locator("svg.narrow text:not(.halo)").evaluate_all(
            "all => all.map(text => text.getBoundingClientRect().height)"
        )
        assert min(heights) > 11
        frames = page.locator("figure.plot .scroll").evaluate_all(
            "all => all.map(one => one.scrollWidth - one.clientWidth)"
        )
        assert max(frames) == 0


def test_a_plot_is_drawn_for_the_room_that_it_has(opened, pages):
    shown = "all => all.filter(one => one.getBoundingClientRect().width > 0).map(one => one.getAttribute('class'))"
    for width, kind in ((360, "narrow"), (1280, "wide")):
        with opened(pages["gallery"], viewport={"width": width, "height": 800}) as page:
            page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
            assert set(page.locator("figure.plot svg").evaluate_all(shown)) == {kind}
            page.emulate_media(media="print")
            page.set_viewport_size({"width": 690, "height": 980})
            assert set(page.locator("figure.plot svg").evaluate_all(shown)) == {"wide"}


def test_labels_of_wide_plots_are_never_over_each_other_nor_outside(opened, pages):
    with opened(pages["gallery"]) as page:
        page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
        plots = page.locator("figure.plot").all()
        faults = {plot.get_attribute("id"): plot.locator("svg.wide").evaluate(FAULTS) for plot in plots}
        assert {name: found for name, found in faults.items() if found and name not in DEGENERATE} == {}
        outside = {name: [one for one in found if "outside" in one] for name, found in faults.items()}
        assert {name: found for name, found in outside.items() if found} == {}


def test_a_table_is_sorted_by_its_headings_with_the_keyboard_alone(opened, pages):
    with opened(pages["gallery"]) as page:
        head = page.locator("#volumes thead th").nth(2)
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        values = [float(text.replace(",", "")) for text in rows(page, 2)]
        assert values == sorted(values)
        page.keyboard.press("Space")
        assert head.get_attribute("aria-sort") == "descending"
        values = [float(text.replace(",", "")) for text in rows(page, 2)]
        assert values == sorted(values, reverse=True)
        assert values[0] == max(place * 7919 % 1009 for place in range(120) if place % 11 != 5)
        page.locator("#volumes .show-all").click()
        assert rows(page, 2)[-11:] == ["–"] * 11  # what is undefined is at the end in both directions
        page.locator("#volumes thead th button").first.click()
        assert page.locator("#volumes [aria-sort]").count() == 1
        names = [name for name in rows(page) if name.startswith("site/")]
        assert names == sorted(names)


def test_a_table_is_filtered_by_a_text_and_by_findings(opened, pages):
    with opened(pages["gallery"]) as page:
        status = page.locator("#volumes [role=status]")
        assert status.inner_text() == "24 of 120 rows are shown"
        page.get_by_label("Filter rows").first.fill("SUB-11")
        assert rows(page) == [f"site/sub-11{place}_T1w.nii.gz" for place in range(10)]
        assert status.inner_text() == "10 of 120 rows are shown"
        page.get_by_label("Filter rows").first.fill("<script>")
        assert rows(page) == [HOSTILE]
        page.get_by_label("Filter rows").first.fill("")
        page.get_by_label("Only rows with findings").check()
        assert rows(page) == [f"site/sub-{place:03}_T1w.nii.gz" for place in range(3, 120, 17)]
        page.get_by_label("Filter rows").first.fill("no such volume")
        assert status.inner_text() == "0 of 120 rows are shown"


def test_a_long_table_shows_its_first_rows_and_all_of_them_when_asked(opened, pages):
    with opened(pages["gallery"]) as page:
        assert len(rows(page)) == 24
        page.get_by_role("button", name="Show all 120 rows").click()
        assert len(rows(page)) == 120
        assert page.locator("#volumes .show-all").is_hidden()


def test_without_a_script_tables_are_whole_and_parts_unfold(opened, pages):
    with opened(pages["gallery"], java_script_enabled=False) as page:
        assert page.locator("#volumes tbody tr").count() == 120
        assert page.locator("#volumes tbody tr").last.is_visible()
        assert page.locator("button, input").count() == 0
        assert page.get_by_text("Folded text.").is_hidden()
        page.get_by_text("Slices", exact=True).click()
        assert page.get_by_text("Folded text.").is_visible()


def test_a_link_opens_what_it_leads_into_and_shows_a_row_that_was_hidden(opened, pages):
    with opened(pages["gallery"]) as page:
        assert page.locator("#slices").is_hidden()
        page.evaluate("location.hash = '#slices'")
        page.wait_for_function("document.querySelector('#slices').closest('details').open")
        page.get_by_label("Filter rows").first.fill("sub-11")
        assert page.locator("#row-3").is_hidden()
        page.locator("#warning-card a").first.click()
        page.wait_for_function("!document.querySelector('#row-3').hidden")
        assert page.locator("#row-3").is_visible()
        assert page.get_by_label("Filter rows").first.input_value() == ""


def test_a_link_from_outside_opens_what_it_leads_into(pages, browser):
    page = browser.new_page()
    page.goto(pages["gallery"].as_uri() + "#wide-log")
    page.wait_for_function("document.querySelector('#wide-log').closest('details').open")
    page.close()


def test_a_page_of_two_thousand_rows_is_sorted_and_filtered(opened, tmp_path):
    file = tmp_path / "many.html"
    file.write_text(html.page("Many", (Section("one", "One", (volumes(2000),)),)), encoding="utf-8")
    with opened(file) as page:
        page.locator("#volumes thead th button").nth(3).click()
        page.locator("#volumes thead th button").nth(3).click()
        assert rows(page, 3)[0] == "666.33"
        page.get_by_label("Filter rows").fill("sub-1999")
        assert rows(page) == ["site/sub-1999_T1w.nii.gz"]


@pytest.mark.parametrize("script", [True, False])
def test_on_paper_all_parts_are_open_and_the_page_is_light(opened, pages, script):
    with opened(pages["gallery"], color_scheme="dark", java_script_enabled=script) as page:
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
        page.emulate_media(media="print", color_scheme="dark")
        assert page.locator("nav").is_hidden()
        assert page.get_by_text("Folded text.").bounding_box()["height"] > 0
        if script:
            style = "element => getComputedStyle(element).color"
            assert page.locator("main p").first.evaluate(style) == "rgb(27, 33, 39)"
            repeated = page.locator("thead").first.evaluate("element => getComputedStyle(element).display")
            assert repeated == "table-header-group"
            # a box in a heading keeps Chromium from repeating the headings on each sheet
            boxes = page.locator("thead button").evaluate_all("all => all.map(one => getComputedStyle(one).display)")
            assert set(boxes) == {"contents"}


def test_a_page_is_used_with_the_keyboard_from_its_start(opened, pages):
    with opened(pages["gallery"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        assert page.locator(".skip").bounding_box()["x"] >= 0
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "why"


def test_a_notebook_keeps_its_look_beside_a_page_and_two_pages_do_not_meet(opened, tmp_path):
    own = (
        "<h2>Own heading</h2><p>Own text</p><table><tr><td>own</td></tr></table><details><summary>x</summary></details>"
    )
    look = """() => [...document.querySelectorAll("#own *")].map(one => {
      const style = getComputedStyle(one);
      return [style.font, style.color, style.backgroundColor, style.margin, style.padding, style.border].join();
    })"""
    alone, beside = tmp_path / "alone.html", tmp_path / "beside.html"
    start = f"<!DOCTYPE html><meta charset=utf-8><link rel=icon href=data:,><div id=own>{own}</div>"
    alone.write_text(start, encoding="utf-8")
    fragments = html.body("One", gallery()) + html.body("Another", gallery())
    beside.write_text(start + fragments, encoding="utf-8")
    with opened(alone) as page:
        expected = page.evaluate(look)
    with opened(beside) as page:
        assert page.evaluate(look) == expected
        names = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(names) == len(set(names)) > 300
        assert page.locator("figure.plot svg.wide").count() == 2 * (4 + len(DEGENERATE))
