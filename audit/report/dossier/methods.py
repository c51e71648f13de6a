"""Every method that this run used beside its explainers, with its source, our departure from it and its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from audit.report import words
from audit.report.dossier.parts import Section, kept, table
from audit.report.source import DISCOVERED, JOINT, Source


class Method(NamedTuple):
    """One method. ``used`` says whether this run holds anything of it, ``settings`` names keys of its configuration."""

    name: str
    source: str
    departure: str
    used: Callable[[Source], bool]
    settings: tuple[str, ...] = ()


def _intervention(name: str) -> Callable[[Source], bool]:
    return lambda source: not source.effects.empty and bool((source.effects["intervention"] == name).any())


def _fill(*names: str) -> Callable[[Source], bool]:
    return lambda source: not source.effects.empty and bool(source.effects["fill"].isin(names).any())


def _metric(*names: str) -> Callable[[Source], bool]:
    return lambda source: any(source.find(name) for name in names)


def _corrected(how: str) -> Callable[[Source], bool]:
    return lambda source: any(rule.get("correct") == how for rule in source.rules.values())


METHODS = (
    Method(
        "Removal of a region",
        "Zeiler and Fergus 2014 (occlusion); shortcuts found so: Nauta et al. 2021, Winkler et al. 2019",
        "Several fills in place of one grey box; matched control places of the same shape are changed in the same way "
        "and subtracted; effects are in standard deviations of the log-odds",
        _intervention("removal"),
        ("removal.controls", "removal.few", "removal.doses"),
    ),
    Method(
        "Fill: membrane from the rim",
        "Laplace's equation with the rim as boundary, as in Pérez, Gangnet and Blake 2003 without a guiding picture",
        "Free at the picture's frame",
        _fill("inpaint"),
    ),
    Method(
        "Fill: the ring's mean with noise",
        "Rong et al. 2022, arXiv:2202.00449 (noisy linear imputation)",
        "One mean for a part, and noise as strong as the ring's own",
        _fill("ring"),
    ),
    Method(
        "Fill: a patch of another case",
        "Pérez, Gangnet and Blake 2003 (Poisson cloning)",
        "The donor is a case that does not bear the region",
        _fill("donor"),
    ),
    Method(
        "All artefacts together",
        "Bissoto, Valle and Avila 2020",
        "none",
        lambda s: any(r.name == JOINT for r in s.regions),
    ),
    Method(
        "Strange pictures have no vote",
        "Lee et al. 2018, arXiv:1807.03888 (Mahalanobis distance); Ledoit and Wolf 2004",
        "Classes share one covariance, shrunk to a multiple of the identity; counted beyond the least strange way",
        _metric("strange"),
    ),
    Method(
        "Transplant of an artefact",
        "Nauta et al. 2021, Diagnostics 12; Winkler et al. 2019, JAMA Dermatology 155",
        "Every donor has its control transplants; one artefact is also put at a random other place",
        _intervention("transplant"),
        ("transplant.donors",),
    ),
    Method(
        "Change of one sign of the whole picture",
        "Adebayo et al. 2022 (blurring, to find a model that reads sharpness)",
        "By the difference of the classes' medians, lesions kept; against random changes of equal size",
        _intervention("shift"),
    ),
    Method(
        "Association within a label",
        "Spearman's rank correlation, pooled over labels as van Elteren 1960 pools",
        "none",
        _metric("follow"),
    ),
    Method(
        "Accuracy with and without an artefact; worst group",
        "Sagawa et al. 2020 (worst group)",
        "The gap is taken within labels",
        _metric("accuracy-gap", "worst-group"),
    ),
    Method(
        "Maps: mass, rank and pointing",
        "Arras, Osman and Samek 2022, Information Fusion 81; Zhang et al. 2018, IJCV 126 (pointing game)",
        "An empty region or a map of zeros is undefined, never a number",
        _metric("mass", "density", "pointing"),
    ),
    Method(
        "Maps: like places on the same map, and an edge map",
        "Clark et al. 2023 (XAI-TRIS); Adebayo et al. 2018",
        "Places of the same shape with as many edges and as far from the centre",
        _metric("beyond", "excess"),
    ),
    Method(
        "Agreement of maps",
        "Adebayo et al. 2018 (rank correlation); Krishna et al. 2022 (overlap of the top features)",
        "Of a signed map the evidence for the class is compared",
        _metric("rank-correlation", "top-overlap"),
    ),
    Method(
        "Weights drawn anew",
        "Adebayo et al. 2018, arXiv:1810.03292 (cascading randomisation)",
        "In few steps, on few cases; a map that hardly changes has no vote",
        _metric("sanity"),
        ("second_look.sanity",),
    ),
    Method(
        "Deletion, insertion and ROAD",
        "Petsiuk, Das and Saenko 2018 (RISE); Rong et al. 2022 (ROAD)",
        "Beside an order by chance in the same case",
        _metric("deletion", "insertion", "road"),
        ("second_look.faithfulness",),
    ),
    Method(
        "Places that nobody listed",
        "Lapuschkin et al. 2019 (clusters of maps); von Luxburg 2007 (spectral clustering)",
        "Each place is then removed and transplanted like a listed one",
        lambda s: any(r.detector == DISCOVERED for r in s.regions),
        ("second_look.discovery",),
    ),
    Method(
        "95 % intervals",
        "Efron and Tibshirani 1993 (percentile bootstrap); Clopper and Pearson 1934",
        "Patients are drawn, not cases; a share that is 0 or 1 in every case gets the exact binomial bound",
        lambda s: any(e.low is not None for e in s.estimates),
        ("seed",),
    ),
    Method("Correction for many tests of reliance", "Holm 1979", "none", _corrected("holm")),
    Method(
        "Correction for many tests in a screening",
        "Benjamini and Hochberg 1995",
        "none",
        _corrected("benjamini-hochberg"),
    ),
)


def methods(source: Source) -> Section:
    """The methods that this run used. Its explainers stand with their formulas under what was tested."""
    config = source.run.manifest.get("config") or {}
    rows = [
        (
            m.name,
            m.source,
            m.departure,
            "; ".join(f"{key} = {_setting(config, key)}" for key in m.settings) or "–",
        )
        for m in METHODS
        if m.used(source)
    ]
    head = ("Method", "Source", "Our departure from it", "Parameters")
    return Section(
        tables=kept(table("Interventions, measures and statistics", head, rows, kind="text methods"))
    )


def _setting(config: Any, key: str) -> str:
    for step in key.split("."):
        config = config.get(step) if isinstance(config, dict) else None
    return "none" if config == [] else words.plain(config)
