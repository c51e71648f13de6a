"""LIME's questions come in rounds that depend on the answers: what is written depends on neither batch nor order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import toy

import audit
from audit.explain import lime
from audit.record import Case

MOST = 160


def predict(images):
    """Light in the middle, and more of it where the corner is light too: superpixels work together."""
    middle = images[:, 10:22, 10:22].mean((1, 2, 3), dtype=float)
    corner = images[:, :8, :16].mean((1, 2, 3), dtype=float)
    p = 1 / (1 + np.exp(4.5 - 9 * middle - 6 * middle * corner))
    return np.stack([1 - p, p], 1)


def run(out: Path, batch: int, order: list[int], **how) -> audit.record.Run:
    rows = []
    for number in order:
        ill = number % 2 == 1
        picture, _, _ = toy.arrays(number, ill=ill, tagged=number % 8 in (1, 2, 3, 5))
        if number == 4:
            picture[:] = 90  # plain: both fills change nothing, or there is one superpixel
        rows.append({"id": f"{number:03d}", "image": picture, "label": "ill" if ill else "well"})
    return audit.run(
        model=predict,
        images=rows,
        classes=["well", "ill"],
        out=out,
        size=(32, 32),
        batch=batch,
        lime={"samples": MOST, **how},
        explainers=["lime"],
        regions=["corners"],
        cues=[],
        removal={"controls": 1, "few": 1, "fills": ["inpaint"], "doses": []},
        second_look={"faithfulness": 0, "sanity": 0, "discovery": 0},
        report=False,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return run(tmp_path_factory.mktemp("rounds") / "run", 16, list(range(8)))


def kept(found) -> dict[str, np.ndarray]:
    """LIME's arrays and maps, a row a case, by the cases' ids."""
    order = np.argsort([c.id for c in found.read(Case)])
    files = sorted(p for folder in ("lime", "maps") for p in (found.path / folder).glob("*.npy"))
    return {f"{p.parent.name}/{p.name}": np.load(p)[order] for p in files}


@pytest.mark.parametrize(
    ("batch", "order"), [(1, list(range(8))), (7, list(range(8))), (512, [5, 2, 7, 0, 1, 6, 3, 4])]
)
def test_the_same_bytes_whatever_the_batch_and_the_order_of_the_cases(done, tmp_path, batch, order):
    other = run(tmp_path / "run", batch, order)
    first, second = kept(done), kept(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("fill", ["mean", "surround"])
def test_the_record_is_what_was_asked(done, fill):
    """Asked again, each question of the kept design has the answer that was kept; beyond it there is none."""
    arrays = kept(done)
    asked = arrays[f"lime/asked-{fill}.npy"]
    assert len(set(asked[asked > 0])) > 1
    assert asked.max() <= MOST
    assert done.manifest["passes"]["kinds"]["lime"] == sum(
        arrays[f"lime/asked-{f}.npy"].sum() for f in lime.FILLS
    )
    explained = next(e for e in done.explained if e.explainer == "lime")
    assert explained.settings == {
        "samples": MOST,
        "design": "hadamard",
        "target": "probability",
        "stop": True,
    }
    for number in (1, 2, 3):
        picture, _, _ = toy.arrays(number, ill=number % 2 == 1, tagged=number % 8 in (1, 2, 3, 5))
        image = (picture / 255).astype(np.float32)
        segments, count = arrays["lime/segments.npy"][number].astype(int), int(asked[number])
        shown = arrays["lime/design.npy"][number, :count, : segments.max() + 1]
        filled = lime.FILLS[fill](image, segments)
        answers = predict(np.stack([np.where(row[segments][..., None], image, filled) for row in shown]))
        own = predict(image[None])[0].argmax()
        got = arrays[f"lime/answers-{fill}.npy"][number, :, 0]
        np.testing.assert_allclose(got[:count], answers[:, own], atol=1e-5)
        assert np.isnan(got[count:]).all()
        weights = arrays[f"lime/weights-{fill}.npy"][number, 0]
        half = arrays[f"lime/half-{fill}.npy"][number, 0]
        assert np.isfinite(half[np.isfinite(weights)]).all()
        assert np.isnan(weights[segments.max() + 1 :]).all()


def test_without_stopping_every_question_is_asked_and_log_odds_weigh_more(done, tmp_path):
    """A logit moves further than its probability; the classic design is one setting away."""
    whole = run(tmp_path / "run", 16, list(range(8)), stop=False, design="iid", target="logodds")
    arrays, before = kept(whole), kept(done)
    asked = arrays["lime/asked-mean.npy"]
    assert set(asked[asked > 0]) == {MOST}
    assert arrays["lime/design.npy"][1, 0, : arrays["lime/segments.npy"][1].max() + 1].all()
    heavy = [np.nanmax(np.abs(a["lime/weights-surround.npy"][1, 0])) for a in (arrays, before)]
    assert heavy[0] > 2 * heavy[1]
