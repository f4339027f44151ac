"""What goes wrong in an optimizer that is not nagbench's own."""

from __future__ import annotations

from nagbench.core.errors import UsageError


class OptimizerError(UsageError):
    """A user's optimizer raised, or returned something else than a point."""
