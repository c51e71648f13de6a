"""The cases that are shown, and the pictures of them: outlines, gradients, depths."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from audit.record import Case, Map
from audit.report import figures, panel, words
from audit.report.blocks import CaseBlock, Fact, Picture, Strip
from audit.report.source import Source


def answer(source: Source, case: Case) -> str:
    """Label and answer of a case in one line."""
    prediction = source.predictions.get(case.id)
    if prediction is None:
        return f"labelled {case.label}; the model gave no answer"
    top = max(prediction.probabilities, default=0.0)
    return f"labelled {case.label}, answered {prediction.predicted} ({words.number(top)})"


def credit(case: Case) -> str:
    """The attribution that stands wherever the picture is printed."""
    return f" Picture: {words.sentence(case.credit)}" if case.credit else ""


def overlay(
    source: Source,
    case: Case,
    map_: Map | None,
    regions: Iterable[str],
    *,
    lead: str = "",
    target: str = "predicted",
    credited: bool = False,
) -> Picture | None:
    """A case with a map (or none) and outlines over it; None where its picture was not kept."""
    base = source.pixels(case.id)
    if base is None:
        return None
    heat = source.heat(map_, case.id, target) if map_ else None
    if heat is not None and heat.shape != base.shape[:2]:
        heat = None
    gradient = map_ is not None and map_.family == "gradient"
    signed = map_ is not None and map_.signed and not gradient
    lesion = source.mask("lesion", case.id)
    shown = {n: source.mask(n, case.id) for n in regions if n != "lesion" and not n.startswith("lesion:")}
    outlined = [source.title(n) for n, mask in shown.items() if mask is not None]
    pixels = figures.compose(
        base,
        heat=heat,
        signed=signed,
        clip=gradient,
        lesion=lesion,
        regions=[m for m in shown.values() if m is not None],
    )
    parts = [f"Case {case.id}"]
    if map_ is not None and heat is not None:
        parts.append(f"map of {words.map_title(map_.explainer, map_.layer)} over the picture")
    parts += ["the lesion outlined"] if lesion is not None else []
    parts += [f"outlined: {', '.join(outlined)}"] if outlined else []
    remarks = [lead] if lead else []
    if map_ is not None and heat is None:
        remarks.append("no map was kept for this case")
    elif heat is not None and not np.any(heat):
        remarks.append("the map is zero everywhere")
    caption = " ".join(words.sentence(r) for r in remarks)
    return figures.picture(
        pixels, alt="; ".join(parts) + ".", caption=caption + (credit(case) if credited else "")
    )


def main_map(source: Source) -> Map | None:
    """The map that stands for all where one picture must do: fused, else the last depth, else LIME."""
    order = (
        "fused.grad-cam++",
        "fused.grad-cam",
        "grad-cam++.last",
        "grad-cam.last",
        "cam.last",
        "lime.mean",
    )
    by_name = {m.name: m for m in source.maps}
    return next((by_name[n] for n in order if n in by_name), next(iter(source.maps), None))


def chosen(source: Source) -> list[tuple[Case, str]]:
    """At most six cases and why they were chosen: wrong answers, largest effects, typical answers."""
    by_id = {c.id: c for c in source.cases}
    answered = [source.predictions[c.id] for c in source.cases if c.id in source.predictions]
    sure = {p.case: max(p.probabilities, default=0.0) for p in answered}
    taken: dict[str, str] = {}

    def take(ids: Iterable[str], why: str, most: int) -> None:
        fresh = [i for i in ids if i in by_id and i not in taken]
        taken.update(dict.fromkeys(fresh[:most], why))

    wrong = sorted((p.case for p in answered if p.predicted != p.label), key=lambda i: (-sure[i], i))
    take(wrong, "a wrong answer of which the model was sure", 2)
    artefacts = {r.name for r in source.listed if r.role == "artefact"}
    effects = source.effects_of("removal")
    effects = effects[effects["region"].isin(artefacts)].dropna(subset=["difference"])
    size = effects.assign(size=effects["difference"].astype(float).abs())
    ranked = size.sort_values(["size", "case", "region"], ascending=[False, True, True], kind="stable")
    best = ranked.drop_duplicates("case")
    for case, region, difference in zip(best["case"], best["region"], best["difference"], strict=True):
        if sum(why.startswith("a large effect") for why in taken.values()) == 2:
            break
        take(
            [case],
            f"a large effect: painting over {source.title(region)} changed the answer by "
            f"{words.number(float(difference))} log-odds beyond control",
            1,
        )
    for label in dict.fromkeys(p.label for p in answered):
        right = sorted(
            (p.case for p in answered if p.label == p.predicted == label), key=lambda i: (sure[i], i)
        )
        middle = len(right) // 2
        if sum(why.startswith("a typical") for why in taken.values()) < 2:
            take(right[middle:] + right[:middle], f"a typical right answer for {label}", 1)
    return [(by_id[i], why) for i, why in taken.items()]


def block(source: Source, case: Case, why: str) -> CaseBlock:
    """A case of the gallery with everything that was kept of it."""
    prediction = source.predictions.get(case.id)
    facts = [Fact(name="Label", text=case.label)]
    if prediction is None:
        facts.append(Fact(name="Answer", text="the model gave no answer"))
    else:
        facts.append(Fact(name="Answer", text=prediction.predicted))
        pairs = sorted(zip(source.classes, prediction.probabilities, strict=False), key=lambda p: -p[1])
        listed = [f"{name} {words.number(p, 3)}" for name, p in pairs[:5]]
        rest = f"; {len(pairs) - 5} more classes below" if len(pairs) > 5 else ""
        facts.append(Fact(name="Probabilities", text="; ".join(listed) + rest))
    facts += [Fact(name="Patient", text=case.patient)] if case.patient and case.patient != case.id else []
    facts += [Fact(name="Group", text=case.group)] if case.group else []
    if case.lesion is None:
        facts.append(Fact(name="Lesion", text="nobody drew one for this case"))
    facts += [Fact(name="Picture", text=case.credit)] if case.credit else []
    strips = [s for s in (_bare(source, case), _depths(source, case)) if s]
    return CaseBlock(
        title=case.id, chosen=why, facts=tuple(facts), strips=(*strips, *panel.strips(source, case))
    )


def _bare(source: Source, case: Case) -> Strip | None:
    base = source.pixels(case.id)
    if base is None:
        return None
    regions = [r.name for r in source.listed if r.role == "artefact"]
    there = [n for n in regions if source.mask(n, case.id) is not None]
    shown = ["the corners"] if any(n.startswith("corner-") for n in there) else []
    shown += [source.title(n) for n in there if not n.startswith("corner-")]
    lesion = source.mask("lesion", case.id) is not None
    said = (["solid: the lesion"] if lesion else []) + ([f"dashed: {', '.join(shown)}"] if shown else [])
    plain = figures.picture(
        figures.compose(base),
        alt=f"Case {case.id}, as the model was shown it.",
        caption="As the model was shown it.",
    )
    lead = "Outlines; " + "; ".join(said) if said else "No lesion was drawn and no region was found"
    maps = [m for m in source.maps if m.family == "gradient"]
    drawn = [overlay(source, case, m, [], lead=words.map_title(m.explainer, m.layer)) for m in maps]
    return panel.strip(
        "The picture, and the gradients" if maps else "The picture",
        [plain, overlay(source, case, None, regions, lead=lead), *drawn],
        "Gradients: magnitude at each pixel; the strongest 1 % of the pixels are drawn alike."
        if maps
        else "",
    )


def _depths(source: Source, case: Case) -> Strip | None:
    names = {m.explainer for m in source.maps}
    family = next((n for n in ("grad-cam++", "grad-cam", "cam") if n in names), None)
    if family is None:
        return None
    maps = [m for m in source.maps if m.explainer == family][:5]
    fused = [m for m in source.maps if m.explainer == "fused"]
    maps += [m for m in fused if m.layer == family] or fused[:1]
    found = {r.name for r in source.listed if r.role == "artefact" and not r.name.startswith("corner")}
    pictures = [
        overlay(source, case, m, sorted(found), lead=words.map_title(m.explainer, m.layer)) for m in maps
    ]
    return panel.strip(
        "Depths of the network, and the view fused over them",
        pictures,
        "Maps for the predicted class; each is scaled to its own strongest pixel.",
    )
