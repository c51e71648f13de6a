"""Black boxes whose truth is known: what an audit says of them follows from how they are made, number by number.

``tag`` answers with 6 times the mean light of the upper left 8 x 16 pixels, less 2; ``bright`` with the light in the
middle, where the lesion is. Their log-odds for ``ill`` are these numbers, so every effect can be worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image

import audit
from audit import cli
from audit.record import Effect, Estimate, Extent, Faithfulness, Reading, Sanity

CASES = 64
Rigged = Callable[[str], audit.Run]


@pytest.fixture(scope="module")
def rigged(tmp_path_factory) -> Rigged:
    """The finished audit of a black box, by its name; the page and the paper are tested elsewhere."""
    runs: dict[str, audit.Run] = {}

    def audited(factory: str) -> audit.Run:
        if factory not in runs:
            folder = tmp_path_factory.mktemp(factory)
            config = toy.write(folder, n=CASES, source="callable", factory=factory)
            config.write_text(config.read_text() + "explainers: [grad-cam, lime]\n")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("audit.stages.reporting.render", lambda run, **_: (run.path, run.path))
                with pytest.raises(SystemExit) as caught:
                    cli.main(["run", str(config), "-o", str(folder / "run"), "-q"])
            runs[factory] = audit.open(folder / "run")
            runs[factory].manifest["ended"] = caught.value.code
        return runs[factory]

    return audited


def picture(run: audit.Run, case: str) -> np.ndarray:
    """A case's picture as the model was shown it, in [0, 1]."""
    return np.asarray(Image.open(run.path.parent / f"{case}.png"), float) / 255


def score(image: np.ndarray) -> float:
    """What ``tag`` reads."""
    return float(6 * image[:8, :16].mean() - 2)


def rows(run: audit.Run, intervention: str, region: str, cls: str, **wanted: object) -> list[Effect]:
    """The effects that were measured."""
    return [
        e
        for e in run.read(Effect)
        if (e.intervention, e.region, e.cls) == (intervention, region, cls)
        and e.change is not None
        and all(getattr(e, k) == v for k, v in wanted.items())
    ]


def tagged(case: str) -> bool:
    return int(case) % 8 in (1, 2, 3, 5)


@pytest.mark.parametrize(("factory", "verdict"), [("bright", "clear"), ("tag", "confirmed")])
def test_the_verdict_of_a_black_box_is_the_truth(rigged, factory, verdict):
    """One reads the light of the middle, one reads the tag that goes with the label; both can only be asked."""
    run = rigged(factory)
    found = run.findings()
    # what reads the light of the middle answers to the light of the whole, and no more: lesions are all that tells the
    # classes apart
    assert found["verdict"] == ("confirmed" if factory == "tag" else "sensitive")
    beside = {v["verdict"] for v in found["verdicts"] if v["artefact"] == "elsewhere"}
    assert beside == {"suspected" if factory == "tag" else "clear"}
    assert run.manifest["ended"] == 1
    assert {v["verdict"] for v in found["verdicts"] if v["artefact"] == "artefact"} == {verdict}
    # the tag makes a picture lighter as a whole, and light is what this box reads
    assert found["verdicts"][0]["artefact"] == ("artefact" if factory == "tag" else "brightness")
    refused = {e.explainer: e.why for e in run.explained if not e.applied}
    assert list(refused) == ["grad-cam"]
    assert "only be asked" in refused["grad-cam"]


def test_a_black_box_has_no_weights_and_no_features_and_the_run_is_whole(rigged):
    run = rigged("tag")
    assert run.manifest["status"] == "complete"
    assert run.read(Sanity) == []
    assert not (run.path / "features").exists()
    assert not {e.metric for e in run.read(Estimate) if e.value is not None} & {
        "strange",
        "sanity",
        "sanity-step",
    }
    assert run.manifest["passes"]["trace"] == run.manifest["passes"]["gradient"] == 0
    assert "untouched" not in run.manifest["passes"]["kinds"]
    assert {f.case for f in run.read(Faithfulness)} == {"000", "063"}


@pytest.mark.parametrize("cls", ["ill", "well"])
def test_taking_the_tag_away_takes_what_the_model_read_there(rigged, cls):
    """40 of the 128 pixels that it reads turn from white to the ground's light; elsewhere it sees nothing."""
    run = rigged("tag")
    sign = 1 if cls == "ill" else -1
    for fill in ("inpaint", "ring", "donor"):
        found = rows(run, "removal", "artefact", cls, fill=fill, dose=1.0)
        assert {e.case for e in found} == {f"{n:03d}" for n in range(CASES) if tagged(f"{n:03d}")}
        for effect in found:
            image = picture(run, effect.case)
            plain = image.copy()
            plain[2:6, 3:13] = 80 / 255
            assert effect.change * sign == pytest.approx(score(image) - score(plain), abs=0.1)
            assert effect.control == pytest.approx(0, abs=0.05)
            assert effect.difference == pytest.approx(effect.change - effect.control)
            assert effect.flipped_control == 0
    (half,) = {e.dose for e in run.read(Effect)} - {1.0}
    assert half == 0.5
    whole = {e.case: e.change for e in rows(run, "removal", "artefact", cls, fill="inpaint", dose=1.0)}
    for effect in rows(run, "removal", "artefact", cls, dose=0.5):
        assert effect.change == pytest.approx(whole[effect.case] / 2, rel=0.01)  # what it reads is linear
        assert effect.difference is None


@pytest.mark.parametrize("cls", ["ill", "well"])
def test_putting_the_tag_there_gives_what_taking_it_away_took(rigged, cls):
    run = rigged("tag")
    sign = 1 if cls == "ill" else -1
    found = rows(run, "transplant", "artefact", cls, fill="")
    assert len(found) == CASES // 2
    assert not any(tagged(e.case) for e in found)
    for effect in found:
        image = picture(run, effect.case)
        pasted = image.copy()
        pasted[2:6, 3:13] = 1
        assert effect.change * sign == pytest.approx(score(pasted) - score(image), abs=0.1)
        assert effect.control == pytest.approx(0, abs=0.1)
        assert effect.places >= 1
    elsewhere = rows(run, "transplant", "artefact", cls, fill="elsewhere")
    assert np.abs([e.change for e in elsewhere]).max() < 0.2  # the model looks at one place alone


def test_moving_the_light_moves_the_answer_by_what_the_model_makes_of_it(rigged):
    """The ill are a little brighter, because of the tag; 6 times the difference of light is what the model reads.

    White pixels of a tag cannot get brighter, so the cases without one are worked out.
    """
    run = rigged("tag")
    reading = {r.case: r.value for r in run.read(Reading) if r.cue == "brightness"}
    middle = {
        label: float(np.median([v for c, v in reading.items() if int(c) % 2 == odd]))
        for odd, label in enumerate(("well", "ill"))
    }
    gap = middle["ill"] - middle["well"]
    assert gap > 0.005
    for cls in ("well", "ill"):
        found = [e for e in rows(run, "shift", "brightness", cls) if not tagged(e.case)]
        assert len(found) == CASES // 2
        for effect in found:
            assert effect.change == pytest.approx(6 * gap, rel=0.25)
    for cls in ("well", "ill"):
        assert all(e.change > 0 for e in rows(run, "shift", "brightness", cls))


def test_all_interventions_agree_on_the_tag_and_none_on_what_is_not_read(rigged):
    run = rigged("tag")
    estimates = {
        (e.metric, e.region, e.fill): e
        for e in run.read(Estimate)
        if e.cls == "ill" and e.stratum == "all" and not e.other
    }
    removed = [estimates["removal", "artefact", fill].value for fill in ("inpaint", "ring", "donor")]
    put = estimates["transplant", "artefact", ""].value
    assert removed == pytest.approx([put] * 3, rel=0.1)
    assert estimates["transplant", "artefact", ""].low > 1
    assert estimates["removal-flip", "artefact", "inpaint"].low > 0.5
    assert estimates["transplant-flip", "artefact", ""].low > 0.5
    for region in ("corner-bottom-left", "corner-bottom-right"):
        assert estimates["removal", region, "inpaint"].value == pytest.approx(0, abs=0.05)
        assert estimates["transplant", region, ""].value == pytest.approx(0, abs=0.05)
    of_lesion = rigged("bright")
    for effect in rows(of_lesion, "removal", "artefact", "ill", dose=1.0):
        assert abs(effect.change) < 0.2


def test_all_artefacts_together_are_the_union_of_the_listed_ones(rigged):
    run = rigged("tag")
    listed = [
        r.name for r in run.regions if r.role == "artefact" and r.detector not in ("union", "discovered")
    ]
    union = np.logical_or.reduce([run.array("regions", name) for name in listed])
    assert np.array_equal(run.array("regions", "joint"), union)
    assert [r.name for r in run.regions].count("joint") == 1
    joint = rows(run, "removal", "joint", "ill")
    assert {(e.fill, e.dose) for e in joint} == {("inpaint", 1.0)}
    present = {e.case for e in run.read(Extent) if e.region == "joint" and e.present}
    assert {e.case for e in joint} == present


def test_what_was_not_measured_says_why(rigged):
    """Nothing measured is never a number."""
    for factory in ("tag", "bright"):
        for effect in rigged(factory).read(Effect):
            assert (effect.difference is not None) or effect.why
        for estimate in rigged(factory).read(Estimate):
            assert (estimate.value is not None) or estimate.why, estimate


def files(run: Path) -> dict[str, bytes]:
    kept = (".parquet", ".npy", ".png", ".csv")
    found = {p.relative_to(run).as_posix(): p for p in sorted(run.rglob("*")) if p.suffix in kept}
    return {name: p.read_bytes() for name, p in found.items()}


def test_another_batch_changes_nothing_of_a_black_box_and_of_what_was_found(rigged):
    run = rigged("tag")
    assert any(r.detector == "discovered" for r in run.regions)
    folder = run.path.parent
    again = audit.run(_batched(folder, 5), folder=folder, out=folder / "again", report=False)
    assert files(again.path) == files(run.path)
    assert again.findings() == run.findings()


def _batched(folder: Path, batch: int) -> audit.config.Config:
    return audit.config.read(folder / "audit.yaml").model_copy(update={"batch": batch})
