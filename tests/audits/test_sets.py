"""Sets that lack something, places named by hand, and a budget: each audit is whole, and says what it lacks."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image

import audit
from audit import budget, cli, config
from audit.errors import ConfigError
from audit.images.source import Source
from audit.record import Effect, Estimate, Extent, Prediction, Score


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """What a report looks like is tested elsewhere."""
    monkeypatch.setattr("audit.stages.reporting.render", lambda run, **_: (run.path, run.path))


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "cases.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(folder: Path, changed: list[dict[str, str]]) -> None:
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(changed[0]))
        writer.writeheader()
        writer.writerows(changed)


def whole(run: audit.Run) -> None:
    """Sealed, judged, of every case, and nothing that was not measured is a number."""
    assert run.manifest["status"] == "complete"
    assert not run.changed()
    assert run.findings()["verdict"] in ("clear", "confirmed", "suspected", "sensitive", "undecided")
    cases = run.manifest["data"]["cases"]
    assert len(run.read(Prediction)) == cases
    assert {len(run.array("regions", r.name)) for r in run.regions} == {cases}
    assert Counter(e.region for e in run.read(Extent)) == {r.name: cases for r in run.regions}
    for noun in (Score, Effect, Estimate):
        for row in run.read(noun):
            value = row.difference if noun is Effect else row.value
            assert value is not None or row.why, row
            assert value is None or np.isfinite(value)


def test_without_a_lesion_mask(tmp_path):
    path = toy.write(tmp_path, n=16)
    rewrite(tmp_path, [{k: v for k, v in row.items() if k != "lesion"} for row in rows(tmp_path)])
    run = audit.run(path, out=tmp_path / "run")
    whole(run)
    assert run.manifest["data"]["lesions"] == 0
    of_lesion = [e for e in run.read(Effect) if e.region == "lesion"]
    assert of_lesion
    assert all(e.change is None and e.why for e in of_lesion)
    assert any(e.difference is not None for e in run.read(Effect) if e.region == "artefact")


def test_three_classes(tmp_path):
    """Every class is audited on its own; a shift and a transplant know which class the other one is."""
    path = toy.write(tmp_path, n=24)
    edited(path, "[well, ill]", "[well, ill, worse]")
    edited(tmp_path / "toynet.py", "nn.Linear(8, 2)", "nn.Linear(8, 3)")
    rewrite(tmp_path, [{**r, "label": ("well", "ill", "worse")[n % 3]} for n, r in enumerate(rows(tmp_path))])
    run = audit.run(path, out=tmp_path / "run")
    whole(run)
    assert {e.cls for e in run.read(Effect)} == {"well", "ill", "worse"}
    shifts = [e for e in run.read(Effect) if e.intervention == "shift" and e.region == "brightness"]
    for case in {e.case for e in shifts}:
        of_case = [e for e in shifts if e.case == case]
        assert len(of_case) == 3
        assert sum(e.change is not None for e in of_case) in (
            0,
            2,
        )  # its own class and the one it is moved to


def test_an_artefact_column_where_nothing_is_drawn(tmp_path):
    """Nobody bears it: nothing is taken away, nothing can be put there, and each row says so."""
    path = toy.write(tmp_path, n=12, source="callable", factory="tag")
    for number in range(12):
        Image.fromarray(np.zeros((32, 32), bool)).save(tmp_path / f"{number:03d}-a.png")
    run = audit.run(path, out=tmp_path / "run")
    whole(run)
    of_artefact = [e for e in run.read(Effect) if e.region == "artefact"]
    assert {e.intervention for e in of_artefact} == {"removal", "transplant"}
    assert all(e.change is None and e.why for e in of_artefact)
    (presence,) = [e for e in run.read(Estimate) if e.metric == "presence" and e.region == "artefact"]
    assert presence.value == 0


def test_an_artefact_column_without_a_file(tmp_path):
    path = toy.write(tmp_path, n=12, source="callable", factory="tag")
    rewrite(tmp_path, [{**row, "artefact": ""} for row in rows(tmp_path)])
    run = audit.run(path, out=tmp_path / "run")
    whole(run)
    assert all(e.change is None and e.why for e in run.read(Effect) if e.region == "artefact")


def test_a_saved_place_is_a_region_like_any_other(tmp_path):
    """Named by hand, with a mask of another size and of the same shape; what it does follows from the rig."""
    path = toy.write(tmp_path, n=16, source="callable", factory="tag")
    mask = np.zeros((64, 64), np.uint8)
    mask[4:12, 6:26] = 255
    Image.fromarray(mask).save(tmp_path / "sticker.png")
    edited(path, "artefact]", "artefact, {name: sticker, mask: sticker.png}]")
    run = audit.run(path, out=tmp_path / "run")
    whole(run)
    (region,) = [r for r in run.regions if r.name == "sticker"]
    assert (region.role, region.detector) == ("artefact", "saved place")
    drawn = np.zeros((32, 32), bool)
    drawn[2:6, 3:13] = True
    assert all(np.array_equal(m, drawn) for m in run.array("regions", "sticker"))
    effects = {
        (e.case, e.region): e
        for e in run.read(Effect)
        if (e.intervention, e.cls, e.fill, e.dose) == ("removal", "ill", "inpaint", 1.0)
    }
    by_column = {c: e.change for (c, r), e in effects.items() if r == "artefact" and e.change is not None}
    assert len(by_column) == 8
    for case, change in by_column.items():  # the same pixels painted over are the same question
        assert effects[case, "sticker"].change == change
    edited(path, "sticker.png", "gone.png")
    with pytest.raises(ConfigError, match=r"gone\.png"):
        audit.run(path, out=tmp_path / "other")


def test_a_place_that_was_found_is_named_in_the_next_audit(tmp_path):
    """A network that reads a patch that nobody listed: it is found, saved, and tested as a listed region next time."""
    path = toy.write(tmp_path, n=24)
    edited(path, "artefact]", "border]")
    rewrite(tmp_path, [{k: v for k, v in row.items() if k != "artefact"} for row in rows(tmp_path)])
    edited(tmp_path / "toynet.py", "def build():", NETWORK)
    path.write_text(path.read_text() + "explainers: [vanilla-gradient, lime]\n")
    first = audit.run(path, out=tmp_path / "run")
    whole(first)
    (found,) = [r for r in first.regions if r.detector == "discovered"]
    saved = first.path / "found" / f"{found.name}.png"
    assert saved.is_file()
    assert f"found/{found.name}.png" in first.manifest["files"]
    edited(path, "border]", f"{{name: sticker, mask: run/found/{found.name}.png}}]")
    second = audit.run(path, out=tmp_path / "next")
    whole(second)
    mask = np.asarray(Image.open(saved)) > 0
    assert all(np.array_equal(m, mask) for m in second.array("regions", "sticker"))
    assert not [
        r
        for r in second.regions
        if r.detector == "discovered" and (second.array("regions", r.name) & mask).any()
    ]

    def effects(run: audit.Run, region: str) -> dict[str, float | None]:
        return {
            e.case: e.change
            for e in run.read(Effect)
            if (e.intervention, e.region, e.cls, e.fill, e.dose) == ("removal", region, "ill", "inpaint", 1.0)
        }

    asked = {c: v for c, v in effects(first, found.name).items() if v is not None}
    assert asked
    assert {c: v for c, v in effects(second, "sticker").items() if c in asked} == pytest.approx(asked)


NETWORK = '''class Patch(nn.Module):
    """Reads the light of a patch at the lower edge, by a convolution that sees where it is."""

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 2, 1)
        self.two = nn.Conv2d(2, 2, 3, padding=1)
        self.head = nn.Linear(2 * 64, 2)

    def forward(self, x):
        x = torch.relu(self.two(torch.relu(self.one(x))))
        return self.head(nn.functional.adaptive_avg_pool2d(x, 8).flatten(1))


def build():
    torch.manual_seed(0)
    net = Patch().eval()
    with torch.no_grad():
        net.one.weight[:], net.one.bias[:] = 1 / 3, 0
        net.two.weight[:], net.two.bias[:] = 0, 0
        net.two.weight[0, 0, 1, 1] = net.two.weight[1, 1, 1, 1] = 1
        weight = 0.02 * torch.rand(2, 2, 8, 8)  # a little of everything
        weight[1, :, 5:7, 1:3] = 1
        weight[0] = -weight[1]
        net.head.weight[:], net.head.bias[:] = weight.reshape(2, -1), 0
        net.head.bias[:] = torch.tensor([2.5, -2.5])
    return net


def other():'''


def test_a_picture_is_loaded_once_however_many_it_is_given_to(tmp_path, monkeypatch):
    """A donor's picture is at hand: each case is loaded to see that it can be read and once for the whole gathering,
    and the first four are looked at in between."""
    loaded: Counter[str] = Counter()
    load = Source.load

    def counted(self, case, grid):
        loaded[case.id] += 1
        return load(self, case, grid)

    monkeypatch.setattr(Source, "load", counted)
    run = audit.run(toy.write(tmp_path, n=12, source="callable", factory="tag"), out=tmp_path / "run")
    assert run.manifest["passes"]["kinds"]["transplant"] > 12
    assert loaded == {f"{n:03d}": 2 + (n < 4) for n in range(12)}


@pytest.mark.parametrize("model", [("python", "build"), ("callable", "tag")])
def test_no_run_asks_more_than_its_price(tmp_path, model):
    source, factory = model
    path = toy.write(tmp_path, n=16, source=source, factory=factory)
    run = audit.run(path, out=tmp_path / "run")
    listed = [r for r in run.regions if r.detector != "discovered"]
    maps = [m for m in run.maps if m.family != "baseline"]
    price = budget.price(config.read(path), listed, maps, 16)
    passes = dict(run.manifest["passes"])
    kinds = passes.pop("kinds")
    for kind in ("lime", "shift", "faithfulness", "sanity", "untouched"):
        assert kinds.get(kind, 0) <= 16 * price[kind] + 1e-6, kind
    put = kinds["removal"] + kinds["transplant"]
    assert put <= 16 * (price["removal"] + price["transplant"] + price["discovery"])
    assert sum(passes.values()) <= 16 * sum(price.values())


def ended(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return int(caught.value.code or 0)


def test_a_budget_on_the_command_line_is_kept_and_its_price_is_told(tmp_path, capsys):
    path = toy.write(tmp_path, n=16)
    most = 200
    assert ended("run", path, "-o", tmp_path / "run", "-q", "--budget", most) == 4
    run = audit.open(tmp_path / "run")
    whole(run)
    assert run.manifest["given_up"]
    assert set(run.manifest["given_up"]) <= {sentence for sentence, _ in budget.STEPS}
    assert run.manifest["config"]["budget"] == most
    passes = dict(run.manifest["passes"])
    passes.pop("kinds")
    assert sum(passes.values()) <= 16 * most
    assert ended("run", path, "-o", tmp_path / "none", "-q", "--budget", 3) == 2
    assert "a budget of 3 passes a case is too small" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
