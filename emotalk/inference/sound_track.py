"""Choose the sound of a video: the recording's own packets, or its samples encoded anew."""

from emotalk.inference.speech import Speech, no_room
from emotalk.inference.video import SOUND_RATE, VideoFormat
from emotalk.media.copied_sound import CopiedSound, copied_sound
from emotalk.media.encode import AudioTrack
from emotalk.media.spooled_sound import spool_stereo

STEREO = 2
STEREO_BIT_RATE = 192_000


def sound_track(speech: Speech, form: VideoFormat) -> AudioTrack | CopiedSound | None:
    """Return the sound track of a video with a recording; None where the format has no sound.

    The recording's packets are copied where the container takes its codec and the recording is
    without gaps and faults, so that nothing of it is lost. Else its samples are encoded: stereo in
    stereo, other numbers of channels as mono.

    Raises:
        WrongUse: there is no room for the decoded stereo.
    """
    if form.sound_codec is None:
        return None
    if speech.sound.unbroken:
        copied = copied_sound(speech.path, form.container)
        if copied is not None:
            return copied
    if speech.sound.channels != STEREO:
        return AudioTrack(speech.sound, SOUND_RATE, form.sound_codec)
    try:
        stereo = spool_stereo(speech.path, rate=SOUND_RATE)
    except OSError as error:
        raise no_room(speech.path, error) from None
    return AudioTrack(stereo, SOUND_RATE, form.sound_codec, STEREO_BIT_RATE)
