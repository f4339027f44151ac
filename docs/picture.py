"""The directive ``picture``: a figure that a command of nagbench draws while the site is built.

```{picture} nagbench map bowl nesterov --plot map.png
:alt: what the picture shows
The caption. The command is printed below it.
```
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

FOLDER = "_pictures"  # Beside conf.py, not kept in git.
ENDINGS = {".png", ".svg"}
PACKAGE = Path(__file__).parent.parent / "nagbench"


def draw(command: str, folder: Path) -> Path:
    """Run a command in a folder and return the picture that it wrote there, the last word of the command."""
    program, *words = shlex.split(command)
    picture = folder / words[-1]
    if not _stale(picture, command):
        return picture
    if program != "nagbench" or Path(words[-1]).suffix not in ENDINGS:
        raise ExtensionError(f"a picture needs a command of nagbench that ends with the file of a picture: {command}")
    folder.mkdir(exist_ok=True)
    _record(picture).unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-m", program, *words], cwd=folder, capture_output=True, encoding="utf-8")
    if done.returncode != 0 or not picture.is_file():
        raise ExtensionError(f"{command}: exit code {done.returncode}\n{done.stderr}")
    _record(picture).write_text(command, encoding="utf-8")
    return picture


def _record(picture: Path) -> Path:
    """Return the file that holds the command of a picture."""
    return picture.with_suffix(".command")


def _stale(picture: Path, command: str) -> bool:
    """Whether a picture is missing, was drawn by another command, or is older than the package."""
    record = _record(picture)
    if not picture.is_file() or not record.is_file() or record.read_text(encoding="utf-8") != command:
        return True
    return any(file.stat().st_mtime > picture.stat().st_mtime for file in PACKAGE.rglob("*.py"))


class Picture(SphinxDirective):
    """The picture, a caption of Markdown, and the command."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Draw the picture and return the figure."""
        command = " ".join(self.arguments[0].split())
        file = draw(command, Path(self.env.srcdir) / FOLDER)
        image = nodes.image(uri=f"/{FOLDER}/{file.name}", alt=self.options["alt"])
        figure = nodes.figure("", image)
        caption = nodes.caption()
        holder = nodes.Element()
        self.state.nested_parse(StringList(self.content, self.get_source_info()[0]), self.content_offset, holder)
        for paragraph in holder.children:
            caption += [*paragraph.children, nodes.Text(" ")]
        figure += caption
        figure += nodes.legend("", nodes.paragraph("", "", nodes.literal(command, command)))
        return [figure]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("picture", Picture)
    return {"version": "1", "parallel_read_safe": True}
