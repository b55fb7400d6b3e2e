"""One generator step and one discriminator step as the original makes them, written plainly.

float32; features copied for every frame; VGG-19 on all frames, true ones too, with its weights'
gradients kept; true and generated videos one after the other through the discriminators; the
penalty by torch's own second derivatives. The losses are written out, none is the project's.

Source: Eskimez et al. 2021, `train.py`. Where it might do less work than it does, this does less:
discriminators are frozen in the generator's step, the generator in the discriminators'.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from emotalk.models import EmotionDiscriminator, FrameDiscriminator, Generator
from emotalk.models.vgg import VGG19Features
from emotalk.training.inputs import ClipInputs
from emotalk.training.networks import Discriminators
from tests.helpers.plain_discriminators import plain_emotion_logits, plain_frame_scores
from tests.helpers.plain_generator import plain_generator

WEIGHTS = {
    "mouth_region": 100.0,
    "perceptual": 1.0,
    "speech_emotion": 0.001,
    "frame": 0.01,
    "emotion": 0.001,
}
PENALTY = 10.0
Losses = dict[str, float]


@dataclass
class PlainStep:
    """Networks and optimisers of the plain training.

    Attributes:
        features: made trainable here, as the original leaves it; nobody updates it.
    """

    generator: Generator
    critics: Discriminators
    features: VGG19Features
    lr_generator: float
    lr_discriminators: float

    def __post_init__(self) -> None:
        """Make the optimisers."""
        betas = (0.5, 0.999)
        self.features.requires_grad_(requires_grad=True)
        self.adam_generator = torch.optim.Adam(
            self.generator.parameters(), lr=self.lr_generator, betas=betas
        )
        self.adam_critics = torch.optim.Adam(
            self.critics.parameters(), lr=self.lr_discriminators, betas=betas
        )

    @property
    def _frame(self) -> FrameDiscriminator:
        critic = self.critics.get_submodule("frame")
        assert isinstance(critic, FrameDiscriminator)
        return critic

    @property
    def _emotion(self) -> EmotionDiscriminator:
        critic = self.critics.get_submodule("emotion")
        assert isinstance(critic, EmotionDiscriminator)
        return critic

    def generator_step(self, x: ClipInputs) -> Losses:
        """Update the generator once; return its terms, unweighted."""
        self.critics.requires_grad_(requires_grad=False)
        fake, speech_logits = self._generate(x)
        assert speech_logits is not None
        weighted = (fake - x.video_BTCHW).abs() * x.weights_BTHW.unsqueeze(2)
        terms = {
            "mouth_region": weighted.mean(),
            "perceptual": self._perceptual(fake, x.video_BTCHW),
            "speech_emotion": F.cross_entropy(speech_logits, x.emotion_B),
            "frame": -plain_frame_scores(self._frame, fake, x.image_BCHW).mean(),
            "emotion": F.cross_entropy(plain_emotion_logits(self._emotion, fake), x.emotion_B),
        }
        self.adam_generator.zero_grad()
        self.features.zero_grad()
        torch.autograd.backward(
            torch.stack([WEIGHTS[name] * value for name, value in terms.items()]).sum()
        )
        self.adam_generator.step()
        return {name: float(value.detach()) for name, value in terms.items()}

    def discriminator_step(self, x: ClipInputs) -> Losses:
        """Update both discriminators once; return their terms and the penalty, unweighted."""
        self.critics.requires_grad_(requires_grad=True)
        with torch.no_grad():
            fake, _ = self._generate(x)
        real_scores = plain_frame_scores(self._frame, x.video_BTCHW, x.image_BCHW)
        fake_scores = plain_frame_scores(self._frame, fake, x.image_BCHW)
        penalty = self._penalty(x, fake)
        real_logits = plain_emotion_logits(self._emotion, x.video_BTCHW)
        fake_logits = plain_emotion_logits(self._emotion, fake)
        generated = torch.full_like(x.emotion_B, fake_logits.shape[1] - 1)
        right = F.cross_entropy(real_logits, x.emotion_B)
        terms = {
            "frame": fake_scores.mean() - real_scores.mean() + PENALTY * penalty,
            "emotion": (right + F.cross_entropy(fake_logits, generated)) / 2,
        }
        self.adam_critics.zero_grad()
        torch.autograd.backward(terms["frame"] + terms["emotion"])
        self.adam_critics.step()
        terms["gradient_penalty"] = penalty
        return {name: float(value.detach()) for name, value in terms.items()}

    def _generate(self, x: ClipInputs) -> tuple[Tensor, Tensor | None]:
        out = plain_generator(self.generator, x.image_BCHW, x.speech_BS, x.emotion_BE, x.noise_BTD)
        return out.video_BTCHW, out.emotion_logits_BE

    def _perceptual(self, fake: Tensor, real: Tensor) -> Tensor:
        pairs = zip(
            self.features(fake.flatten(0, 1)), self.features(real.flatten(0, 1)), strict=True
        )
        return torch.stack([F.mse_loss(ours, theirs) for ours, theirs in pairs]).sum()

    def _penalty(self, x: ClipInputs, fake: Tensor) -> Tensor:
        alpha = x.alpha_B.view(-1, 1, 1, 1, 1)
        between = (alpha * x.video_BTCHW + (1 - alpha) * fake).requires_grad_()
        scores = plain_frame_scores(self._frame, between, x.image_BCHW)
        (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
        norms = (gradient.flatten(1).square().sum(dim=1) + 1e-12).sqrt()
        return (norms - 1).square().mean()
