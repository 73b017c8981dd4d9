"""Every kind of page in a real browser: nothing overflows, nothing fails, and nothing is asked of the network."""

import json
import random
import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
# Runs in the page: its sizes are left in an attribute, which --dump-dom prints.
PROBE = """<script>
const failures = [];
addEventListener('error', e => failures.push(e.message));
addEventListener('load', () => document.documentElement.dataset.probe = JSON.stringify({
  width: document.documentElement.clientWidth, content: document.documentElement.scrollWidth, failures,
  asked: [...performance.getEntriesByType('resource').map(e => e.name),
    ...[...document.querySelectorAll('[src], link[href], use')].map(e => e.src || e.href.baseVal || e.href)]
    .filter(n => n && !n.startsWith('data:') && !n.startsWith('#'))}));
</script>"""


@pytest.fixture(scope="module")
def pages(command, tmp_path_factory):
    """A page of each kind, by its name."""
    folder, draw = tmp_path_factory.mktemp("browser"), random.Random(0)
    words = {"good": ["fine", "warm", "great"], "bad": ["dull", "weak", "poor"]}
    things = ["the film", "a_very_long_word_without_any_blank" * 3]
    labels = draw.choices(["good", "bad"], k=120)
    rows = [(f"{draw.choice(things)} {draw.choice(words[label])}", label) for label in labels]
    (folder / "texts.csv").write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    runs = []
    for cell in ("lstm", "gru"):
        options = ["--data", folder / "texts.csv", "--epochs", "1", "--hidden-size", "8", "--cell", cell]
        runs.append(folder / cell)
        done = command("run", "sentiment", *options, "--out", runs[-1])
        assert done.returncode == 0, done.stderr
    done = command("inspect", runs[0], "the film is not dull", "--gradient-flow", "--out", folder / "inspect.html")
    assert done.returncode == 0, done.stderr
    done = command("compare", *runs, "--page", folder / "compare.html")
    assert done.returncode == 0, done.stderr
    return {
        "report": runs[0] / "report.html",
        "inspect": folder / "inspect.html",
        "compare": folder / "compare.html",
    }


def opened(page, width, folder):
    """What the page has told of itself, opened in a frame of that width: a window has a least width of its own."""
    probed = folder / "page.html"
    probed.write_text(page.read_text("utf-8").replace("<head>", f"<head>{PROBE}", 1), "utf-8")
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe src="page.html" style="border:0" width="{width}" height="900"></iframe>'
        "<script>addEventListener('load', () => setTimeout(() => document.documentElement.dataset.found = "
        "document.querySelector('iframe').contentDocument.documentElement.dataset.probe, 0))</script>"
    )
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
    done = subprocess.run(
        [CHROMIUM, *arguments, "--virtual-time-budget=3000", f"--user-data-dir={folder / 'profile'}", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr
    return json.loads(found[1].replace("&quot;", '"'))


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("kind", ["report", "inspect", "compare"])
def test_a_page_fits_its_window_without_an_error_or_a_request(pages, kind, width, tmp_path):
    found = opened(pages[kind], width, tmp_path)
    assert found["content"] <= found["width"] <= width
    assert found["failures"] == [] and found["asked"] == []


def test_the_probe_notices_what_overflows_fails_and_asks(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        '<html><head></head><body><div style="width:2000px">wide</div><img src="other.png">'
        "<script>throw new Error('broken')</script></body></html>"
    )
    found = opened(page, 400, tmp_path)
    assert found["content"] >= 2000 and len(found["asked"]) == 1 and "broken" in found["failures"][0]
