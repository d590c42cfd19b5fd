"""The page in a real browser, without a screen."""

import shutil
from collections.abc import Iterator

import pytest

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed"
)

BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser found (none of {', '.join(BROWSERS)} is on the path)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program)
        yield started
        started.close()


@pytest.fixture
def page(browser, told) -> Iterator[object]:
    """The report, opened; whatever it complains about or asks for is an error."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: complaints.append(request.url))
    page.goto(told.path.as_uri())
    page.wait_for_selector(".node")
    yield page
    assert complaints == [told.path.as_uri()]
    assert page.evaluate("window.hacked") is None
    context.close()


def drawn(page) -> list[str]:
    return page.locator(".node").evaluate_all(
        "nodes => nodes.map(node => node.querySelector('title').textContent)"
    )


def centre(page) -> str:
    return page.locator("#centre").text_content()


def test_one_walks_by_choosing_an_item(page, told) -> None:
    start, *others = drawn(page)
    assert centre(page) == start
    assert others
    page.locator(".node").nth(1).click()
    page.wait_for_function("name => centre.textContent === name", arg=others[0])
    assert drawn(page)[0] == others[0]
    page.locator(".node").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_function("name => centre.textContent !== name", arg=others[0])
    page.go_back()
    page.wait_for_function("name => centre.textContent === name", arg=others[0])


def test_the_list_is_what_the_graph_knows(page, told) -> None:
    hostile = told.graph.ids[3]
    page.locator("#recommendations .item").filter(has_text="onmouseover").first.click()
    name = told.data["item"].title[3]
    page.wait_for_function("name => centre.textContent === name", arg=name)
    titles = dict(zip(told.graph.ids, told.data["item"].title, strict=True))
    table = told.graph.to_frame(0.495, items=[hostile], top_k=8)  # half, rounded
    latent = table[table["relation"].str.startswith("latent")]
    rows = page.locator("#list button").evaluate_all(
        "all => all.map(row => row.lastChild.textContent)"
    )
    assert sorted(rows) == sorted(" ".join(titles[i].split()) for i in latent["tail"])


def test_relations_are_filtered(page) -> None:
    chips = page.locator("#filters button")
    before = page.locator("#list button").count()
    pressed = page.locator("#filters button[aria-pressed=true]")
    while pressed.count():
        pressed.first.click()
    assert page.locator("#list button").count() == 0
    assert len(drawn(page)) == 1
    page.locator("#filters button[data-relation=text_knn]").click()
    assert page.locator("#list button").count() == 8
    colors = page.locator(".edge:not(.aside)").evaluate_all(
        "all => all.map(edge => edge.classList.contains('given'))"
    )
    assert len(colors) == 8
    assert all(colors)
    assert chips.count() == 8
    assert before > 0


def test_probability_is_filtered(page) -> None:
    for least in (30, 60, 100):
        page.locator("#sure").fill(str(least))
        percents = page.locator("#list .by").evaluate_all(
            "all => all.map(row => parseInt(row.textContent.split('·').at(-1)))"
        )
        assert page.locator("#least").text_content() == f"{least} %"
        assert all(percent >= least for percent in percents)


def test_items_are_found_by_title_and_id(page, told) -> None:
    title = told.data["item"].title[20]
    page.locator("#search").fill(title.upper())
    page.locator("#found button").first.click()
    page.wait_for_function("name => centre.textContent === name", arg=title)
    assert page.locator("#found").is_hidden()
    page.locator("#search").fill(told.graph.ids[1])
    page.keyboard.press("Enter")
    name = told.data["item"].title[1]
    page.wait_for_function("name => centre.textContent === name", arg=name)
    page.locator("#search").fill("no such item")
    assert page.locator("#found").is_hidden()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function("width => drawing.viewBox.baseVal.width < width", arg=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = page.locator(".node text").evaluate_all(
        """all => { const box = drawing.getBoundingClientRect();
        return all.map(text => { const own = text.getBoundingClientRect();
        return own.left >= box.left - 1 && own.right <= box.right + 1
            && own.top >= box.top - 1 && own.bottom <= box.bottom + 1; }); }"""
    )
    assert inside
    assert all(inside)


def test_labels_do_not_overlap(page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    overlaps = page.locator(".node text").evaluate_all(
        """all => { const boxes = all.map(text => text.getBoundingClientRect());
        return boxes.flatMap((a, k) => boxes.slice(k + 1).filter(b =>
            a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
        )).length; }"""
    )
    assert overlaps == 0


def test_it_is_dark_at_night(page) -> None:
    shade = "getComputedStyle(document.body).backgroundColor"
    page.emulate_media(color_scheme="light")
    light = sum(map(int, page.evaluate(shade)[4:-1].split(",")))
    page.emulate_media(color_scheme="dark")
    dark = sum(map(int, page.evaluate(shade)[4:-1].split(",")))
    assert dark < 150
    assert light > 600


def test_without_javascript_all_else_is_there(browser, told) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(told.path.as_uri())
    assert page.locator(".card").count() == 3
    assert page.locator(".explorer").is_hidden()
    assert page.locator("noscript").is_visible()
    context.close()


def test_a_foreign_script_would_not_run(browser, told, tmp_path) -> None:
    """Even if a title got through, the page's policy names the one script to run."""
    text = told.path.read_text()
    (tmp_path / "bad.html").write_text(
        text.replace("<main>", "<main><script>window.hacked = 6</script>")
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "bad.html").as_uri())
    page.wait_for_selector(".node")
    assert page.evaluate("window.hacked") is None
    context.close()
