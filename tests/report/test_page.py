"""The interactive page in a real Chromium: what it paints, filters, sorts, keeps and says, against the run itself."""

from __future__ import annotations

import gzip
import itertools
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic
from PIL import Image as Pillow
from playwright.sync_api import expect

from audit.record import Case, Effect, Prediction, Run
from audit.report import album, build, grids, html, packet
from audit.report.source import load

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
HOSTILE = "<script>alert(1)</script>\"'{{ 7*7 }}</script><img src=x onerror=alert(2)>\u2028&amp;"
N = 30
PATIENCE = 120_000
"""Milliseconds: a test asks whether a thing happens, never how fast."""
expect.set_options(timeout=PATIENCE)

PAINTED = """(box) => {
  const canvas = box.querySelector(".heat");
  if (canvas.hidden) return null;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const alpha = [...data].filter((_, i) => i % 4 === 3);
  return { rows: canvas.height, columns: canvas.width, alpha, data: [...data] };
}"""


def write_page(run: Run, room: int = album.ROOM) -> Path:
    """The run's page alone, as ``render`` writes it."""
    source = load(run)
    run.report.mkdir(exist_ok=True)

    def put(name: str, content: bytes) -> None:
        (run.report / "cases").mkdir(exist_ok=True)
        (run.report / "cases" / name).write_bytes(content)

    file = run.report / "index.html"
    file.write_text(html.page(build(run, source), album=album.make(source, put, room=room)), "utf-8")
    return file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return synthetic.write(tmp_path_factory.mktemp("page") / "run", n=N)


@pytest.fixture(scope="module")
def file(run: Run) -> Path:
    return write_page(run)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page, and at the end sees that nothing was asked for, said or raised on any of them."""
    contexts, said = [], []

    def go(file: Path, where: str = "", *, width: int = 1280, allowed: str = "", **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        # a test reads pixels back, of which Chromium says that it is slow
        page.on("console", lambda m: "willReadFrequently" in m.text or said.append(m.text))
        page.on("pageerror", lambda e: said.append(str(e)))
        page.on("dialog", lambda d: (said.append(d.message), d.dismiss()))
        known = (file.as_uri(), "data:", "blob:", *([allowed] if allowed else []))
        page.on("request", lambda r: r.url.startswith(known) or said.append(r.url))
        page.goto(file.as_uri() + where)
        if settings.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready]")
        return page

    yield go
    for context in contexts:
        context.close()
    assert said == []


def slide(page: Any, share: int) -> None:
    """Move the threshold and wait for the next picture."""
    page.evaluate(
        """async (share) => {
          const slider = document.getElementById("share");
          slider.value = share;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        }""",
        share,
    )


def painted(page: Any, number: int = 0, where: str = "#tiles .frame") -> np.ndarray:
    """Which cells of a picture's map are in colour."""
    got = page.locator(where).nth(number).evaluate(PAINTED)
    return np.array(got["alpha"]).reshape(got["rows"], got["columns"]) > 0


def choose(page: Any, run: Run, name: str) -> None:
    """Switch explainer and depth to a map of the run."""
    maps = load(run).maps
    index = next(i for i, m in enumerate(maps) if m.name == name)
    page.select_option("#explainer", maps[index].explainer)
    if page.locator("#layer").is_enabled():
        page.select_option("#layer", str(index))


def names(page: Any) -> list[str]:
    return page.locator("#tiles a").all_text_contents()


# -- packets, without a browser ---------------------------------------------------------------------------------


def test_grids_unpack_to_what_was_packed() -> None:
    """Read by the letter: base64, gzip, then each byte is the sum of the steps so far, modulo 256."""
    rng = np.random.default_rng(0)
    planes = [rng.integers(0, 256, (5, 7)).astype(np.uint8), rng.integers(0, 256, 9).astype(np.uint8)]
    total, seen = 0, []
    for step in gzip.decompress(b64decode(grids.pack(planes))):
        total = (total + step) % 256
        seen.append(total)
    assert seen == [*planes[0].ravel().tolist(), *planes[1].tolist()]


def test_disagreement_is_one_minus_the_mean_agreement_of_families(run: Run) -> None:
    """Against pandas' own rank correlation on the same block means."""
    import pandas as pd

    source = load(run)
    content, apart = packet.packet(packet.Stacks(source), source.cases[3])
    heats = {m.name: np.maximum(run.array("maps", m.name)[3].astype(float), 0) for m in source.maps}
    edges = np.linspace(0, 48, 33).round().astype(int)
    spans = list(itertools.pairwise(edges))
    blocks = {n: [h[a:b, c:d].mean() for a, b in spans for c, d in spans] for n, h in heats.items()}
    table = pd.DataFrame(blocks).corr("spearman")
    maps = source.maps
    pairs = [(a, b) for i, a in enumerate(maps) for b in maps[i + 1 :]]
    between = [table.loc[a.name, b.name] for a, b in pairs if a.family != b.family]
    assert apart == pytest.approx(1 - np.mean(between), abs=1e-3)
    told = json.loads(content)[2]["agree"]
    assert told == [pytest.approx(100 * table.loc[a.name, b.name], abs=0.51) for a, b in pairs]


def test_one_run_gives_the_same_page_again(run: Run, file: Path, tmp_path: Path) -> None:
    """Packets in the page or beside it: the same bytes each time."""
    before = file.read_bytes()
    assert write_page(Run.open(run.path)).read_bytes() == before
    source = load(run)
    beside: list[dict[str, bytes]] = [{}, {}]
    for kept in beside:
        made = album.make(source, kept.__setitem__, room=0)
        assert made is not None
        assert made.packets == ()
    assert beside[0] == beside[1]
    assert list(beside[0]) == ["0000.js", "0001.js"]


# -- what is painted ----------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("name", ["grad-cam++.last", "smoothgrad.input", "fused.grad-cam"])
def test_the_slider_paints_the_strongest_share_and_tells_it(
    name: str, run: Run, file: Path, visit: Any
) -> None:
    """No cell outside is stronger than one inside; as many as were asked for; the text gives both shares."""
    page = visit(file)
    choose(page, run, name)
    heat = np.abs(run.array("maps", name)[0].astype(float))
    if "grad." in name or name.startswith("smooth"):
        heat = np.minimum(heat, np.percentile(heat, 99))
    for share in (1, 20, 65):
        slide(page, share)
        inside = painted(page)
        assert inside.shape == heat.shape
        step = 2 * np.sqrt(heat.max() * heat[inside].min()) / 255  # of a level, which is a root
        assert heat[inside].min() >= heat[~inside].max() - step
        assert inside.mean() <= max(share / 100, (heat >= 0.99 * heat.max()).mean()) + 1e-9
        assert inside.mean() == pytest.approx(share / 100, abs=0.02)
        words = str(page.locator("#tiles .told").first.text_content()).replace("\u00a0", " ")
        of_map = heat[inside].sum() / heat.sum()
        assert f"In colour: {round(100 * inside.mean())} % of the picture" in words
        said = int(words.split("with ")[1].split(" %")[0])
        assert said == pytest.approx(100 * of_map, abs=1.5)


@pytest.mark.browser
def test_the_true_class_has_its_own_map_where_the_answer_is_wrong(run: Run, file: Path, visit: Any) -> None:
    """In this run the map for the true class is the other one upside down; a right answer has one map."""
    page = visit(file)
    choose(page, run, "grad-cam.last")
    wrong = [p.predicted != p.label for p in run.read(Prediction)]
    at, right = wrong.index(True), wrong.index(False)
    before, same = painted(page, at), painted(page, right)
    page.select_option("#target", "true")
    assert (painted(page, at) == before[::-1]).mean() > 0.99
    assert np.array_equal(painted(page, right), same)


@pytest.mark.browser
def test_whole_superpixels_are_painted_or_left(run: Run, file: Path, visit: Any) -> None:
    """Every superpixel is of one kind, and those inside have the larger mean strength."""
    page = visit(file)
    choose(page, run, "grad-cam++.last")
    page.check("#superpixels")
    slide(page, 30)
    inside = painted(page)
    segments = run.array("lime", "segments")[0]
    heat = run.array("maps", "grad-cam++.last")[0].astype(float)
    means = {k: heat[segments == k].mean() for k in np.unique(segments)}
    chosen = {k for k in means if inside[segments == k].any()}
    assert all(inside[segments == k].all() for k in chosen)
    assert 0 < inside.mean() <= 0.3
    assert min(means[k] for k in chosen) >= max(v for k, v in means.items() if k not in chosen) - 0.02


@pytest.mark.browser
def test_lime_is_painted_by_weight_and_sign(run: Run, file: Path, visit: Any) -> None:
    """Orange for the class and blue against it, the heaviest superpixel first."""
    page = visit(file)
    choose(page, run, "lime.mean")
    slide(page, 7)
    weights = run.array("lime", "weights-mean")[0, 0]
    segments = run.array("lime", "segments")[0]
    heaviest = int(np.nanargmax(np.abs(weights)))  # one that a fill does not change was not tested
    got = page.locator("#tiles .frame").first.evaluate(PAINTED)
    assert np.array_equal(painted(page), segments == heaviest)
    pixels = np.array(got["data"]).reshape(48, 48, 4)[segments == heaviest]
    assert (pixels[:, 0] > pixels[:, 2]).all() == (weights[heaviest] > 0)


@pytest.mark.browser
def test_a_question_is_shown_as_it_was_asked(run: Run, file: Path, visit: Any) -> None:
    """What was hidden has its superpixel's mean colour; what was shown is left to the picture; answers descend."""
    case = run.read(Case)[2].id
    page = visit(file, f"#case={case}")
    strip = page.locator("#case-body section", has=page.locator("h3", has_text="LIME's questions"))
    told = [float(t.rstrip(".").split()[-1]) for t in strip.locator("figcaption").all_text_contents()]
    answers = run.array("lime", "answers-mean")[2, :, 0]
    design = run.array("lime", "design")[2]
    assert told == sorted(told, reverse=True)
    assert len(told) == 8
    first = next(i for i in range(len(answers)) if abs(answers[i] - told[0]) < 6e-4 and not design[i].all())
    segments = run.array("lime", "segments")[2]
    with Pillow.open(run.thumb(case)) as opened:
        picture = np.asarray(opened.convert("RGB")).astype(float)
    got = strip.locator(".frame").first.evaluate(PAINTED)
    pixels = np.array(got["data"]).reshape(48, 48, 4)
    for k in np.unique(segments):
        own = pixels[segments == k]
        if design[first][k]:
            assert not own[:, 3].any()
        else:
            assert np.allclose(own[:, :3], picture[segments == k].mean(0), atol=1)


# -- filter, sort, pages, keys, links -------------------------------------------------------------------------------


@pytest.mark.browser
def test_filters_leave_what_they_say(run: Run, file: Path, visit: Any) -> None:
    """Against the run's own tables: wrong answers, a label, a finding's region, a name."""
    page = visit(file)
    predictions = run.read(Prediction)
    page.select_option("#right", "wrong")
    assert names(page) == [p.case for p in predictions if p.predicted != p.label]
    page.select_option("#label", label="referable")
    assert names(page) == [p.case for p in predictions if p.predicted != p.label == "referable"]
    page.click("#reset")
    assert len(names(page)) == 24
    page.select_option("#finding", label="Text goes with the label: Burned-in text (undecided)")
    assert names(page) == [f"case-{i:03d}" for i in range(3)]  # this finding names its cases
    page.click("#reset")
    page.fill("#search", "7")
    assert names(page) == [p.case for p in predictions if "7" in p.case]
    page.fill("#search", "nobody")
    assert page.inner_text("#count") == f"None of the {N} cases is like this."


@pytest.mark.browser
def test_a_finding_that_names_no_case_leaves_those_that_bear_its_region(tmp_path: Path, visit: Any) -> None:
    """As the run's table of extents has it."""
    run = synthetic.write(tmp_path / "run", n=6, size=32)
    told = run.findings()
    for finding in told["findings"]:
        finding["cases"] = []
    (run.path / "findings.json").write_text(json.dumps(told), "utf-8")
    extents = run.frame(synthetic.Extent)
    bear = extents[(extents["region"] == "text") & extents["present"].eq(True)]["case"].tolist()
    page = visit(write_page(run))
    page.select_option("#finding", label="The answer rests on burned-in text: Burned-in text (flagged)")
    assert names(page) == bear
    assert 0 < len(bear) < 6


@pytest.mark.browser
def test_sorting_follows_the_tables_and_gaps_come_last(run: Run, file: Path, visit: Any) -> None:
    """By the effect of painting the chosen region over, both ways round, and by probability."""
    page = visit(file)
    own = {p.case: p.predicted for p in run.read(Prediction)}
    effects = run.frame(Effect)
    main = (effects["intervention"] == "removal") & (effects["region"] == "text")
    main &= effects["fill"].isin(["", "inpaint", "reflect"]) & (effects["dose"] == 1)
    rows = effects[main & (effects["cls"] == effects["case"].map(own))].dropna(subset=["difference"])
    value = dict(zip(rows["case"], rows["difference"].astype(float), strict=True))
    every = [c.id for c in run.read(Case)]
    page.select_option("#region", label="Burned-in text")
    page.select_option("#sort", "moved")
    known = sorted((c for c in every if c in value), key=lambda c: -value[c])
    assert names(page) == [*known, *(c for c in every if c not in value)][:24]
    assert "log-odds beyond control" in page.locator("#tiles .told").first.inner_text()
    page.click("#down")
    assert names(page)[: len(known)] == known[::-1]
    p = {q.case: round(max(q.probabilities), 3) for q in run.read(Prediction)}
    page.select_option("#sort", "p")
    assert names(page) == sorted(every, key=lambda c: -p[c])[:24]


@pytest.mark.browser
def test_pages_and_keys(run: Run, file: Path, visit: Any) -> None:
    """j and k go through the pictures and over the page's end; digits choose a map; space bares; ? explains."""
    page = visit(file)
    assert page.inner_text("#page") == "Page 1 of 2"
    focused = "document.activeElement.textContent"
    page.locator("#tiles a").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    assert page.evaluate(focused) == "case-001"
    page.locator("#tiles a").last.focus()
    page.keyboard.press("j")
    assert page.inner_text("#page") == "Page 2 of 2"
    assert len(names(page)) == N - 24
    page.keyboard.press("k")
    assert page.evaluate(focused) == "case-023"
    page.keyboard.press("2")
    assert page.locator("#explainer").input_value() == load(run).maps[1].explainer
    heat = page.locator("#tiles .heat").first
    page.keyboard.down(" ")
    assert heat.evaluate("e => getComputedStyle(e).visibility") == "hidden"
    page.keyboard.up(" ")
    assert heat.evaluate("e => getComputedStyle(e).visibility") == "visible"
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.uncheck("#keys")
    page.keyboard.press("Escape")
    page.locator("#tiles a").first.focus()
    page.keyboard.press("j")
    assert page.evaluate(focused) == names(page)[0]


@pytest.mark.browser
def test_a_link_opens_its_case_with_its_map(file: Path, visit: Any) -> None:
    """#case=NAME&ex=MAP; the keys go on from there; closing leads back to the picture in its page."""
    page = visit(file, "#case=case-026&ex=vanilla-gradient.input&class=true")
    assert page.locator("#case-view").is_visible()
    assert page.inner_text("#case-title") == "case-026"
    assert page.locator("#explainer").input_value() == "vanilla-gradient"
    assert page.locator("#target").input_value() == "true"
    for title in (
        "Depths of the network", "Gradients", "LIME: superpixels", "LIME's questions", "How far the maps agree",
    ):  # fmt: skip
        assert page.locator("#case-body h3", has_text=title).count() == 1
    page.keyboard.press("j")
    expect(page.locator("#case-title")).to_have_text("case-027")
    assert "case=case-027&ex=vanilla-gradient.input" in page.url
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "case-027"
    assert page.inner_text("#page") == "Page 2 of 2"
    assert "case=" not in page.url
    lost = visit(file, "#case=nobody")
    assert lost.inner_text("#count") == "This run has no case “nobody”."


# -- a reviewer's notes ---------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_notes_are_kept_saved_and_read_again(file: Path, visit: Any, tmp_path: Path) -> None:
    """Verdict and note outlive a reload, leave as JSON, and come back in another browser."""
    page = visit(file, "#case=case-004")
    page.select_option("#verdict-choice", "wrong")
    page.fill("#note", f"looks at the tag {HOSTILE}")
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('case=')")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#kept") == f"1 of {N} cases reviewed."
    assert "rests on the wrong place" in page.locator("#tiles li", has_text="case-004").text_content()
    page.select_option("#reviewed", "wrong")
    assert names(page) == ["case-004"]
    page.fill("#reviewer", "Dr. A")
    with page.expect_download() as caught:
        page.click("#save")
    saved = tmp_path / "notes.json"
    caught.value.save_as(saved)
    content = json.loads(saved.read_text("utf-8"))
    assert content["reviewer"] == "Dr. A"
    assert content["notes"] == [
        {"case": "case-004", "verdict": "wrong", "note": f"looks at the tag {HOSTILE}"}
    ]
    other = visit(file)
    assert other.inner_text("#kept") == f"0 of {N} cases reviewed."
    other.set_input_files("#load", saved)
    expect(other.locator("#kept")).to_contain_text(f"1 of {N} cases")
    assert "1 read from the file." in other.inner_text("#kept")
    (tmp_path / "else.json").write_text("[1, 2")
    other.set_input_files("#load", tmp_path / "else.json")
    expect(other.locator("#kept")).to_contain_text("This file holds no notes")


# -- what must never happen -----------------------------------------------------------------------------------------


@pytest.mark.browser
def test_hostile_names_are_text(tmp_path: Path, visit: Any) -> None:
    """Case, class, region, title and credit: nothing in them is obeyed, in the page or in a file beside it."""
    bad = synthetic.Region(name=HOSTILE, role="artefact", title=HOSTILE, detector="x", version="1")
    regions, ids = [*synthetic.REGIONS[:2], bad], [HOSTILE, "病例 é", "../../x", "__proto__"]
    run = synthetic.write(
        tmp_path / "run",
        n=4,
        classes=("healthy", HOSTILE),
        ids=ids,
        title=HOSTILE,
        credit=HOSTILE,
        regions=regions,
    )
    shown = HOSTILE.replace("\u2028", "")
    for room in (album.ROOM, 0):
        file = write_page(run, room)
        page = visit(file, allowed=file.parent.as_uri() + "/cases/")
        assert "".join(names(page)[0].split()) == "".join(shown.split())
        page.locator("#tiles a").first.click()
        page.locator("#case-view").wait_for()
        assert "onerror=alert(2)" in page.inner_text("#case-title")
        page.select_option("#verdict-choice", "unsure")
        page.keyboard.press("j")
        expect(page.locator("#case-title")).to_have_text("病例 é")
        assert page.locator("#tiles img[src^='data:']").count() == 4
        assert page.locator("img[src='x']").count() == 0


@pytest.mark.browser
def test_packets_beside_the_page_are_loaded_and_nothing_else(run: Run, tmp_path: Path, visit: Any) -> None:
    """From file:// as well; only the files that are needed; without them the page says so."""
    copy = synthetic.write(tmp_path / "run", n=40, size=32)
    file = write_page(copy, room=0)
    assert sorted(f.name for f in (copy.report / "cases").iterdir()) == ["0000.js", "0001.js", "0002.js"]
    page = visit(file, allowed=file.parent.as_uri() + "/cases/")
    asked = []
    page.on("request", lambda r: asked.append(r.url.rsplit("/", 1)[1]))
    assert page.locator("#tiles .heat").count() == 24
    page.click("#next")
    expect(page.locator("#tiles .heat")).to_have_count(16)
    assert [a for a in asked if a.endswith(".js")] == ["0002.js"]
    assert "strict-dynamic" in page.locator("meta[http-equiv]").get_attribute("content")


@pytest.mark.browser
def test_a_lost_folder_is_told(tmp_path: Path, browser: Any) -> None:
    """The page stands without its packets, and every picture says why it is missing."""
    run = synthetic.write(tmp_path / "run", n=3, size=32)
    file = write_page(run, room=0)
    for part in (run.report / "cases").iterdir():
        part.unlink()
    page = browser.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert (
        page.locator("#tiles .told").all_text_contents()
        == ["The folder “cases” beside this page cannot be read."] * 3
    )
    page.close()


@pytest.mark.browser
def test_without_a_script_everything_in_words_is_there(file: Path, visit: Any) -> None:
    """The gallery is not shown; verdict, tables and the chosen cases are."""
    page = visit(file, java_script_enabled=False)
    assert not page.locator("#gallery").is_visible()
    assert page.locator("article.case img").count() > 10
    assert "The model relies on an artefact." in page.inner_text("#verdict")


HARD = {
    "three cases": {"n": 3},
    "no masks": {"lesions": False},
    "no findings": {"findings": False},
    "LIME only": {"explainers": ("lime",)},
    "no explainer": {"explainers": ()},
    "all maps zero": {"zero": True},
    "no pictures": {"thumbs": False},
    "no regions": {"regions": ()},
    "long words": {"ids": ["x" * 300], "classes": ("y" * 120, "z" * 120), "title": "t" * 200},
}


@pytest.mark.browser
@pytest.mark.parametrize("kind", HARD)
def test_hard_runs_can_be_looked_at(kind: str, tmp_path: Path, visit: Any) -> None:
    """Whatever a run lacks: no error, nothing sideways on a phone, and words where a picture would be."""
    run = synthetic.write(tmp_path / "run", **{"n": 6, "size": 32, **HARD[kind]})  # type: ignore[arg-type]
    page = visit(write_page(run), width=360)
    page.locator("#tiles a").first.click()
    page.locator("#case-view").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.getElementById('case-view').scrollWidth") <= 360
    text = page.inner_text("#case-view")
    assert not set(text.split()) & {"undefined", "null", "NaN", "[object"}
    said = {
        "no masks": "Nobody drew a lesion",
        "all maps zero": "The map is zero everywhere.",
        "no pictures": "No picture was kept.",
    }
    assert said.get(kind, "") in text


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_any_view(scheme: str, width: int, file: Path, visit: Any) -> None:
    """WCAG 2.0, 2.1 and 2.2, A and AA, by axe-core: the page, a case, the keys; with every part opened."""
    from axe_playwright_python.base import AXE_SCRIPT

    page = visit(file, width=width, color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(AXE_SCRIPT)

    def found() -> list[str]:
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
        result = page.evaluate("tags => axe.run(document, {runOnly: tags})", tags)
        assert len(result["passes"]) > 10
        return [f"{v['id']}: {[n['html'][:120] for n in v['nodes'][:3]]}" for v in result["violations"]]

    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert found() == []
    page.locator("#tiles a").nth(4).click()
    page.locator("#case-view").wait_for()
    assert found() == []
    page.click("#case-ask")
    assert found() == []
