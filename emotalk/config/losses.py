"""What the perceptual and adversarial terms are made of. Their weights stand in the stages."""

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from emotalk.config.section import NonNegative, Positive, Section, Share


class MouthRegionConfig(Section):
    """The Gaussian that draws the reconstruction loss to the mouth."""

    sigma: Positive = 9.0  # pixels of the 128 x 128 crop
    floor: NonNegative = 0.01  # weight far from the mouth; the peak adds 1
    round_down: bool = False  # as the original: the centre moved to the whole pixel below it


class PerceptualConfig(Section):
    """Which network's features are compared, and on how many frames."""

    network: Literal["vgg19", "random", "none"] = "vgg19"
    weights: Path | None = None  # vgg19: torchvision's weights file (.pth or .safetensors)
    order: Literal["rgb", "bgr"] = "rgb"  # channel order the features see; the original: bgr
    statistics: Literal["imagenet", "none"] = "imagenet"  # the original feeds plain pixels
    width: Positive = 1.0  # network=random: scales its filters; 1 = VGG-19's 64 to 512
    frames: Share = 1.0  # share of each clip's frames, drawn anew every step: an unbiased estimate

    @model_validator(mode="after")
    def _options_fit_the_network(self) -> "PerceptualConfig":
        if self.network != "vgg19" and self.weights is not None:
            raise ValueError(
                f"perceptual.weights is given, but perceptual.network is {self.network}: "
                "use network=vgg19 or leave weights out"
            )
        if self.network != "random" and self.width != 1.0:
            raise ValueError(
                f"perceptual.width is {self.width:g}, but perceptual.network is {self.network}: "
                "only an untrained network can be narrower; use network=random or leave width out"
            )
        return self


class LossesConfig(Section):
    """The parts of the objective that are not weights."""

    mouth_region: MouthRegionConfig = MouthRegionConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    gradient_penalty: NonNegative = 10.0  # of the frame discriminator (WGAN-GP)
