"""Configure the random augmentation of pictures and speech.

Every transform has a probability of its own, 0 by default: a run augments only what its file asks
for. The ranges are Albumentations' defaults in our units. One draw holds for all frames of a clip
and for its condition image.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from emotalk.config.section import Range, Section, Share

Signed = Annotated[float, Field(ge=-1, le=1)]
Factor = Annotated[float, Field(gt=0, le=10)]
Degrees = Annotated[float, Field(ge=-180, le=180)]
HalfFrame = Annotated[float, Field(ge=-20, le=20)]
ClipLimit = Annotated[float, Field(ge=1, le=40)]
Seconds = Annotated[float, Field(ge=0, le=10)]
Decibels = Annotated[float, Field(ge=-60, le=60)]


class DrawConfig(Section):
    """Configure a transform with one parameter, drawn uniformly from a range."""

    p: Share = 0.0  # probability for a clip
    range: Range = (0.0, 0.0)

    @model_validator(mode="after")
    def _low_to_high(self) -> "DrawConfig":
        low, high = self.range
        if low > high:
            raise ValueError(f"range must go from low to high, got [{low:g}, {high:g}]")
        return self


class ShiftConfig(DrawConfig):
    """Configure an added offset, as a share of the full scale."""

    range: tuple[Signed, Signed] = (-0.2, 0.2)


class FactorConfig(DrawConfig):
    """Configure a factor or an exponent; 1 changes nothing."""

    range: tuple[Factor, Factor] = (0.8, 1.2)


class HueConfig(DrawConfig):
    """Configure a rotation of the hue."""

    range: tuple[Degrees, Degrees] = (-40.0, 40.0)


class ClaheConfig(DrawConfig):
    """Configure contrast-limited adaptive histogram equalisation (CLAHE) of the lightness."""

    range: tuple[ClipLimit, ClipLimit] = (1.0, 4.0)  # clip limit, times a tile's mean
    tiles: Literal[1, 2, 4, 8, 16] = 8  # tiles along each side


class NoiseConfig(DrawConfig):
    """Configure Gaussian noise: one strength for a clip, new noise for each frame."""

    range: tuple[Share, Share] = (0.012, 0.028)  # standard deviation, of the full scale


class ShuffleConfig(Section):
    """Configure the permutation of the three colour channels."""

    p: Share = 0.0


class VideoAugmentConfig(Section):
    """Configure the augmentation of pictures; transforms are applied in this order."""

    brightness: ShiftConfig = ShiftConfig()
    contrast: FactorConfig = FactorConfig()
    gamma: FactorConfig = FactorConfig()
    hue: HueConfig = HueConfig()
    saturation: ShiftConfig = ShiftConfig(range=(-0.12, 0.12))
    value: ShiftConfig = ShiftConfig(range=(-0.08, 0.08))
    clahe: ClaheConfig = ClaheConfig()
    rgb_shift: ShiftConfig = ShiftConfig(range=(-0.08, 0.08))  # drawn for each channel
    channel_shuffle: ShuffleConfig = ShuffleConfig()
    noise: NoiseConfig = NoiseConfig()

    @property
    def enabled(self) -> bool:
        """Return whether any transform has a probability above 0."""
        return any(getattr(self, name).p > 0 for name in type(self).model_fields)


class SpeechNoiseConfig(Section):
    """Configure noise added to the speech window, relative to the loudness of the speech."""

    p: Share = 0.0
    snr_db: Range = (6.0, 30.0)  # report and Eskimez et al. 2020: noisy speech, 6 to 30 dB
    kinds: tuple[str, ...] = ("white", "pink")  # babble needs data.babble_voices

    @model_validator(mode="after")
    def _kinds_are_known(self) -> "SpeechNoiseConfig":
        unknown = sorted(set(self.kinds) - {"white", "pink", "babble"})
        if unknown or not self.kinds:
            raise ValueError(
                f"kinds: {', '.join(unknown) or 'none given'}; choose among white, pink, babble"
            )
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db must go from low to high, got {list(self.snr_db)}")
        return self


class ReverberationConfig(Section):
    """Configure the room in which the speech is heard; each parameter is drawn uniformly."""

    p: Share = 0.0
    rt60_s: tuple[Seconds, Seconds] = (0.1, 0.8)  # a furnished room 0.3 to 0.5, a hall more
    direct_db: tuple[Decibels, Decibels] = (0.0, 15.0)  # direct sound over the tail; 0: as strong
    gap_s: tuple[Seconds, Seconds] = (0.002, 0.02)  # from the direct sound to the tail

    @model_validator(mode="after")
    def _ranges_are_of_a_room(self) -> "ReverberationConfig":
        for name in ("rt60_s", "direct_db", "gap_s"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must go from low to high, got [{low:g}, {high:g}]")
        if self.gap_s[1] >= self.rt60_s[0]:
            raise ValueError(
                f"gap_s reaches {self.gap_s[1]:g} s, but the shortest rt60_s is "
                f"{self.rt60_s[0]:g} s: the tail must begin before it has ended; lower gap_s"
            )
        return self


class GainConfig(DrawConfig):
    """Configure the change of the loudness of the speech."""

    range: Range = (-12.0, 0.0)  # dB; at most 0, so that peaks stay in [-1, 1]


class TimeShiftConfig(DrawConfig):
    """Configure a shift of the speech against the picture, within half a video frame.

    A network on the waveform learns few recordings by heart, sample by sample; no two windows are
    the same then. Lips and sound stay in step: half a frame is less than the landmarks tell.
    """

    range: tuple[HalfFrame, HalfFrame] = (-20.0, 20.0)  # ms; positive: the speech is later


class SpeechAugmentConfig(Section):
    """Configure the augmentation of speech; transforms are applied in this order."""

    shift: TimeShiftConfig = TimeShiftConfig()
    reverberation: ReverberationConfig = ReverberationConfig()
    noise: SpeechNoiseConfig = SpeechNoiseConfig()
    gain: GainConfig = GainConfig()

    @property
    def enabled(self) -> bool:
        """Return whether any transform has a probability above 0."""
        return any(getattr(self, name).p > 0 for name in type(self).model_fields)


class AugmentConfig(Section):
    """Configure all random augmentation on the device; landmarks are never changed."""

    video: VideoAugmentConfig = VideoAugmentConfig()
    speech: SpeechAugmentConfig = SpeechAugmentConfig()
