"""The page in a real browser, without a screen, over titles that would like to run."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
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
def address(model) -> Iterator[str]:
    """The service on a free port, in a thread."""
    from lrdgraph.serve import make_app

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_app(model), log_config=None))
        running = {"sockets": [listening]}
        thread = threading.Thread(target=server.run, kwargs=running)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


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
def page(browser, address) -> Iterator[object]:
    """The page, opened; whatever it complains about or asks elsewhere is an error."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "data:,"))
            else complaints.append(request.url)
        ),
    )
    page.goto(address)
    page.wait_for_selector("#recommended li")
    yield page
    assert complaints == []
    assert page.evaluate("window.hacked") is None
    context.close()


def buy(page, text: str) -> None:
    page.locator("#search").fill(text)
    page.locator("#found button").filter(has_text=text).first.click()
    row = page.locator("#history .item").filter(has_text=text)
    row.first.wait_for()


def test_hostile_titles_are_read_and_not_run(page, model) -> None:
    hostile = model.graph.texts[:7]
    for text in hostile:
        buy(page, text)
    assert page.locator("#history .item").all_text_contents() == hostile
    page.wait_for_selector("#recommended .words b")
    names = page.locator("#recommended .words b").all_text_contents()
    assert any(name.startswith("<b>latent_") for name in names)
    for place, text in enumerate(hostile):
        page.locator("#history .item").nth(place).click()
        page.wait_for_function("text => centre.textContent.includes(text)", arg=text)
    assert page.locator("main script, main img").count() == 0
    assert page.locator("#around [onclick], [onmouseover]").count() == 0


def test_what_is_pressed_stays_until_it_is_let_go(page, model) -> None:
    texts = model.graph.texts
    page.locator("#search").fill(texts[20])
    page.locator("#found button").filter(has_text=texts[20]).first.hover()
    page.mouse.down()
    with page.expect_response("**/items?*"):
        page.locator("#search").evaluate(
            "(field, text) => { field.value = text;"
            " field.dispatchEvent(new Event('input')); }",
            texts[21],
        )
    page.wait_for_timeout(100)  # an answer that must not change the list
    page.mouse.up()
    row = page.locator("#history .item").first
    row.wait_for(timeout=5_000)
    assert row.text_content() == texts[20]


def test_recommendations_are_those_of_the_model(page, model) -> None:
    bought = model.graph.ids[20:22]
    texts = dict(zip(model.graph.ids, model.graph.texts, strict=True))
    for item in bought:
        page.locator("#search").fill(item)
        page.locator("#search").press("Enter")
        page.locator("#history li").nth(bought.index(item)).wait_for()
    expected = [texts[one.item] for one in model.recommend(bought, 10)]
    page.wait_for_function(
        "texts => JSON.stringify([...document.querySelectorAll('#recommended .item')]"
        ".map(link => link.textContent)) === JSON.stringify(texts)",
        arg=expected,
    )
    page.locator("#history button").first.click()
    page.wait_for_function("() => document.querySelectorAll('#history li').length < 2")
    page.locator("#clear").click()
    page.locator("#nothing").wait_for()


def test_one_walks_by_relation(page, model) -> None:
    page.locator("#recommended .item").first.click()
    page.wait_for_selector("#neighbors li")
    start = page.locator("#centre").text_content()
    page.locator("#filters button").filter(has_text="text_knn").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#neighbors .number')]"
        ".every(by => by.textContent.startsWith('text_knn'))"
    )
    page.locator("#neighbors .item").first.click()
    page.wait_for_function("start => centre.textContent !== start", arg=start)
    page.go_back()
    page.wait_for_function("start => centre.textContent === start", arg=start)


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out(page, model, width) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    buy(page, model.graph.texts[25])
    page.wait_for_selector("#recommended .words")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
