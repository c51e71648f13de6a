"""What a run may hold that somebody asks for: each fact in words, and how it is seen in the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from audit.report.dossier.criteria import locked_before
from audit.report.dossier.parts import stated
from audit.report.dossier.provenance import prints
from audit.report.dossier.qualification import qualified
from audit.report.source import DISCOVERED, Source


class Held(NamedTuple):
    """A fact: what is missing where it does not hold, in a few words, and the test."""

    words: str
    test: Callable[[Source], bool]


def _said(part: str, *keys: str) -> Callable[[Source], bool]:
    return lambda source: all(stated(source, part).get(key) for key in keys)


def _signed(source: Source) -> bool:
    said = stated(source, "document")
    return all((said.get(who) or {}).get("name") for who in ("author", "reviewer", "approver"))


def _measured(*metrics: str) -> Callable[[Source], bool]:
    return lambda source: any(e.value is not None for m in metrics for e in source.find(m))


def _model(*keys: str) -> Callable[[Source], bool]:
    return lambda source: all(source.run.manifest.get("model", {}).get(key) for key in keys)


def _splits(source: Source) -> bool:
    return len({p.split for p in prints(source)}) > 1


def _patients(source: Source) -> bool:
    return any(c.patient != c.id for c in source.cases)


def _strata(source: Source) -> bool:
    return any(e.stratum != "all" and e.value is not None for e in source.estimates)


def _groups(source: Source) -> bool:
    return any(e.stratum.startswith("group=") and e.value is not None for e in source.estimates)


def _control(source: Source) -> bool:
    gates = [f for f in source.judgement["gates"] if f["evidence"] == "control"]
    return bool(gates) and all(f["outcome"] == "clear" for f in gates)


def _rules(key: str) -> Callable[[Source], bool]:
    return lambda source: any(rule.get(key) for rule in source.rules.values())


def _intervals(source: Source) -> bool:
    return any(e.low is not None and e.high is not None for e in source.estimates)


HELD: dict[str, Held] = {
    "purpose": Held("the intended purpose", _said("intended_use", "purpose")),
    "population": Held("the patients that it is meant for", _said("intended_use", "population")),
    "users": Held("the users", _said("intended_use", "users")),
    "operating-point": Held("the operating point", _said("intended_use", "operating_point")),
    "contraindications": Held("what it is not to be used for", _said("intended_use", "contraindications")),
    "claim": Held("the claim under audit", _said("intended_use", "claim")),
    "model-digest": Held("the digest of the weights file", _model("sha256")),
    "model-content": Held("the digest of the network's tensors", _model("content")),
    "architecture": Held("the architecture", _model("architecture")),
    "preprocessing": Held("how pictures are prepared", _model("size", "mean", "std", "fit")),
    "packages": Held("the packages", lambda s: bool(s.run.manifest.get("packages"))),
    "hardware": Held("the hardware", lambda s: bool(s.run.manifest.get("hardware"))),
    "configuration": Held("the configuration", lambda s: bool(s.run.manifest.get("config"))),
    "history": Held("the run's history", lambda s: bool(s.run.manifest.get("history"))),
    "seal": Held("the seal", lambda s: s.run.manifest.get("status") == "complete"),
    "manifest-digest": Held("the manifest's digest", lambda s: bool(s.run.manifest["data"].get("sha256"))),
    "file-digests": Held("the digests of the pictures", lambda s: bool(prints(s))),
    "sources": Held("the sources of the pictures", _said("provenance", "sources")),
    "sites": Held("the sites", _said("provenance", "sites")),
    "devices": Held("the devices", _said("provenance", "devices")),
    "selection": Held("what was included and left out", _said("provenance", "inclusion", "exclusion")),
    "deidentification": Held("de-identification", _said("provenance", "deidentification")),
    "splitting": Held("how the set was split", _said("provenance", "splitting")),
    "splits-compared": Held("a comparison of splits by picture", _splits),
    "patients": Held("patients' names for pictures, to compare and resample by", _patients),
    "labels": Held("where the labels come from", _said("reference_standard", "labels")),
    "annotators": Held("who drew the masks", _said("reference_standard", "drawn_by", "qualifications")),
    "annotation": Held("how the masks were drawn", _said("reference_standard", "procedure")),
    "annotator-agreement": Held("how far those who drew agreed", _said("reference_standard", "agreement")),
    "masks": Held("drawn masks", lambda s: any(c.lesion is not None for c in s.cases)),
    "accuracy": Held("accuracy or AUC", _measured("accuracy", "auc")),
    "intervals": Held("intervals", _intervals),
    "effect-sizes": Held("the spread of effects", _measured("removal", "shift")),
    "strata": Held("results for each label", _strata),
    "groups": Held("results for each group, such as a site", _groups),
    "cases-shown": Held("cases shown one by one", lambda s: bool(s.predictions)),
    "wrong-cases": Held("wrong answers shown", lambda s: any(s.wrong(c.id) for c in s.cases)),
    "explainers": Held("an explainer that applied", lambda s: bool(s.maps)),
    "explainers-tested": Held("tests of the explainers", _measured("sanity", "deletion")),
    "explainers-compared": Held("how far explainers agree", _measured("rank-correlation")),
    "removal": Held("regions taken away", _measured("removal")),
    "transplant": Held("artefacts put into other cases", _measured("transplant")),
    "shifts": Held("signs of the whole picture changed", _measured("shift")),
    "association": Held("what goes with the label", _measured("association", "separation")),
    "harm": Held("figures with and without an artefact", _measured("accuracy-gap", "auc-inflation")),
    "discovery": Held(
        "a search for places that nobody listed",
        lambda s: (
            any(r.detector == DISCOVERED for r in s.regions) or bool(s.run.manifest.get("undiscovered"))
        ),
    ),
    "positive-control": Held("a positive control that passed", _control),
    "criteria": Held("limits set as rules", lambda s: bool(s.rules)),
    "criteria-before": Held("a protocol that shows the limits were set before the run", locked_before),
    "requirements": Held("requirements named by rules", _rules("requirements")),
    "risks": Held("risks named by rules", _rules("risks")),
    "verdict": Held("a verdict", lambda s: s.judged),
    "limitations": Held("limitations", lambda s: True),
    "failures": Held("a list of what is missing", lambda s: True),
    "signers": Held("the names of author, reviewer and approver", _signed),
    "self-test": Held("a self-test that this installation passed", qualified),
}
