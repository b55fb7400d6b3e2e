"""Make one generator step and one discriminator step, written plainly, with every loss term.

Features copied for every frame; VGG-19 on true frames too, with its weights' gradients kept; true
and generated videos one after the other through the discriminators; the penalty by torch's own
second derivatives. The losses are written out, none is the project's. In float32 with the
original's terms it is what the project's speed is held against, in float64 what its numbers are.

Source: Eskimez et al. 2021, `train.py`; the report, 4.1 and 4.2, for the pair discriminator. Where
the original might do less work than it does, this does less: discriminators are frozen in the
generator's step, the generator in the discriminators'.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotalk.models import (
    AnyOutput,
    EmotionDiscriminator,
    FrameDiscriminator,
    Generator,
    OutputWithMouth,
    PairDiscriminator,
    TemporalDiscriminator,
)
from emotalk.models.vgg import VGG19Features
from emotalk.training.input_preparation import ClipInputs
from emotalk.training.networks import Discriminators
from tests.helpers.plain_discriminators import (
    plain_emotion_logits,
    plain_frame_scores,
    plain_pair_logits,
    plain_temporal_scores,
)
from tests.helpers.plain_generator import plain_generator

# The original's.
WEIGHTS = {
    "mouth_region": 100.0,
    "perceptual": 1.0,
    "speech_emotion": 0.001,
    "frame": 0.01,
    "emotion": 0.001,
}
CRITIC_WEIGHTS = {"frame": 1.0, "emotion": 1.0}
Losses = dict[str, float]


@dataclass
class PlainStep:
    """Hold networks and optimisers of the plain training.

    Attributes:
        features: made trainable here, as the original leaves it; nobody updates it.
        weights: of the generator's terms; a term that is not named is not computed.
        critic_weights: of the discriminators' terms.
        penalty: weight of the gradient penalty within the frame term.
        clip: largest norm of a network's gradients; 0: any.
        grad_norm: of the last step, before clipping.
    """

    generator: Generator
    critics: Discriminators
    features: VGG19Features
    lr_generator: float
    lr_discriminators: float
    weights: dict[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    critic_weights: dict[str, float] = field(default_factory=lambda: dict(CRITIC_WEIGHTS))
    penalty: float = 10.0
    betas: tuple[float, float] = (0.5, 0.999)
    eps: float = 1e-8
    clip: float = 0.0
    grad_norm: float = 0.0

    def __post_init__(self) -> None:
        """Make the optimisers."""
        self.features.requires_grad_(requires_grad=True)
        self.adam_generator = torch.optim.Adam(
            self.generator.parameters(), lr=self.lr_generator, betas=self.betas, eps=self.eps
        )
        self.adam_critics = torch.optim.Adam(
            self.critics.parameters(), lr=self.lr_discriminators, betas=self.betas, eps=self.eps
        )

    def generator_step(self, x: ClipInputs) -> Losses:
        """Update the generator once; return its terms, unweighted."""
        self.critics.requires_grad_(requires_grad=False)
        out = self._generate(x)
        fake = out.video_BTCHW
        terms: dict[str, Tensor] = {}
        for name in self.weights:
            if name == "mouth_region":
                weighted = (fake - x.video_BTCHW).abs() * x.weights_BTHW.unsqueeze(2)
                terms[name] = weighted.mean()
            elif name == "mouth_motion":
                moved = fake - fake.mean(1, keepdim=True)
                moved_truly = x.video_BTCHW - x.video_BTCHW.mean(1, keepdim=True)
                terms[name] = ((moved - moved_truly).abs() * x.weights_BTHW.unsqueeze(2)).mean()
            elif name == "mouth_detail":
                contrast = plain_contrast(fake) - plain_contrast(x.video_BTCHW)
                terms[name] = (contrast.abs() * plain_windows(x.weights_BTHW).mean((3, 5))).mean()
            elif name == "mouth_amplitude":
                moves = plain_amplitude(fake) - plain_amplitude(x.video_BTCHW)
                terms[name] = (moves.abs() * plain_windows(x.weights_BTHW).mean((1, 3, 5))).mean()
            elif name == "l1":
                terms[name] = F.l1_loss(fake, x.video_BTCHW)
            elif name == "perceptual":
                terms[name] = self._perceptual(fake, x)
            elif name == "speech_emotion":
                assert out.emotion_logits_BE is not None
                terms[name] = F.cross_entropy(out.emotion_logits_BE, x.emotion_B)
            elif name == "speech_mouth":
                assert isinstance(out, OutputWithMouth)
                terms[name] = plain_mouth_error(out.mouth_BTLP, x.landmarks_BTLP)
            else:
                terms[name] = self._adversarial(name, fake, x)
        self.features.zero_grad()
        self._learn(self.adam_generator, self.generator, terms, self.weights)
        return {name: float(value.detach()) for name, value in terms.items()}

    def discriminator_step(self, x: ClipInputs) -> Losses:
        """Update the discriminators once; return their terms and the penalty, unweighted."""
        self.critics.requires_grad_(requires_grad=True)
        with torch.no_grad():
            fake = self._generate(x).video_BTCHW
        terms: dict[str, Tensor] = {}
        penalty = None
        for name in self.critic_weights:
            if name == "frame":
                penalty = self._penalty(x, fake)
                true = plain_frame_scores(self._frame, x.video_BTCHW, x.image_BCHW).mean()
                false = plain_frame_scores(self._frame, fake, x.image_BCHW).mean()
                terms[name] = false - true + self.penalty * penalty
            elif name == "emotion":
                terms[name] = self._emotion_term(x, fake)
            elif name == "pair":
                terms[name] = self._pair_term(x, fake)
            elif name == "temporal":
                true = plain_temporal_scores(self._temporal, x.video_BTCHW)
                false = plain_temporal_scores(self._temporal, fake)
                terms[name] = ((true - 1) ** 2 / 2 + false**2 / 2).mean()
            else:
                logits = plain_emotion_logits(self._emotion, x.video_BTCHW)
                terms[name] = F.cross_entropy(logits, x.emotion_B)
        self._learn(self.adam_critics, self.critics, terms, self.critic_weights)
        reported = {name: float(value.detach()) for name, value in terms.items()}
        return reported | ({} if penalty is None else {"gradient_penalty": float(penalty.detach())})

    def _learn(
        self,
        adam: torch.optim.Adam,
        network: nn.Module,
        terms: dict[str, Tensor],
        weights: dict[str, float],
    ) -> None:
        adam.zero_grad()
        trained = [weights[name] * value for name, value in terms.items() if weights[name]]
        torch.autograd.backward(torch.stack(trained).sum())
        limit = self.clip or float("inf")
        self.grad_norm = float(nn.utils.clip_grad_norm_(network.parameters(), limit))
        adam.step()

    def _generate(self, x: ClipInputs) -> AnyOutput:
        return plain_generator(
            self.generator, x.image_BCHW, x.speech_BS, x.emotion_BE, x.noise_BTD, x.margin_frames
        )

    def _perceptual(self, fake: Tensor, x: ClipInputs) -> Tensor:
        pairs = [(fake, x.video_BTCHW)]
        if x.frames_BK is not None:
            chosen = [row.tolist() for row in x.frames_BK]
            pairs = [
                (fake[clip : clip + 1, frames], x.video_BTCHW[clip : clip + 1, frames])
                for clip, frames in enumerate(chosen)
            ]
        of_clips = []
        for ours, theirs in pairs:
            maps = zip(
                self.features(ours.flatten(0, 1)), self.features(theirs.flatten(0, 1)), strict=True
            )
            of_clips.append(torch.stack([F.mse_loss(a, b) for a, b in maps]).sum())
        return torch.stack(of_clips).mean()

    def _adversarial(self, name: str, fake: Tensor, x: ClipInputs) -> Tensor:
        if name == "frame":
            return -plain_frame_scores(self._frame, fake, x.image_BCHW).mean()
        if name == "emotion":
            return F.cross_entropy(plain_emotion_logits(self._emotion, fake), x.emotion_B)
        if name == "pair":
            logits = self._pair_logits(x, fake, x.speech_BS)
            return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        assert name == "temporal"
        return ((plain_temporal_scores(self._temporal, fake) - 1) ** 2 / 2).mean()

    def _emotion_term(self, x: ClipInputs, fake: Tensor) -> Tensor:
        true_logits = plain_emotion_logits(self._emotion, x.video_BTCHW)
        fake_logits = plain_emotion_logits(self._emotion, fake)
        generated = torch.full_like(x.emotion_B, fake_logits.shape[1] - 1)
        right = F.cross_entropy(true_logits, x.emotion_B)
        return (right + F.cross_entropy(fake_logits, generated)) / 2

    def _pair_term(self, x: ClipInputs, fake: Tensor) -> Tensor:
        assert x.other_speech_BS is not None
        together = self._pair_logits(x, x.video_BTCHW, x.speech_BS)
        made = self._pair_logits(x, fake, x.speech_BS)
        swapped = self._pair_logits(x, x.video_BTCHW, x.other_speech_BS)
        bce = F.binary_cross_entropy_with_logits
        true = bce(together, torch.ones_like(together))
        untrue = (bce(made, torch.zeros_like(made)) + bce(swapped, torch.zeros_like(swapped))) / 2
        return (true + untrue) / 2

    def _pair_logits(self, x: ClipInputs, video: Tensor, speech: Tensor) -> Tensor:
        critic = self.critics.get_submodule("pair")
        assert isinstance(critic, PairDiscriminator)
        masked = video * x.mouth_BTHW.unsqueeze(2)
        return plain_pair_logits(critic, masked, x.image_BCHW, speech, x.margin_frames)

    def _penalty(self, x: ClipInputs, fake: Tensor) -> Tensor:
        alpha = x.alpha_B.view(-1, 1, 1, 1, 1)
        between = (alpha * x.video_BTCHW + (1 - alpha) * fake).requires_grad_()
        scores = plain_frame_scores(self._frame, between, x.image_BCHW)
        (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
        norms = (gradient.flatten(1).square().sum(dim=1) + 1e-12).sqrt()
        return (norms - 1).square().mean()

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

    @property
    def _temporal(self) -> TemporalDiscriminator:
        critic = self.critics.get_submodule("temporal")
        assert isinstance(critic, TemporalDiscriminator)
        return critic


def plain_mouth_error(read_BTLP: Tensor, landmarks_BTLP: Tensor) -> Tensor:
    """Return the mean error of the mouth's motion, clip by clip and frame by frame."""
    errors = []
    for read_TLP, landmarks_TLP in zip(read_BTLP, landmarks_BTLP, strict=True):
        eyes = torch.stack([(points[36] - points[45]).norm() for points in landmarks_TLP]).mean()
        true = [100 * (points[48:] - points[48:].mean(0)) / eyes for points in landmarks_TLP]
        true_TLP = torch.stack(true)
        moved = (read_TLP - read_TLP.mean(0)) - (true_TLP - true_TLP.mean(0))
        errors.append(moved.abs().mean())
    return torch.stack(errors).mean()


def plain_windows(picture_BTHW: Tensor) -> Tensor:
    """Return pictures cut into windows of 4 x 4 pixels, (B, T, rows, 4, columns, 4)."""
    batch, frames, height, width = picture_BTHW.shape
    return picture_BTHW.reshape(batch, frames, height // 4, 4, width // 4, 4)


def plain_contrast(video_BTCHW: Tensor) -> Tensor:
    """Return the root mean squared difference of neighbours in each window of 4 x 4 pixels."""
    energy = torch.zeros_like(video_BTCHW[:, :, 0])
    for axis in (-1, -2):
        step = video_BTCHW.diff(dim=axis).narrow(-1, 0, 127).narrow(-2, 0, 127)
        energy[..., :127, :127] += step.square().mean(2)
    return (plain_windows(energy).mean((3, 5)) + 1e-4).sqrt()


def plain_amplitude(video_BTCHW: Tensor) -> Tensor:
    """Return the root of the mean variance over time in each window of 4 x 4 pixels."""
    energy_BHW = video_BTCHW.var(1, correction=0).mean(1)
    return (plain_windows(energy_BHW[:, None]).mean((1, 3, 5)) + 1e-4).sqrt()
