"""The same pictures and the same network, asked by this package and by other libraries as their documentation does.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.peers --pictures 8 --rounds 3

Maps: Grad-CAM, Grad-CAM++ and LayerCAM at three depths; SmoothGrad; the localisation of every map; and the sum of
the parts that make one audit's table of attention. LIME's own comparison, at equal stability, is benchmarks/lime.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from audit.explain import lime
from audit.explain.applied import prepare
from audit.explain.gradient import smooth_gradients
from audit.explain.passes import Passes
from audit.measure.localisation import score
from audit.models.torch_module import TorchClassifier
from benchmarks.speed import sets
from benchmarks.speed.timing import HEADER, Job, Times, conditions, in_turns, line

CAMS = ["grad-cam", "grad-cam++", "benchmarks.speed.layercam:layer_cam"]
MAPS = 11
"""Maps of a picture in the sum: three methods at three depths, SmoothGrad and LIME."""
AIMS = {"grad-cam": 9.0, "torchcam": 2.4, "captum": 1.3, "quantus": 40.0, "sum": 5.0}
LIME_THEIRS, LIME_OURS = 1000, 256
"""Pictures that LIME asks about by default: the lime package's, and ours for each fill."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="+", default=["resnet18"], choices=["resnet18", "densenet121"])
    parser.add_argument("--smoothgrad", type=int, default=25, help="SmoothGrad's samples")
    parser.add_argument(
        "--lime", type=int, default=64, help="LIME's samples in this run; the sum scales them up"
    )
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # those of other libraries
    print(conditions())
    for name in given.networks:
        bench = Bench(name, given.pictures, given.smoothgrad, given.lime)
        times = in_turns(bench.jobs(), given.rounds)
        print(bench.told(times))


class Bench:
    """One network and its pictures, and the jobs on them."""

    def __init__(self, name: str, n: int, smoothgrad: int, samples: int) -> None:
        self.name, self.n, self.smoothgrad, self.samples = name, n, smoothgrad, samples
        self.network = sets.network(name)
        self.images, self.masks = sets.pictures(n)
        self.ids = [str(i) for i in range(n)]
        self.classifier = TorchClassifier(self.network, classes=sets.CLASSES)
        self.x = torch.from_numpy(self.images).permute(0, 3, 1, 2).contiguous()
        with torch.no_grad():
            self.targets = self.network(self.x).argmax(1).tolist()
        prepared = prepare(
            self.classifier,
            CAMS,
            self.images[:4],
            seed=0,
            batch=16,
            lime={},
            smoothgrad_samples=1,
            smoothgrad_sigma=0.15,
            passes=Passes(),
        )
        assert prepared.trace is not None
        self.trace = prepared.trace
        rng = np.random.default_rng(0)
        self.heats = np.abs(rng.standard_normal((n, MAPS, *self.masks.shape[1:]))).astype(np.float32)

    def layers(self) -> list[nn.Module]:
        """First, middle and last, as users of the other libraries name them."""
        net: Any = self.network
        if self.name == "resnet18":
            return [net.conv1, net.layer2, net.layer4]
        return [net.features.conv0, net.features.denseblock2, net.features.denseblock4]

    def jobs(self) -> dict[str, Job]:
        """Every job by its name, each on all pictures unless it says otherwise."""
        return {
            "cams": lambda: self.trace(self.images, self.ids, None),
            "cams by grad-cam": self._grad_cam,
            "cams by torchcam": self._torchcam,
            "smoothgrad": lambda: smooth_gradients(
                self.classifier, self.images, self.targets, self.ids, seed=0, samples=self.smoothgrad
            ),
            "smoothgrad by captum": self._captum,
            "saliency by captum": self._saliency,
            "scores": lambda: [
                score(heats, mask[None]) for heats, mask in zip(self.heats, self.masks, strict=True)
            ],
            "scores by quantus, one picture": self._quantus,
            "lime, one picture": self._lime,
            "lime by lime, one picture": self._lime_package,
        }

    def told(self, times: Mapping[str, Times]) -> str:
        """The table, the times of every job, and the sum."""
        each = {name: _over(t, 1 if "one picture" in name else self.n) for name, t in times.items()}
        rows = [
            line("CAMs: grad-cam / ours", each["cams by grad-cam"], each["cams"], AIMS["grad-cam"]),
            line("CAMs: torchcam / ours", each["cams by torchcam"], each["cams"], AIMS["torchcam"]),
            line(
                "SmoothGrad: captum / ours", each["smoothgrad by captum"], each["smoothgrad"], AIMS["captum"]
            ),
            line(
                "Scores: Quantus / ours",
                each["scores by quantus, one picture"],
                each["scores"],
                AIMS["quantus"],
            ),
        ]
        for what, theirs_asked, ours_asked in (
            ("as many of LIME's questions", LIME_OURS, LIME_OURS),
            ("LIME's questions by default", LIME_THEIRS, LIME_OURS),
        ):
            theirs = total(each, THEIRS, self.samples, theirs_asked)
            ours = total(each, OURS, self.samples, ours_asked)
            rows.append(line(f"The table, {what}: the others / ours", theirs, ours, AIMS["sum"]))
        seconds = [
            f"    {name}: {1e3 * statistics.median(t.cpu):.1f} ms of CPU time a picture"
            for name, t in each.items()
        ]
        head = f"{self.name}, {self.n} pictures, SmoothGrad of {self.smoothgrad}, LIME of {self.samples}"
        return "\n".join([head, HEADER, *rows, *seconds])

    # -- the others --------------------------------------------------------------------------------------

    def _grad_cam(self) -> None:
        """One object for each method and layer: with several layers one object gives their mean alone."""
        from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, LayerCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        wanted = [ClassifierOutputTarget(t) for t in self.targets]
        for method in (GradCAM, GradCAMPlusPlus, LayerCAM):
            for layer in self.layers():
                with method(model=self.network, target_layers=[layer]) as cam:
                    cam(input_tensor=self.x, targets=wanted)

    def _torchcam(self) -> None:
        from torchcam.methods import GradCAM, GradCAMpp, LayerCAM

        for method in (GradCAM, GradCAMpp, LayerCAM):
            with method(self.network, target_layer=self.layers()) as extractor:
                extractor(self.targets, self.network(self.x))

    def _captum(self) -> None:
        from captum.attr import NoiseTunnel, Saliency

        NoiseTunnel(Saliency(self.network)).attribute(
            self.x, nt_type="smoothgrad", nt_samples=self.smoothgrad, stdevs=0.15, target=self.targets
        )

    def _saliency(self) -> None:
        from captum.attr import Saliency

        Saliency(self.network).attribute(self.x, target=self.targets)

    def _quantus(self) -> None:
        """Six measures of all maps of the first picture."""
        import quantus

        maps = self.heats[0][:, None]
        same = np.repeat(self.masks[:1, None], len(maps), axis=0).astype(int)
        x = np.repeat(self.x[:1].numpy(), len(maps), axis=0)
        y = np.repeat(self.targets[:1], len(maps))
        quiet = {"disable_warnings": True, "display_progressbar": False}
        for measure in (
            quantus.PointingGame(**quiet),
            quantus.AttributionLocalisation(**quiet),
            quantus.TopKIntersection(**quiet),
            quantus.RelevanceRankAccuracy(**quiet),
            quantus.RelevanceMassAccuracy(**quiet),
            quantus.AUC(**quiet),
        ):
            measure(model=self.network, x_batch=x, y_batch=y, a_batch=maps, s_batch=same, device="cpu")

    # -- lime --------------------------------------------------------------------------------------------

    def _lime(self) -> None:
        """The classic design, and as many questions as the package asks."""
        rng = np.random.default_rng(0)
        plan = lime.plan(self.images[0], rng=rng, samples=self.samples, fills=["mean"], design="iid")
        answers = self.classifier.predict(plan.questions("mean"))
        lime.explain(plan, answers, "mean", column=self.targets[0], target="probability", exclusive=True)

    def _lime_package(self) -> None:
        from lime.lime_image import LimeImageExplainer

        def predict(images: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                x = torch.from_numpy(np.stack(images).astype(np.float32)).permute(0, 3, 1, 2)
                return torch.softmax(self.network(x), 1).numpy()

        LimeImageExplainer(random_state=0).explain_instance(
            self.images[0].astype(np.double), predict, num_samples=self.samples
        )


OURS = {"cams": "", "smoothgrad": "", "scores": "", "lime, one picture": "lime"}
THEIRS = {
    "cams by grad-cam": "",
    "saliency by captum": "",
    "smoothgrad by captum": "",
    "scores by quantus, one picture": "",
    "lime by lime, one picture": "lime",
}


def _over(times: Times, n: int) -> Times:
    return Times(cpu=[t / n for t in times.cpu], wall=[t / n for t in times.wall])


def total(each: Mapping[str, Times], parts: Mapping[str, str], measured: int, asked: int) -> Times:
    """The sum of the parts of each round, LIME's scaled from the questions measured to those asked.

    >>> each = {"a": Times(cpu=[1.0], wall=[2.0]), "b": Times(cpu=[3.0], wall=[4.0])}
    >>> total(each, {"a": "", "b": "lime"}, 10, 20).cpu
    [7.0]
    """
    factor = {name: asked / measured if kind == "lime" else 1.0 for name, kind in parts.items()}
    rounds = range(len(each[next(iter(parts))].cpu))
    return Times(
        cpu=[sum(each[name].cpu[r] * factor[name] for name in parts) for r in rounds],
        wall=[sum(each[name].wall[r] * factor[name] for name in parts) for r in rounds],
    )


if __name__ == "__main__":
    main()
