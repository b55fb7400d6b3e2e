"""Lay out the page, and say which event leads to which handler."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from emotalk.app.checked_calls import CheckedBlocks
from emotalk.app.examples import Example
from emotalk.app.file_components import DrawnPicture, Film, Films, Picture, SaveButton, Sound
from emotalk.app.page_events import PageEvents
from emotalk.app.quiet_gradio import gradio as gr
from emotalk.app.wish import ALL, CHANGING, CROP, FADE, ONE, PICTURE, ChosenFace
from emotalk.checkpoints.format import ModelFacts
from emotalk.checkpoints.knowledge import what_it_knows
from emotalk.schema import SIZE

TITLE = "emotalk"
SCALES = (1, 2, 4)
FAVOURITE = "happiness"  # chosen at first, if the model has it
EXAMPLE_TIMELINE = "0={},1.5={}"
CONSENT = (
    "By making a video you say that the person shown agreed to it. The video is synthetic, and its "
    "file says so."
)
QUEUED = 64  # events that wait in Gradio's queue; orders have a queue of their own

Component = Any  # Gradio's components have no types of their own


def build_page(
    facts: ModelFacts,
    limits: str,
    examples: Sequence[Example],
    events: PageEvents,
    *,
    finds_faces: bool,
) -> gr.Blocks:
    """Return the page for a model.

    Args:
        facts: of the model; its emotions become buttons.
        limits: of the server, in a sentence.
        examples: pictures and recordings to begin with.
        events: the handlers.
        finds_faces: whether pictures are searched for faces; else they are aligned crops.
    """
    with CheckedBlocks(title=TITLE, analytics_enabled=False, fill_width=False) as page:
        gr.HTML(_head(facts), elem_id="head", padding=False)
        with gr.Row(equal_height=False, elem_id="columns"):
            with gr.Column(scale=1, min_width=320):
                face = _face_part()
                speech = _speech_part()
                _add_examples(examples, face.given, speech)
            with gr.Column(scale=1, min_width=320):
                feeling = _feeling_part(facts)
                frame, scale, seed = _settings_part(finds_faces=finds_faces)
                result = _result_part(limits)
        _connect_face(face, frame, events)
        _connect_feeling(feeling, events)
        wish = [
            *(speech, feeling.how, feeling.emotion, feeling.intensity),
            *(feeling.changes.timeline, feeling.changes.how, frame, scale, seed),
        ]  # the fields of `Wish`
        _connect_orders(face.choice, wish, result, events)
        _add_api(facts, events)
        page.unload(events.stop)
    page.queue(max_size=QUEUED, default_concurrency_limit=4)
    return page


@dataclass(frozen=True)
class FacePart:
    """The components of the picture."""

    given: Component
    shown: Component
    another: Component
    note: Component
    choice: Component


@dataclass(frozen=True)
class ChangesPart:
    """The components of an emotion that changes over time."""

    timeline: Component
    strip: Component
    how: Component
    second: Component
    change_to: Component
    change_level: Component
    add: Component


@dataclass(frozen=True)
class FeelingPart:
    """The components of the emotion."""

    how: Component
    emotion: Component
    intensity: Component
    changes: ChangesPart
    groups: tuple[Component, Component]


@dataclass(frozen=True)
class ResultPart:
    """The components of making, and of the finished videos."""

    make: Component
    stop: Component
    film: Component
    status: Component
    save: Component
    films: Component
    made: Component


def _head(facts: ModelFacts) -> str:
    knowledge = escape(what_it_knows(facts).sentence())
    return (
        f"<h1>{TITLE}</h1><p>A picture of a face, a recording of speech and an emotion become a "
        f'video of that face, talking.</p><p class="knows">This model: {knowledge}</p>'
    )


def _step(number: int, words: str) -> None:
    gr.HTML(f'<h2><span aria-hidden="true">{number}</span>{words}</h2>', padding=False)


def _face_part() -> FacePart:
    with gr.Column(elem_classes="step"):
        _step(1, "A face")
        given = Picture(
            type="filepath",
            sources=["upload", "webcam", "clipboard"],
            show_label=False,
            label="Picture of a face",
            height=210,
            elem_id="picture",
        )
        shown = DrawnPicture(
            visible=False,
            interactive=False,
            show_label=False,
            label="Faces found in the picture",
            height=300,
            buttons=[],
            elem_id="faces",
        )
        with gr.Row(elem_classes="face-row"):
            note = gr.HTML("", padding=False, elem_id="face-note")
            another = gr.Button("Another picture", visible=False, size="sm", elem_id="another")
        choice = gr.State(ChosenFace())
    return FacePart(given, shown, another, note, choice)


def _speech_part() -> Component:
    with gr.Column(elem_classes="step"):
        _step(2, "Speech")
        return Sound(
            type="filepath",
            sources=["upload", "microphone"],
            show_label=False,
            label="Recording of speech",
            buttons=[],
            elem_id="speech",
        )


def _feeling_part(facts: ModelFacts) -> FeelingPart:
    never = what_it_knows(facts).never_learnt
    choices = [
        (f"{name} (never learnt)" if name in never else name, name) for name in facts.emotions
    ]
    first = FAVOURITE if FAVOURITE in facts.emotions else facts.emotions[0]
    ways = [("One emotion", ONE), ("Changing over time", CHANGING)]
    if not never:
        ways.append((f"All {len(choices)} side by side", ALL))
    with gr.Column(elem_classes="step"):
        _step(3, "An emotion")
        how = gr.Radio(
            ways, value=ONE, show_label=False, label="How", container=False, elem_id="how"
        )
        with gr.Column() as single:
            emotion = gr.Radio(
                choices,
                value=first,
                show_label=False,
                label="Emotion",
                container=False,
                elem_id="emotion",
            )
            intensity = _intensity(facts, elem_id="intensity")
        with gr.Column(visible=False) as changing:
            changes = _changes_part(facts, choices, first)
    return FeelingPart(how, emotion, intensity, changes, groups=(single, changing))


def _changes_part(facts: ModelFacts, choices: list[tuple[str, str]], first: str) -> ChangesPart:
    strip = gr.HTML(padding=False, elem_id="strip")
    with gr.Row(elem_classes="add-row"):
        second = gr.Number(label="From second", value=3, minimum=0, min_width=90)
        change_to = gr.Dropdown(choices, value=first, label="it shows", min_width=120)
        change_level = _intensity(facts, min_width=120)
        add = gr.Button("Add", min_width=60, elem_id="add-change")
    how = gr.Radio(
        [("within 0.4 s", FADE), ("slowly, all the way", "linear"), ("at once", "step")],
        value=FADE,
        label="Each change happens",
        elem_id="changes",
    )
    timeline = gr.Textbox(
        EXAMPLE_TIMELINE.format(facts.emotions[-1], first),
        label="Time line",
        info="SECOND=EMOTION, with commas; also SECOND=EMOTION:INTENSITY",
        elem_id="timeline",
    )
    return ChangesPart(timeline, strip, how, second, change_to, change_level, add)


def _intensity(facts: ModelFacts, **more: Any) -> Component:
    """Return the slider of the intensity; it is absent where the model has learnt none."""
    graded = facts.use_intensity
    return gr.Slider(0, 1, value=1, step=0.05, label="Intensity", visible=graded, **more)


def _settings_part(*, finds_faces: bool) -> tuple[Component, Component, Component]:
    """Return the components of the frame, the size and the seed."""
    with gr.Accordion("Frame, size and seed", open=False, elem_id="settings"):
        frame = gr.Radio(
            [("the whole picture", PICTURE), ("the face alone", CROP)],
            value=PICTURE if finds_faces else CROP,
            label="The video shows",
            visible=finds_faces,
            elem_id="frame",
        )
        scale = gr.Radio(
            [(f"{SIZE * scale} pixels", scale) for scale in SCALES],
            value=2,
            label="Side of the video of a face alone",
            elem_id="scale",
        )
        seed = gr.Number(
            label="Seed",
            info="The same seed makes the same video",
            value=0,
            minimum=0,
            precision=0,
            elem_id="seed",
        )
    return frame, scale, seed


def _result_part(limits: str) -> ResultPart:
    with gr.Column(elem_classes=["step", "result"]):
        with gr.Row():
            make = gr.Button("Make the video", variant="primary", elem_id="make", scale=3)
            stop = gr.Button("Stop", visible=False, elem_id="stop", scale=1)
        gr.HTML(f'<p class="consent">{CONSENT}</p>', padding=False)
        status = gr.HTML("", padding=False, elem_id="status")
        film = Film(
            visible=False,
            interactive=False,
            show_label=False,
            label="The video",
            autoplay=True,
            buttons=[],
            height=380,
            elem_id="film",
        )
        save = SaveButton("Save the video", visible=False, elem_id="save")
        films = Films(
            visible=False,
            label="Made in this session",
            columns=3,
            height=230,
            allow_preview=False,
            object_fit="contain",
            buttons=[],
            interactive=False,
            elem_id="films",
        )
        made = gr.State(())
    gr.HTML(
        f"<details class='limits'><summary>Limits of this server</summary>{escape(limits)}. "
        "Files are removed when the server ends.</details>",
        padding=False,
    )
    return ResultPart(make, stop, film, status, save, films, made)


def _add_examples(examples: Sequence[Example], given: Component, speech: Component) -> None:
    if examples:
        gr.Examples(
            [[str(example.picture), str(example.speech)] for example in examples],
            [given, speech],
            label="Or begin with a drawn face and a synthetic voice",
            elem_id="examples",
            api_visibility="private",
        )


def _connect_face(face: FacePart, frame: Component, events: PageEvents) -> None:
    outputs = [face.shown, face.another, face.note, face.choice, frame]
    hidden = {"api_visibility": "private", "show_progress_on": face.note}
    face.given.change(events.give_picture, face.given, [face.given, *outputs], **hidden)
    face.shown.select(events.click_face, face.choice, outputs, **hidden)
    face.another.click(events.take_another, None, [face.given, *outputs], **hidden)


def _connect_feeling(feeling: FeelingPart, events: PageEvents) -> None:
    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    single, changing = feeling.groups
    feeling.how.change(
        events.show_way,
        feeling.how,
        [single, changing],
        **hidden,
    )
    changes = feeling.changes
    change = [changes.timeline, changes.second, changes.change_to, changes.change_level]
    changes.add.click(events.add_change, change, changes.timeline, **hidden)
    gr.on(
        [changes.timeline.change, feeling.how.change],
        events.show_timeline,
        changes.timeline,
        changes.strip,
        trigger_mode="always_last",
        **hidden,
    )


def _connect_orders(
    choice: Component, wish: Sequence[Component], result: ResultPart, events: PageEvents
) -> None:
    hidden = {"api_visibility": "private", "show_progress": "hidden"}
    r = result
    r.make.click(
        events.make,
        [choice, r.made, *wish],
        [r.make, r.stop, r.status, r.film, r.save, r.films, r.made],
        concurrency_limit=None,
        trigger_mode="once",
        **hidden,
    )
    r.stop.click(events.stop, None, None, queue=False, **hidden)
    r.films.select(events.click_made, r.made, [r.film, r.save], **hidden)


def _add_api(facts: ModelFacts, events: PageEvents) -> None:
    """Add the call `talk`; its components are not shown."""
    image = Picture(type="filepath", visible=False, label="image")
    audio = Sound(type="filepath", visible=False, label="audio")
    emotion = gr.Textbox(facts.emotions[0], visible=False, label="emotion")
    face = gr.Textbox("", visible=False, label="face")
    paste_back = gr.Checkbox(False, visible=False, label="paste_back")
    scale = gr.Slider(1, 4, value=1, step=1, visible=False, label="scale")
    seed = gr.Number(0, precision=0, visible=False, label="seed")
    gr.Button(visible=False).click(
        events.talk,
        [image, audio, emotion, face, paste_back, scale, seed],
        [Film(visible=False, label="video"), gr.Textbox(visible=False, label="message")],
        api_name="talk",
        concurrency_limit=None,
    )
