"""Text for a terminal or a spreadsheet: names in results may come from anybody."""

from __future__ import annotations

import codecs

_KEPT = "\n\t"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What an encoding such as ASCII or cp1252 cannot express, in letters that every encoding has.
_PLAIN = {
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "★": "*",
    "—": "-",
    "–": "-",
    "−": "-",
    "×": "x",
    "·": ".",
    "…": "...",
    "→": "->",
    "←": "<-",
    "μ": "mu",
    "µ": "u",
    "κ": "kappa",
    "ρ": "rho",
    "λ": "lambda",
    "β": "beta",
    "ε": "epsilon",
    "∇": "grad ",
    "‖": "||",
    "√": "sqrt",
    "∞": "inf",
    "²": "^2",
    "³": "^3",
    "₀": "0",
    "₁": "1",
    "₂": "2",
    "ᵏ": "^k",
    "½": "1/2",
    "¼": "1/4",
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "\N{REPLACEMENT CHARACTER}": "?",
}
ENCODING_ERRORS = "nagbench"


def visible(text: str) -> str:
    r"""Return a text without control characters, which could move the cursor or rename the window of a terminal.

    Examples
    --------
    >>> visible("bowl\x1b[2J, ≤ 3")
    'bowl�[2J, ≤ 3'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in _KEPT else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def not_a_formula(text: str) -> str:
    """Return a text as a cell of CSV that no spreadsheet runs: an apostrophe before what begins like a formula.

    Examples
    --------
    >>> not_a_formula("=1+1"), not_a_formula("bowl")
    ("'=1+1", 'bowl')
    """
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for letters that an encoding cannot express."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_PLAIN.get(x) or x.encode("ascii", "backslashreplace").decode() for x in letters), error.end


codecs.register_error(ENCODING_ERRORS, _replace)
