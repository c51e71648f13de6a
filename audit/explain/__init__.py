"""Where does the model look? The table of explainers; importing it needs no torch.

A trace explainer is a function ``(trace, layer) -> (b, h, w)``. SmoothGrad asks for gradient samples,
LIME for questions; the runner asks the model and hands back what they need.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from audit.errors import ConfigError
from audit.plugins import find, nearest

if TYPE_CHECKING:
    from audit.explain.layers import Layers

Needs = Literal["trace", "samples", "questions"]


@dataclass(frozen=True, kw_only=True)
class Explainer:
    """What an explainer is, what it needs, and what a report prints of it.

    ``layers``: the layers at which it always works; empty: every depth that was picked, and the user's own.
    ``reference`` is the function's ``module:name``, imported by :meth:`load` when it is first needed.
    """

    name: str
    family: str
    title: str
    needs: Needs
    signed: bool
    formula: str
    paper: str
    departures: str
    reference: str
    layers: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def load(self) -> Callable[..., Any]:
        """The function itself; imports torch where the explainer needs it."""
        module, _, function = self.reference.partition(":")
        loaded: Callable[..., Any] = getattr(importlib.import_module(module), function)
        return loaded

    def places(self, layers: Layers) -> tuple[tuple[str, ...], dict[str, str]]:
        """The layers at which it applies to this network, and for every other one the reason why not."""
        if self.name == "cam":
            return (("last",), {}) if layers.head is not None else ((), {"last": layers.why_no_cam})
        if self.name == "fused":
            return _fusable(layers)
        if self.layers:
            return self.layers, {}
        reasons = dict(layers.missing)
        usable = tuple(layers.by_depth)
        if self.name == "grad-cam++":
            reasons |= {
                key: NEGATIVE.format(name=layer.name)
                for key, layer in layers.by_depth.items()
                if not layer.positive
            }
            usable = tuple(key for key in usable if key not in reasons)
        return usable, reasons


NEGATIVE = (
    "what {name} puts out may be negative (no ReLU before it), and the denominators of Grad-CAM++ "
    "need values that are not"
)


def _fusable(layers: Layers) -> tuple[tuple[str, ...], dict[str, str]]:
    every = layers.depths
    positive = [depth for depth in every if layers.by_depth[depth].positive]
    usable, reasons = [], {}
    for name, depths in (("grad-cam", every), ("grad-cam++", positive)):
        if len(depths) >= 2:
            usable.append(name)
        else:
            reasons[name] = f"{name} applies at {len(depths)} of the depths; a fused view needs two"
    return tuple(usable), reasons


EXPLAINERS: dict[str, Explainer] = {
    "cam": Explainer(
        name="cam",
        family="cam",
        title="CAM",
        needs="trace",
        signed=True,
        layers=("last",),
        formula="M_c(i, j) = sum_k w^c_k A^k_ij",
        paper="Zhou et al. 2016, Learning Deep Features for Discriminative Localization, arXiv:1512.04150",
        departures="None. That the mean of M_c plus the bias is the score is tested on every pass.",
        reference="audit.explain.cam:cam",
    ),
    "grad-cam": Explainer(
        name="grad-cam",
        family="cam",
        title="Grad-CAM",
        needs="trace",
        signed=False,
        formula="ReLU(sum_k alpha_k A^k), alpha_k = (1/Z) sum_ij dS^c/dA^k_ij",
        paper="Selvaraju et al. 2017, Grad-CAM, arXiv:1610.02391, equations 1 and 2",
        departures="None. S^c is the score before the softmax; A is taken after the non-linearity.",
        reference="audit.explain.cam:grad_cam",
    ),
    "grad-cam++": Explainer(
        name="grad-cam++",
        family="cam",
        title="Grad-CAM++",
        needs="trace",
        signed=False,
        formula="ReLU(sum_k w_k A^k), w_k = sum_ij alpha^k_ij ReLU(g^k_ij), "
        "alpha = g^2 / (2 g^2 + (sum_ab A^k_ab) g^3), g = dS^c/dA",
        paper="Chattopadhay et al. 2018, Grad-CAM++, arXiv:1710.11063, equation 19 with Y = exp(S)",
        departures="No small number is added to the denominator. The common factor exp(S^c) is "
        "dropped: it changes no map's shape. Only at tensors that cannot be negative.",
        reference="audit.explain.cam:grad_cam_pp",
    ),
    "fused": Explainer(
        name="fused",
        family="cam",
        title="Depths fused",
        needs="trace",
        signed=False,
        layers=("grad-cam", "grad-cam++"),
        formula="sum_l (I_l / sum_m I_m) M_l / sum(M_l), I_l = sum_ij ReLU(sum_k a_k A^k_ij), a_k the mean gradient",
        paper="A rule of our own, after the fusion over layers in Jiang et al. 2021, LayerCAM, "
        "IEEE Transactions on Image Processing 30",
        departures="LayerCAM takes the maximum of maps that are each scaled by their own maximum, so "
        "that every layer speaks equally loud. Here each depth counts by its impact I_l, its own map's "
        "sum before any scaling, which for Grad-CAM is in units of the score.",
        reference="audit.explain.fused:fused",
    ),
    "vanilla-gradient": Explainer(
        name="vanilla-gradient",
        family="gradient",
        title="Vanilla Gradient",
        needs="trace",
        signed=False,
        layers=("input",),
        formula="M_ij = max_ch |dS^c/dx_ij,ch|",
        paper="Simonyan et al. 2013, Deep Inside Convolutional Networks, arXiv:1312.6034",
        departures="None. x is the normalised input that the network is given; with respect to the "
        "pixel in [0, 1] each channel's gradient would be larger by 1 / std of that channel.",
        reference="audit.explain.gradient:vanilla_gradient",
    ),
    "smoothgrad": Explainer(
        name="smoothgrad",
        family="gradient",
        title="SmoothGrad",
        needs="samples",
        signed=False,
        layers=("input",),
        formula="M_ij = max_ch |(1/n) sum_s dS^c/dx_ij,ch (x + N(0, sigma^2))|",
        paper="Smilkov et al. 2017, SmoothGrad, arXiv:1706.03825",
        departures="n is 25 unless set otherwise, where the paper finds little gain beyond 50. sigma "
        "is 0.15 of the picture's own range in the normalised space. Signed gradients are averaged; "
        "the magnitude is taken after.",
        reference="audit.explain.gradient:smooth_gradients",
        settings={"samples": 25, "sigma": 0.15},
    ),
    "lime": Explainer(
        name="lime",
        family="perturbation",
        title="LIME",
        needs="questions",
        signed=True,
        layers=("mean", "surround"),
        formula="min over w, b of sum_i pi_i (f(z_i) - b - z_i . w)^2 + |w|^2, "
        "pi = sqrt(exp(-D^2 / 0.25^2)), D the cosine distance to the whole picture; f the probability of the class, "
        "or with target logodds log p - log(1 - p)",
        paper="Ribeiro et al. 2016, Why Should I Trust You?, arXiv:1602.04938; superpixels by "
        "Quickshift (Vedaldi and Soatto 2008); the design hadamard: Plackett and Burman 1946, Biometrika 33, with "
        "the fold-over of Box and Hunter 1961, Technometrics 3",
        departures="Two fills: the superpixel's own mean colour, as in lime, and the mean colour of "
        "its surround, because the first paints a flat tag over with itself. Every superpixel keeps "
        "its signed weight, with an interval; one that its fill does not change is not tested. Superpixels are hidden "
        "by the rows of a Hadamard matrix and their opposites, not by coins (the design iid), and without the "
        "penalty |w|^2 where they tell all superpixels apart; a guess from the log-odds, linear in z, then helps to "
        "know the probability's weights (a regression estimator: what is estimated stays the same). The questions "
        "stop early where the intervals decide (stop).",
        reference="audit.explain.lime:plan",
        settings={"samples": 256, "design": "hadamard", "target": "probability", "stop": True},
    ),
}


def explainer(name: str, *, where: str = "explainers") -> Explainer:
    """The explainer of that name: ours, an installed plug-in's, or ``"package.module:function"``.

    A function is taken as a trace explainer, at every depth, of signed maps.

    Raises:
        ConfigError: there is none of that name, or it cannot be imported.

    >>> explainer("lime").needs
    'questions'
    """
    found = find(name, EXPLAINERS, stage="explain", where=where)
    if isinstance(found, Explainer):
        return found
    if not callable(found):
        raise ConfigError(f"{name!r} is no function", where=where, todo=nearest(name, EXPLAINERS))
    title = (found.__doc__ or name).strip().splitlines()[0]
    return Explainer(
        name=name.replace(":", ".").rpartition(".")[2],
        family="own",
        title=title,
        needs="trace",
        signed=True,
        formula="see its documentation",
        paper="",
        departures="a function of the user's own",
        reference=name if ":" in name else f"{found.__module__}:{found.__qualname__}",
    )
