"""May the explainers be believed? Would they notice another network, and does the answer follow their order?"""

from __future__ import annotations

from audit.record import Estimate, Map
from audit.report import rulebook, vocabulary, words
from audit.report.blocks import Cell, Table
from audit.report.source import Source


def _sanity(source: Source, map_: Map) -> Estimate | None:
    metric = rulebook.veto(source.rules, "sanity").metric
    return source.one(metric, explainer=map_.explainer, layer=map_.layer, stratum="all")


def silent(source: Source) -> set[tuple[str, str]]:
    """Explainer and layer of the maps that have no vote."""
    bar = rulebook.veto(source.rules, "sanity")
    return {(m.explainer, m.layer) for m in source.maps if bar.holds(_sanity(source, m))}


def sanity_table(source: Source) -> Table | None:
    """How alike each map stays when the network's weights are drawn anew, from the top layer to all."""
    if not source.find("sanity"):
        return None
    mute = silent(source)
    rows = []
    for map_ in source.maps:
        wanted = {"explainer": map_.explainer, "layer": map_.layer, "stratum": "all"}
        last = _sanity(source, map_)
        if last is None:
            continue
        steps = sorted(source.find("sanity-step", **wanted), key=lambda e: int(e.other or 0))
        values = [e.value for e in steps]
        no = (map_.explainer, map_.layer) in mute
        told = (
            "no" if no else "yes" if last.value is not None else f"yes; not tested: {last.why or 'no reason'}"
        )
        line = ", ".join("–" if v is None else words.number(v) for v in values)
        rows.append(
            (
                Cell(text=words.map_title(map_.explainer, map_.layer)),
                Cell(text=vocabulary.FAMILIES.get(map_.family, map_.family)),
                words.pair_cell(last),
                words.pair_cell(source.one("sanity-absolute", **wanted)),
                Cell(kind="plot", curve=words.curve([1.0, *values], -1.0, 1.0, f"1, then {line}"))
                if values
                else Cell(text="–", kind="missing"),
                Cell(text=told),
                Cell(text=f"{last.n:,}", kind="number"),
            )
        )
    bar = rulebook.veto(source.rules, "sanity")
    how = {"low": "the lower end of the interval", "value": "the correlation"}.get(bar.bound, bar.bound)
    return Table(
        caption="Would the map be the same for another network?",
        head=(
            "Map",
            "Family",
            "All drawn anew",
            "Magnitudes",
            "From the top down",
            "Has it a vote?",
            "Cases",
        ),
        rows=tuple(rows),
        note="Rank correlation of a map with that of the same network once its weights are drawn anew, from the top "
        "layer on (Adebayo 2018): 1 is the same map, 0 another one. A map that stays the same comes from the picture, "
        f"not from what the network learnt; it has no vote where {how} is over {words.number(bar.value)}. "
        "The line begins at 1 and has a point for each step; the upper edge is 1, the lower −1, the grey line 0.",
        kind="numbers trust",
    )


FAITHFUL = ("deletion", "insertion", "road")


def faithful_table(source: Source) -> Table | None:
    """Whether the answer falls, or comes back, in the order of each map, beside an order by chance."""
    found = source.find("deletion")
    if not found:
        return None
    order = {(m.explainer, m.layer): i for i, m in enumerate(source.maps)}
    found.sort(key=lambda e: order.get((e.explainer, e.layer), len(order)))
    rows = []
    for e in found:
        wanted = {"explainer": e.explainer, "layer": e.layer, "stratum": "all"}
        chance = (e.explainer, e.layer) not in order
        cells: list[Cell] = []
        for metric in FAITHFUL:
            one, gain = source.one(metric, **wanted), source.one(f"{metric}-gain", **wanted)
            cells.append(_three(one))
            cells.append(Cell(text="·", kind="number") if chance else words.pair_cell(gain))
        rows.append(
            (
                Cell(text=words.map_title(e.explainer, e.layer)),
                *cells,
                Cell(text=f"{e.n:,}", kind="number"),
                Cell(text=f"{e.missing:,}", kind="number"),
            )
        )
    return Table(
        caption="Does the answer follow the order of the map?",
        head=("Map", "Deletion", "Gain", "Insertion", "Gain", "ROAD", "Gain", "Cases", "Missing"),
        rows=tuple(rows),
        note="Mean probability of the predicted class while pixels are taken away (deletion: low is faithful) or put "
        "back (insertion: high is faithful), strongest first; ROAD: the probability with the weakest pixels replaced "
        "minus that with the strongest. “Gain” is how much better than an order by chance in the same case: where "
        "its interval holds 0, the map's order means nothing to the network.",
        kind="numbers trust",
    )


def _three(e: Estimate | None) -> Cell:
    if e is None or e.value is None:
        return Cell(text="–", kind="missing")
    return Cell(text=words.number(e.value), kind="number")


def trust_words(source: Source) -> tuple[str, ...]:
    """Both tests in sentences."""
    said = []
    if source.find("sanity"):
        mute = silent(source)
        names = [words.map_title(m.explainer, m.layer) for m in source.maps if (m.explainer, m.layer) in mute]
        tried = [m for m in source.maps if (e := _sanity(source, m)) is not None and e.value is not None]
        count = words.count(len(tried), "map")
        if not tried:
            said.append("Whether the maps would be the same for another network could not be tested.")
        elif names:
            said.append(
                f"Of {count} put to the test, {len(names)} hardly change when the network's weights are drawn anew, "
                f"and have no vote: {', '.join(names)}."
            )
        else:
            said.append(
                f"Of {count} put to the test, none stays the same when the network's weights are drawn anew."
            )
    gains = [e for m in FAITHFUL for e in source.find(f"{m}-gain") if e.value is not None]
    maps = {(e.explainer, e.layer) for e in gains}
    better = {
        m
        for m in maps
        if sum(e.low is not None and e.low > 0 for e in gains if (e.explainer, e.layer) == m) >= 2
    }
    if maps:
        said.append(
            f"{len(better)} of {words.count(len(maps), 'map')} order the pixels better than chance by two or three of "
            "the three tests of faithfulness."
        )
    return tuple(said)
