"""Hold what the page's form says, and write it as an order."""

from dataclasses import dataclass

from emotalk.errors import WrongUse

ONE, CHANGING, ALL = "one", "changing", "all"  # one emotion, a time line, all side by side
CROP, PICTURE = "crop", "picture"  # the face alone, or pasted back into its picture
FADE = "fade"  # a time line's changes, unless `linear` or `step` stands before it


@dataclass(frozen=True)
class ChosenFace:
    """The face that a session has chosen; kept by Gradio for the session."""

    picture: str = ""  # path
    face: int = 0  # by size, from the largest
    usable: bool = False


@dataclass(frozen=True)
class Wish:
    """The fields of the form."""

    sound: str | None
    how: str
    emotion: str
    intensity: float
    timeline: str
    changes: str
    frame: str
    scale: int
    seed: float | None

    @property
    def emotion_text(self) -> str:
        """Return the emotion as `emotalk generate` takes it."""
        if self.how == CHANGING:
            return self.timeline if self.changes == FADE else f"{self.changes},{self.timeline}"
        return self.emotion if self.intensity >= 1 else f"{self.emotion}:{self.intensity:g}"

    @property
    def caption(self) -> str:
        """Return a few words for the gallery."""
        return "all emotions" if self.how == ALL else self.emotion_text

    def order(self, chosen: ChosenFace) -> dict[str, object]:
        """Return the order for a chosen face; see `emotalk.app.video_orders.Order`.

        Raises:
            WrongUse: picture, face or speech are missing.
        """
        if not chosen.picture:
            raise WrongUse("Choose a picture of a face first.")
        if not chosen.usable:
            raise WrongUse("This face cannot be used; choose another one or another picture.")
        if not self.sound:
            raise WrongUse("Give a recording of speech, or record one with the microphone.")
        return {
            "image": chosen.picture,
            "audio": self.sound,
            "emotion": self.emotion_text,
            "all_emotions": self.how == ALL,
            "face": str(chosen.face),
            "paste_back": self.frame == PICTURE,
            "scale": self.scale,
            "seed": int(self.seed or 0),
        }
