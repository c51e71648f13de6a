"""The words that stand for things in print: verdicts, metrics, kinds of evidence, explainers, ways of painting over."""

from __future__ import annotations

from audit.report.blocks import Word

VERDICTS: dict[str, Word] = {
    word.key: word
    for word in (
        Word(
            key="confirmed",
            word="Confirmed",
            sign="■",
            meaning="The model relies on an artefact. Its answer changes when the artefact is taken away, or a sign of "
            "the whole picture is changed, by more than the smallest change that matters, and in this set the "
            "artefact or sign goes together with the label.",
        ),
        Word(
            key="sensitive",
            word="Sensitive",
            sign="▲",
            meaning="The model's answer changes when an artefact or sign is taken away or changed, but nothing in this "
            "set ties it to the label. The model is brittle; that it learnt a shortcut is not shown.",
        ),
        Word(
            key="suspected",
            word="Suspected",
            sign="◆",
            meaning="There are signs that the model uses an artefact, but they are of one kind only or do not agree. "
            "That the answer depends on the artefact is not shown.",
        ),
        Word(
            key="clear",
            word="Clear",
            sign="●",
            meaning="For the artefacts and signs that were tested, on these pictures, taking them away or changing "
            "them moves the answer by less than the smallest change that matters, or the score does not follow "
            "them. This says nothing of what was not tested.",
        ),
        Word(
            key="undecided",
            word="Undecided",
            sign="○",
            meaning="The test could not decide, and the reasons are given. Undecided does not mean clear.",
        ),
        Word(
            key="legitimate",
            word="Legitimate",
            sign="◎",
            meaning="The model relies on a sign that a rule names as clinical. That is what an expert would use.",
        ),
    )
}

OUTCOMES: dict[str, Word] = {
    "flagged": Word(key="flagged", word="Flagged", sign="■", meaning="The rule's condition is met."),
    "clear": Word(key="clear", word="Clear", sign="●", meaning="The rule's condition for clearing is met."),
    "undecided": Word(
        key="undecided",
        word="Undecided",
        sign="○",
        meaning="Neither condition is met, or a number is missing.",
    ),
}

HELD = {"clear": "● yes", "flagged": "■ no", "undecided": "○ not known"}

MISUNDERSTOOD: dict[str, str] = {
    "confirmed": "It does not say that every answer is wrong, nor why the model learnt this.",
    "sensitive": "It does not say that the model learnt a shortcut.",
    "suspected": "It is not proof. It says where to look next.",
    "clear": "It is not approval of the model, and it does not say that the model reads the right sign.",
    "undecided": "It must not be read as clear. The reason says what is missing.",
    "legitimate": "It does not say that the model uses the sign as well as an expert would.",
}

METRICS: dict[str, tuple[str, float | None]] = {
    # the words, and where the line of no effect stands
    "mass": ("Share of the map in the region", None),
    "mass-positive": ("Share of the map's positive part in the region", None),
    "density": ("Density (share of the map over share of the picture; 1 is chance)", 1.0),
    "density-positive": ("Density of the map's positive part (1 is chance)", 1.0),
    "rank": ("Share of the strongest pixels that lie in the region", None),
    "rank-positive": ("Share of the strongest positive pixels that lie in the region", None),
    "pointing": ("Share of cases whose strongest pixel lies in the region", None),
    "pointing-positive": ("Share of cases whose strongest positive pixel lies in the region", None),
    "net": ("Evidence for minus evidence against in the region, as a share of the map", 0.0),
    "beyond": ("Share of like places of the same shape that hold less of the map (0.5 is chance)", 0.5),
    "excess": ("Doublings of the map's share over like places (0 is chance)", 0.0),
    "removal": ("Change on removal beyond control, in standard deviations", 0.0),
    "removal-change": ("Change on removal, control not subtracted, in standard deviations", 0.0),
    "removal-control": ("Change at the control places, in standard deviations", 0.0),
    "removal-flip": ("Share of answers that flip, beyond control", 0.0),
    "removal-pooled": (
        "Change on removal, all sane ways put together, control not subtracted, in standard deviations",
        0.0,
    ),
    "removal-pooled-flip": ("Share of answers that flip on removal, all sane ways put together", None),
    "leftover": ("What tells the classes apart, the lesions painted over, in standard deviations", 0.0),
    "removal-own": ("Change for the case's own label beyond control, in standard deviations", 0.0),
    "removal-dose": ("Change on lighter removal, control not subtracted, in standard deviations", 0.0),
    "strange": (
        "Share of painted pictures that are strange to the network, beyond the least strange way",
        None,
    ),
    "transplant": ("Change when put into other cases, beyond control, in standard deviations", 0.0),
    "transplant-change": (
        "Change when put into other cases, control not subtracted, in standard deviations",
        0.0,
    ),
    "transplant-control": ("Change by control transplants, in standard deviations", 0.0),
    "transplant-flip": ("Share of answers that flip when it is put there, beyond control", 0.0),
    "shift": ("Change when the sign alone is changed, beyond control, in standard deviations", 0.0),
    "shift-change": (
        "Change when the sign alone is changed, control not subtracted, in standard deviations",
        0.0,
    ),
    "shift-control": ("Change by random changes of equal size, in standard deviations", 0.0),
    "shift-flip": ("Share of answers that flip when the sign is changed, beyond control", 0.0),
    "separation": ("Rank correlation of the sign's value with this label", 0.0),
    "follow": ("Rank correlation of the score with the sign among cases of one label", 0.0),
    "carried": (
        "Change of a clinical reading when the sign alone is changed, of what the classes differ by",
        0.0,
    ),
    "accuracy-with": ("Share of right answers with it", None),
    "accuracy-without": ("Share of right answers without it", None),
    "accuracy-gap": ("Right answers where it goes with the label, minus where it conflicts", 0.0),
    "auc-inflation": ("AUC, minus the AUC with it made independent of the label", 0.0),
    "worst-group": ("Share of right answers in the group that fares worst", None),
    "lost": ("Share of drawn masks that were lost", None),
    "sanity": ("Rank correlation of a map with that of the network drawn anew", 0.0),
    "sanity-absolute": ("The same of the maps' magnitudes", 0.0),
    "sanity-step": ("Rank correlation after each step of drawing anew", 0.0),
    "deletion": ("Area under the deletion curve (low is faithful)", None),
    "insertion": ("Area under the insertion curve (high is faithful)", None),
    "road": ("ROAD: least relevant first minus most relevant first", 0.0),
    "deletion-gain": ("Deletion, better than an order by chance by", 0.0),
    "insertion-gain": ("Insertion, better than an order by chance by", 0.0),
    "road-gain": ("ROAD, better than an order by chance by", 0.0),
    "association": ("Presence with this label minus presence with the others", 0.0),
    "content-size": ("Rank correlation of the region's size with this label", 0.0),
    "content-mean": ("Rank correlation of the region's brightness with this label", 0.0),
    "content-spread": ("Rank correlation of the region's contrast with this label", 0.0),
    "presence": ("Share of cases that bear it", None),
    "accuracy": ("Share of right answers", None),
    "auc": ("Area under the ROC curve (0.5 is chance)", 0.5),
    "rank-correlation": ("Rank correlation of two maps", 0.0),
    "top-overlap": ("Overlap of the strongest parts of two maps", None),
}

METRICS |= {
    f"change:{name}": (f"{said}: candidate minus baseline", 0.0) for name, (said, _) in METRICS.items()
} | {
    f"growth:{name}": (f"{said}: how much larger than the baseline's", 0.0)
    for name, (said, _) in METRICS.items()
}

FAMILIES = {
    "cam": "class activation",
    "gradient": "gradient",
    "perturbation": "perturbation",
    "baseline": "knows nothing of the network",
    "own": "own",
    "within": "within a family",
    "between": "between families",
}

EVIDENCE = {
    "association": "Association: does the artefact go together with the label?",
    "attention": "Attention: does the model look there?",
    "reliance": "Reliance: does the answer need it?",
    "sufficiency": "Sufficiency: is it enough to turn the answer?",
    "harm": "Harm: does it flatter the figures?",
    "control": "Control: does the instrument see what it should?",
    "gate": "Gate: is there enough to decide on?",
}

EXPLAINERS = {
    "cam": "CAM",
    "grad-cam": "Grad-CAM",
    "grad-cam++": "Grad-CAM++",
    "fused": "Fused over depths",
    "vanilla-gradient": "Vanilla gradient",
    "smoothgrad": "SmoothGrad",
    "lime": "LIME",
    "edges": "Edges of the picture",
    "uniform": "Uniform map",
    "random": "An order by chance",
}

FILLS = {
    "inpaint": "from its rim (inpainted)",
    "ring": "colour and noise of its surround",
    "donor": "patch of a case without it",
    "reflect": "the picture beside it, mirrored",
    "blur": "blurred",
    "black": "black",
    "elsewhere": "at another place",
}
"""What a region is painted over with, short."""
