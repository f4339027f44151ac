"""Tables in LaTeX, for the package booktabs."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

import pandas as pd

PREAMBLE = r"% \usepackage{booktabs}"
_CHARACTERS = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "_": r"\_",
        "%": r"\%",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "µ": r"\textmu{}",
        "‖": r"$\|$",
        "∇": r"$\nabla$",
        "≤": r"$\le$",
        "≥": r"$\ge$",
        "−": "$-$",
        "∞": r"$\infty$",
        "·": r"\textperiodcentered{}",
        "×": r"$\times$",
        "μ": r"$\mu$",
        "κ": r"$\kappa$",
        "λ": r"$\lambda$",
        "β": r"$\beta$",
        "ε": r"$\varepsilon$",
        "σ": r"$\sigma$",
        "χ": r"$\chi$",
        "²": "$^2$",
        "½": r"$\frac12$",
        "–": "--",
        "—": "---",
        "…": r"\ldots{}",
        "→": r"$\to$",
        "’": "'",
    }
)
_MEASURES = {
    "gradient": r"\|\nabla f(x)\|",
    "value": r"f(x) - f^\star",
    "distance": r"\|x - x^\star\|",
    "gradient-mapping": r"\|G(x)\|",
    "gap": r"\mathrm{gap}(x)",
}


def escape(text: Any) -> str:
    r"""Return text that LaTeX shows as it is. After ``\\``, a bracket or a star would be read as an argument.

    A character that a plain pdflatex does not know becomes its letter without accents, or a question mark.

    Examples
    --------
    >>> escape("50 % of κ_1")
    '50 \\% of $\\kappa$\\_1'
    """
    escaped = " ".join(str(text).split()).translate(_CHARACTERS)
    escaped = "".join(character if character.isascii() else _ascii(character) for character in escaped)
    return f"{{}}{escaped}" if escaped.startswith(("[", "*")) else escaped


def _ascii(character: str) -> str:
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def number(value: float, digits: int = 4) -> str:
    r"""Return a number as LaTeX writes it, with thin spaces between thousands, or a power of ten in mathematics.

    Examples
    --------
    >>> print(number(1e-6), number(0.25), number(12345.0), number(2.5e-7))
    $10^{-6}$ 0.25 12\,345 $2.5 \times 10^{-7}$
    """
    if math.isnan(value):
        return "--"
    if math.isinf(value):
        return r"$\infty$" if value > 0 else r"$-\infty$"
    if float(value).is_integer() and abs(value) < 1e7:
        return f"{value:,.0f}".replace(",", r"\,").replace("-", "$-$")
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text.replace("-", "$-$")
    mantissa, _, exponent = text.partition("e")
    front = "" if mantissa == "1" else rf"{mantissa} \times "
    return f"${front}10^{{{int(exponent)}}}$"


def bound(measure: str, *, relative: bool, tolerance: float) -> str:
    r"""Return what a run has to meet, in mathematics.

    Examples
    --------
    >>> bound("gradient", relative=False, tolerance=1e-6)
    '$\\|\\nabla f(x)\\| \\le 10^{-6}$'
    """
    sign = _MEASURES.get(measure, rf"\mathrm{{{measure}}}")
    limit = number(tolerance).strip("$")
    return rf"${sign} \le {limit}$" + (" relative to the start" if relative else "")


def label_of(*parts: str) -> str:
    """Return a label without characters that LaTeX reads otherwise: "tab:study-tuned"."""
    return "tab:" + re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-").lower()


def typeset(table: pd.DataFrame, caption: str, label: str, columns: str | None = None) -> str:
    """Return a table whose entries and headings are LaTeX already.

    Parameters
    ----------
    table
        The entries; the index is not shown.
    caption, label
        The caption, in LaTeX, and the label.
    columns
        The columns' alignment; by default the first is left, all others right.
    """
    styled = table.reset_index(drop=True).style.hide(axis="index")
    text: str = styled.to_latex(
        column_format=columns or f"l{'r' * (len(table.columns) - 1)}",
        hrules=True,
        position="htbp",
        position_float="centering",
        caption=caption,
        label=label,
    )
    return text.rstrip("\n") + "\n"


def plain_table(table: pd.DataFrame, caption: str, label: str) -> str:
    """Return a table of numbers and texts; the caption is LaTeX already."""
    columns = ["r" if pd.api.types.is_numeric_dtype(table[name]) else "l" for name in table]
    entries = pd.DataFrame(
        {place: [_entry(value) for value in table.iloc[:, place]] for place in range(len(table.columns))}
    )
    entries.columns = pd.Index([escape(str(name).replace("_", " ")) for name in table])
    return f"{PREAMBLE}\n\n{typeset(entries, caption, label, ''.join(columns))}"


def _entry(value: Any) -> str:
    if value is None or value is pd.NA:
        return "--"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(float(value)) if isinstance(value, int | float) or hasattr(value, "dtype") else escape(value)
