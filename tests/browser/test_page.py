"""The page in a real browser (Debian's Chromium): every shipped model answers on it.

Run with `-m browser`; it needs `chromium` on the PATH and the package playwright, whose own
download of a browser is not used. UNFOLD_SCREENSHOT names a file for the README's picture.
"""

import os
import re
import shutil

import pytest

from pipelines.action_recognition.signatures import Front, action_export
from pipelines.exporting import write_saved_model
from tests.pipelines.action_recognition.small import gif_of
from tests.pipelines.server.process import ROOT, Server
from zoo.models.action_recognizer import ActionRecognizer

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = 300
PHOTOGRAPH = ROOT / "pipelines/captioning/photograph.jpg"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH"),
]


@pytest.fixture(scope="module")
def server():
    server = Server(ROOT / "saved_models", "--timeout-seconds", str(SECONDS))
    yield f"http://127.0.0.1:{server.port}/"
    server.close()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(server, browser):
    """The page, open; no error of its script, and no request to another host, may have happened."""
    opened = browser.new_page(viewport={"width": 390, "height": 800})  # a telephone's
    opened.set_default_timeout(1000 * SECONDS)
    faults, hosts = [], set()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda request: hosts.add(request.url.partition("?")[0]))
    opened.goto(server)
    yield opened
    opened.close()
    assert not faults
    assert all(url.startswith((server, "blob:", "data:")) for url in hosts)


def choose(page, model):
    page.get_by_role("button", name=model, exact=True).click()
    page.wait_for_selector(f"nav button[aria-current=true]:text-is('{model}')")


def ask(page):
    page.get_by_role("button", name="Ask").click()
    page.wait_for_selector("#answer .quiet:last-child, #error:not(:empty)")
    assert not page.locator("#error").inner_text()
    return page.locator("#answer")


def give(page, content, name="photo.jpg"):
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": content}
    )


def test_a_sentence_is_coloured_by_what_its_words_did(page):
    choose(page, "sentiment")
    page.get_by_label("text").fill("A wonderful film.")
    answer = ask(page)
    assert answer.locator(".text").inner_text() == "positive"
    assert answer.locator("meter").count() >= 1
    assert answer.locator("span.word").all_inner_texts() == ["a", "wonderful", "film", "."]
    assert "sentiment:predict" in page.locator("#curl").text_content()
    assert 'pipelines.load("sentiment")' in page.locator("#python").text_content()


@pytest.mark.parametrize("model", ["translation_en_de", "translation_de_en"])
def test_a_translation_is_drawn_with_its_alignment(page, model):
    choose(page, model)
    page.get_by_role("button", name="Example").click()
    answer = ask(page)
    assert answer.locator(".text").inner_text().strip()
    rows, columns = (answer.locator(f"table {cell}").count() for cell in ("tr", "th.up"))
    assert rows > 3
    assert answer.locator("td.cell").count() == (rows - 1) * columns


def test_a_photograph_is_captioned_and_looked_at(page):
    choose(page, "captioning")
    give(page, PHOTOGRAPH.read_bytes())
    answer = ask(page)
    words = answer.locator("button.word")
    caption = answer.locator(".text").inner_text().removesuffix(" (unsure)")
    assert caption == " ".join(words.all_inner_texts())
    assert "threshold" not in answer.inner_text()  # "(unsure)" says it
    words.first.focus()  # the keyboard's way
    lit = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean)"
    assert answer.locator("canvas").evaluate(lit)
    if file := os.environ.get("UNFOLD_SCREENSHOT"):
        page.set_viewport_size({"width": 1200, "height": 900})
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=file)


def test_a_broken_image_is_refused(page):
    choose(page, "captioning")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_selector("#error:not(:empty)")
    assert "image must be a file" in page.locator("#error").inner_text()
    give(page, PHOTOGRAPH.read_bytes()[:400])
    ask(page)
    assert "could not be read" in page.locator("#answer").inner_text()


def test_a_text_is_written_letter_by_letter_and_stopped(page):
    choose(page, "charlm_shakespeare")
    page.get_by_label("prompt").fill("ROMEO:")
    page.get_by_label("length").fill("40")
    page.get_by_label("seed").fill("1")
    whole = ask(page).locator(".text").inner_text()
    assert whole.startswith("ROMEO:")
    page.get_by_label("length").fill("5000")
    page.get_by_role("button", name="Ask").click()
    text = page.locator("#answer .text")
    playwright.expect(text).to_have_text(re.compile(".{80}", re.DOTALL), timeout=1000 * SECONDS)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("#stop", state="hidden")
    assert text.text_content().startswith(whole[:40])  # the same seed
    assert len(text.text_content()) < 4000


def test_joints_are_drawn_with_the_belief_over_time(page):
    choose(page, "action_recognition_joints")
    page.get_by_role("button", name="Example").click()
    answer = ask(page)
    assert answer.locator("svg.belief polyline").count() == 27
    label = answer.locator(".text").inner_text()
    assert label in answer.locator("svg.belief").get_attribute("aria-label")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A server of a recogniser of clips, with random weights."""
    model = ActionRecognizer(3, size=16, filters=2, units=4)
    model.build()
    about = tmp_path_factory.mktemp("about") / "about.json"
    about.write_text("{}")
    export = action_export(model, "abc", Front(6), {"about": about}, temperature=1.0)
    folder = tmp_path_factory.mktemp("models")
    write_saved_model(
        export.module, export.signatures, folder / "clips", card="", warmup=export.warmup
    )
    server = Server(folder, "--timeout-seconds", str(SECONDS))
    yield f"http://127.0.0.1:{server.port}/"
    server.close()


def test_a_clip_plays_and_its_belief_is_drawn(browser, clips):
    page = browser.new_page()
    page.set_default_timeout(1000 * SECONDS)
    page.goto(clips)
    page.wait_for_selector("input[type=file]")
    give(page, gif_of("left"), "clip.gif")
    page.wait_for_function("document.querySelector('.drop img').naturalWidth == 16")
    answer = ask(page)
    assert answer.locator(".text").inner_text() in "abc"
    lines = answer.locator("svg.belief polyline")
    assert lines.count() == 3
    assert lines.first.get_attribute("points").count(",") == 6
    give(page, gif_of("left")[:-1], "cut.gif")
    ask(page)
    playwright.expect(answer).to_contain_text("could not be used")
    assert answer.locator("svg.belief").count() == 0
    page.close()


def test_errors_are_words(page):
    choose(page, "charlm_shakespeare")
    page.get_by_label("prompt").fill("A")
    page.get_by_label("temperature").fill("-1")
    page.get_by_role("button", name="Ask").click()
    page.wait_for_selector("#error:not(:empty)")
    assert re.search("temperature", page.locator("#error").inner_text())


def test_every_field_has_a_label_and_every_signature_its_fields(page):
    for model in page.locator("nav button").all_inner_texts():
        choose(page, model)
        for name in page.locator("#signature option").all_inner_texts():
            page.get_by_label("Signature").select_option(name)
            fields = page.locator("#inputs :is(input, textarea)")
            assert fields.count() > 0
            assert fields.evaluate_all("fields => fields.every((one) => one.labels.length)")


def test_another_server_is_asked_for_the_models_that_are_named(browser, server):
    opened = browser.new_page()
    opened.goto(f"{server}?server={server}&models=sentiment")
    opened.wait_for_selector("#inputs textarea")
    assert opened.locator("nav button").all_inner_texts() == ["sentiment"]
    opened.close()
