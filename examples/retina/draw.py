"""Draw pictures of the retina, with exact masks of what is ill in them and of what the camera wrote on them.

    python draw.py              draws the committed set again: pictures/, masks/, tags/ and cases.csv
    python draw.py --sheet      draws a sheet of samples to sheet.png

The pictures are made up: no person's eye is shown. A picture is a function of its seed. The same seed with
and without lesions, or with and without the tag, is the same eye by the same camera with the same noise, so
that what a lesion or a tag does to a model can be told apart from everything else.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

HERE = Path(__file__).resolve().parent
SIZE = 128  # pixels of a side
FINE = 4  # shapes are drawn this much larger, then averaged down
CASES = 120
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64) + 0.5
CAMERAS = {
    "A": {"tint": (0.76, 0.37, 0.18), "radius": 61.0, "cut": 64.0, "notch": True},
    "B": {"tint": (0.66, 0.39, 0.20), "radius": 66.0, "cut": 56.0, "notch": False},
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One drawn retina: image uint8 (h, w, 3); lesion and tag bool (h, w), empty where there is none."""

    image: np.ndarray
    lesion: np.ndarray
    tag: np.ndarray


def draw(
    seed: int,
    *,
    referable: bool,
    tag: bool,
    camera: str = "A",
    left: bool = False,
    pigment: int | None = None,
) -> Picture:
    """The retina of this seed.

    ``referable`` adds the seed's lesions, ``tag`` the seed's tag, ``left`` shows a left eye, ``pigment``
    gives two eyes of one patient one colour.

    >>> ill, well = (draw(7, referable=r, tag=False) for r in (True, False))
    >>> bool(ill.lesion.any()), bool(well.lesion.any())
    (True, False)
    """
    eye, sick, lens, grain = (np.random.default_rng([seed, part]) for part in range(4))
    colour = np.random.default_rng([seed if pigment is None else pigment, 4])
    side = -1.0 if left else 1.0  # the disc lies to the nose: to the right in a right eye's picture
    disc = np.array([64 + side * eye.uniform(22, 29), 64 + eye.uniform(-5, 5)])
    fovea = np.array([disc[0] - side * eye.uniform(33, 37), disc[1] + eye.uniform(1, 6)])
    retina = _background(eye, colour, disc, fovea, CAMERAS[camera]["tint"])
    retina = _vessels(eye, retina, disc, fovea, side)
    retina = _drusen(eye, retina, fovea)
    lesion = np.zeros((SIZE, SIZE))
    if referable:
        retina, lesion = _lesions(sick, retina, disc, fovea)
    image, lesion, seen = _photograph(lens, grain, retina, lesion, camera)
    levels = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    tagged, letters = with_tag(levels, seed, left=left)
    written = letters if tag else np.zeros_like(seen)
    return Picture(image=tagged if tag else levels, lesion=(lesion > 0.12) & seen, tag=written)


def with_tag(image: np.ndarray, seed: int, *, left: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The picture with this seed's tag burned into its top left corner, and where the letters are.

    >>> plain, tagged = (draw(7, referable=False, tag=t).image for t in (False, True))
    >>> bool((with_tag(plain, 7)[0] == tagged).all())
    True
    """
    letters = _tag(np.random.default_rng([seed, 5]), left)
    inked = image * (1 - letters[..., None]) + 235 * letters[..., None]
    return (inked + 0.5).astype(np.uint8), letters > 0.1


def as_jpeg(image: np.ndarray) -> bytes:
    """The picture as the camera stores it."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=90)
    return out.getvalue()


def stored(image: np.ndarray) -> np.ndarray:
    """The picture as it comes back from the camera's file."""
    return np.asarray(Image.open(io.BytesIO(as_jpeg(image))).convert("RGB"))


def _bump(centre: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-((COLUMNS - centre[0]) ** 2 + (ROWS - centre[1]) ** 2) / (2 * width**2))


def _smooth_noise(rng: np.random.Generator, width: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), width, mode="wrap")
    return noise / noise.std()


def _background(
    rng: np.random.Generator, colour: np.random.Generator, disc: np.ndarray, fovea: np.ndarray, tint: tuple
) -> np.ndarray:
    """Pigment, choroid, macula and optic disc: linear light, (h, w, 3)."""
    base = np.array(tint) * colour.uniform(0.92, 1.08, 3) * colour.uniform(0.9, 1.1)
    shade = 1 + 0.035 * _smooth_noise(rng, 12) + 0.018 * _smooth_noise(rng, 3)
    shade += 0.10 * _bump(disc, 26) - 0.10 * _bump(fovea, 15)
    retina = base * shade[..., None]
    retina *= 1 - _bump(fovea, 5.0)[..., None] * np.array([0.20, 0.36, 0.45])
    long, short, turn = rng.uniform(8.2, 9.6), rng.uniform(7.2, 8.2), rng.uniform(-0.3, 0.3)
    x, y = COLUMNS - disc[0], ROWS - disc[1]
    u, v = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    reach = np.hypot(u / short, v / long)
    head = 1 / (1 + np.exp((reach - 1) * 9))
    cup = 1 / (1 + np.exp((reach - rng.uniform(0.38, 0.55)) * 12))
    glow = np.array([1.0, 0.76, 0.46]) * (0.9 + 0.1 * cup[..., None]) + cup[..., None] * [0.0, 0.10, 0.14]
    return retina * (1 - 0.9 * head[..., None]) + glow * 0.9 * head[..., None]


def _walk(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    goal: float,
    width: float,
    length: float,
    fovea: np.ndarray,
    depth: int,
) -> list[tuple[list, float]]:
    """A vessel and its branches as (points, width) pieces; the heading drifts from ``heading`` to ``goal``."""
    step, (x, y), points, pieces = 2.0, start, [start], []
    drift, fork = 0.0, rng.uniform(7, 14)
    steps = max(3, int(length / step))
    wobble = rng.normal(0, 0.12, steps)
    for k in range(steps):
        drift = 0.85 * drift + wobble[k]
        angle = heading + (goal - heading) * min(1.0, k / (0.62 * steps)) + drift
        x, y = x + step * math.cos(angle), y + step * math.sin(angle)
        if math.hypot(x - fovea[0], y - fovea[1]) < 8 or math.hypot(x - 64, y - 64) > 70:
            break
        points.append((x, y))
        fork -= step
        if fork < 0 and depth < 3 and width > 0.72:
            fork = rng.uniform(9, 17)
            turn = rng.choice([-1, 1]) * rng.uniform(0.5, 1.0)
            rest = (steps - k) * step * rng.uniform(0.45, 0.9)
            pieces += _walk(
                rng, (x, y), angle + turn, angle + 0.5 * turn, 0.64 * width, rest, fovea, depth + 1
            )
            width *= 0.92
    return [(points, width), *pieces]


def _vessels(
    rng: np.random.Generator, retina: np.ndarray, disc: np.ndarray, fovea: np.ndarray, side: float
) -> np.ndarray:
    """Arcades from the disc round the macula: arteries bright and thin, veins dark and wide."""
    for vein in (False, True):
        sheet = Image.new("L", (SIZE * FINE, SIZE * FINE))
        pen = ImageDraw.Draw(sheet)
        for up in (-1.0, 1.0):
            for temporal in (True, False):
                first = up * rng.uniform(1.15, 1.45) if temporal else up * rng.uniform(0.9, 1.35)
                last = up * rng.uniform(-0.05, 0.22) if temporal else up * rng.uniform(0.25, 0.7)
                toward = -side if temporal else side
                heading, goal = ((a if toward > 0 else np.pi - a) for a in (first, last))
                width = rng.uniform(1.9, 2.4) * (1.0 if vein else 0.72) * (1.0 if temporal else 0.75)
                begin = (disc[0] + rng.uniform(-1.6, 1.6), disc[1] + rng.uniform(-1.6, 1.6))
                length = rng.uniform(85, 105) if temporal else rng.uniform(35, 50)
                for points, thick in _walk(rng, begin, heading, goal, width, length, fovea, 0):
                    _stroke(pen, points, thick)
        ink = np.asarray(sheet.reduce(FINE), dtype=np.float64) / 255
        depth = np.array([0.42, 0.62, 0.55]) if vein else np.array([0.20, 0.50, 0.48])
        retina = retina * (1 - ink[..., None] * depth)
    return retina


def _stroke(pen: ImageDraw.ImageDraw, points: list, width: float) -> None:
    """One vessel, thinner towards its end."""
    fine = [(FINE * x, FINE * y) for x, y in points]
    third = max(2, len(fine) // 3)
    for k in range(0, len(fine) - 1, third):
        thick = max(1, round(FINE * width * (1 - 0.55 * k / len(fine))))
        pen.line(fine[k : k + third + 1], fill=255, width=thick, joint="curve")


def _drusen(rng: np.random.Generator, retina: np.ndarray, fovea: np.ndarray) -> np.ndarray:
    """Soft pale spots of age, in one picture of three, ill or well alike: no sign of the disease."""
    if rng.random() > 0.35:
        return retina
    for _ in range(rng.integers(3, 9)):
        centre = fovea + rng.normal(0, 12, 2)
        spot = rng.uniform(0.06, 0.13) * _bump(centre, rng.uniform(1.6, 2.8))
        retina = retina + spot[..., None] * np.array([0.9, 0.8, 0.35])
    return retina


def _blot(rng: np.random.Generator, centre: np.ndarray, radius: float, stretch: float) -> list[tuple]:
    """An irregular outline, stretched along a random direction, in fine pixels."""
    angles = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    rough = 1 + sum(rng.normal(0, 0.15 / k) * np.cos(k * angles + rng.uniform(0, 6.3)) for k in (2, 3, 4))
    u, v = radius * rough * stretch * np.cos(angles), radius * rough / stretch * np.sin(angles)
    turn = rng.uniform(0, np.pi)
    x, y = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
    return [tuple(p) for p in (np.stack([x, y], 1) + centre) * FINE]


def _lesions(
    rng: np.random.Generator, retina: np.ndarray, disc: np.ndarray, fovea: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Microaneurysms, haemorrhages and hard exudates, and how much of each pixel they cover."""

    def place(spread: float) -> np.ndarray:
        while True:
            spot = fovea + rng.normal(0, spread, 2) if spread else 64 + rng.uniform(-46, 46, 2)
            if np.hypot(*(spot - 64)) < 48 and np.hypot(*(spot - disc)) > 15:
                return spot

    strength = rng.uniform(0.7, 1.0)
    layers = {}
    for kind in ("blood", "fat"):
        sheet = Image.new("L", (SIZE * FINE, SIZE * FINE))
        pen = ImageDraw.Draw(sheet)
        if kind == "blood":
            for _ in range(rng.integers(2, 8)):
                pen.polygon(_blot(rng, place(0), rng.uniform(1.4, 4.0), rng.uniform(1.0, 1.6)), fill=255)
            for _ in range(rng.integers(2, 8)):
                pen.polygon(_blot(rng, place(0), rng.uniform(0.7, 1.1), 1.0), fill=255)
        else:
            for _ in range(rng.integers(0, 4)):
                middle = place(17)
                for _ in range(rng.integers(4, 11)):
                    spot = middle + rng.normal(0, 3.6, 2)
                    if np.hypot(*(spot - 64)) < 50:
                        pen.polygon(_blot(rng, spot, rng.uniform(0.7, 1.9), rng.uniform(1.0, 1.3)), fill=255)
        layers[kind] = np.asarray(sheet.reduce(FINE), dtype=np.float64) / 255
    blood, fat = strength * layers["blood"], strength * layers["fat"]
    retina = retina * (1 - blood[..., None] * np.array([0.46, 0.74, 0.66]))
    retina = retina * (1 - 0.9 * fat[..., None]) + 0.9 * fat[..., None] * np.array([1.0, 0.88, 0.50])
    return retina, np.maximum(blood, fat)


def _photograph(
    lens: np.random.Generator, grain: np.random.Generator, retina: np.ndarray, lesion: np.ndarray, camera: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the camera makes of it: image (h, w, 3), lesion as blurred as the image, and the field of view."""
    make = CAMERAS[camera]
    centre = 64 + lens.uniform(-1.0, 1.0, 2)
    reach = np.hypot(COLUMNS - centre[0], ROWS - centre[1])
    field = np.clip(make["radius"] - reach, 0, 1) * np.clip(make["cut"] - abs(ROWS - centre[1]), 0, 1)
    if make["notch"]:
        angle = lens.uniform(0.6, 0.8)
        corner = centre + (make["radius"] + 1) * np.array([np.cos(angle), np.sin(angle)])
        field = np.maximum(field, (np.hypot(COLUMNS - corner[0], ROWS - corner[1]) < 2.6) * 1.0)
    light = lens.uniform(0.88, 1.12) * (1 - lens.uniform(0.25, 0.42) * (reach / 64) ** 2.5)
    tilt = lens.uniform(-0.06, 0.06, 2)
    light = light * (1 + tilt[0] * (COLUMNS - 64) / 64 + tilt[1] * (ROWS - 64) / 64)
    blur = lens.uniform(0.35, 0.65)
    seen = ndimage.gaussian_filter(retina * light[..., None], (blur, blur, 0)) * field[..., None]
    noise = grain.normal(0, 1, (SIZE, SIZE, 1)) * 0.008 + grain.normal(0, 0.006, (SIZE, SIZE, 3))
    seen = np.clip(seen, 0, 1) + noise * (0.25 + 0.75 * field[..., None])
    return np.clip(seen, 0, 1), ndimage.gaussian_filter(lesion, blur), field > 0.5


def _tag(rng: np.random.Generator, left: bool) -> np.ndarray:
    """What the camera's software burns into the top left corner: letter coverage (h, w) in [0, 1]."""
    texts = (
        f"{'OS' if left else 'OD'} {rng.choice([30, 45, 50])}",
        f"CAM{rng.integers(1, 5)}",
        f"{rng.integers(8, 18):02d}:{rng.integers(0, 60):02d}",
        f"ID {rng.integers(100, 1000)}",
    )
    sheet = Image.new("L", (SIZE, SIZE))
    place = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    font = ImageFont.load_default(size=11)
    ImageDraw.Draw(sheet).text(place, str(rng.choice(texts)), fill=255, font=font, anchor="lt")
    return np.asarray(sheet, dtype=np.float64) / 255


def cases(count: int = CASES, seed: int = 0) -> list[dict]:
    """The committed set: half referable, some patients with two eyes, and the tag going with the label.

    Eight of ten referable pictures bear the tag and two of ten healthy ones: in this set the tag could
    serve as the diagnosis, whether or not a model takes it.
    """
    rng = np.random.default_rng([seed, 99])
    labels = [False] * (count // 2) + [True] * (count - count // 2)
    tags = np.concatenate([rng.permutation(np.arange(count // 2) < 0.2 * (count // 2)) for _ in (0, 1)])
    tags[count // 2 :] = ~tags[count // 2 :]
    rows: list[dict] = []
    for k in rng.permutation(count):
        rows.append({"referable": labels[k], "tag": bool(tags[k])})
    for referable in (False, True):
        mine = [row for row in rows if row["referable"] == referable]
        two = len(mine) // 5  # so many patients give both eyes
        people = [p for p in range(two) for _ in (0, 1)] + list(range(two, len(mine) - two))
        for k, (row, person) in enumerate(zip(mine, people, strict=True)):
            row["person"] = (person, referable)
            row["left"] = bool(k % 2)
    order = {person: n for n, person in enumerate(dict.fromkeys(row["person"] for row in rows))}
    makes = rng.choice(list(CAMERAS), len(order))
    for n, row in enumerate(rows):
        number = order[row.pop("person")]
        row.update(seed=seed + n, pigment=10_000 + number, patient=f"P{number + 1:03d}")
        row["camera"] = str(makes[number])
        row["name"] = f"case-{n + 1:03d}"
    return rows


def drawn(row: dict) -> Picture:
    """The picture of one row of ``cases``."""
    keys = ("seed", "referable", "tag", "camera", "left", "pigment")
    return draw(**{key: row[key] for key in keys})


def write(folder: Path) -> None:
    """Write pictures/, masks/, tags/ and cases.csv into the folder."""
    for name in ("pictures", "masks", "tags"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with (folder / "cases.csv").open("w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["image", "label", "lesion", "patient", "group"])
        for row in cases():
            picture, name = drawn(row), row["name"]
            (folder / f"pictures/{name}.jpg").write_bytes(as_jpeg(picture.image))
            Image.fromarray(picture.lesion).save(folder / f"masks/{name}.png", optimize=True)
            if row["tag"]:
                Image.fromarray(picture.tag).save(folder / f"tags/{name}.png", optimize=True)
            label = "referable" if row["referable"] else "healthy"
            camera = f"camera {row['camera']}"
            table.writerow([f"pictures/{name}.jpg", label, f"masks/{name}.png", row["patient"], camera])


def sheet(rows: int = 4, columns: int = 8) -> Image.Image:
    """Samples side by side: healthy above, referable below, the tag in every second column."""
    out = Image.new("RGB", (columns * SIZE, rows * SIZE))
    for k in range(rows * columns):
        i, j = divmod(k, columns)
        ill, camera = i >= rows // 2, "AB"[(j // 2) % 2]
        picture = draw(500 + k, referable=ill, tag=bool(j % 2), camera=camera, left=bool(i % 2))
        out.paste(Image.fromarray(picture.image), (j * SIZE, i * SIZE))
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", action="store_true", help="draw samples to sheet.png, and no set")
    if parser.parse_args().sheet:
        sheet().save("sheet.png")
    else:
        write(HERE)
