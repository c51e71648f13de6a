"""Places that nobody listed: what speaks for each, pictures of it, and how the next audit can name it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audit.discover.saved import entry, file
from audit.record import Case, Map, Region
from audit.report import figures, gallery, panel, vocabulary, words
from audit.report.blocks import Fact, FoundBlock, Picture
from audit.report.reliance import dose_table, fill_table
from audit.report.source import Source
from audit.report.sufficiency import transplant_table

MONTAGE, MOST = 9, 48
"""Pictures of a montage; cases among which they are chosen and over which the mean map is taken."""

HOW = {
    "one place": "attribution stands at this place of the frame in case after case",
    "cluster": "attribution stands there in one cluster of cases that are explained alike",
    "moving": "the hottest spot of each case, wherever it is",
    "informative": "what the pictures show there goes with the label; no map was asked",
    "thing": "pictures of one class hold more of what looks like this, wherever it lies; no map was asked",
}


UNITS = {
    "informative": "as the largest t of its cells",
    "thing": "as the t of how much of it the pictures of a class hold, against the others",
}
"""Of how strongly a place stands out, where that is not attribution over its share of the area."""


def found_blocks(source: Source) -> tuple[FoundBlock, ...]:
    """Each found place."""
    return tuple(_block(source, region) for region in source.found)


def none_words(source: Source) -> tuple[str, ...]:
    """Why no place, or no further one, was found."""
    said = [
        words.sentence(str(w)[:1].upper() + str(w)[1:]) for w in source.run.manifest.get("undiscovered") or ()
    ]
    if source.found:
        return tuple(said)
    if said:
        return ("No place was found.", *said)
    look = (source.run.manifest.get("config") or {}).get("second_look") or {}
    if look.get("discovery") == 0:
        return ("The search for such places was switched off.",)
    return ("No place stood out beyond chance.",)


def _block(source: Source, region: Region) -> FoundBlock:
    settings = region.settings
    bearing = [c for c in source.cases if source.mask(region.name, c.id) is not None]
    looked = _spread(bearing)
    maps = _maps(source, str(settings.get("maps") or ""))
    heats = {c.id: h for c in looked if (h := _consensus(source, maps, c)) is not None}
    facts = [
        Fact(
            name="How it was found", text=HOW.get(str(settings.get("how")), words.plain(settings.get("how")))
        ),
        Fact(name="In", text=f"{words.share(len(bearing), len(source.cases))} of the cases"),
    ]
    if settings.get("commonest label"):
        there, base = (float(settings.get(k) or 0.0) for k in ("its share there", "its share in the set"))
        facts.append(
            Fact(
                name="Commonest label",
                text=f"{settings['commonest label']}: {words.percent(there)} of these cases, "
                f"{words.percent(base)} of the set",
            )
        )
    if settings.get("cluster sizes"):
        sizes = ", ".join(str(n) for n in settings["cluster sizes"])
        facts.append(Fact(name="Clusters", text=f"{sizes} cases"))
    if settings.get("strength") is not None:
        unit = UNITS.get(str(settings.get("how")), "times as much attribution as its share of the area")
        facts.append(Fact(name="Strength", text=f"{words.number(float(settings['strength']))} {unit}"))
    if settings.get("maps"):
        facts.append(Fact(name="Maps", text=str(settings["maps"])))
    if settings.get("limits"):
        facts.append(Fact(name="Limits", text=words.sentence(str(settings["limits"]))))
    kept = [f for moves in (False, True) if (f := file(source.run, region.name, moves=moves)).is_file()]
    line = entry(region.name, kept[0].relative_to(source.run.path)) if kept else ""
    tables = (fill_table(source, region), dose_table(source, [region]), transplant_table(source, [region]))
    mean = _mean(source, region, heats)
    strip = panel.strip("The cases that show it best", [mean, *_montage(source, region, looked, heats)])
    return FoundBlock(
        title=source.title(region.name),
        verdict=vocabulary.VERDICTS.get(source.verdict(region.name)),
        facts=tuple(facts),
        line=line,
        strips=(strip,) if strip else (),
        tables=tuple(t for t in tables if t is not None),
    )


def _spread(cases: list[Case]) -> list[Case]:
    """At most ``MOST`` of them, evenly."""
    if len(cases) <= MOST:
        return cases
    return [cases[int(i)] for i in np.linspace(0, len(cases) - 1, MOST)]


def _maps(source: Source, families: str) -> list[Map]:
    """The first map of each family that proposed the place; of all, where none is named."""
    wanted = {f.strip() for f in families.split(",") if f.strip()}
    first: dict[str, Map] = {}
    main = gallery.main_map(source)
    for map_ in (*([main] if main else []), *source.maps):
        if not wanted or map_.family in wanted:
            first.setdefault(map_.family, map_)
    return list(first.values())


def _consensus(source: Source, maps: list[Map], case: Case) -> NDArray[np.float32] | None:
    """The mean of a case's maps, each over its own sum of magnitudes."""
    kept = []
    for map_ in maps:
        heat = source.heat(map_, case.id)
        size = None if heat is None else np.abs(heat.astype(np.float32))
        if size is not None and float(size.sum()) > 0:
            kept.append(size / size.sum())
    return np.asarray(np.mean(kept, axis=0), np.float32) if kept else None


def _montage(
    source: Source, region: Region, cases: list[Case], heats: dict[str, NDArray[np.float32]]
) -> list[Picture | None]:
    """The cases with the most attribution inside, outlined; the place's own order where there is no map."""

    def inside(case: Case) -> float:
        mask, heat = source.mask(region.name, case.id), heats.get(case.id)
        if mask is None or heat is None or heat.shape != mask.shape:
            return 0.0
        return float(heat[mask].mean() / heat.mean())

    ranked = sorted(cases, key=lambda c: (-inside(c), c.id))[:MONTAGE]
    return [
        gallery.overlay(
            source, c, None, [region.name], lead=f"{c.id}: {gallery.answer(source, c)}", credited=True
        )
        for c in ranked
    ]


def _mean(source: Source, region: Region, heats: dict[str, NDArray[np.float32]]) -> Picture | None:
    """The mean map over the cases, on grey, with the place outlined where it stands still."""
    if not heats:
        return None
    mean = np.asarray(np.mean([h / h.mean() for h in heats.values()], axis=0), np.float32)
    masks = [m for c in heats if (m := source.mask(region.name, c)) is not None and m.shape == mean.shape]
    still = [m for m in masks[:1] if len(masks) > 1 and all(_overlap(m, o) > 0.5 for o in masks)]
    grey = np.full((*mean.shape, 3), 96, np.uint8)
    return figures.picture(
        figures.compose(grey, heat=mean, regions=still),
        alt=f"Mean map of {words.count(len(heats), 'case')} of {source.title(region.name)}.",
        caption=f"Mean map over {words.count(len(heats), 'case')}.",
    )


def _overlap(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    return float((one & two).sum() / max(1, (one | two).sum()))
