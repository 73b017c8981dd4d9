"""Every kind of page in a real browser: nothing overflows or fails, text is legible, and data stay data."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from seqkit.lessons import available_lessons
from seqkit.runs.tasks import available_tasks
from tests.browser.conftest import INPUTS, LONG

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TASKS = ["caption", "charlm", "digit", "frames", "g2p", "memory", "memory gru", "sentiment", "sentiment gru", "tag"]
TASKS += ["text labels", "text number", "translate"]
KINDS = [f"report of {task}" for task in TASKS]
KINDS += [f"inspect of {name}" for name in (*INPUTS, "frames", "caption", "gradients")]
KINDS += ["compare", "compare by length"]
ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(str(page.relative_to(ROOT / "docs").with_suffix("")) for page in (ROOT / "docs").rglob("*.md"))
SCRIPTS = "[...document.scripts].map(script => script.src || script.text.slice(0, 20))"
HANDLERS = "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"
SIZES = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
SETTLED = """new Promise(done => { const end = Date.now() + 30000, look = () => {
  const found = document.body.dataset.mdColorScheme === '%s';
  found || Date.now() > end ? done(found) : setTimeout(look, 50) }; look() })"""
QUIET = {"NO_MKDOCS_2_WARNING": "1"}
LEGIBLE = """axe.run(document, {runOnly: ['wcag2a', 'wcag2aa']}).then(found => found.violations.map(
  v => [v.id, v.nodes[0].failureSummary, v.nodes[0].html.slice(0, 200)]))"""


def check_fit(chromium, url):
    for width in (400, 1200):
        chromium.open(url, width)
        content, window = chromium.ask(SIZES)
        assert content <= window == width
        assert chromium.failures == []


def check_legible(chromium, axe, url):
    for scheme in ("light", "dark"):
        for width in (400, 1200):
            chromium.open(url, width, scheme)
            chromium.ask(f"{axe};0")
            assert chromium.ask(LEGIBLE) == [], (scheme, width)


def check_harmless(chromium, url, scripts):
    chromium.open(url)
    assert chromium.ask("typeof hacked") == "undefined"
    assert chromium.ask(HANDLERS) == []
    found = chromium.ask(SCRIPTS)
    assert len(found) == len(scripts) and all(
        one.endswith(own) or one.startswith(own) for one, own in zip(found, scripts, strict=True)
    )


CHOOSE = """new Promise(done => { const end = Date.now() + 20000, look = () => {
  const boxes = [...document.querySelectorAll('#runs input')], names = %s;
  if (!boxes.length && Date.now() < end) return setTimeout(look, 50);
  for (const name of names) { const box = boxes.find(each => each.value === name); if (!box.checked) box.click(); }
  for (const box of boxes) if (box.checked && !names.includes(box.value)) box.click();
  done(document.querySelectorAll('#inputs *').length) }; look() })"""
TYPE = (
    """(box => { box.value = %s; box.dispatchEvent(new Event('input')) })(document.querySelector('#inputs textarea'))"""
)
DRAW = """(board => { for (const key of [' ', 'ArrowDown', ' ', 'ArrowDown', ' '])
  board.dispatchEvent(new KeyboardEvent('keydown', {key})) })(document.querySelector('#inputs canvas'))"""
DROP = """new Promise(done => { const drawn = document.createElement('canvas'); drawn.width = drawn.height = 16;
  drawn.toBlob(blob => { const dropped = new DataTransfer();
  dropped.items.add(new File([blob], 'a.png', {type: 'image/png'}));
  document.querySelector('.drop').dispatchEvent(new DragEvent('drop', {dataTransfer: dropped})); done(0) }) })"""
WRITE = "(button => { button.click() })(document.querySelector('#write'))"
ANSWERED = """new Promise(done => { const end = Date.now() + 30000, look = () => {
  const found = document.querySelectorAll('#answers section').length;
  const said = document.querySelector('#problem').innerText;
  found >= %d || said || Date.now() > end ? done([found, said]) : setTimeout(look, 50) }; look() })"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_fits_its_window_without_an_error_or_a_request(kind, pages, chromium):
    url = pages[kind].as_uri()
    check_fit(chromium, url)
    assert [asked for asked in chromium.asked if not asked.startswith("data:")] == [url]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_passes_the_guidelines_for_accessible_pages_in_light_and_dark(kind, pages, chromium, axe):
    check_legible(chromium, axe, pages[kind].as_uri())


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_data_becomes_a_script(kind, pages, chromium):
    own = ["const MAPS ="] if kind.startswith("inspect") and kind != "inspect of gradients" else []
    check_harmless(chromium, pages[kind].as_uri(), own)


def test_the_page_of_a_search_is_like_the_others(tuned, chromium, axe):
    check_fit(chromium, tuned.as_uri())
    check_legible(chromium, axe, tuned.as_uri())
    check_harmless(chromium, tuned.as_uri(), [])


def test_the_page_of_a_service_answers_and_is_like_the_others(served, chromium, axe):
    check_fit(chromium, served)
    check_legible(chromium, axe, served)
    check_harmless(chromium, served, ["/page.js"])
    assert all(asked.startswith(served.rstrip("/")) for asked in chromium.asked)


def acts(size):
    """For each kind of input the runs that are chosen, and what a person does; ``size`` is that of a frame."""
    frames = "\\n".join(",".join(["0.5"] * size) for _ in range(12))
    return {
        "a text": (["sentiment"], TYPE % "'a great <b>film</b>'"),
        "two runs": (["sentiment", "sentiment-gru"], TYPE % "'a great film'"),
        "a word longer than a line": (["sentiment"], TYPE % f"'{LONG} film'"),
        "tokens": (["translate"], TYPE % "'open the file'"),
        "words": (["tag"], TYPE % "'Ada went to Rome'"),
        "numbers": (["digit"], TYPE % "'0.5, 0.25'"),
        "a drawing": (["digit-drawn"], DRAW),
        "frames": (["frames"], TYPE % f"'{frames}'"),
        "frames with sets of labels": (["frames-sets"], TYPE % f"'{frames}'"),
        "a set of labels": (["text-labels"], TYPE % "'fine'"),
        "a number": (["text-number"], TYPE % "'fine'"),
        "picture": (["caption"], DROP),
        "prompt": (["charlm"], TYPE % "'the '" + ";" + WRITE),
    }


@pytest.mark.parametrize("kind", acts(1))
def test_the_page_answers_every_kind_of_input_at_every_width_and_in_both_schemes(kind, served, chromium, axe):
    with urllib.request.urlopen(f"{served}/runs/frames") as answer:
        size = json.load(answer)["frame_size"]
    names, act = acts(size)[kind]
    for scheme, width in (("light", 1200), ("dark", 400)):
        chromium.open(served, width, scheme)
        assert chromium.ask(CHOOSE % json.dumps(names))
        chromium.ask(act)
        assert chromium.ask(ANSWERED % len(names)) == [len(names), ""]
        assert "NaN" not in chromium.ask("document.querySelector('#answers').innerText")
        chromium.ask("document.querySelectorAll('details').forEach(each => { each.open = true })")
        content, window = chromium.ask(SIZES)
        assert content <= window == width
        chromium.ask(f"{axe};0")
        assert chromium.ask(LEGIBLE) == [], (scheme, width)
        assert chromium.failures == []
        assert all(asked.startswith((served.rstrip("/"), "data:", "blob:")) for asked in chromium.asked)


PASTED = {
    "columns in another order, one empty, one of labels": ("label\twidth\t{first}\nup\t2\t1\ndown\t\t3", ""),
    "a table without names": ("1;2\n3;", ""),
    "a word": ("1,2\n3,x", "Row 2 has “x”, which is no number."),
    "a number too many": ("1,2\n3,4,5", "Row 2 has 3 numbers; this run reads 2."),
    "a column too few": ("width,label\n1,up", "The first row has no column {first}; this run reads {first}, width."),
}


@pytest.mark.parametrize("how", PASTED)
def test_a_pasted_table_is_read_or_its_error_reported(how, served, chromium):
    with urllib.request.urlopen(f"{served}/runs/frames") as answer:
        first = json.load(answer)["names"][0]
    text, said = PASTED[how]
    chromium.open(served, 1200, "light")
    assert chromium.ask(CHOOSE % json.dumps(["frames"]))
    chromium.ask(TYPE % json.dumps(text.replace("{first}", first)))
    assert chromium.ask(ANSWERED % 1) == [0 if said else 1, said.replace("{first}", first)]
    assert said or "%" in chromium.ask("document.querySelector('#answers').innerText")
    assert "NaN" not in chromium.ask("document.querySelector('#answers').innerText")


@pytest.mark.parametrize("name", [*available_lessons()])
def test_the_page_of_a_lesson_is_like_the_others(name, command, chromium, axe, tmp_path):
    page = tmp_path / "lesson.html"
    done = command("lesson", name, "--out", page)
    assert done.returncode == 0, done.stderr
    check_fit(chromium, page.as_uri())
    check_legible(chromium, axe, page.as_uri())
    check_harmless(chromium, page.as_uri(), [])


def test_what_overflows_fails_or_is_pale_is_noticed(chromium, axe, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        '<html lang="en"><title>t</title><body><div style="width:2000px; color: #ccc">wide</div>'
        "<b onclick='0'>b</b><script>hacked = 1; throw new Error('broken')</script></body></html>"
    )
    chromium.open(page.as_uri(), 400)
    assert chromium.ask(SIZES)[0] >= 2000 and "broken" in chromium.failures[0]
    chromium.ask(f"{axe};0")
    assert "color-contrast" in json.dumps(chromium.ask(LEGIBLE))
    with pytest.raises(AssertionError):
        check_harmless(chromium, page.as_uri(), [])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documents as a site."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **QUIET})
    assert done.returncode == 0, done.stderr
    return folder


def test_every_task_has_a_page_here():
    assert {name.partition(" ")[0] for name in TASKS} == {*available_tasks()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_of_the_documents_fits_and_is_legible(name, site, chromium, axe):
    url = (site / f"{name}.html").as_uri()
    check_fit(chromium, url)
    for scheme in ("light", "dark"):
        chromium.open(url, 400, scheme)
        chromium.ask(f"{axe};0")
        assert chromium.ask(SETTLED % ("slate" if scheme == "dark" else "default"))
        # Boxes of code scroll by keyboard in browsers as they are now.
        found = [one for one in chromium.ask(LEGIBLE) if one[0] != "scrollable-region-focusable"]
        assert found == [], scheme
