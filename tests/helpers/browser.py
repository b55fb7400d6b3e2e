"""Drive a headless Chromium by the plain W3C WebDriver protocol, which needs no library."""

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.helpers.mlflow_server import free_port

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1500,1100",
)  # fmt: skip
ANSWER_S = 300.0  # of one command, on a machine that is busy with other work
SHOWN_S = 300.0  # until the page shows something
STILL_S = 0.2  # an element that stays where it is for so long has its final place


def missing_browser() -> str:
    """Return what is missing for a headless browser, or nothing."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    packages = "Debian's packages chromium and chromium-driver bring them"
    return f"no {' and no '.join(missing)} on the path: {packages}" if missing else ""


class Browser:
    """Drive one window; it is closed at the end of the `with` block."""

    def __init__(self, folder: Path, *, online: bool = True) -> None:
        """Keep the profile and logs in `folder`; offline it reaches this machine alone."""
        self._folder = folder
        self._flags = [] if online else ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        self._base = f"http://127.0.0.1:{free_port()}"

    def __enter__(self) -> "Browser":
        command = ["chromedriver", f"--port={self._base.rpartition(':')[2]}"]
        with (self._folder / "chromedriver.log").open("ab") as log:
            self._driver = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + ANSWER_S
        while not self._is_ready():
            assert time.monotonic() < end, "chromedriver does not come up"
            time.sleep(0.1)
        arguments = [*FLAGS, *self._flags, f"--user-data-dir={self._folder / 'profile'}"]
        options = {"binary": shutil.which("chromium"), "args": arguments}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        try:
            session = self._post("/session", {"capabilities": {"alwaysMatch": wanted}})
        except OSError:  # the browser did not start; what started it must not stay
            self._driver.kill()
            raise
        self._session = f"/session/{session['sessionId']}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._call("DELETE", self._session, None)
        finally:
            self._driver.kill()
            self._driver.wait()

    def open(self, url: str) -> None:
        """Go to a page; where only the part behind `#` differs, load it anew all the same."""
        self._post(f"{self._session}/url", {"url": "about:blank"})
        self._post(f"{self._session}/url", {"url": url})

    def script(self, code: str, *arguments: object) -> Any:
        """Return what the body of a JavaScript function returns on the page."""
        body = {"script": code, "args": list(arguments)}
        return self._post(f"{self._session}/execute/sync", body)

    def text(self) -> str:
        """Return all text that the page shows."""
        return str(self.script("return document.body ? document.body.innerText : ''"))

    def wait_for(self, *texts: str, seconds: float = SHOWN_S) -> str:
        """Wait until the page shows all of `texts`; return all that it shows."""
        end = time.monotonic() + seconds
        while missing := [text for text in texts if text not in (shown := self.text())]:
            assert time.monotonic() < end, f"the page does not show {missing}, only:\n{shown}"
            time.sleep(0.3)
        return shown

    def wait_for_script(self, code: str, *, seconds: float = SHOWN_S) -> Any:
        """Wait until the body of a JavaScript function returns something; return it."""
        end = time.monotonic() + seconds
        while not (value := self.script(code)):
            assert time.monotonic() < end, f"still nothing from: {code}"
            time.sleep(0.3)
        return value

    def click(self, text: str) -> None:
        """Click the innermost element whose whole text is `text`."""
        found = self.script(
            "const all = [...document.querySelectorAll('body *')].filter(e => e.offsetParent && "
            "e.innerText && e.innerText.trim() === arguments[0]); "
            "const last = all[all.length - 1]; if (last) last.click(); return Boolean(last)",
            text,
        )
        assert found, f"nothing to click says {text!r}; the page shows:\n{self.text()}"

    def give_file(self, selector: str, path: Path) -> None:
        """Choose a file in the first input of files that a CSS selector finds."""
        found = self._post(f"{self._session}/element", {"using": "css selector", "value": selector})
        element = next(iter(found.values()))
        self._post(f"{self._session}/element/{element}/value", {"text": str(path)})

    def click_at(self, selector: str, x: float, y: float) -> None:
        """Click a point of an element; x and y are shares of its width and height."""
        left, top, width, height = self._place_of(selector)
        place = {"x": round(left + x * width), "y": round(top + y * height), "duration": 0}
        steps: list[dict[str, object]] = [
            {"type": "pointerMove", **place},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._post(
            f"{self._session}/actions",
            {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]},
        )

    def emulate(self, *, width: int, height: int, scheme: str, media: str = "screen") -> None:
        """Show pages as on a screen (or paper) of so many pixels that prefers light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        sizes = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        for command, parameters in (
            ("Emulation.setDeviceMetricsOverride", sizes),
            ("Emulation.setEmulatedMedia", {"media": media, "features": features}),
        ):
            body = {"cmd": command, "params": parameters}
            self._post(f"{self._session}/goog/cdp/execute", body)

    def errors(self) -> list[str]:
        """Return what the console has complained of since the last call."""
        lines = self._post(f"{self._session}/se/log", {"type": "browser"})
        return [str(line["message"]) for line in lines if line["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path: Path) -> None:
        """Write what the window shows to a PNG file."""
        shot = self._call("GET", f"{self._session}/screenshot", None)
        path.write_bytes(base64.b64decode(shot))

    def _place_of(self, selector: str) -> tuple[float, float, float, float]:
        """Return left, top, width and height of an element once nothing moves it any more.

        An answer of the server that shows or hides what is above it would move it away from a
        click.
        """
        code = (
            "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center'}); "
            "const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
        )
        end = time.monotonic() + SHOWN_S
        place = self.script(code, selector)
        while True:
            time.sleep(STILL_S)
            before, place = place, self.script(code, selector)
            if place == before:
                left, top, width, height = map(float, place)
                return left, top, width, height
            assert time.monotonic() < end, f"{selector} moves all the time"

    def _is_ready(self) -> bool:
        try:
            return bool(self._call("GET", "/status", None)["ready"])
        except (urllib.error.URLError, OSError):
            return False

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310  our own address
            self._base + path, data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
            return json.load(answer)["value"]
