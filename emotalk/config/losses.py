"""Configure the loss terms; the stages configure their weights."""

import os
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from emotalk.config.section import NonNegative, Positive, Section, Share

VGG19_FILE = "vgg19-dcbb9e9d.pth"  # torchvision's name for VGG19_Weights.IMAGENET1K_V1


def vgg19_file() -> Path:
    """Return the path of VGG-19's weights in torch's download folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser()
    return home / "hub" / "checkpoints" / VGG19_FILE


class MouthRegionConfig(Section):
    """Configure the Gaussian that weights the reconstruction loss around the mouth."""

    sigma: Positive = 9.0  # pixels of the 128 x 128 crop
    floor: NonNegative = 0.01  # weight far from the mouth; the peak adds 1
    round_down: bool = False  # round the centre down to a whole pixel, as the original


class PerceptualConfig(Section):
    """Configure the network and the frames of the perceptual loss."""

    network: Literal["vgg19", "random", "none"] = "vgg19"
    # vgg19: torchvision's weights file (.pth or .safetensors); null: that of `emotalk fetch vgg19`
    weights: Path | None = None
    order: Literal["rgb", "bgr"] = "rgb"  # channel order of the network's input; the original: bgr
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

    def frames_of(self, frames: int) -> int:
        """Return how many of a clip's frames are compared, at least one."""
        return max(1, round(self.frames * frames))


class LossesConfig(Section):
    """Configure the losses."""

    mouth_region: MouthRegionConfig = MouthRegionConfig()
    perceptual: PerceptualConfig = PerceptualConfig()
    gradient_penalty: NonNegative = 10.0  # of the frame discriminator (WGAN-GP)
